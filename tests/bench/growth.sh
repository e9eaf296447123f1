#!/bin/bash
# What a steady pass costs as an ops dir grows: by its number of agents, by versions on disk, by the
# number of files that the agents keep there. Beside each step stands what each one more has cost
# since the first, in ms of CPU, and how that has grown since the step before: linear is 1.
# usage: growth.sh OPS_UPDATER OPS_META MEASURE
set -u
[ $# -eq 3 ] || { echo "usage: growth.sh OPS_UPDATER OPS_META MEASURE" >&2; exit 64; }
updater=$(realpath "$1") meta=$(realpath "$2") measure=$(realpath "$3")
cd "$(dirname "$0")" || exit 1
. ./scene.sh

# versions OPS_HOST COUNT: so many more of each agent.
versions() {
    local agent number
    for agent in "$work/$1"/*/; do
        for number in $(seq 2 "$2"); do
            cp -r "$agent/1.0.0" "$agent/1.0.$number"
        done
    done
}

agent_steps="1 10 100 500"
version_steps="1 10 100"
size_steps="0 100 1000" # files of 100 KB in the version dir in use of each of ten agents
echo overrides: >"$work/desired.yaml"
for count in $agent_steps; do
    agents_running "agents$count" "$count"
    wish "agents$count" "$count" 1.0.0 >>"$work/desired.yaml"
done
for count in $version_steps; do
    agents_running "versions$count" 10
    versions "versions$count" "$count"
    wish "versions$count" 10 1.0.0 >>"$work/desired.yaml"
done
head -c 100000 /dev/zero >"$work/file"
for count in $size_steps; do
    agents_running "size$count" 10
    for agent in "$work/size$count"/*/1.0.0; do
        mkdir "$agent/data"
        for number in $(numbers "$count"); do ln "$work/file" "$agent/data/$number"; done
    done
    wish "size$count" 10 1.0.0 >>"$work/desired.yaml"
done
start_meta

# series WHAT PREFIX STEP…: medians of wall and CPU, and what each more of it costs.
series() {
    local what=$1 prefix=$2 step commands=()
    shift 2
    for step in "$@"; do
        commands+=(-- "$updater" --once "--ops-dir=$work/$prefix$step" "--server=$url"
            "--hostname=$prefix$step-1")
    done
    "$measure" 9 - "${commands[@]}" 2>"$work/output" >"$work/medians" || {
        tail -n 5 "$work/output" >&2
        die "a pass failed"
    }
    paste -d ' ' <(printf '%s\n' "$@") <(cut -d ' ' -f 2- "$work/medians") | awk -v what="$what" '
        { n = $1; cpu = $3 }
        NR == 1 { n1 = n; cpu1 = cpu }
        { printf "%-34s %5d %9.1f %9.1f %7.1f", (NR == 1 ? what : ""), n, $2, cpu, $4 / 1024 }
        NR == 1 { print "" }
        NR > 1 {
            now = (cpu - cpu1) / (n - n1)
            printf " %12.3f", now
            # Against the step before; what lies within the noise is flat.
            if (now < 0.02) print "       flat"
            else if (NR > 2 && slope >= 0.02) printf " %10.2f\n", now / slope
            else print ""
            slope = now
        }'
}

echo "                                          wall ms    CPU ms      MB  each 1 more     growth"
# shellcheck disable=SC2086 # lists of words
{
    series "agents" agents $agent_steps
    series "versions on disk of ten agents" versions $version_steps
    series "files in each of ten version dirs" size $size_steps
}
