#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""listen_backlog-graph draws RRD files, of the real daemon and made-up ones: the pictures, the text of the page, and
the page in a browser."""
import contextlib
import fcntl
import functools
import glob
import html
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from lb import *
from lb.graphs import *
from lb.probe import listed_readings

sys.path.insert(0, f"{SRCDIR}/graph")
import lbgraph
from lbgraph import drawing, findings, pictures, readings, rrd, style
from lbgraph.readings import NOBODY, UNKNOWN

LIGHT = drawing.LIGHT
QUEUE, QUEUE_MAX, QUEUE_LINE = LIGHT["queue"], LIGHT["queue max"], LIGHT["queue line"]
GREY, BLACK = LIGHT[UNKNOWN][:7], LIGHT[NOBODY]
PEAK, WAIT, ABANDONED, OVERFLOWS, BUSY, SYN, ACTIVE, DROPS, SOCKETS, ARRIVALS = map(LIGHT.get, (
    "peak", "wait", "abandoned", "overflows", "busy", "syn", "active", "drops", "sockets", "arrivals"))
LOW, HALF, NEAR, FULL = LIGHT["levels"]


DROPPED, OF_80 = "1,790 dropped, queue full", "queue at most 129 of 128, full for 20\u00a0min, 1,790 overflows"


def near(got, want, most, what):
    check(abs(got - want) < most, f"{what}: {got}, not {want}")


# -------------------------------------------------------------- what is drawn

@test("an idle and a full listener have PNG pictures in four variants and a page, the fullest first")
def _():
    drawn = Drawn(two_listeners(0), "80", "443", form="png").good()
    equal(drawn.alts(), [f"Port 80: {DROPPED}; {OF_80}", "Port 443: queue at most 0 of 4,096, 0 overflows"])
    for name in "overview", "listen_backlog-80", "listen_backlog-443":
        for variant, width in ("", 1720), ("dark", 1720), ("narrow", 716), ("narrow-dark", 716):
            png = Png(drawn.read(os.path.join(variant, f"{name}.png")))
            near(png.size[0], width, 40, f"width of {variant} {name}")
            near(png.size[1], 1000, 450, f"height of {variant} {name}")
            equal(png.corner, b"\x0d\x11\x17" if "dark" in variant else b"\xff\xff\xff", f"corner of {variant} {name}")


@test("an SVG picture has its numbers as title, and the queue fills the scale")
def _():
    drawn = Drawn(two_listeners(0), "80", "443").good()
    full, idle = drawn.svg(), drawn.svg("listen_backlog-443")
    equal(full.title, f"Port 80 on web1: {DROPPED}")
    left, top, right, bottom = full.shapes(QUEUE)[0]
    near(bottom - top, 190, 15, "height of the queue")
    near(right - left, 440, 20, "width of the queue")
    equal((idle.title, idle.shapes(QUEUE)), ("Port 443 on web1: queue at most 0 of 4,096, 0 overflows", []))
    left, top, right, bottom = idle.shapes(QUEUE_LINE, "stroke")[0]
    check(bottom - top < 0.1 and right - left > 640, "a line at the foot")


@test("the scale ends at a short queue that is far below its limit")
def _():
    drawn = Drawn(one_listener([0, 0, 1, 3, 2, 0] * 30, 4096)).good()
    equal(drawn.alts(), ["Port 80: queue at most 3 of 4,096, 0 overflows"])
    left, top, right, bottom = drawn.svg().shapes(QUEUE)[0]
    check(bottom - top > 100, f"height of the queue, {top} to {bottom}")

    class One:
        def __init__(self, highest, limit):
            self.highest, self.limit = highest, limit

        def get(self, reading, field="maximum", default=None):
            return self.limit if reading == "limit" else default
    for highest, limit, top, labels in (
            (0, 4096, 4096, {0: "limit 4,096", 3: "3,072", 6: "2,048", 9: "1,024", 12: "0"}),
            (129, 128, 128, {0: "limit 128", 3: "96", 6: "64", 9: "32", 12: "0"}),
            (300, 511, 511, {0: "limit 511", 12: "0"}), (0, 100000, 100000, {
                0: "limit 100,000", 3: "75,000", 6: "50,000", 9: "25,000", 12: "0"}),
            (6, 5, 6, {2: "limit 5", 12: "0"}), (1, 0, 1, {0: "1", 12: "0"}),
            (3, 4096, 3, {0: "3", 4: "2", 8: "1", 12: "0"}), (2000, 511, 2044, {9: "limit 511", 12: "0"}),
            (41, 4096, 40, {0: "40", 3: "30", 6: "20", 9: "10", 12: "0"}), (60, 511, 60, {
                0: "60", 4: "40", 8: "20", 12: "0"})):
        bounds, shown = pictures.queue_axis(One(highest, limit), 12)
        equal((round(bounds.top), bounds.labels), (top, labels), f"axis of {highest} of {limit}")
        equal(shown, any("limit" in text for text in labels.values()) or not limit, f"the limit {limit} is shown")
    for highest, labels in ((13.2, "20 15 10 5 0"), (0.021, "0.04 0.03 0.02 0.01 0"), (0, "1 0"),
                            (7250, "8,000 6,000 4,000 2,000 0")):
        bounds = drawing.axis(highest, 4)
        equal(" ".join(bounds.labels[row] for row in sorted(bounds.labels)), labels, f"axis to {highest}")


@test("unknown values are a gap with a grey area, values still to come are not")
def _():
    picture = Drawn(one_listener([9] * 60 + [None] * 60 + [9] * 60, 10)).good().svg()
    first, second = sorted(picture.shapes(QUEUE))
    near(second[0] - first[2], (second[2] - first[0]) / 3, 10, "the gap")
    (left, _, right, _), = [box for box in picture.shapes(GREY) if box[3] - box[1] > 150]
    near(left, first[2], 3, "the beginning of the grey area")
    near(right, second[0], 3, "its end")


def tall(picture, colour, least=150):
    return [box for box in picture.shapes(colour) if box[3] - box[1] > least]


@test("a dead collectd is grey from its last value to the end, and the title says since when")
def _():
    drawn = Drawn(namespace(one_listener([10] * 90, 10), samples=90)).good()
    picture = drawn.svg()
    (queue,), ((left, _, right, _),) = picture.shapes(QUEUE), tall(picture, GREY)
    near(left, queue[2], 3, "the beginning of the grey area")
    near(right - left, queue[2] - queue[0], 10, "its width")
    equal(picture.title, "Port 80 on web1: no values since 22:28; before: 90.9\u00a0% full, nothing dropped")
    equal(drawn.svg("overview").title, "web1: no values since 22:28; port 80: 90.9\u00a0% full, nothing dropped")
    mentions(drawn.page().text, "No values since 22:28.", "collectd on this host has stopped")


@test("values still to come, or that rrdcached may keep, are neither a gap nor missing")
def _():
    start = int(time.time()) // STEP * STEP - 1800
    datadir = scratch()
    listener(datadir, "80", [9] * 170, 10, start=start)
    namespace(datadir, samples=170, start=start)
    drawn = Drawn(datadir, span=(start, "now")).good()
    equal((tall(drawn.svg(), GREY), "No values" in drawn.page().text), ([], False), "grey areas")


def dead(datadir, host, name="80", queue=0, samples=90, start=START):
    """A host with collectd dead since then."""
    listener(datadir, name, [queue] * samples, 10, host=host, start=start)
    namespace(datadir, host=host, samples=samples, start=start)


@test("hosts without values come first, then those with a listener that nobody listens on, and none vanishes")
def _():
    datadir = two_listeners()
    dead(datadir, "idle")
    dead(datadir, "long", start=START - 86400)
    listener(datadir, "25", [0] * 120 + [None] * 60, 50, host="mail", **{"count-sockets": [1] * 120 + [0] * 60})
    namespace(datadir, host="mail")
    listener(datadir, "25", constant(0), 50, host="calm")
    namespace(datadir, host="calm")
    drawn = Drawn(datadir, "--all-hosts")
    drawn.bad("Port 80 on long", "no values from")
    equal([link["href"].partition("/")[0] for link in drawn.page().all("a")], ["idle", "long", "mail", "web1", "calm"])
    mentions(drawn.page().text, "5 hosts, 2 without values at the end, 1 with a listener that nobody listens on, "
             "1 with a full listener.", "no values since 22:28", "no values since 2023-11-13 22:28",
             "port 25: nobody listens since 22:33", f"port 80: {DROPPED}")
    mentions(Page(drawn.read("long/index.html").decode()).text, "No values since 2023-11-13 22:28.", "1 listener.")
    equal(Svg(drawn.read("long/overview.svg")).title, "long: no values since 2023-11-13 22:28")


@test("no listening socket is a black band, also after a listener that was only found, and comes first")
def _():
    datadir = namespace(scratch())
    listener(datadir, "80", [11] * 180, 10)
    for port, *times in (81, 90, 90), (82, 60, 1), (83, 60, 60, 60):
        there = [i % 2 == 0 for i, count in enumerate(times) for _ in range(count)]
        listener(datadir, str(port), [0 if listens else None for listens in there], 10, **{
            "count-sockets": list(map(int, there))})
    listener(datadir, "84", [0] * 60, 10)
    drawn = Drawn(datadir).good()
    equal(drawn.headlines(), {
        "Port 84": "no values since 22:23", "Port 81": "nobody listens since 22:28",
        "Port 82": "nobody listens since 22:23", "Port 80": "queue full",
        "Port 83": "nobody listened for 10\u00a0min"}, "the worst first")
    mentions(drawn.page().text, "5 listeners, 1 of them without values at the end, nobody listens on 2 of them, "
             "1 of them full at some time, ")
    width = 651
    for port, begin, end in (81, 1 / 2, 1), (82, 1 / 3, 1), (83, 1 / 3, 2 / 3):
        picture = drawn.svg(f"listen_backlog-{port}")
        (left, _, right, _), = tall(picture, BLACK)
        near((right - left) / width, end - begin, 0.02, f"width of the band of {port}")
        equal(tall(picture, GREY), [], f"grey areas of {port}")
    equal([tall(drawn.svg("listen_backlog-84"), BLACK), len(tall(drawn.svg("listen_backlog-84"), GREY))], [[], 1])


def steps(*values):
    """A value in each of equal parts of the time."""
    return [value for value in values for _ in range(SAMPLES // len(values))]


INCIDENTS = (
    ("too few workers", {"queue": steps(0, 65, 65), "limit": 64, "overflows": 1800, "percent-busy": steps(0, 100, 100),
                         "duration-wait": steps(0, 13.2, 13.2), "queue_length-abandoned": steps(0, 3, 3)},
     "1,790 dropped, clients wait 13.2\u00a0s, 3 have left: too few or too slow workers"),
    ("a long backlog", {"queue": steps(0, 900, 1300), "limit": 4096, "duration-wait": steps(0, 20, 43),
                        "queue_length-abandoned": steps(0, 0, 21)},
     "clients wait 43\u00a0s, 21 have left: too few or too slow workers"),
    ("one member stuck", {"queue": steps(0, 129, 129), "limit": 515, "overflows": 400, "percent-busy": constant(100),
                          "percent-fill": steps(0, 100, 100), "count-sockets": constant(4),
                          "count-full": steps(0, 1, 1), "duration-wait": [10 * i for i in range(180)]},
     "1 of 4 sockets full, 398 dropped: it accepts nobody"),
    ("accepts nobody", {"queue": steps(0, 0, 50), "limit": 128,
                        "duration-wait": [0] * 120 + [10 * i for i in range(60)]},
     "clients wait 590\u00a0s: it accepts nobody"),
    ("15 times too slow", {"queue": [5 * i for i in range(180)], "limit": 4096,
                           "duration-wait": [i * 140 / 15 for i in range(180)]},
     "clients wait 1,671\u00a0s: too few or too slow workers"),
    ("never empty without inspection", {"queue": constant(20), "limit": 4096, "percent-busy": constant(100)},
     "queue never empty for 30\u00a0min: too few or too slow workers"),
    ("gone clients and too few workers", {
        "queue": [50 * i for i in range(180)], "limit": 16384, "duration-wait": [5 * i for i in range(180)],
        "queue_length-abandoned": [40 * i for i in range(180)]},
     "clients wait 895\u00a0s, 7,160 have left: too few or too slow workers"),
    ("serves the dead", {"queue": steps(0, 900, 800), "limit": 1024, "duration-wait": steps(0, 43, 40),
                         "queue_length-abandoned": steps(0, 851, 790)},
     "clients wait 43\u00a0s, 851 have left: it serves clients that have left"),
    ("bursts", {"queue": constant(0), "limit": 16, "overflows": 120, "percent-busy": steps(0, 5, 0),
                "percent-fill": steps(0, 100, 0), "duration-wait": constant(0)},
     "119 dropped: bursts over the backlog"),
    ("clamped", {"queue": constant(0), "limit": 4096, "overflows": 120, "percent-busy": steps(0, 5, 0),
                 "percent-fill": steps(0, 100, 0)},
     "119 dropped: bursts over the backlog; the limit equals net.core.somaxconn"),
    ("SYN queue", {"queue": constant(0), "limit": 128, "derive-drops": counter(29310)},
     "29,147 dropped: the SYN queue is full, without SYN cookies"),
    ("a full UNIX socket", {"queue": steps(0, 8, 8), "limit": 7, "unix": True, "percent-busy": steps(0, 100, 100)},
     "queue full: too few or too slow workers"),
    ("nearly full", {"queue": steps(0, 95, 0), "limit": 99}, "95\u00a0% full, nothing dropped"),
    ("half full", {"queue": steps(0, 50, 0), "limit": 99}, "50\u00a0% full, nothing dropped"),
    ("one waits of one", {"queue": steps(0, 1, 0), "limit": 1}, "queue at most 1 of 1, 0 overflows"),
    ("healthy", {"queue": steps(0, 2, 3), "limit": 511, "percent-busy": constant(10)}, "queue at most 3 of 511"),
)


@test("each kind of incident has the worst thing and its cause as its title, and on the page")
def _():
    datadir = namespace(scratch(), **{"derive-syn_drops": counter(29310)})
    for name, values, _ in INCIDENTS:
        listener(datadir, name, **values)
    drawn = Drawn(datadir).good()
    found = drawn.headlines()
    for name, _, words in INCIDENTS:
        check(found[f"Listener {name}"].startswith(words), f"{name}: {found[f'Listener {name}']}, not {words}")
        mentions(drawn.svg(f"listen_backlog-{name.replace(' ', '=20')}").title, words)
    equal(list(found)[-5:], [f"Listener {name}" for name in (
        "nearly full", "never empty without inspection", "half full", "one waits of one", "healthy")], "the order")
    text = drawn.page().text
    for name, _, words in INCIDENTS[:-3]:
        mentions(text, words[0].upper() + words[1:] + ".")


@test("the causes have the words of the plugin's table")
def _():
    table = dict(re.findall(r'#define LB_TITLE_(\w+)\s+(?:\\\s+)?"(.*)"', source("src/base", "causes.h")))
    equal({name: getattr(findings, name) for name in ("SLOW", "STUCK", "BURSTS", "CLAMPED")} | {
        "SYN_QUEUE": findings.SYN, "ABANDONED": findings.LEFT, "GONE": findings.GONE_AWAY},
          {name: table[name] for name in ("SLOW", "STUCK", "BURSTS", "CLAMPED", "SYN_QUEUE", "ABANDONED", "GONE")})


@test("the fill changes its colour at 50, 90 and 100 %, in pictures, strips and the page")
def _():
    datadir = namespace(scratch())
    fills = 49, 50, 89, 90, 99, 100
    for i, fill_ in enumerate(fills):
        listener(datadir, str(80 + i), constant(fill_), 99)
    drawn = Drawn(datadir).good()
    want = [LOW, HALF, HALF, NEAR, NEAR, FULL]
    for i, colour in enumerate(want):
        picture = drawn.svg(f"listen_backlog-{80 + i}")
        equal([each for each in (LOW, HALF, NEAR, FULL) if picture.shapes(each)], [colour], f"{fills[i]} %")
    strips = sorted((box[1], colour, box[3] - box[1]) for colour in set(want)
                    for box in drawn.svg("overview").shapes(colour) if box[2] - box[0] > 400)
    equal([colour for _, colour, _ in strips], want[::-1], "the strips, the fullest first")
    heights = [height for *_, height in strips]
    check(heights[0] > heights[1] > heights[3] > heights[5] > 3, f"a fuller strip is higher, {heights}")
    equal(re.findall(r'class="bar l(\d)"', drawn.read().decode()), list("322110"), "bars")
    thresholds = source("collectd.conf.d", "listen_backlog-thresholds.conf")
    mentions(thresholds, "FailureMax 90\n      Hysteresis 40")  # an alert begins at 90 and ends at 50


@test("of sixty listeners the forty worst have a strip in the picture of the host, and each has a row")
def _():
    datadir = namespace(scratch())
    for i in range(60):
        for reading, value in ("queue_length-queue", 3), ("queue_length-limit", 2), ("percent-fill", 100):
            archive(f"{folder(datadir, str(8000 + i))}/{reading}.rrd", [value if i < 40 else 0] * 2)
    picture = Drawn(datadir, span=(START, START + 20))
    strips = picture.good().svg("overview").shapes(FULL)
    equal(len(strips), 40, "strips")
    check(all(box[3] - box[1] > 10 for box in strips), "they are high enough")
    equal(len([attrs for attrs in picture.page().all("th") if attrs.get("scope") == "row"]), 60, "rows")


@test("several sockets, active connections and the arrivals of the namespace are drawn if they were measured")
def _():
    datadir = namespace(scratch(), **{"derive-arrivals": counter(9000)})
    listener(datadir, "80", constant(1), 4096, **{
        "count-sockets": constant(4), "count-full": steps(0, 1, 0), "current_connections-active": constant(17)})
    listener(datadir, "81", constant(1), 4096, **{"count-sockets": constant(1), "count-full": constant(0)})
    drawn = Drawn(datadir).good()
    for port, there in (80, True), (81, False):
        picture = drawn.svg(f"listen_backlog-{port}")
        equal([bool(picture.shapes(colour, attribute)) for colour, attribute in (
            (FULL, "fill"), (SOCKETS, "stroke"), (ACTIVE, "fill"))], [there] * 3, port)
    equal(bool(drawn.svg("overview").shapes(ARRIVALS)), True, "arrivals")
    mentions(" ".join(drawn.alts()), "up to 17 active", "1 of 4 sockets full")


@test("listeners without a queue and a drop fold into the table, and one that is named has its picture")
def _():
    datadir = two_listeners(0)
    for port in range(8000, 8020):
        listener(datadir, str(port), constant(0), 10)
    drawn = Drawn(datadir).good()
    equal([len(drawn.page().all("img")), len(drawn.page().all("details"))], [2, 1], "pictures")
    equal(sorted(os.listdir(drawn.dir)), ["dark", "index.html", "listen_backlog-80.svg", "narrow", "narrow-dark",
                                          "overview.svg"], "files")
    mentions(drawn.page().text, "21 listeners without a queue and without a drop", "8019", "22 listeners, 1 of them ")
    equal(len(Drawn(datadir, "8000", "443").good().alts()), 2, "named")


def contrast(one, other):
    """As WCAG 2 defines it."""
    def luminance(colour):
        parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        return sum(share * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
                   for share, c in zip((0.2126, 0.7152, 0.0722), parts))
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@test("text has a contrast of 4.5 : 1 and what is drawn of 3 : 1 in both themes, and a colour means one thing")
def _():
    for theme, colours in ("light", drawing.LIGHT), ("dark", drawing.DARK):
        page = style.PAGE[theme]
        for back, texts in (page["back"], ("text", "soft", "link", "bad")), (page["note"], ("text",)):
            for text in texts:
                check(contrast(page[text], back) >= 4.5, f"{theme}: {text} on {back}")
        check(contrast(colours["axis"], colours["back"]) >= 4.5, f"{theme}: axis")
        drawn = {name: colours[name] for name in (*readings.LISTENER, "arrivals", NOBODY)}
        for name, colour in [*drawn.items(), *enumerate(colours["levels"])]:
            if name not in ("queue", "abandoned"):  # areas below a line
                check(contrast(colour, colours["back"]) >= 3, f"{theme}: {name}, {contrast(colour, colours['back'])}")
        alike = [{"full", "overflows"}, {"limit", NOBODY}]
        for name, colour in drawn.items():
            same = {other for other in drawn if drawn[other] == colour}
            check(len(same) == 1 or same in alike, f"{theme}: one colour for {same}")
        check(not set(colours["levels"][1:3]) & set(drawn.values()), "colours of steps")


@test("long labels are shortened on the page, and the whole one is a tooltip")
def _():
    name = "run-" + "very-" * 20 + "long.sock"
    datadir = namespace(scratch())
    listener(datadir, name, constant(3), 10)
    listener(datadir, "25", constant(1), 10)
    page = Drawn(datadir).good().page()
    equal({attrs.get("title") for attrs in page.all("span")} - {None}, {name, f"Listener {name}"})
    check(name not in page.text, "the whole label in the text")


@test("peak, busy, wait, abandoned and syn are drawn and told if their files exist")
def _():
    every = {"queue_length-peak": (PEAK, 8, "stroke"), "percent-busy": (BUSY, 90, "stroke"),
             "duration-wait": (WAIT, 0.5, "fill"), "queue_length-abandoned": (ABANDONED, 2, "fill"),
             "queue_length-syn": (SYN, 7, "fill")}
    ports = {80: [], 90: list(every), **{81 + i: [name] for i, name in enumerate(every)}}
    datadir = namespace(scratch())
    for port, there in ports.items():
        listener(datadir, port, constant(4), 10, **{name: constant(every[name][1]) for name in there})
    drawn = Drawn(datadir).good()
    for port, there in ports.items():
        picture = drawn.svg(f"listen_backlog-{port}")
        equal({name for name, (colour, _, attribute) in every.items() if picture.shapes(colour, attribute)},
              set(there), port)
    texts = ["clients waited in 90\u00a0% of the samples, ", "waits of up to 0.5\u00a0s, ", "up to 2 abandoned, ",
             "up to 7 half-open, "]
    equal(sorted(drawn.alts()), sorted([
        "Port 80: queue at most 4 of 10, 0 overflows", "Port 81: queue at most 8 of 10, 0 overflows",
        *(f"Port {82 + i}: queue at most 4 of 10, {text}0 overflows" for i, text in enumerate(texts)),
        f"Port 90: queue at most 8 of 10, {''.join(texts)}0 overflows"]))
    mentions(drawn.page().text, "90\u00a0%", "0.5\u00a0s", "Longest wait", "half-open conn")
    text = Drawn(datadir, 80).good().page().text
    for word in "Busy", "Longest wait", "half-open", "abandoned", "peak\n":
        check(word not in text, f"{word} on the page of a listener without it")


@test("the peak is the upper edge of the pale area, if it is known")
def _():
    picture = Drawn(one_listener(constant(4), 10, **{"queue_length-peak": [None] * 90 + [8] * 90})).good().svg()
    (queue,), (pale,) = picture.shapes(QUEUE), picture.shapes(QUEUE_MAX)
    (left, top, right, bottom), = picture.shapes(PEAK, "stroke")
    near(pale[3] - pale[1], 2 * (queue[3] - queue[1]), 2, "height of the pale area")
    near(pale[0], queue[0], 1, "its left edge")
    near(pale[2], queue[2], 1, "its right edge")
    near(top, pale[1], 1, "the peak")
    near(bottom, top, 1, "the line")
    near(left, (queue[0] + queue[2]) / 2, 5, "its beginning")


@test("fill and busy share a scale from 0 to 100 %")
def _():
    picture = Drawn(one_listener(constant(4), 99, **{
        "percent-fill": constant(25), "percent-busy": constant(50), "queue_length-queue": constant(0)})).good().svg()
    (_, busy, _, _), = picture.shapes(BUSY, "stroke")
    (_, top, _, bottom), = picture.shapes(LOW)
    near(bottom - top, (bottom - busy) / 2, 1, "fill, half of busy")
    near(bottom - top, 16, 2, "fill, a quarter of the panel")


@test("without an inspection there is a gap in wait, syn and abandoned alone")
def _():
    seldom = [3] * 60 + [None] * 60 + [3] * 60
    picture = Drawn(one_listener(constant(9), 10, **{
        "duration-wait": seldom, "queue_length-syn": seldom, "queue_length-abandoned": seldom,
        "percent-busy": constant(100)})).good().svg()
    equal([len(picture.shapes(colour)) for colour in (QUEUE, WAIT, SYN, ABANDONED)], [1, 2, 2, 2], "areas")
    inspected = picture.shapes(WAIT) + picture.shapes(SYN)
    grey = [box for box in picture.shapes(GREY) if box[2] - box[0] > 50]
    equal(len(grey), 2, f"grey areas, {grey}")
    for box in grey:
        check(any(abs(box[3] - other[3]) < 1 and abs(box[0] - other[2]) < 3 for other in inspected),
              f"{box} beside one of {inspected}")


@test("it is no error that a UNIX socket has no drops and overflows")
def _():
    datadir = namespace(scratch())
    for i, name in enumerate(("run-gunicorn.sock", "@shop")):
        listener(datadir, name, constant(3 - i), 7, unix=True, **{
            "queue_length-peak": constant(5 - i), "percent-busy": constant(20), "queue_length-abandoned": constant(1)})
    drawn = Drawn(datadir).good()
    told = "clients waited in 20\u00a0% of the samples, up to 1 abandoned"
    equal(drawn.alts(), [f"Listener run-gunicorn.sock: queue at most 5 of 7, {told}",
                         f"Listener @shop: queue at most 4 of 7, {told}"])
    for name in "run-gunicorn.sock", "=40shop":
        picture = drawn.svg(f"listen_backlog-{name}")
        equal([bool(picture.shapes(colour)) for colour in (QUEUE, ABANDONED, LOW, WAIT, SYN, OVERFLOWS)],
              [True] * 3 + [False] * 3, f"panels of {name}")
    equal(Drawn(datadir, "@shop").good().alts(), drawn.alts()[1:], "chosen")


@test("a listener without a socket has a picture of its counters")
def _():
    datadir = namespace(scratch())
    for reading in "count-sockets", "derive-drops", "derive-overflows":
        archive(f"{folder(datadir, '80')}/{reading}.rrd", constant(0))
    equal(Drawn(datadir).good().alts(), ["Port 80: nobody listens; no listening socket, 0 overflows"])


@test("over days the picture shows the highest value in each pixel")
def _():
    drawn = Drawn(one_listener(([1] * 59 + [100]) * 3, 128), span=(END - 3 * 86400, END)).good()
    mentions(drawn.alts()[0], "at most 100 of 128")
    high, mean = (max(bottom - top for _, top, _, bottom in drawn.svg().shapes(colour))
                  for colour in (QUEUE_MAX, QUEUE))
    check(high > 10 * mean, f"highest {high}, average {mean}")


# ------------------------------------------------------------------ namespaces

def three_namespaces():
    """A host with namespaces: "blue" with two listeners, "green" without, and "blue:deep" with one. "red:80" is not
    in a namespace."""
    datadir = two_listeners()
    listener(datadir, "red:80", constant(2), 128)
    listener(datadir, "blue:80", constant(10), 19, overflows=400)
    listener(datadir, "blue:run-x.sock", constant(1), 19, unix=True)
    listener(datadir, "blue:deep:80", constant(4), 19)
    for name, overflows in ("blue", 500), ("green", 0), ("blue:deep", 30):
        namespace(datadir, overflows, name=name)
    deep = folder(datadir, "blue:deep")
    os.unlink(f"{deep}/queue_length-somaxconn.rrd")
    archive(f"{deep}/derive-overflows_unattributed.rrd", constant(0))
    return datadir


def outline(drawn):
    """The headings of a page, and the alt texts of its pictures, in order."""
    return [html.unescape(heading or "  " + alt.partition(":")[0]) for heading, alt in re.findall(
        r'<h[23]>([^<]*)</h|<img [^>]*alt="([^"]*)', drawn.read().decode())]


@test("each network namespace has an overview, and its listeners below it")
def _():
    drawn = Drawn(three_namespaces()).good()
    equal(outline(drawn), [
        "The network namespace of collectd", "  Highest fill of the listeners of web1, the worst first",
        "Port 80", "  Port 80", "Listener red:80", "  Listener red", "Port 443", "  Port 443",
        "Network namespace blue", "  Highest fill of the listeners of blue on web1, the worst first",
        "Port 80 in blue", "  Port 80 in blue", "Listener run-x.sock in blue", "  Listener run-x.sock in blue",
        "Network namespace blue:deep", "  Highest fill of the listeners of blue",
        "Port 80 in blue:deep", "  Port 80 in blue",
        "Network namespace green", "  Highest fill of the listeners of green on web1, the worst first",
        "How to read the graphs"], "the page")
    page = drawn.page()
    ids = page.attributes("id")
    equal(len(set(ids)), len(ids), f"ids are used once, {ids}")
    equal({link["href"] for link in page.all("a")}, {"#" + each for each in ids}, "links")
    mentions(page.text, "6 listeners, 1 of them full at some time, 2,317 overflows in 4 network namespaces.")
    equal([drawn.svg(name).title for name in (
        "overview", "listen_backlog-blue", "listen_backlog-green", "listen_backlog-blue=3A80")], [
        f"web1: port 80: {DROPPED}", "blue on web1: port 80 in blue: 398 dropped, queue full",
        "green on web1: 0 overflows in green", "Port 80 in blue on web1: 398 dropped, queue full"], "titles")
    equal([bool(drawn.svg("listen_backlog-blue").shapes(colour)) for colour in (HALF, LOW, NEAR)], [True, True, False],
          "strips of two listeners in blue")


@test("a page with one network namespace has no list of namespaces")
def _():
    drawn = Drawn(two_listeners()).good()
    check("amespace" not in drawn.read().decode(), "the page")
    equal([tag for tag, _ in drawn.page().tags if tag in ("h2", "h3")], ["h2"] * 3, "headings")
    only = Drawn(three_namespaces(), "blue:80").good()
    equal(outline(only), ["Network namespace blue", "  Highest fill of the listeners of blue on web1, the worst first",
                          "Port 80 in blue", "  Port 80 in blue", "How to read the graphs"], "the page")
    mentions(only.page().text, "497 overflows in blue.")


@test("the name of a namespace selects all listeners in it")
def _():
    datadir = three_namespaces()
    equal([line for line in outline(Drawn(datadir, "443", "blue").good()) if not line.startswith(" ")],
          ["The network namespace of collectd", "Port 443", "Network namespace blue", "Port 80 in blue",
           "Listener run-x.sock in blue", "How to read the graphs"])
    Drawn(datadir, "80", "green").bad("'green'", "web1", "blue:80")


@test("a namespace that ended before the time is an error only if asked for")
def _():
    datadir = three_namespaces()
    for name in "80", "443", "red:80":
        shutil.rmtree(folder(datadir, name))
        listener(datadir, name, constant(1) * 2, 128)
    shutil.rmtree(folder(datadir))
    namespace(datadir, samples=2 * SAMPLES)
    text = Drawn(datadir, span=(END + 60, END + STEP * SAMPLES)).good().page().text
    mentions(text[text.index("Ended before this time"):], *(
        f"{name} (2023-11-14 22:43)" for name in ("blue", "blue:80", "green", "blue:deep")))
    check("Network namespace" not in text, "a section of one that has gone")
    drawn = Drawn(datadir, "80", "blue", span=(END + 60, END + 900))
    equal((drawn.run.returncode, len(drawn.errors)), (1, 3), f"errors, {drawn.errors}")
    mentions(drawn.run.stderr, "Network namespace blue on web1: no values from")


@test("the list of hosts counts the overflows of all their namespaces")
def _():
    datadir = three_namespaces()
    listener(datadir, "25", constant(1), 50, host="mail")
    namespace(datadir, 40, host="mail")
    mentions(Drawn(datadir, "--all-hosts").good().page().text,
             f"web1100\u00a0%802,317port 80: {DROPPED}; 1 more in trouble\nmail1.96\u00a0%2540\n")


@test("each drawn reading has its type and name in the plugin's table, and the man page has every option and reading")
def _():
    there = {owner: {name for name, _, its, _ in listed_readings() if its == owner}
             for owner in ("listener", "namespace")}
    for drawn, owner in (readings.LISTENER, "listener"), (readings.NAMESPACE, "namespace"):
        files = [reading.file for reading in drawn.values()]
        equal([name.partition("-")[2] for name in files], list(drawn), "readings and files")
        check(set(files) <= there[owner], f"a {owner} has {files}")
    check(set(readings.ONLY_NAMESPACE) <= there["namespace"] - there["listener"], "readings of a namespace alone")
    mentions(source("configure.ac"), f"[{lbgraph.VERSION}]")
    man = source("man", "listen_backlog-graph.1").replace("\\-", "-")
    options = set(re.findall(r"--([a-z-]+)", command(GRAPH, "--help")))
    check(len(options) > 9, f"options, {options}")
    mentions(man, *(f"Fl -{option}" for option in options), *(
        f".It {reading}\n" for reading in set(readings.LISTENER) - {"sockets"}))


# --------------------------------------------------------------- what is wrong

def huge(head, path):
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(1 << 33)


@test("each broken or missing RRD file, or what is none, is one error, which names it, and the rest is drawn")
def _():
    def spoiled(spoil):
        def make(path):
            with open(path, "r+b") as file:
                spoil(file)
        return make

    def replaced(make, *args):
        def remake(path):
            os.unlink(path)
            make(*args, path)
        return remake
    broken = [
        (spoiled(lambda file: file.truncate(900)), "cannot read"), (spoiled(lambda file: file.truncate(9000)), "too small"),
        (spoiled(lambda file: file.write(b"garbage" * 40)), "not an RRD"),
        (spoiled(lambda file: file.truncate(0)), "it is empty"), (replaced(os.mkfifo), "not a regular file"),
        (replaced(os.mkdir), "Is a directory"), (replaced(os.symlink, "/dev/zero"), "not a regular file"),
        (replaced(os.symlink, "nothing"), "No such file or directory"),
        (replaced(os.symlink, "queue_length-queue.rrd"), "Too many levels of symbolic links"),
        (replaced(os.symlink, "/proc/self/mem"), "Input/output error"), (replaced(huge, b"RRD\0"), "more than 64 MB"),
        (replaced(huge, b""), "not an RRD")]
    datadir = two_listeners()
    paths = []
    for port, (spoil, _) in enumerate(broken, 8000):
        listener(datadir, port, constant(1), 10, overflows=30 if port < 8004 else 0)
        paths.append(f"{folder(datadir, port)}/queue_length-queue.rrd")
        spoil(paths[-1])
    drawn = Drawn(datadir)
    equal((drawn.run.returncode, len(drawn.errors), len(drawn.alts())), (1, len(broken), 2 + 4),
          f"exit status, errors and pictures, {drawn.errors}")
    for port, (path, (_, why)) in enumerate(zip(paths, broken), 8000):
        error, = [error for error in drawn.errors if f"Port {port} on web1" in error]
        mentions(error, "listen_backlog-graph:", path, "cannot read", why)
        mentions(drawn.page().text, path)
    for port in range(8000, 8004):
        check(f"Port {port}: 30 dropped, queue full; queue unknown, 30 overflows" in drawn.alts(), f"{port} has a picture")
    datadir = two_listeners()
    path = f"{folder(datadir, '443')}/queue_length-limit.rrd"
    os.unlink(path)
    equal(Drawn(datadir).bad("Port 443 on web1", path, "does not exist").alts(),
          [f"Port 80: {DROPPED}; {OF_80}", "Port 443: queue at most 1, 0 overflows"])
    datadir = two_listeners()
    os.mkdir(folder(datadir, "8080"))
    equal(len(Drawn(datadir).bad("Port 8080 on web1", "no RRD files", folder(datadir, "8080")).alts()), 2, "pictures")
    datadir = three_namespaces()
    path = f"{folder(datadir, 'blue')}/derive-overflows.rrd"
    os.truncate(path, 0)
    check("Port 80 in blue" in outline(Drawn(datadir).bad("Network namespace blue on web1", path)), "the rest is drawn")


@test("no values in the time is an error, except for a port closed before it")
def _():
    datadir = two_listeners()
    listener(datadir, "8080", constant(None), 10, unix=True)
    equal(len(Drawn(datadir).bad("Port 8080 on web1", "no values from", folder(datadir, "8080")).alts()), 2, "pictures")
    later = END + 3600, END + 7200
    Drawn(datadir, span=later).bad("any listener on web1", "no values of", f"{datadir}/web1")
    Drawn(datadir, "443", span=later).bad("Port 443 on web1", "no values from")
    datadir = namespace(two_listeners())
    listener(datadir, "8080", constant(1) + constant(2), 10)
    drawn = Drawn(datadir, span=(END + 60, END + STEP * SAMPLES))
    equal((drawn.run.returncode, len(drawn.alts())), (1, 1), "the namespace ended")
    mentions(drawn.page().text, "443")


@test("an unknown host or listener, or several hosts and no choice, is an error with a list, and the rest is drawn")
def _():
    datadir = two_listeners()
    drawn = Drawn(datadir, "8080", "443").bad("'8080'", "web1", "80, 443")
    equal(drawn.alts(), ["Port 443: queue at most 1 of 4,096, 0 overflows"])
    mentions(drawn.page().text, "'8080'")
    listener(datadir, "25", constant(1), 50, host="mail")
    namespace(datadir, host="mail")
    os.mkdir(f"{datadir}/other")
    check(not os.path.exists(Drawn(datadir).bad("mail, web1", "--host").dir), "nothing is drawn")
    Drawn(datadir, "--host", "nope").bad("'nope'", "mail, web1", datadir)
    equal(Drawn(datadir, "--host", "mail").good().alts(), ["Port 25: queue at most 1 of 50, 0 overflows"])
    drawn = Drawn(datadir, "--host", "mail", "--host", "nope").bad("'nope'")
    check(os.path.exists(f"{drawn.dir}/mail/index.html"), "mail is drawn")
    equal([link["href"] for link in Drawn(datadir, "--all-hosts").good().page().all("a")],
          ["web1/index.html", "mail/index.html"], "hosts, fullest first")
    empty = scratch()
    Drawn(empty).bad(empty, "no listen_backlog RRD files")
    Drawn(f"{empty}/nope").bad(f"{empty}/nope", "--datadir")


@test("a wrong time is an error that names the option, a missing rrdtool is one, and --progress counts the pictures")
def _():
    datadir = two_listeners()
    drawn = Drawn(datadir, "--span", "soon", span=None)
    equal((drawn.run.returncode, "'soon'" in drawn.errors[-1]), (2, True), drawn.errors)
    Drawn(datadir, span=("soon", END)).bad("--start soon")
    Drawn(datadir, span=(END, START)).bad("start")
    equal(len(Drawn(datadir, "--span", "20min", "--end", END, span=None).good().alts()), 2, "pictures")
    run = subprocess.run([sys.executable, GRAPH, "--datadir", datadir], text=True, capture_output=True,
                         env={"PATH": "/nonexistent"}, cwd=scratch())
    equal((run.returncode, run.stderr), (1, "listen_backlog-graph: rrdtool is not installed\n"))
    drawn = Drawn(datadir, "--progress")
    equal((drawn.run.returncode, drawn.errors), (0, ["1 of 3", "2 of 3", "3 of 3"]))


@test("a host may be named index.html, and a folder of pictures among the hosts is none")
def _():
    datadir = two_listeners()
    for host in "index.html", "Index.html":
        listener(datadir, "25", constant(1), 50, host=host)
        namespace(datadir, host=host)
    os.mkdir(f"{datadir}/drawn")
    write(f"{datadir}/drawn/listen_backlog-80.png", "")
    drawn = Drawn(datadir, "--all-hosts").good()
    links = [link["href"] for link in drawn.page().all("a")]
    equal(sorted(links), ["=69ndex.html/index.html", "Index.html/index.html", "web1/index.html"], "links to the hosts")
    check(all(os.path.isfile(f"{drawn.dir}/{link}") for link in links), "they lead to pages")


@test("an error of the output is one line, and changes nothing that was there")
def _():
    datadir, output = two_listeners(), scratch()
    os.mkdir(f"{output}/index.html")
    write(f"{output}/file", "")
    for path, why in ((output, "Is a directory"), (f"{output}/file", "File exists"), ("/proc/x/y", "No such file")):
        run = subprocess.run([GRAPH, "--datadir", datadir, "--start", str(START), "--end", str(END), "--output", path],
                             text=True, capture_output=True)
        equal((run.returncode, run.stderr.count("\n")), (1, 1), run.stderr)
        mentions(run.stderr, path, why)
    equal(sorted(name for name in os.listdir(output) if name.startswith(".")), [], "leftovers")


@test("a run that a signal ends leaves no file and no process, and the pages of the run before it stay")
def _():
    datadir = scratch()
    for port in range(8000, 8008):
        listener(datadir, str(port), constant(4), 10)
    temporary, fresh, used = scratch(), f"{scratch()}/a/b", scratch()
    write(f"{used}/index.html", "the page before")
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        for output in fresh, used:
            program = Process([GRAPH, "--datadir", datadir, "--start", str(START), "--end", str(END),
                               "--output", output], env={"TMPDIR": temporary})
            until(lambda: glob.glob(f"{glob.escape(output)}/.new-*/**/*.png", recursive=True), "a picture is drawn")
            os.kill(program.pid, number)
            equal(program.wait(), 128 + number, "exit status")
            equal((os.listdir(temporary), processes(program.pid), program.text()), ([], {}, ""), "what is left")
        equal((os.listdir(used), content(f"{used}/index.html")), (["index.html"], "the page before"), "the output")
        check(not os.path.exists(os.path.dirname(fresh)), "a new output directory is removed")


UPDATES = """
import fcntl, itertools, os, sys, time
file = os.open(sys.argv[1], os.O_RDWR)
for i in itertools.cycle(range(256)):
    fcntl.lockf(file, fcntl.LOCK_EX)
    os.pwrite(file, bytes([i]) * 1000, 4)
    os.pwrite(file, bytes([i]) * 1000, 1 << 20)
    os.pwrite(file, bytes([i]) * 1000, 4000)
    fcntl.lockf(file, fcntl.LOCK_UN)
    time.sleep(0.003)
