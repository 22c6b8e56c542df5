#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds network namespaces that only processes show until stdin closes.

usage: hold_netns.py NAMESPACES PROCESSES
Each namespace has so many processes, the first of which listens on TCP port 80.
Prints "ready" once all are up."""
import ctypes
import os
import signal
import socket
import sys

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def unshare_network():
    if libc.unshare(ctypes.c_ulong(CLONE_NEWNET)):
        raise OSError(ctypes.get_errno(), "unshare")


def begin(*before):
    """Starts a process that sleeps."""
    pid = os.fork()
    if pid == 0:
        for each in before:
            each()
        os.execvp("sleep", ["sleep", "infinity"])
    return pid


def main():
    namespaces, processes = map(int, sys.argv[1:])
    home, pids = os.open("/proc/self/ns/net", os.O_RDONLY), []
    for _ in range(namespaces):
        unshare_network()
        with socket.create_server(("", 80)) as server:
            pids.append(begin(lambda server=server: server.set_inheritable(True)))
        pids += [begin() for _ in range(processes - 1)]
    libc.setns(home, CLONE_NEWNET)
    print("ready", flush=True)
    sys.stdin.read()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
