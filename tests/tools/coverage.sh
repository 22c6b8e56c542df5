#!/bin/sh
# SPDX-License-Identifier: MIT
# What part of src/ the tests run; make coverage calls it. Builds a copy of the tree with gcc --coverage, runs the unit
# tests and the live tests that reach the other lines (LB_COVERAGE_TESTS, if set), and prints for each file the number of
# lines, the share that was run, and the lines that were not. Fails below LB_COVERAGE_LEAST percent, 99 by default.
set -eu

least=${LB_COVERAGE_LEAST:-99}
live=${LB_COVERAGE_TESTS-$(printf 'tests/live/%s.py ' errors explain fault_matrix netns probe processes recording)}
folder=$LB_BUILDDIR/coverage
log=$folder/log

failed() {
    tail -n 60 "$log" >&2
    echo "coverage: $1; the whole output is in $log" >&2
    exit 1
}

chmod -R u+w "$folder" 2>/dev/null || true
rm -rf "$folder"
mkdir -p "$folder/build"
# A copy of what is distributed: a source folder in which somebody has run configure cannot be configured from outside.
"${MAKE:-make}" -C "$LB_BUILDDIR" distdir distdir="$folder/tree" >"$log" 2>&1 || failed 'copying the tree failed'
cd "$folder/build"
# config.status prints the arguments of configure quoted for a shell. Later ones take precedence.
eval "set -- $("$LB_BUILDDIR/config.status" --config)"
../tree/configure "$@" --disable-sanitizers CC=gcc CFLAGS='-g -O0 --coverage -fprofile-update=atomic' \
    >>"$log" 2>&1 || failed 'configure failed'
"${MAKE:-make}" -j2 >>"$log" 2>&1 || failed 'the build failed'
"${MAKE:-make}" -j2 check TESTS= >>"$log" 2>&1 || failed 'building the tests failed'
# A failure here is not judged: make check does that, with a build that is not so slow.
"${MAKE:-make}" -k -j4 check SHELL_TESTS= "LIVE_TESTS=$live" >>"$log" 2>&1 || true
grep -E '^(FAIL|XPASS|SKIP|ERROR): ' "$log" | sed 's/^/not passed: /' || true

# gcov looks for the sources from where the compiler was.
objects=$(find src -name '*.gcno')
# shellcheck disable=SC2086
gcov -t $objects 2>>"$log" | awk -v least="$least" '
    BEGIN { FS = ":" }
    { count = $1; line = $2; gsub(/ /, "", count); gsub(/ /, "", line) }
    line == 0 && $3 == "Source" {
        file = $4
        if (!sub(/^.*\/tree\/src\//, "src/", file))
            file = ""
        next
    }
    file == "" || count == "-" || line == 0 { next }
    {
        key = file SUBSEP line
        if (!(key in seen)) {
            if (!(file in lines))
                files[++n] = file
            seen[key] = 1
            lines[file]++
            order[file, lines[file]] = line
        }
        if (count !~ /^[#=]+$/)
            run[key] = 1
    }
    END {
        for (i = 1; i <= n; i++)
            for (j = i + 1; j <= n; j++)
                if (files[j] < files[i]) { swap = files[i]; files[i] = files[j]; files[j] = swap }
        for (i = 1; i <= n; i++) {
            file = files[i]
            covered = 0
            missing = ""
            for (j = 1; j <= lines[file]; j++) {
                line = order[file, j]
                if ((file, line) in run)
                    covered++
                else if (j - covered <= 15)
                    missing = missing " " line
            }
            printf "%-32s %5d lines %7.2f %%%s\n", file, lines[file], 100 * covered / lines[file],
                missing == "" ? "" : "  not" missing (lines[file] - covered > 15 ? " ..." : "")
            total += lines[file]
            total_covered += covered
        }
        if (total == 0)
            exit 1
        percent = 100 * total_covered / total
        printf "%-32s %5d lines %7.2f %%\n", "src", total, percent
        if (percent < least) {
            printf "coverage: less than %s %%\n", least
            exit 1
        }
    }'