"""


@test("a copy of a file holds all of an update or nothing of it, and takes no lock")
def _():
    path = write(f"{scratch()}/x.rrd", "RRD\0" + "\0" * (1 << 20))
    writer = Process([sys.executable, "-c", UPDATES, path])
    until(lambda: content(path)[4] != "\0", "it is updated")
    seen = {(data[4], data[4999], data[-1]) for data in (rrd._content(path) for _ in range(100))}
    note(f"{len(seen)} different copies")
    equal([each for each in seen if len(set(each)) > 1], [], "torn copies")
    check(len(seen) > 1 and writer.running(), "it was updated meanwhile")
    writer.freeze()


@test("what rrdcached has not written yet is drawn")
def _():
    datadir = one_listener([2] * 90, 10)
    socket = f"unix:{datadir}/sock"
    Process(["rrdcached", "-g", "-B", "-b", datadir, "-l", socket, "-w", "3600", "-p", f"{datadir}/pid"])
    until(lambda: os.path.exists(f"{datadir}/sock"), "rrdcached listens")
    command("rrdtool", "update", "--daemon", socket, f"{folder(datadir, '80')}/queue_length-queue.rrd",
            *(f"{START + STEP * i}:8" for i in range(91, 180)))
    for env, highest in ({}, 2), ({"RRDCACHED_ADDRESS": socket}, 8):
        drawn = Drawn(datadir, "80", span=(START, START + 900) if highest == 2 else (START, END), env=env)
        equal(drawn.good().alts(), [f"Port 80: queue at most {highest} of 10, 0 overflows"])


# ------------------------------------------------------------------- the page

ODD = ("my api & <x>", "a'b\"c", "100%:1#2?3", "-x", "ä€", "back\\slash", "n" * 127, "\udcff\udcfe", "80.dark",
       "a=20b", "a b", "blue:80", "\\:", "overview", "<script>alert(1)</script>".replace("/", "|"))


@test("each odd name has its picture, and none breaks the page")
def _():
    datadir = namespace(scratch())
    for i, name in enumerate(ODD):
        listener(datadir, name, constant(40 - i), 99)
    os.rename(f"{datadir}/web1", f"{datadir}/we'b: <1>\n\\:%s")
    for form, chosen in ("png", ()), ("svg", ("--", *ODD)):
        page = Drawn(datadir, *chosen, form=form).good().page()
        equal(page.all("script"), [], "scripts")
        images = page.all("img")[1:]
        equal(len({image["src"] for image in images}), len(ODD), "pictures")
        for i, (name, image) in enumerate(zip(ODD, images)):
            name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            equal(image["alt"], f"Listener {name}: queue at most {40 - i} of 99, 0 overflows")
            check(re.fullmatch(r"[\w.=-]+", image["src"], re.A), f"plain file name {image['src']}")


@test("the page is valid, has all numbers as text, and needs no other server")
def _():
    drawn = Drawn(two_listeners()).good()
    page, text = drawn.page(), drawn.read().decode()
    equal({name for name, _ in page.tags} & {"script", "link", "iframe", "object", "base", "form"}, set(), "tags")
    equal([len(page.all(tag)) for tag in ("main", "h1", "title")], [1, 1, 1], "landmarks")
    equal({cell.get("scope") for cell in page.all("th")}, {"row", "col"}, "scopes of th")
    mentions(page.text, "Highest queue")
    equal(re.findall(r"://|url\(|@import| on\w+=", text), [], "in the page")
    targets = page.attributes("src", "srcset", "href")
    equal(len(targets), 14, f"references, {targets}")
    for target in targets:
        check(target[1:] in page.attributes("id") if target.startswith("#") else
              os.path.isfile(f"{drawn.dir}/{target}"), f"{target} is there")
    check(min(len(image["alt"]) for image in page.all("img")) > 20, "alt texts")
    mentions(page.all("img")[0]["alt"], "80 100 %", "443 0.02 %", "1,790 overflows")
    mentions(page.text, "129 of 128", "1 of 4,096", "2023-11-14 22:13 to 22:43 UTC")


@test("the page says how many listeners were full, in the right number")
def _():
    datadir = two_listeners()
    listener(datadir, "25", constant(51), 50)
    for ports, words in (([], "3 listeners, 2 of them full at some time, 1,790 overflows"),
                         (["443", "80"], "2 listeners, 1 of them full at some time, "),
                         (["80"], "1 listener, full at some time, 1,790 overflows on"),
                         (["443"], "1 listener, never full, 1,790 overflows on")):
        mentions(Drawn(datadir, *ports).good().page().text, words)
    unix = namespace(scratch())
    for name in "@a", "@b":
        listener(unix, name, constant(0), 7, unix=True)
    mentions(Drawn(unix).good().page().text, "2 listeners, none of them full, 0 overflows on the whole host.")


def browse(*args):
    """Runs Chromium without a window."""
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--disable-dev-shm-usage", f"--user-data-dir={scratch()}", *args],
        check=True, capture_output=True, timeout=2 * DEADLINE, env={**os.environ, "PATH": PATH, "HOME": scratch()})


FRAMES = """<!DOCTYPE html><title>two frames</title>
<iframe style="width: 390px; height: 9000px" src="index.html"></iframe>
<iframe style="width: 1280px; height: 9000px" src="index.html"></iframe>
<script>
function lines(cell) {
  const range = cell.ownerDocument.createRange();
  range.selectNodeContents(cell);
  return new Set([...range.getClientRects()].map(box => box.top)).size > 1;
}
async function look(frame) {
  await new Promise(resolve => frame.addEventListener("load", resolve));
  const page = frame.contentDocument;
  const images = [...page.images];
  images.forEach(image => image.loading = "eager");
  const ends = await Promise.allSettled(images.map(i => i.decode()));
  return {wide: page.documentElement.scrollWidth,
          shown: frame.contentWindow.innerWidth,
          loaded: ends.filter(end => end.status == "fulfilled").length,
          broken: [...page.querySelectorAll("td:not(.what, .name, .fill)")].filter(lines).length,
          folders: [...new Set(images.map(image => image.currentSrc.split("/").at(-2)))],
          small: images.filter(i => i.clientWidth < 300).length};
}
Promise.all([...document.querySelectorAll("iframe")].map(look)).then(
    found => fetch("found", {method: "POST", body: JSON.stringify(found)}));
