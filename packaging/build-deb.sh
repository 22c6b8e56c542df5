#!/bin/sh
# SPDX-License-Identifier: MIT
# build-deb.sh TARBALL DIR: builds the Debian packages from a tarball of make dist, in DIR. make deb calls it.
set -eu
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL TAR_OPTIONS

[ $# = 2 ] || { echo "Usage: $0 TARBALL DIR" >&2 && exit 2; }
debian=$(cd "$(dirname "$0")/../debian" && pwd)
tarball=$(realpath "$1")
mkdir -p "$2"
cd "$2"

source=$(dpkg-parsechangelog -l "$debian/changelog" -S Source)
version=$(dpkg-parsechangelog -l "$debian/changelog" -S Version)
upstream=${version%-*}
case $tarball in
*-"$upstream".tar.gz) ;;
*) echo "$debian/changelog is of $upstream, which $tarball is not" >&2 && exit 1 ;;
esac

rm -rf "$source-$upstream" "$source"[-_]*
mkdir "$source-$upstream"
cp "$tarball" "${source}_$upstream.orig.tar.gz"
tar -xzf "$tarball" -C "$source-$upstream" --strip-components=1
rm -rf "$source-$upstream/debian"
cp -R "$debian" "$source-$upstream/"
cd "$source-$upstream"
dpkg-buildpackage --no-sign "-j$(nproc)"
