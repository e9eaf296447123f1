#!/bin/bash
# Format, clang-tidy, cppcheck, shellcheck, man page, units. Prints what is wrong; the last line counts.
# usage: lint.sh [VERSION]
set -u
cd "$(dirname "$0")/../.." || exit 1
tests/tools/deps.sh lint || exit 1

passed=0 failed=0
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '=== %s\n%s\n' "$name" "$output"
    fi
}

mapfile -t code < <(git ls-files '*.cpp' '*.hpp')
mapfile -t sources < <(git ls-files 'src/*.cpp' 'examples/*.cpp')
mapfile -t scripts < <(git ls-files | xargs grep -lE '^#!/bin/(ba)?sh' | grep -v '\.md$')
flags=(-std=c++20 -Isrc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DOPS_UPDATER_VERSION="0"')

tidy() {
    printf '%s\0' "${sources[@]}" |
        xargs -0 -n 4 -P "$(nproc)" sh -c 'clang-tidy --quiet "$@" -- '"$(printf "'%s' " "${flags[@]}")" sh
}
# --suppress: what it cannot know of libraries; style hints that go against the project's style.
static_analysis() {
    cppcheck --quiet --std=c++20 --language=c++ --enable=warning,performance,portability \
        --inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
        --suppress=unknownMacro -j "$(nproc)" -Isrc -D_GNU_SOURCE '-DOPS_UPDATER_VERSION="0"' \
        "${sources[@]}"
}
man_page() {
    [ -z "$(mandoc -T lint -W warning src/man/ops-updater.8 2>&1 | tee /dev/stderr)" ]
}
units() {
    # verify wants the program at its place; a copy of the units names one that is there.
    local dir status=0
    dir=$(mktemp -d)
    for unit in service timer; do
        sed 's|/usr/sbin/ops-updater|/bin/true|' "cron/ops-updater.$unit" >"$dir/ops-updater.$unit"
    done
    systemd-analyze verify --man=no "$dir/ops-updater.service" "$dir/ops-updater.timer" || status=1
    rm -r "$dir"
    return "$status"
}

check "clang-format" clang-format --dry-run -Werror "${code[@]}"
check "shellcheck" shellcheck -x --source-path=SCRIPTDIR "${scripts[@]}" src/completion/ops-updater.bash
check "cppcheck" static_analysis
check "man page" man_page
check "systemd units" units
check "clang-tidy" tidy
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
