#!/bin/sh
# The demo: ops-updater at work, against the example ops-meta on loopback, in a throw-away ops dir.
# Every outcome that it tells of is checked: it exits non-zero if something is not as it says.
# usage: demo.sh OPS_UPDATER OPS_META
set -u

[ $# -eq 2 ] || {
    echo "usage: demo.sh OPS_UPDATER OPS_META" >&2
    exit 64
}
updater=$(realpath "$1") meta=$(realpath "$2")
examples=$(cd "$(dirname "$0")/../../examples" && pwd) || exit 1
work=$(mktemp -d) || exit 1
ops=$work/ops
meta_pid=
bold='' green='' red='' plain=''
if [ -t 1 ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m')
    plain=$(printf '\033[0m')
fi

cleanup() {
    trap '' INT TERM
    for control in "$ops"/*/*/control; do
        [ ! -x "$control" ] || "$control" stop >/dev/null 2>&1
    done
    if [ -n "$meta_pid" ]; then
        kill "$meta_pid" 2>/dev/null
        wait "$meta_pid" 2>/dev/null
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- how the demo speaks --------------------------------------------------------------------------
chapter() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
say() { printf '%s\n' "$@"; }
indent() { sed 's/^/    /'; }

# ok WHAT TEST…: the outcome, checked.
ok() {
    what=$1
    shift
    if "$@"; then
        printf '  %sok%s    %s\n' "$green" "$plain" "$what"
    else
        printf '  %sWRONG%s %s\n' "$red" "$plain" "$what"
        indent <"$work/meta.log" >&2
        exit 1
    fi
}

# pass EXPECTED_EXIT_CODE OPTION…: runs the real program, shows what it prints.
pass() {
    expected=$1
    shift
    say "  \$ ./ops-updater --server=127.0.0.1:$port $*"
    (cd "$ops" && exec ./ops-updater "--server=127.0.0.1:$port" "$@") >"$work/output" 2>&1
    code=$?
    indent <"$work/output"
    ok "it exits with $code" [ "$code" -eq "$expected" ]
}

# --- what the checks ask --------------------------------------------------------------------------
version_of() { cat "$ops/$1/.version"; }
is_started() { [ "$("$ops/$1/$2/control" status)" = started ]; }
is_stopped() { [ "$("$ops/$1/$2/control" status)" = stoped ]; }
pid_of() { # of an agent that runs
    read -r agent_pid _ <"$ops/$1/$(version_of "$1")/var/pid" && echo "$agent_pid"
}
has() { grep -q -- "$1" "$work/output"; }
downloads() { grep -c 'GET /tarballs/.*\.tar\.gz ' "$work/meta.log"; }
leftovers() { find "$ops" -name '*.tar.gz*' -o -name '*.part*'; }

# --- what the demo publishes ----------------------------------------------------------------------
# release NAME VERSION [BROKEN]: packs a copy of the example agent.
release() {
    folder=$work/source/$1-$2
    mkdir -p "$folder"
    cp "$examples/hello-agent/control" "$folder/control"
    if [ "${3:-}" = broken ]; then
        printf '#!/bin/sh\necho "%s %s: cannot read its configuration"\nexit 3\n' "$1" "$2"
    else
        cat "$examples/hello-agent/hello-agent"
    fi >"$folder/hello-agent"
    chmod +x "$folder/control" "$folder/hello-agent"
    "$examples/pack" --out "$work/tarballs" "$folder" "$1" "$2" >"$work/pack.log" || exit 1
}

# publish HELLO WATCH: the desired state, as an operator would write it.
publish() {
    cat >"$work/desired.new" <<END
defaults:
  hello-agent: {$1}
  watch-agent: {$2}
END
    mv "$work/desired.new" "$work/desired.yaml"
    if [ -n "$meta_pid" ]; then
        say "  desired.yaml of ops-meta now says:"
        sed 1d "$work/desired.yaml" | indent
    fi
}

start_meta() {
    "$meta" --listen 127.0.0.1:0 --desired "$work/desired.yaml" --tarballs "$work/tarballs" \
        --port-file "$work/port" --log "$work/meta.log" &
    meta_pid=$!
    tries=0
    until [ -s "$work/port" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ] || ! kill -0 "$meta_pid" 2>/dev/null; then
            echo "ops-meta did not start" >&2
            exit 1
        fi
        sleep 0.05
    done
    read -r port <"$work/port"
}

# ==================================================================================================
HELLO_INTERVAL=1
export HELLO_INTERVAL
mkdir "$ops" "$work/tarballs"
cp "$updater" "$ops/ops-updater"
release hello-agent 1.0.0
release watch-agent 2.0.0

chapter "0. The stage"
say "An empty ops dir with nothing but the program in it, and the example ops-meta on loopback." \
    "ops-meta wants two agents; their tarballs lie in its folder."
publish "version: 1.0.0, cmd: start" "version: 2.0.0, cmd: start"
start_meta
sed 1d "$work/desired.yaml" | indent

chapter "1. A dry run: what would happen, and why"
pass 0 --dry-run
ok "nothing was downloaded" [ "$(downloads)" = 0 ]
ok "the ops dir is as it was" [ "$(ls -A "$ops")" = ops-updater ]

chapter "2. First install"
say "A pass reports, learns what is wanted, downloads, checks the digests, unpacks, starts." \
    "--once leaves out the random wait that cron's passes begin with."
pass 0 --once
ok "hello-agent 1.0.0 runs" is_started hello-agent 1.0.0
ok "watch-agent 2.0.0 runs" is_started watch-agent 2.0.0
ok "two tarballs were downloaded" [ "$(downloads)" = 2 ]
ok "none of them is left behind" [ -z "$(leftovers)" ]
hello=$(pid_of hello-agent) watch=$(pid_of watch-agent)

chapter "3. A steady pass"
say "Everything is as desired: this is what happens every five minutes, on every host."
pass 0 --once
ok "it printed one line" [ "$(wc -l <"$work/output")" = 1 ]
ok "it downloaded nothing" [ "$(downloads)" = 2 ]
ok "the agents were left alone" [ "$(pid_of hello-agent) $(pid_of watch-agent)" = "$hello $watch" ]

chapter "4. An upgrade"
say "A new version is published. The old one runs on until the new one is unpacked."
release hello-agent 1.1.0
publish "version: 1.1.0, cmd: start" "version: 2.0.0, cmd: start"
pass 0 --once
ok "hello-agent 1.1.0 runs" is_started hello-agent 1.1.0
ok "1.0.0 does not" is_stopped hello-agent 1.0.0
ok "but stays on disk, for a rollback" [ -x "$ops/hello-agent/1.0.0/control" ]
ok "watch-agent noticed nothing" [ "$(pid_of watch-agent)" = "$watch" ]

chapter "5. An agent crashes"
crashed=$(pid_of hello-agent)
say "  \$ kill -9 $crashed"
kill -9 "$crashed"
while is_started hello-agent 1.1.0; do sleep 0.05; done
pass 0 --once
ok "hello-agent 1.1.0 runs again" is_started hello-agent 1.1.0
hello=$(pid_of hello-agent)

chapter "6. A bad release: rolled back"
say "1.2.0 cannot start. The pass sees that, and goes back to the version that worked."
release hello-agent 1.2.0 broken
publish "version: 1.2.0, cmd: start" "version: 2.0.0, cmd: start"
pass 1 --once
ok "1.1.0 is in use again" [ "$(version_of hello-agent)" = 1.1.0 ]
ok "and runs" is_started hello-agent 1.1.0
hello=$(pid_of hello-agent) before=$(downloads)

chapter "7. The bad release is waited out"
say "ops-meta still wants 1.2.0. It is not tried again before its time: no loop of restarts."
pass 1 --once
ok "hello-agent 1.1.0 was left alone" [ "$(pid_of hello-agent)" = "$hello" ]
ok "nothing was downloaded again" [ "$(downloads)" = "$before" ]
say "  \$ ./ops-updater --status"
(cd "$ops" && ./ops-updater --status) >"$work/output" 2>&1
indent <"$work/output"
ok "--status names the version that failed" has "1\.2\.0"
ok "and what it said" has "cannot read its configuration"

chapter "8. The release is mended"
say "1.2.1 is published. Another version ends the wait."
release hello-agent 1.2.1
publish "version: 1.2.1, cmd: start" "version: 2.0.0, cmd: start"
pass 0 --once
ok "hello-agent 1.2.1 runs" is_started hello-agent 1.2.1

chapter "9. An agent is stopped"
publish "version: 1.2.1, cmd: start" "version: 2.0.0, cmd: stop"
pass 0 --once
ok "watch-agent is stopped" is_stopped watch-agent 2.0.0
ok "hello-agent runs on" is_started hello-agent 1.2.1

chapter "10. What is left"
say "Versions, memory, and nothing else:"
(cd "$ops" && find . -maxdepth 2 | LC_ALL=C sort) | indent
ok "no tarball and no part of one is left" [ -z "$(leftovers)" ]
say "" "${bold}All as it should be.${plain} Cleaning up: agents, server and files of this demo go."
