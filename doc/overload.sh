#!/bin/sh
# SPDX-License-Identifier: MIT
# Draws overload.png: a real overload of a real web server, as collectd's RRD files have it.
#
#   doc/overload.sh [PLUGIN [PNG]]     default: the plugin as built here, doc/overload.png
#
# Gunicorn with 4 workers and a backlog of 64 answers in 0.2 s, so 20 requests a second is all it can.
# Clients come at 10 a second, then ever faster up to 26, then at 6. It takes two minutes, in a network
# namespace of its own. Besides the plugin it needs, on Debian:
#   apt-get install collectd-core rrdtool gunicorn python3 iproute2
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

here=$(cd "$(dirname "$0")" && pwd)
for plugin in "$here/../.libs/listen_backlog.so" "$here/../listen_backlog-run/build/.libs/listen_backlog.so"; do
    [ ! -f "$plugin" ] || break
done
plugin=${1-$plugin}
png=${2-$here/overload.png}
if [ -z "${LB_OVERLOAD-}" ]; then
    [ -f "$plugin" ] || { echo "$0: no $plugin: build it first, or say where it is" >&2 && exit 1; }
    as_root=
    [ "$(id -u)" = 0 ] || as_root=--map-root-user
    LB_OVERLOAD=yes exec unshare --net --pid --fork --kill-child $as_root "$0" "$plugin" "$png"
fi
ip link set lo up
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/plugins"
plugins=$(collectd -h | sed -n 's/^ *Plugin directory  *//p')
cp "$plugin" "$work/plugins/listen_backlog.so"
cp "$plugins/rrdtool.so" "$work/plugins"
cat >"$work/collectd.conf" <<END
Hostname "host"
BaseDir "$work"
PIDFile "$work/pid"
PluginDir "$work/plugins"
TypesDB "/usr/share/collectd/types.db"
Interval 1
LoadPlugin rrdtool
<Plugin rrdtool>
  DataDir "$work/rrd"
  StepSize 1
  HeartBeat 5
  RRARows 1200
  RRATimespan 1200
  CreateFilesAsync false
</Plugin>
LoadPlugin listen_backlog
<Plugin listen_backlog>
  LocalPort 8000
</Plugin>
END

cat >"$work/app.py" <<END
import time

def app(environ, start_response):
    time.sleep(0.2)
    start_response("200 OK", [])
    return [b"hello\n"]
END

cat >"$work/clients.py" <<END
import asyncio, random

def rate(t):  # of clients per second
    return 10 if t < 30 else 10 + 16 * min((t - 30) / 20, 1) if t < 80 else 6

async def visit():
    reader, writer = await asyncio.open_connection("127.0.0.1", 8000)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    await reader.read()
    writer.close()

async def main():
    random.seed(1)
    clock = asyncio.get_running_loop().time
    start, patience = clock(), 6
    while (t := clock() - start) < 120:
        asyncio.create_task(asyncio.wait_for(visit(), patience))
        await asyncio.sleep(random.expovariate(rate(t)))

asyncio.run(main())
END

gunicorn --chdir "$work" --workers 4 --backlog 64 --bind 127.0.0.1:8000 app:app 2>"$work/gunicorn.log" &
collectd -f -C "$work/collectd.conf" 2>"$work/collectd.log" &
collectd=$!
sleep 5
python3 "$work/clients.py" 2>"$work/clients.log"
end=$(($(date +%s) / 20 * 20 - 5)) # so that no label is cut off
rrd=$work/rrd/host/listen_backlog-8000
kill $collectd
wait $collectd # it writes what it still has

rrdtool graph "$png" --start "$((end - 100))" --end "$end" --step 1 --width 820 --height 300 \
    --title 'Accept queue of a web server that gets more clients than it can serve' \
    --vertical-label 'overflows/s     connections' --x-grid SECOND:10:SECOND:20:SECOND:20:0:%H:%M:%S \
    --disable-rrdtool-tag --border 0 --color BACK#ffffff --color CANVAS#ffffff --color ARROW#ffffff00 \
    --color FRAME#ffffff00 --color AXIS#888888 --color GRID#00000010 --color MGRID#00000028 \
    --font DEFAULT:0:'DejaVu Sans' --font TITLE:12: --font AXIS:9: --font LEGEND:10:'DejaVu Sans Mono' --font UNIT:9: \
    DEF:queue="$rrd/queue_length-queue.rrd":value:MAX DEF:limit="$rrd/queue_length-limit.rrd":value:MAX \
    DEF:fill="$rrd/percent-fill.rrd":value:MAX DEF:overflows="$rrd/derive-overflows.rrd":value:AVERAGE \
    CDEF:below=overflows,-1,'*' VDEF:most=queue,MAXIMUM VDEF:bound=limit,MAXIMUM \
    VDEF:fullest=fill,MAXIMUM VDEF:total=overflows,TOTAL \
    AREA:queue#8dbbdc:'queue' GPRINT:most:'at most %.0lf' GPRINT:fullest:'(fill %.0lf %%)    ' \
    LINE1.5:queue#2b6c9f LINE2:limit#222222:'limit':dashes=8,4 GPRINT:bound:'%.0lf (it holds one more)    ' \
    AREA:below#e8603c:'overflows' GPRINT:total:'%.0lf in all\l' >/dev/null
echo "$png"
