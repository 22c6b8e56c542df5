# SPDX-License-Identifier: MIT
"""The servers of the incidents, from Debian's packages, with as many workers and as slow as an incident needs."""
import os
import signal

from lb import Process, servers, ss, until, write
from lb.servers import PhpFpm, TcpServer, UnixServer

APP = """
import os, time

def app(environ, start_response):
    while os.path.exists("hangs"):
        time.sleep(0.05)
    time.sleep({seconds})
    start_response("200 OK", [])
    return [b"served"]
"""


class _Gunicorn:
    """Sync workers; each request occupies one of them for so many seconds."""

    def gunicorn(self, workers, backlog, seconds, *options):
        self.count, self.limit, self.seconds, self.options = workers, backlog, seconds, options

    def words(self):
        write(f"{self.dir}/app.py", APP.format(seconds=self.seconds))
        return ["gunicorn", "--chdir", self.dir, "--bind", self.bind(), "--workers", str(self.count),
                "--backlog", str(self.limit), "--worker-tmp-dir", "/dev/shm", "--timeout", "1000",
                "--graceful-timeout", "5", "--log-level", "warning", *self.options, "app:app"]

    def more_workers(self, count):
        """What an administrator does who has found the cause."""
        for _ in range(count):
            self.count += 1
            os.kill(self.process.pid, signal.SIGTTIN)
            until(lambda: len(self.workers()) == self.count, "there is a worker more")

    def hang(self):
        write(f"{self.dir}/hangs", "")

    def answer(self):
        os.unlink(f"{self.dir}/hangs")

    def reload(self):
        """Workers come and the old ones go after their last request."""
        before = set(self.workers())
        os.kill(self.process.pid, signal.SIGHUP)
        until(lambda: len(set(self.workers()) - before) == self.count == len(self.workers()), "all workers are new")


class Gunicorn(_Gunicorn, TcpServer):
    def __init__(self, port, workers, backlog, seconds, *options, addr="127.0.0.1"):
        super().__init__(port, addr)
        self.before = len(self.listens())  # those of its SO_REUSEPORT group
        self.gunicorn(workers, backlog, seconds, *options)
        self.start()

    def listens(self):
        return ss(self.port)[getattr(self, "before", 0):]

    def bind(self):
        return f"{self.addr}:{self.port}"


class UnixGunicorn(_Gunicorn, UnixServer):
    def __init__(self, path, workers, backlog, seconds, *options):
        super().__init__(path)
        self.gunicorn(workers, backlog, seconds, *options)
        self.start()

    def bind(self):
        return f"unix:{self.path}"

    def upstream(self):
        return f"proxy_pass http://unix:{self.path};"


class Php(PhpFpm):
    """Two children; each request occupies one for 50 ms."""

    def __init__(self, path):
        super().__init__(path)
        self.start()

    def upstream(self):
        script = write(f"{self.dir}/index.php", "<?php usleep(50000); echo 'served';")
        return (f"fastcgi_param SCRIPT_FILENAME {script}; fastcgi_param REQUEST_METHOD GET; "
                f"fastcgi_pass unix:{self.path};")


class Nginx(TcpServer):
    """In front of a server with a UNIX socket."""
    limit = 511

    def __init__(self, port, behind):
        super().__init__(port)
        self.behind = behind
        self.start()

    def words(self):
        return ["nginx", "-g", "daemon off;", "-c", write(f"{self.dir}/nginx.conf", f"""
error_log {self.dir}/error.log;
pid {self.dir}/pid;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/proxy; fastcgi_temp_path {self.dir}/fastcgi;
    uwsgi_temp_path {self.dir}/uwsgi; scgi_temp_path {self.dir}/scgi;
    server {{
        listen 127.0.0.1:{self.port};
        location / {{ {self.behind.upstream()} }}
    }}
}}
""")]


class Apache(servers.Apache):
    """More workers than clients; its sockets have TCP_DEFER_ACCEPT."""
    limit, count = 511, 8
    more = "LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so\nKeepAlive Off"

    def __init__(self, port):
        super().__init__(port)
        self.start()

    def words(self):
        write(f"{self.dir}/index.html", "served")
        return super().words()


def python(program, *args):
    """A program of this folder."""
    here = os.path.dirname(os.path.abspath(__file__))
    return Process(["python3", "-B", f"{here}/{program}", *map(str, args)])
