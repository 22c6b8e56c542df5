#!/bin/sh
# SPDX-License-Identifier: MIT
# The module exports only what collectd calls. Built with the distribution's flags, as its packages are, the module and the
# probe have the protection that these flags are for. TAP; run by make check.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

# shellcheck source=tests/support/tap.sh
. "$LB_SRCDIR/tests/support/tap.sh"
scratch

exports() {
    nm -D --defined-only "$LB_PLUGIN" | tee "$tmp/symbols"
    [ "$(cut -d' ' -f3 "$tmp/symbols")" = module_register ]
}

build() {
    command -v dpkg-buildflags >/dev/null || { echo 'dpkg-buildflags is not installed' && return 1; }
    flags=$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --export=configure) || return 1
    cd "$tmp" && eval "\"\$LB_SRCDIR/configure\" CC=\"\$CC\" --disable-dependency-tracking $flags" &&
        make -j2 listen_backlog.la listen_backlog-probe
}

hardened() { # as in a package, without debugging sections
    set -- "$tmp/.libs/listen_backlog.so" "$tmp/listen_backlog-probe"
    strip --strip-debug "$@" && "$LB_SRCDIR/packaging/check-elf.sh" "$@"
}

echo 1..3
check 'the module exports module_register alone' exports
check "module and probe build with the distribution's flags" build
check 'built with these flags, module and probe are hardened, and the module exports no more' hardened
