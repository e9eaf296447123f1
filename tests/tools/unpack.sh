#!/bin/sh
# Unpacks Debian packages under a folder without installing them: for tools that only tests need.
# usage: unpack.sh DIR PACKAGE…      e.g. unpack.sh build/tools/nginx nginx
# Does nothing where DIR holds these packages already. Needs no root as long as the machine's apt
# lists are there; dependencies are not followed, so name each package that is needed.
set -eu

[ $# -ge 2 ] || { echo "usage: $0 DIR PACKAGE…" >&2; exit 64; }
dir=$1
shift
stamp="$dir/.unpacked"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ]; then
    exit 0
fi

mkdir -p "$(dirname "$dir")"
dir=$(cd "$(dirname "$dir")" && pwd)/$(basename "$dir")
fresh=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$fresh/debs" "$fresh/root"
log="$fresh/log"

download() (
    cd "$fresh/debs"
    apt-get -qq -o APT::Sandbox::User=root download "$@" >"$log" 2>&1
)

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

if ! download "$@"; then
    # The lists may be missing, or so old that the mirror has dropped what they name.
    if ! as_root apt-get -qq update >>"$log" 2>&1 || ! download "$@"; then
        cat "$log" >&2
        echo "$0: cannot download: $*" >&2
        exit 1
    fi
fi
for deb in "$fresh"/debs/*.deb; do
    dpkg -x "$deb" "$fresh/root"
done
chmod 755 "$fresh/root"
echo "$*" >"$fresh/root/.unpacked"
rm -rf "$dir"
mv "$fresh/root" "$dir"
