# SPDX-License-Identifier: MIT
"""The programs that keep what collectd writes, each the real one, started by
hand on loopback with files of its own; and what the kernel says they hold.

A store has values(), the last value of each name of ours, in its own naming.
doc/writers.md says what these names are: names() reads them there, so that the
page and the stores cannot differ.
"""
import collections
import functools
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from lib import *

SRCDIR = os.environ.get("LB_SRCDIR", ".")
HOST = "testhost"


def source(*path):
    """The text of a file of the source tree."""
    with open(os.path.join(SRCDIR, *path), encoding="utf-8") as file:
        return file.read()


# ------------------------------------------------------------------- snippets

def snippet(name, changes=()):
    """The text of collectd.conf.d/listen_backlog-NAME.conf with a few changes:
    of paths that need root, and of nothing else."""
    text = source("collectd.conf.d", f"listen_backlog-{name}.conf")
    return changed(text, changes)


def changed(text, changes):
    """text with {old: new} replaced; each old is there."""
    for old, new in dict(changes).items():
        check(old in text, f"{old} is in the snippet")
        text = text.replace(old, new)
    return text


def sample(name, file):
    """What a comment in a snippet shows of another program's file."""
    found = re.search(
        rf"^# {re.escape(file)}\b(?:.*\n)*?#\n((?:#   .*\n|#\n)+)",
        snippet(name), re.M)
    check(found, f"the snippet shows {file}")
    return re.sub(r"^#(   )?", "", found.group(1), flags=re.M)


# ------------------------------------------------------- what the page says

def readings():
    """[(type-type_instance, kind, "listener" or "namespace", meaning)] of the
    plugin's own table."""
    run = probe_run("--list-values")
    equal((run.returncode, run.stderr), (0, ""), "the probe's end")
    return [(name, kind, whose, meaning)
            for name, kind, owners, meaning in
            (line.split("\t") for line in run.stdout.splitlines())
            for whose in owners.split(",")]


def page():
    """{section: {(whose, type-type_instance): name}} of doc/writers.md."""
    found = {}
    for part in re.split(r"^## ", source("doc", "writers.md"), flags=re.M)[1:]:
        rows = re.findall(
            r"^\| (listener|namespace) \| `([^`]+)` \| `([^`]+)` \|$",
            part, re.M)
        if rows:
            found[part.splitlines()[0]] = {
                (whose, reading): name for whose, reading, name in rows}
    return found


def names(section, table, called=str):
    """{name in the store: value} of a table {listener: {reading: value}}.

    The names are those of doc/writers.md; called() is what becomes of a
    listener's."""
    listed = page()[section]
    found = {}
    for listener, row in table.items():
        for reading, value in row.items():
            name = _name(listed, listener, "sockets" in row, reading)
            found[name.replace("HOST", HOST).replace(
                "LISTENER", called(listener))] = value
    return found


def _name(listed, listener, is_listener, reading):
    """What the page calls a reading. Another namespace's has the form of a
    listener's."""
    if is_listener:
        return listed["listener", READINGS[reading]]
    if not listener:
        return listed["namespace", READINGS[reading]]
    alike = "drops" if READINGS[reading].startswith("derive") else "limit"
    return listed["listener", READINGS[alike]].replace(alike, reading)


# ------------------------------------------------------------- what there is

class Since:
    """A value that grows by 1 a second."""

    def __init__(self):
        self.start = time.monotonic()

    def __float__(self):
        return time.monotonic() - self.start

    def __repr__(self):
        return f"{float(self):.3f}, growing"


# The namespace of a scene needs a place in a /run that is ours.
_private_run = functools.cache(private_run)


