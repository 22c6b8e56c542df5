#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What goes wrong costs only itself, is said once and clearly, and is over
when its cause is."""
import ctypes
import glob
import os
import platform
import signal
import struct
import subprocess

from lib import *

# -------------------------------------------------------------- configuration

BAD = [  # what stands in the block, and what its one ERROR must name
    ('LocalPort "0"', ("LocalPort", '"0"')),
    ('LocalPort "65536"', ("LocalPort", "65536")),
    ('LocalPort "-1"', ("LocalPort", '"-1"')),
    ('LocalPort "81x"', ("LocalPort", "81x")),
    ('LocalPort ""', ("LocalPort", '""')),
    ('LocalPort "nosuchservice"', ("LocalPort", "nosuchservice")),
    ('LocalPort "7010-7000"', ("LocalPort", "7010-7000")),
    ('LocalPort "7020-"', ("LocalPort", "7020-")),
    ('LocalPort "-7030"', ("LocalPort", "-7030")),
    ('LocalPort "7040-70000"', ("LocalPort", "7040-70000")),
    ('LocalPort "0-7050"', ("LocalPort", "0-7050")),
    ('LocalPort "7061-7062-7063"', ("LocalPort", "7061-7062-7063")),
    ('LocalPort "7071,7072"', ("LocalPort", "7071,7072")),
    ('LocalPort true', ("LocalPort", "true")),
    ('ListeningPorts "perhaps"', ("ListeningPorts", "perhaps")),
    ('ListeningPorts 11', ("ListeningPorts", "11")),
    ('IgnoreSelected "never"', ("IgnoreSelected", "never")),
    ('IgnoreSelected 12', ("IgnoreSelected", "12")),
    ('LocalPrt "7090"', ("LocalPrt", "7090")),
    ('LocalAddress "127.0.0.77"', ("LocalAddress", "127.0.0.77")),
    ('<Service "web">\n LocalPort "7091"\n</Service>', ("Service", "web")),
    ('<Listener>\n LocalPort "7100"\n</Listener>', ("Listener",)),
    ('<Listener 13>\n LocalPort "7101"\n</Listener>', ("Listener", "13")),
    ('<Listener "">\n LocalPort "7102"\n</Listener>', ("Listener", '""')),
    ('<Listener "typo">\n LocalPort "7103"\n Lokal "14"\n</Listener>',
     ("Lokal", "14")),
    ('<Listener "address">\n LocalPort "7104"\n LocalAddress "127.0.0.1"\n'
     ' LocalAddress "10.0.0.300"\n</Listener>',
     ("LocalAddress", "10.0.0.300")),
    ('<Listener "name">\n LocalPort "7105"\n LocalAddress "::1" "localhost"\n'
     '</Listener>', ("LocalAddress", "localhost")),
    ('<Listener "number">\n LocalPort "7106"\n LocalAddress "::1"\n'
     ' LocalAddress 15\n</Listener>', ("LocalAddress", "15")),
    ('<Listener "port">\n LocalPort "7107" "7108x"\n</Listener>',
     ("LocalPort", "7108x")),
    ('<Listener "twice">\n LocalPort "7110"\n</Listener>\n'
     '<Listener "twice">\n LocalPort "7111"\n</Listener>',
     ("Listener", "twice")),
    ('<Listener "8080">\n LocalPort "7120"\n</Listener>',
     ("Listener", "8080")),
    ('LocalPort "8080"', ("LocalPort", "8080")),
]


@test("each of all bad options is one ERROR that names option and value")
def _():
    fill(Listener(8080, backlog=7), 3)
    fill(Listener(7110, backlog=7), 2)
    daemon = Collectd("\n".join(['LocalPort "8080"'] + [b for b, _ in BAD]))
    table = daemon.look()
    errors = daemon.errors()
    for line in errors:
        note(line)
    for bad, words in BAD:
        lines = [line for line in errors
                 if all(word in line.replace("'", '"') for word in words)]
        check(lines, f"an ERROR names {words}")
    equal(len(errors), len(BAD), "one ERROR each")
    for line in errors:
        check(line.startswith("[error] listen_backlog plugin: "), line)

    # The rest is used: what is right beside and inside of what is wrong.
    equal(table["8080"]["queue"], 3)
    equal(table["twice"]["queue"], 2, "the first of a name keeps it")
    equal(set(table), {"", "8080", "typo", "address", "name", "number", "port",
                       "twice"})


def one_error(bad, *words):
    @test(f"alone, {' '.join(bad.split())} is one ERROR and 8080 is reported")
    def _():
        Listener(8080)
        daemon = Collectd(f'{bad}\nLocalPort "8080"')
        equal(daemon.look()["8080"]["sockets"], 1)
        errors = daemon.errors()
        equal(len(errors), 1, errors)
        for word in words:
            check(word in errors[0], f"{word!r} in {errors[0]!r}")


one_error('LocalPort "65536"', "LocalPort", "65536")
one_error('<Service "web">\n</Service>', "Service", "web")
one_error('<Listener "empty">\n</Listener>', "empty")


@test("a bad value among good ones costs only itself")
def _():
    for port in 8080, 8081, 8082:
        Listener(port)
    daemon = Collectd('LocalPort "8080" "808x" "8082"')
    equal(set(daemon.look()), {"", "8080", "8082"})
    equal(len(daemon.errors()), 1)


@test("a port that would share a <Listener>'s label is left out, one ERROR")
def _():
    for n, port in enumerate((8080, 8081, 8082), 1):
        fill(Listener(port), n)
    daemon = Collectd("""
        ListeningPorts true
        <Listener "8081">
          LocalPort "8080"
        </Listener>""")
    table = daemon.look()
    equal({name: row["queue"] for name, row in table.items() if name},
          {"8081": 1, "8082": 3})
    line, = daemon.errors()
    note(line)
    for word in "8081", "Listener", "name":
        check(word in line, f"{word!r} in {line!r}")


def others(daemon):
    """How often another plugin's value was written: the daemon is at work."""
    files = glob.glob(f"{daemon.dir}/csv/testhost/uptime/uptime-*")
    with open(files[0]) if files else open(os.devnull) as file:
        return len(file.readlines())


