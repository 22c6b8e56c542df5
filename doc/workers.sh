#!/bin/sh
# SPDX-License-Identifier: MIT
# The example of doc/workers.md: overloads a real Gunicorn, adds workers, and draws its accept queue, in three minutes.
#
#   doc/workers.sh WORKDIR PLUGIN PROBE
#
# Each request takes a worker 0.2 s, so 2 workers serve 10 requests a second; 25 come. After 40 s Gunicorn gets 4 more
# workers. Everything runs in network and process namespaces of its own and ends with them. All files are in WORKDIR.
# Besides the plugin and the probe it needs, on Debian:
#   apt-get install collectd-core rrdtool gunicorn python3 iproute2
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

port=8000

[ $# = 3 ] || { echo 'usage: doc/workers.sh WORKDIR PLUGIN PROBE' >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd -P)
mkdir -p "$1"
work=$(cd "$1" && pwd -P)
plugin=$(realpath "$2")
probe=$(realpath "$3")
if [ -z "${LB_WORKERS-}" ]; then
    exec env LB_WORKERS=yes unshare --net --pid --fork --kill-child sh "$0" "$work" "$plugin" "$probe"
fi

ip link set lo up
cd "$work"
rm -rf rrd plugins graph
mkdir plugins

cat >app.py <<END
import time


def app(environ, start_response):
    time.sleep(0.2)
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]
END

cat >clients.py <<END
import asyncio
import random


async def visit():
    reader, writer = await asyncio.open_connection("127.0.0.1", $port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    await reader.read()
    writer.close()


async def main():
    random.seed(1)
    visits, due = [], asyncio.get_running_loop().time()
    while True:
        visits.append(asyncio.create_task(visit()))
        due += random.uniform(0.02, 0.06)  # 25 a second
        await asyncio.sleep(due - asyncio.get_running_loop().time())

asyncio.run(main())
END

theirs=$(collectd -h | sed -n 's/^ *Plugin directory  *//p')
cp "$plugin" plugins/listen_backlog.so
cp "$theirs/rrdtool.so" plugins/
cat >collectd.conf <<END
Hostname "gunicorn"
FQDNLookup false
BaseDir "$work"
PIDFile "$work/collectd.pid"
PluginDir "$work/plugins"
TypesDB "/usr/share/collectd/types.db"
Interval 1

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

# show: what the probe says of the port now
show() {
    "$probe" -q $port | awk '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i ~ /^(LISTENER|QUEUE|LIMIT|FILL|WAIT|ABANDONED|ACTIVE)$/) shown[i] }
        NR <= 2 { for (i = 1; i <= NF; i++) if (i in shown) printf "%-10s", $i; print "" }'
    "$probe" --explain $port || :
    echo
}

/usr/bin/python3 -m gunicorn --workers 2 --bind "127.0.0.1:$port" --pid gunicorn.pid app:app >gunicorn.log 2>&1 &
collectd -f -C collectd.conf >collectd.log 2>&1 &
collectd=$!
until "$probe" $port | grep -q "^$port .* 2048 " && [ -e "rrd/gunicorn/listen_backlog-$port/duration-wait.rrd" ]; do
    sleep 0.5
done
begin=$(date +%s)
python3 clients.py >clients.log 2>&1 &
sleep 25
echo 'After 25 seconds, 2 workers:'
show
sleep 10
for _ in 1 2 3 4; do
    kill -s TTIN "$(cat gunicorn.pid)" # one more worker
    sleep 0.2
done
sleep 150
echo 'After 190 seconds, 6 workers:'
show
end=$(date +%s)
kill $collectd
wait $collectd || : # it writes its last values
"$here/../graph/listen_backlog-graph" --datadir rrd --start "$((begin + 2))" --end "$end" --output graph >/dev/null
echo "The picture: $work/graph/listen_backlog-$port.png"