class Scene:
    """Servers whose values all differ, and the plugin's configuration: 80 is
    full, 443 is busy and a client of its has left, "api v1.2" has two sockets
    and half-open connections, nobody serves 8083; "@shop" is a UNIX socket. In
    the network namespace "blue" there is a port 80 as well."""
    SELECTED = """
LocalPort "80" "443" "8083"
LocalPath "@shop"
<Listener "api v1.2">
  LocalPort "8443" "9443"
</Listener>
NetNamespace "blue"
"""
    PORTS = {"80": [80], "443": [443], "8083": [8083],
             "api v1.2": [8443, 9443]}

    def __init__(self, inspect=False):
        """With inspect there is also what comes less often where the host has
        many connections."""
        self.inspect = inspect
        self.CONFIG = self.SELECTED + "InspectQueue true\n" * inspect
        sysctl("net.core.somaxconn", 1000)
        overflow_by_ack(81, 2).close()  # before the first look: of nobody
        self.servers = [Listener(80, backlog=4), Listener(443, backlog=9),
                        Listener(8443, backlog=2000),
                        Listener(9443, backlog=7, defer_accept=60)]
        self.oldest = {}
        for server, waiting in zip(self.servers, (5, 3, 1, 2)):
            self.oldest[server.port] = Since()
            fill(server, waiting, b"x")
        self.servers[1].clients.pop().close()
        self.servers[3].connect(3)  # deferred: they say nothing
        self.shop = UnixListener(b"\0shop", backlog=7)
        self.shop.connect(3).pop().close()
        _private_run()
        self.blue = Namespace("blue")
        self.oldest["blue"] = Since()
        with self.blue.inside():
            fill(Listener(80, backlog=1), 2)

    def trouble(self):
        """Moves every counter: 80 turns 7 clients away, SYNs to 9443 are
        dropped before it has them, and a client of 443 gets a SYN cookie. In
        "blue" 3 are turned away."""
        busy, other, _, deferring = self.servers
        overflow(busy, 7)
        with self.blue.inside():
            syn(80, times=3)
            until(lambda: netstat()["ListenOverflows"] == 3, "all are counted")
        sysctl("net.ipv4.tcp_syncookies", 0)
        late = [client("127.0.0.1", deferring.port) for _ in range(20)]
        until(lambda: netstat()["TCPReqQFullDrop"], "SYNs are dropped")
        for each in late:
            reset(each)
        sysctl("net.ipv4.tcp_syncookies", 2)  # always
        fill(other, 4)
        sysctl("net.ipv4.tcp_syncookies", 1)  # or each of our queries gets one

    def table(self):
        """What the kernel says, as {listener: {reading: value}}."""
        found = self._namespace("")
        # Its sk_drops hold more: each deferred accept.
        found["api v1.2"]["drops"] = found[""]["syn_drops"]
        with self.blue.inside():
            found.update(self._namespace("blue"))
        return {name: {reading: value for reading, value in row.items()
                       if self.inspect or reading not in INSPECTED}
                for name, row in found.items()}

    def _namespace(self, label):
        """The same of the network namespace that we are in."""
        prefix, kernel = label and label + ":", netstat()
        found = {prefix + name: self._row(label, ports)
                 for name, ports in self.PORTS.items()}
        found[prefix + "80"]["overflows"] = found[prefix + "80"]["drops"] = \
            ss(80)[0].drops
        found[label] = {
            "drops": kernel["ListenDrops"],
            "overflows": kernel["ListenOverflows"],
            "syn_drops": kernel["TCPReqQFullDrop"],
            "syncookies_sent": kernel["SyncookiesSent"],
            "overflows_unattributed": kernel["ListenOverflows"] - sum(
                row["overflows"] for row in found.values()),
            "somaxconn": sysctl("net.core.somaxconn")}
        found[prefix + "@shop"] = {"sockets": 0} if label else self._shop()
        return found

    def _row(self, label, ports):
        sockets = [s for port in ports for s in ss(port)]
        if not sockets:
            return {"sockets": 0, "drops": 0, "overflows": 0}
        seen = sum(map(states, ports), collections.Counter())
        return {**totals(sockets), **_over_time(sockets), "drops": 0,
                "overflows": 0, "abandoned": seen["CLOSE-WAIT"],
                "syn": seen["SYN-RECV"], "wait": max(
                    (self.oldest[label or port] for port in ports), key=float)}

    def _shop(self):
        """Of a UNIX socket the kernel counts no drops, nor what is waited."""
        sockets = [self.shop.seen()]
        return {**totals(sockets), **_over_time(sockets), "abandoned": 1}