@test("no valid selection: init fails, nothing is reported, collectd runs")
def _():
    for config in ('LocalPort "0"', 'LocalPort "nosuchservice"',
                   '<Listener "a">\n LocalPort "65536"\n</Listener>',
                   '<Listener "a">\n LocalPort "8080"\n'
                   ' LocalAddress "nowhere"\n</Listener>'):
        daemon = Collectd(config, plugins=["uptime"])
        until(lambda: others(daemon) > 5, "others are read")
        check(daemon.running(), "collectd runs")
        equal(daemon.instances(), set(), "reported")
        for line in daemon.errors():
            note(line)
        check(len(daemon.log("[error]", "listen_backlog plugin:")) >= 2,
              "one ERROR for the value, one for init")
        check(daemon.log("[error]", "init", "listen_backlog"), "init failed")
        daemon.stop()


# ------------------------------------------------------------------- run time

@test("an unprivileged user sees the same values")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    overflow(server, 3)
    root = Collectd()
    nobody = Collectd(command=unprivileged())
    root.look(), nobody.look()
    overflow(server, 6)
    equal(nobody.look(), root.look())
    equal(root.look()["8080"]["overflows"], 6)
    equal(nobody.errors(), [])


def without_netlink():
    """Refuses AF_NETLINK as systemd's RestrictAddressFamilies= does."""
    number = {"x86_64": 41, "aarch64": 198, "riscv64": 198}[platform.machine()]
    code = b"".join(struct.pack("HBBI", *step) for step in (
        (0x20, 0, 0, 0),                # load the system call's number
        (0x15, 0, 3, number),           # socket?
        (0x20, 0, 0, 16),               # load its first argument
        (0x15, 0, 1, 16),               # AF_NETLINK?
        (0x06, 0, 0, 0x00050000 | 97),  # EAFNOSUPPORT
        (0x06, 0, 0, 0x7fff0000)))      # go on
    buffer = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(
        struct.pack("HP", len(code) // 8, ctypes.addressof(buffer)))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
        os._exit(99)


@test("AF_NETLINK refused: one complaint, no listeners, collectd runs")
def _():
    Listener(8080)
    daemon = Collectd('LocalPort "8080"', plugins=["uptime"],
                      preexec_fn=without_netlink)
    until(lambda: others(daemon) > 10, "others are read")
    check(daemon.running(), "collectd runs")
    equal(daemon.instances() - {""}, set(), "listeners reported")
    for line in daemon.errors():
        note(line)
    equal(len(daemon.log("listen_backlog plugin:")), 1, "complaints")
    equal(daemon.stop(), 0, "exit status")


def faulty(*faults_):
    """A daemon whose kernel can be spoiled: (daemon, function to spoil it)."""
    spoiled = Faults(*faults_)
    return Collectd('LocalPort "8080"', interval=0.05, plugins=["uptime"],
                    env=spoiled.env), spoiled.set


def complaints(daemon):
    return (daemon.log("[error] listen_backlog plugin:") +
            daemon.log("[warning] listen_backlog plugin:"))


def works_on(daemon):
    """Waits until other plugins were read several times more."""
    rows = others(daemon)
    until(lambda: others(daemon) > rows + 10, "others are read")


def trouble(daemon, count):
    """There is one complaint after count others, and nothing is reported."""
    until(lambda: len(complaints(daemon)) > count, "it is complained about")
    rows = len(daemon.times())
    works_on(daemon)
    equal(complaints(daemon)[count + 1:], [], "further complaints")
    equal(len(daemon.times()), rows, "looks written meanwhile")
    return complaints(daemon)[-1]


def no_dump(fault, *words):
    @test(f"{fault}: one complaint, nothing is reported, then recovery")
    def _():
        server = Listener(8080, backlog=4)
        daemon, spoil = faulty()
        fill(server, 5)
        equal(daemon.look()["8080"]["queue"], 5)
        for times in 1, 2:
            spoil(fault)
            line = trouble(daemon, times - 1)
            note(line)
            for word in words:
                check(word in line, f"{word!r} in {line!r}")
            overflow(server, 7)
            spoil()
            table = daemon.look()
            equal((table["8080"]["queue"], table["8080"]["overflows"],
                   table[""]["overflows"]), (5, 7 * times, 7 * times),
                  "after recovery")
        check(daemon.running(), "collectd runs")


no_dump("recvmsg done:ENOENT", "tcp_diag")
no_dump("recvmsg ENOBUFS", "No buffer space")
no_dump("recvmsg cut")
no_dump("recvmsg flagged")
no_dump("recvmsg foreign")


@test("no socket from the start: one complaint, then recovery")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    overflow(server, 4)
    daemon, spoil = faulty("socket EAFNOSUPPORT")
    note(trouble(daemon, 0))
    overflow(server, 2)
    spoil()
    table = daemon.look()
    equal((table["8080"]["queue"], table["8080"]["overflows"],
           table[""]["overflows"], table[""]["overflows_unattributed"]),
          (5, 0, 6, 6), "what came before the first look")
    overflow(server, 3)
    equal(daemon.look()["8080"]["overflows"], 3)


@test("signals: no complaint, and no look is lost")
def _():
    fill(Listener(8080, backlog=4), 3)
    daemon, spoil = faulty()
    daemon.look()
    spoil("recvmsg EINTR - 2 3")
    works_on(daemon)
    equal(daemon.look()["8080"]["queue"], 3)
    equal(daemon.log("listen_backlog plugin:"), [])


@test("no netstat: one complaint, the queue is sent, counters are not")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    daemon, spoil = faulty()
    daemon.look()
    overflow(server, 4)
    equal(daemon.look()["8080"]["overflows"], 4)
    spoil("open EACCES net/netstat")
    until(lambda: complaints(daemon), "it is complained about")
    overflow(server, 5)
    works_on(daemon)
    table = daemon.look()
    equal(set(table["8080"]), GAUGES)
    equal(set(table[""]), {"somaxconn"})
    equal(table["8080"]["queue"], 5)
    line, = complaints(daemon)
    note(line)
    check("netstat" in line, line)
    spoil()
    until(lambda: "drops" in daemon.look()["8080"], "counters come back")
    table = daemon.look()
    equal((counters(table, 8080), counters(table, "")), ((9, 9), (9, 9)))


# ------------------------------------------------------------------ the probe

@test("the probe exits with 2 on wrong usage, 1 where it cannot read")
def _():
    for args in (["--nonsense"], ["65536"], ["nosuchservice"], ["90-80"],
                 ["--count"], ["--interval", "x"], ["--sample", "x"],
                 ["--count", "0"], ["/" + "x" * 108], ["/run/a", "/run/a"],
                 ["--netns", "a/b"], ["--record", "a", "--replay", "b"],
                 ["--netns", "a", "--record", "b"],
                 ["--netns", "a", "--replay", "b"]):
        run = probe_run(*args)
        equal(run.returncode, 2, f"exit status of {args}")
        check(run.stderr and not run.stdout, f"{args}: it says why")
    run = probe_run(preexec_fn=without_netlink)
    equal(run.returncode, 1, "exit status")
    check(run.stderr, "it says why")
    for name in "/nonexistent", "/dev/null", "/":
        run = probe_run("--replay", name)
        equal(run.returncode, 1, f"exit status with {name}")
        check(name in run.stderr, run.stderr)


@test("the probe explains itself")
def _():
    run = probe_run("--help")
    equal((run.returncode, run.stderr), (0, ""))
    check("--replay" in run.stdout, run.stdout)
    run = probe_run("--version")
    equal((run.returncode, run.stderr), (0, ""))
    check(run.stdout.startswith("listen_backlog-probe "), run.stdout)


@test("the probe ends at a signal, and where nobody takes what it prints")
def _():
    Listener(8080)
    for number in signal.SIGINT, signal.SIGTERM:
        running = Process([os.environ["LB_PROBE"], "-i", "0.01"])
        until(lambda: running.text().count("# look") > 2, "it looks")
        equal(running.stop(number), 0, "exit status")
    with open("/dev/full", "w") as full:
        run = subprocess.run([os.environ["LB_PROBE"]], stdout=full, text=True,
                             stderr=subprocess.PIPE)
    equal(run.returncode, 1, "exit status")
    check("writing: No space left on device" in run.stderr, run.stderr)


@test("the probe's sockets have their addresses as ss has them")
def _():
    Listener(8080, addr="::", v6only=1)
    Listener(8081, addr="::", v6only=0)
    Listener(8082, addr="::1")
    Listener(8083, addr="0.0.0.0", device="lo")
    UnixListener(b"\0a b\n")
    run = probe_run("--sockets", "--unix", "--tcp")
    equal((run.returncode, run.stderr), (0, ""))
    found = [line.split()[0] for line in run.stdout.splitlines()[1:]]
    for address in ("[::]:8080", "*:8081", "[::1]:8082", "0.0.0.0%lo:8083",
                    "@a\\x20b\\x0a"):
        check(address in found, f"{address} in {found}")


if __name__ == "__main__":
    main()
