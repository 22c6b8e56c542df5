#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""listen_backlog-graph draws RRD files, of the real daemon and made up ones:
the pictures, the text of the page, and the page in a browser."""
import contextlib
import functools
import glob
import html
import html.parser
import http.server
import json
import math
import os
import re
import struct
import subprocess
import sys
import threading
import zlib
import xml.etree.ElementTree as ElementTree

from lib import *

SOURCE = os.environ.get("LB_SRCDIR", ".")
GRAPH = f"{SOURCE}/graph/listen_backlog-graph"
sys.path.insert(0, f"{SOURCE}/graph")
import lbgraph
from lbgraph import pictures, subjects

START, STEP, SAMPLES = 1_700_000_000, 10, 180
END = START + STEP * SAMPLES
QUEUE, QUEUE_MAX, QUEUE_LINE = "#56b4e9", "#c4e3f6", "#0072b2"
GREY = "#8c959f"
PEAK, WAIT, ABANDONED, OVERFLOWS = "#9c3587", "#009e73", "#cc79a7", "#d55e00"
BUSY, FILL, SYN = "#a6761d", "#0072b2", "#5b5bd6"


def rrdtool(*args):
    return subprocess.run(["rrdtool", *map(str, args)], check=True, text=True,
                          capture_output=True).stdout


# ----------------------------------------------------------- made up RRD files

@functools.cache
def types():
    """{type: (data source, kind)} of collectd's types.db, those with one."""
    with open("/usr/share/collectd/types.db") as file:
        return {name: (inside, kind) for name, inside, kind in re.findall(
            r"^(\w+)\s+(\w+):(\w+):[^,\n]*$", file.read(), re.M)}


