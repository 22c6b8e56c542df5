#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the rules of src/: names that gdb and grep find once, layers that include only lower ones, files and functions of
# moderate length. TAP; run by make check.
set -u

src=${LB_SRCDIR:-.}/src
# shellcheck source=tests/support/tap.sh
. "${LB_SRCDIR:-.}/tests/support/tap.sh"

none() { awk '{ print } END { exit NR > 0 }'; }

# "NAME FILE" of each static function: "static TYPE NAME(" in one line or, if the type is long, in two.
static_functions() {
  awk '
    FNR == 1 { is_open = 0 }
    is_open || (/^static / && !/[=;]/) {
      is_open = !match($0, /[a-z_0-9]+\(/) && !is_open && !/[{;]$/
      if (RSTART) print substr($0, RSTART, RLENGTH - 1), FILENAME
      RSTART = 0
    }' "$src"/*/*.c "$src"/*/*.h | sort -u
}

shared_names() {
  static_functions | awk '
    { files[$1] = files[$1] " " $2; n[$1]++ }
    END { for (name in n) if (n[name] > 1) print name "() is in" files[name] }' | none
}

# Layers from the lowest to the highest; collectd and probe are two tops that do not know of each other.
wrong_includes() {
  awk '
    BEGIN {
      allowed["base"] = "^base$"
      allowed["kernel"] = "^(base|kernel)$"
      allowed["core"] = "^(base|kernel|core)$"
      allowed["collectd"] = "^(base|kernel|core|collectd)$"
      allowed["probe"] = "^(base|kernel|core|probe)$"
    }
    /^#include "/ {
      n = split(FILENAME, path, "/")
      split($2, include, /["\/]/)
      if (include[2] !~ allowed[path[n - 1]]) print FILENAME " includes " $2
    }' "$src"/*/*.c "$src"/*/*.h | none
}

long_files() { wc -l "$src"/*/*.c "$src"/*/*.h | awk '$1 > 450 && $2 != "total" { print }' | none; }

# From the line of the opening brace to that of the closing one.
long_functions() {
  awk '
    /^[^ ].*[^=] \{$/ || (/\{$/ && in_head) { start = FNR; name = head }
    /^[a-z].*\(/ { head = $0; in_head = !/[;{]$/ }
    /[;{]$/ { in_head = 0 }
    /^}$/ && start { if (FNR - start + 1 > 40) print FILENAME ":" start ": " FNR - start + 1 " lines"; start = 0 }
  ' "$src"/*/*.c | none
}

check 'static functions are found' [ "$(static_functions | wc -l)" -gt 300 ]
check 'no static function has the name of one in another file' shared_names
check 'no layer includes a higher one' wrong_includes
check 'no file of src/ is longer than 450 lines' long_files
check 'no function of src/ is longer than 40 lines' long_functions
echo "1..$n"
all_ok
