#!/bin/sh
# SPDX-License-Identifier: MIT
# check-rpm.sh DIR: checks the packages that build-rpm.sh made in DIR. TAP.
set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL

[ $# = 1 ] || { echo "Usage: $0 DIR" >&2 && exit 2; }
src=$(cd "$(dirname "$0")/.." && pwd)
dir=$(cd "$1" && pwd) || exit 1
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
scratch

rpmlint_is_silent() {
    said=$(rpmlint -c "$src/packaging/rpmlint.toml" "$dir"/SRPMS/*.rpm "$dir"/RPMS/*/*.rpm \
        "$src"/packaging/*.spec 2>&1) || { printf '%s\n' "$said" && return 1; }
    ! printf '%s\n' "$said" | grep -E ': [EW]: '
}

# The two packages together have exactly the files of make install, and the licence
files_are() {
    make -s install DESTDIR="$tmp/installed" plugindir=/plugins docdir=/doc bindir=/bin mandir=/man pkgdatadir=/data \
        exampledir=/doc/examples docsubdir=/doc/doc >"$tmp/log" 2>&1 || { cat "$tmp/log" && return 1; }
    (cd "$tmp/installed" && find . -type f ! -name LICENSE | sed 's|.*/||' | sort) >"$tmp/wanted"
    rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$dir"/RPMS/*/*.rpm |
        sed -n '/^-.*LICENSE$/d; s/\.gz$//; s|^-.*/||p' | sort >"$tmp/files"
    diff -u "$tmp/wanted" "$tmp/files"
}

requires_are() { # requires_are PACKAGE LINE...
    package=$1 status=0
    shift
    rpm -qp --requires "$dir"/RPMS/*/"$package"-0*.rpm >"$tmp/requires"
    for line; do
        grep -qxF "$line" "$tmp/requires" || { echo "$package does not require $line" && status=1; }
    done
    return $status
}

unpacks() {
    mkdir "$tmp/root" && cd "$tmp/root" && for package in "$dir"/RPMS/*/*.rpm; do
        rpm2cpio "$package" | cpio -id --quiet || return
    done
}

programs_run() {
    "$tmp/root/usr/bin/listen_backlog-probe" --version && "$tmp/root/usr/bin/listen_backlog-graph" --version
}

hardened() {
    plugin=$(find "$tmp/root" -name listen_backlog.so) && [ -n "$plugin" ] &&
        "$src/packaging/check-elf.sh" "$plugin" "$tmp/root/usr/bin/listen_backlog-probe"
}

isa=$(rpm --eval '%{?_isa}')
echo 1..7
check 'rpmlint has nothing to say' rpmlint_is_silent
check 'the files are those of make install' files_are
check 'the plugin depends on the series of collectd it was built for' \
    requires_are collectd-listen-backlog "collectd$isa >= 5.12" "collectd$isa < 5.13"
check 'the graph needs no plugin' requires_are collectd-listen-backlog-graph /usr/bin/python3 rrdtool
check 'they unpack' unpacks
check 'the programs run' programs_run
check 'plugin and probe are hardened' hardened
all_ok
