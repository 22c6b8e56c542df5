#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs all tools that read the sources without running them; make lint calls it. LB_LINT_INCLUDES: the -I options with
# which the sources compile. LB_LINT_TESTS=no: clang-tidy, which takes longest, leaves the tests out.
set -u
export LC_ALL=C

cd "${LB_SRCDIR:-.}" || exit 1
jobs=$(nproc)
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
failed=

# need COMMAND PACKAGE
need() {
    command -v "$1" >/dev/null && return
    echo "lint: $1 is missing: install the Debian package $2" >&2
    failed=yes
}

need gcc gcc
need clang-tidy clang-tidy
need cppcheck cppcheck
need shellcheck shellcheck
need pyflakes3 pyflakes3
[ -z "$failed" ] || exit 1

# scripts FIRST-LINE NAME: the files whose first line or name matches
scripts() {
    find . -type d \( -name '.?*' ! -name .ci -o -name build -o -name build-\* -o -name autom4te.cache \
        -o -name listen_backlog-\* \) -prune -o -type f -exec awk -v line="$1" -v name="$2" \
        '$0 ~ line || FILENAME ~ name { print FILENAME } { nextfile }' {} + | sort
}

# each COMMAND: runs "COMMAND FILE" for each file on stdin, in parallel; prints the output of those that fail
each() {
    # shellcheck disable=SC2016
    xargs -P "$jobs" -n 1 sh -c 'said=$($1 "$2" 2>&1) || { printf "%s\n" "$said"; exit 1; }' sh "$1"
}

# begin NAME VERSION, end STATUS: print the result of one tool
begin() {
    printf '%s %s: ' "$1" "$2"
    start=$(date +%s)
}

end() {
    if [ "$1" = 0 ]; then
        echo "clean ($(($(date +%s) - start)) s)"
    else
        echo "FINDINGS ($(($(date +%s) - start)) s)"
        grep -v '^[0-9]* warnings* generated\.$' "$scratch/said"
        failed=yes
    fi
}

number() { sed -n 's/[^0-9]*\([0-9][0-9.]*\).*/\1/p' | head -n 1; }

# LB_VERSION: any string.
flags="-std=gnu11 -D_GNU_SOURCE= -DHAVE_CONFIG_H -DLB_VERSION=__FILE__ -Isrc ${LB_LINT_INCLUDES-}"
# cmocka's assertions, so that what follows them can be understood.
test_flags="$flags -Itests/support -Ibench -include tests/tools/lint.h"
# For dispatch6.c and its test: these headers stand in for those of collectd 6.
flags6="-isystem tests/support/collectd6 $test_flags"
find src -name '*.c' | sort >"$scratch/sources"
find tests fuzz bench -name '*.c' 2>/dev/null | sort >"$scratch/tests"
cat "$scratch/sources" "$scratch/tests" >"$scratch/all"

begin clang-tidy "$(clang-tidy --version | number)"
cat >"$scratch/tidy" <<'END'
case $1 in
*dispatch6.c) exec clang-tidy --quiet "$1" -- $flags6 ;;
src/*) exec clang-tidy --quiet "$1" -- $flags ;;
*) exec clang-tidy --quiet "$1" -- $test_flags ;;
esac
END
export flags flags6 test_flags
tidied=$scratch/all
[ "${LB_LINT_TESTS-}" != no ] || tidied=$scratch/sources
each "sh $scratch/tidy" <"$tidied" >"$scratch/said" 2>&1
end $?

# Without optimisation, which inlines and splits functions, it is right more often. Before 13 it does not follow what is
# stored through a pointer to a pointer. Whether a test leaks, and reads what was never written, the sanitizers see.
version=$(gcc -dumpversion)
analyzer='gcc -O0 -fanalyzer -Werror -c -o /dev/null'
case $version in
[0-9] | 1[0-2]) analyzer="$analyzer -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value" ;;
esac
begin 'gcc -fanalyzer' "$version"
grep -v dispatch6 "$scratch/sources" | each "$analyzer $flags" >"$scratch/said" 2>&1
status=$?
grep dispatch6 "$scratch/sources" | each "$analyzer $flags6" >>"$scratch/said" 2>&1 || status=1
end $status

begin cppcheck "$(cppcheck --version | number)"
cppcheck -q -j "$jobs" --enable=warning,style,performance,portability --inline-suppr --error-exitcode=1 \
    --std=c11 --suppressions-list=tests/tools/cppcheck.suppressions -D_GNU_SOURCE -Isrc -Itests/support \
    --file-list="$scratch/all" >"$scratch/said" 2>&1
end $?

begin shellcheck "$(shellcheck --version | sed -n 's/^version: //p')"
scripts '^#!/bin/(ba)?sh' '[.]sh$' | each 'shellcheck -x' >"$scratch/said" 2>&1
end $?

# The live tests import all names of their package, whose __init__.py has no use for them itself. Some only hold a socket.
begin pyflakes "$(pyflakes3 --version | number)"
scripts '^#!.*python' '[.]py$' | xargs pyflakes3 2>&1 |
    grep -vE "unable to detect undefined names|or defined from star imports|is assigned to but never used|__init__.py:.*unused" \
        >"$scratch/said"
[ ! -s "$scratch/said" ]
end $?

[ -z "$failed" ]