def archive(path, values):
    """An RRD file as collectd makes it; None is unknown."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    name, kind = types()[os.path.basename(path).partition("-")[0]]
    rrdtool("create", path, "--start", START, "--step", STEP,
            f"DS:{name}:{kind}:{2 * STEP}:0:U",
            *(f"RRA:{function}:0.1:{rows}:1200" for rows in (1, 8, 61)
              for function in ("AVERAGE", "MIN", "MAX")))
    rrdtool("update", path, *(
        f"{START + STEP * i}:{'U' if value is None else value}"
        for i, value in enumerate(values, 1)))


def known(queue, function):
    return [None if length is None else function(length) for length in queue]


def listener(datadir, name, queue, limit, overflows=0, host="web1", **more):
    """A listener: its queue, and so many overflows spread over the span."""
    folder = f"{datadir}/{host}/listen_backlog-{name}"
    total, counted = 0, []
    for _ in queue:
        total += overflows / len(queue)
        counted.append(round(total))
    files = {
        "queue_length-queue": queue,
        "queue_length-limit": known(queue, lambda _: limit),
        "percent-fill": known(queue, lambda n: 100 * n / (limit + 1)),
        "count-sockets": known(queue, lambda _: 1), **more}
    for name, values in files.items():
        archive(f"{folder}/{name}.rrd", values)
    for name in "derive-drops", "derive-overflows":
        archive(f"{folder}/{name}.rrd", counted)
    return folder


def unix_listener(datadir, name, queue, limit, **more):
    """A UNIX socket: the kernel counts no drops of it."""
    folder = listener(datadir, name, queue, limit, **more)
    for name in "derive-drops", "derive-overflows":
        os.unlink(f"{folder}/{name}.rrd")


def namespace(datadir, overflows=0, host="web1", name="", samples=SAMPLES):
    """The network namespace of collectd, or another one."""
    folder = f"{datadir}/{host}/listen_backlog" + (name and "-" + name)
    counted = [round(overflows * i / samples) for i in range(samples)]
    for name in "derive-drops", "derive-overflows":
        archive(f"{folder}/{name}.rrd", counted)
    archive(f"{folder}/queue_length-somaxconn.rrd", [4096] * samples)


def constant(value):
    return [value] * SAMPLES


def two_listeners():
    """One idle at 0 of 4096, one full at 129 of 128."""
    datadir = scratch()
    listener(datadir, "80", [0] * 60 + [129] * 120, 128, overflows=1800)
    listener(datadir, "443", constant(0), 4096)
    namespace(datadir, overflows=1800)
    return datadir


# ------------------------------------------------------------------- the page

VOID = {"meta", "img", "source", "br"}


class Reader(html.parser.HTMLParser):
    """A page whose elements are all closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        equal(self.open, [], "elements left open")

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        equal(len(dict(attrs)), len(attrs), f"attributes of {tag} {attrs}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        equal(self.open.pop(), tag, "element closed")

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


class Drawn:
    """The output of a run of listen_backlog-graph."""

    def __init__(self, datadir, *args, span=(START, END), form="svg"):
        self.dir = scratch() + "/out"
        times = ["--start", span[0], "--end", span[1]] if span else []
        self.run = subprocess.run(
            [GRAPH, "--datadir", datadir, "--output", self.dir, "--format",
             form,
             *map(str, times), *map(str, args)], text=True, timeout=4 * DEADLINE,
            capture_output=True, env={**os.environ, "PATH": PATH, "TZ": "UTC"})
        self.errors = self.run.stderr.splitlines()

    def good(self):
        equal((self.run.returncode, self.run.stderr), (0, ""), "the end")
        equal(self.run.stdout, f"{self.dir}/index.html\n", "standard output")
        return self

    def bad(self, *words):
        """One error, with these words in it."""
        equal((self.run.returncode, len(self.errors)), (1, 1),
              f"exit status and errors, {self.errors}")
        for word in "listen_backlog-graph:", *words:
            check(str(word) in self.errors[0],
                  f"{word!r} in {self.errors[0]!r}")
        return self

    def read(self, path="index.html"):
        with open(f"{self.dir}/{path}", "rb") as file:
            return file.read()

    def page(self):
        return Reader(self.read().decode())

    def alts(self):
        """The alt texts of the listeners' pictures, in order."""
        return [image["alt"] for image in self.page().all("img")][1:]

    def svg(self, name, variant=""):
        return Svg(self.read(os.path.join(variant, f"{name}.svg")))


class Svg:
    """A picture. rrdtool draws all text in it as curves, except the title."""

    def __init__(self, data):
        self.root = ElementTree.fromstring(data)
        self.title = self.root.find("{*}title").text
        ids = [each.get("id") for each in self.root.iter() if each.get("id")]
        equal(len(set(ids)), len(ids), "ids are used once")

    def shapes(self, colour, attribute="fill"):
        """The places of a colour: [(left, top, right, bottom)], in rows."""
        want = [int(colour[i:i + 2], 16) for i in (1, 3, 5)]
        found = []
        for path in self.root.iter(
                "{http://www.w3.org/2000/svg}path"):
            # in a style up to cairo 1.16, in an attribute since 1.18
            shade = re.search(r"rgb\(([^)]*)\)", path.get(attribute) or next(
                (part for part in path.get("style", "").split(";")
                 if part.strip().startswith(attribute + ":")), ""))
            if shade and [round(float(part.strip(" %")) * 2.55) for part in
                          shade.group(1).split(",")] == want:
                numbers = list(map(float, re.findall(
                    r"-?\d+(?:\.\d+)?", path.get("d"))))
                found.append((min(numbers[::2]), min(numbers[1::2]),
                              max(numbers[::2]), max(numbers[1::2])))
        return [box for box in found if box[0] > 60]  # not of the legend


def png_size(data):
    equal(data[:8], b"\x89PNG\r\n\x1a\n", "the beginning of a PNG")
    return struct.unpack_from(">II", data, 16)


def png_rows(data):
    """The pixels, after a check of all chunks and of the number of rows."""
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        equal(struct.unpack_from(">I", data, at + 8 + size)[0],
              zlib.crc32(kind + body), f"checksum of {kind}")
        packed += body if kind == b"IDAT" else b""
        at += size + 12
    pixels = zlib.decompress(packed)
    height, depth = png_size(data)[1], {2: 3, 6: 4}[data[25]]
    row = png_size(data)[0] * depth + 1
    equal(len(pixels), row * height, "bytes of pixels")
    check(all(pixels[i] <= 4 for i in range(0, len(pixels), row)), "filters")
    return pixels, depth


# -------------------------------------------------------------- what is drawn

@test("an idle and a full listener have PNG pictures and a page")
def _():
    drawn = Drawn(two_listeners(), form="png").good()
    equal(drawn.alts(), ["Port 80: queue at most 129 of 128, 1,790 overflows",
                         "Port 443: queue at most 0 of 4,096, 0 overflows"],
          "alt texts, fullest first")
    for name in "overview", "listen_backlog-80", "listen_backlog-443":
        for variant, width in ("", 1720), ("dark", 1720), ("narrow", 716), (
                "narrow-dark", 716):
            data = drawn.read(os.path.join(variant, f"{name}.png"))
            png_rows(data)
            got = png_size(data)
            check(abs(got[0] - width) < 40 and 600 < got[1] < 1400,
                  f"size of {variant} {name}: {got}")
    pixels, depth = png_rows(drawn.read("listen_backlog-80.png"))
    equal(pixels[1:1 + depth][:3], b"\xff\xff\xff", "a corner in light")
    pixels, depth = png_rows(drawn.read("dark/listen_backlog-80.png"))
    equal(pixels[1:1 + depth][:3], b"\x0d\x11\x17", "a corner in dark")


@test("an SVG picture has its numbers as title, and the queue fills the scale")
def _():
    drawn = Drawn(two_listeners()).good()
    full = drawn.svg("listen_backlog-80")
    equal(full.title, "Port 80 on web1: queue at most 129 of 128, "
          "1,790 overflows", "title")
    left, top, right, bottom = full.shapes(QUEUE)[0]
    check(170 < bottom - top < 200, f"height of the queue, {top} to {bottom}")
    check(490 < right - left < 530, f"width of the queue, {left} to {right}")
    idle = drawn.svg("listen_backlog-443")
    equal(idle.title, "Port 443 on web1: queue at most 0 of 4,096, "
          "0 overflows", "title")
    equal(idle.shapes(QUEUE), [], "no queue")
    left, top, right, bottom = idle.shapes(QUEUE_LINE, "stroke")[0]
    check(bottom - top < 0.1 and right - left > 740, "a line at the foot")


@test("the scale ends at a short queue that is far below its limit")
def _():
    datadir = scratch()
    listener(datadir, "80", [0, 0, 1, 3, 2, 0] * 30, 4096)
    namespace(datadir)
    drawn = Drawn(datadir).good()
    picture = drawn.svg("listen_backlog-80")
    equal(drawn.alts(), ["Port 80: queue at most 3 of 4,096, 0 overflows"])
    left, top, right, bottom = picture.shapes(QUEUE)[0]
    check(bottom - top > 100, f"height of the queue, {top} to {bottom}")

    class One:
        def __init__(self, highest, limit):
            self.highest, self.limit = highest, limit

        def get(self, reading, field="maximum", default=None):
            return self.limit if reading == "limit" else default
    for highest, limit, top, drawn in (
            (0, 4096, 4423, True), (129, 128, 139, True), (3, 4096, 3, False),
            (40, 4096, 42, False), (1000, 4096, 4423, True), (1, 5, 5, True),
            (1, 0, 1, True), (17, 16, 18, True), (60, 511, 63, False)):
        got, shown = pictures.queue_scale(One(highest, limit))
        equal((math.floor(got.top), shown), (top, drawn),
              f"scale of {highest} of {limit}")


@test("unknown values are a gap with a grey area, values still to come are not")
def _():
    datadir = scratch()
    listener(datadir, "80", [9] * 60 + [None] * 60 + [9] * 60, 10)
    namespace(datadir)
    drawn = Drawn(datadir).good()
    picture = drawn.svg("listen_backlog-80")
    areas = sorted(picture.shapes(QUEUE))
    equal(len(areas), 2, f"areas of the queue, {areas}")
    third = (areas[1][2] - areas[0][0]) / 3
    check(abs(areas[1][0] - areas[0][2] - third) < 10, f"a third, {areas}")
    grey = [box for box in picture.shapes(GREY) if box[3] - box[1] > 150]
    equal(len(grey), 1, f"grey areas in the upper part, {grey}")
    check(abs(grey[0][0] - areas[0][2]) < 3 and
          abs(grey[0][2] - areas[1][0]) < 3, f"{grey} between {areas}")
    half = scratch()
    listener(half, "80", [9] * 90, 10)
    namespace(half)
    picture = Drawn(half).good().svg("listen_backlog-80")
    equal(len(picture.shapes(QUEUE)), 1, "one area")
    equal([box for box in picture.shapes(GREY) if box[3] - box[1] > 150], [],
          "what is not yet measured is no gap")


@test("peak, busy, wait, abandoned and syn are drawn if their files exist")
def _():
    datadir = scratch()
    listener(datadir, "80", constant(4), 10)
    every = {"queue_length-peak": (PEAK, 8, "stroke"),
             "percent-busy": (BUSY, 90, "fill"),
             "duration-wait": (WAIT, 2.5, "fill"),
             "queue_length-abandoned": (ABANDONED, 2, "fill"),
             "queue_length-syn": (SYN, 7, "fill")}
    for i, (name, (_, value, _)) in enumerate(every.items()):
        listener(datadir, 81 + i, constant(4), 10, **{name: constant(value)})
    listener(datadir, 90, constant(4), 10, **{
        name: constant(value) for name, (_, value, _) in every.items()})
    namespace(datadir)
    drawn = Drawn(datadir).good()
    for port, there in [(80, ()), (90, every), *(
            (81 + i, [name]) for i, name in enumerate(every))]:
        picture = drawn.svg(f"listen_backlog-{port}")
        for name, (colour, _, attribute) in every.items():
            equal(bool(picture.shapes(colour, attribute)), name in there,
                  f"{name} of {port}")
    texts = [
        "clients waited in 90\u00a0% of the samples, ",
        "waits of up to 2.5\u00a0s, ", "up to 2 abandoned, ",
        "up to 7 half-open, "]
    equal(sorted(drawn.alts()), sorted([
        "Port 80: queue at most 4 of 10, 0 overflows",
        "Port 81: queue at most 8 of 10, 0 overflows",
        *(f"Port {82 + i}: queue at most 4 of 10, {text}0 overflows"
          for i, text in enumerate(texts)),
        f"Port 90: queue at most 8 of 10, {''.join(texts)}0 overflows"]))
    text = drawn.page().text
    for word in "90\u00a0%", "2.5\u00a0s", "Longest wait", "half-open conn":
        check(word in text, f"{word} on the page")
    text = Drawn(datadir, 80).good().page().text
    for word in "Busy", "Longest wait", "half-open", "abandoned", "peak\n":
        check(word not in text, f"{word} on the page of what has none")


@test("the peak is the upper edge of the pale area, if it is known")
def _():
    datadir = scratch()
    listener(datadir, "80", constant(4), 10, **{
        "queue_length-peak": [None] * 90 + [8] * 90})
    namespace(datadir)
    picture = Drawn(datadir).good().svg("listen_backlog-80")
    (queue,), (pale,) = picture.shapes(QUEUE), picture.shapes(QUEUE_MAX)
    (left, top, right, bottom), = picture.shapes(PEAK, "stroke")
    check(abs((pale[3] - pale[1]) - 2 * (queue[3] - queue[1])) < 2,
          f"pale area {pale} of twice the queue, {queue}")
    check(abs(pale[0] - queue[0]) < 1 and abs(pale[2] - queue[2]) < 1,
          f"pale area {pale} behind all of {queue}")
    check(abs(top - pale[1]) < 1 and bottom - top < 1, f"{top} of {pale}")
    check(abs(left - (queue[0] + queue[2]) / 2) < 5, f"{left} in {queue}")


@test("fill and busy share a scale from 0 to 100 %")
def _():
    datadir = scratch()
    listener(datadir, "80", constant(4), 99, **{
        "percent-fill": constant(25), "percent-busy": constant(50),
        "queue_length-queue": constant(0)})
    namespace(datadir)
    picture = Drawn(datadir).good().svg("listen_backlog-80")
    (_, top, _, bottom), = picture.shapes(BUSY)
    fill = [box for box in picture.shapes(FILL, "stroke")
            if top < box[1] < bottom]
    equal(len(fill), 1, f"lines of fill within {top} to {bottom}")
    check(abs((fill[0][1] - top) - (bottom - top) / 2) < 1,
          f"fill at {fill[0]}, half of {top} to {bottom}")
    check(38 < bottom - top < 46, f"half of the panel, {top} to {bottom}")


@test("without an inspection there is a gap in wait, syn and abandoned alone")
def _():
    datadir = scratch()
    seldom = [3] * 60 + [None] * 60 + [3] * 60
    listener(datadir, "80", constant(9), 10, **{
        "duration-wait": seldom, "queue_length-syn": seldom,
        "queue_length-abandoned": seldom, "percent-busy": constant(100)})
    namespace(datadir)
    picture = Drawn(datadir).good().svg("listen_backlog-80")
    for colour, pieces in ((QUEUE, 1), (BUSY, 1), (WAIT, 2), (SYN, 2),
                           (ABANDONED, 2)):
        equal(len(picture.shapes(colour)), pieces, f"areas of {colour}")
    inspected = [box for colour in (WAIT, SYN)
                 for box in picture.shapes(colour)]
    grey = [box for box in picture.shapes(GREY) if box[2] - box[0] > 50]
    equal(len(grey), 2, f"grey areas, {grey}")
    for box in grey:
        check(any(abs(box[3] - other[3]) < 1 and abs(box[0] - other[2]) < 3
                  for other in inspected), f"{box} beside one of {inspected}")


@test("it is no error that a UNIX socket has no drops and overflows")
def _():
    datadir = scratch()
    for i, name in enumerate(("run-gunicorn.sock", "@shop")):
        unix_listener(datadir, name, constant(3 - i), 7, **{
            "queue_length-peak": constant(5 - i),
            "percent-busy": constant(20),
            "queue_length-abandoned": constant(1)})
    namespace(datadir)
    drawn = Drawn(datadir).good()
    equal(drawn.alts(), [
        f"Listener {name}: queue at most {highest} of 7, clients waited in "
        "20\u00a0% of the samples, up to 1 abandoned"
        for name, highest in (("run-gunicorn.sock", 5), ("@shop", 4))])
    for name in "run-gunicorn.sock", "=40shop":
        picture = drawn.svg(f"listen_backlog-{name}")
        equal([bool(picture.shapes(colour)) for colour in (
            QUEUE, ABANDONED, BUSY, WAIT, SYN, OVERFLOWS)],
              [True] * 3 + [False] * 3, f"panels of {name}")
    equal(Drawn(datadir, "@shop").good().alts(), drawn.alts()[1:], "chosen")


# ------------------------------------------------------------------ namespaces

def three_namespaces():
    """A host with namespaces: "blue" with two listeners, "green" without, and
    "blue:deep" with one. "red:80" is not in a namespace."""
    datadir = two_listeners()
    listener(datadir, "red:80", constant(2), 128)
    listener(datadir, "blue:80", constant(10), 19, overflows=400)
    unix_listener(datadir, "blue:run-x.sock", constant(1), 19)
    listener(datadir, "blue:deep:80", constant(4), 19)
    namespace(datadir, 500, name="blue")
    namespace(datadir, 0, name="green")
    namespace(datadir, 30, name="blue:deep")
    os.unlink(f"{datadir}/web1/listen_backlog-blue:deep/"
              "queue_length-somaxconn.rrd")
    archive(f"{datadir}/web1/listen_backlog-blue:deep/"
            "derive-overflows_unattributed.rrd", constant(0))
    return datadir


def outline(drawn):
    """The headings of a page, and the alt texts of its pictures, in order."""
    found, data = [], drawn.read().decode()
    for heading, alt in re.findall(
            r'<h[23]>([^<]*)</h|<img [^>]*alt="([^"]*)', data):
        found.append(html.unescape(heading or "  " + alt.partition(":")[0]))
    return found


@test("each network namespace has an overview, and its listeners below it")
def _():
    drawn = Drawn(three_namespaces()).good()
    equal(outline(drawn), [
        "The network namespace of collectd",
        "  Highest fill of the fullest listeners of web1",
        "Port 80", "  Port 80", "Listener red:80", "  Listener red",
        "Port 443", "  Port 443",
        "Network namespace blue",
        "  Highest fill of the fullest listeners of blue on web1",
        "Port 80 in blue", "  Port 80 in blue",
        "Listener run-x.sock in blue", "  Listener run-x.sock in blue",
        "Network namespace blue:deep",
        "  Highest fill of the fullest listeners of blue",
        "Port 80 in blue:deep", "  Port 80 in blue",
        "Network namespace green",
        "  Highest fill of the fullest listeners of green on web1",
        "How to read the graphs"], "the page")
    page = drawn.page()
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    equal(len(set(ids)), len(ids), f"ids are used once, {ids}")
    targets = {link["href"] for link in page.all("a")}
    equal(targets, {"#" + each for each in ids}, "links")
    check("6 listeners, 1 of them full at some time, 2,317 overflows in 4 "
          "network namespaces." in page.text, "the sum")
    equal([drawn.svg(name).title for name in (
        "overview", "listen_backlog-blue", "listen_backlog-green",
        "listen_backlog-blue=3A80")], [
        "web1: fullest is port 80, 100 %; 1,790 overflows in collectd's "
        "namespace",
        "blue on web1: fullest is port 80, 50 %; 497 overflows in blue",
        "green on web1: 0 overflows in green",
        "Port 80 in blue on web1: queue at most 10 of 19, 398 overflows"],
          "titles")
    for name, lines in ("listen_backlog-blue", 2), ("listen_backlog-green", 0):
        picture = drawn.svg(name)
        for colour in ("#d55e00", "#0072b2", "#009e73")[:lines]:
            check(picture.shapes(colour, "stroke"), f"{colour} in {name}")
    equal(drawn.svg("listen_backlog-blue").shapes("#009e73", "stroke"), [],
          "a third listener in blue")


@test("a page with one network namespace has no list of namespaces")
def _():
    drawn = Drawn(two_listeners()).good()
    check("amespace" not in drawn.read().decode(), "the page")
    equal([tag for tag, _ in drawn.page().tags if tag in ("h2", "h3")],
          ["h2"] * 3, "headings")
    datadir = three_namespaces()
    only = Drawn(datadir, "blue:80").good()
    equal(outline(only), [
        "Network namespace blue",
        "  Highest fill of the fullest listeners of blue on web1",
        "Port 80 in blue", "  Port 80 in blue", "How to read the graphs"],
          "the page")
    check("497 overflows in blue." in only.page().text, "the sum")


@test("the name of a namespace selects all listeners in it")
def _():
    datadir = three_namespaces()
    names = [line.strip() for line in outline(
        Drawn(datadir, "443", "blue").good()) if not line.startswith(" ")]
    equal(names, ["The network namespace of collectd", "Port 443",
                  "Network namespace blue", "Port 80 in blue",
                  "Listener run-x.sock in blue", "How to read the graphs"])
    Drawn(datadir, "80", "green").bad("'green'", "web1", "blue:80")


@test("a namespace that ended before the time is an error only if asked for")
def _():
    datadir = three_namespaces()
    for name in "80", "443", "red:80":
        subprocess.run(["rm", "-r", f"{datadir}/web1/listen_backlog-{name}"],
                       check=True)
        listener(datadir, name, constant(1) * 2, 128)
    for folder in glob.glob(f"{datadir}/web1/listen_backlog"):
        subprocess.run(["rm", "-r", folder], check=True)
    namespace(datadir, samples=2 * SAMPLES)
    drawn = Drawn(datadir, span=(END + 60, END + STEP * SAMPLES)).good()
    text = drawn.page().text
    gone = text[text.index("Ended before this time"):]
    for name in "blue", "blue:80", "green", "blue:deep":
        check(f"{name} (2023-11-14 22:43)" in gone, f"{name} in {gone}")
    check("Network namespace" not in text, "a section of one that has gone")
    drawn = Drawn(datadir, "80", "blue", span=(END + 60, END + 900))
    equal((drawn.run.returncode, len(drawn.errors)), (1, 3),
          f"errors, {drawn.errors}")
    check(any("Network namespace blue on web1: no values from" in line
              for line in drawn.errors), f"{drawn.errors}")


@test("a broken file of a namespace is one error, which names the file")
def _():
    datadir = three_namespaces()
    path = f"{datadir}/web1/listen_backlog-blue/derive-overflows.rrd"
    os.truncate(path, 0)
    drawn = Drawn(datadir).bad("Network namespace blue on web1", path)
    check("Port 80 in blue" in outline(drawn), "the rest is drawn")


@test("the list of hosts counts the overflows of all their namespaces")
def _():
    datadir = three_namespaces()
    listener(datadir, "25", constant(1), 50, host="mail")
    namespace(datadir, 40, host="mail")
    page = Drawn(datadir, "--all-hosts").good().page()
    check("web1100\u00a0%802,317\nmail1.96\u00a0%2540\n" in page.text,
          page.text[-99:])


@test("a listener without a socket has a picture of its counters")
def _():
    datadir = scratch()
    folder = f"{datadir}/web1/listen_backlog-80"
    archive(f"{folder}/count-sockets.rrd", constant(0))
    for name in "derive-drops", "derive-overflows":
        archive(f"{folder}/{name}.rrd", constant(0))
    namespace(datadir)
    equal(Drawn(datadir).good().alts(),
          ["Port 80: no listening socket, 0 overflows"])


@test("over days the picture shows the highest value in each pixel")
def _():
    datadir = scratch()
    listener(datadir, "80", ([1] * 59 + [100]) * 3, 128)
    namespace(datadir)
    drawn = Drawn(datadir,
                  span=(END - 3 * 86400, END)).good()
    check("at most 100 of 128" in drawn.alts()[0], drawn.alts()[0])
    picture = drawn.svg("listen_backlog-80")
    high = max(b - t for _, t, _, b in picture.shapes(QUEUE_MAX))
    mean = max(b - t for _, t, _, b in picture.shapes(QUEUE))
    check(high > 10 * mean, f"highest {high}, average {mean}")


@test("each drawn reading has its type and name in the plugin's table")
def _():
    there = {}
    for line in probe_run("--list-values").stdout.splitlines():
        name, _, where, _ = line.split("\t")
        for subject in where.split(","):
            there.setdefault(subject, set()).add(name)
    for drawn, subject in ((subjects.LISTENER, "listener"),
                           (subjects.NAMESPACE, "namespace")):
        for reading, name in drawn.items():
            equal(name.partition("-")[2], reading, "reading and file")
        check(set(drawn.values()) <= there[subject], f"a {subject} has {drawn}")
    check(set(subjects.ONLY_NAMESPACE) <= there["namespace"] -
          there["listener"], "what tells a namespace from a listener")
    with open(f"{SOURCE}/configure.ac") as file:
        check(f"[{lbgraph.VERSION}]" in file.read(), "version")


@test("the man page has every option and reading")
def _():
    with open(f"{SOURCE}/man/listen_backlog-graph.1") as file:
        man = file.read().replace("\\-", "-")
    text = subprocess.run([GRAPH, "--help"], check=True, text=True,
                          capture_output=True).stdout
    options = set(re.findall(r"--([a-z-]+)", text))
    check(len(options) > 9, f"options, {options}")
    for option in options:
        check(f"Fl -{option}" in man, f"--{option} in the man page")
    for reading in set(subjects.LISTENER) - {"sockets"}:
        check(f".It {reading}\n" in man, f"{reading} in the man page")
    lint = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning",
         f"{SOURCE}/man/listen_backlog-graph.1"], text=True,
        capture_output=True)
    equal((lint.returncode, lint.stdout + lint.stderr), (0, ""), "mandoc")


