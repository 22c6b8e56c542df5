#!/bin/sh
# SPDX-License-Identifier: MIT
# The module exports what collectd asks it for and nothing else; and built with the distribution's flags, as its
# packages are, it and the probe have all that these flags are for. TAP; run by make check.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

# shellcheck source=tests/tap.sh
. "$LB_SRCDIR/tests/tap.sh"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
module=$tmp/.libs/listen_backlog.so
probe=$tmp/listen_backlog-probe

exports() { # exports FILE: module_register, and nothing else
    nm -D --defined-only "$1" | tee "$tmp/symbols"
    [ "$(cut -d' ' -f3 "$tmp/symbols")" = module_register ]
}

build() {
    command -v dpkg-buildflags >/dev/null || { echo 'dpkg-buildflags is not installed' && return 1; }
    flags=$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --export=configure) || return 1
    cd "$tmp" && eval "\"\$LB_SRCDIR/configure\" CC=\"\$CC\" --disable-dependency-tracking $flags" &&
        make -j2 listen_backlog.la listen_backlog-probe
}

has() { # has PATTERN OPTION FILE: readelf with this option shows it
    readelf -W "$2" "$3" | grep -qE -- "$1"
}

relro() { has 'GNU_RELRO' -l "$1" && has '(BIND_NOW|FLAGS.*NOW)' -d "$1"; }
no_executable_stack() { has 'GNU_STACK .* RW ' -l "$1"; }
stack_protector() { has '__stack_chk_fail' --dyn-syms "$1"; }
# _chk is what fortify makes of snprintf() and the like.
fortify() { has '__(v?snprintf|memcpy|read|vfprintf|fprintf|printf)_chk' --dyn-syms "$1"; }
position_independent() { has 'Type: +DYN' -h "$1" && ! has TEXTREL -d "$1"; }

echo 1..13
check 'the module exports module_register alone' exports "$LB_PLUGIN"
check "it builds with the distribution's flags" build
for file in "$module" "$probe"; do
    name=$(basename "$file")
    check "$name: full RELRO" relro "$file"
    check "$name: no executable stack" no_executable_stack "$file"
    check "$name: stack protector" stack_protector "$file"
    check "$name: fortify" fortify "$file"
    check "$name: position-independent, no text relocations" position_independent "$file"
done
check 'so built it exports no more' exports "$module"
