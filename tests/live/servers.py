#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Real web servers with fewer workers than clients: Apache, whose sockets have TCP_DEFER_ACCEPT, and Gunicorn."""
from lb import *
from lb.servers import Apache, Gunicorn
from lb.stores import HOST, Unixsock

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def agree(daemon, unixsock, port):
    """The queue of a stopped server is that of ss in the CSV files, in unixsock and in the probe. Returns it."""
    want, = ss(port)
    table, row = daemon.read()[str(port)], probe(port)[str(port)]
    names = [f"{HOST}/listen_backlog-{port}/{READINGS[reading]}" for reading in ("queue", "limit")]
    equal([(table["queue"], table["limit"]), (row["queue"], row["limit"]), tuple(map(unixsock.value, names))],
          [(want.queue, want.limit)] * 3, "queue and limit in CSV, probe and unixsock")
    full = want.queue > want.limit
    equal([(each["full"], each["fill"] == 100) for each in (table, row)], [(full, full)] * 2, "full and fill 100")
    return want


def start(server):
    daemon = Collectd('LocalPort "8080"', plugins=["unixsock"], extra=Unixsock.CONFIG)
    daemon.read()
    return daemon, Unixsock(daemon)


for kind in Apache, Gunicorn:
    @test(f"{kind.__name__}: queue and limit are those of ss at every length of the queue")
    def _(kind=kind):
        server = kind(8080)
        daemon, unixsock = start(server)
        server.start()
        server.freeze()
        for n in 0, 1, 2, server.limit // 2, server.limit, server.limit + 1:
            fill(server, n, REQUEST)
            seen = agree(daemon, unixsock, 8080)
            equal((seen.queue, seen.limit), (n, server.limit))
        overflow(server, 5)
        agree(daemon, unixsock, 8080)

    @test(f"{kind.__name__}: through three restarts in an overload queue and limit are those of ss, and the drops and "
          "overflows of nstat have one place in each read")
    def _(kind=kind):
        server = kind(8080)
        daemon, unixsock = start(server)
        crowd = Crowd(8080, data=REQUEST)

        def overloaded(n):
            goal = nstat("TcpExtListenOverflows") + n
            until(lambda: nstat("TcpExtListenOverflows") > goal, f"there are {n} overflows more")
        for _ in range(4):
            server.start()
            overloaded(50)
            server.freeze()
            until(lambda: server.seen().queue == server.limit + 1, "the queue is full")
            agree(daemon, unixsock, 8080)
            server.thaw()
            overloaded(10)
            server.stop()
        crowd.stop()
        table = quiet(daemon)
        note(f"{never_back(daemon)} reads, {table}")
        mine, sums = table["8080"], table[""]
        equal((sums["drops"], sums["overflows"], mine["overflows"] + sums["overflows_unattributed"]),
              (nstat("TcpExtListenDrops"), *[nstat("TcpExtListenOverflows")] * 2), "drops, overflows and their sum")
        equal(mine["drops"], mine["overflows"], "nothing else was dropped")
        check(mine["overflows"] > 200, "the server has its overflows")


if __name__ == "__main__":
    main()
