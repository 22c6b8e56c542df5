#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""InspectQueue: how long the oldest connection has waited, how many clients have left, how many connections are half
open and how many are accepted; compared with ss and with the clock of the test."""
import contextlib
import random
import re
import resource
import socket
import time

from lb import *
from lb.servers import Gunicorn

INSPECT = "InspectQueue true"
EXACT = max(0.02, SHORTEST)  # seconds: how exact wait has to be


def agree(daemon, port=8080, label=None, **want):
    """queue, abandoned and syn are these, for collectd and, if a port is given, for the probe; those not given are
    0."""
    want = {"queue": 0, "abandoned": 0, "syn": 0, **want}
    row = daemon.inspected(label or str(port))
    equal({name: row[name] for name in want}, want, f"collectd, {label or port}")
    if not label:
        equal(part(probe("--inspect", port), port, *want), want, f"the probe, {port}")


class Arrival:
    """A client, and between which times its handshake ended. It is young enough to be told from the one before."""

    def __init__(self, server):
        time.sleep(5 * EXACT)
        self.after = time.time()
        self.client, = established(server.connect())
        self.before = time.time()

    def is_as_old(self, wait, since, until_):
        """Whether this was its age at some time between the two."""
        return since - self.before - EXACT <= wait <= until_ - self.after + EXACT


def oldest(arrival, daemon, port=8080, label=None):
    """wait is the age of this client, for collectd and, if no label is given, for the probe."""
    now, half = time.time(), daemon.interval / 2

    def is_seen():
        # The stamp is the multiple of the interval that is nearest to the end of the read.
        seen = [(when, table[label or str(port)]["wait"]) for when, table in daemon.reads_since(now)
                if "wait" in table.get(label or str(port), ())]
        for when, wait in seen:
            check(arrival.is_as_old(wait, arrival.before, when + half),
                  f"wait at {when} is {wait}, and the client came between {arrival.after} and {arrival.before}")
        return any(arrival.is_as_old(wait, when - half, when + half) for when, wait in seen)
    until(is_seen, f"wait is the age of the client that connected at {arrival.before}")
    if not label:
        since = time.time()
        wait = probe("--inspect", port)[str(port)]["wait"]
        check(arrival.is_as_old(wait, since, time.time()), f"the probe's wait at {since} is {wait}")


def stay(_):
    pass


def leave(sock):
    sock.shutdown(socket.SHUT_WR)


def send_and_leave(sock):
    sock.send(b"GET / HTTP/1.0\r\n\r\n")
    leave(sock)


def leave_and_reset(sock):
    leave(sock)
    reset(sock)


FATES = [stay] * 6 + [leave] * 4 + [send_and_leave] * 2 + [reset] * 3 + [leave_and_reset] * 2
LEFT = len(FATES) - 6


def meet_fates(server, fates):
    """Adds clients, one of each fate in this order."""
    clients = established(server.connect(len(fates)))
    for each, fate in zip(clients, fates):
        fate(each)
    server.clients = [each for each in server.clients if each.fileno() >= 0]


ADDRESSES = (8080, "127.0.0.1"), (8081, "::1"), (8082, "::")


@test("wait is the age of the oldest connection whose client has not reset it, whatever the clients and the server do")
def _():
    daemon = Collectd(INSPECT)
    for port, addr in ADDRESSES:
        server = Listener(port, backlog=20, addr=addr)
        equal(daemon.inspected(str(port))["wait"], 0, "the queue is empty")
        first, second, third, fourth = [Arrival(server) for _ in range(4)]
        oldest(first, daemon, port)
        first.client.send(b"GET / HTTP/1.0\r\n")
        second.client.send(b"x" * 10000)
        leave(first.client)
        until(lambda: states(port)["CLOSE-WAIT"] == 1, "the kernel has its FIN")
        oldest(first, daemon, port)
        accepted = server.socket.accept()[0]
        accepted.send(b"HTTP/1.0 200 OK\r\n")
        oldest(second, daemon, port)
        for each in second, third:
            reset(each.client)
        oldest(fourth, daemon, port)
        reset(fourth.client)
        server.clients = [first.client]
        row = daemon.inspected(str(port))
        equal((row["queue"], row["abandoned"], row.get("wait")), (3, 3, None), "all are reset, so no age is known")
        equal(server.accept(), 3, "accepted")
        equal(part(daemon.read(), port, "queue"), {"queue": 0})
        equal((daemon.inspected(str(port))["wait"], accepted.close()), (0, None), "the queue is empty again")


@test("wait is the age of the oldest connection, through keepalive probes of the kernel")
def _():
    server = Listener(8080)
    for level, option in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                          (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)):
        server.socket.setsockopt(level, option, 1)
    first, second = Arrival(server), Arrival(server)
    daemon = Collectd(INSPECT)
    until(lambda: netstat()["TCPKeepAlive"] >= 4, "the kernel has sent keepalive probes")
    oldest(first, daemon)
    server.socket.accept()[0].close()
    oldest(second, daemon)


@test("abandoned is the number of waiting connections that the client has closed or reset, as the server accepts them")
def _():
    daemon = Collectd(INSPECT)
    for port, addr in ADDRESSES:
        server = Listener(port, backlog=40, addr=addr)
        fates = FATES[:]
        random.Random(port).shuffle(fates)
        meet_fates(server, fates)
        until(lambda: (states(port)["CLOSE-WAIT"], states(port)["ESTAB"]) == (6, 6), "the kernel has all FINs and RSTs")
        while fates:
            agree(daemon, port, queue=len(fates), abandoned=sum(fate is not stay for fate in fates))
            for _ in fates[:6]:
                server.socket.accept()[0].close()
            del fates[:6]
        agree(daemon, port)


@test("abandoned has the clients of MPTCP that have closed, half-closed or reset, which the kernel's list of TCP sockets "
      "shows as established, beside clients of TCP")
def _():
    if not has_mptcp():
        raise Skip("this kernel has no MPTCP")
    daemon = Collectd(INSPECT)
    for port, addr in (8080, "127.0.0.1"), (8081, "::"):
        server = Listener(port, backlog=20, addr=addr, mptcp=True)
        clients = [socket.create_connection(("127.0.0.1", port))]
        for _ in range(6):
            clients.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262))  # IPPROTO_MPTCP
            clients[-1].connect(("127.0.0.1", port))
        until(lambda: server.seen().queue == 7, "they wait")
        agree(daemon, port, queue=7)
        for leave_how, each in zip((leave, socket.socket.close, leave, send_and_leave, reset), clients):
            leave_how(each)
        until(lambda: daemon.inspected(str(port))["abandoned"] == 5, "all five have left")
        equal(states(port)["CLOSE-WAIT"], 1, "the kernel's list of TCP sockets has one of them")
        agree(daemon, port, queue=7, abandoned=5)
        equal(server.accept(), 7, "accepted")
        agree(daemon, port)
        for each in clients:
            each.close()


@test("syn is the number of half-open connections, however the server is bound")
def _():
    wire = Wire()
    daemon = Collectd(INSPECT)
    for port, addr, clients in (
            (8080, "10.9.0.1", {"10.9.0.1": 100}), (8081, "fd09::1", {"fd09::1": 100}),
            (8082, "::", {"10.9.0.1": 60, "fd09::2": 40}), (8083, "0.0.0.0", {"10.9.0.1": 30, "10.9.0.2": 70}),
            (8084, "::ffff:10.9.0.1", {"10.9.0.1": 100})):
        server = Listener(port, backlog=200, addr=addr)
        for target, n in clients.items():
            wire.syn(target, port, range(20000, 20000 + n))
        until(lambda: states(port)["SYN-RECV"] == 100, "100 are half open")
        agree(daemon, port, syn=100)
        fill(server, 3)
        for target, n in clients.items():
            wire.rst(target, port, range(20000, 20000 + n // 2))
        until(lambda: states(port)["SYN-RECV"] == 50, "50 are reset")
        agree(daemon, port, syn=50, queue=3)
        server.close()


@test("a SO_REUSEPORT group has wait, abandoned and syn of all its members")
def _():
    wire = Wire()
    for port, addr in (8080, "10.9.0.1"), (8081, "fd09::1"), (8082, "::"):
        group = [Listener(port, backlog=100, addr=addr, reuseport=True) for _ in range(4)]
        arrival = Arrival(group[0])
        time.sleep(5 * EXACT)
        meet_fates(group[0], FATES)
        wire.syn("10.9.0.1" if port == 8082 else addr, port, range(20000, 20100))
        until(lambda: states(port)["SYN-RECV"] == 100, "100 are half open")
        check(sum(member.waiting() > 0 for member in group) > 1, "several members have clients")
    daemon = Collectd(INSPECT)
    for port in 8080, 8081, 8082:
        agree(daemon, port, queue=1 + len(FATES), abandoned=LEFT, syn=100)
    oldest(arrival, daemon, 8082)


@test("sockets of one port have each their own wait, abandoned and syn, by the address, also beside one that is not "
      "selected")
def _():
    wire = Wire()
    ours = {"first": "10.9.0.1", "any": "0.0.0.0", "third": "fd09::1", "any6": "::"}
    arrivals = {}
    for n, (name, addr) in enumerate({**ours, "unselected": "10.9.0.3", "unselected6": "fd09::3"}.items(), 1):
        server = Listener(8080, backlog=100, addr=addr, reuseport=True, v6only=1 if ":" in addr else None)
        server.addr = {"0.0.0.0": "10.9.0.2", "::": "fd09::2"}.get(addr, addr)
        arrivals[name] = Arrival(server)
        time.sleep(5 * EXACT)
        meet_fates(server, FATES[-n - 2:])
        wire.syn(server.addr, 8080, range(20000, 20000 + 10 * n))
    until(lambda: states(8080)["SYN-RECV"] == 210, "all are half open")
    daemon = Collectd(INSPECT + "".join(f"""
