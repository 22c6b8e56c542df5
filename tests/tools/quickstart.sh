#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart installs packages and starts none of their services, and whatever interrupts it, the next
# run goes on. apt-get, dpkg-query, id, autoreconf, configure and make are fakes; systemctl and
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
script "$tmp/bin/dpkg-query" <<END
#!/bin/sh
[ -e "$tmp/installed" ] && echo installed
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

# --- apt-get fails --------------------------------------------------------------

no_question() {
  # shellcheck disable=SC2016
  quickstart_with 'echo "$DEBIAN_FRONTEND $*"'
  cat "$tmp/tree/listen_backlog-run/apt.log"
  grep -q '^noninteractive .*Dpkg::Options::=--force-confdef .*Dpkg::Options::=--force-confold install ' \
    "$tmp/tree/listen_backlog-run/apt.log"
}

# shows LINE...: whether quickstart shows these lines of apt-get and no other
shows() {
  printf '%s\n' "$@" >"$tmp/want"
  sed '/^packages: /d; /^quickstart: apt-get failed/d' "$tmp/out" >"$tmp/got"
  diff "$tmp/want" "$tmp/got"
}

# shellcheck disable=SC2016
noise='i=0; while [ $i -lt 30 ]; do echo "Processing triggers for package-$i ..."; i=$((i + 1)); done'

dpkg_error() {
  quickstart_with 'case $* in *update) exit 0 ;; esac
'"$noise"'
echo "Setting up daemon (1.0) ..."
echo "cannot open /etc/daemon.conf"
echo "dpkg: error processing package daemon (--configure):"
echo " installed daemon package post-installation script subprocess returned error exit status 1"
'"$noise"'
echo "E: Sub-process /usr/bin/dpkg returned an error code (1)"'
  shows 'Processing triggers for package-29 ...' 'Setting up daemon (1.0) ...' 'cannot open /etc/daemon.conf' \
    'dpkg: error processing package daemon (--configure):' \
    ' installed daemon package post-installation script subprocess returned error exit status 1' \
    'E: Sub-process /usr/bin/dpkg returned an error code (1)'
}

update_error() {
  quickstart_with 'case $* in
*update) echo "W: Failed to fetch http://mirror/InRelease  Could not resolve mirror"; exit 0 ;;
esac
test -e '"$tmp"'/first || echo "E: only said at first"; touch '"$tmp"'/first; '"$noise"'
echo "E: Unable to locate package collectd-core"'
  shows 'W: Failed to fetch http://mirror/InRelease  Could not resolve mirror' \
    'E: Unable to locate package collectd-core'
}

# --- one at a time, at a safe place -------------------------------------------

two_at_once() {
  quickstart_with "$tmp/tree/quickstart run >$tmp/second 2>&1; echo status \$? >>$tmp/second"
  cat "$tmp/second"
  grep -q "still works in $tmp/tree: process [1-9]" "$tmp/second" && grep -qx 'status 1' "$tmp/second" || return
  # shellcheck disable=SC2016
  quickstart_with 'kill -s KILL $PPID $$'
  quickstart_with "touch $tmp/called"
  [ -e "$tmp/called" ]
}

# calls_apt DIRECTORY: whether quickstart in that directory goes on to install packages
calls_apt() {
  rm -rf "$tmp/called" "${tmp:?}/$1"
  mkdir "$tmp/$1"
  cp "$tmp/tree/quickstart" "$tmp/$1/quickstart"
  PATH=$tmp/bin:$PATH "$tmp/$1/quickstart" run </dev/null >"$tmp/out" 2>&1
  cat "$tmp/out"
  [ -e "$tmp/called" ]
}

unsafe_path() {
  quickstart_with "touch $tmp/called"
  calls_apt "$(printf 'caf\303\251-1.0_~@x')" || return
  # shellcheck disable=SC2016
  for name in 'a b' 'a*' 'a[1]' "a'b" 'a"b' 'a$b' 'a\b' 'a;b' 'a#b'; do
    ! calls_apt "$name" && [ ! -e "$tmp/$name/listen_backlog-run" ] || return
    grep -qF "cannot work in $tmp/$name" "$tmp/out" || return
  done
}

# --- what an interrupted build leaves behind ------------------------------------

generated=$(sed -n "/^GENERATED='/,/'\$/p" "$src/quickstart" | tr -d "'" | sed 's/^GENERATED=//' | tr -s ' \n' ' ')

# Each fake notes its call and stops quickstart if it is the one to be interrupted.
for name in autoreconf configure make; do
  script "$tmp/bin/$name" <<END
#!/bin/sh
echo "$name" >>"$tmp/calls"
case $name in
autoreconf) mkdir -p build-aux && cp "$tmp/bin/configure" configure ;;
configure) touch Makefile ;;
esac
if [ "\$(cat "$tmp/interrupted")" = $name ]; then
  : >"$tmp/interrupted"
  kill -s TERM "\$(cat "$tmp/tree/listen_backlog-run/lock")"
  exec sleep 1000
fi
[ $name != autoreconf ] || touch $generated
[ $name != make ]
END
done

# builds NAME STATUS CALL...: quickstart, whose NAME is interrupted, ends with this status after these calls
builds() {
  echo "$1" >"$tmp/interrupted"
  want=$2
  shift 2
  rm -f "$tmp/calls"
  quickstart_with :
  got=$?
  echo "exit status $got, calls: $(tr '\n' ' ' <"$tmp/calls")"
  [ $got = "$want" ] && [ "$(tr '\n' ' ' <"$tmp/calls")" = "$* " ]
}

interrupted_build() {
  touch "$tmp/installed" "$tmp/tree/configure.ac" "$tmp/tree/Makefile.am"
  mkdir -p "$tmp/tree/m4"
  builds autoreconf 130 autoreconf &&
    builds configure 130 autoreconf configure &&
    builds make 130 configure make &&
    builds nothing 1 make || return
  for file in $generated; do
    rm "$tmp/tree/$file"
    builds nothing 1 autoreconf make || return
  done
}

all_generated() {
  for file in "$src"/build-aux/*; do
    case " $generated " in *" build-aux/${file##*/} "*) ;; *) echo "not in GENERATED: $file" && return 1 ;; esac
  done
  # shellcheck disable=SC2086
  cd "$src" && ls $generated
}

echo 1..12
check 'quickstart leaves no policy-rc.d behind if kill -9 ends it during apt-get' killed
rm -f "$policy"
check 'systemctl starts no service during the apt-get of quickstart' systemctl_denied
check 'invoke-rc.d starts no service during the apt-get of quickstart' invoke_rc_denied
check "invoke-rc.d still asks the administrator's policy-rc.d, and quickstart does not change it" administrators_policy
check 'quickstart removes the policy-rc.d that an earlier version left behind' leftover
check 'quickstart tells apt-get to keep changed configuration files and to ask nothing' no_question
check 'if a package cannot be set up, quickstart shows the error and what the package said before it' dpkg_error
check 'if a download fails, quickstart shows why, and not the errors of the try before it' update_error
check 'a second quickstart in the same checkout says so, and a killed one leaves no lock' two_at_once
check 'quickstart refuses a path that configure or collectd refuses, before it installs or writes anything' unsafe_path
check 'after an interrupted autoreconf, configure or make the next quickstart completes it' interrupted_build
check 'quickstart knows all files that autoreconf makes' all_generated
