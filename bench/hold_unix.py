#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds UNIX sockets until stdin closes.

usage: hold_unix.py PAIRS LISTENERS WAITING
PAIRS of connected sockets, and LISTENERS with abstract names, at each of which
WAITING clients wait. Prints "ready" once all are up. Each process stays below
20,000 descriptors."""
import socket
import sys

from hold_sockets import PER_PROCESS, hold, raise_limit


def listen(first, count, waiting):
    held = []
    for i in range(first, first + count):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"\0held-{i}")
        listener.listen(128)
        held.append(listener)
        for _ in range(waiting):
            client = socket.socket(socket.AF_UNIX)
            client.connect(f"\0held-{i}")
            held.append(client)
    return held


def main():
    pairs, listeners, waiting = map(int, sys.argv[1:])
    raise_limit()
    works = []
    for first in range(0, pairs, PER_PROCESS):
        count = min(PER_PROCESS, pairs - first)
        works.append(lambda count=count: [socket.socketpair()
                                          for _ in range(count)])
    each = PER_PROCESS // (1 + waiting)
    for first in range(0, listeners, each):
        count = min(each, listeners - first)
        works.append(lambda first=first, count=count: listen(first, count,
                                                             waiting))
    hold(works)


main()
