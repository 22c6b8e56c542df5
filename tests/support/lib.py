# SPDX-License-Identifier: MIT
"""The words the live tests are written in.

A test script runs in network and process namespaces of its own (tests/support/netns
starts it there) and prints TAP. Every subtest gets a network namespace of its
own again, with nothing but lo in it: all counters start at 0, all sysctls at
their defaults, every port is free. What a subtest starts ends with it.

    @test("a full queue reads fill 100")
    def _():
        server = Listener(8080, backlog=5)
        fill(server, 6)
        daemon = Collectd()
        equal(daemon.look()["8080"]["fill"], 100.0)

    main()

Nothing here sleeps and hopes: until() waits for a fact, or fails.
"""
import atexit
import collections
import contextlib
import ctypes
import difflib
import functools
import glob
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import xml.etree.ElementTree

DEADLINE = float(os.environ.get("LB_DEADLINE", "30"))
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"

libc = ctypes.CDLL(None, use_errno=True)

# ---------------------------------------------------------------- the tests

_tests = []
_cleanup = contextlib.ExitStack()
_outputs = []  # files of this subtest that tell why it failed


def test(name):
    """Makes the function below a subtest of that name."""
    def register(function):
        _tests.append((name, function))
        return function
    return register


def main():
    """Runs the subtests, all or those whose name holds an argument."""
    sys.stdout.reconfigure(line_buffering=True)
    for name in "LB_PLUGIN", "LB_PROBE":
        if name not in os.environ:
            sys.exit(f"{name} does not say where the build is")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    chosen = [t for t in _tests
              if all(word in t[0] for word in sys.argv[1:])]
    print(f"1..{len(chosen)}")
    passed = [_run(function, f"{number} - {name}")
              for number, (name, function) in enumerate(chosen, 1)]
    sys.exit(not all(passed))


def _run(function, name):
    passed = True
    _outputs.clear()
    try:
        _new_network()
        function()
    except Exception:
        passed = False
        note(traceback.format_exc())
        note("listening sockets:\n" + _ss_text())
        for path in _outputs:
            note(f"{path}:\n{_read(path)[-4000:]}")
    finally:
        passed &= _clean_up()
    print(f"{'ok' if passed else 'not ok'} {name}")
    return passed


def note(text):
    """Prints lines for the human who reads the log."""
    for line in str(text).splitlines():
        print("#", line)


def equal(got, want, what="value"):
    """Fails unless got is want; tells dicts and lists apart in detail."""
    if got == want:
        return
    if isinstance(got, list) and isinstance(want, list):
        note("\n".join(difflib.unified_diff(
            [str(line) for line in want], [str(line) for line in got],
            f"{what}: want", "got", lineterm="")))
        raise AssertionError(f"{what} differs")
    if isinstance(got, dict) and isinstance(want, dict):
        for key in sorted(set(got) | set(want), key=str):
            if got.get(key) != want.get(key):
                note(f"{what}: {key}: got {got.get(key)}, want {want.get(key)}")
    raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def check(fact, what):
    if not fact:
        raise AssertionError(what)


def until(fact, what, deadline=DEADLINE):
    """Waits until fact() is true and returns it."""
    end = time.monotonic() + deadline
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s in vain until {what}")
        time.sleep(0.005)


def scratch():
    """A directory that goes with the subtest; anybody may look into it."""
    path = tempfile.mkdtemp(prefix="listen_backlog-")
    _cleanup.callback(shutil.rmtree, path, ignore_errors=True)
    os.chmod(path, 0o755)
    return path


def _new_network():
    _call(libc.unshare, CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True,
                   env={"PATH": PATH})


def _read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _clean_up():
    try:
        _cleanup.close()
        return True
    except Exception:
        note("cleaning up failed:\n" + traceback.format_exc())
        return False


# ------------------------------------------------- what the kernel itself says

Socket = collections.namedtuple(
    "Socket", "addr port dev queue limit drops ino cookie")


def _ss_text():
    return subprocess.run(["ss", "-ltnmeHO"], check=True, text=True,
                          capture_output=True, env={"PATH": PATH}).stdout


def ss(port=None):
    """The listening TCP sockets as ss shows them, or those of one port."""
    found = []
    for line in _ss_text().splitlines():
        _, queue, limit, local, rest = line.split(None, 4)
        addr, _, number = local.rpartition(":")
        addr, _, dev = addr.partition("%")
        seen = {name: re.search(pattern, rest).group(1) for name, pattern in (
            ("drops", r"skmem:\(.*,d(\d+)\)"), ("cookie", r"\bsk:(\w+)"))}
        ino = re.search(r"\bino:(\d+)", rest)
        found.append(Socket(addr.strip("[]"), int(number), dev, int(queue),
                            int(limit), int(seen["drops"]),
                            int(ino.group(1)) if ino else 0,
                            int(seen["cookie"], 16)))
    return [s for s in found if port is None or s.port == port]


