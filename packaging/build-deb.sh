#!/bin/sh
# SPDX-License-Identifier: MIT
# build-deb.sh [--source] TARBALL DIR: builds the Debian packages from a tarball of make dist, in DIR. make deb calls it.
# --source: only the source package, for which nothing of Build-Depends is needed.
set -eu
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL TAR_OPTIONS

only=
[ "${1-}" != --source ] || { only=yes && shift; }
[ $# = 2 ] || { echo "Usage: $0 [--source] TARBALL DIR" >&2 && exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
# In a tarball, and in a clone
debian=$here/debian
[ -d "$debian" ] || debian=$(dirname "$here")/debian
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
cp -R "$source-$upstream/packaging/debian" "$source-$upstream/"
cd "$source-$upstream"
if [ "$only" ]; then
    exec dpkg-source -b .
fi
dpkg-buildpackage --no-sign "-j$(nproc)"
