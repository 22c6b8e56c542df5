#!/bin/sh
# SPDX-License-Identifier: MIT
# build-rpm.sh TARBALL DIR: builds the RPM packages from a tarball of make dist, in DIR. make rpm calls it.
# RPMBUILD_OPTIONS: more options, such as --nocheck.
# On a system with dpkg rpmbuild knows neither the installed packages nor the flags of a distribution: pass them.
set -eu
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL TAR_OPTIONS

[ $# = 2 ] || { echo "Usage: $0 TARBALL DIR" >&2 && exit 2; }
tarball=$(realpath "$1")
mkdir -p "$2"
dir=$(cd "$2" && pwd)
rm -rf "${dir:?}"/*

if command -v dpkg-buildflags >/dev/null; then
    export DEB_BUILD_MAINT_OPTIONS=hardening=+all
    # Stripping later would need elfutils, and rpm's script that compresses man pages expects sh to be bash.
    set -- --nodeps --define 'debug_package %{nil}' --define '_libdir %{_prefix}/lib' \
        --define '__brp_compress bash /usr/lib/rpm/brp-compress /usr' \
        --define "optflags $(dpkg-buildflags --get CFLAGS) $(dpkg-buildflags --get CPPFLAGS)" \
        --define "build_ldflags $(dpkg-buildflags --get LDFLAGS) -Wl,-s"
else
    set --
fi
# shellcheck disable=SC2086
exec rpmbuild -ta ${RPMBUILD_OPTIONS-} --define "_topdir $dir" --define "_smp_mflags -j$(nproc)" "$@" "$tarball"