UnixSocket = collections.namedtuple("UnixSocket", "kind queue limit name ino")


def ss_unix():
    """The listening UNIX sockets as ss shows them: "@" is a NUL. A name may
    hold newlines."""
    text = subprocess.run(["ss", "-xlnHO"], check=True, capture_output=True,
                          env={"PATH": PATH}).stdout
    found = []
    for entry in re.split(rb"^(?=u_)", text, flags=re.M)[1:]:
        match = re.match(
            rb"u_(\w+) +LISTEN +(\d+) +(\d+) +(.*) (\d+) +\* 0", entry, re.S)
        if not match:  # one that closes or begins while ss looks
            note(f"ss shows {entry!r}")
            continue
        kind, queue, limit, name, ino = match.groups()
        found.append(UnixSocket(kind.decode(), int(queue), int(limit), name,
                                int(ino)))
    return found


def states(port):
    """How many connections with this local port are in each state, in ss."""
    text = subprocess.run(["ss", "-tanHO", f"sport = :{port}"], check=True,
                          text=True, capture_output=True,
                          env={"PATH": PATH}).stdout
    return collections.Counter(line.split()[0] for line in text.splitlines())


def totals(sockets):
    """queue, limit and sockets of a listener made of these sockets."""
    return {"queue": sum(s.queue for s in sockets),
            "limit": sum(s.limit for s in sockets), "sockets": len(sockets)}


def netstat():
    """The TcpExt counters of /proc/net/netstat."""
    with open("/proc/net/netstat") as file:
        names, values = (line.split()[1:] for line in file
                         if line.startswith("TcpExt:"))
    return dict(zip(names, map(int, values)))


def nstat(name):
    """One counter as nstat shows it."""
    text = subprocess.run(
        ["nstat", "-asz", name], check=True, capture_output=True, text=True,
        env={"PATH": PATH, "NSTAT_HISTORY": os.devnull}).stdout
    return int(re.search(rf"^{name}\s+(\d+)", text, re.M).group(1))


def sysctl(name, value=None):
    """Reads a sysctl, or sets it."""
    path = "/proc/sys/" + name.replace(".", "/")
    if value is None:
        with open(path) as file:
            return int(file.read())
    with open(path, "w") as file:
        file.write(str(value))


# -------------------------------------------------- other network namespaces

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
MNT_DETACH = 2


def _call(function, *args):
    if function(*args):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()),
                      args)


def _mount(source, target, kind=None, flags=0):
    _call(libc.mount, *[each and each.encode() for each in
                        (source, target, kind)], ctypes.c_ulong(flags), None)


def private_run():
    """Gives this script, and all that it starts, an empty /run of its own."""
    _call(libc.unshare, CLONE_NEWNS)
    try:
        _mount(None, "/", flags=MS_REC | MS_PRIVATE)
    except OSError:
        _leave_chroot_mount()
    _mount("tmpfs", "/run", "tmpfs")


def _leave_chroot_mount():
    """In a chroot "/" is no mount point: what is mounted below it may show
    elsewhere. Below /proc, which is one, it need not; so that has a private
    copy of "/", and we go there."""
    here = os.getcwd()
    _mount(None, "/proc", flags=MS_PRIVATE)
    _mount("tmpfs", "/proc/fs", "tmpfs")
    os.mkdir("/proc/fs/root")
    _mount("/", "/proc/fs/root", flags=MS_BIND | MS_REC)
    _mount(None, "/proc/fs/root", flags=MS_REC | MS_PRIVATE)
    os.chroot("/proc/fs/root")
    os.chdir(here)


@contextlib.contextmanager
def _home():
    """Whatever namespace is entered, we come back to this one."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        yield
    finally:
        _call(libc.setns, home, CLONE_NEWNET)
        os.close(home)


class Namespace:
    """Another network namespace with lo up, at a place under /run as
    ip-netns(8) has it there: sockets keep it alive, and this object does not.
    Needs private_run()."""

    def __init__(self, place):
        self.path = os.path.join("/run/netns", place)
        self.name = os.path.basename(place)
        self.make()
        _cleanup.callback(self.delete)

    def make(self):
        with _home():
            _new_network()
            self.bind("/proc/thread-self/ns/net")

    def bind(self, source):
        """Lets another path of a namespace be this place."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "x"):
            pass
        _mount(source, self.path, flags=MS_BIND)

    def delete(self):
        """Nothing is at this place any more."""
        if os.path.exists(self.path):
            _call(libc.umount2, self.path.encode(), MNT_DETACH)
            os.unlink(self.path)

    @contextlib.contextmanager
    def inside(self):
        """What is done in it: servers stay there, and so do processes."""
        with _home():
            place = os.open(self.path, os.O_RDONLY)
            try:
                _call(libc.setns, place, CLONE_NEWNET)
            finally:
                os.close(place)
            yield self


