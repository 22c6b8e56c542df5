# SPDX-License-Identifier: MIT
"""The programs that keep what collectd writes: each is the real program, started as the user nobody on loopback, with
files of its own. A store has values(), the last value of each name of ours, under the store's own names."""
import contextlib
import json
import os
import re
import shutil
import socket
import struct
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from .basics import DEADLINE, PATH, at_end, check, command, equal, mentions, scratch, source, until, write
from .probe import READINGS
from .programs import Process, unprivileged

HOST = "testhost"


# ------------------------------------------------------------------- snippets

def snippet(name, changes=()):
    """The text of collectd.conf.d/listen_backlog-NAME.conf with {old: new} replaced: paths that need root, and
    times."""
    return changed(source("collectd.conf.d", f"listen_backlog-{name}.conf"), changes)


def changed(text, changes):
    """text with {old: new} replaced; each old is there."""
    for old, new in dict(changes).items():
        mentions(text, old)
        text = text.replace(old, new)
    return text


def shown_file(name, file):
    """The file of another program that a comment in a snippet shows."""
    found = re.search(rf"^# {re.escape(file)}\b(?:.*\n)*?#\n((?:#   .*\n|#\n)+)", snippet(name), re.M)
    check(found, f"the snippet shows {file}")
    return re.sub(r"^#(   )?", "", found.group(1), flags=re.M)


# ----------------------------------------------------------------- in collectd

class Unixsock:
    """A client of collectd's unixsock plugin."""
    CONFIG = '<Plugin unixsock>\n  SocketFile "@DIR@/sock"\n</Plugin>'

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX)
        at_end(self.close)
        until(lambda: self.socket.connect_ex(f"{daemon.dir}/sock") == 0, "collectd listens at its socket")
        self.file = self.socket.makefile("r")

    def close(self):
        with contextlib.suppress(AttributeError):
            self.file.close()
        self.socket.close()

    def ask(self, line):
        """The lines of the answer; None if it is an error."""
        self.socket.sendall(line.encode() + b"\n")
        status, _, text = self.file.readline().partition(" ")
        return None if int(status) < 0 else [self.file.readline().rstrip("\n") for _ in range(int(status))]

    def value(self, name):
        """The last value of HOST/PLUGIN/TYPE; None if collectd has none."""
        answer = self.ask(f'GETVAL "{name}"')
        return answer and float(answer[0].partition("=")[2])


def rrd_path(root, listener, reading):
    return f"{root}/{HOST}/listen_backlog{listener and '-' + listener}/{READINGS[reading]}.rrd"


def rrd_read(what, path, *options):
    """What rrdtool prints of an RRD file. It reads a copy: it locks the file that it reads, and meanwhile collectd
    could not update it. With options of its own rrdtool asks a daemon."""
    with tempfile.NamedTemporaryFile(suffix=".rrd") as copy:
        if "--daemon" not in options:
            shutil.copyfile(path, copy.name)
            path = copy.name
        return command("rrdtool", what, path, *options)


def rrd_last(path):
    """When an RRD file of a 64-bit system was last updated: last_up follows the definitions in its header."""
    with open(path, "rb") as file:
        sources, archives = struct.unpack_from("QQ", file.read(128), 24)
        file.seek(128 + 120 * (sources + archives))
        return struct.unpack("q", file.read(8))[0]


def rrd_fetch(path, start, end, *options):
    """The known values of an RRD file from start to end, a row each second: [(time, value)]."""
    text = rrd_read("fetch", path, "AVERAGE", "-r", 1, "-s", start, "-e", end, *options)
    rows = [line.split(": ") for line in text.splitlines() if ": " in line]
    return [(int(when), float(value)) for when, value in rows if "nan" not in value]


# ------------------------------------------------------------------ programs

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(AssertionError):
    """The server answered with an error of its own."""


def fetch(url, **query):
    """The body of the answer to GET."""
    if query:
        url += "?" + urllib.parse.urlencode(query, doseq=True)
    try:
        with _opener.open(url, timeout=DEADLINE) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        kind = ServerError if error.code >= 500 else AssertionError
        raise kind(f"{url}: {error.code} {error.read()[:1000].decode()}") from error


class Store:
    """A program that keeps values, in a directory of its own."""
    written = staticmethod(str)  # what becomes of a listener's label

    def __init__(self):
        self.dir = scratch(0o777)

    def file(self, name, text):
        return write(os.path.join(self.dir, name), text)

    def run(self, *words, url=None, user=unprivileged, **env):
        """Starts a program and waits until it answers at url."""
        check(shutil.which(words[0], path=PATH), f"{words[0]} is installed")
        process = Process([*user(), *words], env={"HOME": self.dir, **env})

        def answers():
            check(process.running(), f"{words[0]} runs")
            with contextlib.suppress(OSError):
                with _opener.open(url, timeout=DEADLINE):
                    return True
        if url:
            until(answers, f"{words[0]} answers")
        return process


class Graphite(Store):
    """carbon-cache, and graphite-web to ask."""
    SECTION = "Graphite"
    URL = "http://127.0.0.1:8080"

    def __init__(self, schemas=""):
        super().__init__()
        os.mkdir(f"{self.dir}/whisper")
        os.chmod(f"{self.dir}/whisper", 0o777)
        self.file("storage-schemas.conf", schemas + changed(shown_file("graphite", "storage-schemas.conf"), {"10s:7d": "1s:1h"}))
        self.file("storage-aggregation.conf", shown_file("graphite", "storage-aggregation.conf"))
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
DATABASES = {{"default": {{"NAME": ":memory:", "ENGINE": "django.db.backends.sqlite3"}}}}
""")
        serve = self.file("serve.py", """
