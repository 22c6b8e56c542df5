# SPDX-License-Identifier: MIT
"""Made-up RRD files for listen_backlog-graph, and a reader of what it draws: pictures, alt texts and the page."""
import html.parser
import os
import re
import struct
import subprocess
import xml.etree.ElementTree
import zlib

from .basics import DEADLINE, PATH, SRCDIR, command, equal, mentions, scratch

GRAPH = f"{SRCDIR}/graph/listen_backlog-graph"
START, STEP, SAMPLES = 1_700_000_000, 10, 180
END = START + STEP * SAMPLES


# ----------------------------------------------------------- made-up RRD files

def archive(path, values, start=START):
    """An RRD file as collectd makes it; None is unknown."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    kind = os.path.basename(path).partition("-")[0]
    source = f"DS:{'seconds' if kind == 'duration' else 'value'}:{'DERIVE' if kind == 'derive' else 'GAUGE'}"
    command("rrdtool", "create", path, "--start", start, "--step", STEP, f"{source}:{2 * STEP}:0:U",
            *(f"RRA:{function}:0.1:{rows}:1200" for rows in (1, 8, 61) for function in ("AVERAGE", "MIN", "MAX")))
    command("rrdtool", "update", path, *(f"{start + STEP * i}:{'U' if value is None else value}"
                                         for i, value in enumerate(values, 1)))


def folder(datadir, name="", host="web1"):
    return f"{datadir}/{host}/listen_backlog" + (name and f"-{name}")


def constant(value):
    return [value] * SAMPLES


def counter(total, samples=SAMPLES):
    """A counter that counts so many evenly."""
    return [round(total * i / samples) for i in range(1, samples + 1)]


def listener(datadir, name, queue, limit, overflows=0, host="web1", unix=False, start=START, **more):
    """A listener with this queue, and with overflows spread over the time. unix: it has no counters."""
    counted = counter(overflows, len(queue))
    known = [n is not None for n in queue]
    files = {"queue_length-queue": queue, "queue_length-limit": [limit if there else None for there in known],
             "percent-fill": [100 * n / (limit + 1) if there else None for n, there in zip(queue, known)],
             "count-sockets": [1 if there else None for there in known],
             **({} if unix else {"derive-drops": counted, "derive-overflows": counted}), **more}
    for reading, values in files.items():
        archive(f"{folder(datadir, name, host)}/{reading}.rrd", values, start)


def namespace(datadir, overflows=0, host="web1", name="", samples=SAMPLES, start=START, **more):
    """The network namespace of collectd, or another one. Returns datadir."""
    counted = [round(overflows * i / samples) for i in range(samples)]
    for reading, values in (("derive-drops", counted), ("derive-overflows", counted),
                            ("queue_length-somaxconn", [4096] * samples), *more.items()):
        archive(f"{folder(datadir, name, host)}/{reading}.rrd", values, start)
    return datadir


def one_listener(queue, limit, **more):
    """A data directory with the listener 80 alone."""
    datadir = scratch()
    listener(datadir, "80", queue, limit, **more)
    return namespace(datadir)


def two_listeners(queue=1):
    """443 has this queue of 4096, 80 is full at 129 of 128."""
    datadir = scratch()
    listener(datadir, "80", [0] * 60 + [129] * 120, 128, overflows=1800)
    listener(datadir, "443", constant(queue), 4096)
    return namespace(datadir, overflows=1800)


# ------------------------------------------------------------------- the page

class Page(html.parser.HTMLParser):
    """A page whose elements are all closed in order."""
    VOID = {"meta", "img", "source", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        equal(self.open, [], "elements left open")

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        equal(len(dict(attrs)), len(attrs), f"attributes of {tag} {attrs}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        equal(self.open.pop(), tag, "element closed")

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def attributes(self, *keys):
        """The values of these attributes of all elements."""
        return [attrs[key] for _, attrs in self.tags for key in keys if key in attrs]


class Drawn:
    """The output of a run of listen_backlog-graph."""

    def __init__(self, datadir, *args, span=(START, END), form="svg", env=()):
        self.dir = scratch() + "/out"
        times = ["--start", span[0], "--end", span[1]] if span else []
        self.run = subprocess.run(
            [GRAPH, "--datadir", datadir, "--output", self.dir, "--format", form, *map(str, times), *map(str, args)],
            text=True, timeout=4 * DEADLINE, capture_output=True, env={**os.environ, "PATH": PATH, "TZ": "UTC", **dict(env)})
        self.errors = self.run.stderr.splitlines()

    def good(self):
        equal((self.run.returncode, self.run.stderr, self.run.stdout), (0, "", f"{self.dir}/index.html\n"), "the end")
        return self

    def bad(self, *words):
        """One error, with these words in it."""
        equal((self.run.returncode, len(self.errors)), (1, 1), f"exit status and errors, {self.errors}")
        mentions(self.errors[0], "listen_backlog-graph:", *words)
        return self

    def read(self, path="index.html"):
        with open(f"{self.dir}/{path}", "rb") as file:
            return file.read()

    def page(self):
        return Page(self.read().decode())

    def alts(self):
        """The alt texts of the listeners' pictures, in order."""
        return [image["alt"] for image in self.page().all("img")][1:]

    def headlines(self):
        """What each listener's picture says, in order: {name: title without the label}."""
        return {alt.partition(": ")[0]: alt.partition(": ")[2].partition("; queue")[0] for alt in self.alts()}

    def svg(self, name="listen_backlog-80"):
        return Svg(self.read(f"{name}.svg"))


