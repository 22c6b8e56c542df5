# SPDX-License-Identifier: MIT
"""Programs that sample listening sockets, and what a sample of each costs.

run(n) takes n samples and returns the CPU microseconds (user + system) of one.
begin() comes before the first sample of other sockets, end() after the last."""
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time

from lb import PATH, Process, check, plugin_dir, scratch, until

BENCH = os.path.join(os.environ["LB_SRCDIR"], "bench")
BUILT = os.path.join(os.environ["LB_BUILDDIR"], "bench")


class Held:
    """Sockets that other processes hold until it is closed."""

    SCRIPT = "hold_sockets.py"

    def __init__(self, *numbers):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(BENCH, self.SCRIPT),
             *map(str, numbers)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        check(self.process.stdout.readline() == "ready\n",
              f"{numbers} sockets are held")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


def cpu_us(pid):
    """The CPU time of a process and all its threads, in microseconds:
    CPUCLOCK_SCHED of clock_getcpuclockid(3)."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e3


def settled(pid, pause):
    """Waits until a process has used no CPU time for a while. Returns what it
    has used and since when, or None if it does not come to rest."""
    used, since = cpu_us(pid), time.monotonic()
    end = since + 10 + 20 * pause
    while time.monotonic() < since + pause:
        if time.monotonic() > end:
            return None
        time.sleep(0.005)
        now = cpu_us(pid)
        if now > used:
            used, since = now, time.monotonic()
    return used, since


class Daemon:
    """collectd with only these plugins. It writes nothing, but keeps the last
    values, as every collectd does."""

    def __init__(self, interval, plugins, options="", threads=1,
                 values='PostCacheChain "drop"'):
        self.interval = interval
        folder = scratch()
        for name in plugins:
            shutil.copy(os.environ["LB_PLUGIN"] if name == "listen_backlog"
                        else f"{plugin_dir()}/{name}.so", folder)
        conf = os.path.join(folder, "collectd.conf")
        load = "\n".join(f"LoadPlugin {name}" for name in plugins)
        with open(conf, "w") as file:
            file.write(f"""
Hostname "testhost"
FQDNLookup false
BaseDir "{folder}"
PluginDir "{folder}"
TypesDB "/usr/share/collectd/types.db"
Interval {interval}
ReadThreads {threads}
WriteThreads {threads}
{values}
<Chain "drop">
  Target "stop"
</Chain>
{load}
{options}
""")
        self.process = Process(["collectd", "-f", "-C", conf,
                                "-P", f"{folder}/pid"])
        self.pid = self.process.pid
        until(lambda: "entering read-loop" in self.process.text(),
              "collectd is up")

    def stop(self):
        check(self.process.running(), "collectd still runs")
        self.process.stop()


class Contender:
    BUDGET_US = 150000  # of a turn
    MOST = 20000        # samples
    package = None      # of Debian

    def there(self):
        return True

    def begin(self):
        cost = self.run(1)
        self.samples = max(1, min(self.MOST, int(self.BUDGET_US / cost)))

    def turn(self):
        return self.run(self.samples)

    def end(self):
        pass


class Program(Contender):
    """A program that prints the cost of a sample."""

    def __init__(self, name, *command):
        self.name, self.command = name, command

    def run(self, samples):
        text = subprocess.run([*self.command, str(samples)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        return float(text.split()[0])


class Raindrops(Program):
    package = "ruby-raindrops"

    def __init__(self):
        super().__init__("raindrops", "ruby",
                         os.path.join(BENCH, "raindrops.rb"))

    def there(self):
        return shutil.which("ruby") and subprocess.run(
            ["ruby", "-rraindrops", "-e", ""],
            stderr=subprocess.DEVNULL).returncode == 0


class Ss(Contender):
    name, package = "ss -ltn", "iproute2"
    MOST = 20

    def there(self):
        return shutil.which("ss", path=PATH)

    def run(self, samples):
        path = shutil.which("ss", path=PATH)
        null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
        total = 0
        for _ in range(samples):
            pid = os.posix_spawn(path, [path, "-ltn"], os.environ,
                                 file_actions=null)
            _, status, used = os.wait4(pid, 0)
            check(status == 0, "ss ends well")
            total += used.ru_utime + used.ru_stime
        return total * 1e6 / samples


class NodeExporter(Contender):
    """Its own port is one of the listeners that it samples."""
    name, package = "tcpstat", "prometheus-node-exporter"
    PORT = 9100
    MOST = 20

    def there(self):
        return shutil.which(self.package)

    def begin(self):
        self.process = Process(
            [self.package, "--collector.disable-defaults",
             "--collector.tcpstat", "--web.disable-exporter-metrics",
             f"--web.listen-address=127.0.0.1:{self.PORT}"])
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.PORT)) == 0
        until(listens, "node_exporter listens")
        super().begin()

    def run(self, samples):
        pid = self.process.pid
        start = cpu_us(pid)
        for _ in range(samples):
            scrape = http.client.HTTPConnection("127.0.0.1", self.PORT)
            scrape.request("GET", "/metrics")
            text = scrape.getresponse().read().decode()
            scrape.close()
            check('success{collector="tcpstat"} 1' in text, "tcpstat answers")
        return (cpu_us(pid) - start) / samples

    def end(self):
        self.process.stop()


class Read(Contender):
    """A plugin's read, with the daemon's own work, in a collectd that has no
    other plugin. It is stopped while the others have their turn."""

    def __init__(self, name, plugin, options=""):
        self.name, self.plugin, self.options = name, plugin, options
        self.package = None if options else "collectd-core"

    def there(self):
        return (self.plugin == "listen_backlog" or
                os.path.exists(f"{plugin_dir()}/{self.plugin}.so"))

    def _interval(self):
        """Four times as long as the start with the first read takes."""
        start = time.monotonic()
        daemon = Daemon(60, [self.plugin], self.options)
        _, end = settled(daemon.pid, 0.3)
        daemon.stop()
        return max(0.2, round(4 * (end - start), 1))

    def _start(self, interval):
        """Doubles the interval if other processes leave too little CPU time."""
        self.daemon = Daemon(interval, [self.plugin], self.options)
        if not settled(self.daemon.pid, interval / 4):
            self.daemon.stop()
            self._start(2 * interval)

    def begin(self):
        self._start(self._interval())
        self.daemon.process.freeze()
        self.samples = 1

    def run(self, samples):
        """Measures from one rest to another: one read in each interval."""
        interval = self.daemon.interval
        self.daemon.process.thaw()
        rest = settled(self.daemon.pid, interval / 4)
        if not rest:
            self.daemon.stop()
            self._start(2 * interval)
            return self.run(samples)
        time.sleep(interval * samples)
        end = cpu_us(self.daemon.pid)
        self.daemon.process.freeze()
        return (end - rest[0]) / samples

    def end(self):
        self.daemon.process.thaw()
        self.daemon.stop()


def contenders():
    """All of them, in the order of the table."""
    return [
        Program("floor", os.path.join(BUILT, "floor")),
        Program("sample", os.path.join(BUILT, "sample")),
        Read("read", "listen_backlog", """
            <Plugin listen_backlog>
              SampleInterval 0
            </Plugin>"""),
        Read("tcpconns", "tcpconns"),
        Ss(),
        Raindrops(),
        NodeExporter(),
    ]
