# SPDX-License-Identifier: MIT
"""Listening sockets whose accept queues a test fills exactly, and their clients."""
import collections
import contextlib
import ctypes
import errno
import os
import socket
import struct
import threading
import time

from .basics import at_end, check, equal, until
from .kernel import netstat, ss, ss_unix
from .packets import syn

SO_ATTACH_REUSEPORT_CBPF = 51
IPPROTO_MPTCP = 262


class Service:
    """The only listening TCP socket of its port, and clients of it."""

    def __init__(self, port, addr="127.0.0.1"):
        self.port, self.addr, self.clients = port, addr, []
        at_end(self.hang_up)

    def seen(self):
        """The socket in ss."""
        one, = ss(self.port)
        return one

    def reachable(self):
        """An address of this host at which the socket listens."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.addr, self.addr)

    def connect(self, n=1, data=b""):
        """Adds n clients, which stay until hang_up() or close(); waits for them to connect only to send data."""
        new = [client(self.reachable(), self.port) for _ in range(n)]
        self.clients += new
        if data:
            for each in established(new):
                each.send(data)
        return new

    def hang_up(self):
        """Resets all clients: nothing is sent for them afterwards."""
        while self.clients:
            reset(self.clients.pop())


class Accepting:
    """Mixed into a Service: its socket is one of this process, which accepts nothing until accept() is called."""

    def begin(self, address, backlog):
        at_end(self.close)
        self.socket.bind(address)
        self.listen(backlog)
        self.socket.setblocking(False)
        self.ino = os.fstat(self.socket.fileno()).st_ino

    def listen(self, backlog):
        self.limit = backlog
        self.socket.listen(backlog)

    def accept(self):
        """Accepts and closes all waiting connections; returns how many there were."""
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.accept()[0].close()
                taken += 1
        return taken

    def close(self):
        self.hang_up()
        self.socket.close()


class Listener(Accepting, Service):
    """A listening TCP socket of this process."""

    def __init__(self, port, backlog=5, addr="127.0.0.1", v6only=None, reuseport=False, mptcp=False,
                 defer_accept=0, device=None):
        super().__init__(port, addr)
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP if mptcp else 0)
        option = self.socket.setsockopt
        option(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6only is not None:
            option(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        if reuseport:
            option(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if defer_accept:
            option(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, defer_accept)
        if device:
            option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        self.begin((addr, port), backlog)

    def seen(self):
        """This member of its SO_REUSEPORT group in ss."""
        return next(s for s in ss(self.port) if s.ino == self.ino)

    def waiting(self):
        """The length of the accept queue by TCP_INFO, which takes less time than ss."""
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
        return struct.unpack_from("I", info, 24)[0]  # tcpi_unacked

    def steer(self):
        """Makes this member, the first of its SO_REUSEPORT group, get all clients of the group."""
        code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
        program = struct.pack("HP", 1, ctypes.addressof(code))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)


def has_mptcp():
    """Whether the kernel has MPTCP: Debian's 5.10 has not."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError as error:
        check(error.errno in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT), error)
        return False
    return True


def client(addr, port):
    """A socket that has begun to connect."""
    new = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_STREAM)
    new.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        new.connect((addr, port))
    return new


def established(clients):
    """The same clients, once the handshake of each is over."""
    for each in clients:
        until(lambda: each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1, "the client is connected")
    return clients


