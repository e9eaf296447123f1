#!/bin/bash
# Runs doctest binaries, cut into pieces that run side by side; what fails is shown in full.
# usage: run-tests.sh [--shards N] BINARY...
# A piece that fails is tried once more, alone, and said so: many tests watch real time.
# The last line is "N passed, N failed" (test cases). Exit 1 when something failed, crashed, or left
# a file or a process behind.
set -u

# One piece, called by ourselves: DIR NUMBER BINARY FIRST LAST
run_piece() {
    local dir=$1 number=$2 binary=$3 first=$4 last=$5
    local log=$dir/log.$number code=0 summary failed=0
    local count=$((last - first + 1))
    timeout --kill-after=10 600 "$binary" --no-version --no-colors \
        --first="$first" --last="$last" >"$log" 2>&1 </dev/null || code=$?
    summary=$(sed -n 's/^\[doctest\] test cases: *//p' "$log" | tail -n 1)
    # Of "passed" doctest counts those outside the piece too; a crash takes the summary with it.
    [[ $summary =~ ([0-9]+)\ failed ]] && failed=${BASH_REMATCH[1]} || failed=$count
    if [ "$code" -ne 0 ]; then
        [ "$failed" -gt 0 ] || failed=1
        {
            flock 9
            printf '\n=== %s, tests %s to %s: exit %s\n' "$binary" "$first" "$last" "$code"
            grep -v '^\[doctest\] run with' "$log"
        } 9>"$dir/output.lock"
    fi
    echo "$((count - failed)) $failed" >"$dir/result.$number"
}

# Those that work in a folder, or were given it as TMPDIR: of a mount that was taken away the working
# directory has no name any more.
processes_within() {
    local process
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd" 2>/dev/null) in
            "$1"*) basename "$process" && continue ;;
        esac
        grep -qasF "TMPDIR=$1" "$process/environ" && basename "$process"
    done
}

if [ "${1:-}" = --piece ]; then
    shift
    run_piece "$@"
    exit 0
fi

shards=4
if [ "${1:-}" = --shards ]; then
    shards=$2
    shift 2
fi
if [ $# -eq 0 ]; then
    echo "usage: $0 [--shards N] BINARY..." >&2
    exit 64
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/ops-tests-XXXXXX") || exit 1
mkdir "$work/tmp"
chmod 755 "$work" "$work/tmp"
export TMPDIR=$work/tmp

# shellcheck disable=SC2317 # called by the trap
clean_up() {
    local pid
    for pid in $(processes_within "$work"); do kill -9 "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

number=0
failed=0
for binary in "$@"; do
    count=$("$binary" --count --no-version 2>/dev/null | sed -n 's/.*current filters: *//p')
    if [ -z "$count" ]; then
        echo "$binary cannot be run"
        failed=$((failed + 1))
        continue
    fi
    # Small pieces even out the load; not so small that starting the binary counts.
    size=$((count / (shards * 12) + 1))
    for ((first = 1; first <= count; first += size)); do
        number=$((number + 1))
        last=$((first + size - 1))
        echo "$work $number $binary $first $((last < count ? last : count))"
    done >>"$work/pieces"
done
[ ! -f "$work/pieces" ] || xargs -P "$shards" -n 5 "$0" --piece <"$work/pieces"

# Many tests watch real time, and machines are noisy: what failed in company is tried once more, alone.
# What then passes is told of; what fails again has failed.
for result in "$work"/result.*; do
    [ -f "$result" ] || continue
    read -r _ bad <"$result"
    [ "$bad" -gt 0 ] || continue
    piece=$(grep -F "$work ${result##*.} " "$work/pieces")
    echo "--- once more, alone: ${piece#"$work" "${result##*.}" }"
    # shellcheck disable=SC2086 # five words
    "$0" --piece $piece
done

passed=0
for result in "$work"/result.*; do
    [ -f "$result" ] || continue
    read -r good bad <"$result"
    passed=$((passed + good))
    failed=$((failed + bad))
done
left=$(find "$TMPDIR" -mindepth 1 -maxdepth 1)
[ -z "$left" ] || { printf 'left behind:\n%s\n' "$left"; failed=$((failed + 1)); }
left=$(processes_within "$TMPDIR")
[ -z "$left" ] || { printf 'processes left behind: %s\n' "$left"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
