#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every kind of listening socket, and every way to select one.

Queue, limit and number of sockets must be those that ss shows, in the CSV
files of the real daemon and in the probe."""
import errno
import os
import re

from lib import *

SNIPPET = os.path.join(os.environ.get("LB_SRCDIR", "."), "collectd.conf.d",
                       "listen_backlog.conf")


def agree(daemon, port):
    """Daemon, probe and ss show the same of this port."""
    want = totals(ss(port))
    name = str(port)
    for source, table in (("collectd", daemon.look()), ("probe", probe(port))):
        got = {reading: table[name][reading] for reading in want}
        equal(got, want, f"{source}, port {name}")
    return want


def shown(config, **options):
    """{listener: queue} of all that the daemon reports."""
    table = Collectd(config, **options).look()
    return {name: readings.get("queue") for name, readings in table.items()
            if name}


def one_socket(name, **options):
    @test(name)
    def _():
        server = Listener(8080, backlog=7, **options)
        fill(server, 3)
        want = agree(Collectd('LocalPort "8080"'), 8080)
        equal(want, {"queue": 3, "limit": 7, "sockets": 1}, "ss itself")


one_socket("an IPv4 socket on one address", addr="127.0.0.1")
one_socket("an IPv4 socket on all addresses", addr="0.0.0.0")
one_socket("an IPv6 socket on one address", addr="::1")
one_socket("an IPv6 socket on all addresses", addr="::", v6only=1)
one_socket("a dual-stack socket", addr="::", v6only=0)
one_socket("a socket bound to a device", addr="0.0.0.0", device="lo")


@test("a dual-stack socket with IPv4 clients in its queue")
def _():
    server = Listener(8080, backlog=7, addr="::", v6only=0)
    clients = [client("127.0.0.1", 8080) for _ in range(4)]
    until(lambda: server.seen().queue == 4, "4 clients wait")
    equal(agree(Collectd(), 8080)["queue"], 4)
    for each in clients:
        each.close()


@test("IPv4 and IPv6 sockets of one port are one listener")
def _():
    fill(Listener(8080, backlog=7, addr="0.0.0.0"), 3)
    fill(Listener(8080, backlog=9, addr="::", v6only=1), 4)
    equal(agree(Collectd(), 8080), {"queue": 7, "limit": 16, "sockets": 2})


@test("sockets on several addresses of one port are one listener")
def _():
    for n in (1, 2, 3):
        fill(Listener(8080, backlog=10 * n, addr=f"127.0.0.{n}"), n)
    equal(agree(Collectd(), 8080), {"queue": 6, "limit": 60, "sockets": 3})


@test("the members of a group of 8 are added up, IPv4 and IPv6")
def _():
    for addr in "127.0.0.1", "::1":
        group = [Listener(8080, backlog=20, addr=addr, reuseport=True)
                 for _ in range(4)]
        group[0].connect(12)
    until(lambda: totals(ss(8080))["queue"] == 24, "24 clients wait")
    equal(agree(Collectd(), 8080), {"queue": 24, "limit": 160, "sockets": 8})


@test("a group of 400 members is seen whole, in every look")
def _():
    group = [Listener(8080, backlog=20, reuseport=True) for _ in range(400)]
    group[0].connect(200)
    until(lambda: totals(ss(8080))["queue"] == 200, "200 clients wait")
    daemon = Collectd()
    equal(agree(daemon, 8080), {"queue": 200, "limit": 8000, "sockets": 400})
    seen = {tuple(table["8080"][reading]
                  for reading in ("queue", "limit", "sockets"))
            for _, table in daemon.looks() if set(table.get("8080", ())) >= GAUGES}
    equal(seen, {(200, 8000, 400)}, "all looks")


@test("members are not missed or shown twice while others come and go")
def _():
    staying = [Listener(8080, reuseport=True) for _ in range(400)]
    inodes = {member.ino for member in staying}
    program = Process([os.environ["LB_PROBE"], "--sockets", "--interval",
                       "0.002", "--count", "500"])
    while program.popen.poll() is None:
        coming = [Listener(8080, reuseport=True) for _ in range(20)]
        for each in coming:
            each.close()
    looks = [[int(line.split()[-2]) for line in look.splitlines()[2:] if line]
             for look in program.text().split("# look ")[1:]]
    equal((program.popen.returncode, len(looks)), (0, 500), "exit and looks")
    note(f"{min(map(len, looks))} to {max(map(len, looks))} sockets")
    # One dump in ten misses some here, two dumps in a row hardly ever the same.
    missing = sum(not inodes <= set(look) for look in looks)
    check(missing <= 5, f"{missing} looks of 500 miss a member")
    equal(sum(len(set(look)) < len(look) for look in looks), 0,
          "looks that show a socket twice")
    check(any(set(look) - inodes for look in looks), "others came")


@test("an MPTCP listener is counted once")
def _():
    try:
        server = Listener(8080, backlog=7, mptcp=True)
    except OSError as error:
        check(error.errno in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT), error)
        note("kernel without MPTCP")
        return
    fill(server, 3)
    equal(agree(Collectd(), 8080), {"queue": 3, "limit": 7, "sockets": 1})


@test("nothing configured: every listening port is reported")
def _():
    for n, port in enumerate((22, 80, 8080), 1):
        fill(Listener(port), n)
    equal(shown(None), {"22": 1, "80": 2, "8080": 3})
    equal(shown(""), {"22": 1, "80": 2, "8080": 3}, "with an empty block")


@test("the probe shows every listening port, or those it is asked for")
def _():
    for n, port in enumerate((80, 443, 8080, 8081), 1):
        fill(Listener(port), n)

    def queues(*ports):
        return {name: row.get("queue") for name, row in probe(*ports).items()
                if name}
    equal(queues(), {"80": 1, "443": 2, "8080": 3, "8081": 4})
    equal(queues("8080"), {"8080": 3})
    equal(queues("8080-8081", "https"), {"8080": 3, "8081": 4, "443": 2})
    equal(queues("8080", "8082"), {"8080": 3, "8082": None})


@test("LocalPort selects by number, one or many, and repeatedly")
def _():
    for n, port in enumerate((8080, 8081, 8082, 8083), 1):
        fill(Listener(port), n)
    equal(shown('LocalPort "8081"'), {"8081": 2})
    equal(shown("LocalPort 8081 8082"), {"8081": 2, "8082": 3})
    equal(shown('LocalPort "8080" "8082"\nLocalPort "8083"'),
          {"8080": 1, "8082": 3, "8083": 4})


@test("LocalPort selects a range: each port is a listener")
def _():
    for n, port in enumerate((8080, 8081, 8083, 8084), 1):
        fill(Listener(port), n)
    equal(shown('LocalPort "8081-8083"'),
          {"8081": 2, "8082": None, "8083": 3})


@test("LocalPort selects by service name, reported by number")
def _():
    fill(Listener(443), 2)
    fill(Listener(8080), 1)
    equal(shown('LocalPort "https"'), {"443": 2})


@test("a selection alone reports nothing else, with ListeningPorts all")
def _():
    fill(Listener(8080), 1)
    fill(Listener(8081), 2)
    equal(shown('LocalPort "8080"'), {"8080": 1})
    equal(shown('LocalPort "8080"\nListeningPorts false'), {"8080": 1})
    equal(shown('LocalPort "8080"\nListeningPorts true'),
          {"8080": 1, "8081": 2})


@test("IgnoreSelected leaves the selected ports out")
def _():
    for n, port in enumerate((8080, 8081, 8082), 1):
        fill(Listener(port), n)
    for more in "ListeningPorts true\n", "":
        equal(shown(f'LocalPort "8081"\n{more}IgnoreSelected true'),
              {"8080": 1, "8082": 3})


@test("IgnoreSelected does not ignore a <Listener>")
def _():
    for n, port in enumerate((8080, 8081, 8082), 1):
        fill(Listener(port), n)
    equal(shown("""
        ListeningPorts true
        IgnoreSelected true
        LocalPort "8081"
        <Listener "api">
          LocalPort "8080"
        </Listener>"""), {"api": 1, "8082": 3})


@test("a <Listener> adds up all its ports under its name")
def _():
    for n, port in enumerate((8080, 8081, 8090, 8091), 1):
        fill(Listener(port, backlog=10), n)
    table = Collectd("""
        <Listener "api">
          LocalPort "8080-8081"
          LocalPort "8090"
        </Listener>""").look()
    equal(set(table), {"", "api"}, "listeners")
    equal({name: table["api"][name] for name in ("queue", "limit", "sockets")},
          {"queue": 6, "limit": 30, "sockets": 3})


@test("a <Listener> with LocalAddress takes the sockets of that address only")
def _():
    for n, addr in enumerate(("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"),
                             1):
        fill(Listener(8080, addr=addr), n)
    equal(shown("""
        <Listener "first">
          LocalPort "8080"
          LocalAddress "127.0.0.1"
        </Listener>
        <Listener "others">
          LocalPort "8080"
          LocalAddress "127.0.0.2" "::1"
        </Listener>
        <Listener "none">
          LocalPort "8080"
          LocalAddress "127.0.0.9"
        </Listener>"""), {"first": 1, "others": 6, "none": None})


@test("a <Listener> on the IPv6 wildcard is not that of IPv4")
def _():
    fill(Listener(8080, addr="0.0.0.0"), 1)
    fill(Listener(8080, addr="::", v6only=1), 2)
    equal(shown("""
        <Listener "four">
          LocalPort "8080"
          LocalAddress "0.0.0.0"
        </Listener>
        <Listener "six">
          LocalPort "8080"
          LocalAddress "::"
        </Listener>"""), {"four": 1, "six": 2})


@test("an IPv4 address is the same inside of IPv6")
def _():
    fill(Listener(8080, addr="::ffff:127.0.0.1", v6only=0), 1)
    fill(Listener(8080, addr="127.0.0.2"), 2)
    for first, second in (("127.0.0.1", "127.0.0.2"),
                          ("::ffff:127.0.0.1", "::ffff:127.0.0.2")):
        equal(shown(f"""
            <Listener "first">
              LocalPort "8080"
              LocalAddress "{first}"
            </Listener>
            <Listener "second">
              LocalPort "8080"
              LocalAddress "{second}"
            </Listener>"""), {"first": 1, "second": 2})


@test("what a <Listener> selects is not reported again by ListeningPorts")
def _():
    fill(Listener(8080, addr="127.0.0.1"), 1)
    fill(Listener(8080, addr="127.0.0.2"), 2)
    fill(Listener(8081), 3)
    fill(Listener(8082), 4)
    equal(shown("""
        ListeningPorts true
        <Listener "api">
          LocalPort "8080" "8082"
          LocalAddress "127.0.0.1"
        </Listener>"""), {"api": 5, "8080": 2, "8081": 3})


@test("the ready-made configuration is the default")
def _():
    fill(Listener(80), 1)
    fill(Listener(8080), 2)
    daemon = Collectd(None, extra=f'Include "{SNIPPET}"')
    table = daemon.look()
    equal({name: row["queue"] for name, row in table.items() if name},
          {"80": 1, "8080": 2})
    equal(daemon.errors(), [])


@test("the ready-made configuration has no bad option among its comments")
def _():
    fill(Listener(80), 1)
    with open(SNIPPET) as file:
        everything = re.sub(r"^( *)#(?=[A-Z</])", r"\1", file.read(),
                            flags=re.M)
    note(everything)
    daemon = Collectd(None, extra=everything)
    equal(daemon.look()["80"]["queue"], 1)
    equal(daemon.errors(), [])


if __name__ == "__main__":
    main()