def _over_time(sockets):
    """What an interval says in which nothing happens."""
    waiting = sum(s.queue for s in sockets)
    return {"peak": waiting, "busy": 100 * (waiting > 0),
            "fill": max(100 * s.queue / (s.limit + 1) for s in sockets),
            "full": sum(s.queue > s.limit for s in sockets)}


def same(got, want):
    """Whether a store's value is what it should be, or was a while ago."""
    if None in (got, want):
        return got == want
    if isinstance(want, Since):
        return float(want) / 100 <= got <= float(want) + 0.02
    return round(got, 6) == round(want, 6)


def holds(store, want, what="the store"):
    """Waits until a store's values() are these, and no others."""
    def wrong():
        got = store()
        return {name: (got.get(name), want.get(name))
                for name in {*got, *want}
                if not same(got.get(name), want.get(name))}
    end = time.monotonic() + DEADLINE
    while wrong() and time.monotonic() < end:
        time.sleep(0.05)
    equal(wrong(), {}, f"{what}, and what it should be")


# ------------------------------------------------------------------ programs

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(AssertionError):
    """An answer that is an error of the server's own."""


def fetch(url, **query):
    """The answer to GET; an error of the server's is one here."""
    if query:
        url += "?" + urllib.parse.urlencode(query, doseq=True)
    try:
        with _opener.open(url, timeout=DEADLINE) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        kind = ServerError if error.code >= 500 else AssertionError
        raise kind(
            f"{url}: {error.code} {error.read()[:1000].decode()}") from error


def answers(url):
    """Whether somebody serves this well."""
    try:
        with _opener.open(url, timeout=DEADLINE):
            return True
    except OSError:
        return False


class Store:
    """A program that keeps values, in a directory of its own."""

    def __init__(self):
        self.dir = scratch()
        os.chmod(self.dir, 0o777)

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, *command, url=None, user=unprivileged, **env):
        """Starts a program as nobody and waits until it answers at url."""
        check(shutil.which(command[0], path=PATH),
              f"{command[0]} is installed")
        process = Process([*user(), *command], env={"HOME": self.dir, **env})
        if url:
            until(lambda: process.popen.poll() is not None or answers(url),
                  f"{command[0]} answers")
            check(process.popen.poll() is None, f"{command[0]} runs")
        return process


class Graphite(Store):
    """carbon-cache, and graphite-web to ask."""
    SECTION = "Graphite"
    URL = "http://127.0.0.1:8080"

    def __init__(self):
        super().__init__()
        os.mkdir(f"{self.dir}/whisper")
        os.chmod(f"{self.dir}/whisper", 0o777)
        self.file("storage-schemas.conf", changed(
            sample("graphite", "storage-schemas.conf"), {"10s:7d": "1s:1h"}))
        self.file("storage-aggregation.conf",
                  sample("graphite", "storage-aggregation.conf"))
        conf = self.file("carbon.conf", f"""
[cache]
STORAGE_DIR = {self.dir}
LOCAL_DATA_DIR = {self.dir}/whisper
CONF_DIR = {self.dir}
LOG_DIR = {self.dir}
PID_DIR = {self.dir}
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
CACHE_QUERY_INTERFACE = 127.0.0.1
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
CARBON_METRIC_INTERVAL = 0
ENABLE_TAGS = False
""")
        self.run("carbon-cache", f"--config={conf}", "--nodaemon", "start")
        self.file("lb_settings.py", f"""
STORAGE_DIR = LOG_DIR = CONF_DIR = {self.dir!r}
WHISPER_DIR = {self.dir + "/whisper"!r}
INDEX_FILE = {self.dir + "/index"!r}
CARBONLINK_HOSTS = ["127.0.0.1:7002:a"]
SECRET_KEY = "none"
LOG_ROTATION = False
DATABASES = {{"default": {{"NAME": ":memory:",
                           "ENGINE": "django.db.backends.sqlite3"}}}}
""")
        serve = self.file("serve.py", """
from wsgiref.simple_server import make_server
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
call_command("migrate", run_syncdb=True, verbosity=0)
make_server("127.0.0.1", 8080, application).serve_forever()
""")
        # graphite-web is made for Debian's own Python, whichever else is here.
        self.run("/usr/bin/python3", "-B", serve, PYTHONPATH=self.dir,
                 DJANGO_SETTINGS_MODULE="graphite.settings",
                 GRAPHITE_SETTINGS_MODULE="lb_settings",
                 url=self.URL + "/metrics/find?query=*")

    def render(self, target, seconds=60):
        """{name: [(time, value)]} of a target in the last seconds."""
        answer = fetch(f"{self.URL}/render", target=target, format="json",
                       **{"from": f"-{seconds}s"})
        return {series["target"]: [
            (when, value) for value, when in series["datapoints"]
            if value is not None] for series in json.loads(answer)}

    def values(self):
        """The last of each; none where a file is just being made, at which
        graphite-web fails."""
        found = {}
        for what in "listen_backlog", "listen_backlog-*":
            with contextlib.suppress(ServerError):
                found.update(self.render(f"collectd.{HOST}.{what}.*"))
        return {name: points[-1][1]
                for name, points in found.items() if points}

    @staticmethod
    def called(listener):
        """What becomes of a listener's name."""
        return re.sub(r"[.:\s]", "_", listener)


