#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""listen_backlog-probe --explain, with real sockets: each cause in its words, with its evidence and its server. The unit
tests have the near misses."""
import contextlib
import json
import os
import re
import threading

from lb import *
from lb.namespaces import private_run

OBSERVE = ("--explain", "-i", "1.5")


class Serving:
    """A thread that accepts connections: up to `most` at a time, then a pause in seconds."""

    def __init__(self, server, pause, most=1):
        self.server, self.pause, self.most = server, pause, most
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        at_end(self.stop)
        self.thread.start()

    def stop(self):
        self.ending.set()
        self.thread.join()

    def _serve(self):
        while not self.ending.wait(self.pause):
            with contextlib.suppress(BlockingIOError):
                for _ in range(self.most):
                    self.server.socket.accept()[0].close()


class Bursts(Serving):
    """A thread that connects clients in bursts, which go when they are served."""

    def _serve(self):
        while not self.ending.wait(self.pause):
            self.server.connect(self.most)
            self.ending.wait(0.1)
            self.server.hang_up()


def explained(*args):
    """(exit status, {listener: its lines})"""
    run = probe_run(*OBSERVE, *args)
    equal(run.stderr, "", "stderr")
    parts = [part.splitlines() for part in run.stdout.split("\n\n")]
    return run.returncode, {part[0].split()[1].rstrip(":"): part for part in parts}


def says(lines, title, *words):
    """An explanation with this title and these words, of three to six lines."""
    equal(lines[0].partition(": ")[::2], title, "the title")
    check(3 <= len(lines) <= 6, f"three to six lines: {lines}")
    for word in words:
        check(re.search(word, "\n".join(lines)), f"{word!r} in {lines}")


@test("--explain tells too few workers, stuck servers and members, bursts, clients that have left and missing servers "
      "apart, and the exit status is 2")
def _():
    sysctl("net.core.somaxconn", 16)
    clamped = Listener(8005, backlog=64)
    sysctl("net.core.somaxconn", 4096)
    path = scratch() + "/app.sock"
    fill(Listener(8007, backlog=4), 5)
    group = [Listener(8004, backlog=4, reuseport=True) for _ in range(4)]
    group[0].steer()
    fill(group[0], 5)
    fill(UnixListener(path, 5), 3)
    left = fill(Listener(8008, backlog=64), 40)
    for each in left.clients:
        each.close()
    left.clients.clear()
    Serving(left, 0.2)
    slow = Listener(8003, backlog=4096)
    Crowd(8003, patience=60)
    Serving(slow, 0.05)
    burst = Listener(8006, backlog=8)
    for server in clamped, burst:
        Serving(server, 0.05, most=100)
        Bursts(server, 0.5, most=40)
    Listener(8001)
    until(lambda: probe("-q", 8007)["8007"]["wait"] > 3.5, "the first client has waited long")
    until(lambda: slow.seen().queue > 150, "a queue")
    sysctl("net.core.somaxconn", 16)
    label = path[1:].replace("/", "-")
    status, found = explained(*range(8001, 8009), path)
    equal(status, 2, "exit status")
    says(found["8001"], ("OK 8001", "healthy"), "queue 0, limit 5", "Who:  python3 .pid", "measured for 1.5 s")
    says(found["8002"], ("TROUBLE 8002", "nobody listens"), "no listening socket", "start the server")
    says(found["8003"], (found["8003"][0].partition(":")[0], "too few or too slow workers"),
         r"arriving \d+/s, served [0-9.]+/s: about [0-9.]+ times the workers", "never empty", "more workers")
    says(found["8004"], ("TROUBLE 8004", "1 of 4 sockets accepts nobody"), "1 of 4 sockets full", "restart the process")
    says(found["8005"], ("TROUBLE 8005", "bursts over the backlog; the limit equals net.core.somaxconn"),
         r"raise net.core.somaxconn \(16", "restart the server", "likely")
    says(found["8006"], ("TROUBLE 8006", "bursts over the backlog"), "limit 8, was full, at most 9|full, not", r"not empty \d+ % of the time")
    says(found["8007"], ("TROUBLE 8007", "it accepts nobody"), "queue 5, limit 4, full", "the same as 1.5 s before", "measured")
    says(found["8008"], ("TROUBLE 8008", "it serves clients that have left"), r"(\d+) of \1 waiting clients have left")
    says(found[label], (f"TROUBLE {label}", "it accepts nobody"), "queue 3, limit 5")


@test("the labels of the plugin are found, and the exit status is 0 for a healthy listener, 1 for a warning and 3 for "
      "what only collectd knows or nobody may read")
def _():
    path = scratch() + "/app.sock"
    label = path[1:].replace("/", "-")
    half = fill(UnixListener(path, 16), 10)
    Listener(8001)
    for name in label, path:
        run = probe_run("--explain", "-i", "0.3", name)
        equal(run.returncode, 1, f"exit status with {name}")
        check(run.stdout.startswith(f"WARNING {label}: too few or too slow workers"), run.stdout)
    half.accept()
    for args, status, text in (((label, "8001"), 0, f"OK {label}: healthy"),
                               (("api",), 3, "UNKNOWN api: no listener has this label"),
                               ((f"{os.path.dirname(path)}/*.sock", f"{path[:-1]}?"), 0, f"OK {label}: healthy"),
                               (("/nothere/*.sock",), 2, r"TROUBLE /nothere/\*\.sock: nobody listens"),
                               (("run-gone.sock",), 2, "TROUBLE run-gone.sock: nobody listens"),
                               (("-N", "nothere", "8001"), 3, "OK 8001: healthy"),
                               (("-N", "nothere"), 3, r"UNKNOWN: 2 listeners are healthy in [0-9.]+ s, but not all"),
                               ((), 0, r"OK: 2 listeners are healthy in [0-9.]+ s\."),
                               (("-x",), 0, r"OK: 1 listener is healthy in [0-9.]+ s\.")):
        run = probe_run("--explain", "-i", "0.3", *args)
        equal((run.returncode, bool(re.search(text, run.stdout))), (status, True), f"{args}: {run.stdout}")
    found = json.loads(probe_run("--explain", "-i", "0.3", "--format", "json", "8001", "8002", "api").stdout)
    equal([(each["listener"], each["state"], each.get("cause")) for each in found["listeners"]],
          [("8002", "TROUBLE", "gone"), ("api", "UNKNOWN", None), ("8001", "OK", "healthy")])
    equal({name: found["listeners"][2][name] for name in ("queue", "limit", "sockets", "overflows", "guess")},
          {"queue": 0, "limit": 5, "sockets": 1, "overflows": 0, "guess": False})
    check("queue" not in found["listeners"][0], "what is absent is absent")


@test("a listener of another network namespace is found by its label, and by that of the namespace")
def _():
    private_run()
    blue = Namespace("blue")
    with blue.inside():
        fill(Listener(8080, backlog=4), 5)
    Listener(8080)
    run = probe_run("--explain", "-i", "0.3", "blue:8080")
    equal(run.returncode, 2, "exit status")
    check(run.stdout.startswith("TROUBLE blue:8080: "), run.stdout)
    equal(run.stdout.count("Seen:"), 1, "explanations")
    equal(probe_run("--explain", "-i", "0.3", "blue").stdout.splitlines()[0], run.stdout.splitlines()[0], "by namespace")


@test("a full SYN queue without cookies is trouble, and the drops name its listener")
def _():
    Listener(8080, backlog=8, defer_accept=30)
    sysctl("net.ipv4.tcp_syncookies", 0)
    Crowd(8080, patience=60)
    until(lambda: netstat()["TCPReqQFullDrop"], "the kernel drops SYNs")
    _, found = explained("8080")
    says(found["8080"], ("TROUBLE 8080", "the SYN queue is full, without SYN cookies"), r"\d+ half-open",
         r"\d+ SYNs dropped for a full SYN queue", "sysctl -w net.ipv4.tcp_syncookies=1", r"limit \(8\)", "likely")


@test("the systemd unit is named by the control group of the socket, also in the JSON of the sockets")
def _():
    private_run()
    try:
        mount("none", "/sys/fs/cgroup", "cgroup2")
    except OSError as error:
        note(f"no cgroup2: {error}")
        return
    unit = f"lb-test-{os.getpid()}.service"
    group = f"/sys/fs/cgroup/{unit}"
    os.mkdir(group)
    at_end(os.rmdir, group)
    write(group + "/cgroup.procs", "0")
    at_end(write, "/sys/fs/cgroup/cgroup.procs", "0")
    Listener(8080)
    mentions(probe_output(*OBSERVE, "8080"), f", unit {unit}.")
    socket, = json.loads(probe_output("--sockets", "--format", "json"))["sockets"]
    equal((socket["listener"], socket["unit"], socket["process"]), ("8080", unit, "python3"))


if __name__ == "__main__":
    main()
