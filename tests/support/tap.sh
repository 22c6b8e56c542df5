# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The words that the shell tests are written in; to be sourced.

n=0
failed=0

# check WHAT COMMAND...: ok when the command succeeds; what it prints says why not
check() {
  n=$((n + 1))
  what=$1
  shift
  if why=$("$@" 2>&1); then
    echo "ok $n - $what"
  else
    failed=1
    echo "not ok $n - $what"
    echo "$why" | sed 's/^/# /'
  fi
}

# scratch: a directory for this script, $tmp, that goes with it
scratch() {
  tmp=$(mktemp -d) || exit 1
  trap 'rm -rf "$tmp"' EXIT
  trap 'exit 1' HUP INT TERM
}

# all_ok: whether every check was, for a script that make calls by itself
all_ok() { [ "$failed" = 0 ]; }
