# SPDX-License-Identifier: MIT
"""Real servers with too few workers, which a test stops so that nothing accepts: Apache, Gunicorn, PHP-FPM, uWSGI."""
import glob
import json
import os
import signal
import socket
import struct

from .basics import DEADLINE, content, equal, scratch, until, write
from .kernel import ss, ss_unix
from .programs import Process, processes, unprivileged
from .sockets import Service, UnixService


class Server:
    """Mixed into a Service: a program whose processes can be stopped. Its limit is the backlog that it asks for."""
    limit = 8

    def start(self):
        self.dir = scratch(0o777)
        self.process = Process([*unprivileged(), *self.words()])
        until(self.listens, "the server listens")
        until(lambda: len(self.workers()) == self.count, "all its workers run")

    def stop(self):
        self.process.stop()
        until(lambda: not self.listens(), "the server has ended")

    def workers(self):
        """{pid: directory in /proc} of the processes that accept."""
        found = processes(self.process.pid)
        found.pop(self.process.pid, None)
        return found

    def freeze(self):
        """Stops the workers; no connection is accepted after this."""
        for pid, path in self.workers().items():
            os.kill(pid, signal.SIGSTOP)
            until(lambda: "State:\tT" in content(f"{path}/status"), "the worker is stopped")

    def thaw(self):
        for pid in self.workers():
            os.kill(pid, signal.SIGCONT)


class TcpServer(Server, Service):
    count = 1

    def listens(self):
        return ss(self.port)


class UnixServer(Server, UnixService):
    count = 2
    own_metric = None  # the server's own number of waiting connections, if it has one

    def start(self):
        os.chmod(os.path.dirname(self.path), 0o777)
        super().start()

    def listens(self):
        return [s for s in ss_unix() if s.name.decode() == self.path]


class Apache(TcpServer):
    """One worker, which each client occupies for a second. Its sockets have TCP_DEFER_ACCEPT."""
    limit = 16
    more = "KeepAliveTimeout 1"

    def words(self):
        modules = "/usr/lib/apache2/modules"
        return ["apache2", "-DFOREGROUND", "-f", write(f"{self.dir}/apache.conf", f"""
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authz_core_module {modules}/mod_authz_core.so
ServerName localhost
ServerRoot {self.dir}
DefaultRuntimeDir {self.dir}
PidFile {self.dir}/pid
ErrorLog {self.dir}/error.log
DocumentRoot {self.dir}
Mutex file:{self.dir} default
Listen 127.0.0.1:{self.port}
ListenBacklog {self.limit}
StartServers {self.count}
MinSpareServers {self.count}
MaxSpareServers {self.count + 1}
ServerLimit {self.count}
MaxRequestWorkers {self.count}
{self.more}
""")]


def gunicorn(server, bind):
    """The words to start Gunicorn; each request occupies a worker for 50 ms."""
    write(f"{server.dir}/app.py", """
import time

def app(environ, start_response):
    time.sleep(0.05)
    start_response("200 OK", [])
    return [b""]
""")
    return ["gunicorn", "--chdir", server.dir, "--bind", bind, "--workers", str(server.count), "--backlog",
            str(server.limit), "--worker-tmp-dir", "/dev/shm", "--timeout", "1000", "--graceful-timeout", "1",
            "--log-level", "warning", "app:app"]


class Gunicorn(TcpServer):
    def words(self):
        return gunicorn(self, f"127.0.0.1:{self.port}")


class UnixGunicorn(UnixServer):
    def words(self):
        return gunicorn(self, f"unix:{self.path}")


class PhpFpm(UnixServer):
    def words(self):
        program, = glob.glob("/usr/sbin/php-fpm[0-9]*")
        return [program, "--nodaemonize", "--fpm-config", write(f"{self.dir}/fpm.conf", f"""
[global]
error_log = {self.dir}/error.log
[www]
listen = {self.path}
listen.backlog = {self.limit}
pm = static
pm.max_children = 2
pm.status_path = /status
pm.status_listen = {self.dir}/status.sock
""")]

    def workers(self):
        """One process more serves the status page."""
        return {pid: path for pid, path in super().workers().items()
                if "pool www" == content(f"{path}/cmdline").strip("\0 ").partition(": ")[2]}

    def own_metric(self):
        answer = fastcgi(f"{self.dir}/status.sock", SCRIPT_NAME="/status", SCRIPT_FILENAME="/status",
                         QUERY_STRING="json", REQUEST_METHOD="GET")
        return json.loads(answer)["listen queue"]


def fastcgi(path, **params):
    """The body of the answer to a FastCGI request."""
    def record(kind, data):
        return struct.pack("!BBHHBx", 1, kind, 1, len(data), 0) + data
    pairs = b"".join(struct.pack("!BB", len(name), len(value)) + f"{name}{value}".encode()
                     for name, value in params.items())
    with socket.socket(socket.AF_UNIX) as each:
        each.settimeout(DEADLINE)
        each.connect(path)
        each.sendall(record(1, struct.pack("!HB5x", 1, 0)) + record(4, pairs) + record(4, b"") + record(5, b""))
        answer = each.makefile("rb").read()
    body = b""
    while answer:
        _, kind, _, length, padding = struct.unpack("!BBHHBx", answer[:8])
        body += answer[8:8 + length] if kind == 6 else b""
        answer = answer[8 + length + padding:]
    return body.partition(b"\r\n\r\n")[2]


class Uwsgi(UnixServer):
    def words(self):
        return ["uwsgi-core", "--master", "--processes", "2", "--socket", self.path, "--listen", str(self.limit),
                "--stats", f"{self.dir}/stats.sock", "--chmod-socket=666"]

    def own_metric(self):
        with socket.socket(socket.AF_UNIX) as each:
            each.settimeout(DEADLINE)
            each.connect(f"{self.dir}/stats.sock")
            stats = json.loads(each.makefile().read())
        mine, = [s for s in stats["sockets"] if s["name"] == self.path]
        equal(stats["listen_queue"], mine["queue"], "its two numbers")
        return mine["queue"]
