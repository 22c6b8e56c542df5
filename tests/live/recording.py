#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A recording of the probe is replayed as what the probe printed when it was made, and so are those in tests/data."""
import glob
import os
import re
import resource
import signal
import socket
import subprocess
import sys

from lb import *


def replayed(path, want, *options):
    """Replays a recording, and compares it with these lines."""
    equal(probe_output(*options, "--replay", path).splitlines(), want.splitlines(), "the replay")


@test("a recording of an overload is replayed as the same tables")
def _():
    path = os.path.join(scratch(), "recording")
    for port, options in (8080, {}), (8081, dict(addr="::", v6only=0)), *[(8082, dict(reuseport=True))] * 50:
        Listener(port, backlog=4, **options)
    crowd = Crowd(8080, 8082)
    program = probe_process("--interval", 0.05, "--count", 100000, "--record", path)
    until(lambda: len(intervals(program.text())) > 20 and
          tables(program.text().rpartition("# ")[0])[-1]["8080"]["overflows"], "there is an overload")
    equal(program.stop(), 0, "exit status")
    crowd.stop()
    replayed(path, program.text())


def record_waiting(path, options, restart):
    """Records until each kind of listener has had its readings; what the probe printed. UNIX clients come and go, and a
    full server starts anew, if asked to."""
    local = [UnixListener(b"\0app", 4), UnixListener(b"\0packets", 4, socket.SOCK_SEQPACKET)]
    waiting, overloaded = fill(Listener(8080, backlog=4), 3), Listener(8081, backlog=4)
    waiting.clients.pop().close()
    crowd = Crowd(8081)
    program = probe_process(*options, "--interval", "0.1", "--count", "100000", "--record", path)
    want = {"8080": ("wait", "abandoned"), "8081": ("abandoned", "overflows"), "@app": ("abandoned", "peak"),
            "@packets": ("abandoned", "peak")}

    def all_seen():
        for each in local[:]:
            each.knock()
            if each.knock():
                each.clients.pop(0).close()
            elif restart:
                each.close()
                local[local.index(each)] = UnixListener(each.path, 4, each.kind)
            else:
                each.accept()
                each.hang_up()
        shown = tables(program.text().rpartition("# ")[0])
        return len(shown) > 15 and all(any(table.get(name, {}).get(reading) for table in shown)
                                       for name, readings in want.items() for reading in readings)
    until(all_seen, f"there has been each of {want}")
    equal(program.stop(), 0, "exit status")
    crowd.stop()
    for each in waiting, overloaded, *local:
        each.close()
    return program.text()


@test("a recording of UNIX sockets and waiting connections, with samples within the interval, is replayed as the same "
      "tables, and without them as the tables of the ports")
def _():
    options = ["--unix", "--tcp", "--inspect", "--sample", 0.01]
    path = os.path.join(scratch(), "recording")
    replayed(path, record_waiting(path, options, restart=True), *options)
    # A socket that is gone makes the probe read the ports once more, and a replay without it does not.
    shown = record_waiting(path, options, restart=False)
    replayed(path, shown, *options)
    equal(tables(probe_output("--sample", 0.01, "--replay", path)),
          [{name: {reading: value for reading, value in row.items() if reading not in INSPECTED}
            for name, row in table.items() if not name.startswith("@")} for table in tables(shown)], "the ports alone")


@test("a recording holds every listener, whichever were shown, and can be replayed with --sockets")
def _():
    path = os.path.join(scratch(), "recording")
    fill(Listener(8080, backlog=4), 3)
    fill(Listener(8081, backlog=4), 5)
    shown = probe_output("--record", path, "8080")
    equal(set(tables(shown)[0]), {"", "8080"})
    replayed(path, shown, "8080")
    replayed(path, probe_output("--record", path + "2"))
    equal([line.split()[:6] for line in probe_output("--sockets", "--replay", path).splitlines()],
          [line.split()[:6] for line in probe_output("--sockets").splitlines()], "without processes of this host")


def no_recording(path, why, memory=64 << 20):
    """The replay of this file is one error, in little memory."""
    run = subprocess.run([os.environ["LB_PROBE"], "--replay", path], text=True, capture_output=True, timeout=DEADLINE,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)))
    equal((run.returncode, run.stdout, run.stderr), (1, "", f"listen_backlog-probe: {path}: {why}\n"), "the replay")


@test("what is no recording is one error, of a gigabyte of zeros as well, and a recording may come from a pipe")
def _():
    path = os.path.join(scratch(), "recording")
    shown = probe_output("--record", path)
    pipe = ["sh", "-c", 'cat "$1" | "$LB_PROBE" --replay /dev/stdin', "sh", path]
    equal(command(*pipe, env=os.environ), shown, "the replay from a pipe")
    with open(path, "rb") as file:
        header = file.read(16)
    no_recording(os.path.dirname(path), "Is a directory")
    no_recording("/dev/zero", message("LB_WHY_RECORDING"))
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    no_recording(path, message("LB_WHY_RECORDING"))
    with open(path, "r+b") as file:
        file.write(header)
    no_recording(path, message("LB_WHY_RECORDING_SIZE"), 512 << 20)


@test("a signal ends a replay that waits for its file or reads it")
def _():
    fifo = os.path.join(scratch(), "fifo")
    os.mkfifo(fifo)
    for number in signal.SIGTERM, signal.SIGINT:
        for opened in False, True:
            program = probe_process("--replay", fifo)
            writer = os.open(fifo, os.O_WRONLY) if opened else None
            until(lambda: ") S " in content(f"{proc(program.pid)}/stat"), "it waits")
            equal(program.stop(number), -number, "exit status")
            if opened:
                os.close(writer)


def without_newer(text, want):
    """The tables without readings that are newer than those wanted: a listener's columns, and lines of the namespace
    that an old recording cannot fill."""
    heading = next(line for line in want.splitlines() if line.startswith("LISTENER"))
    lines, newer = [], set()
    for line in text.splitlines():
        cells = re.findall(r" *\S+", line)
        if line.startswith("LISTENER"):
            newer = {i for i, cell in enumerate(cells) if cell.strip() not in heading.split()}
        elif not line:
            newer = set()
        elif len(cells) == 2 and cells[1].strip() == "-" and f"\n{cells[0]} " not in want:
            continue
        lines.append("".join(cell for i, cell in enumerate(cells) if i not in newer))
    return "\n".join(lines)



def options_of(name):
    """The options to replay a recording with."""
    sample = {"waiting": "0.05", "linux": "2"}.get(re.match("[a-z]*", name).group())
    return ["--unix", "--tcp", "--inspect", "--sample", sample] if sample else []


for expected in sorted(glob.glob(glob.escape(f"{SRCDIR}/tests/data") + "/*.expected")):
    @test(f"tests/data/{os.path.basename(expected)} is the replay of the recording")
    def _(expected=expected):
        path = expected[:-len(".expected")]
        if sys.byteorder != "little":
            no_recording(path, message("LB_WHY_RECORDING_VERSION"))
            return
        want = content(expected)
        text = probe_output(*options_of(os.path.basename(path)), "--replay", path)
        equal(without_newer(text, want).splitlines(), want.splitlines(), "the replay")


if __name__ == "__main__":
    main()