class Svg:
    """A picture. rrdtool draws all text in it as curves, except the title."""

    def __init__(self, data):
        self.root = xml.etree.ElementTree.fromstring(data)
        self.title = self.root.find("{*}title").text
        ids = [each.get("id") for each in self.root.iter() if each.get("id")]
        equal(len(set(ids)), len(ids), "ids are used once")

    def shapes(self, colour, attribute="fill"):
        """The places of a colour: [(left, top, right, bottom)], in rows."""
        want = [int(colour[i:i + 2], 16) for i in (1, 3, 5)]
        found = []
        for path in self.root.iter("{http://www.w3.org/2000/svg}path"):
            # in a style up to cairo 1.16, in an attribute since 1.18
            shade = re.search(r"rgb\(([^)]*)\)", path.get(attribute) or next(
                (part for part in path.get("style", "").split(";") if part.strip().startswith(attribute + ":")), ""))
            if shade and [round(float(part.strip(" %")) * 2.55) for part in shade.group(1).split(",")] == want:
                numbers = list(map(float, re.findall(r"-?\d+(?:\.\d+)?", path.get("d"))))
                found.append((min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])))
        return [box for box in found if box[0] > 60 and  # not of the legend
                not 5 < box[2] - box[0] < 12 > box[3] - box[1] > 5]


class Png:
    """A picture in which all chunks are intact: its size, and the colour of its corner."""

    def __init__(self, data):
        equal(data[:8], b"\x89PNG\r\n\x1a\n", "the beginning of a PNG")
        self.size = width, height = struct.unpack_from(">II", data, 16)
        at, packed = 8, b""
        while at < len(data):
            size, kind = struct.unpack_from(">I4s", data, at)
            body = data[at + 8:at + 8 + size]
            equal(struct.unpack_from(">I", data, at + 8 + size)[0], zlib.crc32(kind + body), f"checksum of {kind}")
            packed += body if kind == b"IDAT" else b""
            at += size + 12
        pixels = zlib.decompress(packed)
        row = width * {2: 3, 6: 4}[data[25]] + 1
        equal((len(pixels), max(pixels[::row]) <= 4), (row * height, True), "bytes of pixels, and filters")
        self.corner = pixels[1:4]
