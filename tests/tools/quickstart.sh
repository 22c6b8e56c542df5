#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart installs packages and starts none of their services. A kill -9 at that moment leaves
# nothing behind that blocks services later. apt-get, dpkg-query and id are fakes; systemctl and
# invoke-rc.d are the real ones. No root, no change outside a scratch folder. TAP; run by make check.
set -u

src=${LB_SRCDIR:-.}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

if [ ! -e /usr/sbin/invoke-rc.d ] || ! command -v systemctl >/dev/null; then
  echo '1..0 # SKIP no invoke-rc.d or no systemctl: not a Debian system'
  exit 0
fi
scratch
policy=$tmp/policy-rc.d
mkdir -p "$tmp/bin" "$tmp/tree" "$tmp/init.d" "$tmp/rc1.d" "$tmp/rc2.d"

script() { cat >"$1" && chmod +x "$1"; }

# The installed invoke-rc.d and quickstart, with our folder in place of the machine's.
sed -e "s|^INITDPREFIX=.*|INITDPREFIX=$tmp/init.d/|" -e "s|^RCDPREFIX=.*|RCDPREFIX=$tmp/rc|" \
  -e "s|^POLICYHELPER=.*|POLICYHELPER=$policy|" -e "s|/run/systemd/system|$tmp/no-systemd|" \
  -e "s|^RUNLEVELHELPER=.*|RUNLEVELHELPER=$tmp/bin/runlevel|" \
  /usr/sbin/invoke-rc.d | script "$tmp/bin/invoke-rc.d"
sed -e "s|/usr/sbin/policy-rc.d|$policy|g" -e "s|/run/systemd/system|$tmp/no-systemd|" "$src/quickstart" | script "$tmp/tree/quickstart"

# runlevel(8): both variables together override what init says.
script "$tmp/bin/runlevel" <<'END'
#!/bin/sh
echo "${PREVLEVEL:-N} ${RUNLEVEL:-2}"
END
script "$tmp/init.d/daemon" <<END
#!/bin/sh
touch $tmp/started
END
ln -s ../init.d/daemon "$tmp/rc1.d/K01daemon"
ln -s ../init.d/daemon "$tmp/rc2.d/S01daemon"

script "$tmp/bin/id" <<'END'
#!/bin/sh
echo 0
END
script "$tmp/bin/dpkg-query" <<'END'
#!/bin/sh
exit 1
END

# quickstart_with COMMANDS: runs quickstart, whose apt-get runs COMMANDS and then fails
quickstart_with() {
  printf '#!/bin/sh\n%s\nexit 100\n' "$1" | script "$tmp/bin/apt-get"
  rm -f "$tmp/started" "$tmp/called"
  PATH=$tmp/bin:$PATH "$tmp/tree/quickstart" run </dev/null >"$tmp/out" 2>&1
}

killed() {
  # shellcheck disable=SC2016
  quickstart_with 'touch '"$tmp"'/called; kill -s KILL $PPID $$'
  cat "$tmp/out"
  [ -e "$tmp/called" ] && [ ! -e "$policy" ]
}

# systemctl fails at a unit that does not exist, or without systemd, unless it ignores the command.
systemctl_denied() {
  quickstart_with "systemctl --no-ask-password start listen_backlog-no-such.service && touch $tmp/called"
  cat "$tmp/tree/listen_backlog-run/apt.log"
  [ -e "$tmp/called" ]
}

invoke_rc_denied() {
  rm -f "$tmp/started"
  PATH=$tmp/bin:$PATH invoke-rc.d daemon start
  [ -e "$tmp/started" ] || { echo 'invoke-rc.d does not even start the service outside' && return 1; }
  quickstart_with "invoke-rc.d daemon start && touch $tmp/called"
  cat "$tmp/tree/listen_backlog-run/apt.log"
  [ -e "$tmp/called" ] && [ ! -e "$tmp/started" ]
}

administrators_policy() {
  printf '#!/bin/sh\ntouch %s/asked\nexit 101\n' "$tmp" | script "$policy"
  cp "$policy" "$tmp/policy-before"
  quickstart_with 'invoke-rc.d daemon start'
  [ -e "$tmp/asked" ] && cmp "$policy" "$tmp/policy-before" && rm "$policy"
}

leftover() {
  printf '#!/bin/sh\n%s\nexit 101\n' '# by quickstart of listen_backlog: packages start no service meanwhile' |
    script "$policy"
  # shellcheck disable=SC2016
  quickstart_with 'kill -s KILL $PPID'
  [ ! -e "$policy" ]
}

echo 1..5
check 'quickstart leaves no policy-rc.d behind if kill -9 ends it during apt-get' killed
rm -f "$policy"
check 'systemctl starts no service during the apt-get of quickstart' systemctl_denied
check 'invoke-rc.d starts no service during the apt-get of quickstart' invoke_rc_denied
check "invoke-rc.d still asks the administrator's policy-rc.d, and quickstart does not change it" administrators_policy
check 'quickstart removes the policy-rc.d that an earlier version left behind' leftover
