#!/bin/bash
# What a steady pass may do, counted without a clock: processes, requests, files written, system calls.
# Fails when there is more than the budget. Who makes the program do less lowers the numbers here.
# usage: budget.sh OPS_UPDATER OPS_META
# Counted are the calls of the main thread of ops-updater itself that work on files, processes and
# the network: not the scripts', nor what a library does to be loaded or to wait.
set -u
[ $# -eq 2 ] || { echo "usage: budget.sh OPS_UPDATER OPS_META" >&2; exit 64; }
updater=$(realpath "$1") meta=$(realpath "$2")
cd "$(dirname "$0")" || exit 1
if grep -q __asan_init "$updater"; then
    echo "budget: skipped, a sanitizer makes calls of its own"
    exit 0
fi
if ! strace -o /dev/null true 2>/dev/null; then
    echo "budget: skipped, strace may not trace here"
    exit 0
fi
. ./scene.sh

echo overrides: >"$work/desired.yaml"
for count in 3 100; do
    agents_running "steady$count" "$count"
    wish "steady$count" "$count" 1.0.0 >>"$work/desired.yaml"
done
start_meta

# trace COUNT: a steady pass with so many agents, its calls in $work/calls-COUNT.
trace() {
    local pass=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$updater" --once "--ops-dir=$work/steady$1"
        "--server=$url" "--hostname=steady$1-1")
    # The first pass has something to remember, the second is steady.
    "${pass[@]}" 2>"$work/output" || die "a pass failed: $(tail -n 1 "$work/output")"
    strace -o "$work/trace-$1" -y -e trace=%file,%desc,%process,%network -- "${pass[@]}" \
        2>>"$work/output" || die "a traced pass failed: $(tail -n 1 "$work/output")"
    # env's own calls end with its last execve; waiting and loading take as many as they take.
    awk '/^execve\(/ { n = 0 } { line[n++] = $0 } END { for (i = 0; i < n; ++i) print line[i] }' \
        "$work/trace-$1" |
        grep -vE '^(\+\+\+|---|mmap|p?poll|wait4|waitid|exit|epoll|.*\.so[.0-9]*[">])' >"$work/calls-$1"
}
trace 3
trace 100

failed=0
# at_most BUDGET COUNT WHAT
at_most() {
    local verdict=ok
    if [ "$2" -gt "$1" ]; then
        verdict="TOO MANY"
        failed=1
    fi
    printf '%-9s %5d of %5d  %s\n' "$verdict" "$2" "$1" "$3"
}
count() { grep -cE "$2" "$work/calls-$1"; } # COUNT PATTERN
lines() { wc -l <"$work/calls-$1"; }

at_most 3 "$(count 3 '^(v?fork|clone3?)\(.*(VFORK|SIGCHLD)')" "processes with 3 agents: one status each"
at_most 100 "$(count 100 '^(v?fork|clone3?)\(.*(VFORK|SIGCHLD)')" "processes with 100 agents"
at_most 1 "$(count 100 '^connect\(')" "connections"
at_most 0 "$(count 100 '^(fsync|fdatasync|syncfs|sync)\(')" "syncs: nothing has changed"
at_most 2 "$(count 100 'O_CREAT')" "files written: the pid file, how the pass ended"
at_most 165 "$(count 3 "$work")" "calls on the ops dir with 3 agents"
at_most 283 "$(lines 3)" "calls with 3 agents"
at_most 41 "$((($(lines 100) - $(lines 3)) / 97))" "calls for each further agent"
[ "$failed" = 0 ] || echo "budget: a steady pass does more than it did; see $0"
exit "$failed"
