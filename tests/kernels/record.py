#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Records what this kernel answers about sockets of each kind. The recording and what the probe printed are in the
output."""
import base64
import os
import socket

from lb import *

OPTIONS = "--unix", "--tcp", "--inspect", "--sample", "2", "--interval", "4", "--count", "100000"
KINDS = {  # {port: the socket, with a backlog of 9 and 3 waiting connections}
    8000: dict(), 8001: dict(addr="0.0.0.0"), 8002: dict(addr="::1"), 8003: dict(addr="::", v6only=1),
    8004: dict(addr="::", v6only=0), 8005: dict(device="lo"), **({8006: dict(mptcp=True)} if has_mptcp() else {}),
}


@test("what each kind of socket shows")
def _():
    private_run()
    for port, options in KINDS.items():
        fill(Listener(port, backlog=9, **options), 3)
    for _ in range(2):
        Listener(8007, backlog=9, reuseport=True)
    late = Listener(8008, backlog=9, defer_accept=30)
    full = fill(Listener(8080, backlog=4), 5)
    local = [fill(UnixListener(name, 4, kind), 3) for name, kind in (
        (b"\0stream", socket.SOCK_STREAM), (b"\0packets", socket.SOCK_SEQPACKET),
        ("/run/record.sock", socket.SOCK_STREAM))]
    file = os.path.join(scratch(), "recording")
    program = probe_process(*OPTIONS, "--record", file)

    def shown():
        return tables(program.text().rpartition("# ")[0])
    until(shown, "the first interval")
    overflow(full, 7)
    established(late.connect(2))
    for server in (full, *local):
        server.clients.pop().close()
    seen = len(shown())
    # On a slow machine an inspection may take too long for one in each interval.
    table = until(lambda: next((each for each in shown()[seen + 1:] if "syn" in each["8008"]), None), "an inspection")
    equal(program.stop(), 0, "exit status")
    equal({name: row["queue"] for name, row in table.items() if name}, {
        **{str(port): 3 for port in KINDS}, "8007": 0, "8008": 0, "8080": 5,
        "@stream": 3, "@packets": 3, "run-record.sock": 3}, "queues")
    equal((counters(table, 8080), table["8008"]["syn"]), ((7, 7), 2), "overflows, half-open connections")
    equal([table[name]["abandoned"] for name in ("8000", "8080", "@stream", "@packets")], [0, 1, 1, 1], "abandoned")
    with open(file, "rb") as recorded:
        for what, data in ("recording", recorded.read()), ("printed", program.text().encode()):
            note(f"{what} {base64.b64encode(data).decode()}")


if __name__ == "__main__":
    main()
