# SPDX-License-Identifier: MIT
"""The values that the kernel itself shows, through ss(8), nstat(8) and /proc: what the plugin is compared with."""
import collections
import os
import re

from .basics import command, note

Socket = collections.namedtuple("Socket", "local addr port dev queue limit drops ino cookie")
UnixSocket = collections.namedtuple("UnixSocket", "kind queue limit name ino")


def ss_text():
    return command("ss", "-ltnmeHO")


def ss(port=None):
    """The listening TCP sockets that ss shows, of one port or of all."""
    found = []
    for line in ss_text().splitlines():
        _, queue, limit, local, rest = line.split(None, 4)
        addr, _, number = local.rpartition(":")
        addr, _, dev = addr.partition("%")
        drops, cookie = (re.search(pattern, rest).group(1) for pattern in (r"skmem:\(.*,d(\d+)\)", r"\bsk:(\w+)"))
        ino = re.search(r"\bino:(\d+)", rest)
        found.append(Socket(local, addr.strip("[]"), int(number), dev, int(queue), int(limit), int(drops),
                            int(ino.group(1)) if ino else 0, int(cookie, 16)))
    return [s for s in found if port is None or s.port == port]


def ss_unix():
    """The listening UNIX sockets that ss shows. Their names are bytes, may hold newlines, and have "@" for NUL."""
    found = []
    for entry in re.split(r"^(?=u_)", command("ss", "-xlnHO", errors="surrogateescape"), flags=re.M)[1:]:
        match = re.match(r"u_(\w+) +LISTEN +(\d+) +(\d+) +(.*) (\d+) +\* 0", entry, re.S)
        if not match:  # the socket opened or closed while ss read it
            note(f"ss shows {entry!r}")
            continue
        kind, queue, limit, name, ino = match.groups()
        found.append(UnixSocket(kind, int(queue), int(limit), os.fsencode(name), int(ino)))
    return found


def states(port):
    """How many sockets with this local port ss shows in each state."""
    return collections.Counter(line.split()[0] for line in command("ss", "-tanHO", f"sport = :{port}").splitlines())


def totals(sockets):
    """queue, limit and sockets of the listener that these sockets make."""
    return {"queue": sum(s.queue for s in sockets), "limit": sum(s.limit for s in sockets), "sockets": len(sockets)}


def netstat():
    """The TcpExt counters of /proc/net/netstat."""
    with open("/proc/net/netstat") as file:
        names, values = (line.split()[1:] for line in file if line.startswith("TcpExt:"))
    return dict(zip(names, map(int, values)))


def arrivals():
    """PassiveOpens, the Tcp counter of /proc/net/snmp."""
    with open("/proc/net/snmp") as file:
        names, values = (line.split()[1:] for line in file if line.startswith("Tcp:"))
    return int(dict(zip(names, values))["PassiveOpens"])


def nstat(name):
    """One counter as nstat shows it."""
    text = command("nstat", "-asz", name, env={"NSTAT_HISTORY": os.devnull})
    return int(re.search(rf"^{name}\s+(\d+)", text, re.M).group(1))


def sysctl(name, value=None):
    """Reads a sysctl, or sets it."""
    path = "/proc/sys/" + name.replace(".", "/")
    with open(path, "r" if value is None else "w") as file:
        return int(file.read()) if value is None else file.write(str(value))
