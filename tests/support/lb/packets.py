# SPDX-License-Identifier: MIT
"""Packets without a socket behind them: SYNs to full or scanned ports, and connections that stay half open."""
import contextlib
import socket
import struct

from .basics import at_end, command


def syn(port, addr="127.0.0.1", source=None, sport=20000, times=1):
    """Sends SYNs from a raw socket. This host answers each SYN/ACK with RST."""
    v6 = ":" in addr
    source = source or ("::1" if v6 else "127.0.0.9")
    raw = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    with contextlib.closing(raw):
        raw.bind((source, 0))
        for n in range(times):
            raw.sendto(_segment(source, addr, sport + n, port, 1000, 0x02), (addr, 0))


def _segment(source, addr, sport, port, seq, flags, data=b""):
    """A TCP segment with its checksum."""
    segment = struct.pack("!HHIIBBHHH", sport, port, seq, 0, 5 << 4, flags, 1024, 0, 0) + data
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    pseudo = (socket.inet_pton(family, source) + socket.inet_pton(family, addr) +
              struct.pack("!HH", socket.IPPROTO_TCP, len(segment)))
    return segment[:16] + struct.pack("!H", _checksum(pseudo + segment)) + segment[18:]


def _checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


class Wire:
    """A link to hosts that send packets to this one and never hear an answer: what this host sends goes to a hardware
    address that no interface has, so neither RST nor ICMP comes back and connections stay half open."""
    OURS = [f"{net}{n}/{bits}" for net, bits in (("10.9.0.", 24), ("fd09::", 64)) for n in (1, 2, 3)]
    OUR_MAC, NO_MAC = "02:00:00:00:00:01", "02:00:00:00:00:09"

    def __init__(self):
        def ip(text):
            command("ip", *text.split())
        ip(f"link add wire address {self.OUR_MAC} type veth peer name far")
        for addr in self.OURS:
            ip(f"addr add {addr} dev wire" + " nodad" * (":" in addr))
        for name in "wire", "far":
            ip(f"link set {name} up")
        for addr in "10.9.0.9", "fd09::9":
            ip(f"neigh add {addr} lladdr {self.NO_MAC} dev wire nud permanent")
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        at_end(self.socket.close)
        self.socket.bind(("far", 0))

    def syn(self, addr, port, sports, data=b""):
        """Sends a SYN from each of these ports."""
        for sport in sports:
            self._send(addr, port, sport, 0x02, 1000, data)

    def rst(self, addr, port, sports):
        """Ends the connections that those SYNs began."""
        for sport in sports:
            self._send(addr, port, sport, 0x04, 1001, b"")

    def _send(self, addr, port, sport, flags, seq, data):
        source = "fd09::9" if ":" in addr else "10.9.0.9"
        segment = _segment(source, addr, sport, port, seq, flags, data)
        if ":" in addr:
            kind = 0x86dd
            header = struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + \
                socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, addr)
        else:
            kind = 0x0800
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0,
                                 socket.inet_aton(source), socket.inet_aton(addr))
            header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
        macs = bytes.fromhex((self.OUR_MAC + self.NO_MAC).replace(":", ""))
        self.socket.send(macs + struct.pack("!H", kind) + header + segment)
