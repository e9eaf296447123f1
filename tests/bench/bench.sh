#!/bin/bash
# Measures ops-updater against pass.sh, which does the same in shell, and against cf-agent with an
# empty policy. Both sides of a row take turns within one run, so only the ratios mean something on a
# machine that does other things. Nothing here fails because something is slow.
# usage: bench.sh OPS_UPDATER OPS_META MEASURE [CFENGINE_DIR]
#   MEASURE is built from measure.cpp; CFENGINE_DIR is where unpack.sh put cfengine3, if it could.
#   ROUNDS=N in the environment multiplies the number of rounds.
set -u
[ $# -ge 3 ] || { echo "usage: bench.sh OPS_UPDATER OPS_META MEASURE [CFENGINE_DIR]" >&2; exit 64; }
updater=$(realpath "$1") meta=$(realpath "$2") measure=$(realpath "$3") cfengine=$(realpath -m "${4:-/none}")
cd "$(dirname "$0")" || exit 1
. ./scene.sh

# --- what is measured -----------------------------------------------------------------------------
# side NAME COMMAND…: adds a side to the next row.
sides=() commands=()
side() {
    sides+=("$1")
    shift
    commands+=(-- "$@")
}
ours() { side ops-updater "$updater" --once "--ops-dir=$work/$1" "--server=$url" "--hostname=$1-1"; }
script() { side script ./pass.sh "$work/$1" "$url" "$1-1"; }
script_without_timeouts() { side "script, no timeouts" env limit= ./pass.sh "$work/$1" "$url" "$1-1"; }

# take ROUNDS PREPARE: measures the sides; their medians are then in $work/row, a line for each:
# wall ms, CPU ms, peak KiB.
take() {
    local rounds=$(($1 * ${ROUNDS:-1}))
    "$measure" "$rounds" "$2" "${commands[@]}" 2>"$work/output" >"$work/medians" || {
        tail -n 5 "$work/output" >&2
        die "a measured command failed"
    }
    cut -d ' ' -f 2- "$work/medians" >"$work/row"
    commands=()
}

# row WHAT ROUNDS PREPARE: a row of the table for each side but the first, which is ours.
row() {
    take "$2" "$3"
    paste -d ' ' "$work/row" <(printf '%s\n' "${sides[@]}") | awk -v what="$1" '
        NR == 1 { wall = $1; cpu = $2; next }
        {
            name = $4; for (i = 5; i <= NF; ++i) name = name " " $i
            printf "%-37s %8.1f %8.1f   %8.1f %8.1f   %6.2f %6.2f   %s\n",
                   what, wall, cpu, $1, $2, wall / $1, cpu / $2, name
            what = ""
        }'
    sides=()
}

# peak WHAT ROUNDS PREPARE: a row of the second table.
peak() {
    sides=()
    take "$2" "$3"
    awk -v what="$1" 'NR == 1 { printf "%-37s %8.1f\n", what, $3 / 1024 }' "$work/row"
}

# --- the scene ------------------------------------------------------------------------------------
# blob BYTES: machine code from here and there, as agents are made of it.
blob() {
    find -L /usr/bin /usr/lib -xdev -type f -size +200k -print0 2>/dev/null |
        LC_ALL=C sort -z | xargs -0 cat 2>/dev/null | head -c "$1"
}

# publish NAME VERSION FOLDER: as release() does, packed once for all agents of the folder.
publish() {
    [ -f "$3.tar.gz" ] || tar -C "$3" -c . | gzip -1 >"$3.tar.gz"
    ln "$3.tar.gz" "$work/tarballs/$1-$2.tar.gz"
    (cd "$work/tarballs" && md5sum "$1-$2.tar.gz" >"$1-$2.tar.gz.md5")
}

# megabytes HOST: the size of the tarball that an upgrade there downloads.
megabytes() { stat -c %s "$work/tarballs/$1-001-2.0.0.tar.gz" | awk '{ printf "%.0f MB", $1 / 1e6 }'; }

# upgrades HOST COUNT: agents that run 1.0.0, and $work/folders/HOST as their 2.0.0. $work/reset-HOST
# is what takes them back.
upgrades() {
    local number
    agents_running "$1" "$2"
    for number in $(numbers "$2"); do
        publish "$1-$number" 2.0.0 "$work/folders/$1"
    done
    cat >"$work/reset-$1" <<END
#!/bin/sh
for agent in "$work/$1/$1-"*; do
    rm -rf "\$agent/2.0.0"
    echo 1.0.0 >"\$agent/.version"
    echo started >"\$agent/state"
done
rm -rf "$work/$1/.ops-updater"
sync -f "$work"
END
    chmod +x "$work/reset-$1"
}

# journalling_agent DIR: as write_agent makes it, but it notes the times of its stop and start.
journalling_agent() {
    mkdir -p "$1"
    cat >"$1/control" <<'END'
#!/bin/bash
case $1 in
    start) echo started >../state && echo "start $EPOCHREALTIME" >>../journal ;;
    stop) echo "stop $EPOCHREALTIME" >>../journal && echo stoped >../state ;;
    status) read -r state <../state && echo "$state" ;;
