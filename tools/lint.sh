#!/bin/bash
# lint.sh: everything that can be said about the sources without running them.  Tools that
# are not installed are named and left out.  Exit 1 if anything was found.
# shellcheck disable=SC2046,SC2086,SC2317  # lists of files are split, functions named
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
failed=0
mkdir -p "$build"
output=$(mktemp)
trap 'rm -f "$output"' EXIT

files() { git ls-files -- "$@" 2>/dev/null | while read -r f; do [ -f "$f" ] && echo "$f"; done; }

check() { # NAME COMMAND...: passes when the command succeeds
    local name=$1
    shift
    if "$@" >"$output" 2>&1; then
        echo "ok      $name"
    else
        echo "FAILED  $name"
        grep -v '^[0-9]* warnings\{0,1\} generated' "$output" | head -n 60
        failed=1
    fi
}

have() { # TOOL
    command -v "$1" >/dev/null 2>&1 || {
        echo "absent  $1"
        return 1
    }
}

picky='-Werror -Wconversion -Wno-sign-conversion -Wwrite-strings -Wformat=2 -Wlogical-op
    -Wduplicated-cond -Wduplicated-branches -Wredundant-decls -Wnested-externs -Walloca
    -Wunused-macros -Wold-style-definition -Wmissing-declarations -Wdangling-pointer
    -Wimplicit-fallthrough -Wjump-misses-init -Wstack-usage=32768'
compile() { # OPTIMIZATION: every source with all warnings
    make -s -k "-j$(nproc)" BUILD="$build/lint$1" CC=gcc CFLAGS="$1 -g ${picky//$'\n'/ }" \
        lib programs tests 2>&1 | grep -E 'warning|error' | (! grep '')
}

compile_with_clang() {
    local flags bad=0
    flags="-std=c11 -D_GNU_SOURCE -fsyntax-only -Werror -Wall -Wextra -Wpedantic -Wshadow
        -Wstrict-prototypes -Wmissing-prototypes -Wmissing-variable-declarations -Wcomma
        -Wunreachable-code -Wassign-enum -Wshorten-64-to-32"
    for file in $(files '*.c'); do
        clang $flags -DHOP__ISA_SUFFIX=base -Iinclude -Ilib -Iexamples -Itests -Ibench \
            $(pkg-config --cflags hdf5 check) "$file" || bad=1
    done
    return $bad
}

# What a library must not call; text.c and options.c know what they do with strtod & co.
banned() {
    grep -nE '\b(abort|exit|_Exit|assert|printf|puts|putchar|perror|fprintf|sprintf|vsprintf|strcpy|strcat|strtok|atoi|atof|atol|strtol|sscanf|gets|rand|srand|random|setlocale|getenv|signal|system|alloca|popen)\(' \
        $(files 'lib/*.c' 'lib/*.h') /dev/null |
        grep -vE '^[^:]+:[0-9]+: *(/?\*|//)|hop_?_[a-z_]*\(' | (! grep '')
    grep -nE '\b(malloc|calloc|realloc|free|strdup)\(' $(files 'lib/*.c') /dev/null |
        grep -vE '^lib/base/(context|memory)\.c:|[>.](free|allocate)\(' | (! grep '')
}

layout() { # LF, no tabs in sources, no trailing blanks, a last newline, lines that fit
    local text bad=0
    text=$(files '*.c' '*.h' '*.py' '*.sh' '*.md' '*.1' Makefile .ci/run)
    grep -nE '[[:blank:]]+$' $text && bad=1
    grep -n $'\r' $text && bad=1
    grep -n $'\t' $(files '*.c' '*.h' '*.py' '*.sh') && bad=1
    grep -nE '^.{101,}$' $(files '*.c' '*.h' '*.py') && bad=1
    for file in $text; do
        [ -z "$(tail -c 1 "$file")" ] || { echo "$file: no newline at its end"; bad=1; }
    done
    return $bad
}

unformatted() { # names the files that `make format` would change
    local file bad=0
    for file in $(files '*.c' '*.h'); do
        clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || { echo "$file"; bad=1; }
    done
    return $bad
}

check 'gcc -O3, all warnings' compile -O3
check 'gcc -O1, all warnings' compile -O1
have clang && check 'clang, all warnings' compile_with_clang
check 'calls that a library must not make' banned
check 'layout of text files' layout
have clang-format && check clang-format unformatted
have cppcheck && check cppcheck cppcheck -q --std=c11 --library=gnu --error-exitcode=1 \
    --enable=warning,performance,portability --suppressions-list=tools/cppcheck.txt \
    --suppress=missingIncludeSystem -Iinclude -Ilib lib examples
have clang-tidy && check clang-tidy clang-tidy --quiet $(files 'lib/*.c' 'examples/*.c') -- \
    -std=c11 -D_GNU_SOURCE -fopenmp-simd -DHOP__ISA_SUFFIX=base -Iinclude -Ilib -Iexamples \
    $(pkg-config --cflags hdf5)
have shellcheck && check shellcheck shellcheck $(files '*.sh') .ci/run
have mandoc && check mandoc mandoc -T lint -W warning $(files 'docs/man/*.1')
check 'Python compiles' env PYTHONPYCACHEPREFIX="$build/pycache" python3 -W error -m compileall -q -f \
    $(files '*.py')
have ruff && check ruff ruff check --quiet $(files '*.py')
exit $failed