# --------------------------------------------------------------- what is wrong

@test("a broken RRD file is one error, which names it; the rest is drawn")
def _():
    for spoil, why in ((lambda file: file.truncate(900), ""),
                       (lambda file: file.truncate(9000), "too small"),
                       (lambda file: file.write(b"garbage" * 40), "not an RRD"),
                       (lambda file: file.truncate(0), "it is empty")):
        datadir = two_listeners()
        path = f"{datadir}/web1/listen_backlog-80/queue_length-queue.rrd"
        with open(path, "r+b") as file:
            spoil(file)
        drawn = Drawn(datadir).bad("Port 80 on web1", path,
                                   "cannot read", why)
        equal(len(drawn.alts()), 2, "pictures")
        check("1,790 overflows" in drawn.alts()[0], drawn.alts()[0])
        check(path in drawn.page().text, "the page names it")


@test("a missing RRD file is one error, which names it; the rest is drawn")
def _():
    datadir = two_listeners()
    path = f"{datadir}/web1/listen_backlog-443/queue_length-limit.rrd"
    os.unlink(path)
    drawn = Drawn(datadir).bad("Port 443 on web1", path, "does not exist")
    equal(drawn.alts(), ["Port 80: queue at most 129 of 128, 1,790 overflows",
                         "Port 443: queue at most 0, 0 overflows"])
    datadir = two_listeners()
    os.mkdir(f"{datadir}/web1/listen_backlog-8080")
    drawn = Drawn(datadir).bad("Port 8080 on web1", "no RRD files",
                               f"{datadir}/web1/listen_backlog-8080")
    equal(len(drawn.alts()), 2, "pictures")


