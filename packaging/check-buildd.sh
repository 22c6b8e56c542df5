#!/bin/sh
# SPDX-License-Identifier: MIT
# check-buildd.sh TARBALL DIR: builds the Debian packages from a tarball of make dist as Debian's build machines do: in a
# new Debian that has only build-essential and Build-Depends, by a user without rights, and with the tests. Then it runs
# autopkgtest in another new Debian. The packages and the logs are in DIR afterwards. TAP; make check-buildd calls it.
#
# In the environment, if not those of this system: SUITE, such as trixie; MIRROR, such as http://deb.debian.org/debian.
set -u
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
unset MAKEFLAGS MFLAGS MAKELEVEL TAR_OPTIONS

[ $# = 2 ] || { echo "Usage: $0 TARBALL DIR" >&2 && exit 2; }
[ "$(id -u)" = 0 ] || { echo "$0: only root may call it, because it installs packages below a temporary directory" >&2 && exit 1; }
src=$(cd "$(dirname "$0")/.." && pwd)
tarball=$(realpath "$1")
mkdir -p "$2"
dir=$(cd "$2" && pwd) || exit 1
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
scratch
# Nothing outside may be lost, even if an unmount fails.
trap 'umount -l "$tmp"/*/proc 2>/dev/null; rm -rf --one-file-system "$tmp"' EXIT
chmod 755 "$tmp"
builder=$tmp/builder
tested=$tmp/tested

this_suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }
this_mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' "Codename: $(this_suite)" 'Component: main' | head -n 1
}

debootstraps() {
    mmdebstrap --variant=apt --dpkgopt=force-unsafe-io --aptopt='Acquire::Languages "none"' \
        --skip=cleanup/apt/lists "${SUITE:-$(this_suite)}" "$builder" \
        "${MIRROR:-$(this_mirror)}" &&
        cp -a "$builder" "$tested" &&
        mount -t proc proc "$builder/proc" && mount -t proc proc "$tested/proc"
}

finds_build_depends() {
    "$src/packaging/build-deb.sh" --source "$tarball" "$builder/build" && cp -a "$builder/build" "$tmp/source" &&
        chroot "$builder" sh -c 'apt-get -qq -y --no-install-recommends build-dep /build/*.dsc' </dev/null
}

# Not with su, which would need a password of this user.
as_builder() { chroot --userspec=builder:builder "$builder" env HOME=/build sh -c "cd /build/*/ && $1"; }

builds() {
    # Not every release has useradd in its smallest system.
    echo 'builder:x:1000:1000::/build:/bin/sh' >>"$builder/etc/passwd" && echo 'builder:x:1000:' >>"$builder/etc/group" &&
        chroot "$builder" chown -R builder:builder /build &&
        as_builder "dpkg-buildpackage --no-sign -j$(nproc)"
}

cleans() {
    said=$(as_builder 'debian/rules clean && dpkg-source -b .' 2>&1) || { echo "$said" && return 1; }
    ! echo "$said" | grep 'local changes'
}

autopkgtest_passes() {
    rm -rf "$dir/autopkgtest" && autopkgtest --output-dir="$dir/autopkgtest" --no-built-binaries "$builder"/build/*.deb \
        "$tmp"/source/*/ -- chroot "$tested"
}

echo 1..5
check 'a new Debian' debootstraps && all_ok || exit
check 'it has all of Build-Depends' finds_build_depends && all_ok || exit
check 'a user builds the packages there, and their tests pass' builds && all_ok || exit
check 'debian/rules clean leaves the sources as they were' cleans
check 'autopkgtest passes where nothing but the packages is installed' autopkgtest_passes
find "$dir" -maxdepth 1 -name 'collectd-listen-backlog[-_]*' -type f -exec rm {} +
find "$builder/build" -maxdepth 1 -type f -exec cp {} "$dir/" \;
all_ok
