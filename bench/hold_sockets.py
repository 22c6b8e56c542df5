#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds listening sockets and established connections until stdin closes.

usage: hold_sockets.py LISTENERS CONNECTIONS [PORT]
Prints "ready" once all are up. Each process stays below 20,000 descriptors.
With PORT the connections' servers, at 127.2.N.1, have that one and go on
listening, but accept no more."""
import os
import resource
import socket
import struct
import sys

PER_PROCESS = 9000
IP_BIND_ADDRESS_NO_PORT = 24
RESET = struct.pack("ii", 1, 0)  # nothing stays in TIME_WAIT behind us


def raise_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))


def listen(count, first):
    held = []
    for i in range(first, first + count):
        listener = socket.socket()
        listener.bind((f"127.1.{i // 200}.{i % 200 + 1}", 8000 + i % 500))
        listener.listen(128)
        held.append(listener)
    return held


def connect(count, number, port):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.bind((f"127.2.{number}.1", port))
    server.listen(4096)
    held = []
    for _ in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        client.bind((f"127.3.{number}.1", 0))
        client.connect(server.getsockname())
        held += [client, server.accept()[0]]
    if port:
        held.append(server)
    else:
        server.close()
    return held


def spawn(work, ready, alive):
    """Runs work() in a child that keeps what it returns while we live."""
    if os.fork() == 0:
        os.close(alive[1])
        _held = work()
        os.write(ready, b".")
        os.read(alive[0], 1)
        os._exit(0)


def hold(works):
    """Runs each work in a process of its own, says "ready" when all are done,
    and keeps what they made until stdin closes."""
    got, ready = os.pipe()
    alive = os.pipe()
    for work in works:
        spawn(work, ready, alive)
    os.close(ready)
    up = 0
    while up < len(works):
        answer = os.read(got, len(works))
        if not answer:
            sys.exit("a holder of sockets failed")
        up += len(answer)
    print("ready", flush=True)
    sys.stdin.read()
    os.close(alive[1])
    for _ in works:
        os.wait()


def main():
    listeners, connections, port = map(int, (sys.argv[1:] + ["0"])[:3])
    raise_limit()
    works = []
    for first in range(0, listeners, PER_PROCESS):
        count = min(PER_PROCESS, listeners - first)
        works.append(lambda first=first, count=count: listen(count, first))
    for number, first in enumerate(range(0, connections, PER_PROCESS), 1):
        count = min(PER_PROCESS, connections - first)
        works.append(lambda number=number, count=count: connect(count, number,
                                                                port))
    hold(works)


if __name__ == "__main__":
    main()
