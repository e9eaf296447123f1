#!/bin/bash
# Runs each fuzz target for a time; what it finds is kept in BUILD_DIR and fails the run.
# usage: fuzz.sh BUILD_DIR SECONDS TARGET...
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1 seconds=$2
shift 2
passed=0 failed=0
for target in "$@"; do
    found=$(mktemp -d)
    options=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="$build/$target-found-")
    [ ! -f "tests/fuzz/$target.dict" ] || options+=(-dict="tests/fuzz/$target.dict")
    if "$build/$target-fuzz" "${options[@]}" "$found" "tests/fuzz/corpus/$target" >"$build/$target.log" 2>&1; then
        passed=$((passed + 1))
        printf '%-14s clean, %s runs in %s s\n' "$target" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")" "$seconds"
    else
        failed=$((failed + 1))
        printf '=== %s: see %s\n' "$target" "$build/$target.log"
        tail -n 30 "$build/$target.log"
    fi
    rm -rf "$found"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
