#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""listen_backlog-probe: how it ends, and that --sockets shows what ss shows. Its values are compared with collectd's
in the other tests."""
import json
import os
import re
import signal
import socket
import subprocess

from lb import *

WRONG_USAGE = (["--nonsense"], ["65536"], ["nosuchservice"], ["90-80"], ["--count"], ["--interval", "x"],
               ["--sample", "x"], ["--count", "0"], ["/" + "x" * 108], ["/run/a", "/run/a"], ["--netns", "a/b"],
               ["--record", "a", "--replay", "b"], ["--netns", "a", "--record", "b"], ["--netns", "a", "--replay", "b"],
               ["--format", "xml"], ["--format", "prometheus", "--sockets"], ["--format", "prometheus", "-i", "1"],
               ["--format", "prometheus", "--explain"], ["--format", "prometheus", "--replay", "a"], ["--explain", "-s"],
               ["--explain", "-n", "2"], ["--explain", "--record", "a"], ["--explain", "--replay", "a"],
               ["--explain", "a/"], ["--explain", ""], ["unix:/run/a"], ["/run/a;"])


@test("the exit status is 2 for wrong usage, 1 for a file that is no recording, and the reason is on stderr alone")
def _():
    for args in WRONG_USAGE:
        run = probe_run(*args)
        equal((run.returncode, run.stdout, bool(run.stderr)), (2, "", True), args)
    for name in "/nonexistent", "/dev/null", "/":
        run = probe_run("--replay", name)
        equal(run.returncode, 1, f"exit status with {name}")
        mentions(run.stderr, name)


@test("--help and --version print to stdout")
def _():
    mentions(probe_output("--help"), "--replay")
    check(probe_output("--version").startswith("listen_backlog-probe "), "the version")


@test("a signal ends it with status 0, and output that cannot be written with status 1")
def _():
    Listener(8080)
    for number in signal.SIGINT, signal.SIGTERM:
        running = probe_process("-i", "0.01")
        until(lambda: len(intervals(running.text())) > 2, "it takes samples")
        equal(running.stop(number), 0, "exit status")
    with open("/dev/full", "w") as full:
        run = subprocess.run([os.environ["LB_PROBE"]], stdout=full, text=True, stderr=subprocess.PIPE)
    equal(run.returncode, 1, "exit status")
    mentions(run.stderr, "Writing the output failed: No space left on device")


@test("counters begin at 0 with the first sample")
def _():
    server = fill(Listener(8080, backlog=4), 5)
    overflow(server, 6)
    program = probe_process("--interval", "0.05", "--count", "100000", "8080")
    until(lambda: len(intervals(program.text())) > 1, "the first sample")
    overflow(server, 5)
    equal(counters(until(lambda: next((table for table in tables(program.text().rpartition("# ")[0])
                                       if table["8080"]["overflows"]), None), "overflows"), 8080), (5, 5))
    equal(program.stop(), 0, "exit status")


@test("--sockets shows each TCP and UNIX socket with the address and the numbers of ss")
def _():
    fill(Listener(8080, backlog=4), 5)
    Listener(8080, backlog=6, addr="::1")
    Listener(8081, backlog=7, addr="::", v6only=1)
    Listener(8082, backlog=8, addr="0.0.0.0")
    Listener(8083, addr="::", v6only=0)
    Listener(8084, addr="0.0.0.0", device="lo")
    syn(8082, times=3)
    until(lambda: ss(8082)[0].drops == 3, "sk_drops moves")
    header, *lines = probe_output("--sockets").splitlines()
    equal(header.split(), ["ADDRESS", "QUEUE", "LIMIT", "SK_DROPS", "INODE", "COOKIE", "UNIT", "PID", "PROCESS"])
    equal(sorted((*line.split()[:5], int(line.split()[5], 16)) for line in lines), sorted(
        (s.local, *map(str, (s.queue, s.limit, s.drops, s.ino)), s.cookie) for s in ss()), "TCP")
    equal({line.split()[8] for line in lines}, {"python3"}, "the process")
    mentions(lines[0], "127.0.0.1:8080", "5")

    for n, (name, kind) in enumerate(((scratch() + "/stream", socket.SOCK_STREAM),
                                      (scratch() + "/packets", socket.SOCK_SEQPACKET),
                                      (b"\0abstract", socket.SOCK_STREAM))):
        fill(UnixListener(name, 5 + n, kind), n)
    _, *lines = probe_output("--unix", "--sockets").splitlines()
    equal(sorted(line.split()[:5] for line in lines), sorted(
        [s.name.decode(), str(s.queue), str(s.limit), "-", str(s.ino)] for s in ss_unix()), "UNIX")
    UnixListener(b"\0a b\n")
    mentions(probe_output("--unix", "--sockets"), "@a\\x20b\\x0a ")


@test("--sockets puts the fullest socket first, and no name of a socket or a process breaks its columns or the JSON")
def _():
    fill(Listener(8080, backlog=9), 5)  # 50 %
    fill(Listener(8081, backlog=4), 4)  # 80 %
    fill(UnixListener(b"\0\xff\"\n\\", 1), 2)  # 100 %
    Listener(8079)
    with open("/proc/self/comm", "wb") as file:
        file.write(b"a b\"\xc3\xa9\xff")
    order = ["@\\xff\"\\x0a\\", "127.0.0.1:8081", "127.0.0.1:8080", "127.0.0.1:8079"]
    header, *lines = probe_output("--unix", "--tcp", "--sockets").splitlines()
    equal([line.split()[0] for line in lines], order)
    equal({tuple(line.split()[8:]) for line in lines}, {('a_b"___',)}, "the process")
    found = json.loads(probe_output("--unix", "--tcp", "--sockets", "--format", "json"))["sockets"]
    equal([each["address"] for each in found], order)
    equal({each["process"] for each in found}, {'a b"\u00e9\ufffd'}, "the process")
    equal([sorted(set(ours) - {"unit"}) for ours in found[:2]], [
        ["address", "cookie", "inode", "limit", "listener", "namespace", "pid", "process", "queue", *more]
        for more in ([], ["sk_drops"])], "what a UNIX socket does not have is absent")


@test("--format json has the values of the table, exactly, one line for each interval, and nothing that is absent")
def _():
    server = fill(Listener(8080, backlog=5), 2)
    overflow(fill(Listener(8081, backlog=3), 4), 3)
    UnixListener(b"\0app")
    options = ("-x", "-t", "-q", "-n", "2", "-i", "0.05")
    lines = probe_output(*options, "--format", "json").splitlines()
    equal(len(lines), 2, "intervals")
    listeners = {each.pop("listener"): each for each in json.loads(lines[0])["listeners"]}
    equal(told(listeners["8080"])["fill"], 100 * 2 / 6, "fill")
    table = probe(*options)
    equal(set(listeners), set(table) - {""}, "listeners")
    for name, row in listeners.items():
        equal(set(row), set(table[name]), f"readings of {name}")
    own, = json.loads(lines[1])["namespaces"]
    equal((own.pop("namespace"), own["overflows"], set(own)), ("", 3, NAMESPACE), "the namespace")
    check(not server.accept() == 0, "the clients waited")


@test("--format prometheus has the names of write_prometheus, and promtool finds only the suffix that collectd gives")
def _():
    fill(Listener(8080, backlog=5), 2)
    UnixListener(b'\0a"b\\')
    text = probe_output("-x", "-t", "--sample", "0.01", "--interval", "0.05", "--count", "1", "--format", "prometheus")
    with open(os.path.join(SRCDIR, "doc/writers.md"), encoding="utf-8") as file:
        documented = set(re.findall(r"`(collectd_listen_backlog_\w+\{.*?\})`", file.read()))
    host, seen = os.uname().nodename, set()
    for line in text.splitlines():
        if not line.startswith("#"):
            name = line.rpartition(" ")[0].replace('"8080"', '"LISTENER"').replace(f'"{host}"', '"HOST"')
            seen.add(name.replace(r'"@a\"b\\"', '"LISTENER"'))
    equal(seen - documented, set(), "names that are not documented")
    check('collectd_listen_backlog_queue_length{listen_backlog="8080",type="queue",instance="%s"} 2\n' % host in text, text)
    run = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    equal({line.partition(" ")[2] for line in (run.stdout + run.stderr).splitlines()},
          {'non-histogram and non-summary metrics should not have "_count" suffix'}, "promtool")


if __name__ == "__main__":
    main()