@test("no values in the time is an error, except for a port closed before it")
def _():
    datadir = two_listeners()
    listener(datadir, "8080", constant(None), 10)
    for name in "derive-drops", "derive-overflows":
        os.unlink(f"{datadir}/web1/listen_backlog-8080/{name}.rrd")
    drawn = Drawn(datadir).bad("Port 8080 on web1", "no values from",
                               f"{datadir}/web1/listen_backlog-8080")
    equal(len(drawn.alts()), 2, "pictures")
    later = END + 3600, END + 7200
    Drawn(datadir, span=later).bad("any listener on web1", "no values of",
                                   f"{datadir}/web1")
    Drawn(datadir, "443", span=later).bad("Port 443 on web1", "no values from")
    datadir = two_listeners()
    listener(datadir, "8080", constant(1) + constant(2), 10)
    namespace(datadir)
    drawn = Drawn(datadir, span=(END + 60, END + STEP * SAMPLES))
    equal((drawn.run.returncode, len(drawn.alts())), (1, 1), "namespace ended")
    check("443" in drawn.page().text, "the page names what has ended")


@test("an unknown host, or several and no choice, is an error with a list")
def _():
    datadir = two_listeners()
    listener(datadir, "25", constant(1), 50, host="mail")
    namespace(datadir, host="mail")
    os.mkdir(f"{datadir}/other")
    drawn = Drawn(datadir).bad("mail, web1", "--host")
    check(not os.path.exists(drawn.dir), "nothing is drawn")
    Drawn(datadir, "--host", "nope").bad("'nope'", "mail, web1", datadir)
    drawn = Drawn(datadir, "--host", "mail").good()
    equal(drawn.alts(), ["Port 25: queue at most 1 of 50, 0 overflows"])
    drawn = Drawn(datadir, "--host", "mail", "--host", "nope").bad("'nope'")
    check(os.path.exists(f"{drawn.dir}/mail/index.html"), "mail is drawn")
    drawn = Drawn(datadir, "--all-hosts").good()
    equal([link["href"] for link in drawn.page().all("a")],
          ["web1/index.html", "mail/index.html"], "hosts, fullest first")
    empty = scratch()
    Drawn(empty).bad(empty, "no listen_backlog RRD files")
    Drawn(f"{empty}/nope").bad(f"{empty}/nope", "--datadir")