from wsgiref.simple_server import make_server
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
call_command("migrate", run_syncdb=True, verbosity=0)
make_server("127.0.0.1", 8080, application).serve_forever()
""")
        # graphite-web needs Debian's own Python, even if another is first in PATH.
        self.run("/usr/bin/python3", "-B", serve, PYTHONPATH=self.dir, DJANGO_SETTINGS_MODULE="graphite.settings",
                 GRAPHITE_SETTINGS_MODULE="lb_settings", url=self.URL + "/metrics/find?query=*")

    def render(self, target, seconds=60, until="now"):
        """{name: [(time, value)]} of a target in the last seconds."""
        start = f"-{int(seconds)}s" if until == "now" else int(until - seconds)
        answer = fetch(f"{self.URL}/render", target=target, format="json", until=until, **{"from": start})
        return {series["target"]: [(when, value) for value, when in series["datapoints"] if value is not None]
                for series in json.loads(answer)}

    def values(self):
        found = {}
        for pattern in "listen_backlog", "listen_backlog-*":
            with contextlib.suppress(ServerError):  # graphite-web fails at a file that carbon is just making
                found.update(self.render(f"collectd.{HOST}.{pattern}.*"))
        return {name: points[-1][1] for name, points in found.items() if points}

    @staticmethod
    def written(label):
        return re.sub(r"[.:\s]", "_", label)


class InfluxDB(Store):
    """influxd with this listener for collectd, by default that of the snippet."""
    SECTION = "InfluxDB"
    URL = "http://127.0.0.1:8086"

    def __init__(self, listener=None):
        super().__init__()
        listener = listener or shown_file("influxdb", "influxdb.conf") + '  batch-timeout = "200ms"\n'
        conf = self.file("influxdb.conf", f"""
reporting-disabled = true
bind-address = "127.0.0.1:8088"
[meta]
  dir = "{self.dir}/meta"
[data]
  dir = "{self.dir}/data"
  wal-dir = "{self.dir}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:8086"
  log-enabled = false
{listener}""")
        process = self.run("influxd", "-config", conf, url=self.URL + "/ping")
        until(lambda: "Listening on UDP" in process.text(), "InfluxDB listens for collectd")

    def write(self, lines):
        """Writes points in InfluxDB's line protocol, with times in seconds."""
        for path, text in ("query?q=CREATE+DATABASE+collectd", ""), ("write?db=collectd&precision=s", lines):
            with _opener.open(f"{self.URL}/{path}", data=text.encode(), timeout=DEADLINE) as answer:
                answer.read()

    def ask(self, query):
        """[{name, tags, columns, values}] of a query; times are in ms."""
        answer = json.loads(fetch(f"{self.URL}/query", db="collectd", q=query, epoch="ms"))["results"][0]
        if "database not found" in answer.get("error", ""):
            return []  # the first packet makes it
        check("error" not in answer, f"{query}: {answer}")
        return answer.get("series", [])

    def values(self):
        found = {}
        for series in self.ask('SELECT last("value") FROM /^listen_backlog_/ GROUP BY *'):
            tags = [f"{tag}={value}" for tag, value in sorted(series["tags"].items()) if value]
            found[",".join([series["name"], *tags])] = series["values"][0][1]
        return found


class Prometheus(Store):
    """prometheus, scraping collectd's write_prometheus every second, or with another configuration."""
    SECTION = "Prometheus"
    URL = "http://127.0.0.1:9090"

    def __init__(self, config=None, rules=None, past=None):
        """past: what was scraped before, as OpenMetrics."""
        super().__init__()
        if past:
            command(*unprivileged(), "promtool", "tsdb", "create-blocks-from", "openmetrics",
                    self.file("past", past + "# EOF\n"), f"{self.dir}/data", timeout=DEADLINE)
        # write_prometheus does not find an address to listen on if there are only 127.0.0.1 and ::1.
        command("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
        if rules:
            self.file("rules.yml", rules)
        conf = self.file("prometheus.yml", config or changed(
            shown_file("prometheus", "prometheus.yml"), {"scrape_interval: 10s": "scrape_interval: 1s"}))
        self.run("prometheus", f"--config.file={conf}", f"--storage.tsdb.path={self.dir}/data",
                 "--web.listen-address=127.0.0.1:9090", url=self.URL + "/-/ready")

    def ask(self, what="query", **query):
        answer = json.loads(fetch(f"{self.URL}/api/v1/{what}", **query))
        equal(answer["status"], "success", f"{query}")
        return answer["data"]

    def values(self):
        return {self.metric(series["metric"]): float(series["value"][1]) for series in self.ask(
            query='{__name__=~"collectd_listen_backlog_.+"}')["result"]}

    @staticmethod
    def metric(labels):
        """A metric as doc/writers.md writes it, with its labels in that order."""
        order = "listen_backlog", "type", "instance"
        equal(set(labels) - {"__name__", "job", *order}, set(), "labels")
        return labels["__name__"] + "{" + ",".join(f'{name}="{labels[name]}"' for name in order if name in labels) + "}"


STORES = Graphite, InfluxDB, Prometheus
