#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Real web servers with fewer workers than clients: Apache, whose sockets have
TCP_DEFER_ACCEPT, and Gunicorn."""
import os
import time

from lib import *

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Server(Service):
    """A server in a process group of its own, which can be frozen."""

    def start(self):
        self.process = Process([*unprivileged(), *self.command()])
        until(lambda: ss(self.port), f"{self.name} listens")

    def stop(self):
        self.process.stop()
        until(lambda: not ss(self.port), f"{self.name} is gone")

    def freeze(self):
        """Stops it, and waits until that shows."""
        self.process.freeze()

        def steady():
            before = self.seen().queue
            time.sleep(0.05)
            return before == self.seen().queue
        until(steady, f"{self.name} stands still")

    def thaw(self):
        self.process.thaw()


class Apache(Server):
    """One worker, which each client keeps for a second."""
    name, limit = "Apache", 16

    def command(self):
        directory = scratch()
        os.chmod(directory, 0o777)
        modules = "/usr/lib/apache2/modules"
        with open(f"{directory}/apache.conf", "w") as file:
            file.write(f"""
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authz_core_module {modules}/mod_authz_core.so
ServerName localhost
ServerRoot {directory}
DefaultRuntimeDir {directory}
PidFile {directory}/pid
ErrorLog {directory}/error.log
DocumentRoot {directory}
Mutex file:{directory} default
Listen 127.0.0.1:{self.port}
ListenBacklog {self.limit}
StartServers 1
MinSpareServers 1
MaxSpareServers 1
ServerLimit 1
MaxRequestWorkers 1
KeepAliveTimeout 1
""")
        return ["apache2", "-DFOREGROUND", "-f", f"{directory}/apache.conf"]


class Gunicorn(Server):
    """One worker, which each request keeps for a moment."""
    name, limit = "Gunicorn", 8

    def command(self):
        directory = scratch()
        with open(f"{directory}/app.py", "w") as file:
            file.write("""
import time

def app(environ, start_response):
    time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\\n"]
""")
        return ["gunicorn", "--chdir", directory,
                "--bind", f"127.0.0.1:{self.port}", "--workers", "1",
                "--backlog", str(self.limit), "--worker-tmp-dir", "/dev/shm",
                "--graceful-timeout", "1", "--log-level", "warning",
                "app:app"]


def compare(daemon, unixsock, port):
    """Queue and limit of everybody who looks, at this frozen moment."""
    want, = ss(port)
    table = daemon.look()[str(port)]
    row = probe(port)[str(port)]
    got = {
        "CSV": (table["queue"], table["limit"]),
        "unixsock": (unixsock.get(str(port), "queue"),
                     unixsock.get(str(port), "limit")),
        "probe": (row["queue"], row["limit"]),
    }
    equal(got, dict.fromkeys(got, (want.queue, want.limit)), "queue, limit")
    full = want.queue > want.limit
    equal((table["full"], row["full"]), (full, full), "full")
    equal((table["fill"] == 100, row["fill"] == 100), (full, full), "fill 100")
    return want


def both(kind):
    @test(f"{kind.name}: queue and limit are those of ss at every fill")
    def _():
        server = kind(8080)
        server.start()
        daemon = Collectd('LocalPort "8080"', plugins=["unixsock"],
                          extra=Unixsock.CONFIG)
        unixsock = Unixsock(daemon)
        server.freeze()
        for n in 0, 1, 2, server.limit // 2, server.limit, server.limit + 1:
            fill(server, n, REQUEST)
            equal(compare(daemon, unixsock, 8080)[3:5], (n, server.limit))
        overflow(server, 5)
        compare(daemon, unixsock, 8080)

    @test(f"{kind.name}: through three restarts under load, queue and limit "
          "are those of ss and the sums those of nstat")
    def _():
        server = kind(8080)
        daemon = Collectd('LocalPort "8080"', plugins=["unixsock"],
                          extra=Unixsock.CONFIG)
        unixsock = Unixsock(daemon)
        daemon.look()
        crowd = Crowd(8080, data=REQUEST)
        for _ in range(4):
            server.start()
            goal = nstat("TcpExtListenOverflows") + 50
            until(lambda: nstat("TcpExtListenOverflows") > goal, "overload")
            server.freeze()
            compare(daemon, unixsock, 8080)
            server.thaw()
            goal = nstat("TcpExtListenOverflows") + 10
            until(lambda: nstat("TcpExtListenOverflows") > goal, "overload")
            server.stop()
        crowd.stop()
        table = quiet(daemon)
        looks = never_back(daemon)
        note(f"{looks} looks, {table}")
        mine, all_of_us = table["8080"], table[""]
        equal((all_of_us["drops"], all_of_us["overflows"],
               mine["overflows"] + all_of_us["overflows_unattributed"]),
              (nstat("TcpExtListenDrops"), nstat("TcpExtListenOverflows"),
               nstat("TcpExtListenOverflows")),
              "drops, overflows and the sum of overflows")
        equal(mine["drops"], mine["overflows"], "nothing else was dropped")
        check(mine["overflows"] > 200, "the server has its overflows")


for server in Apache, Gunicorn:
    both(server)

if __name__ == "__main__":
    main()
