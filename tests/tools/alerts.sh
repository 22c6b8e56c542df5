#!/bin/sh
# SPDX-License-Identifier: MIT
# The Prometheus alerts: promtool checks and tests the rules; the rest compares them with the plugin and its pages. TAP; run
# by make check.
set -u

src=${LB_SRCDIR:-.}
rules=$src/alerts/listen_backlog.rules.yml
tests=$src/alerts/listen_backlog.test.yml
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

alerts() { sed -n 's/^ *- alert: //p' "$rules"; }

annotated() {
  [ "$(alerts | wc -l)" -ge 5 ] || return 1
  for word in summary description runbook severity; do
    [ "$(grep -c "^ *$word: " "$rules")" = "$(alerts | wc -l)" ] || { echo "an alert without $word"; return 1; }
  done
}

# "alertname" with exp_annotations after it: the alert fires there.
fires() {
  for alert in $(alerts); do
    grep -A 5 "^ *- alertname: $alert$" "$tests" | grep -q 'summary: ' || { echo "$alert is not tested"; return 1; }
  done
}

runbooks_exist() {
  sed -n 's/^ *runbook: //p' "$rules" | grep -o '"[^"]*"' | tr -d '"' >"$tmp/headings"
  [ "$(wc -l <"$tmp/headings")" -ge 5 ] && while read -r heading; do
    grep -qxF -e "### $heading" -e "### \`$heading\`" "$src/doc/TROUBLESHOOTING.md" || { echo "no $heading"; return 1; }
  done <"$tmp/headings"
}

# The series in the rules, as write_prometheus names them, back to type-type_instance.
uses_readings() {
  "${LB_PROBE:-./listen_backlog-probe}" --list-values | cut -f1 >"$tmp/readings" && [ -s "$tmp/readings" ] || return 1
  grep -o 'collectd_listen_backlog_[a-z_]*{[^}]*}' "$rules" |
    sed 's/collectd_listen_backlog_\([a-z_]*\){\(.*\)}/\1 \2/; s/^derive_total /derive /;
         s/^duration_seconds /duration /; s/ listen_backlog[=!]~"[^"]*",/ /; s/,listen_backlog=%q.*//; s/,%s$//;
         s/ type="\(.*\)"$/-\1/; s/ listen_backlog="\([a-z_]*\)",type=""$/-\1/' | sort -u >"$tmp/used"
  [ "$(wc -l <"$tmp/used")" -ge 10 ] && ! grep -vxF -f "$tmp/readings" "$tmp/used"
}

scratch
echo 1..7
check 'promtool (Debian: prometheus) is installed' command -v promtool
check 'promtool finds no error in the rules' promtool check rules "$rules"
check 'promtool passes the unit tests of the rules' promtool test rules "$tests"
check 'every alert has a summary, a description, a runbook and a severity' annotated
check 'every alert fires in a unit test' fires
check 'every heading that a runbook names is in doc/TROUBLESHOOTING.md' runbooks_exist
check 'every series in the rules is a reading of the plugin' uses_readings
