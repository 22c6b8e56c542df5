#!/bin/sh
# SPDX-License-Identifier: MIT
# The Prometheus alerts through promtool, and what it does not look at. TAP; run by make check.
set -u

src=${LB_SRCDIR:-.}
probe=${LB_PROBE:-./listen_backlog-probe}
rules=$src/alerts/listen_backlog.rules.yml
tests=$src/alerts/listen_backlog.test.yml
help=$src/doc/TROUBLESHOOTING.md
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

alerts() { sed -n 's/^ *- alert: //p' "$rules"; }

promtool_is_there() { command -v promtool || { echo 'promtool (Debian: prometheus) is not installed'; return 1; }; }

# Each alert says what it is, what to do, and where to read on.
annotated() {
  [ "$(alerts | wc -l)" -ge 5 ] || return 1
  for word in summary description runbook severity; do
    [ "$(grep -c "^ *$word: " "$rules")" = "$(alerts | wc -l)" ] || { echo "an alert without $word"; return 1; }
  done
}

# Each alert has a unit test in which it fires, with its annotations.
tested() {
  for alert in $(alerts); do
    grep -A 5 "^ *- alertname: $alert$" "$tests" | grep -q 'summary: ' || { echo "$alert is not tested"; return 1; }
  done
}

# The headings that the runbooks name, between double quotes.
runbooks_lead_somewhere() {
  sed -n 's/^ *runbook: //p' "$rules" | grep -o '"[^"]*"' | tr -d '"' | {
    status=0 count=0
    while read -r heading; do
      count=$((count + 1))
      grep -qxF -e "### $heading" -e "### \`$heading\`" "$help" || { echo "not in $help: $heading"; status=1; }
    done
    [ $count -ge 5 ] && return $status
  }
}

# The series are readings as the plugin has them, under write_prometheus' names.
of_readings() {
  "$probe" --list-values | cut -f1 >"$dir/readings" && [ -s "$dir/readings" ] || return 1
  grep -o 'collectd_listen_backlog_[a-z_]*{[^}]*}' "$rules" |
    sed 's/collectd_listen_backlog_\([a-z_]*\){\(.*\)}/\1 \2/; s/^derive_total /derive /;
         s/^duration_seconds /duration /; s/ listen_backlog=~"[^"]*",/ /;
         s/ type="\(.*\)"$/-\1/; s/ listen_backlog="\([a-z_]*\)",type=""$/-\1/' | sort -u >"$dir/used"
  [ "$(wc -l <"$dir/used")" -ge 4 ] && ! grep -vxF -f "$dir/readings" "$dir/used"
}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

echo 1..7
check 'promtool is there' promtool_is_there
check 'promtool check rules' promtool check rules "$rules"
check 'promtool test rules' promtool test rules "$tests"
check 'every alert has a summary, what to do, where to read on and a severity' annotated
check 'every alert fires in a unit test' tested
check 'what the alerts point to is in the troubleshooting page' runbooks_lead_somewhere
check 'the alerts look at readings that there are' of_readings
