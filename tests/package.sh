#!/bin/sh
# package.sh [BUILD]: install into an empty folder, then use libhop as a stranger would:
# pkg-config, C and C++ programs linked both ways, the header under every standard, the
# programs and their manuals; uninstall.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
cc=${CC:-cc}
prefix=/opt/hop
unset MAKEFLAGS MFLAGS MAKELEVEL 2>/dev/null || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make -s BUILD="$build" DESTDIR="$work" PREFIX="$prefix" install >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
root=$work$prefix
for file in lib/libhop.a lib/libhop.so lib/libhop.so.0 include/hop.h lib/pkgconfig/hop.pc \
    share/hop/potentials/AgAu.gupta share/hop/models/metals.h5; do
    [ -e "$root/$file" ] || {
        echo "package: $file was not installed"
        exit 1
    }
done

hop_config() {
    PKG_CONFIG_PATH=$root/lib/pkgconfig pkg-config --define-variable=prefix="$root" "$@" hop
}
if grep -n "$work" "$root/lib/pkgconfig/hop.pc"; then
    echo "package: hop.pc names DESTDIR"
    exit 1
fi

cat >"$work/consumer.c" <<'END'
#include <hop.h>
#include <math.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    hop_context *context = NULL;
    hop_potential *builtin = NULL, *loaded = NULL;
    hop_structure *atoms = NULL;
    hop_optimizer *optimizer = NULL;
    hop_progress progress;
    double start;
    int status = 1;
    progress.size = sizeof progress;
    if (argc == 2 && hop_version() == HOP_VERSION
        && hop_context_new(NULL, &context) == HOP_OK
        && hop_potential_builtin(context, "AgAu.gupta", &builtin) == HOP_OK
        && hop_potential_load(context, argv[1], &loaded) == HOP_OK
        && hop_structure_random(context, "Ag6Au7", builtin, 1, &atoms) == HOP_OK
        && hop_potential_evaluate(loaded, atoms) == HOP_OK) {
        start = *hop_structure_energy(atoms);
        if (hop_optimizer_new(context, "lbfgs", atoms, builtin, &optimizer) == HOP_OK
            && hop_optimizer_run(optimizer, atoms, NULL, NULL) == HOP_CONVERGED
            && hop_optimizer_progress(optimizer, &progress) == HOP_OK
            && *hop_structure_energy(atoms) < start && progress.evaluations > 1)
            status = 0;
    }
    if (status != 0)
        printf("package: %s\n", context != NULL ? hop_error_message(context) : "no context");
    hop_optimizer_free(optimizer);
    hop_structure_free(atoms);
    hop_potential_free(loaded);
    hop_potential_free(builtin);
    hop_context_free(context);
    return status;
}
END
file=$root/share/hop/potentials/AgAu.gupta
# shellcheck disable=SC2046
"$cc" -std=c99 -pedantic -Wall -Wextra -Werror $(hop_config --cflags) "$work/consumer.c" \
    -o "$work/shared" $(hop_config --libs)
LD_LIBRARY_PATH=$root/lib "$work/shared" "$file"

libs=$(hop_config --static --libs | sed 's|-lhop|-l:libhop.a|')
# shellcheck disable=SC2046,SC2086
"$cc" -std=c99 $(hop_config --cflags) "$work/consumer.c" -o "$work/static" $libs
"$work/static" "$file"

# shellcheck disable=SC2016
sed -n '/^```c$/,/^```$/{/^```/!p}' README.md >"$work/readme.c"
# shellcheck disable=SC2046
"$cc" -std=c11 -Wall -Wextra -Werror $(hop_config --cflags) "$work/readme.c" -o "$work/readme" \
    $(hop_config --libs)
LD_LIBRARY_PATH=$root/lib "$work/readme"

# the header alone, under every standard of both languages
strict='-pedantic-errors -Wall -Wextra -Wundef -Wshadow -Wconversion -Werror -fsyntax-only'
echo '#include <hop.h>' >"$work/header.c"
for standard in c99 c11 c17 gnu99; do
    # shellcheck disable=SC2086
    "$cc" -std=$standard $strict -Wstrict-prototypes -Wc++-compat -I"$root/include" "$work/header.c"
done
cp "$work/header.c" "$work/header.cc"
cxx=${CXX:-c++}
if command -v "$cxx" >/dev/null 2>&1; then
    for standard in c++11 c++17 c++20; do
        # shellcheck disable=SC2086
        "$cxx" -std=$standard $strict -Wold-style-cast -I"$root/include" "$work/header.cc"
    done
    cp "$work/consumer.c" "$work/consumer.cc"
    # shellcheck disable=SC2046
    "$cxx" -std=c++11 -pedantic -Wall -Wextra -Werror $(hop_config --cflags) "$work/consumer.cc" \
        -o "$work/plusplus" $(hop_config --libs)
    LD_LIBRARY_PATH=$root/lib "$work/plusplus" "$file"
fi

for program in "$root"/bin/*; do
    name=${program##*/}
    [ -s "$root/share/man/man1/$name.1" ] || {
        echo "package: $name has no manual"
        exit 1
    }
    if ! "$program" --help >"$work/help" 2>&1 || ! [ -s "$work/help" ]; then
        echo "package: $name --help failed"
        exit 1
    fi
done

make -s BUILD="$build" DESTDIR="$work" PREFIX="$prefix" uninstall >/dev/null
left=$(find "$root" ! -type d)
if [ -n "$left" ]; then
    echo "package: uninstall left $left"
    exit 1
fi
echo "package: installs, links, runs and uninstalls"