class InfluxDB(Store):
    """influxd with its collectd listener."""
    SECTION = "InfluxDB"
    URL = "http://127.0.0.1:8086"

    def __init__(self):
        super().__init__()
        conf = self.file("influxdb.conf", f"""
reporting-disabled = true
bind-address = "127.0.0.1:8088"
[meta]
  dir = "{self.dir}/meta"
[data]
  dir = "{self.dir}/data"
  wal-dir = "{self.dir}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:8086"
""" + sample("influxdb", "influxdb.conf") + '  batch-timeout = "200ms"\n')
        self.run("influxd", "-config", conf, url=self.URL + "/ping")

    def ask(self, query):
        """[{name, tags, columns, values}] of a query; times are in ms."""
        answer = json.loads(fetch(f"{self.URL}/query", db="collectd", q=query,
                                  epoch="ms"))["results"][0]
        if "database not found" in answer.get("error", ""):
            return []  # it is made for the first packet
        check("error" not in answer, f"{query}: {answer}")
        return answer.get("series", [])

    def values(self):
        found = {}
        for series in self.ask('SELECT last("value") FROM '
                               '/^listen_backlog_/ GROUP BY *'):
            tags = [f"{tag}={value}" for tag, value
                    in sorted(series["tags"].items()) if value]
            found[",".join([series["name"], *tags])] = series["values"][0][1]
        return found

    called = staticmethod(str)


class Prometheus(Store):
    """prometheus, scraping collectd's write_prometheus."""
    SECTION = "Prometheus"
    URL = "http://127.0.0.1:9090"

    def __init__(self):
        super().__init__()
        # write_prometheus finds no address to listen on where there is none
        # but 127.0.0.1 and ::1.
        subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"],
                       check=True, env={"PATH": PATH})
        conf = self.file("prometheus.yml", changed(
            sample("prometheus", "prometheus.yml"),
            {"scrape_interval: 10s": "scrape_interval: 1s"}))
        self.run("prometheus", f"--config.file={conf}",
                 f"--storage.tsdb.path={self.dir}/data",
                 "--web.listen-address=127.0.0.1:9090",
                 url=self.URL + "/-/ready")

    def ask(self, what="query", **query):
        answer = json.loads(fetch(f"{self.URL}/api/v1/{what}", **query))
        equal(answer["status"], "success", f"{query}")
        return answer["data"]

    def values(self):
        found = {}
        for series in self.ask(
                query='{__name__=~"collectd_listen_backlog_.+"}')["result"]:
            found[self.written(series["metric"])] = float(series["value"][1])
        return found

    @staticmethod
    def written(labels):
        """A metric as one writes it, its labels in the order of the page."""
        order = "listen_backlog", "type", "instance"
        equal(set(labels) - {"__name__", "job", *order}, set(), "labels")
        return labels["__name__"] + "{" + ",".join(
            f'{name}="{labels[name]}"'
            for name in order if name in labels) + "}"

    called = staticmethod(str)