@test("an unknown listener is an error with a list; the rest is drawn")
def _():
    datadir = two_listeners()
    drawn = Drawn(datadir, "8080", "443").bad("'8080'", "web1", "80, 443")
    equal(len(drawn.alts()), 1, "pictures")
    check("443" in drawn.alts()[0], drawn.alts()[0])
    check("'8080'" in drawn.page().text, "the page says it")


@test("a wrong time is an error that names the option")
def _():
    datadir = two_listeners()
    drawn = Drawn(datadir, "--span", "soon", span=None)
    equal(drawn.run.returncode, 2, "exit status")
    check("'soon'" in drawn.errors[-1], drawn.errors[-1])
    Drawn(datadir, span=("soon", END)).bad("--start soon")
    Drawn(datadir, span=(END, START)).bad("start")
    equal(len(Drawn(datadir, "--span", "20min", "--end", END,
                    span=None).good().alts()), 2, "pictures")


@test("without rrdtool there is one error")
def _():
    run = subprocess.run(
        [sys.executable, GRAPH, "--datadir", two_listeners()], text=True,
        capture_output=True, env={"PATH": "/nonexistent"}, cwd=scratch())
    equal((run.returncode, run.stderr),
          (1, "listen_backlog-graph: rrdtool is not installed\n"))


