#!/bin/sh
# The pass as a careful administrator would write it in shell: what ops-updater is measured against.
# usage: pass.sh OPS_DIR URL HOSTNAME
# One curl for the report and one for both files of a download; one jq to write the report and one to
# read the answer; no program for what the shell can do itself. It has no retries, no rollback and no
# memory, and nothing that it writes is synced. A script that hangs must not end all later passes, so
# each runs under timeout(1); with an empty `limit` in the environment they do not.
# shellcheck disable=SC2086 # $short and $long are words or nothing
set -eu
ops=$1 url=$2 host=$3
short=${limit-timeout 10}
long=${limit-timeout 60}
tab=$(printf '\t')

exec 9<"$ops"
flock -n 9 || exit 75
cd "$ops"

# --- report --------------------------------------------------------------------------------------
status_of() { # AGENT VERSION
    case $(cd "$1/$2" && exec $short ./control status 9<&-) in
        *started*) state=started ;;
        *stoped* | *stopped*) state=stoped ;;
        *) state=unknown ;;
    esac
}

lines=
for file in */.version; do
    [ -f "$file" ] || continue
    agent=${file%/.version}
    read -r version <"$file"
    status_of "$agent" "$version"
    lines="$lines$agent $version $state
"
done
report=$(printf %s "$lines" |
    jq -cRn '[inputs / " " | {name: .[0], version: .[1], status: .[2]}]')
answer=$(printf %s "$report" |
    curl -fsS --max-time 30 -H 'Content-Type: application/json' -H "X-Ops-Hostname: $host" \
        --data-binary @- "$url")

# --- reconcile -----------------------------------------------------------------------------------
wait_for() { # AGENT VERSION STATE
    tries=0
    while status_of "$1" "$2" && [ "$state" != "$3" ]; do
        tries=$((tries + 1))
        [ "$tries" -le 3000 ] || return 1
        sleep 0.02
    done
}

stage() { # AGENT VERSION TARBALL_PREFIX MD5_PREFIX
    file=$1-$2.tar.gz
    [ ! -x "$1/$2/control" ] || [ -e "$1/$2/$file" ] || return 0
    mkdir -p "$1/$2"
    (
        cd "$1/$2"
        curl -fsS --max-time 900 -o "$file.md5" "$4/$file.md5" -o "$file" "$3/$file"
        md5sum --quiet -c "$file.md5"
        tar -xzf "$file" --no-same-owner
        rm "$file" "$file.md5"
    ) 9<&-
}

reconcile() { # AGENT CURRENT STATE VERSION CMD TARBALL_PREFIX MD5_PREFIX; "-" for no CURRENT
    state=$3
    if [ "$2" != "$4" ]; then
        stage "$1" "$4" "$6" "$7"
        if [ "$2" != - ] && [ "$state" != stoped ]; then
            (cd "$1/$2" && exec $long ./control stop 9<&-)
            wait_for "$1" "$2" stoped
        fi
        echo "$4" >"$1/.version.new"
        mv "$1/.version.new" "$1/.version"
        state=stoped
    fi
    if [ "$5" = start ] && [ "$state" != started ]; then
        (cd "$1/$4" && exec $long ./control start >>../control.log 2>&1 9<&-)
        wait_for "$1" "$4" started
    elif [ "$5" = stop ] && [ "$state" != stoped ]; then
        (cd "$1/$4" && exec $long ./control stop 9<&-)
        wait_for "$1" "$4" stoped
    fi
}

printf %s "$answer" |
    jq -r --argjson mine "$report" '
        ($mine | map({(.name): .}) | add) as $now | .[] | $now[.name] as $is
        | [.name, $is.version // "-", $is.status // "stoped", .version, .cmd, .tarball,
           (if .md5 == "" then .tarball else .md5 end)]
        | @tsv' |
    while IFS=$tab read -r name current state version cmd tarball md5; do
        reconcile "$name" "$current" "$state" "$version" "$cmd" "$tarball" "$md5"
    done
