#!/bin/bash
# run.sh PROGRAM...: run Check programs, and fuzz targets (fuzz_*) over their corpus; with
# $LIBRARY, the shared library, also the tests of the programs beside it, the Python tests
# ($VENV), the symbol gate and the package test.  The last line is "N passed, N failed";
# exit 1 if any failed.  $RUN stands before each C program, such as valgrind.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
export CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-120} CK_VERBOSITY=${CK_VERBOSITY:-normal}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

count() { # STATUS WHAT: one check
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
    fi
}

check_program() {
    local status summary
    # shellcheck disable=SC2086
    timeout "${TIME_LIMIT:-1800}" ${RUN:-} "$1" >"$output" 2>&1
    status=$?
    cat "$output"
    summary=$(sed -n 's/^.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*$/\1 \2 \3/p' "$output" | tail -n 1)
    if [ -z "$summary" ]; then
        count 1 "$1 gave no summary (exit $status)"
        return
    fi
    local checks failures errors
    read -r checks failures errors <<<"$summary"
    passed=$((passed + checks - failures - errors))
    failed=$((failed + failures + errors))
    if [ "$checks" -eq 0 ] || { [ "$status" -ne 0 ] && [ $((failures + errors)) -eq 0 ]; }; then
        count 1 "$1 ran $checks checks and ended with exit $status"
    fi
}

number() { # NAME: its value in unittest's last line, such as FAILED (failures=1, errors=2)
    local value
    value=$(sed -n "/^\(OK\|FAILED\)/s/^.*[( ]$1=\([0-9]*\).*$/\1/p" "$output" | tail -n 1)
    echo "${value:-0}"
}

unittests() { # WHAT COMMAND...: count the tests of a run of Python's unittest
    local what=$1 status ran bad good
    shift
    PYTHONDONTWRITEBYTECODE=1 timeout 1800 "$@" >"$output" 2>&1
    status=$?
    cat "$output"
    ran=$(sed -n 's/^Ran \([0-9]*\) tests\{0,1\} in.*$/\1/p' "$output" | tail -n 1)
    if [ -z "$ran" ]; then
        count 1 "$what gave no summary (exit $status)"
        return
    fi
    bad=$(($(number failures) + $(number errors) + $(number 'unexpected successes')))
    good=$((ran - bad - $(number skipped)))
    passed=$((passed + (good > 0 ? good : 0)))
    failed=$((failed + bad))
    if [ "$ran" -eq 0 ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        count 1 "$what ran $ran tests and ended with exit $status"
    fi
}

symbol_gate() {
    local exported imported
    exported=$(nm -D --defined-only "$LIBRARY" | awk '$2 != "A" { sub(/@.*/, "", $NF); print $NF }')
    [ -n "$exported" ] && ! grep -Evx 'hop_[a-z][a-z0-9_]*' <<<"$exported"
    count $? "$LIBRARY exports something that is not the API"
    imported=$(nm -D --undefined-only "$LIBRARY" | awk '{ sub(/@.*/, "", $NF); print $NF }')
    [ -n "$imported" ] &&
        ! grep -Ex '_?exit|_Exit|abort|(__)?v?f?printf(_chk)?|puts|putchar|perror|getenv|secure_getenv' <<<"$imported"
    count $? "$LIBRARY prints, ends the process or reads the environment"
}

for program in "$@"; do
    case ${program##*/} in
    fuzz_*)
        # shellcheck disable=SC2086
        timeout "${TIME_LIMIT:-600}" ${RUN:-} "$program" "tests/fuzz/corpus/${program##*/}"
        count $? "$program"
        ;;
    *) check_program "$program" ;;
    esac
done
if [ -n "${LIBRARY:-}" ]; then
    python=${VENV:-build/venv}/bin/python
    unittests tests/header_test.py "$python" tests/header_test.py
    unittests tests/programs_test.py env BUILD="$(dirname "$LIBRARY")" "$python" tests/programs_test.py
    unittests tests/python env HOP_LIBRARY="$(realpath "$LIBRARY")" PYTHONPATH=python \
        "$python" -m unittest discover -s tests/python
    symbol_gate
    sh tests/wheel.sh "$(dirname "$LIBRARY")" "${VENV:-build/venv}"
    count $? "tests/wheel.sh"
    if [ -f tests/package.sh ]; then
        sh tests/package.sh "$(dirname "$LIBRARY")"
        count $? "tests/package.sh"
    fi
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