@test("--progress counts the pictures without a terminal")
def _():
    drawn = Drawn(two_listeners(), "--progress")
    equal((drawn.run.returncode, drawn.errors),
          (0, ["1 of 3", "2 of 3", "3 of 3"]))


# ------------------------------------------------------------------- the page

ODD = ("my api & <x>", "a'b\"c", "100%:1#2?3", "-x", "ä€", "back\\slash",
       "n" * 127, "\udcff\udcfe", "80.dark", "a=20b", "a b", "blue:80",
       "\\:", "overview", "<script>alert(1)</script>".replace("/", "|"))


@test("each odd name has its picture, and none breaks the page")
def _():
    datadir = scratch()
    for i, name in enumerate(ODD):
        listener(datadir, name, constant(40 - i), 49)
    namespace(datadir)
    os.rename(f"{datadir}/web1", f"{datadir}/we'b: <1>")
    for form in "png", "svg":
        drawn = Drawn(datadir, form=form).good()
        page = drawn.page()
        equal(page.all("script"), [], "scripts")
        images = page.all("img")[1:]
        equal(len({image["src"] for image in images}), len(ODD), "pictures")
        for i, (name, image) in enumerate(zip(ODD, images)):
            name = name.encode("utf-8", "surrogateescape").decode(
                "utf-8", "replace")
            equal(image["alt"], f"Listener {name}: queue at most {40 - i} "
                  "of 49, 0 overflows")
            check(re.fullmatch(r"[\w.=-]+", image["src"], re.A),
                  f"plain file name {image['src']}")
    equal(len(Drawn(datadir, "--", *ODD).good().alts()), len(ODD), "chosen")


