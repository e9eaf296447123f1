# shellcheck shell=bash disable=SC2034,SC2154 # what one side assigns the other reads
# What the benchmarks share: a folder that goes at the end, ops-meta on loopback, agents.
# Sourced with $updater and $meta set; leaves no process and no file behind.

export LC_ALL=C # a decimal point is a point
work=$(mktemp -d "${TMPDIR:-/tmp}/ops-bench-XXXXXX") || exit 1
work=$(realpath "$work")
meta_pid=

clean_up() {
    trap '' INT TERM
    if [ -n "$meta_pid" ]; then
        kill "$meta_pid" 2>/dev/null
        wait "$meta_pid" 2>/dev/null
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
    echo "${0##*/}: $1" >&2
    exit 1
}

# write_agent DIR: an agent that is nothing but its control script, the cheapest that there can be: a
# shell and no other program. So what is measured is not the agent's own work, and nothing runs on.
write_agent() {
    mkdir -p "$1"
    cat >"$1/control" <<'END'
#!/bin/sh
case "$1" in
    start) echo started >../state ;;
    stop) echo stoped >../state ;;
    status) read -r state <../state && echo "$state" ;;
esac
END
    chmod +x "$1/control"
}

# running_agent OPS_DIR NAME VERSION: one that is there and runs.
running_agent() {
    write_agent "$1/$2/$3"
    echo "$3" >"$1/$2/.version"
    echo started >"$1/$2/state"
}

# numbers COUNT: 001 and so on.
numbers() { [ "$1" -eq 0 ] || seq -f %03g "$1"; }

# agents_running HOST COUNT: HOST-001 and so on, version 1.0.0, in the ops dir $work/HOST.
agents_running() {
    local number
    mkdir -p "$work/$1"
    for number in $(numbers "$2"); do
        running_agent "$work/$1" "$1-$number" 1.0.0
    done
}

# wish HOST COUNT VERSION: what ops-meta tells a host whose name begins so of these agents.
wish() {
    local number
    echo "  $1-:"
    for number in $(numbers "$2"); do
        echo "    $1-$number: {version: $3, cmd: start}"
    done
}

# start_meta: with $work/desired.yaml. Sets url.
start_meta() {
    local tries=0
    mkdir -p "$work/tarballs"
    "$meta" --listen 127.0.0.1:0 --desired "$work/desired.yaml" --tarballs "$work/tarballs" \
        --port-file "$work/port" --log "$work/meta.log" &
    meta_pid=$!
    until [ -s "$work/port" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 500 ] || ! kill -0 "$meta_pid" 2>/dev/null; then
            die "ops-meta did not start"
        fi
        sleep 0.02
    done
    url=http://127.0.0.1:$(cat "$work/port")/heartbeat
}