def reset(sock):
    """Closes with RST, so that nothing is sent for this connection afterwards."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class UnixService:
    """A listening UNIX socket, and clients of it. An abstract name is bytes that begin with NUL."""

    def __init__(self, path, kind=socket.SOCK_STREAM):
        self.path, self.kind, self.clients = path, kind, []
        at_end(self.hang_up)

    def seen(self):
        """The socket in ss."""
        one, = [s for s in ss_unix() if s.name == os.fsencode(self.path)]
        return one

    def knock(self):
        """Adds a client; false if the queue has no room for it."""
        new = socket.socket(socket.AF_UNIX, self.kind)
        new.setblocking(False)
        try:
            new.connect(self.path)
        except BlockingIOError:
            new.close()
            return False
        self.clients.append(new)
        return True

    def connect(self, n=1, data=b""):
        """Adds n clients, which stay until hang_up() or close()."""
        for _ in range(n):
            check(self.knock(), "the client is connected")
            if data:
                self.clients[-1].send(data)
        return self.clients[len(self.clients) - n:]

    def hang_up(self):
        """Closes all clients."""
        while self.clients:
            self.clients.pop().close()


class UnixListener(Accepting, UnixService):
    """A listening UNIX socket of this process."""

    def __init__(self, path, backlog=5, kind=socket.SOCK_STREAM):
        super().__init__(path, kind)
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.begin(path, backlog)

    def seen(self):
        """This socket in ss, even if others have its name."""
        return next(s for s in ss_unix() if s.ino == self.ino)

    def waiting(self):
        return self.seen().queue

    def take(self, n):
        """Accepts the n connections that have waited longest, and keeps them open."""
        self.clients += [self.socket.accept()[0] for _ in range(n)]


def fill(service, n, data=b""):
    """Connects clients until ss shows n waiting connections. Returns the service."""
    service.connect(n - service.seen().queue, data)
    until(lambda: service.seen().queue == n, f"{n} clients wait in ss")
    return service


def overflow(service, n):
    """Sends n SYNs to a full queue: the kernel drops each, and none is sent again."""
    before = netstat()["ListenOverflows"]
    syn(service.port, service.reachable(), times=n)
    until(lambda: netstat()["ListenOverflows"] >= before + n, f"the kernel counts {n} overflows more")
    equal(netstat()["ListenOverflows"], before + n, "ListenOverflows")


def overflow_by_ack(port, n):
    """A listener that drops the final ACKs of n handshakes: TCP_DEFER_ACCEPT delays the ends of the handshakes until
    the clients send data, and meanwhile listen() makes the queue too short for them."""
    server = Listener(port, backlog=n + 4, defer_accept=30)
    waiting = established(server.connect(n + 4))
    server.listen(3)
    before = netstat()["ListenOverflows"]
    for each in waiting:
        each.send(b"x")
    until(lambda: netstat()["ListenOverflows"] >= before + n, f"the kernel counts {n} overflows more")
    server.hang_up()
    return server


def drop_syns(server, n=10):
    """Fills the SYN queue of a server with TCP_DEFER_ACCEPT while SYN cookies are off: the kernel drops SYNs that are
    no overflows. Returns how many it has dropped."""
    before = netstat()["TCPReqQFullDrop"]
    late = [client(server.reachable(), server.port) for _ in range(n)]
    until(lambda: netstat()["TCPReqQFullDrop"] > before, "the kernel drops SYNs")
    for each in late:
        reset(each)
    return netstat()["TCPReqQFullDrop"] - before


class Crowd:
    """A thread in which about a hundred clients a second connect, until stop(): an overload for a server that accepts
    nothing. Each client sends data and leaves after a while, served or not."""

    def __init__(self, *ports, data=b"", patience=0.3):
        self.ports, self.data, self.patience = ports, data, patience
        self.leaving = threading.Event()
        self.thread = threading.Thread(target=self._knock)
        at_end(self.stop)
        self.thread.start()

    def stop(self):
        self.leaving.set()
        self.thread.join()

    def _knock(self):
        inside = collections.deque()
        while not self.leaving.wait(0.01):
            for port in self.ports:
                with contextlib.suppress(OSError):
                    inside.append([time.monotonic(), client("127.0.0.1", port), self.data])
            for visit in inside:
                if visit[2]:
                    with contextlib.suppress(OSError):
                        visit[1].send(visit[2])
                        visit[2] = b""
            while inside and inside[0][0] + self.patience < time.monotonic():
                reset(inside.popleft()[1])
        for _, each, _ in inside:
            reset(each)
