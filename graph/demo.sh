#!/bin/sh
# SPDX-License-Identifier: MIT
# Overloads a real Apache and draws its accept queue, in two minutes.
#
#   graph/demo.sh WORKDIR PLUGIN PROBE [SECONDS]
#
# Apache has 4 workers and each client keeps one for 0.2 s, so Apache serves at most 20 clients a second. It asks
# for a backlog of 511 and gets 128, the value of net.core.somaxconn here. 10 clients come per second, then up to
# 32, then 5. The demo runs in its own network and process namespaces, which have only lo, and ends with them. All
# files are in WORKDIR, which must be new, empty, or from an earlier demo. Besides the plugin and the probe it needs,
# on Debian:
#   apt-get install collectd-core rrdtool apache2-bin python3 iproute2
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

port=8080

say() { printf '%s\n' "$*"; }

die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# --- outside -----------------------------------------------------------------

[ $# = 3 ] || [ $# = 4 ] || die 'usage: graph/demo.sh WORKDIR PLUGIN PROBE [SECONDS]'
here=$(cd "$(dirname "$0")" && pwd -P)
plugin=$2
probe=$3
duration=${4-100} # a shorter demo has more clients per second
[ -f "$plugin" ] || die "$plugin does not exist: build it first"
[ -x "$probe" ] || die "$probe does not exist: build it first"
mark=.listen_backlog-demo
[ ! -e "$1" ] || [ -e "$1/$mark" ] || [ -z "$(ls -A -- "$1" 2>&1)" ] ||
    die "$1 is not empty and not from an earlier demo: name another folder"
mkdir -p -- "$1"
work=$(cd -- "$1" && pwd -P)
: >"$work/$mark"

if [ -z "${LB_DEMO-}" ]; then
    for program in collectd apache2 rrdtool python3 ip unshare; do
        command -v "$program" >/dev/null || die "$program is not installed"
    done
    ns='unshare --net --pid --fork --kill-child'
    [ "$(id -u)" = 0 ] || ns="$ns --map-root-user"
    why=$($ns ip link set lo up 2>&1) || die "cannot create a network namespace: $why"
    # shellcheck disable=SC2086
    LB_DEMO=yes $ns sh "$0" "$work" "$plugin" "$probe" "$duration" &
    inside=$!
    # unshare ends at no milder signal, and all processes inside end with it.
    trap 'kill -s KILL $inside; exit 130' HUP INT TERM
    wait $inside
    exit
fi

# --- inside: all processes end with this shell ---------------------------------

trap 'exit 130' HUP INT TERM
ip link set lo up
{ echo 128 >/proc/sys/net/core/somaxconn; } 2>/dev/null || die 'cannot set net.core.somaxconn here'
rm -rf "${work:?}/rrd" "$work/plugins" "$work/graph"
for log in apache apache-start collectd collectd-start clients; do rm -f "$work/$log.log"; done
mkdir -p "$work/plugins"

# until_so WHAT COMMAND...: waits until the command succeeds
until_so() {
    what=$1
    shift
    for _ in $(seq 200); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    tail -n 5 "$work"/*.log >&2
    die "waited 20 s, but not yet: $what; see the logs in $work"
}

# Apache refuses root for its workers. If only one user is mapped here, Apache itself runs as that user.
start_apache() {
    as_nobody='unshare --user --map-user=65534 --map-group=65534 --'
    while read -r first _ count; do
        [ "$first" -gt 65534 ] || [ $((first + count)) -le 65534 ] || as_nobody=
    done </proc/self/uid_map
    cat >"$work/apache.conf" <<END
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule status_module /usr/lib/apache2/modules/mod_status.so
User #65534
Group #65534
ServerName localhost
ServerRoot "$work"
DefaultRuntimeDir "$work"
PidFile "$work/apache.pid"
ErrorLog "$work/apache.log"
LogLevel error
DocumentRoot /
Mutex pthread default
Listen 127.0.0.1:$port
ListenBacklog 511
StartServers 4
MinSpareServers 4
MaxSpareServers 4
ServerLimit 4
MaxRequestWorkers 4
KeepAliveTimeout 200ms
<Location "/">
  SetHandler server-status
</Location>
END
    # setsid, because Apache signals its whole process group when it ends.
    # shellcheck disable=SC2086
    setsid $as_nobody apache2 -DFOREGROUND -f "$work/apache.conf" >"$work/apache-start.log" 2>&1 &
    apache=$!
}

start_collectd() {
    theirs=$(collectd -h | sed -n 's/^ *Plugin directory  *//p')
    for types in "${theirs%/lib*}/share/collectd/types.db" /usr/share/collectd/types.db; do
        [ ! -e "$types" ] || break
    done
    cp "$plugin" "$work/plugins/listen_backlog.so"
    cp "$theirs/logfile.so" "$theirs/rrdtool.so" "$work/plugins/"
    cat >"$work/collectd.conf" <<END
Hostname "demo"
FQDNLookup false
BaseDir "$work"
PIDFile "$work/collectd.pid"
PluginDir "$work/plugins"
TypesDB "$types"
Interval 1

LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File "$work/collectd.log"
</Plugin>

LoadPlugin rrdtool
<Plugin rrdtool>
  DataDir "$work/rrd"
  StepSize 1
  HeartBeat 10
  RRARows 1200
  RRATimespan 1200
  CreateFilesAsync false
</Plugin>

LoadPlugin listen_backlog
<Plugin listen_backlog>
  LocalPort $port
  InspectQueue true
</Plugin>
END
    # collectd takes the argument of -C for a pattern, so it gets no path.
    (cd "$work" && exec collectd -f -C collectd.conf) >"$work/collectd-start.log" 2>&1 &
    collectd=$!
}

write_clients() {
    cat >"$work/clients.py" <<END
import asyncio
import random

DURATION = $duration
PATIENCE = max(0.08 * DURATION, 3)
MOST = 20 + 1200 / DURATION
served = []


def rate(share):  # of clients per second, by the share of the time
    if share < 0.15:
        return 10
    if share < 0.66:
        return 10 + (MOST - 10) * min((share - 0.15) / 0.2, 1)
    return 5


async def visit():
    start = clock()
    reader, writer = await asyncio.open_connection("127.0.0.1", $port)
    try:
        writer.write(b"GET /?auto HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if await reader.readline():
            served.append(clock() - start)
        await reader.read()
    finally:
        writer.close()


async def main():
    random.seed(1)
    visits, begin, due = [], clock(), 0
    while due < DURATION:  # what comes late on a busy machine comes all the same
        visits.append(asyncio.create_task(asyncio.wait_for(visit(), PATIENCE)))
        due += random.expovariate(rate(due / DURATION))
        await asyncio.sleep(max(begin + due - clock(), 0))
    await asyncio.gather(*visits, return_exceptions=True)
    print(len(visits), len(visits) - len(served), f"{PATIENCE:g}",
          f"{max(served):.1f}")


loop = asyncio.new_event_loop()
clock = loop.time
loop.run_until_complete(main())
END
}

# value READING FUNCTION EXPRESSION [DIGITS]: a number from an RRD file
value() {
    case $1 in duration-*) inside=seconds ;; *) inside=value ;; esac
    rrdtool graph /dev/null --start "$begin" --end "$end" --step 1 --width 2000 \
        "DEF:v=rrd/demo/listen_backlog-$port/$1.rrd:$inside:MAX" "CDEF:w=$3" "VDEF:n=w,$2" \
        "PRINT:n:%.${4-0}lf" | tail -n 1
}

