#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""strangers.py flood|scan|check RATE PORT...: packets of hosts that want no service, until SIGTERM. A flood comes from
hosts that never answer; a scanner and a half-open health check reset each connection when the server answers it."""
import itertools
import os
import signal
import sys
import time

from lb import Wire, syn

kind, rate, *ports = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
BATCH = max(1, int(rate) // 20)
due = time.monotonic()

wire = Wire() if kind == "flood" else None
for sport in itertools.cycle(range(20000, 60000 - BATCH, BATCH)):
    for port in map(int, ports):
        if kind == "flood":
            wire.syn("10.9.0.1", port, range(sport, sport + BATCH))
        else:
            syn(port, source={"scan": "127.0.0.66", "check": "127.0.0.8"}[kind], sport=sport, times=BATCH)
    due += BATCH / int(rate)
    time.sleep(max(0, due - time.monotonic()))
