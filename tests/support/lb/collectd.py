# SPDX-License-Identifier: MIT
"""The real daemon with the plugin in it: its configuration, its log, and the values in its CSV files."""
import collections
import contextlib
import glob
import os
import re
import shutil
import time
import xml.etree.ElementTree

from .basics import check, content, equal, evidence, note, scratch, until, write
from .faults import unlimited
from .messages import matches
from .probe import INSPECTED, READINGS, number
from .programs import Process, proc, threads

_NAMES = {name: reading for reading, name in READINGS.items()}
SHORTEST = float(os.environ.get("LB_INTERVAL", "0"))  # of a slow machine, on which collectd writes less often
PLUGIN = "listen_backlog plugin:"  # begins each line of ours in the log
VALGRIND = ("valgrind", "--leak-check=full", "--keep-debuginfo=yes",
            "--show-leak-kinds=definite,indirect,possible", "--xml=yes", "--xml-file=@DIR@/valgrind.%p")


def plugin_dir():
    """Where collectd's own plugins are installed."""
    for path in "/usr/lib/collectd", "/usr/lib64/collectd", *glob.glob("/usr/lib/*/collectd"):
        if os.path.exists(path + "/csv.so"):
            return path
    raise AssertionError("collectd's plugins are not installed")


class Daemon:
    """collectd in a directory of its own with these plugins; text is the rest of its configuration. "@DIR@" in text and
    command is that directory. In intervals of less than a second our plugin would soon need more than 1 % of a CPU, so
    it has no limit there unless limited is true."""
    program = "collectd"

    def __init__(self, plugins, text, interval=0.1, hostname="testhost", threads_=1, command=(), start=True,
                 limited=False, **options):
        self.dir = scratch(0o777)
        interval = max(interval, SHORTEST)
        if interval < 1 and not limited:
            options["env"] = {**unlimited(self.dir), **(options.get("env") or {})}
        self.command, self.options, self.hostname, self.interval = command, options, hostname, interval
        os.mkdir(f"{self.dir}/plugins")
        for name in "logfile", *plugins:  # collectd refuses symbolic links
            shutil.copy(self.file_of(name), f"{self.dir}/plugins/{name}.so")
        load = "\n".join(f"LoadPlugin {name}" for name in plugins)
        self.conf = write(f"{self.dir}/collectd.conf", f"""
Hostname "{hostname}"
FQDNLookup false
BaseDir "{self.dir}"
{self.plugin_dir()}
TypesDB "/usr/share/collectd/types.db"
Interval {interval}
ReadThreads {threads_}
WriteThreads {threads_}
LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File "{self.dir}/log"
  Timestamp false
  PrintSeverity true
</Plugin>
{load}
{text.replace("@DIR@", self.dir)}
""")
        evidence(f"{self.dir}/log")
        self.process = None
        if start:
            self.start()

    def file_of(self, plugin):
        """The file of a plugin of collectd's, or of ours."""
        return os.environ["LB_PLUGIN"] if plugin == "listen_backlog" else f"{plugin_dir()}/{plugin}.so"

    def plugin_dir(self):
        return f'PluginDir "{self.dir}/plugins"'

    def start(self, mode="-f"):
        """Starts collectd in the foreground, or with -T for a single read."""
        self.process = Process(
            [*(word.replace("@DIR@", self.dir) for word in self.command),
             self.program, mode, "-C", self.conf, "-P", f"{self.dir}/pid"],
            output=f"{self.dir}/output", **self.options)
        self.pid = self.process.pid

    def stop(self):
        """Ends the daemon and returns its exit status."""
        return self.process.stop()

    def running(self):
        return self.process.running()

    def log(self, *words):
        """The lines of the log that hold all words."""
        return [line for line in content(f"{self.dir}/log").splitlines()
                if all(word.lower() in line.lower() for word in words)]

    def errors(self):
        """The errors in the log, except one that collectd logs if /proc belongs to another pid namespace."""
        return [line for line in self.log("[error]") if "set_thread_name" not in line]

    def complaints(self, *words):
        """The errors and warnings that our plugin logs."""
        return [line for line in self.log(PLUGIN, *words) if line.startswith(("[error]", "[warning]"))]

    def said(self, name, *args):
        """The lines of the log with this message of messages.h."""
        return [line for line in self.log(PLUGIN) if matches(line, name, *args)]

    def one_error(self, *words):
        """The only error that holds all words."""
        found = [line for line in self.errors() if all(word in line for word in words)]
        check(len(found) == 1, f"one error has {words}: {self.errors()}")
        note(found[0])
        return found[0]

    def mapped(self):
        """{(inode, path)} of the plugin's file that the daemon has loaded."""
        return {(int(inode), name.strip()) for *_, inode, name in (
            line.split(None, 5) for line in content(proc(self.pid) + "/maps").splitlines()
            if "listen_backlog.so" in line)}

    def descriptors(self):
        """What the daemon's descriptors refer to, except its own files. A sample has more of them for a moment, such as
        a file of a thread that never comes again."""
        found = []
        for path in glob.glob(proc(self.pid) + "/fd/*"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(path))
        return sorted(re.sub(r"(socket|pipe):\[\d+\]", r"\1", name) for name in found
                      if not name.startswith(self.dir))

    def sampler(self):
        """The plugin's thread; None if there is none."""
        return next((thread for thread in threads(self.pid) if thread.name == "listen_backlog"), None)


