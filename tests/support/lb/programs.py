# SPDX-License-Identifier: MIT
"""Programs that a test starts, and what /proc shows of them."""
import contextlib
import glob
import os
import re
import signal
import subprocess

from .basics import DEADLINE, PATH, at_end, content, evidence, scratch


class Process:
    """A program in a process group of its own, with its output in a file."""

    def __init__(self, words, output=None, env=None, **options):
        self.output = output or os.path.join(scratch(), "output")
        evidence(self.output)
        with open(self.output, "ab") as file:
            self.popen = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
                cwd="/",  # a server that drops its privileges may not be in the current directory
                env={**os.environ, "PATH": PATH, **(env or {})}, **options)
        self.pid = self.popen.pid
        at_end(self.stop, signal.SIGKILL)

    def running(self):
        return self.popen.poll() is None

    def kill(self, number):
        """Sends a signal to the whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def freeze(self):
        self.kill(signal.SIGSTOP)

    def thaw(self):
        self.kill(signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        """Sends a signal, waits for the end and returns the exit status."""
        if self.popen.returncode is None:
            self.popen.send_signal(number)
            self.thaw()
        try:
            return self.wait()
        finally:
            self.kill(signal.SIGKILL)

    def wait(self):
        """Waits for the end and returns the exit status."""
        return self.popen.wait(DEADLINE)

    def text(self):
        return content(self.output)


def processes(group):
    """{pid: directory in /proc} of a process group. /proc may be that of another pid namespace, with other numbers."""
    found = {}
    ours = os.readlink("/proc/self/ns/pid")
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            ids = dict(re.findall(r"^(NSpid|NSpgid):.*?(\d+)$", content(path + "/status"), re.M))
            if ids.get("NSpgid") == str(group) and os.readlink(path + "/ns/pid") == ours:
                found[int(ids["NSpid"])] = path
    return found


def proc(pid):
    """The directory in /proc of a process that leads its process group."""
    return processes(pid)[pid]


class Thread:
    """A thread in /proc."""

    def __init__(self, path):
        self.path = path
        self.name = content(path + "/comm").strip()

    def status(self):
        return content(self.path + "/status")

    def slept(self):
        """How often the thread has gone to sleep by itself."""
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", self.status(), re.M).group(1))

    def cpu(self):
        """How many seconds the thread has run."""
        return int(content(self.path + "/schedstat").split()[0]) / 1e9


def threads(pid):
    return [Thread(path) for path in glob.glob(proc(pid) + "/task/*")]


def unprivileged():
    """The words to put before a command to run it as the user nobody."""
    with open("/proc/self/uid_map") as file:
        ranges = [map(int, line.split()) for line in file]
    if any(first <= 65534 < first + count for first, _, count in ranges):
        return ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
