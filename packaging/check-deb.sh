#!/bin/sh
# SPDX-License-Identifier: MIT
# check-deb.sh [--tested] DIR: checks the packages that build-deb.sh made in DIR, installs them below a temporary directory
# and runs debian/tests with them, unless autopkgtest has done so. It does not change this system. TAP.
set -u
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
unset MAKEFLAGS MFLAGS MAKELEVEL

tested=
[ "${1-}" != --tested ] || { tested=yes && shift; }
[ $# = 1 ] || { echo "Usage: $0 [--tested] DIR" >&2 && exit 2; }
# dpkg changes the owner of the files it installs.
[ "$(id -u)" = 0 ] || exec unshare --map-root-user "$0" ${tested:+--tested} "$@"
src=$(cd "$(dirname "$0")/.." && pwd)
dir=$(cd "$1" && pwd) || exit 1
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
scratch
chmod 755 "$tmp"
root=$tmp/root
name=collectd-listen-backlog
debian=$src/packaging/debian # in a tarball
[ -d "$debian" ] || debian=$src/debian

# The newest Standards-Version depends on the version of lintian.
silent() {
    said=$(lintian --allow-root --pedantic --display-info --fail-on none \
        --suppress-tags newer-standards-version,out-of-date-standards-version "$1") || return
    [ -z "$said" ] || { printf '%s\n' "$said" && return 1; }
}

# Every file of the tarball that is not by the authors of the plugin
copyright_names_others() {
    mkdir "$tmp/orig" && tar -xzf "$dir/$name"_*.orig.tar.gz -C "$tmp/orig" --strip-components=1 &&
        cd "$tmp/orig" && cp -R packaging/debian . && grep -rlE '(Free Software [F]oundation|X [C]onsortium)' --exclude-dir=debian . |
        sed 's|^./||' | sort >"$tmp/others" && [ -s "$tmp/others" ] &&
        sed -n '/^Files:/,/^Copyright:/s/^ \([^ ]*[./][^ ]*\|configure\)$/\1/p' debian/copyright | sort |
        diff "$tmp/others" -
}

# The overrides are right with the names and addresses as well as without.
lintian_is_silent_when_filled_in() {
    cat >"$tmp/publication" <<'END'
name: Ada Example
email: ada@example.net
homepage: https://example.net/listen_backlog
git: https://example.net/listen_backlog.git
browser: https://example.net/listen_backlog/tree
tarball: https://example.net/download/listen_backlog-VERSION.tar.gz
itp: 1234567
END
    cp "$dir/$name"_*.orig.tar.gz "$tmp/" && cd "$tmp" && "$src/packaging/publication.py" --debian publication orig &&
        dpkg-source -b orig && silent "$tmp/$name"_*.dsc
}

dependencies_are() { # dependencies_are PACKAGE RELATION...
    package=$1 status=0
    shift
    depends=$(dpkg-deb -f "$dir/$package"_[0-9]*.deb Depends)
    for relation; do
        case ", $depends," in
        *", $relation"[,\ ]*) ;;
        *) echo "not in Depends: $relation" && status=1 ;;
        esac
    done
    [ $status = 0 ] || echo "Depends: $depends"
    return $status
}

# The system's dpkg with a separate database; the dependencies are installed on this system.
installs() {
    mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/usr/lib/collectd" &&
        touch "$root/var/lib/dpkg/status" &&
        dpkg --root="$root" --force-not-root --force-depends --force-script-chrootless --log="$tmp/log" \
            -i "$dir/$name"_[0-9]*.deb "$dir/$name-graph"_[0-9]*.deb
}

programs_run() {
    "$root/usr/bin/listen_backlog-probe" --version && "$root/usr/bin/listen_backlog-graph" --version
}

installed_test() {
    cp /usr/lib/collectd/csv.so /usr/lib/collectd/logfile.so "$root/usr/lib/collectd/" &&
        LB_ROOT=$root LB_SRCDIR=$src "$debian/tests/installed"
}

removal_warns() { # what the prerm says with a configuration that loads the plugin
    mkdir -p "$tmp/etc" && echo '  LoadPlugin "listen_backlog"' >"$tmp/etc/a.conf" &&
        dpkg-deb --ctrl-tarfile "$dir/$name"_[0-9]*.deb | tar -xO ./prerm |
        sed "s|/etc/collectd|$tmp/etc|" >"$tmp/prerm" &&
        sh -e "$tmp/prerm" remove 2>&1 | grep -q "will not start while.*$tmp/etc/a.conf" &&
        echo '# LoadPlugin listen_backlog' >"$tmp/etc/a.conf" &&
        said=$(sh -e "$tmp/prerm" remove 2>&1) && [ -z "$said" ]
}

removes() {
    dpkg --root="$root" --force-not-root --force-script-chrootless --log="$tmp/log" --purge $name $name-graph &&
        left=$(find "$root" -path "$root/var" -prune -o -name '*listen*backlog*' -print) && [ -z "$left" ]
}

series=$(dpkg-query -W -f '${Version}' collectd-dev | sed 's/\([0-9]*\.[0-9]*\).*/\1/')
after=${series%.*}.$((${series#*.} + 1))

if [ "$tested" ]; then echo 1..11; else echo 1..12; fi
check 'lintian has nothing to say' silent "$dir/$name"_*.changes
check 'debian/copyright names each file that autoreconf has added' copyright_names_others
check 'with names and addresses in packaging/publication lintian has nothing to say' lintian_is_silent_when_filled_in
check 'the plugin depends on the series of collectd it was built for' \
    dependencies_are $name "collectd-core (>= $series)" "collectd-core (<< $after~)" libmnl0
check 'the graph needs no plugin' dependencies_are $name-graph python3 rrdtool
check 'apt finds what they depend on' apt-get -qq --simulate --no-install-recommends install \
    "$dir/$name"_[0-9]*.deb "$dir/$name-graph"_[0-9]*.deb
check 'dpkg installs them' installs
check 'the programs run' programs_run
check 'plugin and probe are hardened' "$src/packaging/check-elf.sh" \
    "$root/usr/lib/collectd/listen_backlog.so" "$root/usr/bin/listen_backlog-probe"
[ "$tested" ] || check 'the installed plugin in the packaged collectd shows what ss does' installed_test
check 'removal warns of a configuration that loads the plugin' removal_warns
check 'dpkg removes all of them' removes
all_ok
