#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: architectures.sh [NAME]..., by way of make check-architectures, which says where all is: builds the plugin, the
# probe and the tests for other architectures and for another C library, runs the unit tests and the seeds of the fuzz
# targets, and prints a table. Fails if one fails.
#
# i386 armhf arm64 s390x: with Debian's cross compilers; they run in qemu-user, which does not emulate sock_diag, so the
# tests that ask the running kernel are left out. libmnl and cmocka are Debian's for that architecture; apt-get downloads
# them, with lists of its own.
# musl: with musl-gcc, on this kernel. libmnl and cmocka are the installed ones, with musl in place of glibc.
#
# What it makes is in architectures/ of the build folder. LB_QUICK=yes: without the tests that need seconds of CPU time.
set -eu
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL

work=$LB_BUILDDIR/architectures
flags="-g ${LB_QUICK:+-O0} -Werror"
[ -n "${LB_QUICK-}" ] || flags='-g -O2 -Werror'

die() {
    echo "architectures.sh: $*" >&2
    exit 1
}

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null || die "$1 is missing: install the Debian package $2"
}

# describe NAME: sets the name of its tools, of its folder of libraries, of its qemu and of its compiler's package
describe() {
    case $1 in
    musl) set -- x86_64-linux-gnu x86_64-linux-gnu '' musl-tools ;;
    i386) set -- i686-linux-gnu i386-linux-gnu qemu-i386 gcc-i686-linux-gnu ;;
    armhf) set -- arm-linux-gnueabihf arm-linux-gnueabihf qemu-arm gcc-arm-linux-gnueabihf ;;
    arm64) set -- aarch64-linux-gnu aarch64-linux-gnu qemu-aarch64 gcc-aarch64-linux-gnu ;;
    s390x) set -- s390x-linux-gnu s390x-linux-gnu qemu-s390x gcc-s390x-linux-gnu ;;
    *) die "no such architecture: $1" ;;
    esac
    tools=$1 libraries=$2 qemu=$3 package=$4 compiler=$1-gcc
    [ -n "$qemu" ] || compiler=musl-gcc
}

# --- what the tests link ------------------------------------------------------

