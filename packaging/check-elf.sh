#!/bin/sh
# SPDX-License-Identifier: MIT
# check-elf.sh FILE...: checks that each file is hardened and exports only what it should.
set -u
export LC_ALL=C
status=0

wants() { # wants WHAT PATTERN TEXT: in a line of the text
    printf '%s\n' "$3" | grep -qE -- "$2" || { echo "$file: no $1" && status=1; }
}

refuses() { # refuses WHAT PATTERN TEXT: in every line of the text
    ! printf '%s\n' "$3" | grep -E -- "$2" || { echo "$file: has $1" && status=1; }
}

[ $# -gt 0 ] || { echo "Usage: $0 FILE..." >&2 && exit 2; }
for file; do
    headers=$(readelf -hlSW "$file") && dynamic=$(readelf -dW "$file") &&
        symbols=$(readelf --dyn-syms -W "$file") || exit 1
    wants 'position independence' 'Type: +DYN' "$headers"
    wants 'RELRO' ' GNU_RELRO ' "$headers"
    wants 'full RELRO: symbols bound at start' 'BIND_NOW|\(FLAGS.* NOW' "$dynamic"
    wants 'stack that is not executable' ' GNU_STACK .* RW ' "$headers"
    wants 'stack protector' ' __stack_chk_fail' "$symbols"
    # _FORTIFY_SOURCE replaces snprintf() and others with functions that end in _chk.
    wants 'fortified calls' ' __(v?snprintf|memcpy|read|vfprintf|fprintf|printf)_chk(@|$)' "$symbols"
    refuses 'text relocations' 'TEXTREL' "$dynamic"
    refuses 'a path to libraries' 'RPATH|RUNPATH' "$dynamic"
    refuses 'debugging sections' ' \.debug_' "$headers"
    case $file in
    *.so)
        exported=$(printf '%s\n' "$symbols" | awk '$5 == "GLOBAL" && $7 != "UND" && $8 { print $8 }')
        [ "$exported" = module_register ] || { echo "$file exports:" "$exported" && status=1; }
        ;;
    esac
done
exit $status