class Collectd(Daemon):
    """The daemon with our plugin, writing CSV files. config is the text within <Plugin listen_backlog>; None: there
    is no such block. Without InspectQueue in it the values of inspections are left out here: which of them there are
    depends on whether a client waits at the read."""

    def __init__(self, config=None, plugins=(), extra="", **options):
        self._left_out = set() if "InspectQueue" in (config or "") else {READINGS[name] for name in INSPECTED}
        block = "" if config is None else f"<Plugin listen_backlog>\n{config}\n</Plugin>"
        super().__init__(("csv", *plugins, "listen_backlog"),
                         f'<Plugin csv>\n  DataDir "@DIR@/csv"\n</Plugin>\n{block}\n{extra}', **options)

    def instances(self):
        """The plugin instances of ours that have values: labels, and "" for the daemon's own network namespace."""
        return {path[len("listen_backlog"):].lstrip("-") for path in map(os.path.basename, glob.glob(
            glob.escape(f"{self.dir}/csv/{self.hostname}") + "/listen_backlog*"))}

    def _folder(self, listener):
        return f"{self.dir}/csv/{self.hostname}/listen_backlog" + (listener and "-" + listener)

    def names(self, listener):
        """The type-type_instance of all values of a listener."""
        return {re.sub(r"-\d{4}-\d\d-\d\d$", "", name)
                for name in os.listdir(self._folder(listener))} - self._left_out

    def series(self, listener, reading):
        """All values of a reading: [(time, value)]."""
        found = []
        for path in sorted(glob.glob(glob.escape(f"{self._folder(listener)}/{READINGS[reading]}") + "-????-??-??")):
            for line in content(path).splitlines()[1:]:
                when, value = line.split(",")
                found.append((float(when), number(value)))
        return found

    def last(self, listener, reading):
        return self.series(listener, reading)[-1][1]

    def reads(self):
        """All complete reads in order: [(time, {listener: {reading: value}})]. A time that has nothing but the bases of
        counters is that of no read."""
        complete = set(self.times()[:-1])
        found = collections.defaultdict(lambda: collections.defaultdict(dict))
        for listener in self.instances():
            for name in self.names(listener):
                for when, value in self.series(listener, _NAMES[name]):
                    found[when][listener][_NAMES[name]] = value
        return [(when, dict(found[when])) for when in sorted(complete)]

    def times(self):
        """The times of the reads that have values."""
        return [when for when, _ in self.series("", "somaxconn")]

    def goes_on(self, count=4):
        """Waits until collectd has read another plugin, uptime, this many times more."""
        def others():
            check(self.running(), "collectd runs")
            return sum(len(content(path).splitlines()) for path in glob.glob(
                f"{self.dir}/csv/{self.hostname}/uptime/uptime-*"))
        before = others()
        until(lambda: others() > before + count, "another plugin is read")

    def await_reads(self, count=1, since=None):
        """Waits until the values of this many reads after a time, by default now, are written."""
        since = time.time() if since is None else since

        def there():
            check(self.running(), "collectd runs")
            return sum(when > since + 0.001 for when in self.times()) >= count
        until(there, f"collectd has written {count} reads")

    def reads_since(self, now):
        """The complete reads that began after a time; the first one after it may have begun before."""
        return [(when, table) for when, table in self.reads() if when > now + 0.001][1:]

    def lasting_descriptors(self):
        """Those of the daemon's descriptors that several looks, with a read between them, have in common."""
        common = collections.Counter(self.descriptors())
        for _ in range(3):
            self.read()
            common &= collections.Counter(self.descriptors())
        return sorted(common.elements())

    def inspected(self, listener):
        """The values of a listener in the first read with an inspection of its queue that began after this call."""
        now = time.time()
        return until(lambda: next((table[listener] for _, table in self.reads_since(now)
                                   if "abandoned" in table.get(listener, ())), None), f"{listener} is inspected")

    def read(self):
        """The values of one read that began after this call."""
        now = time.time()
        self.await_reads(3, now)
        return self.reads_since(now)[0][1]

    def check_valgrind(self):
        """Fails if valgrind, under which the daemon has run, found an error in our code."""
        files = glob.glob(f"{self.dir}/valgrind.*")
        check(files, "valgrind has written its report")
        errors = [error for path in files for error in xml.etree.ElementTree.parse(path).iter("error") if any(
            "listen_backlog" in os.path.basename(frame.findtext("obj") or "") or
            (frame.findtext("fn") or "").startswith("lb_") for frame in error.iter("frame"))]
        for error in errors:
            note(xml.etree.ElementTree.tostring(error, encoding="unicode"))
        equal(len(errors), 0, "errors in our code")


def queues(table):
    """{listener: queue} of a read; None for a listener without a socket and for a network namespace."""
    return {name: row.get("queue") for name, row in table.items()}


def part(table, listener, *names):
    """These readings of a listener."""
    return {name: table[str(listener)].get(name) for name in names}
