#!/bin/sh
# Tests of what examples/ offers to copy: the control script of hello-agent, under every shell
# that is here, and pack. Needs no server and no ops-updater.
# usage: run.sh [SHELL…]   (default: dash, bash and busybox, as far as they are installed)
set -u

examples=$(cd "$(dirname "$0")/../../examples" && pwd) || exit 1
work=$(mktemp -d)
failed=0
agents=

cleanup() {
    for pid in $agents; do kill -KILL "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check WHAT COMMAND…: the command must succeed.
check() {
    what=$1
    shift
    if "$@" >"$work/output.new" 2>&1; then
        echo "ok    $shell: $what"
    else
        echo "WRONG $shell: $what"
        sed 's/^/      /' "$work/output.new"
        failed=$((failed + 1))
    fi
    mv "$work/output.new" "$work/output"
}
not() { ! "$@"; }
says() { # says WORDS COMMAND…: exactly these words
    words=$1
    shift
    [ "$("$@" 2>&1)" = "$words" ]
}

agent_pid() {
    read -r pid _ <var/pid && echo "$pid"
}
is_gone() { # a zombie that nobody reaps is gone too
    [ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status"
}
kill_hard() {
    kill -KILL "$1"
    until is_gone "$1"; do sleep 0.02; done
}
remember_agent() { agents="$agents $(agent_pid)"; }

# A version dir with hello-agent in it, its scripts run by the shell under test; goes there.
new_agent() {
    cd "$work" || exit 1
    rm -rf "$work/1.0.0"
    cp -r "$examples/hello-agent" "$work/1.0.0"
    cd "$work/1.0.0" || exit 1
    rm -rf var
    sed -i "1s|.*|#!$interpreter|" control hello-agent
}

test_control() {
    new_agent
    check "an agent that never ran is stoped" says stoped ./control status
    check "stop of a stopped agent succeeds" ./control stop
    check "start succeeds" ./control start
    remember_agent
    first=$(agent_pid)
    check "the agent is started" says started ./control status
    check "it has said so itself" grep -q "^$first 1.0.0 " var/heartbeat
    check "a second start succeeds" ./control start
    check "and starts nothing" [ "$(agent_pid)" = "$first" ]
    check "status works from another folder" says started env -C / "$PWD/control" status
    check "the agent holds no lock" flock -n var/lock true
    check "status starts no process" not sh -c \
        'strace -f -qq -e trace=fork,vfork,clone,clone3 ./control status 2>&1 | grep -q clone'

    kill_hard "$first"
    check "a killed agent is stoped" says stoped ./control status
    check "and can be started" ./control start
    remember_agent
    second=$(agent_pid)
    check "as a new process" [ "$second" != "$first" ]
    check "stop succeeds" ./control stop
    check "the agent is really gone" is_gone "$second"
    check "and stoped" says stoped ./control status

    sleep 60 & # somebody else's process
    foreign=$!
    agents="$agents $foreign"
    read -r boot </proc/sys/kernel/random/boot_id
    echo "$foreign 1 $boot" >var/pid
    check "a recycled pid is not the agent" says stoped ./control status
    check "stop spares it" ./control stop
    check "it lives" kill -0 "$foreign"
    ./control start
    remember_agent
    third=$(agent_pid)
    read -r pid time boot <var/pid
    echo "$pid $time another-boot" >var/pid
    check "a pid file of another boot is stale" says stoped ./control status
    echo "$pid $time $boot" >var/pid
    for junk in "" "x" "-1 2 3" "999999999 1 $boot" "1"; do
        echo "$junk" >var/pid
        check "junk in the pid file is stoped: '$junk'" says stoped ./control status
    done
    echo "$pid $time $boot" >var/pid
    check "the agent outlives its starter's session" says started ./control status
    kill -STOP "$third" # it will not answer SIGTERM
    sed -i 's/^gone_within=.*/gone_within=3/' control
    check "an agent that does not end is killed" ./control stop
    check "and gone" is_gone "$third"
    kill "$foreign"

    new_agent
    printf '#!%s\nexit 3\n' "$interpreter" >hello-agent
    check "an agent that ends at once fails the start" not ./control start
    check "which says its exit code" grep -q 'code 3' "$work/output"
    check "it is stoped" says stoped ./control status
    printf '#!%s\necho $$ >var/hung\nexec sleep 60\n' "$interpreter" >hello-agent
    sed -i 's/^up_within=.*/up_within=5/' control
    check "an agent that does not come up fails the start" not ./control start
    check "and is not left behind" is_gone "$(cat var/hung)"
    check "an unknown verb is refused" not ./control restart
}

test_in_own_session() {
    new_agent
    check "start in a session of its own" setsid -w ./control start
    remember_agent
    check "the agent survives the session leader" says started ./control status
    check "a hang-up does not end it" kill -HUP "$(agent_pid)"
    check "it is still started" says started ./control status
    ./control stop
    starters=
    for _ in 1 2 3 4; do
        ./control start >>var/output 2>&1 &
        starters="$starters $!"
    done
    # shellcheck disable=SC2086 # a list of pids
    wait $starters
    remember_agent
    check "four starts at once leave one agent" [ "$(grep -c ': up$' var/output)" = 1 ]
    ./control stop
}

test_pack() {
    new_agent
    mkdir "$work/out" "$work/again"
    check "pack makes a release" "$examples/pack" -o "$work/out" "$work/1.0.0" hello-agent 1.0.0
    check "and says what to write" grep -q 'hello-agent: {version: 1.0.0, cmd: start, sha256: ' \
        "$work/output"
    cd "$work/out" || exit 1
    check "the md5 is right" md5sum --strict -c hello-agent-1.0.0.tar.gz.md5
    check "the sha256 is right" sha256sum --strict -c hello-agent-1.0.0.tar.gz.sha256
    check "control is at the root" tar -tzf hello-agent-1.0.0.tar.gz control
    touch "$work/1.0.0/control"
    "$examples/pack" -o "$work/again" "$work/1.0.0" hello-agent 1.0.0 >/dev/null
    check "packed later, it is the same" cmp hello-agent-1.0.0.tar.gz \
        "$work/again/hello-agent-1.0.0.tar.gz"
    check "packed over itself too" "$examples/pack" "$work/1.0.0" hello-agent 1.0.0
    echo more >"$work/1.0.0/more"
    check "other content under the same version is refused" not \
        "$examples/pack" "$work/1.0.0" hello-agent 1.0.0
    check "unless forced" "$examples/pack" -f "$work/1.0.0" hello-agent 1.0.0
    check "nothing else is left" says "$(printf '%s\n' hello-agent-1.0.0.tar.gz \
        hello-agent-1.0.0.tar.gz.md5 hello-agent-1.0.0.tar.gz.sha256)" ls -A
    for word in "" "-x" "a/b" ".x" "a b" "ops-updater-x"; do
        check "no agent is called '$word'" not "$examples/pack" "$work/1.0.0" "$word" 1.0.0
    done
    check "no version is called ../1" not "$examples/pack" "$work/1.0.0" hello-agent ../1
    mkfifo "$work/1.0.0/pipe"
    check "a pipe is refused" not "$examples/pack" "$work/1.0.0" hello-agent 1.0.1
    rm "$work/1.0.0/pipe"
    chmod -x "$work/1.0.0/control"
    check "so is a control that is not executable" not \
        "$examples/pack" "$work/1.0.0" hello-agent 1.0.1
    chmod +x "$work/1.0.0/control"
    command -v minisign >/dev/null || return 0
    minisign -G -W -p "$work/key.pub" -s "$work/key.sec" >/dev/null
    check "pack signs" "$examples/pack" -s "$work/key.sec" "$work/1.0.0" hello-agent 1.0.1
    check "and the signed comment is the file's name" says "file:hello-agent-1.0.1.tar.gz" \
        minisign -VQ -p "$work/key.pub" -m hello-agent-1.0.1.tar.gz
}

[ $# -gt 0 ] || set -- dash bash busybox
for shell in "$@"; do
    interpreter=$(command -v "$shell") || continue
    [ "$shell" != busybox ] || interpreter="$interpreter sh"
    test_control
    test_in_own_session
done
shell=pack
test_pack
[ "$failed" = 0 ] || echo "$failed wrong"
[ "$failed" = 0 ]
