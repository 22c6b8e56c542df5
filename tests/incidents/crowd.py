#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""crowd.py HOST:PORT FILE PATIENCE RATE SIZE close|reset: clients that come whether others are served or not, RATE
times a second SIZE at once, each with one HTTP request. A client leaves when it is served, or after PATIENCE seconds,
with a close, so that the server still does the work, or a reset. Writes "start end outcome" of each client: its HTTP
status, or timeout, refused, reset. After SIGTERM nobody new comes."""
import collections
import contextlib
import errno
import selectors
import signal
import socket
import struct
import sys
import time

REQUEST = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


class Client:
    def __init__(self, crowd):
        self.crowd, self.start, self.answer = crowd, time.time(), b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        status = self.socket.connect_ex(crowd.target)
        if status not in (0, errno.EINPROGRESS):
            self.leave(errno.errorcode[status])
        else:
            crowd.selector.register(self.socket, selectors.EVENT_WRITE, self)

    def leave(self, outcome):
        if self.socket:
            with contextlib.suppress(KeyError, ValueError):
                self.crowd.selector.unregister(self.socket)
            if outcome == "timeout" and self.crowd.resets:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
            self.socket = None
            print(f"{self.start:.3f} {time.time():.3f} {outcome}", file=self.crowd.file)

    def goes_on(self, mask):
        try:
            if mask & selectors.EVENT_WRITE:
                self.socket.send(REQUEST)
                self.crowd.selector.modify(self.socket, selectors.EVENT_READ, self)
            else:
                data = self.socket.recv(65536)
                self.answer += data
                if not data:
                    words = self.answer.split(None, 2)
                    self.leave(words[1].decode() if len(words) > 1 else "closed")
        except ConnectionRefusedError:
            self.leave("refused")
        except ConnectionError:
            self.leave("reset")


class Crowd:
    def __init__(self, target, path, patience, rate, size, leave):
        host, port = target.rsplit(":", 1)
        self.target, self.patience = (host, int(port)), float(patience)
        self.pause, self.size = 1 / float(rate), int(size)
        self.resets = leave == "reset"
        self.selector, self.file, self.leaving = selectors.DefaultSelector(), open(path, "w", buffering=1), False
        self.inside = collections.deque()
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.leaving = True

    def run(self):
        due = time.monotonic()
        while not self.leaving or self.inside:
            now = time.monotonic()
            while due <= now and not self.leaving:
                self.inside.extend(Client(self) for _ in range(self.size))
                due += self.pause
            for key, mask in self.selector.select(min(max(due - now, 0), 0.1) if not self.leaving else 0.1):
                key.data.goes_on(mask)
            while self.inside and (not self.inside[0].socket or self.inside[0].start + self.patience < time.time()):
                self.inside.popleft().leave("timeout")


if __name__ == "__main__":
    Crowd(*sys.argv[1:]).run()