</script>
<img src="wait">
"""


class Site(http.server.ThreadingHTTPServer):
    """Serves a folder on lo. The browser ends after it has reported."""

    def __init__(self, folder_):
        super().__init__(("127.0.0.1", 8000), functools.partial(Request, directory=folder_))
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
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.told.set()

    def log_message(self, *_):
        pass


@test("phone and desktop browsers show the page, light and dark, unscrolled")
def _():
    datadir = two_listeners()
    for name in "my api & <x>", "n" * 127, "8080":
        listener(datadir, name, constant(3), 4096)
    listener(datadir, "9", constant(100000), 100000, overflows=1234567)
    for form in "png", "svg":
        drawn = Drawn(datadir, form=form).good()
        write(f"{drawn.dir}/frames.html", FRAMES)
        for scheme, folders in (1, ["narrow", "127.0.0.1:8000"]), (0, ["narrow-dark", "dark"]):
            with Site(drawn.dir) as site:
                browse("--dump-dom", f"--blink-settings=preferredColorScheme={scheme}",
                       "http://127.0.0.1:8000/frames.html")
            equal(site.found, [{"wide": width, "shown": width, "broken": 0, "loaded": 7, "folders": [variant],
                                "small": 0} for width, variant in zip((390, 1280), folders)], f"{form}, {scheme}")
    for width in 390, 1280:
        for scheme, corner in (1, b"\xff\xff\xff"), (0, b"\x0d\x11\x17"):
            browse(f"--window-size={width},1500", f"--screenshot={drawn.dir}/shot.png",
                   f"--blink-settings=preferredColorScheme={scheme}", f"file://{drawn.dir}/index.html")
            png = Png(drawn.read("shot.png"))
            equal((png.size, png.corner), ((width, 1500), corner), f"screenshot in scheme {scheme}")


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
    busy = fill(Listener(8080, backlog=5), 6)
    Listener(8081, backlog=4096)
    daemon = Collectd('LocalPort "8080" "8081"\nInspectQueue true', interval=1, plugins=["rrdtool"], extra=WRITER)
    daemon.await_reads(2, 0)
    overflow(busy, 17)
    daemon.read()
    equal(daemon.stop(), 0, "the daemon's end")
    drawn = Drawn(f"{daemon.dir}/rrd", "--span", "10min", "8080", "8081", span=None).good()
    equal(nstat("TcpExtListenOverflows"), 17)
    first, second = drawn.alts()
    wait, = re.fullmatch(r"Port 8080: 17 dropped[^;]*; queue at most 6 of 5, full for \d+\ss, clients waited in "
                         r"100\s% of the samples, waits of up to ([\d.]+)\ss, 17 overflows", first).groups()
    check(0 < float(wait) < time.monotonic() - begin, f"wait {wait}")
    equal(second, "Port 8081: queue at most 0 of 4,096, 0 overflows")
    mentions(drawn.page().text, "17 overflows on the whole host")


@test("collectd loses no update while its files are drawn again and again")
def _():
    for port in range(8080, 8086):
        Listener(port, backlog=5)
    # rrdtool refuses most updates of a second with another error, but it locks the file for each.
    daemon = Collectd(interval=0.05, plugins=["rrdtool"], extra=WRITER)
    daemon.await_reads(20, 0)
    until(lambda: os.path.exists(f"{daemon.dir}/rrd/testhost/listen_backlog-8085/queue_length-queue.rrd"), "files")
    end = len(daemon.times()) + 100
    while len(daemon.times()) < end:
        Drawn(f"{daemon.dir}/rrd", "--span", "10min", span=None)
    equal(daemon.log("could not lock"), [], "lost updates")
    with open(f"{daemon.dir}/rrd/testhost/listen_backlog/derive-drops.rrd", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        until(lambda: daemon.log("could not lock"), "a lock makes collectd lose an update")


@test("from the real daemon's files come UNIX sockets and another namespace")
def _():
    UnixListener(b"\0shop", backlog=7).connect(2)
    with Namespace("blue").inside():
        fill(Listener(8080, backlog=3), 2)
    daemon = Collectd('LocalPort 8080\nLocalPath "@shop"\nNetNamespace "blue"\nInspectQueue false', interval=1,
                      plugins=["rrdtool"], extra=WRITER)
    daemon.read()
    equal(daemon.stop(), 0, "the daemon's end")
    drawn = Drawn(f"{daemon.dir}/rrd", "--span", "10min", span=None).good()
    waited = "clients waited in 100\u00a0% of the samples"
    equal([image["alt"] for image in drawn.page().all("img")], [
        "Highest fill of the listeners of testhost, the worst first: @shop 25 %; port 8080: nobody listens; "
        "0 overflows in collectd's namespace", "Port 8080: nobody listens; no listening socket, 0 overflows",
        f"Listener @shop: queue at most 2 of 7, {waited}",
        "Highest fill of the listeners of blue on testhost, the worst first: 8080 50 %; fullest is port 8080 in blue, "
        "50\u00a0%; 0 overflows in blue", f"Port 8080 in blue: queue at most 2 of 3, {waited}, 0 overflows"], "alts")
    # What was never there in another namespace is no trouble.
    mentions(drawn.page().text, "1 listener without a queue and without a drop", "nobody listens on 1 of them")


@test("the demo fills Apache's queue, draws it, and leaves no process, also in a folder with an odd name")
def _():
    work = f"{scratch()}/an [odd] 'name'"
    run = subprocess.run([f"{SRCDIR}/graph/demo.sh", work, os.environ["LB_PLUGIN"], os.environ["LB_PROBE"], "10"],
                         text=True, capture_output=True, timeout=4 * DEADLINE, stdin=subprocess.DEVNULL)
    note(run.stdout)
    equal((run.returncode, run.stderr), (0, ""), "the demo's end")
    mentions(run.stdout, "net.core.somaxconn (128)", "a backlog of 511 and got 128",
             f"{work}/graph/listen_backlog-8080.png", f"{work}/graph/index.html")
    highest, full, overflows = map(int, re.search(
        r"rose to (\d+). In (\d+) of 10 seconds it was full, and the kernel dropped (\d+) ", run.stdout).groups())
    check(highest > 128 and full > 0 and overflows > 50, "an overload")
    busy, wait, abandoned = map(float, re.search(
        r"Clients waited in (\d+) % of the samples, up to ([\d.]+) s. Up to (\d+) connections in the queue had been",
        run.stdout).groups())
    check(30 < busy <= 100 and wait > 1 and abandoned > 5, "what waited")
    mentions(content(f"{work}/graph/index.html"), f"queue at most {highest} of 128, ", "clients waited in ",
             f"up to {abandoned:.0f} abandoned", f"{overflows:,} dropped, clients wait ",
             " have left: too few or too slow workers")
    equal(named(work), [], "processes")


def named(folder_):
    """The processes that have this folder in their arguments."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [path] * (folder_ in content(path))
    return found