@test("the page is valid, has all numbers as text, and needs no other server")
def _():
    drawn = Drawn(two_listeners()).good()
    page = drawn.page()
    equal([name for name, _ in page.tags if name in (
        "script", "link", "iframe", "object", "base", "form")], [], "tags")
    text = drawn.read().decode()
    for word in "://", "url(", "@import", " on":
        check(not re.search(re.escape(word) + (r"\w+=" * (word == " on")),
                            text), f"{word} in the page")
    targets = [attrs[key] for _, attrs in page.tags for key in (
        "src", "srcset", "href") if key in attrs]
    equal(len(targets), 14, f"references, {targets}")
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    for target in targets:
        check(target[1:] in ids if target.startswith("#") else
              os.path.isfile(f"{drawn.dir}/{target}"), f"{target} is there")
    for image in page.all("img"):
        check(len(image["alt"]) > 20, f"alt text {image['alt']!r}")
    overview = page.all("img")[0]["alt"]
    for word in "80 100 %", "443 0 %", "1,790 overflows":
        check(word in overview, f"{word} in {overview}")
    for word in "129 of 128", "0 of 4,096", "2023-11-14 22:13 to 22:43 UTC":
        check(word in page.text, f"{word} in the page")


@test("the page says how many listeners were full, in the right number")
def _():
    datadir = two_listeners()
    listener(datadir, "25", constant(51), 50)
    for ports, words in (
            ([], "3 listeners, 2 of them full at some time, 1,790 overflows"),
            (["443", "80"], "2 listeners, 1 of them full at some time, "),
            (["80"], "1 listener, full at some time, 1,790 overflows on"),
            (["443"], "1 listener, never full, 1,790 overflows on")):
        text = Drawn(datadir, *ports).good().page().text
        check(words in text, f"{words!r} in {text[:300]!r}")
    unix = scratch()
    for name in "@a", "@b":
        unix_listener(unix, name, constant(0), 7)
    namespace(unix)
    check("2 listeners, none of them full, 0 overflows on the whole host." in
          Drawn(unix).good().page().text, "two that were not")


def browse(*args):
    """Chromium without a window, and what it printed."""
    return subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--disable-dev-shm-usage", f"--user-data-dir={scratch()}", *args],
        check=True, capture_output=True, timeout=DEADLINE,
        env={**os.environ, "PATH": PATH, "HOME": scratch()}).stdout.decode()


FRAMES = """<!DOCTYPE html><title>two frames</title>
<iframe style="width: 390px; height: 9000px" src="index.html"></iframe>
<iframe style="width: 1280px; height: 9000px" src="index.html"></iframe>
<script>
async function look(frame) {
  await new Promise(resolve => frame.addEventListener("load", resolve));
  const page = frame.contentDocument;
  const images = [...page.images];
  images.forEach(image => image.loading = "eager");
  const ends = await Promise.allSettled(images.map(i => i.decode()));
  return {wide: page.documentElement.scrollWidth,
          shown: frame.contentWindow.innerWidth,
          loaded: ends.filter(end => end.status == "fulfilled").length,
          folders: [...new Set(images.map(
              image => image.currentSrc.split("/").at(-2)))],
          small: images.filter(i => i.clientWidth < 300).length};
}
Promise.all([...document.querySelectorAll("iframe")].map(look)).then(
    found => fetch("found", {method: "POST", body: JSON.stringify(found)}));
</script>
<img src="wait">
"""


