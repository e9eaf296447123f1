#!/bin/bash
# Real passes of many hosts against the example ops-meta: all at the very same moment, and spread as the
# splay spreads them. Exit 1 when one of them fails.
# usage: fleet.sh OPS_UPDATER OPS_META [HOSTS]
set -u
[ $# -ge 2 ] || { echo "usage: fleet.sh OPS_UPDATER OPS_META [HOSTS]" >&2; exit 64; }
updater=$(realpath "$1") meta=$(realpath "$2") hosts=${3:-300}
cd "$(dirname "$0")" || exit 1
. ./scene.sh

agents_running fleet 3
{ echo overrides: && wish fleet 3 1.0.0; } >"$work/desired.yaml"
for host in $(numbers "$hosts"); do
    cp -r "$work/fleet" "$work/host-$host"
done
start_meta

# passes OPTION…: one of each host, all started at once; waits for them.
passes() {
    local host pid pids=() failed=0 before
    before=$(grep -c ' POST /heartbeat 200 ' "$work/meta.log")
    local began=$EPOCHREALTIME
    for host in $(numbers "$hosts"); do
        "$updater" "--ops-dir=$work/host-$host" "--server=$url" "--hostname=fleet-web$host" "$@" \
            2>"$work/host-$host/log" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=$((failed + 1))
    done
    awk -v a="$began" -v b="$EPOCHREALTIME" -v hosts="$hosts" -v failed="$failed" \
        -v served="$(($(grep -c ' POST /heartbeat 200 ' "$work/meta.log") - before))" \
        'BEGIN { printf "%d passes, %d reports served, %d failed, %.1f s\n", hosts, served, failed, b - a }'
    [ "$failed" = 0 ] || grep -h -E 'ERROR|WARN' "$work"/host-*/log | sort | uniq -c | sort -rn | head
    return "$((failed > 0))"
}

code=0
echo "$hosts hosts on this machine, three agents each"
printf '  all at once:            '
passes --once || code=1
printf '  within a splay of 10 s: '
passes --interval=20 --splay=10 || code=1
exit "$code"
