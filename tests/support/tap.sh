# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the shell tests share; they source it.

n=0
failed=0

# check NAME COMMAND...: one test. It passes if the command succeeds; otherwise the output of the command is printed.
check() {
  n=$((n + 1))
  what=$1
  shift
  if why=$("$@" 2>&1); then
    echo "ok $n - $what"
  else
    failed=1
    echo "not ok $n - $what"
    echo "$why" | tail -n 40 | sed 's/^/# /'
  fi
}

# scratch: makes a directory, $tmp, and deletes it when the script ends
scratch() {
  tmp=$(mktemp -d) || exit 1
  trap 'rm -rf "$tmp"' EXIT
  trap 'exit 1' HUP INT TERM
}

# all_ok: whether all tests have passed; for scripts whose exit status make looks at
all_ok() { [ "$failed" = 0 ]; }
