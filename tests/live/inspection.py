#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""InspectQueue: how long clients have waited, which of them have gone, and who
is half-way in, held against clocks of our own and against ss."""
import random
import resource
import time

from lib import *

INSPECT = "InspectQueue true"
EXACT = 0.02  # s, how exact wait has to be


def looks_after(daemon, now, listener):
    """(time, readings) of the looks that began after now."""
    return [(when, table.get(listener, {}))
            for when, table in daemon.looks()[:-1] if when > now + 0.001][1:]


def inspected(daemon, listener="8080", now=None):
    """wait, abandoned and syn as they are now, with queue."""
    now = now or time.time()
    row = until(lambda: next(
        (row for _, row in looks_after(daemon, now, listener) if "syn" in row),
        None), f"{listener} is inspected")
    return {name: row[name] for name in ("queue", *INSPECTED) if name in row}


def counts(daemon, listener="8080", **want):
    """queue, abandoned and syn of the listener; those not given are 0."""
    row = inspected(daemon, listener)
    row.pop("wait", None)
    equal(row, {"queue": 0, "abandoned": 0, "syn": 0, **want}, listener)


def in_probe(port=8080, **want):
    row = probe("--inspect", port)[str(port)]
    equal({name: row[name] for name in ("queue", "abandoned", "syn")},
          {"queue": 0, "abandoned": 0, "syn": 0, **want}, "probe")


# ------------------------------------------------------------------------ wait

class Arrival:
    """Clients, and when they came."""

    def __init__(self, server, n=1):
        self.after = time.time()
        self.clients = server.connect(n)
        for each in self.clients:
            until(lambda: connected(each), "the client is connected")
        self.before = time.time()


def is_old(arrival, wait, since, until_):
    """Whether this was its age at some time between the two."""
    return (since - arrival.before - EXACT <= wait <=
            until_ - arrival.after + EXACT)


def probe_sees(arrival, port):
    since = time.time()
    wait = probe("--inspect", port)[str(port)]["wait"]
    check(is_old(arrival, wait, since, time.time()),
          f"the probe's wait at {since} is {wait}")


def daemon_sees(arrival, daemon, listener):
    """A look is stamped at its end, so wait is never above the age then."""
    now = time.time()

    def is_seen():
        seen = [(when, row["wait"]) for when, row in
                looks_after(daemon, now, listener) if "wait" in row]
        for when, wait in seen:
            check(is_old(arrival, wait, arrival.before, when),
                  f"wait at {when} is {wait}")
        return any(is_old(arrival, wait, when, when) for when, wait in seen)
    until(is_seen, f"wait is the age of who came at {arrival.before}")


def oldest(arrival, daemon, port=8080):
    """wait is the age of this one, for the daemon and the probe."""
    daemon_sees(arrival, daemon, str(port))
    probe_sees(arrival, port)


def queue_of(server, n):
    """Clients that come one after another, far enough apart to be told."""
    found = []
    for _ in range(n):
        found.append(Arrival(server))
        time.sleep(5 * EXACT)
    return found


@test("wait is the age of who waits longest, whatever the clients do")
def _():
    daemon = Collectd(INSPECT)
    for port, addr in (8080, "127.0.0.1"), (8081, "::1"), (8082, "::"):
        server = Listener(port, backlog=20, addr=addr)
        equal(inspected(daemon, str(port))["wait"], 0, "nobody waits")
        first, second, third, *_ = queue_of(server, 5)
        oldest(first, daemon, port)
        first.clients[0].send(b"GET / HTTP/1.0\r\n")
        second.clients[0].send(b"x" * 10000)
        oldest(first, daemon, port)
        first.clients[0].shutdown(socket.SHUT_WR)
        until(lambda: states(port)["CLOSE-WAIT"] == 1, "its FIN is there")
        oldest(first, daemon, port)
        reset(third.clients[0])
        server.clients.remove(third.clients[0])
        until(lambda: states(port)["ESTAB"] == 3, "the third has gone")
        oldest(first, daemon, port)
        kept = [server.socket.accept()[0]]
        oldest(second, daemon, port)
        kept[0].send(b"HTTP/1.0 200 OK\r\n")
        oldest(second, daemon, port)


@test("wait is the age of who waits longest, through keepalive probes")
def _():
    server = Listener(8080)
    for level, option, value in (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)):
        server.socket.setsockopt(level, option, value)
    first, second = queue_of(server, 2)
    daemon = Collectd(INSPECT)
    until(lambda: netstat()["TCPKeepAlive"] >= 4, "keepalive probes")
    oldest(first, daemon)
    server.socket.accept()[0].close()
    oldest(second, daemon)


@test("wait follows the queue as it is accepted, and clients that reset")
def _():
    server = Listener(8080, backlog=20)
    arrivals = queue_of(server, 5)
    daemon = Collectd(INSPECT)
    for arrival in arrivals[:2]:
        oldest(arrival, daemon)
        server.socket.accept()[0].close()
    oldest(arrivals[2], daemon)
    reset(arrivals[2].clients[0])  # the kernel shows it no more
    oldest(arrivals[3], daemon)
    for arrival in arrivals[3:]:
        reset(arrival.clients[0])
    server.clients.clear()
    equal(inspected(daemon), {"queue": 3, "abandoned": 3, "syn": 0},
          "nobody can tell how long those wait")
    equal(server.accept(), 3, "accepted")
    equal(inspected(daemon), {"queue": 0, "abandoned": 0, "syn": 0, "wait": 0})


# ------------------------------------------------------------------- abandoned

def stay(_):
    pass


def leave(sock):
    sock.shutdown(socket.SHUT_WR)


def send_and_leave(sock):
    sock.send(b"GET / HTTP/1.0\r\n\r\n")
    sock.shutdown(socket.SHUT_WR)


def leave_and_reset(sock):
    leave(sock)
    reset(sock)


FATES = [stay] * 6 + [leave] * 4 + [send_and_leave] * 2 + [reset] * 3 + \
    [leave_and_reset] * 2


def meet_fates(server, fates):
    """Clients, one of each fate in this order; waits until they have met it."""
    clients = server.connect(len(fates))
    for each in clients:
        until(lambda: connected(each), "the client is connected")
    for each, fate in zip(clients, fates):
        fate(each)
    server.clients = [each for each in server.clients if each.fileno() >= 0]


def abandoned(fates):
    return sum(fate is not stay for fate in fates)


@test("abandoned is exact for clients that have closed or reset")
def _():
    daemon = Collectd(INSPECT)
    for port, addr in (8080, "127.0.0.1"), (8081, "::1"), (8082, "::"):
        server = Listener(port, backlog=40, addr=addr)
        fates = FATES[:]
        random.Random(port).shuffle(fates)
        meet_fates(server, fates)
        until(lambda: states(port)["CLOSE-WAIT"] == 6, "FINs have come")
        until(lambda: states(port)["ESTAB"] == 6, "RSTs have come")
        while fates:
            counts(daemon, str(port), queue=len(fates),
                   abandoned=abandoned(fates))
            in_probe(port, queue=len(fates), abandoned=abandoned(fates))
            for _ in fates[:4]:
                server.socket.accept()[0].close()
            del fates[:4]
        counts(daemon, str(port))


# ------------------------------------------------------------------------- syn

@test("syn is exact for 100 half-open connections")
def _():
    wire = Wire()
    daemon = Collectd(INSPECT)
    for port, addr, clients in (
            (8080, "10.9.0.1", {"10.9.0.1": 100}),
            (8081, "fd09::1", {"fd09::1": 100}),
            (8082, "::", {"10.9.0.1": 60, "fd09::2": 40}),
            (8083, "0.0.0.0", {"10.9.0.1": 30, "10.9.0.2": 70}),
            (8084, "::ffff:10.9.0.1", {"10.9.0.1": 100})):
        server = Listener(port, backlog=200, addr=addr)
        for target, n in clients.items():
            wire.syn(target, port, range(20000, 20000 + n))
        until(lambda: states(port)["SYN-RECV"] == 100, "they are half open")
        counts(daemon, str(port), syn=100)
        in_probe(port, syn=100)
        fill(server, 3)
        counts(daemon, str(port), syn=100, queue=3)
        in_probe(port, syn=100, queue=3)
        for target, n in clients.items():
            wire.rst(target, port, range(20000, 20000 + n // 2))
        until(lambda: states(port)["SYN-RECV"] == 50, "half of them have gone")
        counts(daemon, str(port), syn=50, queue=3)
        server.close()


# ------------------------------------------------------------ all three of them

@test("a SO_REUSEPORT group has all three as a whole")
def _():
    wire = Wire()
    for port, addr in (8080, "10.9.0.1"), (8081, "fd09::1"), (8082, "::"):
        group = [Listener(port, backlog=100, addr=addr, reuseport=True)
                 for _ in range(4)]
        arrival = Arrival(group[0])
        time.sleep(5 * EXACT)
        meet_fates(group[0], FATES)
        wire.syn("10.9.0.1" if port == 8082 else addr, port,
                 range(20000, 20100))
        until(lambda: states(port)["SYN-RECV"] == 100, "they are half open")
        check(sum(member.waiting() > 0 for member in group) > 1,
              "several members have clients")
    daemon = Collectd(INSPECT)
    for port in 8080, 8081, 8082:
        want = {"queue": 1 + len(FATES), "abandoned": abandoned(FATES),
                "syn": 100}
        counts(daemon, str(port), **want)
        in_probe(port, **want)
        if port == 8082:
            oldest(arrival, daemon, port)


@test("sockets of one port keep theirs apart by LocalAddress")
def _():
    wire = Wire()
    ours = {"first": "10.9.0.1", "any": "0.0.0.0", "third": "fd09::1",
            "any6": "::"}
    arrivals = {}
    for n, (name, addr) in enumerate(ours.items(), 1):
        server = Listener(8080, backlog=100, addr=addr, reuseport=True,
                          v6only=1 if ":" in addr else None)
        server.addr = {"0.0.0.0": "10.9.0.2", "::": "fd09::2"}.get(addr, addr)
        arrivals[name] = Arrival(server)
        time.sleep(5 * EXACT)
        meet_fates(server, FATES[-n - 2:])
        wire.syn(server.addr, 8080, range(20000, 20000 + 10 * n))
    until(lambda: states(8080)["SYN-RECV"] == 100, "they are half open")
    daemon = Collectd(INSPECT + "".join(
        f'\n<Listener "{name}">\n  LocalPort "8080"\n'
        f'  LocalAddress "{addr}"\n</Listener>' for name, addr in ours.items()))
    for n, name in enumerate(ours, 1):
        counts(daemon, name, queue=n + 3, abandoned=n + 2, syn=10 * n)
        daemon_sees(arrivals[name], daemon, name)


@test("a LocalAddress has nothing of a socket nobody asked about")
def _():
    wire = Wire()
    arrivals, config = {}, INSPECT
    for mine, other, any_ in (("10.9.0.1", "10.9.0.2", "0.0.0.0"),
                              ("fd09::1", "fd09::2", "::")):
        for addr in mine, any_:
            port = 8080 + len(arrivals)
            meet_fates(Listener(port, backlog=100, addr=other, reuseport=True),
                       FATES)
            wire.syn(other, port, range(20000, 20050))
            until(lambda: states(port)["SYN-RECV"] == 50, "they are half open")
            time.sleep(5 * EXACT)
            server = Listener(port, addr=addr, reuseport=True)
            server.addr = mine
            arrivals[addr] = Arrival(server)
            config += f"""
                <Listener "{addr}">
                  LocalPort "{port}"
                  LocalAddress "{addr}"
                </Listener>"""
    daemon = Collectd(config)
    for name, arrival in arrivals.items():
        counts(daemon, name, queue=1)
        daemon_sees(arrival, daemon, name)


@test("clients of TCP Fast Open wait in the queue before their handshake ends")
def _():
    sysctl("net.ipv4.tcp_fastopen", 0x207)  # client and server, no cookie
    wire = Wire()
    server = Listener(8080, backlog=20, addr="10.9.0.1")
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 10)
    after = time.time()
    wire.syn("10.9.0.1", 8080, range(20000, 20003), data=b"GET /")
    until(lambda: server.waiting() == 3, "they are in the queue")
    arrival = type("", (), {"after": after, "before": time.time()})
    equal(states(8080)["SYN-RECV"], 3, "half-open connections in ss")
    time.sleep(5 * EXACT)
    fast = socket.socket()
    fast.sendto(b"GET /", socket.MSG_FASTOPEN, ("10.9.0.1", 8080))
    until(lambda: server.waiting() == 4, "the fast client waits")
    wire.syn("10.9.0.1", 8080, range(20010, 20015))
    until(lambda: states(8080)["SYN-RECV"] == 8, "and others are half open")
    daemon = Collectd(INSPECT)
    counts(daemon, queue=4, syn=5)
    in_probe(queue=4, syn=5)
    oldest(arrival, daemon)
    fast.close()
    until(lambda: states(8080)["CLOSE-WAIT"] == 1, "its FIN is there")
    counts(daemon, queue=4, syn=5, abandoned=1)


@test("connections that nobody waits in are not counted")
def _():
    def bound():
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.5", 8080))
        return sock

    other = Listener(9090)  # has clients from the port 8080, and accepts none
    outgoing = bound()
    outgoing.connect(("127.0.0.1", 9090))
    server = Listener(8080, backlog=20, addr="0.0.0.0")
    clients = server.connect(6)
    until(lambda: server.waiting() == 6, "they wait")
    served = [server.socket.accept()[0] for _ in range(6)]
    leave(clients[0])   # served, and CLOSE_WAIT
    served[1].close()   # an orphan in FIN_WAIT
    served[2].close()
    leave(clients[3])
    until(lambda: states(8080)["CLOSE-WAIT"] == 2, "FINs have come")
    served[3].close()
    until(lambda: states(8080) == {"LISTEN": 1, "ESTAB": 3, "CLOSE-WAIT": 1,
                                   "FIN-WAIT-2": 2}, "all have their states")
    daemon = Collectd(INSPECT)
    equal(inspected(daemon), {"queue": 0, "abandoned": 0, "syn": 0, "wait": 0})
    arrival = Arrival(server)
    counts(daemon, queue=1)
    in_probe(queue=1)
    oldest(arrival, daemon)
    outgoing.close()
    until(lambda: states(8080)["FIN-WAIT-2"] == 3, "another orphan")
    counts(daemon, queue=1)
    counts(daemon, "9090", queue=1, abandoned=1)


# ----------------------------------------------------------------------- walks

LISTEN = 1 << 10


def asked_for(config):
    """The states of sockets that the kernel was asked for."""
    requests = Requests()
    daemon = Collectd(config, interval=0.2, env=requests.env)
    table = daemon.look()
    daemon.stop()
    return set(requests.states()), table["8080"]


@test("without InspectQueue no walk is ever made, and nothing is said of one")
def _():
    server = Listener(8080)
    server.connect(3)
    for config in None, "InspectQueue false", "SampleInterval 0.01":
        states_, row = asked_for(config)
        equal(states_, {LISTEN}, f"states asked for with {config}")
        equal(set(row), GAUGES | COUNTERS)
    states_, row = asked_for(INSPECT)
    check(states_ - {LISTEN}, "a walk is seen where there is one")
    equal(set(row), GAUGES | COUNTERS | INSPECTED)


def share_inspected(daemon, seconds):
    """Of the looks of so many seconds, the share that had a walk."""
    start = daemon.times()[-1]
    until(lambda: daemon.times()[-1] > start + seconds, "time has passed")
    rows = [row for _, row in looks_after(daemon, start, "8080")]
    return sum("syn" in row for row in rows) / len(rows)


@test("walks that take more than 1 % of the time are made less often")
def _():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    server = Listener(8080, backlog=50)
    daemon = Collectd(INSPECT, interval=0.05)
    until(daemon.times, "the first look")
    before = share_inspected(daemon, 1)
    clients, served = [], []
    while len(clients) < 4000:
        clients += server.connect(20)
        for _ in range(20):
            until(lambda: server.waiting(), "a client waits")
            served.append(server.socket.accept()[0])
    arrival = Arrival(server)
    during = share_inspected(daemon, 2)
    line = until(lambda: daemon.log("Looking at the waiting connections"),
                 "it is said that there are fewer walks")
    oldest(arrival, daemon)
    server.hang_up()
    for each in served:
        each.close()
    equal(server.accept(), 1, "accepted")
    after = share_inspected(daemon, 1)
    note(line[0])
    note(f"{before:.2f} of the looks before, {during:.2f} with 4000 "
         f"connections, {after:.2f} after")
    check(during < before / 2, "walks are fewer")
    check(after > 2 * during, "and more again")
    equal(len(daemon.log("Looking at the waiting connections")), 1,
          "how often it is said")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    main()
