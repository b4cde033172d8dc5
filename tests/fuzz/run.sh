#!/bin/sh
# run.sh TARGET...: each libFuzzer program of $BUILD for $SECONDS_EACH, beginning with its
# committed corpus; goes on to the next target when one finds something.
set -u
cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=allocator_may_return_null=1
status=0
for target in "$@"; do
    found=$BUILD/found/$target broken=$BUILD/broken/
    mkdir -p "$found" "$broken"
    dictionary=tests/fuzz/$target.dict
    [ ! -f "$dictionary" ] || found="-dict=$dictionary $found"
    echo "== $target"
    # shellcheck disable=SC2086
    "$BUILD/$target" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -use_value_profile=1 -artifact_prefix="$broken$target-" \
        $found "tests/fuzz/corpus/$target" >"$BUILD/$target.log" 2>&1 || {
        status=1
        echo "$target broke something:"
    }
    grep -E 'fuzz: line|SUMMARY|ALARM|stat::(number_of_executed|new_units|peak)|Test unit written' \
        "$BUILD/$target.log"
done
exit $status
