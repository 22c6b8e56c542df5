#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""listen_backlog-probe: how it ends, and that --sockets shows what ss shows. Its values are compared with collectd's
in the other tests."""
import os
import signal
import socket
import subprocess

from lb import *

WRONG_USAGE = (["--nonsense"], ["65536"], ["nosuchservice"], ["90-80"], ["--count"], ["--interval", "x"],
               ["--sample", "x"], ["--count", "0"], ["/" + "x" * 108], ["/run/a", "/run/a"], ["--netns", "a/b"],
               ["--record", "a", "--replay", "b"], ["--netns", "a", "--record", "b"], ["--netns", "a", "--replay", "b"])


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
    equal(header.split(), ["ADDRESS", "QUEUE", "LIMIT", "SK_DROPS", "INODE", "COOKIE"])
    equal(sorted((*line.split()[:-1], int(line.split()[-1], 16)) for line in lines), sorted(
        (s.local, *map(str, (s.queue, s.limit, s.drops, s.ino)), s.cookie) for s in ss()), "TCP")

    for n, (name, kind) in enumerate(((scratch() + "/stream", socket.SOCK_STREAM),
                                      (scratch() + "/packets", socket.SOCK_SEQPACKET),
                                      (b"\0abstract", socket.SOCK_STREAM))):
        fill(UnixListener(name, 5 + n, kind), n)
    _, *lines = probe_output("--unix", "--sockets").splitlines()
    equal(sorted(line.split()[:-1] for line in lines), sorted(
        [s.name.decode(), str(s.queue), str(s.limit), "-", str(s.ino)] for s in ss_unix()), "UNIX")
    UnixListener(b"\0a b\n")
    mentions(probe_output("--unix", "--sockets"), "@a\\x20b\\x0a ")


if __name__ == "__main__":
    main()
