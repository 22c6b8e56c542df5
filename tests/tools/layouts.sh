#!/bin/sh
# SPDX-License-Identifier: MIT
# configure finds collectd's headers in each layout that systems have, knows those of collectd 6, and says what is missing
# in others. The layouts are copies of the installed Debian headers; tests/support/collectd6 stands in for collectd 6.
# TAP; run by make check.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

installed=/usr/include/collectd
# shellcheck source=tests/support/tap.sh
. "$LB_SRCDIR/tests/support/tap.sh"
if ! [ -d "$installed/core/daemon" ]; then
    echo "1..0 # SKIP no headers in $installed to make the layouts of"
    exit
fi
scratch

configure() { # configure DIR OPTION...: in DIR; a cache saves most of the time
    mkdir -p "$tmp/$1" && cd "$tmp/$1" && shift &&
        "$LB_SRCDIR/configure" CC="$CC" --cache-file="$tmp/cache" --disable-dependency-tracking "$@"
}

builds() { # builds NAME: configure takes the headers in $tmp/NAME, and the plugin compiles with them
    configure "build-$1" --with-collectd-headers="$tmp/$1" >"$tmp/out" 2>&1 || { cat "$tmp/out" && return 1; }
    grep "checking for collectd's headers... $tmp/$1/" "$tmp/out" && make libcollectd5.la
}

builds_for_6() { # the plugin compiles with the families of collectd 6, and has no value list
    configure build-6 --with-collectd-headers="$LB_SRCDIR/tests/support/collectd6" >"$tmp/out" 2>&1 ||
        { cat "$tmp/out" && return 1; }
    grep 'of collectd 6)' "$tmp/out" && make CFLAGS='-g -O1 -Werror' libcollectd6.la &&
        nm .libs/libcollectd6.a | grep 'U plugin_dispatch_metric_family' &&
        ! nm .libs/libcollectd6.a | grep plugin_dispatch_values
}

refuses() { # refuses NAME WORD...: configure fails, and says each WORD
    ! configure "build-$1" --with-collectd-headers="$tmp/$1" >"$tmp/out" 2>&1 || return 1
    shift
    for word; do
        grep '^configure: error' -A 9 "$tmp/out" | grep -q -e "$word" || { cat "$tmp/out" && return 1; }
    done
}

takes_plugindir() {
    configure build-plugindir --with-collectd-headers="$tmp/debian" --prefix="$tmp/prefix" >"$tmp/out" 2>&1 &&
        grep -q "plugin goes to  *$tmp/prefix/lib/collectd\$" "$tmp/out"
}

rewrite() { # rewrite DIR: gives its headers the includes that collectd's own source has
    find "$1" -name '*.h' -exec sed -i 's|#include "collectd/core/\(daemon/\)\{0,1\}|#include "|' {} +
}

refuses_option() { # refuses_option WORDS OPTION...: configure fails, and says the words
    words=$1
    shift
    ! configure build-option "$@" >"$tmp/out" 2>&1 || return 1
    grep '^configure: error' -A 2 "$tmp/out" | grep -q -e "$words" || { cat "$tmp/out" && return 1; }
}

takes_no_plugindir_of_this_machine() {
    # shellcheck disable=SC2086,SC2016
    configure build-cross --with-collectd-headers="$tmp/debian" --prefix="$tmp/prefix" $other \
        >"$tmp/out" 2>&1 && grep 'plugin goes to  *${libdir}/collectd$' "$tmp/out"
}

(
    cd "$tmp" && mkdir -p debian/include folders/include flat tree tree-5.7 empty prefix/lib/collectd
    cp -R "$installed" debian/include/
    cp -R "$installed/core" folders/include/collectd
    cp -R "$installed/liboconfig" folders/include/collectd/
    cp -R "$installed/core/." "$installed/liboconfig" flat/
    mv flat/daemon/* flat/
    cp -R "$installed/core" tree/src
    cp -R "$installed/liboconfig" tree/src/
    for layout in folders flat tree; do rewrite $layout; done
    # Before 5.8 there was no utils/: its headers were in daemon/.
    cp -R tree/src tree-5.7/
    find tree-5.7/src/utils -name '*.h' -exec mv -t tree-5.7/src/daemon {} +
    rm -r tree-5.7/src/utils
    find tree-5.7 -name '*.h' -exec sed -i 's|#include "utils/\([a-z_]*/\)*|#include "|' {} +
    # In 5.6 VALUE_LIST_INIT set the host to localhost.
    cp -R tree-5.7 tree-5.6
    sed -i '/^#define VALUE_LIST_INIT/,/}/c\
#define VALUE_LIST_INIT { NULL, 0, 0, plugin_get_interval(), "localhost", "", "", "", "", NULL }' \
        tree-5.6/src/daemon/plugin.h
    cp -R tree unconfigured
    mv unconfigured/src/config.h unconfigured/src/config.h.in
    cp -R flat incomplete
    rm incomplete/plugin.h
    touch prefix/lib/collectd/csv.so
)

# The compiler is that of this machine, but configure believes that it builds for another one.
here=$("$LB_SRCDIR/build-aux/config.guess") || exit 1
there=${here%%-*}-other-linux-gnu
other="--cache-file=$tmp/cache-other --build=$here --host=$there"

echo 1..15
check 'configure takes the headers as Debian installs them' builds debian
check 'configure takes the headers in one folder per library' builds folders
check 'configure takes the headers in one flat folder' builds flat
check "configure takes the headers in collectd's source tree" builds tree
check "configure takes the headers in collectd 5.7's source tree" builds tree-5.7
check "configure takes collectd 6's headers, and the plugin its metric families" builds_for_6
check 'configure refuses headers before 5.7' refuses tree-5.6 'before 5.7, the oldest that will do'
check 'configure refuses a source tree that was not configured' refuses unconfigured \
    'without src/config.h' 'run ./configure in it'
check 'configure names a header that is missing' refuses incomplete "$tmp/incomplete/collectd.h does not compile" 'plugin.h'
check 'configure says what it looked for and where, and names the package' refuses empty \
    'collectd.h, plugin.h, utils_complain.h' "Looked in: $tmp/empty" 'no collectd.h' collectd-dev
check 'configure refuses a directory that does not exist' refuses absent "no directory $tmp/absent"
check "the plugin goes where collectd's plugins are" takes_plugindir
check 'configure refuses --disable-shared' refuses_option 'leave out --disable-shared' --disable-shared
# shellcheck disable=SC2086
check "for another machine, configure does not take this machine's headers" refuses_option \
    "for $there" $other
check "for another machine, this machine's directories do not count" takes_no_plugindir_of_this_machine