# Downloads Debian packages of these architectures, with the sources of this system but not its state.
download() {
    apt=$work/apt
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    options="-qq -o Dir::State=$apt/state -o Dir::Cache=$apt/cache -o Dir::State::status=/dev/null \
        -o APT::Sandbox::User=root -o Acquire::Languages=none"
    wanted=
    for name; do
        options="$options -o APT::Architectures::=$name"
        wanted="$wanted libmnl0:$name libmnl-dev:$name libcmocka0:$name libcmocka-dev:$name"
    done
    # A source that lacks one of the architectures is an error of update, but not for us.
    # shellcheck disable=SC2086
    (cd "$apt" && { apt-get $options update || :; } && rm -f ./*.deb && apt-get $options download $wanted) \
        >"$apt/log" 2>&1 || { tail -n 5 "$apt/log" >&2 && die "apt-get failed, see $apt/log"; }
    for name; do
        rm -rf "${work:?}/$name"
        mkdir -p "$work/$name/root"
        for file in "$apt"/*_"$name".deb; do dpkg-deb -x "$file" "$work/$name/root"; done
        ln -s /usr/include/collectd "$work/$name/root/usr/include/collectd"
    done
}

# The kernel's and the libraries' headers without those of glibc. glibc's functions that musl lacks are in a library of
# the name of glibc's loader; for the rest, musl itself takes the place of libc.so.6.
prepare_musl() {
    root=$work/musl/root
    rm -rf "$work/musl"
    mkdir -p "$root/usr/include" "$root/usr/lib"
    for file in linux asm-generic libmnl collectd cmocka.h; do
        ln -s "/usr/include/$file" "$root/usr/include/$file"
    done
    ln -s "/usr/include/$libraries/asm" "$root/usr/include/asm"
    for file in libmnl.so.0 libcmocka.so.0; do
        file=$(ls "/usr/lib/$libraries/$file") && ln -s "$file" "$root/usr/lib/"
    done
    musl-gcc -shared -fPIC -o "$root/usr/lib/ld-linux-x86-64.so.2" "$LB_SRCDIR/tests/support/glibc_names.c"
}

# --- building -----------------------------------------------------------------

configure_musl() {
    lib=$root/usr/lib
    "$tree/configure" CC="$compiler" CPPFLAGS="-idirafter $root/usr/include" --with-collectd-headers="$root/usr/include" \
        MNL_CFLAGS=' ' MNL_LIBS="$lib/libmnl.so.0 $lib/ld-linux-x86-64.so.2 -Wl,--allow-shlib-undefined,-rpath,$lib" \
        CMOCKA_CFLAGS=' ' CMOCKA_LIBS="$lib/libcmocka.so.0"
}

configure_debian() {
    root=$work/$1/root
    lib=$root/usr/lib/$libraries
    "$tree/configure" --build="$("$tree/build-aux/config.guess")" --host="$tools" CC="$compiler" \
        --with-collectd-headers="$root/usr/include" MNL_CFLAGS="-isystem $root/usr/include" MNL_LIBS="-L$lib -lmnl" \
        CMOCKA_CFLAGS=' ' CMOCKA_LIBS="-L$lib -lcmocka"
}

build() {
    mkdir -p "$work/$1/build"
    cd "$work/$1/build"
    case $1 in
    musl) configure_musl ;;
    *) configure_debian "$1" ;;
    esac || return
    make "-j$(nproc)" CFLAGS="$flags" all && make "-j$(nproc)" CFLAGS="$flags" check TESTS=
}

# --- running --------------------------------------------------------------------

# These take seconds, and minutes in an emulator; they know of no architecture.
SLOW='test_budget test_notices test_port_filter test_worlds soak'

tests_of() {
    for test in $LB_TESTS; do
        case "$1${LB_QUICK-} $SLOW " in
        'musl '*) ;;
        *" ${test##*/} "*) continue ;;
        esac
        case $test${LB_QUICK-} in fuzz/*yes) continue ;; esac
        printf '%s ' "$test"
    done
}

run() {
    cd "$work/$1/build"
    unset LB_EMULATOR
    # Not with qemu's -L, which translates the path "/", too. And with the folder of libc.so.6: the ld.so.cache of this
    # system may have another one of the same architecture, in which fork() does not end, since it does not fit the loader.
    set -- "$1" "/usr/$tools/lib/"ld*.so.[123]
    [ -z "$qemu" ] ||
        export LB_EMULATOR="timeout -s KILL 600 $qemu $2 --library-path $root/usr/lib/$libraries:/usr/$tools/lib"
    make "-j$(nproc)" -k check CFLAGS="$flags" TESTS="$(tests_of "$1")"
}

results() { # results NAME PATTERN: how many tests had it
    find "$work/$1/build" -name '*.trs' -exec cat {} + | grep -cE "^:test-result: ($2)" || :
}

one() {
    name=$1
    describe "$name"
    root=$work/$name/root
    start=$(date +%s)
    passed=0 failed=0 skipped=0 status=0
    if build "$name" >"$work/$name/build.log" 2>&1; then
        run "$name" >"$work/$name/check.log" 2>&1 || status=1
        passed=$(results "$name" 'PASS|XFAIL') failed=$(results "$name" 'FAIL|XPASS|ERROR') skipped=$(results "$name" SKIP)
    else
        status=1
        tail -n 20 "$work/$name/build.log" >&2
    fi
    printf '%-8s %-28s %6s %6s %8s %7s  %s\n' "$name" "$("$compiler" -dumpmachine) $("$compiler" -dumpversion)" \
        "$passed" "$failed" "$skipped" $(($(date +%s) - start)) "$([ $status = 0 ] && echo ok || echo FAILED)"
    [ $status = 0 ] || grep -E '^(FAIL|XPASS|ERROR):' "$work/$name/check.log" >&2 || :
    return $status
}

[ $# -gt 0 ] || set -- musl i386 armhf arm64 s390x
foreign=
for name; do
    describe "$name"
    need "$compiler" "$package"
    [ -n "$qemu" ] || continue
    need "$qemu" qemu-user
    [ -e "/usr/$tools/include/stdio.h" ] || die "$compiler has no C library: install libc6-dev-$name-cross"
    foreign="$foreign $name"
done
mkdir -p "$work"
# A source folder in which configure was run cannot be configured from outside.
tree=$LB_SRCDIR
if [ -e "$tree/config.status" ]; then
    tree=$work/tree
    rm -rf "$tree"
    make -C "$LB_BUILDDIR" distdir distdir="$tree" >"$work/log" 2>&1 || die "make distdir failed, see $work/log"
fi
# shellcheck disable=SC2086
[ -z "$foreign" ] || download $foreign
case " $* " in *' musl '*) describe musl && prepare_musl ;; esac

printf '%-8s %-28s %6s %6s %8s %7s\n' '' compiler passed failed 'left out' seconds
failures=0
for name; do one "$name" || failures=1; done
[ -z "$foreign" ] || echo "left out: tests that ask the kernel, since qemu-user has no sock_diag; and as a whole $SLOW"
exit $failures
