# SPDX-License-Identifier: MIT
"""Traffic that goes on for the time of a subtest, each kind in a process of its own."""
import collections
import contextlib
import itertools
import os
import random
import select
import signal
import time

from .basics import at_end
from .packets import syn
from .sockets import client, reset


def going_on(function, *args):
    """Calls the function in a child process, over and over, until the subtest ends."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            while True:
                function(*args)
        finally:
            os._exit(1)
    at_end(os.waitpid, pid, 0)
    at_end(os.kill, pid, signal.SIGTERM)


def served(listener, pause=0):
    """Accepts each client at once and closes the connection; with a pause in seconds after each."""
    def serve():
        select.select([listener.socket], [], [])
        with contextlib.suppress(OSError):
            listener.socket.accept()[0].close()
        time.sleep(pause)
    going_on(serve)


def requests(port, per_s):
    """Clients that send a request 3 ms after they have connected."""
    inside = collections.deque()

    def come_and_leave():
        inside.append((time.monotonic(), client("127.0.0.1", port)))
        while inside and inside[0][0] + 0.003 < time.monotonic():
            each = inside.popleft()[1]
            with contextlib.suppress(OSError):
                each.send(b"x")
            each.close()
        time.sleep(1 / per_s)
    going_on(come_and_leave)


def bursts(port, size, seldom_s):
    """So many clients at once, with a pause of up to so many seconds in between."""
    def burst():
        clients = [client("127.0.0.1", port) for _ in range(size)]
        time.sleep(0.02)
        for each in clients:
            reset(each)
        time.sleep(random.uniform(0.05, seldom_s))
    going_on(burst)


def scans(port, per_s):
    """SYNs, ten at a time; this host resets each connection."""
    sports = itertools.cycle(range(20000, 50000, 10))

    def scan():
        syn(port, sport=next(sports), times=10)
        time.sleep(10 / per_s)
    going_on(scan)


def flood(wire, address, port, per_s):
    """SYNs of a host that never answers, ten at a time."""
    sports = itertools.cycle(range(20000, 50000, 10))

    def send():
        first = next(sports)
        wire.syn(address, port, range(first, first + 10))
        time.sleep(10 / per_s)
    going_on(send)
