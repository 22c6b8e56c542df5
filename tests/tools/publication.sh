#!/bin/sh
# SPDX-License-Identifier: MIT
# packaging/publication.py writes the names and addresses of packaging/publication into all files that need them. TAP;
# run by make check.
set -u

src=${LB_SRCDIR:-.}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
scratch
tree=$tmp/tree
filled=$tmp/filled
export PYTHONDONTWRITEBYTECODE=1

write() { "$tree/packaging/publication.py" "$@"; }

cat >"$filled" <<'END'
name: Ada Example
email: ada@example.net
homepage: https://example.net/listen_backlog
bugs: https://example.net/listen_backlog/issues
git: https://example.net/listen_backlog.git
browser: https://example.net/listen_backlog/tree
tarball: https://example.net/download/listen_backlog-VERSION.tar.gz
releases:
itp: 1234567
END

each_line_is_there() {
  missing=0
  while IFS='|' read -r file line; do
    grep -qF -- "$line" "$tree/$file" || { echo "not in $file: $line" && missing=1; }
  done <<'END'
configure.ac|[https://example.net/listen_backlog/issues], [], [https://example.net/listen_backlog])
debian/changelog|(Closes: #1234567)
debian/changelog| -- Ada Example <ada@example.net>  
debian/control|Maintainer: Ada Example <ada@example.net>
debian/control|Homepage: https://example.net/listen_backlog
debian/control|Vcs-Browser: https://example.net/listen_backlog/tree
debian/control|Vcs-Git: https://example.net/listen_backlog.git
debian/copyright|Upstream-Contact: https://example.net/listen_backlog/issues
debian/copyright|Source: https://example.net/download/
debian/watch|https://example.net/download/
debian/watch|listen_backlog-@ANY_VERSION@\.tar\.gz
packaging/collectd-listen-backlog.spec|URL:            https://example.net/listen_backlog
packaging/collectd-listen-backlog.spec|Source0:        https://example.net/download/listen_backlog-%{version}.tar.gz
packaging/collectd-listen-backlog.spec| Ada Example <ada@example.net> - 
packaging/alpine/APKBUILD|# Maintainer: Ada Example <ada@example.net>
packaging/alpine/APKBUILD|url="https://example.net/listen_backlog"
packaging/alpine/APKBUILD|source="https://example.net/download/listen_backlog-$pkgver.tar.gz
packaging/openwrt/Makefile|PKG_MAINTAINER:=Ada Example <ada@example.net>
packaging/openwrt/Makefile|URL:=https://example.net/listen_backlog
packaging/openwrt/Makefile|PKG_SOURCE_URL:=https://example.net/download/
packaging/openwrt/Makefile|PKG_SOURCE:=listen_backlog-$(PKG_VERSION).tar.gz
END
  return $missing
}

no_placeholder_is_left() {
  ! grep -rnE 'example\.org|initial-upload-closes-no-bugs|no-homepage-field' "$tree/debian" \
    "$tree"/packaging/*.spec "$tree/packaging/alpine" "$tree/packaging/openwrt"
}

refused() { # refused PATTERN LINE...: what the program says of a publication with these lines
  pattern=$1
  shift
  printf '%s\n' "$@" >"$tmp/bad"
  ! said=$(write "$tmp/bad" "$tree" 2>&1) || { echo "it took $*" && return 1; }
  case $said in *$pattern*) ;; *) echo "$* gave: $said" && return 1 ;; esac
}

refuses_mistakes() {
  refused 'expected one of these' 'nmae: Ada' && refused 'expected both' 'name: Ada' &&
    refused 'expected VERSION' 'tarball: https://example.net/a-1.tar.gz' && refused 'expected a tarball' 'releases: https://a.net' &&
    refused 'expected a number' 'itp: #12' && refused 'expected https' 'git: git@example.net:a.git' &&
    refused 'a folder of its own' 'tarball: https://example.net/VERSION/a-VERSION.tar.gz'
}

takes_a_signing_key() {
  mkdir -p "$tree/debian/upstream" && : >"$tree/debian/upstream/signing-key.asc" && write "$filled" "$tree" &&
    grep -q 'pgpmode=auto' "$tree/debian/watch" && ! grep -q openpgp "$tree/debian/source/lintian-overrides" &&
    rm -r "$tree/debian/upstream"
}

debian_alone() {
  write --debian "$filled" "$tree" && grep -q 'Ada Example' "$tree/debian/control" && unchanged configure.ac packaging
}

unchanged() { # unchanged PART...
  for part; do
    diff -r --exclude=debian "$src/$part" "$tree/$part" || return
  done
}

unchanged_all() { unchanged configure.ac packaging && diff -r "$debian" "$tree/debian"; }

mkdir "$tree" && cp -R "$src/configure.ac" "$src/packaging" "$tree/" || exit
debian=$src/debian
if [ -d "$src/packaging/debian" ]; then # in a tarball
  debian=$src/packaging/debian
  rm -r "$tree/packaging/debian"
fi
cp -R "$debian" "$tree/" && chmod -R u+w "$tree"
echo 1..9
check 'the files are as packaging/publication says' "$src/packaging/publication.py" --check
check 'with --debian it leaves the sources as they were released' debian_alone
check 'it writes what it has' write "$filled" "$tree"
check 'each file that needs a name or an address has it' each_line_is_there
check 'no placeholder is left, and no excuse for one' no_placeholder_is_left
check 'once more, it has nothing to write' write --check "$filled" "$tree"
check 'with a signing key uscan checks signatures' takes_a_signing_key
check 'it refuses mistakes, and says what it expects' refuses_mistakes
write "$tree/packaging/publication" "$tree"
check 'what is taken out of the publication leaves no trace' unchanged_all