class Site(http.server.ThreadingHTTPServer):
    """Serves a folder on lo. The browser ends after it has reported."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 8000), functools.partial(
            Request, directory=folder))
        self.found, self.told = None, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.told.set()
        self.shutdown()
        self.thread.join()
        self.server_close()


class Request(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/wait":
            self.server.told.wait(DEADLINE)
        super().do_GET()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.found = json.loads(body)
        self.send_response(204)
        self.end_headers()
        self.server.told.set()

    def log_message(self, *_):
        pass


def seen(folder, scheme):
    """How a browser shows the page at the width of a phone and a desktop."""
    with Site(folder) as site:
        browse("--dump-dom", f"--blink-settings=preferredColorScheme={scheme}",
               "http://127.0.0.1:8000/frames.html")
        return site.found


@test("phone and desktop browsers show the page, light and dark, unscrolled")
def _():
    datadir = two_listeners()
    for name in "my api & <x>", "n" * 127, "8080":
        listener(datadir, name, constant(3), 4096)
    for form in "png", "svg":
        drawn = Drawn(datadir, form=form).good()
        with open(f"{drawn.dir}/frames.html", "w") as file:
            file.write(FRAMES)
        for scheme, folders in (1, ["narrow", "127.0.0.1:8000"]), (
                0, ["narrow-dark", "dark"]):
            equal(seen(drawn.dir, scheme), [
                {"wide": width, "shown": width, "loaded": 6,
                 "folders": [folder], "small": 0}
                for width, folder in zip((390, 1280), folders)],
                  f"{form} on phone and desktop, scheme {scheme}")
    for width in 390, 1280:
        for scheme, corner in (1, b"\xff\xff\xff"), (0, b"\x0d\x11\x17"):
            shot = f"{drawn.dir}/{width}-{scheme}.png"
            browse(f"--window-size={width},1500", f"--screenshot={shot}",
                   f"--blink-settings=preferredColorScheme={scheme}",
                   f"file://{drawn.dir}/index.html")
            data = drawn.read(os.path.basename(shot))
            equal(png_size(data), (width, 1500), "screenshot")
            pixels, _ = png_rows(data)
            equal(pixels[1:4], corner, f"the corner in scheme {scheme}")


# ------------------------------------------------------------- the real daemon

WRITER = """
<Plugin rrdtool>
  DataDir "@DIR@/rrd"
  StepSize 1
  HeartBeat 60
  RRARows 1200
  RRATimespan 1200
  CreateFilesAsync false
</Plugin>
"""


@test("from the real daemon's files come the kernel's numbers")
def _():
    begin = time.monotonic()
    busy = Listener(8080, backlog=5)
    Listener(8081, backlog=4096)
    fill(busy, 6)
    daemon = Collectd('LocalPort "8080" "8081"\nInspectQueue true', interval=1,
                      plugins=["rrdtool"], extra=WRITER)
    until(lambda: daemon.later(0, 2), "the first looks")
    overflow(busy, 17)
    daemon.look()
    equal(daemon.stop(), 0, "the daemon's end")
    drawn = Drawn(f"{daemon.dir}/rrd", "--span", "1min", span=None).good()
    equal(nstat("TcpExtListenOverflows"), 17)
    first, second = drawn.alts()
    wait, = re.fullmatch(
        r"Port 8080: queue at most 6 of 5, clients waited in 100\s% of the "
        r"samples, waits of up to ([\d.]+)\ss, 17 overflows", first).groups()
    check(0 < float(wait) < time.monotonic() - begin, f"wait {wait}")
    equal(second, "Port 8081: queue at most 0 of 4,096, 0 overflows")
    check("17 overflows on the whole host" in drawn.page().text, "the host")


@test("from the real daemon's files come UNIX sockets and another namespace")
def _():
    UnixListener(b"\0shop", backlog=7).connect(2)
    blue = Namespace("blue")
    with blue.inside():
        fill(Listener(8080, backlog=3), 2)
    daemon = Collectd('LocalPort 8080\nLocalPath "@shop"\nNetNamespace "blue"',
                      interval=1, plugins=["rrdtool"], extra=WRITER)
    daemon.look()
    equal(daemon.stop(), 0, "the daemon's end")
    drawn = Drawn(f"{daemon.dir}/rrd", "--span", "1min", span=None).good()
    alts = [image["alt"] for image in drawn.page().all("img")]
    waited = "clients waited in 100\u00a0% of the samples"
    equal(alts, [
        "Highest fill of the fullest listeners of testhost: @shop 25 %; "
        "fullest is @shop, 25 %; 0 overflows in collectd's namespace",
        f"Listener @shop: queue at most 2 of 7, {waited}",
        "Port 8080: no listening socket, 0 overflows",
        "Highest fill of the fullest listeners of blue on testhost: "
        "8080 50 %; fullest is port 8080, 50 %; 0 overflows in blue",
        f"Port 8080 in blue: queue at most 2 of 3, {waited}, 0 overflows"],
          "alt texts")
    check("Listener @shop in blueNo listening socket." in drawn.page().text,
          "a listener without values has no picture, but a line")


# ------------------------------------------------------------------- the demo

@test("the demo fills Apache's queue, draws it, and leaves no process")
def _():
    work = scratch()
    run = subprocess.run(
        [f"{SOURCE}/graph/demo.sh", work,
         os.environ["LB_PLUGIN"], os.environ["LB_PROBE"], "10"], text=True,
        capture_output=True, timeout=2 * DEADLINE, stdin=subprocess.DEVNULL)
    note(run.stdout)
    equal((run.returncode, run.stderr), (0, ""), "the demo's end")
    for words in ("net.core.somaxconn (128)", "a backlog of 511 and got 128",
                  f"{work}/graph/listen_backlog-8080.png",
                  f"{work}/graph/index.html"):
        check(words in run.stdout, f"{words!r} in what it says")
    highest, full, overflows = map(int, re.search(
        r"rose to (\d+). In (\d+) of 10 seconds it was full, and the kernel "
        r"dropped (\d+) ", run.stdout).groups())
    check(highest > 128 and full > 0 and overflows > 50, "an overload")
    busy, wait, abandoned = map(float, re.search(
        r"Clients waited in (\d+) % of the samples, up to ([\d.]+) s. Up to "
        r"(\d+) connections in the queue had been", run.stdout).groups())
    check(30 < busy < 100 and wait > 1 and abandoned > 5, "what waited")
    with open(f"{work}/graph/index.html") as file:
        text = file.read()
    for words in (f"queue at most {highest} of 128, clients waited in ",
                  f"up to {abandoned:.0f} abandoned"):
        check(words in text, f"{words} on the page")
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path) as file:
            check(work not in file.read(), f"{path} is gone")


if __name__ == "__main__":
    private_run()
    main()
