#!/bin/sh
# SPDX-License-Identifier: MIT
# configure finds collectd's headers wherever a system has them, and says what is missing where they are not.
# The layouts are made of the installed Debian headers.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

installed=/usr/include/collectd
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

n=0
ok() { # ok STATUS NAME: one result; what led to it goes with a failure
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        tail -n 40 "$tmp/out" | sed 's/^/# /'
    fi
}

configure() { # configure DIR OPTION...: in DIR; a cache saves most of the time
    mkdir -p "$tmp/$1" && cd "$tmp/$1" && shift &&
        "$LB_SRCDIR/configure" CC="$CC" --cache-file="$tmp/cache" --disable-dependency-tracking "$@" >"$tmp/out" 2>&1
}

builds() { # builds NAME DIR: configure takes the headers in DIR, and the plugin compiles with them
    configure "build-$1" --with-collectd-headers="$2" &&
        grep -q "checking for collectd's headers... $2/" "$tmp/out" &&
        make libcollectd5.la >"$tmp/out" 2>&1
    ok $? "headers as $1"
}

refuses() { # refuses NAME DIR WORD...: configure fails, and says each WORD
    name=$1 dir=$2 status=0
    shift 2
    ! configure "build-$name" --with-collectd-headers="$dir" || status=1
    for word; do
        grep '^configure: error' -A 9 "$tmp/out" | grep -q -e "$word" || status=1
    done
    ok $status "refused: $name"
}

rewrite() { # rewrite DIR: the includes of DIR's headers as collectd's own source has them
    find "$1" -name '*.h' -exec sed -i 's|#include "collectd/core/\(daemon/\)\{0,1\}|#include "|' {} +
}

if ! [ -d "$installed/core/daemon" ]; then
    echo "1..0 # SKIP no Debian-like headers in $installed to make the layouts of"
    exit
fi
echo 1..11

mkdir -p "$tmp/debian/include"
cp -R "$installed" "$tmp/debian/include/"
builds debian "$tmp/debian"

mkdir -p "$tmp/folders/include"
cp -R "$installed/core" "$tmp/folders/include/collectd"
cp -R "$installed/liboconfig" "$tmp/folders/include/collectd/"
rewrite "$tmp/folders"
builds folders "$tmp/folders"

mkdir -p "$tmp/flat"
cp -R "$installed/core/." "$installed/liboconfig" "$tmp/flat/"
mv "$tmp/flat/daemon"/* "$tmp/flat/"
rewrite "$tmp/flat"
builds flat "$tmp/flat"

mkdir -p "$tmp/tree"
cp -R "$installed/core" "$tmp/tree/src"
cp -R "$installed/liboconfig" "$tmp/tree/src/"
rewrite "$tmp/tree"
builds source-tree "$tmp/tree"

# Until 5.8 there was no utils/, and all that includes each other was in daemon/.
mkdir -p "$tmp/tree-5.7"
cp -R "$tmp/tree/src" "$tmp/tree-5.7/"
find "$tmp/tree-5.7/src/utils" -name '*.h' -exec mv -t "$tmp/tree-5.7/src/daemon" {} +
rm -r "$tmp/tree-5.7/src/utils"
find "$tmp/tree-5.7" -name '*.h' -exec sed -i 's|#include "utils/\([a-z_]*/\)*|#include "|' {} +
builds source-tree-of-5.7 "$tmp/tree-5.7"

# 5.6 had all values of localhost in what every plugin began with.
cp -R "$tmp/tree-5.7" "$tmp/tree-5.6"
sed -i '/^#define VALUE_LIST_INIT/,/}/c\
#define VALUE_LIST_INIT { NULL, 0, 0, plugin_get_interval(), "localhost", "", "", "", "", NULL }' \
    "$tmp/tree-5.6/src/daemon/plugin.h"
refuses source-tree-of-5.6 "$tmp/tree-5.6" 'before 5.7, the oldest that will do'

mv "$tmp/tree/src/config.h" "$tmp/tree/src/config.h.in"
refuses unconfigured-tree "$tmp/tree" 'without src/config.h' 'run ./configure in it'

rm "$tmp/flat/plugin.h"
refuses no-plugin.h "$tmp/flat" "$tmp/flat/collectd.h does not compile" 'plugin.h'

mkdir "$tmp/empty"
refuses empty "$tmp/empty" 'collectd.h, plugin.h, utils_complain.h' "Looked in: $tmp/empty" 'no collectd.h' collectd-dev

refuses no-such-directory "$tmp/absent" "no directory $tmp/absent"

mkdir -p "$tmp/prefix/lib/collectd"
touch "$tmp/prefix/lib/collectd/csv.so"
configure build-plugindir --with-collectd-headers="$tmp/debian" --prefix="$tmp/prefix" &&
    grep -q "plugin goes to  *$tmp/prefix/lib/collectd\$" "$tmp/out"
ok $? "the plugin goes where collectd's plugins are"