listens() { "$probe" $port | grep -q "^$port .* 128 "; }
measured() { [ -e "$work/rrd/demo/listen_backlog-$port/derive-overflows.rrd" ]; }

write_clients
start_apache
until_so 'Apache listens' listens
say "demo: Apache listens on port $port: 4 workers, ListenBacklog 511, net.core.somaxconn 128"
start_collectd
until_so 'collectd writes RRD files' measured
say 'demo: collectd reads every second and writes RRD files'
begin=$(date +%s)
python3 "$work/clients.py" >"$work/clients.log" 2>&1 &
clients=$!

elapsed=0
while [ "$elapsed" -lt "$duration" ]; do
    sleep $((duration / 10)) &
    wait $!
    elapsed=$(($(date +%s) - begin))
    "$probe" $port | while read -r name queue limit fill rest; do
        [ "$name" != $port ] || say "demo: $elapsed of $duration s, queue $queue of $limit, ${fill%.*} % full"
    done
done
wait $clients || die "the clients failed; see $work/clients.log"
end=$(date +%s)
kill $collectd $apache
wait $collectd $apache || : # collectd writes its last values

cd "$work"
"$here/listen_backlog-graph" --datadir rrd --start "$((begin + 2))" --end "$end" --output graph >/dev/null
read -r came left patience longest <clients.log
folder=queue_length-
say
say "The picture: $work/graph/listen_backlog-$port.png"
say "The page:    $work/graph/index.html"
say
say "Apache asked for a backlog of 511 and got $(value ${folder}limit LAST v): the kernel lowered it to net.core.somaxconn."
say "The queue rose to $(value ${folder}peak MAXIMUM v). In\
 $(value percent-fill TOTAL v,100,GE) of $duration seconds it was full, and the kernel dropped\
 $(value derive-overflows TOTAL v) connection attempts."
say "Clients waited in $(value percent-busy AVERAGE v) % of the samples, up to\
 $(value duration-wait MAXIMUM v 1) s. Up to $(value ${folder}abandoned MAXIMUM v) connections in the queue\
 had been abandoned."
say "Of $came clients $left gave up after $patience s; a served client waited up to $longest s."
say
say 'The plugin reports it in the log of collectd:'
sed -n 's/^.*\(listen_backlog plugin: .*net\.core\.somaxconn.*\)$/  \1/p' collectd.log
