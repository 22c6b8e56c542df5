#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: seeds.py DIRECTORY FILE...

Takes recordings (.rec) and configurations (.conf) apart into seeds for the
fuzz targets, DIRECTORY/TARGET/NAME. Of answers with one shape, only the first is
a seed."""
import os
import shutil
import struct
import sys

HEADER = 16
BYTE_ORDER = 12, 0x01020304  # src/kernel/record.h: struct lb_record_header
RECORD = "IiQQ"  # struct lb_record
# enum lb_record_kind
FINAL_SAMPLE, DATAGRAM, DUMP, NETSTAT, SOMAXCONN, SAMPLE = 1, 2, 3, 5, 6, 21
# enum lb_query_kind; the kinds after these have no target of their own.
TARGETS = ("listeners", "unix_names", "conns", "pending")
ASKED, SINGLE = 1, 2  # flags of fuzz_dump.h
# Flags of fuzz_recording.c: ports; all that there is, as it was sampled and
# with each sample an interval; selections.
REPLAYS = (0x01, 0x1f, 0x5f, 0xe7)


def byte_order(recording):
    """That of the machine of the recording, for struct: a replay on another one
    is refused, but the answers in it are seeds for each."""
    at, value = BYTE_ORDER
    return "<" if struct.unpack_from("<I", recording, at)[0] == value else ">"


def records(recording):
    """(kind, number, bytes that follow, the whole record) of each."""
    record = struct.Struct(byte_order(recording) + RECORD)
    at = HEADER
    while at < len(recording):
        kind, _, number, size = record.unpack_from(recording, at)
        end = at + record.size + (size + 7) // 8 * 8
        start = at + record.size
        yield kind, number, recording[start:start + size], recording[at:end]
        at = end


def shape(datagrams, order):
    """Types and lengths of the messages, which are in this byte order."""
    found = []
    for datagram in datagrams:
        at = 0
        while at + 16 <= len(datagram):
            size, kind = struct.unpack_from(order + "IH", datagram, at)
            found.append((kind, size))
            at += (size + 3) // 4 * 4
        found.append(None)
    return tuple(found)


class Seeds:
    def __init__(self, directory, source):
        self.directory = directory
        self.name = os.path.basename(source)
        self.shapes = set()
        self.count = {}

    def put(self, target, content, seen=None):
        if seen is not None and (target, seen) in self.shapes:
            return
        self.shapes.add((target, seen))
        self.count[target] = number = self.count.get(target, 0) + 1
        folder = os.path.join(self.directory, target)
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{self.name}-{number}", "wb") as file:
            file.write(content)

    def put_answers(self, recording):
        answers = {channel: [] for channel in range(len(TARGETS))}
        for kind, number, content, _ in records(recording):
            if kind == DATAGRAM and number in answers:
                answers[number].append(content)
            elif kind == DUMP and answers.get(number):
                target = TARGETS[number]
                flags = SINGLE | ASKED if target == "pending" else ASKED
                framed = b"".join(struct.pack("<H", len(each)) + each
                                  for each in answers[number])
                self.put(target, bytes([flags]) + framed,
                         shape(answers[number], byte_order(recording)))
                answers[number] = []
            elif kind in (NETSTAT, SOMAXCONN):
                self.put("netstat", content, (kind,))

    def put_replays(self, recording):
        """The whole, and each interval alone, without what repeats."""
        for flags in REPLAYS:
            self.put("recording", bytes([flags]) + recording)
        samples, part = [], b""
        for kind, _, _, whole in records(recording):
            if kind in (FINAL_SAMPLE, SAMPLE) and part:
                samples.append(part)
                part = b""
            part += whole
        samples.append(part)
        for at in range(0, len(samples), 4):
            for flags in REPLAYS:
                self.put("recording", bytes([flags]) + recording[:HEADER] +
                         b"".join(samples[at:at + 4]))


def main():
    directory, *sources = sys.argv[1:]
    shutil.rmtree(directory, ignore_errors=True)
    for source in sources:
        with open(source, "rb") as file:
            content = file.read()
        seeds = Seeds(directory, source)
        if source.endswith(".conf"):
            lines = (line.strip() for line in content.splitlines())
            seeds.put("options", b"\n".join(
                line.lstrip(b"#") for line in lines
                if line and not line.startswith(b"# ")))
            continue
        seeds.put_answers(content)
        seeds.put_replays(content)


main()