<Listener "{name}">
  LocalPort "8080"
  LocalAddress "{addr}"
</Listener>""" for name, addr in ours.items()))
    for n, name in enumerate(ours, 1):
        agree(daemon, label=name, queue=n + 3, abandoned=n + 2, syn=10 * n)
        oldest(arrivals[name], daemon, label=name)


@test("clients of TCP Fast Open wait in the queue before their handshake ends, and are not half-open connections")
def _():
    sysctl("net.ipv4.tcp_fastopen", 0x207)  # client and server, no cookie
    wire = Wire()
    server = Listener(8080, backlog=20, addr="10.9.0.1")
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 10)
    arrival = Arrival.__new__(Arrival)
    arrival.after = time.time()
    wire.syn("10.9.0.1", 8080, range(20000, 20003), data=b"GET /")
    until(lambda: server.waiting() == 3, "they are in the queue")
    arrival.before = time.time()
    equal(states(8080)["SYN-RECV"], 3, "half-open connections in ss")
    time.sleep(5 * EXACT)
    fast = socket.socket()
    fast.sendto(b"GET /", socket.MSG_FASTOPEN, ("10.9.0.1", 8080))
    until(lambda: server.waiting() == 4, "the fast client waits")
    wire.syn("10.9.0.1", 8080, range(20010, 20015))
    until(lambda: states(8080)["SYN-RECV"] == 8, "5 more are half open")
    daemon = Collectd(INSPECT)
    agree(daemon, queue=4, syn=5)
    oldest(arrival, daemon)
    fast.close()
    until(lambda: states(8080)["CLOSE-WAIT"] == 1, "the kernel has its FIN")
    agree(daemon, queue=4, syn=5, abandoned=1)


@test("accepted connections and those from the port to other servers do not wait and are not abandoned")
def _():
    other = Listener(9090)  # has a client from the port 8080
    outgoing = socket.socket()
    outgoing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    outgoing.bind(("127.0.0.5", 8080))
    outgoing.connect(("127.0.0.1", 9090))
    server = Listener(8080, backlog=20, addr="0.0.0.0")
    clients = server.connect(6)
    until(lambda: server.waiting() == 6, "they wait")
    served = [server.socket.accept()[0] for _ in range(6)]
    leave(clients[0])   # accepted, and CLOSE_WAIT
    served[1].close()   # an orphan in FIN_WAIT
    served[2].close()
    leave(clients[3])
    until(lambda: states(8080)["CLOSE-WAIT"] == 2, "the kernel has the FINs")
    served[3].close()
    until(lambda: states(8080) == {"LISTEN": 1, "ESTAB": 3, "CLOSE-WAIT": 1, "FIN-WAIT-2": 2}, "all have their states")
    daemon = Collectd(INSPECT)
    agree(daemon)
    equal(daemon.inspected("8080")["wait"], 0)
    arrival = Arrival(server)
    agree(daemon, queue=1)
    oldest(arrival, daemon)
    outgoing.close()
    until(lambda: states(8080)["FIN-WAIT-2"] == 3, "another orphan")
    agree(daemon, queue=1)
    agree(daemon, 9090, queue=1, abandoned=1)


# ----------------------------------------------------------------- inspections

LISTEN = 1 << 10


def serve(server, n):
    """Accepts n connections, which stay open."""
    accepted = []

    def next_one():
        with contextlib.suppress(BlockingIOError):
            accepted.append(server.socket.accept()[0])
        return len(accepted) == n
    until(next_one, f"{n} connections are accepted")
    return accepted


def asked(faults):
    """Whether the kernel has been asked for more than listening sockets."""
    return set(faults.requests()) != {LISTEN}


@test("a host on which no client waits is asked for listening sockets alone, except with InspectQueue true, and wait "
      "and abandoned are 0 except with InspectQueue false")
def _():
    server = Listener(8080)
    server.connect(3)
    served = serve(server, 3)
    auto = 'InspectQueue "auto"', {"wait", "abandoned"}
    for config, inspected in ((None, set()), ("InspectQueue false", set()), auto,
                              (f"{auto[0]}\nSampleInterval 0.01", auto[1]), (INSPECT, INSPECTED)):
        faults = Faults()
        daemon = Collectd(config, interval=0.2, env=faults.env)
        row = daemon.inspected("8080") if inspected else daemon.read()["8080"]
        equal(set(row), GAUGES | COUNTERS | inspected, config)
        equal({name: row[name] for name in inspected}, {**dict.fromkeys(inspected, 0), **(
            {"active": 3} if config == INSPECT else {})}, config)
        equal(asked(faults), config == INSPECT, f"more than the state LISTEN with {config}")
        daemon.stop()
    for each in served:
        each.close()


@test("with InspectQueue auto, which is the default, wait and abandoned are there in every interval, and exact while a "
      "client waits")
def _():
    server, idle, faults = Listener(8080), Listener(8081), Faults()
    local = UnixListener(b"\0app")
    local.connect(3)
    local.accept()
    daemon = Collectd('ListeningPorts true\nListeningPaths true\nInspectQueue "auto"', interval=0.2, env=faults.env)
    daemon.read()
    check(not asked(faults), "nobody waits")
    arrival = Arrival(server)
    oldest(arrival, daemon, label="8080")
    local.connect(3)
    established(server.connect())
    for each in server, local:
        each.clients.pop().close()
    until(lambda: (daemon.inspected("8080")["abandoned"], daemon.inspected("@app")["abandoned"]) == (1, 1), "both left")
    equal(daemon.inspected("8081")["wait"], 0, "nobody waits there")
    server.accept()
    local.accept()
    until(lambda: (daemon.inspected("8080")["wait"], daemon.inspected("@app")["abandoned"]) == (0, 0), "all are served")
    daemon.await_reads(2)
    before = len(faults.requests())
    daemon.await_reads(3)
    equal(set(faults.requests()[before:]), {LISTEN}, "nobody waits again")
    for when, table in daemon.reads()[1:]:
        check({"wait", "abandoned"} <= set(table["8080"]) and not {"syn", "active"} & set(table["8080"]), table["8080"])
    idle.close()


@test("with InspectQueue auto the listener is named whose SYN queue is full, with and without SYN cookies")
def _():
    servers = Listener(8080, backlog=3, defer_accept=30), Listener(8081, backlog=3, defer_accept=30)
    Listener(8082)
    daemon = Collectd('InspectQueue "auto"', interval=0.2)
    daemon.read()
    for server, cookies in zip(servers, (0, 1)):
        sysctl("net.ipv4.tcp_syncookies", cookies)
        now = time.time()
        server.connect(10)
        name, others = str(server.port), {"8080", "8081", "8082"} - {str(server.port)}
        table = until(lambda: next((table for when, table in daemon.reads()
                                    if when > now and table[name].get("syn")), None), "the SYN queue is counted")
        check(table[name]["syn"] >= 3, f"half-open connections: {table[name]}")
        equal([table[other]["syn"] for other in others], [0, 0], "those of others")
        server.hang_up()


@test("active is the connections that the server has accepted and that are open, over TCP and UNIX, and ss agrees")
def _():
    server, dual = Listener(8080), Listener(8081, addr="::", v6only=0)
    local = UnixListener(b"\0app")
    daemon = Collectd("ListeningPaths true\nListeningPorts true\n" + INSPECT)

    def is_active(label, want):
        until(lambda: daemon.inspected(label)["active"] == want, f"{want} are active at {label}")
        name = "@app" if label[0] == "@" else int(label)
        equal(probe("--inspect", name)[label]["active"], want, f"the probe, {label}")
    is_active("8080", 0)
    server.connect(5)
    served = serve(server, 3)
    is_active("8080", 3)
    server.clients.pop(0).close()  # the server does not know yet: CLOSE-WAIT
    is_active("8080", 3)
    seen = states(8080)
    equal(seen["ESTAB"] + seen["CLOSE-WAIT"] - server.seen().queue, 3, "ss")
    served.pop().close()
    is_active("8080", 2)
    dual.connect(2)
    served += serve(dual, 2)
    is_active("8081", 2)
    local.connect(4)
    local_served = serve(local, 3)
    is_active("@app", 3)
    equal(len(re.findall(r"ESTAB.*@app ", command("ss", "-xanHO"))), 3, "ss -x")
    local_served.pop().close()
    is_active("@app", 2)
    for each in served + local_served:
        each.close()


class TwoWorkers(Gunicorn):
    """Each client that sends no whole request occupies a worker."""
    count = 2


@test("active is the busy workers of a server with sync workers, and with the queue how many would be needed")
def _():
    server, daemon = TwoWorkers(8080), Collectd(INSPECT)
    server.start()
    server.connect(5)
    until(lambda: (lambda row: (row["active"], row["queue"]) == (2, 3))(daemon.inspected("8080")),
          "two are served, three wait")
    server.hang_up()
    until(lambda: (lambda row: (row["active"], row["queue"]) == (0, 0))(daemon.inspected("8080")), "no worker is busy")


@test("inspections that take more than 1 % of the time are left out of some reads, which the log says once, and wait "
      "stays exact")
def _():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    server = Listener(8080, backlog=50)
    daemon = Collectd(INSPECT, interval=0.2, limited=True)
    served = []
    while len(served) < 4000:
        server.connect(20)
        for _ in range(20):
            until(server.waiting, "a client waits")
            served.append(server.socket.accept()[0])
    arrival = Arrival(server)
    start = time.time()
    line = until(lambda: daemon.said("LB_MSG_INSPECTIONS_SLOWED"), "the log says that some are left out")
    daemon.await_reads(40)
    shares = ["wait" in table.get("8080", ()) for _, table in daemon.reads_since(start)]
    note(f"{sum(shares)} of {len(shares)} reads have an inspection; {line[0]}")
    check(0 < sum(shares) < len(shares), "some reads have an inspection, and some have none")
    oldest(arrival, daemon)
    equal(len(daemon.said("LB_MSG_INSPECTIONS_SLOWED")), 1, "how often it is said")
    for each in served:
        each.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    main()
