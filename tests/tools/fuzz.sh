#!/bin/bash
# Runs each fuzz target for a time, as many at once as there are cores; what one finds is kept in
# BUILD_DIR and fails the run.
# usage: fuzz.sh BUILD_DIR SECONDS TARGET...
set -u
cd "$(dirname "$0")/../.." || exit 1
export build=$1 seconds=$2
shift 2

fuzz() {
    local target=$1 found code=0
    found=$(mktemp -d)
    local options=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="$build/$target-found-")
    [ ! -f "tests/fuzz/$target.dict" ] || options+=(-dict="tests/fuzz/$target.dict")
    if "$build/$target-fuzz" "${options[@]}" "$found" "tests/fuzz/corpus/$target" >"$build/$target.log" 2>&1; then
        printf '%-14s clean, %s runs in %s s\n' "$target" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")" "$seconds"
    else
        code=1
        printf '=== %s: see %s\n%s\n' "$target" "$build/$target.log" "$(tail -n 30 "$build/$target.log")"
    fi
    rm -rf "$found"
    return "$code"
}
export -f fuzz

log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' bash -c 'fuzz "{}"' | tee "$log"
passed=$(grep -c ' clean, ' "$log")
failed=$(($# - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