esac
END
    chmod +x "$1/control"
}

# From the beginning of each stop to the end of the start behind it, the median in ms.
median_gap() {
    awk '$1 == "stop" { from = $2 } $1 == "start" { printf "%.3f\n", ($2 - from) * 1000 }' "$1" |
        sort -n | awk '{ gap[NR] = $1 } END { print gap[int((NR + 1) / 2)] }'
}

# A status script that says much before it says how it is, and one that waits.
chatty='head -c 50000000 /dev/zero; echo; '
slow='sleep 0.02; '

mkdir "$work/tarballs" "$work/folders"
for host in one six many large; do write_agent "$work/folders/$host"; done
journalling_agent "$work/folders/gap"
blob 86000000 | split -b 4000000 - "$work/folders/one/part-"
blob 22000000 | split -b 1000000 - "$work/folders/six/part-"
cp "$work/folders/six/part-"* "$work/folders/many/"
head -c 200000000 /dev/urandom >"$work/folders/large/noise"
for host in one:1 six:6 many:20 large:1 gap:1; do upgrades "${host%:*}" "${host#*:}"; done
rm -rf "$work"/folders/*/
journalling_agent "$work/gap/gap-001/1.0.0"
for host in steady0:0 steady3:3 steady100:100 waiting:100 noisy:1; do
    agents_running "${host%:*}" "${host#*:}"
done
sed -i "s|status) |&$slow|" "$work"/waiting/*/1.0.0/control
sed -i "s|status) |&$chatty|" "$work"/noisy/*/1.0.0/control
{
    echo overrides:
    for host in steady3:3 steady100:100 waiting:100 noisy:1; do
        wish "${host%:*}" "${host#*:}" 1.0.0
    done
    for host in one:1 six:6 many:20 large:1 gap:1; do wish "${host%:*}" "${host#*:}" 2.0.0; done
} >"$work/desired.yaml"
start_meta

# cf_agent DIR: prepares the one that is unpacked there; $work/cf runs its programs.
cf_agent() {
    local home=$work/cfengine lib=$1/usr/lib
    mkdir -p "$home/inputs" "$home/bin" "$home/ppkeys"
    chmod -R go-rwx "$home"
    cat >"$home/inputs/promises.cf" <<'END'
body common control { bundlesequence => { "main" }; }
bundle agent main { }
END
    cp "$1/usr/bin/cf-promises" "$home/bin/" || return
    cat >"$work/cf" <<END
#!/bin/sh
export CFENGINE_TEST_OVERRIDE_WORKDIR="$home" HOME="$home"
export LD_LIBRARY_PATH="$lib:$lib/$(uname -m)-linux-gnu:$1/lib/$(uname -m)-linux-gnu"
program=\$1
shift
exec "$1/usr/bin/\$program" "\$@"
END
    chmod +x "$work/cf"
    { "$work/cf" cf-key && "$work/cf" cf-agent -K; } >"$work/output" 2>&1
}

# --- the tables -----------------------------------------------------------------------------------
memory=$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo)
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors, $memory," \
    "$(uname -sr), $(stat -f -c %T "$work"), load $(cut -d ' ' -f 1 /proc/loadavg)"
echo "$("$updater" --version), $(curl --version | cut -d ' ' -f 1,2 | head -n 1), $(jq --version)," \
    "$(tar --version | head -n 1), $(gzip --version | head -n 1)"
awk -v processors="$(nproc)" '$1 > processors / 2 {
    print "The machine is busy with other things: of the ratios only those of CPU time can be trusted."
}' /proc/loadavg
echo
echo "medians, both sides in turn            ops-updater          the other         ops-updater/other"
echo "                                       wall ms   CPU ms    wall ms   CPU ms     wall    CPU"

ours steady3 && script steady3 && script_without_timeouts steady3
row "steady pass, 3 agents" 21 -
ours steady100 && script steady100 && script_without_timeouts steady100
row "steady pass, 100 agents" 9 -
ours waiting && script waiting
row "  whose status waits 20 ms" 3 -
ours one && script one
row "upgrade of one agent of $(megabytes one)" 5 "$work/reset-one"
ours six && script six
row "upgrade of six agents of $(megabytes six)" 5 "$work/reset-six"
if [ -x "$cfengine/usr/bin/cf-agent" ] && cf_agent "$cfengine"; then
    ours steady3 && side "cf-agent, empty policy" "$work/cf" cf-agent -K
    row "steady pass, 3 agents" 11 -
fi

echo
echo "switch gap, from the beginning of stop to the end of start"
: >"$work/gap/gap-001/journal"
cp -r "$work/gap/gap-001" "$work/bare"
journalling_agent "$work/bare/2.0.0"
side bare sh -c "cd '$work/bare/1.0.0' && ./control stop && cd ../2.0.0 && ./control start"
ours gap
take 15 "$work/reset-gap"
awk -v ours="$(median_gap "$work/gap/gap-001/journal")" -v bare="$(median_gap "$work/bare/journal")" \
    'BEGIN { printf "%-37s %8.1f ms\n%-37s %8.1f ms\n%-37s %8.1f ms\n", "  the scripts alone", bare,
             "  in a pass", ours, "  what the pass adds", ours - bare }'

echo
echo "peak memory of a pass, MB"
ours steady3 && peak "steady, 3 agents" 3 -
ours steady100 && peak "steady, 100 agents" 3 -
ours noisy && peak "a status that prints 50 MB" 3 -
ours six && peak "upgrade of six agents of $(megabytes six)" 1 "$work/reset-six"
ours many && peak "upgrade of twenty agents of $(megabytes many)" 1 "$work/reset-many"
ours large && peak "upgrade of one agent of $(megabytes large)" 1 "$work/reset-large"

echo
echo "start-up and what a steady pass is made of, wall ms"
side true /bin/true
side version "$updater" --version
side curl curl --version
ours steady0
ours steady3
sides=()
take 21 -
awk -v libraries="$(LD_DEBUG=files "$updater" --version 2>&1 | grep -c 'calling init')" '
    { wall[NR] = $1 }
    END {
        form = "%-48s %6.1f\n"
        printf form, "  any program (/bin/true)", wall[1]
        printf form, "  ops-updater --version", wall[2]
        printf form, "    of it the loader, for " libraries " libraries", wall[2] - wall[1]
        printf form, "  libcurl and its libraries (curl --version)", wall[3] - wall[1]
        printf form, "  a pass without agents", wall[4]
        printf form, "  a pass with 3 agents", wall[5]
    }' "$work/row"