def set_nsid(namespace, nsid):
    """Has the kernel number a namespace, as long as there is one."""
    subprocess.run(["ip", "netns", "set", namespace.name, str(nsid)],
                   check=True, env={"PATH": PATH})


def nsids():
    """The numbers of those that are there."""
    text = subprocess.run(["ip", "netns", "list-id"], check=True, text=True,
                          capture_output=True, env={"PATH": PATH}).stdout
    return set(map(int, re.findall(r"nsid (\d+)", text)))


# -------------------------------------------------------- servers and clients

SO_ATTACH_REUSEPORT_CBPF = 51
IPPROTO_MPTCP = 262


class Service:
    """Somebody's listening socket, the only one of its port, and clients."""

    def __init__(self, port, addr="127.0.0.1"):
        self.port, self.addr, self.clients = port, addr, []
        _cleanup.callback(self.hang_up)

    def seen(self):
        """The socket in ss."""
        one, = ss(self.port)
        return one

    def connect(self, n=1, data=b""):
        """n clients more; they stay until hang_up() or close()."""
        new = [client(_reachable(self.addr), self.port) for _ in range(n)]
        self.clients += new
        if data:
            for each in new:
                until(lambda: connected(each), "the client is connected")
                each.send(data)
        return new

    def hang_up(self):
        """All clients go away at once, and send nothing afterwards."""
        while self.clients:
            reset(self.clients.pop())


class Listener(Service):
    """A listening socket of ours, which accepts nothing by itself."""

    def __init__(self, port, backlog=5, addr="127.0.0.1", v6only=None,
                 reuseport=False, mptcp=False, defer_accept=0, device=None):
        super().__init__(port, addr)
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM,
                                    IPPROTO_MPTCP if mptcp else 0)
        _cleanup.callback(self.close)
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
        self.socket.bind((addr, port))
        self.socket.listen(backlog)
        self.socket.setblocking(False)
        self.ino = os.fstat(self.socket.fileno()).st_ino

    def listen(self, backlog):
        self.socket.listen(backlog)

    def seen(self):
        """This very member of its group in ss."""
        return next(s for s in ss(self.port) if s.ino == self.ino)

    def waiting(self):
        """How many wait, as TCP_INFO has it: sooner than ss."""
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
        return struct.unpack_from("I", info, 24)[0]  # tcpi_unacked

    def steer(self):
        """Sends all clients of the reuseport group to its first member."""
        code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
        program = struct.pack("HP", 1, ctypes.addressof(code))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
                               program)

    def accept(self):
        """Takes everybody who waits; returns how many there were."""
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.accept()[0].close()
                taken += 1
        return taken

    def close(self):
        self.hang_up()
        self.socket.close()


def _reachable(addr):
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(addr, addr)


def client(addr, port):
    """A socket on its way to be connected."""
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    new = socket.socket(family, socket.SOCK_STREAM)
    new.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        new.connect((addr, port))
    return new


def connected(sock):
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == 1  # TCP_ESTABLISHED


