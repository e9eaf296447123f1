#!/bin/bash
# All that `make test` runs: the doctest binaries, then the checks that are programs of their own.
# usage: test.sh BUILD_DIR
# The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1
OPS_UPDATER=$(realpath "$build/ops-updater")
OPS_META=$(realpath "$build/ops-meta")
export OPS_UPDATER OPS_META

passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

check() {
    local name=$1 code=0 started=$SECONDS
    shift
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if [ "$code" -eq 0 ]; then
        passed=$((passed + 1))
        printf '%s: ok (%d s)\n' "$name" "$((SECONDS - started))"
    else
        failed=$((failed + 1))
        printf '=== %s: exit %s\n' "$name" "$code"
        cat "$log"
    fi
}

tests/tools/run-tests.sh --shards "${SHARDS:-4}" "$build"/{unit,cli,world,meta,transport,e2e}-tests |
    tee "$log"
read -r passed failed < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
if [ -z "${passed:-}" ]; then passed=0 failed=1; fi

for target in answer config digest_file memory version_file; do
    check "fuzz slice: $target" "$build/fuzz-replay/$target" "tests/fuzz/corpus/$target" 3000
done
check "demo" tests/demo/demo.sh "$OPS_UPDATER" "$OPS_META"
check "metrics, by promtool" tests/tools/metrics.sh "$OPS_UPDATER"
check "examples" tests/examples/run.sh
check "budget of a steady pass" tests/bench/budget.sh "$OPS_UPDATER" "$OPS_META"
check "crash campaign: slice" tests/crash/slice.sh
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
