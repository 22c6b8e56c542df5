#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the probe records it shows again, and so do the recordings in
tests/data."""
import glob
import os
import socket

from lib import *


@test("a recording under load is replayed as the same tables")
def _():
    recording = os.path.join(scratch(), "recording")
    servers = [Listener(8080, backlog=4),
               Listener(8081, backlog=4, addr="::", v6only=0)]
    group = [Listener(8082, backlog=2, reuseport=True) for _ in range(50)]
    crowd = Crowd(8080, 8082)
    run = probe_run("--interval", 0.05, "--count", 20, "--record", recording)
    crowd.stop()
    equal((run.returncode, run.stderr), (0, ""), "the probe's end")
    shown = tables(run.stdout)
    equal(len(shown), 20, "looks")
    check(shown[-1]["8080"]["overflows"] > shown[0]["8080"]["overflows"],
          "there was load")
    for server in servers + group:
        server.close()

    again = probe_run("--replay", recording)
    equal((again.returncode, again.stderr), (0, ""), "the replay's end")
    equal(again.stdout.splitlines(), run.stdout.splitlines(), "the replay")


@test("so is one of UNIX sockets and of what waits, with looks in between")
def _():
    recording = os.path.join(scratch(), "recording")
    options = ["--unix", "--tcp", "--inspect", "--sample", 0.01]
    local = [UnixListener(b"\0app", 4), UnixListener(b"\0packets", 4,
                                                     socket.SOCK_SEQPACKET)]
    waiting = Listener(8080, backlog=4)
    fill(waiting, 3)
    waiting.clients.pop().close()
    Listener(8081, backlog=4)
    crowd = Crowd(8081)
    program = Process([os.environ["LB_PROBE"], *map(str, options),
                       "--interval", "0.1", "--count", "15", "--record",
                       recording])
    while program.popen.poll() is None:
        for each in local:
            each.knock()
            each.knock()
            each.clients.pop().close()
            if not each.knock():
                each.close()
                local.remove(each)
                local.append(UnixListener(each.path, 4, each.kind))
                break
    crowd.stop()
    equal(program.popen.returncode, 0, "the probe's end")
    shown = tables(program.text())
    equal(len(shown), 15, "intervals")
    for name, want in (("8081", {"wait", "abandoned", "syn", "overflows"}),
                       ("@app", {"abandoned", "peak"}),
                       ("@packets", {"abandoned", "peak"})):
        check(any(row[name].get(reading) for row in shown if name in row
                  for reading in want), f"there is something of {name}")

    again = probe_run(*options, "--replay", recording)
    equal((again.returncode, again.stderr), (0, ""), "the replay's end")
    equal(again.stdout.splitlines(), program.text().splitlines(), "the replay")

    ports = probe_run("--sample", 0.01, "--replay", recording)
    equal((ports.returncode, ports.stderr), (0, ""), "the end of another")
    equal(tables(ports.stdout),
          [{name: {reading: value for reading, value in row.items()
                   if reading not in INSPECTED}
            for name, row in table.items() if not name.startswith("@")}
           for table in shown], "a replay of the ports alone")


@test("a recording of one look, with chosen ports and with sockets")
def _():
    recording = os.path.join(scratch(), "recording")
    fill(Listener(8080, backlog=4), 3)
    fill(Listener(8081, backlog=4), 5)
    run = probe_run("--record", recording, "8080")
    equal(run.returncode, 0, run.stderr)
    equal(set(tables(run.stdout)[0]), {"", "8080"})
    equal(probe_run("--replay", recording, "8080").stdout, run.stdout)
    equal(set(tables(probe_run("--replay", recording).stdout)[0]),
          {"", "8080", "8081"}, "the recording holds everything")
    sockets = probe_run("--sockets")
    equal(probe_run("--sockets", "--replay", recording).stdout,
          sockets.stdout, "--sockets")


@test("--sockets shows each socket as ss does")
def _():
    fill(Listener(8080, backlog=4), 5)
    Listener(8080, backlog=6, addr="::1")
    Listener(8081, backlog=7, addr="::", v6only=1)
    Listener(8082, backlog=8, addr="0.0.0.0")
    syn(8082, times=3)
    until(lambda: ss(8082)[0].drops == 3, "sk_drops move")
    run = probe_run("--sockets")
    equal(run.returncode, 0, run.stderr)
    header, *lines = run.stdout.splitlines()
    note(run.stdout)
    equal(header.split(), ["ADDRESS", "QUEUE", "LIMIT", "SK_DROPS", "INODE",
                           "COOKIE"])
    got = set()
    for line in lines:
        address, *numbers, cookie = line.split()
        addr, _, port = address.rpartition(":")
        got.add((addr.strip("[]"), int(port), *map(int, numbers),
                 int(cookie, 0 if cookie.startswith("0x") else 16)))
    equal(got, {(s.addr, s.port, s.queue, s.limit, s.drops, s.ino, s.cookie)
                for s in ss()})


@test("the probe lists the readings")
def _():
    run = probe_run("--list-values")
    equal(run.returncode, 0, run.stderr)
    words = set(run.stdout.split())
    for name in READINGS.values():
        check(name in words, f"{name} in the list")


OPTIONS = {  # what a recording was made with, and is replayed with
    "waiting.rec": ["--unix", "--tcp", "--inspect", "--sample", "0.05"],
}
data = os.path.join(os.environ.get("LB_SRCDIR", "."), "tests", "data")
for path in sorted(glob.glob(glob.escape(data) + "/*.expected")):
    @test(f"tests/data/{os.path.basename(path)[:-len('.expected')]}")
    def _(path=path):
        recording = path[:-len(".expected")]
        run = probe_run(*OPTIONS.get(os.path.basename(recording), ()),
                        "--replay", recording)
        equal((run.returncode, run.stderr), (0, ""), "the replay's end")
        with open(path) as file:
            equal(run.stdout.splitlines(), file.read().splitlines(), path)


if __name__ == "__main__":
    main()