def reset(sock):
    """Closes with RST, or at once where not yet connected: no more packets."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


class UnixService:
    """Somebody's listening UNIX socket, and clients. A name in bytes that
    begins with NUL is abstract."""

    def __init__(self, path, kind=socket.SOCK_STREAM):
        self.path, self.kind, self.clients = path, kind, []
        _cleanup.callback(self.hang_up)

    def seen(self):
        """The socket in ss."""
        one, = [s for s in ss_unix() if s.name == os.fsencode(self.path)]
        return one

    def knock(self):
        """One client more; false: there is no room for it."""
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
        """n clients more; they stay until hang_up() or close()."""
        for _ in range(n):
            check(self.knock(), "the client is connected")
            if data:
                self.clients[-1].send(data)
        return self.clients[len(self.clients) - n:]

    def hang_up(self):
        """All clients go away."""
        while self.clients:
            self.clients.pop().close()


class UnixListener(UnixService):
    """A listening UNIX socket of ours, which accepts nothing by itself."""

    def __init__(self, path, backlog=5, kind=socket.SOCK_STREAM):
        super().__init__(path, kind)
        self.socket = socket.socket(socket.AF_UNIX, kind)
        _cleanup.callback(self.close)
        self.socket.bind(path)
        self.socket.listen(backlog)
        self.socket.setblocking(False)
        self.ino = os.fstat(self.socket.fileno()).st_ino

    def seen(self):
        """This very socket in ss, whoever else has its name."""
        return next(s for s in ss_unix() if s.ino == self.ino)

    def accept(self, n=1):
        """Takes the n that have waited longest, and keeps them open."""
        taken = [self.socket.accept()[0] for _ in range(n)]
        self.clients += taken
        return taken

    def close(self):
        self.hang_up()
        self.socket.close()


def fill(service, n, data=b""):
    """Connects clients until n of them wait, as ss shows it."""
    service.connect(n - service.seen().queue, data)
    until(lambda: service.seen().queue == n, f"{n} clients wait in ss")


def overflow(service, n):
    """n clients meet a full queue: one dropped SYN each, none sent again."""
    before = netstat()["ListenOverflows"]
    syn(service.port, _reachable(service.addr), times=n)
    until(lambda: netstat()["ListenOverflows"] >= before + n,
          f"the kernel counts {n} overflows more")
    equal(netstat()["ListenOverflows"], before + n, "ListenOverflows")


def overflow_by_ack(port, n):
    """A full queue, and n handshakes which end only then.

    TCP_DEFER_ACCEPT holds the handshakes until data comes, and listen() again
    makes the queue too short for them meanwhile."""
    server = Listener(port, backlog=n + 4, defer_accept=30)
    waiting = server.connect(n + 4)
    for each in waiting:
        until(lambda: connected(each), "the client is connected")
    server.listen(3)
    before = netstat()["ListenOverflows"]
    for each in waiting:
        each.send(b"x")
    until(lambda: netstat()["ListenOverflows"] >= before + n,
          f"the kernel counts {n} overflows more")
    server.hang_up()
    return server


def syn(port, addr="127.0.0.1", source=None, sport=20000, times=1):
    """SYNs out of nowhere. The host answers a SYN/ACK with RST."""
    v6 = ":" in addr
    raw = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                        socket.SOCK_RAW, socket.IPPROTO_TCP)
    source = source or ("::1" if v6 else "127.0.0.9")
    with contextlib.closing(raw):
        raw.bind((source, 0))
        if v6:
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 16)
        for n in range(times):
            segment = struct.pack("!HHIIBBHHH", sport + n, port, 1000, 0,
                                  5 << 4, 0x02, 1024, 0, 0)
            raw.sendto(segment if v6 else _with_checksum(segment, source, addr),
                       (addr, 0))


def _with_checksum(segment, source, addr):
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    pseudo = (socket.inet_pton(family, source) +
              socket.inet_pton(family, addr) +
              struct.pack("!HH", socket.IPPROTO_TCP, len(segment)))
    sum_ = struct.pack("!H", _checksum(pseudo + segment))
    return segment[:16] + sum_ + segment[18:]


def _checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


class Wire:
    """A network of hosts that speak to us and never hear an answer.

    What we send them has the hardware address of nobody, so that neither RST
    nor ICMP comes of it."""
    OURS = "10.9.0.1/24", "10.9.0.2/24", "fd09::1/64", "fd09::2/64"
    OUR_MAC, NOBODY = "02:00:00:00:00:01", "02:00:00:00:00:09"

    def __init__(self):
        def ip(text):
            subprocess.run(["ip", *text.split()], check=True,
                           env={"PATH": PATH})
        ip(f"link add wire address {self.OUR_MAC} type veth peer name far")
        for addr in self.OURS:
            ip(f"addr add {addr} dev wire" + " nodad" * (":" in addr))
        for name in "wire", "far":
            ip(f"link set {name} up")
        for addr in "10.9.0.9", "fd09::9":
            ip(f"neigh add {addr} lladdr {self.NOBODY} dev wire nud permanent")
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        _cleanup.callback(self.socket.close)
        self.socket.bind(("far", 0))

    def syn(self, addr, port, sports, data=b""):
        """A SYN from each of these ports."""
        for sport in sports:
            self._send(addr, port, sport, 0x02, 1000, data)

    def rst(self, addr, port, sports):
        """Ends what those SYNs began."""
        for sport in sports:
            self._send(addr, port, sport, 0x04, 1001, b"")

    def _send(self, addr, port, sport, flags, seq, data):
        source = "fd09::9" if ":" in addr else "10.9.0.9"
        segment = _with_checksum(
            struct.pack("!HHIIBBHHH", sport, port, seq, 0, 5 << 4, flags, 1024,
                        0, 0) + data, source, addr)
        if ":" in addr:
            kind = 0x86dd
            header = struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + \
                socket.inet_pton(socket.AF_INET6, source) + \
                socket.inet_pton(socket.AF_INET6, addr)
        else:
            kind = 0x0800
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0,
                                 0, 64, 6, 0, socket.inet_aton(source),
                                 socket.inet_aton(addr))
            sum_ = struct.pack("!H", _checksum(header))
            header = header[:10] + sum_ + header[12:]
        macs = bytes.fromhex((self.OUR_MAC + self.NOBODY).replace(":", ""))
        self.socket.send(macs + struct.pack("!H", kind) + header + segment)


class Crowd:
    """Clients that keep coming, in a thread, until it is told to stop.

    About a hundred a second knock, so an overload is certain where nobody
    accepts; each says data and leaves after a while whether served or not."""

    def __init__(self, *ports, data=b"", patience=0.3):
        self.ports, self.data, self.patience = ports, data, patience
        self.leaving = threading.Event()
        self.thread = threading.Thread(target=self._knock)
        _cleanup.callback(self.stop)
        self.thread.start()

    def stop(self):
        self.leaving.set()
        self.thread.join()

    def _knock(self):
        inside = collections.deque()
        while not self.leaving.wait(0.01):
            for port in self.ports:
                with contextlib.suppress(OSError):
                    inside.append([time.monotonic(),
                                   client("127.0.0.1", port), self.data])
            for visit in inside:
                if visit[2]:
                    with contextlib.suppress(OSError):
                        visit[1].send(visit[2])
                        visit[2] = b""
            while inside and inside[0][0] + self.patience < time.monotonic():
                reset(inside.popleft()[1])
        for _, each, _ in inside:
            reset(each)


# ------------------------------------------------------------------- programs

class Process:
    """A program in a process group of its own, its output in a file."""

    def __init__(self, command, output=None, env=None, **options):
        self.output = output or os.path.join(scratch(), "output")
        _outputs.append(self.output)
        with open(self.output, "ab") as file:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
                cwd="/",  # where even a server that drops its privileges may be
                env={**os.environ, "PATH": PATH, **(env or {})}, **options)
        _cleanup.callback(self.stop, signal.SIGKILL)

    def kill(self, number):
        """Signals the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def freeze(self):
        self.kill(signal.SIGSTOP)

    def thaw(self):
        self.kill(signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        """Ends it, waits for that and returns its exit status."""
        if self.popen.returncode is None:
            self.popen.send_signal(number)
            self.thaw()
        try:
            status = self.popen.wait(DEADLINE)
        finally:
            self.kill(signal.SIGKILL)
        return status

    def text(self):
        return _read(self.output)


@functools.cache
def faults():
    """faults.c as LD_PRELOAD wants it, made once."""
    folder = tempfile.mkdtemp(prefix="listen_backlog-")
    atexit.register(shutil.rmtree, folder)
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "faults.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "faults.c")
    subprocess.run([*os.environ.get("LB_CC", "cc").split(), "-shared", "-fPIC",
                    "-o", path, source, "-ldl"], check=True)
    return path


class Faults:
    """Calls that fail in a program with this environment."""

    def __init__(self, *faults_):
        self.path = os.path.join(scratch(), "fault")
        self.number = 0
        self.env = {"LD_PRELOAD": faults(), "LB_FAULT": self.path}
        self.set(*faults_)

    def set(self, *faults_):
        """From now on these, and no others: each is "CALL EFFECT [WHERE
        [FIRST OF]]" as faults.c has it; none: all is well."""
        self.number += 1
        with open(self.path + "~", "w") as file:
            for fault in faults_:
                words = fault.split()
                words += ["-", "1", "1"][len(words) - 2:]
                file.write(f"{self.number} {' '.join(words)}\n")
        os.chmod(self.path + "~", 0o644)
        os.rename(self.path + "~", self.path)

    def hits(self):
        """The calls that were spoiled since then."""
        return [line.split()[1:] for line in
                _read(self.path + ".hits").splitlines()
                if line.split()[0] == str(self.number)]


class Requests:
    """What a program with this environment asks the kernel for."""

    def __init__(self):
        self.path = os.path.join(scratch(), "requests")
        for name in "", ".requests":
            open(self.path + name, "w").close()
        self.env = {"LD_PRELOAD": faults(), "LB_FAULT": self.path}

    def states(self):
        """The sets of states, as numbers, of all requests until now."""
        return [int(line) for line in _read(self.path + ".requests").splitlines()]


def proc(pid):
    """The directory of a process in /proc, which has the numbers of another
    pid namespace."""
    ours = os.readlink("/proc/self/ns/pid")
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            if (os.readlink(path + "/ns/pid") == ours and re.search(
                    rf"^NSpid:.*\s{pid}$", _read(path + "/status"), re.M)):
                return path
    raise AssertionError(f"/proc does not show process {pid}")


class Thread:
    """A thread as /proc shows it."""

    def __init__(self, path):
        self.path = path
        self.name = _read(path + "/comm").strip()

    def status(self):
        return _read(self.path + "/status")

    def slept(self):
        """How often it has gone to sleep by itself."""
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)",
                             self.status(), re.M).group(1))

    def times(self):
        """CPU seconds, and those that it was ready and given no CPU."""
        ran, waited, _ = _read(self.path + "/schedstat").split()
        return int(ran) / 1e9, int(waited) / 1e9


