#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: run.sh [TARGET]..., by way of make fuzz, which says where all is: runs each fuzz target for
# FUZZ_SECONDS, FUZZ_JOBS at once, and prints a table. Fails where there is a finding.
#
# What it makes is in fuzz/run/ of the build folder: corpus/, findings/, and a log of each target. The
# corpus is kept from run to run. Coverage is that of the corpus in the end, by gcov.
set -eu

seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}
targets=${*:-listeners conns unix_names pending netstat port_filter recording samples options}
work=$LB_BUILDDIR/fuzz/run

# The sources of which a target is to reach all, and how long its inputs are at most.
about() {
    case $1 in
    listeners) echo 4096 answer inet_diag ;;
    conns) echo 4096 answer inet_diag ;;
    unix_names) echo 4096 answer unix_diag unix_name unix_names ;;
    pending) echo 2048 answer unix_diag ;;
    netstat) echo 4096 netstat ;;
    port_filter) echo 260 port_filter ;;
    recording) echo 49152 replay source monitor collector socket_table inspection ;;
    samples) echo 2048 collector socket_table attribution listeners listener_chains listener_labels hints unix_files inspection ;;
    options) echo 2048 options options_values options_settings settings netns_spec address label label_registry ports \
        listeners listener_chains listener_labels ;;
    *) echo "run.sh: no such target: $1" >&2 && exit 2 ;;
    esac
}

die() {
    echo "run.sh: $*" >&2
    exit 1
}

# The calls that a target answers itself.
wraps() {
    [ "$1" != recording ] || echo -Wl,--wrap=lb_netns_list,--wrap=lb_netns_identify,--wrap=lb_netns_processes_find
}

# build DIRECTORY MAIN COMPILER FLAG...: the core and the targets
build() {
    out=$work/$1 main=$2
    shift 2
    mkdir -p "$out"
    # shellcheck disable=SC2086
    core=$(printf '%s\n' $LB_SOURCES | sed -n "s|.*\.c$|$LB_SRCDIR/&|p")
    objects=$(printf '%s\n' "$core" | sed 's|.*/\(.*\)c$|\1o|')
    # shellcheck disable=SC2046,SC2086
    (cd "$out" && printf '%s\n' $core $(printf "$LB_SRCDIR/fuzz/fuzz_%s.c " $targets) |
        xargs -P "$(nproc)" -n 1 "$@" -std=gnu11 -D_GNU_SOURCE -g -pthread $LB_CPPFLAGS -c) || return
    for target in $targets; do
        # shellcheck disable=SC2046,SC2086
        (cd "$out" && "$@" $LB_CPPFLAGS -D_GNU_SOURCE $main "fuzz_$target.o" $objects $LB_LIBS -pthread \
            $(wraps "$target") -o "fuzz_$target") || return
    done
}

# The folders in which a target's seeds are.
seeds() {
    for folder in "$LB_SRCDIR/fuzz/seeds/$1" "$LB_BUILDDIR/fuzz/recorded/$1"; do
        [ ! -d "$folder" ] || printf '%s\n' "$folder"
    done
}

fuzz() {
    target=$1
    about=$(about "$target")
    set -- -max_total_time="$seconds" -max_len="${about%% *}" -timeout=20 -print_final_stats=1 \
        -artifact_prefix="$work/findings/$target-"
    [ ! -e "$LB_SRCDIR/fuzz/$target.dict" ] || set -- "$@" -dict="$LB_SRCDIR/fuzz/$target.dict"
    mkdir -p "$work/corpus/$target"
    status=0
    # shellcheck disable=SC2046
    ASAN_OPTIONS=quarantine_size_mb=8:allow_addr2line=1 "$work/clang/fuzz_$target" "$@" \
        "$work/corpus/$target" $(seeds "$target") >"$work/$target.log" 2>&1 || status=$?
    echo "$status" >"$work/$target.status"
}

# Of each source that these targets are for: its name, the lines in percent that their corpus reaches,
# and the functions that it does not.
coverage() {
    rm -f "$work"/gcc/*.gcda
    for target; do
        # shellcheck disable=SC2046
        (cd "$work/gcc" && ./fuzz_"$target" "$work/corpus/$target" $(seeds "$target")) >/dev/null 2>&1 || :
    done
    for target; do about "$target" | cut -d ' ' -f 2- | tr ' ' '\n'; done | sort -u | while read -r source; do
        (cd "$work/gcc" && gcov -n -f "$source.gcda" 2>/dev/null) | awk -v source="$source" '
            /^Function/ { name = $2; gsub(/\047/, "", name); next }
            /^File/ { name = ""; here = index($0, "/" source ".c\047") > 0; next }
            /^Lines executed:/ {
                split($0, part, /[:%]/)
                if (name != "") { if (part[2] == 0) absent = absent " " name }
                else if (here) { percent = part[2]; here = 0 }
            }
            END { printf "%s %.0f%s\n", source, percent, absent }'
    done
}

row() {
    target=$1
    number=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$work/$target.log")
    findings=0
    [ "$(cat "$work/$target.status")" = 0 ] || findings=1
    reached=$(coverage "$target" | awk '{ printf "%s%s %s %%", (NR == 1 ? "" : ", "), $1, $2 }')
    printf '%-10s %12s %9s %8s  %s\n' "$target" "${number:-?}" "${speed:-?}" "$findings" "$reached"
}

if [ "${1-}" = --one ]; then
    fuzz "$2"
    exit 0
fi
for target in $targets; do about "$target" >/dev/null; done
command -v "$FUZZ_CC" >/dev/null || die "no $FUZZ_CC here: install clang and libclang-rt-dev (Debian)"
rm -rf "$work/findings" "$work/clang" "$work/gcc"
mkdir -p "$work/findings"
build clang -fsanitize=fuzzer "$FUZZ_CC" -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all ||
    die "the fuzz targets cannot be built with $FUZZ_CC: is libclang-rt-dev (Debian) there?"
build gcc "$LB_SRCDIR/fuzz/replay.c" gcc -O0 --coverage
# shellcheck disable=SC2086
printf '%s\n' $targets | xargs -P "$jobs" -n 1 "$0" --one

printf '%-10s %12s %9s %8s  %s\n' target executions per_s findings 'lines reached'
for target in $targets; do row "$target"; done
echo
echo 'lines reached by all of them:'
# shellcheck disable=SC2086
coverage $targets | awk '{
    printf "%-12s %3s %%", $1 ".c", $2
    for (i = 3; i <= NF; i++) printf "%s %s", (i == 3 ? ", not called:" : ""), $i
    print "" }'
failed=0
for target in $targets; do
    [ "$(cat "$work/$target.status")" = 0 ] && continue
    failed=1
    echo
    echo "$target:"
    grep -m 1 -e 'not so' -e 'runtime error' -e '^SUMMARY' -e ERROR "$work/$target.log" || tail -n 3 "$work/$target.log"
    find "$work/findings" -name "$target-*" | sed "s|.*|again: $LB_BUILDDIR/fuzz/fuzz_$target &|"
done
exit "$failed"