@test("a signal ends the demo at once, with all its processes")
def _():
    for number in signal.SIGTERM, signal.SIGINT:
        work = scratch()
        program = Process([f"{SRCDIR}/graph/demo.sh", work, os.environ["LB_PLUGIN"], os.environ["LB_PROBE"], "100"])
        until(lambda: "collectd reads every second" in program.text(), "it runs")
        os.kill(program.pid, number)
        equal(program.wait(), 130, "exit status")
        until(lambda: not processes(program.pid) and not named(work), "its processes end")


@test("the demo works only in a folder that is new, empty or its own")
def _():
    fakes, foreign = scratch(), scratch()
    own = f"{fakes}/own"
    os.chmod(write(f"{fakes}/unshare", "#!/bin/sh\necho not here\nexit 1\n"), 0o755)
    os.mkdir(f"{foreign}/rrd")
    write(f"{foreign}/my.log", "")
    for place, why in (own, "not here"), (own, "not here"), (foreign, f"{foreign} is not empty"):
        run = subprocess.run([f"{SRCDIR}/graph/demo.sh", place, os.environ["LB_PLUGIN"], os.environ["LB_PROBE"], "10"],
                             text=True, capture_output=True, env={**os.environ, "PATH": f"{fakes}:{PATH}"})
        equal(run.returncode, 1, "exit status")
        mentions(run.stderr, why)
    equal(sorted(os.listdir(foreign)), ["my.log", "rrd"], "the foreign folder")


if __name__ == "__main__":
    private_run()
    main()