def threads(pid):
    return [Thread(path) for path in glob.glob(proc(pid) + "/task/*")]


def processes(group):
    """{id: name} of a process group; the name is that in /proc, which need
    not be of our process namespace."""
    found = {}
    ours = os.readlink("/proc/self/ns/pid")
    for status in glob.glob("/proc/[0-9]*/status"):
        name = status.split("/")[2]
        ids = dict(re.findall(r"^(NSpid|NSpgid):.*?(\d+)$", _read(status),
                              re.M))
        with contextlib.suppress(OSError):
            if ids.get("NSpgid") == str(group) and \
                    os.readlink(f"/proc/{name}/ns/pid") == ours:
                found[int(ids["NSpid"])] = name
    return found


def unprivileged():
    """What to put before a command to run it as nobody."""
    with open("/proc/self/uid_map") as file:
        ranges = [map(int, line.split()) for line in file]
    if any(first <= 65534 < first + count for first, _, count in ranges):
        return ["setpriv", "--reuid", "65534", "--regid", "65534",
                "--clear-groups", "--"]
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]


# ----------------------------------------------------------------- the probe

READINGS = {  # the readings of a listener, and their type-type_instance
    "queue": "queue_length-queue", "limit": "queue_length-limit",
    "peak": "queue_length-peak", "busy": "percent-busy",
    "fill": "percent-fill", "sockets": "count-sockets", "full": "count-full",
    "drops": "derive-drops", "overflows": "derive-overflows",
    "wait": "duration-wait", "abandoned": "queue_length-abandoned",
    "syn": "queue_length-syn",
    # and of the namespace
    "syn_drops": "derive-syn_drops",
    "syncookies_sent": "derive-syncookies_sent",
    "overflows_unattributed": "derive-overflows_unattributed",
    "somaxconn": "queue_length-somaxconn",
}
_NAMES = {name: reading for reading, name in READINGS.items()}
GAUGES = {"queue", "limit", "peak", "busy", "fill", "sockets", "full"}
INSPECTED = {"wait", "abandoned", "syn"}  # with InspectQueue
COUNTERS = {"drops", "overflows"}
NAMESPACE = {"drops", "overflows", "syn_drops", "syncookies_sent",
             "overflows_unattributed", "somaxconn"}


