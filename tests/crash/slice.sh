#!/bin/sh
# A slice of the crash campaign, short enough for `make test` (`make crash-test` runs all of it).
set -eu
if ! strace -o /dev/null true 2>/dev/null; then
    echo "crash slice: skipped, nothing may be traced here"
    exit 0
fi
campaign=$(dirname "$OPS_UPDATER")/crash-test
calls=rename,renameat2,unlink,mkdir,fsync,syncfs,openat,clone3,exit_group
"$campaign" --kills --max 8 --jobs 4 --syscall "$calls"
"$campaign" --errors --max 8 --jobs 4 --syscall "$calls" --scenario upgrade
"$campaign" --power --max 6
