#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The hint that net.core.somaxconn may have lowered a backlog."""
from lib import *


def hints(daemon):
    """The log lines at INFO that name the sysctl."""
    return daemon.log("[info] listen_backlog plugin:", "net.core.somaxconn")


def looks(daemon, count=5):
    """Lets the daemon look a few times more."""
    now = len(daemon.times())
    until(lambda: len(daemon.times()) >= now + count, "more looks")


def clamped(port, **options):
    server = Listener(port, backlog=1000, **options)
    equal(server.seen().limit, sysctl("net.core.somaxconn"), "clamped limit")
    return server


@test("a limit at net.core.somaxconn is hinted at, once")
def _():
    sysctl("net.core.somaxconn", 16)
    clamped(8080)
    daemon = Collectd()
    looks(daemon)
    equal(len(hints(daemon)), 1, "hints")
    for word in "8080", "16":
        check(word in hints(daemon)[0], f"{word} in {hints(daemon)[0]!r}")
    note(hints(daemon)[0])


@test("all sockets of a look stand in one line")
def _():
    sysctl("net.core.somaxconn", 16)
    for port in 8080, 8081, 8082:
        clamped(port, reuseport=True)
    clamped(8082, reuseport=True)
    Listener(8083, backlog=5)
    daemon = Collectd()
    looks(daemon)
    equal(len(hints(daemon)), 1, "hints")
    for word in "8080", "8081", "8082":
        check(word in hints(daemon)[0], f"{word} in {hints(daemon)[0]!r}")
    check("8083" not in hints(daemon)[0], "8083 has what it asked for")
    note(hints(daemon)[0])


@test("a server whose limit is another gets none")
def _():
    sysctl("net.core.somaxconn", 16)
    Listener(8080, backlog=15)
    Listener(8081, backlog=5)
    daemon = Collectd()
    looks(daemon)
    equal(hints(daemon), [])


@test("a limit above a somaxconn that was lowered since gets none")
def _():
    Listener(8080, backlog=128)
    sysctl("net.core.somaxconn", 16)
    daemon = Collectd()
    looks(daemon)
    equal(hints(daemon), [])


@test("a server that is not selected gets none")
def _():
    sysctl("net.core.somaxconn", 16)
    clamped(8080)
    Listener(8081, backlog=5)
    daemon = Collectd('LocalPort "8081"')
    looks(daemon)
    equal(hints(daemon), [])


@test("a socket that comes later is hinted at in a line of its own")
def _():
    sysctl("net.core.somaxconn", 16)
    clamped(8080)
    daemon = Collectd('LocalPort "8080" "8081"')
    looks(daemon)
    clamped(8081)
    looks(daemon)
    equal(len(hints(daemon)), 2, "hints")
    check("8081" in hints(daemon)[1] and "8080" not in hints(daemon)[1],
          hints(daemon)[1])


@test("a restarted server is a new socket, and hinted at again")
def _():
    sysctl("net.core.somaxconn", 16)
    server = clamped(8080)
    daemon = Collectd('LocalPort "8080"')
    looks(daemon)
    server.close()
    clamped(8080)
    looks(daemon)
    equal(len(hints(daemon)), 2, "hints")


@test("once the sysctl is raised: the server must call listen() again")
def _():
    sysctl("net.core.somaxconn", 16)
    server = clamped(8080)
    untouched = Listener(8081, backlog=5)
    daemon = Collectd()
    looks(daemon)
    sysctl("net.core.somaxconn", 64)
    looks(daemon)
    equal(len(hints(daemon)), 2, "hints")
    line = hints(daemon)[1]
    note(line)
    for word in "8080", "listen()", "64":
        check(word in line, f"{word} in {line!r}")
    check(str(untouched.port) not in line, "8081 was never clamped")
    equal(daemon.look()[""]["somaxconn"], 64)

    server.listen(1000)  # the same socket with a new limit
    equal(server.seen().limit, 64)
    server.listen(32)
    looks(daemon)
    equal(len(hints(daemon)), 2, "hints once it has what it wants")


if __name__ == "__main__":
    main()