def _number(text):
    return float(text) if "." in text else int(text)


def tables(text):
    """The tables in a probe's output, one dict {listener: readings} a look.

    The own namespace's values are those of the listener "", those of another
    are under its name. What was not measured is not there."""
    found = []
    for look in re.split(r"^# interval \d+\n", text, flags=re.M):
        if not look.strip():
            continue
        listeners, *namespaces = look.rstrip("\n").split("\n\n")
        header, *lines = listeners.splitlines()
        columns = header.lower().split()
        equal(columns[0], "listener", "first column")
        table = {}
        for line in lines:
            cells = line.split()
            equal(len(cells), len(columns), f"cells in {line!r}")
            table[cells[0]] = {column: _number(cell) for column, cell
                               in zip(columns[1:], cells[1:]) if cell != "-"}
        for namespace in namespaces:
            cells = dict(line.split() for line in namespace.splitlines())
            name = cells.pop("NAMESPACE", "")
            table[name] = {reading: _number(value) for reading, value
                           in cells.items() if value != "-"}
        found.append(table)
    return found


def probe_run(*args, **options):
    """listen_backlog-probe, run to its end."""
    return subprocess.run([os.environ["LB_PROBE"], *map(str, args)],
                          capture_output=True, text=True, timeout=DEADLINE,
                          **options)


def probe(*args):
    """One look of the probe."""
    run = probe_run(*args)
    equal((run.returncode, run.stderr), (0, ""), "the probe's end")
    return tables(run.stdout)[0]


# ---------------------------------------------------------------- the daemon

def _plugin_dir():
    for path in ("/usr/lib/collectd", "/usr/lib64/collectd",
                 *glob.glob("/usr/lib/*/collectd")):
        if os.path.exists(path + "/csv.so"):
            return path
    raise AssertionError("collectd's plugins are not installed")


