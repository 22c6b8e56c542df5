#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every writer of collectd.conf.d, as it stands there, with the real store
behind it: what the store gives back is what the kernel says, under the names
of doc/writers.md."""
import http.server
import json
import os
import re
import socketserver
import struct
import subprocess
import threading

from stores import *

COLLECTD = "collectd itself: RRD, CSV, unixsock, write_http"


def daemon(scene, name, plugin, changes=(), extra="", interval=1):
    """collectd with a snippet; returns after the first look."""
    new = Collectd(scene.CONFIG, interval=interval, plugins=[plugin],
                   extra=snippet(name, changes) + extra)
    until(lambda: new.times(), "the first look")
    return new


def counted(scene, new):
    """Trouble between two looks, and the look in which it is."""
    scene.trouble()
    return new.look()


def without_errors(new):
    # A complaint of libmicrohttpd's about write_prometheus, without effect.
    equal([line for line in new.errors() if "MHD_OPTION" not in line], [],
          "errors in collectd's log")
    equal(new.stop(), 0, "collectd's exit status")


@test("doc/writers.md has every value of every store, and no other")
def _():
    want = {(whose, name) for name, _, whose, _ in readings()}
    sections = page()
    equal(set(sections), {COLLECTD, *(store.SECTION for store in (
        Graphite, InfluxDB, Prometheus))}, "sections with names")
    for section, listed in sections.items():
        equal(set(listed), want, section)
        equal(len(set(listed.values())), len(listed), f"names in {section}")


@test("doc/writers.md links to the snippets that are tested here")
def _():
    equal(set(re.findall(r"conf\.d/listen_backlog-(\w+)\.conf\)",
                         source("doc", "writers.md"))),
          set(re.findall(r'daemon\(scene, "(\w+)"',
                         source("tests", "live", "writers.py"))))


def files(root, suffix):
    """The names of the files below a directory, without a suffix of theirs."""
    return {re.sub(suffix + "$", "", os.path.relpath(f"{folder}/{file}", root))
            for folder, _, here in os.walk(root) for file in here}


def rrd_names(root):
    return {name for name in files(root, r"\.rrd")
            if "/listen_backlog" in name}


def rates(table):
    """The table as it reads where counters are stored as rates: 0 by now."""
    return {listener: {reading: 0 if READINGS[reading].startswith("derive")
                       else value for reading, value in row.items()}
            for listener, row in table.items()}


def rrd(root, name, *options):
    """[(time, value)] in an RRD file of the last minute, known ones."""
    text = subprocess.run(
        ["rrdtool", "fetch", f"{root}/{name}.rrd", "AVERAGE", "-r", "1",
         "-s", "-60", "-e", "now", *options],
        check=True, capture_output=True, text=True, env={"PATH": PATH}).stdout
    rows = [line.split(": ") for line in text.splitlines() if ": " in line]
    return [(int(when), float(value)) for when, value in rows
            if "nan" not in value]


def rrd_holds(scene, root, *options):
    """The RRD files' last values are the kernel's; their counters' rates add
    up to what the kernel counted since the first look."""
    want = names(COLLECTD, rates(scene.table()))

    def last():
        return {name: (rrd(root, name, *options) or [(0, -1)])[-1][1]
                for name in rrd_names(root)}
    holds(last, want)
    dropped = netstat()["TCPReqQFullDrop"]
    for name, total in (
            ("-80/derive-overflows", 7), ("-80/derive-drops", 7),
            ("-443/derive-overflows", 0), ("/derive-overflows", 7),
            ("/derive-drops", 7 + dropped), ("/derive-syn_drops", dropped),
            ("-api v1.2/derive-drops", dropped),
            ("/derive-overflows_unattributed", 0)):
        points = rrd(root, f"{HOST}/listen_backlog{name}", *options)
        equal(round(sum(rate for _, rate in points), 3), total, name)


@test("rrdtool")
def _():
    scene = Scene()
    new = daemon(scene, "rrdtool", "rrdtool", {
        "/var/lib/collectd/rrd": "@DIR@/rrd", "#CacheTimeout 120":
        "CacheTimeout 0", "#CacheFlush 900": "CacheFlush 1"})
    until(lambda: len(rrd_names(f"{new.dir}/rrd")) > 20 and
          rrd(f"{new.dir}/rrd", f"{HOST}/listen_backlog-80/derive-overflows"),
          "a rate is known")
    counted(scene, new)
    rrd_holds(scene, f"{new.dir}/rrd")
    without_errors(new)


@test("rrdcached, whose values rrdtool gets before they are on disk")
def _():
    scene = Scene()
    store = Store()
    os.mkdir(f"{store.dir}/db")
    os.chmod(f"{store.dir}/db", 0o777)
    store.run("rrdcached", "-g", "-B", "-b", f"{store.dir}/db", "-m", "0666",
              "-l", f"unix:{store.dir}/sock", "-p", f"{store.dir}/pid",
              "-w", "600", user=list)
    until(lambda: os.path.exists(f"{store.dir}/sock"), "rrdcached listens")
    root = f"{store.dir}/db/collectd"
    os.mkdir(root)
    os.chmod(root, 0o777)
    new = daemon(scene, "rrdcached", "rrdcached", {
        'unix:/run/rrdcached.sock"': f'unix:{store.dir}/sock"',
        "/var/lib/rrdcached/db": f"{store.dir}/db"})
    remote = "--daemon", f"unix:{store.dir}/sock"
    until(lambda: len(rrd_names(root)) > 20 and rrd(
        root, f"{HOST}/listen_backlog-80/derive-overflows", *remote),
        "a rate is known")
    counted(scene, new)
    rrd_holds(scene, root, *remote)
    without_errors(new)


@test("csv")
def _():
    scene = Scene(inspect=True)
    new = daemon(scene, "csv", "csv", {"/var/lib/collectd/csv": "@DIR@/csv"},
                 interval=0.1)
    counted(scene, new)

    def last():
        found = {}
        for name in files(f"{new.dir}/csv", ""):
            if "/listen_backlog" in name:
                line = _last_line(f"{new.dir}/csv/{name}")
                found[re.sub(r"-\d{4}-\d\d-\d\d$", "", name)] = \
                    float(line.split(",")[1])
        return found
    holds(last, names(COLLECTD, scene.table()))
    without_errors(new)


def _last_line(path):
    with open(path, encoding="ascii") as file:
        return file.read().rpartition("\n")[0].splitlines()[-1]


@test("unixsock")
def _():
    scene = Scene()
    new = daemon(scene, "unixsock", "unixsock",
                 {"/run/collectd-unixsock": "@DIR@/sock"}, interval=0.1)
    counted(scene, new)
    sock = Unixsock(new)

    def last():
        listed = [line.split(" ", 1)[1] for line in sock.ask("LISTVAL")]
        return {name: float(sock.ask(f'GETVAL "{name}"')[0].partition("=")[2])
                for name in listed if "/listen_backlog" in name}
    holds(last, names(COLLECTD, rates(scene.table())))
    equal(os.stat(f"{new.dir}/sock").st_mode & 0o777, 0o660, "mode")
    # Debian 13's collectd does not end while a client is connected.
    sock.file.close()
    sock.socket.close()
    without_errors(new)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what write_http posts."""
    got = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for values in json.loads(body):
            name = "{host}/{plugin}-{plugin_instance}/{type}-{type_instance}"
            self.got[name.format(**values).replace("-/", "/")] = values
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@test("write_http")
def _():
    scene = Scene(inspect=True)
    Receiver.got.clear()
    with socketserver.TCPServer(("127.0.0.1", 8000), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            new = daemon(scene, "http", "write_http", interval=0.1)
            counted(scene, new)

            def last():
                return {name: values["values"][0] for name, values
                        in dict(Receiver.got).items()}
            holds(last, names(COLLECTD, scene.table()))
            for name, values in dict(Receiver.got).items():
                equal((values["dsnames"], values["dstypes"]),
                      (["seconds" if "/duration-" in name else "value"],
                       ["derive" if "/derive-" in name else "gauge"]), name)
            without_errors(new)
        finally:
            server.shutdown()
            thread.join()


def png(image):
    """(width, height) of a picture."""
    equal(image[:8], b"\x89PNG\r\n\x1a\n", "PNG signature")
    return struct.unpack("!II", image[16:24])


@test("write_graphite into carbon-cache, and a picture by graphite-web")
def _():
    scene = Scene(inspect=True)
    store = Graphite()
    new = daemon(scene, "graphite", "write_graphite")
    until(store.values, "carbon has values")
    counted(scene, new)
    holds(store.values, names("Graphite", scene.table(), store.called))
    base = f"collectd.{HOST}.listen_backlog-80"
    turned_away = store.render(f"perSecond({base}.derive-overflows)")
    equal(sum(rate for points in turned_away.values() for _, rate in points),
          7, "the rates' sum")
    picture = fetch(f"{store.URL}/render", format="png", width=800, height=300,
                    target=[f"{base}.queue_length-*"], **{"from": "-1min"})
    empty = fetch(f"{store.URL}/render", format="png", width=800, height=300,
                  target=["nothing"], **{"from": "-1min"})
    equal(png(picture), (800, 300), "the picture's size")
    check(len(picture) > len(empty), "something is drawn")
    without_errors(new)


@test("network into InfluxDB, which has the stock types.db")
def _():
    scene = Scene(inspect=True)
    store = InfluxDB()
    new = daemon(scene, "influxdb", "network")
    until(store.values, "InfluxDB has values")
    counted(scene, new)
    holds(store.values, names("InfluxDB", scene.table()))
    without_errors(new)


@test("write_prometheus, and a listener that goes is gone in Prometheus")
def _():
    scene = Scene(inspect=True)
    store = Prometheus()
    new = daemon(scene, "prometheus", "write_prometheus")
    until(store.values, "Prometheus has values")
    counted(scene, new)
    holds(store.values, names("Prometheus", scene.table()))
    kinds = dict(re.findall(r"^# TYPE (collectd_listen_backlog_\w+) (\w+)$",
                            fetch("http://127.0.0.1:9103/metrics").decode(),
                            re.M))
    equal(kinds, {name.partition("{")[0]: "counter" if "_total{" in name
                  else "gauge" for name in page()["Prometheus"].values()},
          "types")
    scene.servers[1].close()
    holds(store.values, names("Prometheus", scene.table()), "after it")
    without_errors(new)


if __name__ == "__main__":
    main()
