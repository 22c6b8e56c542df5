#!/bin/sh
# SPDX-License-Identifier: MIT
# The module exports what collectd asks it for and nothing else; and built with the distribution's flags, as its
# packages are, it and the probe have all that these flags are for. TAP; run by make check.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

# shellcheck source=tests/support/tap.sh
. "$LB_SRCDIR/tests/support/tap.sh"
scratch
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

# Of what they would be in a package, which has no debugging sections.
hardened() {
    strip --strip-debug "$module" "$probe" && "$LB_SRCDIR/packaging/check-elf.sh" "$module" "$probe"
}

echo 1..3
check 'the module exports module_register alone' exports "$LB_PLUGIN"
check "it builds with the distribution's flags" build
check 'so built, it and the probe are hardened, and it exports no more' hardened