class Collectd:
    """The real daemon with our plugin, writing CSV files.

    config is what stands in <Plugin listen_backlog>; None: no such block."""

    def __init__(self, config=None, interval=0.1, plugins=(), extra="",
                 command=(), start=True, **options):
        self.dir = scratch()
        _outputs.append(f"{self.dir}/log")
        self.command, self.options = command, options
        for sub in ("plugins", "csv", "rrd"):
            os.mkdir(os.path.join(self.dir, sub))
            os.chmod(os.path.join(self.dir, sub), 0o777)
        os.chmod(self.dir, 0o777)
        for name in ("logfile", "csv", *plugins):
            shutil.copy(f"{_plugin_dir()}/{name}.so", f"{self.dir}/plugins")
        shutil.copy(os.environ["LB_PLUGIN"],
                    f"{self.dir}/plugins/listen_backlog.so")
        self.conf = os.path.join(self.dir, "collectd.conf")
        with open(self.conf, "w") as file:
            file.write(self._text(config, interval, plugins, extra))
        self.process = None
        if start:
            self.start()

    def _text(self, config, interval, plugins, extra):
        block = "" if config is None else \
            f"<Plugin listen_backlog>\n{config}\n</Plugin>"
        load = "\n".join(f"LoadPlugin {name}" for name in plugins)
        return f"""
Hostname "testhost"
FQDNLookup false
BaseDir "{self.dir}"
PluginDir "{self.dir}/plugins"
TypesDB "/usr/share/collectd/types.db"
Interval {interval}
ReadThreads 1
WriteThreads 1
LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File "{self.dir}/log"
  Timestamp false
  PrintSeverity true
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{self.dir}/csv"
</Plugin>
{load}
LoadPlugin listen_backlog
{block}
{extra.replace("@DIR@", self.dir)}
"""

    def start(self, mode="-f"):
        """In the foreground, or with -T for one look and no more."""
        self.process = Process(
            [*(word.replace("@DIR@", self.dir) for word in self.command),
             "collectd", mode, "-C", self.conf,
             "-P", f"{self.dir}/pid"],
            output=f"{self.dir}/output", **self.options)

    def stop(self):
        """Ends the daemon and returns its exit status."""
        return self.process.stop()

    def running(self):
        return self.process.popen.poll() is None

    def descriptors(self):
        """What its descriptors are, but for files it writes."""
        found = []
        for path in glob.glob(proc(self.process.popen.pid) + "/fd/*"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(path))
        return sorted(re.sub(r"\[\d+\]", "", name) for name in found
                      if not name.startswith(self.dir))

    def sampler(self):
        """The plugin's thread; None where there is none."""
        return next((thread for thread in threads(self.process.popen.pid)
                     if thread.name == "listen_backlog"), None)

    def log(self, *words):
        """The lines of the log that hold all words."""
        return [line for line in _read(f"{self.dir}/log").splitlines()
                if all(word.lower() in line.lower() for word in words)]

    def errors(self):
        """The errors in the log, save one that a foreign /proc causes."""
        return [line for line in self.log("[error]")
                if "set_thread_name" not in line]

    def instances(self):
        """The plugin instances that were written."""
        return {path[len("listen_backlog"):].lstrip("-") for path in
                map(os.path.basename, glob.glob(
                    glob.escape(self.dir) + "/csv/testhost/listen_backlog*"))}

    def series(self, listener, reading):
        """All (time, value) of one reading in the CSV files."""
        folder = "listen_backlog" + (listener and "-" + listener)
        found = []
        for path in sorted(glob.glob(glob.escape(
                f"{self.dir}/csv/testhost/{folder}/{READINGS[reading]}")
                + "-????-??-??")):
            with open(path) as file:
                for line in file.read().splitlines()[1:]:
                    when, value = line.split(",")
                    found.append((float(when), _number(value)))
        return found

    def names(self, listener):
        """The type-type_instance written for a listener."""
        folder = "listen_backlog" + (listener and "-" + listener)
        return {re.sub(r"-\d{4}-\d\d-\d\d$", "", name) for name in
                os.listdir(f"{self.dir}/csv/testhost/{folder}")}

    def looks(self):
        """All looks, in order: (time, {listener: {reading: value}})."""
        found = collections.defaultdict(
            lambda: collections.defaultdict(dict))
        for listener in self.instances():
            for name in self.names(listener):
                for when, value in self.series(listener, _NAMES[name]):
                    found[when][listener][_NAMES[name]] = value
        return [(when, dict(found[when])) for when in sorted(found)]

    def times(self):
        """When looks were taken, as far as they are written."""
        return [when for when, _ in self.series("", "somaxconn")]

    def later(self, now, count):
        """Whether count looks that were stamped after now are written."""
        check(self.running(), "collectd runs")
        return sum(when > now + 0.001 for when in self.times()) >= count

    def look(self):
        """One look that began after this call, whole."""
        now = time.time()
        # The first may have begun before, the third may be in writing.
        until(lambda: self.later(now, 3), "collectd has written 3 looks")
        return [table for when, table in self.looks() if when > now + 0.001][1]


VALGRIND = ("valgrind", "--leak-check=full", "--keep-debuginfo=yes",
            "--show-leak-kinds=definite,indirect,possible", "--xml=yes",
            "--xml-file=@DIR@/valgrind.%p")


