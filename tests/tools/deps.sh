#!/bin/sh
# Installs the Debian packages that a target needs, where they are missing.
# usage: deps.sh build|demo|test|lint|fuzz|bench|package
set -eu

case "${1:-}" in
    build) packages="g++ make libcurl4-openssl-dev zlib1g-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev" ;;
    demo) packages="libcpp-httplib-dev libssl-dev" ;;
    test) packages="doctest-dev libcpp-httplib-dev libssl-dev openssl curl strace procps" ;;
    lint) packages="clang clang-format clang-tidy cppcheck shellcheck mandoc systemd
        libcpp-httplib-dev libssl-dev" ;;
    fuzz) packages="clang libclang-rt-14-dev" ;;
    bench) packages="curl jq strace libcpp-httplib-dev libssl-dev" ;;
    package) packages="dpkg-dev fakeroot" ;;
    *) echo "usage: $0 build|demo|test|lint|fuzz|bench|package" >&2; exit 64 ;;
esac

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "missing Debian packages; as root: apt-get install$missing" >&2
    exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # lists of words
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
