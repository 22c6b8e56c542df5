#!/bin/sh
# SPDX-License-Identifier: MIT
# check-dist.sh: make dist makes the same tarball, bit by bit, in any directory, at any time and for any user. TAP.
set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL TAR_OPTIONS GZIP
SOURCE_DATE_EPOCH=1700000000 && export SOURCE_DATE_EPOCH

src=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
scratch

# Only the sources that belong in a tarball, without the files that a build has left
sources() { # sources TARBALL DIR
    mkdir -p "$2" && tar -xzf "$1" -C "$2" --strip-components=1 && (
        cd "$2" && rm -rf configure aclocal.m4 Makefile.in build-aux
    )
}

dist() { # dist SOURCE BUILD: makes the tarball of SOURCE in BUILD
    mkdir -p "$2" && cd "$2" && "$1/configure" --cache-file="$tmp/cache" && make dist
}

first() {
    (umask 022 && sources "$1" "$tmp/one" && cd "$tmp/one" && autoreconf -fi && dist "$tmp/one" "$tmp/one") || return
    copied=$(tar -tzf "$tmp/one/$tarball" | grep '/m4/' | grep -v '/$' | grep -v '/collectd\.m4$')
    [ -z "$copied" ] || { echo "libtool's macros are in it: $copied" && return 1; }
    date=$(tar -tvzf "$tmp/one/$tarball" | awk '{ print $4 }' | sort -u)
    [ "$date" = 2023-11-14 ] || { echo "of $date" && return 1; }
}

# With another directory, out of tree, another umask, time, time zone, language and home
second() {
    (
        umask 077
        export TZ=Asia/Kolkata LC_ALL=C.UTF-8 HOME="$tmp"
        sources "$1" "$tmp/two/deeper" && cd "$tmp/two/deeper" && find . -exec touch -d '2001-02-03 04:05' {} + &&
            autoreconf -fi && dist "$tmp/two/deeper" "$tmp/two/build"
    )
}

from_tarball() {
    (
        unset SOURCE_DATE_EPOCH
        mkdir "$tmp/three" && tar -xzf "$tmp/one/$tarball" -C "$tmp/three" &&
            dist "$tmp/three/${tarball%.tar.gz}" "$tmp/three/build"
    )
}

same() { # same TARBALL: what it is that differs
    ! cmp "$tmp/one/$tarball" "$1" || return 0
    tar -tvzf "$tmp/one/$tarball" >"$tmp/a"
    tar -tvzf "$1" | diff "$tmp/a" -
    return 1
}

[ $# = 1 ] || { echo "Usage: $0 TARBALL" >&2 && exit 2; }
given=$(realpath "$1")
tarball=$(basename "$1")
echo 1..5
check 'make dist, with the date that was asked for' first "$given"
check 'make dist elsewhere, at another time, by another user' second "$given"
check 'both are the same' same "$tmp/two/build/$tarball"
check 'make dist of what was in the tarball' from_tarball
check 'that is the same, too' same "$tmp/three/build/$tarball"
all_ok