def _passed_us(error):
    """Whether a valgrind error has passed through our code."""
    return any("listen_backlog" in
               os.path.basename(frame.findtext("obj") or "") or
               (frame.findtext("fn") or "").startswith("lb_")
               for frame in error.iter("frame"))


def check_valgrind(daemon):
    """Nothing that valgrind saw in a daemon under it is blamed on us."""
    files = glob.glob(f"{daemon.dir}/valgrind.*")
    check(files, "valgrind wrote what it saw")
    errors = [error for path in files for error in
              xml.etree.ElementTree.parse(path).iter("error")
              if _passed_us(error)]
    for error in errors:
        note(xml.etree.ElementTree.tostring(error, encoding="unicode"))
    equal(len(errors), 0, "errors of ours")


def counters(table, listener):
    """drops and overflows of a listener in a look."""
    return table[str(listener)]["drops"], table[str(listener)]["overflows"]


def agrees_with_kernel(table):
    """The namespace's values are the kernel's, and the sum is."""
    kernel = netstat()
    equal({name: table[""][name] for name in NAMESPACE},
          {"drops": kernel["ListenDrops"],
           "overflows": kernel["ListenOverflows"],
           "syn_drops": kernel["TCPReqQFullDrop"],
           "syncookies_sent": kernel["SyncookiesSent"],
           "overflows_unattributed": kernel["ListenOverflows"] - sum(
               row["overflows"] for name, row in table.items() if name),
           "somaxconn": sysctl("net.core.somaxconn")}, "the namespace")


def settled(daemon):
    """The look in which everything is handed out."""
    table = daemon.look()
    agrees_with_kernel(table)
    return table


def never_back(daemon):
    """Counters never decrease, and their sum is the kernel's in each look."""
    last = {}
    looks = 0
    for when, table in daemon.looks()[:-1]:  # the last may be half written
        for name, row in table.items():
            for reading in set(row) & {*COUNTERS, "overflows_unattributed",
                                       "syn_drops", "syncookies_sent"}:
                check(row[reading] >= last.get((name, reading), 0),
                      f"{name} {reading} at {when}: {row[reading]} after "
                      f"{last.get((name, reading))}")
                last[name, reading] = row[reading]
        handed_out = sum(row["overflows"] for name, row in table.items()
                         if name) + table[""]["overflows_unattributed"]
        equal(handed_out, table[""]["overflows"], f"the sum at {when}")
        looks += 1
    return looks


def quiet(daemon):
    """The settled look, once nothing is dropped any more."""
    def nothing_happens():
        before = netstat()["ListenDrops"]
        return daemon.look() and netstat()["ListenDrops"] == before
    until(nothing_happens, "nothing is dropped any more")
    return settled(daemon)


class Unixsock:
    """A client of collectd's unixsock plugin."""
    CONFIG = '<Plugin unixsock>\n  SocketFile "@DIR@/sock"\n</Plugin>'

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX)
        _cleanup.callback(self.socket.close)
        until(lambda: self.socket.connect_ex(f"{daemon.dir}/sock") == 0,
              "collectd listens at its socket")
        self.file = self.socket.makefile("r")
        _cleanup.callback(self.file.close)

    def ask(self, line):
        self.socket.sendall(line.encode() + b"\n")
        status, _, text = self.file.readline().partition(" ")
        if int(status) < 0:
            return None
        return [self.file.readline().rstrip("\n")
                for _ in range(int(status))]

    def get(self, listener, reading):
        """The last value; None where collectd has none."""
        name = "listen_backlog" + (listener and "-" + listener)
        answer = self.ask(f'GETVAL "testhost/{name}/{READINGS[reading]}"')
        return answer and float(answer[0].partition("=")[2])


def rrd_last(daemon, listener, reading):
    """(time, value) that an RRD file was last updated with; NaN: never."""
    name = "listen_backlog" + (listener and "-" + listener)
    text = subprocess.run(
        ["rrdtool", "lastupdate",
         f"{daemon.dir}/rrd/testhost/{name}/{READINGS[reading]}.rrd"],
        check=True, capture_output=True, text=True, env={"PATH": PATH}).stdout
    when, _, value = text.splitlines()[-1].partition(": ")
    return int(when), float(value.replace("U", "nan"))


def rrd_fetch(daemon, listener, reading, start, end):
    """What an RRD file says of each second from start on, up to end."""
    name = "listen_backlog" + (listener and "-" + listener)
    text = subprocess.run(
        ["rrdtool", "fetch",
         f"{daemon.dir}/rrd/testhost/{name}/{READINGS[reading]}.rrd",
         "AVERAGE", "-r", "1", "-s", str(start), "-e", str(end)],
        check=True, capture_output=True, text=True, env={"PATH": PATH}).stdout
    return [float(line.split(":")[1]) for line in text.splitlines()
            if ":" in line and start <= int(line.split(":")[0]) <= end]
