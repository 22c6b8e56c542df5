# SPDX-License-Identifier: MIT
"""A picture: panels that rrdtool draws, one above the other, and a legend.

rrdtool cannot write 100,000 on an axis, nor put a number on a line. So the
numbers left of a panel are a legend at its left side: rows of text, of which
the first is near the top of the graph and another one at its foot."""
import collections
import functools
import math
import os

from .readings import LEVELS, LISTENER, NAMESPACE, NOBODY, UNKNOWN
from .rrd import literal, rrdtool, source
from .stack import stack_png, stack_svg
from .times import time_grid
from .words import compact, exact, number, short


def _colours(shade, **others):
    return {**{name: getattr(reading, shade) for table in (NAMESPACE, LISTENER)
               for name, reading in table.items()},
            "levels": [getattr(each, shade) for each in LEVELS], **others}


LIGHT = _colours("light", **{
    "back": "#ffffff", "text": "#1f2328", "axis": "#59636e",
    "grid": "#0000000f", "major": "#00000018", UNKNOWN: "#8c959f38",
    "queue line": "#0072b2", "queue max": "#c4e3f6", NOBODY: "#1f2328"})
DARK = _colours("dark", **{
    "back": "#0d1117", "text": "#e6edf3", "axis": "#9da7b3",
    "grid": "#ffffff12", "major": "#ffffff1c", UNKNOWN: "#8c959f40",
    "queue line": "#7cc7f5", "queue max": "#1c4a6b", NOBODY: "#f0f6fc"})

# rows: of text beside the upper panel and the others. left: characters beside
# a panel and beside strips. columns: characters of the legend.
Shape = collections.namedtuple(
    "Shape", "width rows left title axis legend unit room columns")
WIDE = Shape(860, (12, 4), (13, 26), 12, 9, 9, 9, 100 / 764,
             (30, 12, 12, 12, 14))
NARROW = Shape(358, (8, 4), (7, 13), 10, 8, 8, 8, 66 / 270,
               (16, 8, 8, 8, 8))

Variant = collections.namedtuple("Variant", "folder shape colours media")
NARROW_MEDIA, DARK_MEDIA = "(max-width: 640px)", "(prefers-color-scheme: dark)"
VARIANTS = (
    Variant("narrow-dark", NARROW, DARK, f"{NARROW_MEDIA} and {DARK_MEDIA}"),
    Variant("narrow", NARROW, LIGHT, NARROW_MEDIA),
    Variant("dark", WIDE, DARK, DARK_MEDIA),
    Variant("", WIDE, LIGHT, None),
)

Geometry = collections.namedtuple("Geometry", "beside pitch first")


@functools.cache
def geometry(shape, characters):
    """What rrdtool adds to the width of a graph with that many characters of
    text at its left side, or with none; and where the rows of text are."""
    side = ("--legend-position=west", "--vertical-label", "x") \
        if characters else ("--x-grid", "none")
    rows = [f"COMMENT:{'x' * (characters or 1)}\\l"] * 2
    found = dict(line.split(" = ", 1) for line in rrdtool(
        "graphv", os.devnull, "--width", 100, "--height", 100, *fonts(shape),
        *BARE, *side, "LINE:0", *rows) if " = " in line)
    (_, top, _, bottom), (_, second, _, _) = (
        map(int, found[f"coords[{i}]"].strip('"').split(",")) for i in (0, 1))
    return Geometry(int(found["image_width"]) - 100, second - top,
                    (top + bottom) / 2 - int(found["graph_top"]))


BARE = ("--border", "0", "--disable-rrdtool-tag", "--units-length", "1",
        "--units-exponent", "0", "--y-grid", "none")


def fonts(shape, title=0):
    for what, size, name in (
            ("DEFAULT", shape.axis, ""),
            ("TITLE", title or shape.title, " Bold"),
            ("AXIS", shape.axis, ""), ("UNIT", shape.unit, ""),
            ("LEGEND", shape.legend, " Mono")):
        yield "--font"
        yield f"{what}:{size}:DejaVu Sans{name}"


# --------------------------------------------------------------------- scales

# top: the value at the first row of text. step: between two lines of the grid.
# labels: {row: text}, in which row 0 is the first.
Axis = collections.namedtuple("Axis", "top step labels")
ROOM = 1.04  # a graph is so much higher than the centre of its first row


def axis(highest, rows, whole=False):
    """From 0 to a round number, not much below or above the highest value."""
    if not highest:
        return Axis(1, 1, {0: "1", rows: "0"})
    most = highest / ROOM
    base = 10.0 ** math.floor(math.log10(most))
    top, step = min((parts * step, step) for parts in (4, 3, 2, 1)
                    if rows % parts == 0
                    for step in (base * n / 100
                                 for n in (10, 20, 25, 50, 100, 200, 500, 1000))
                    if parts * step >= most and (
                        step == round(step) or not whole))
    return Axis(top, step, {round(rows - i * step * rows / top): exact(
        i * step) for i in range(round(top / step) + 1)})


def limit_axis(limit, highest, rows, named):
    """The limit has its number beside its line, and is the top if possible."""
    row = next((row for row in range(rows, 2, -1)
                if rows % row == 0 or limit <= rows
                if limit * rows / row >= highest / ROOM), None)
    if row is None:
        return axis(highest, rows, whole=True)
    parts = next((n for n in (4, 3, 2) if row % n == 0 and limit % n == 0), 1)
    labels = {rows - row * i // parts: number(limit * i / parts)
              for i in range(parts)}
    return Axis(limit * rows / row, limit / (4 if row % 4 == 0 else parts),
                {**labels, rows - row: named})


# ------------------------------------------------------------------- pictures

class Panel:
    """One graph of rrdtool, a part of a picture."""

    def __init__(self, unit, bounds, rows):
        self.unit, self.bounds, self.rows = unit, bounds, rows
        self.sources, self.below, self.draws = [], [], []

    def line(self, name, path, function="MAX"):
        self.sources.append(source(name, path, function))
        return name

    def value(self, name, formula):
        self.sources.append(f"CDEF:{name}={formula}")
        return name

    def area(self, name, colour, line=None):
        self.draws += [f"AREA:{name}{colour}", f"LINE1:{name}{line or colour}"]


class Picture:
    """Panels one above the other, and a legend below them."""

    def __init__(self, title, narrow_title, span, variant, strips=False):
        self.title, self.narrow_title, self.span = title, narrow_title, span
        self.shape, self.colours = variant.shape, variant.colours
        self.wide = self.shape is WIDE
        self.left = self.shape.left[strips]
        self.panels, self.legend, self.bands = [], [], set()

    def rows(self):
        return self.shape.rows[bool(self.panels)]

    def panel(self, unit, bounds, rows=None):
        self.panels.append(Panel(unit, bounds, rows or self.rows()))
        return self.panels[-1]

    def row(self, style, colour, name, cells):
        """A line of the legend. style draws its key: * is the colour, ? the
        text."""
        first, *rest = self.shape.columns
        text = short(name, first - 1).ljust(first) + "".join(
            (cell if isinstance(cell, str) else compact(cell, width - 1)
             ).rjust(width) for cell, width in zip(cells, rest))
        self.legend.append(
            style.replace("*", "none" + colour, 1).replace(
                "?", literal(text.rstrip()) + "\\l", 1))

    def words(self, name, *cells):
        """A line of the legend without a key."""
        self.row("AREA:*:?", "#00000000", name, cells)

    def keys(self, keys):
        """Keys in one line: (colour, text)."""
        self.legend += [f"AREA:none{colour}:{literal(text)}"
                        for colour, text in keys]
        self.legend[-1] += "\\l"

    def draw(self, picture_format, folder):
        parts = []
        for make in *(functools.partial(self._panel, panel)
                      for panel in self.panels), self._legend:
            path = os.path.join(folder, f"{len(parts)}.{picture_format}")
            share = make(path, picture_format)
            with open(path, "rb") as file:
                parts.append((file.read(), share))
        if picture_format == "svg":
            return stack_svg(parts, self.title)
        return stack_png(parts, self.title)

    def _title_size(self):
        """Smaller for a long title, which rrdtool would cut off."""
        size = self.shape.title
        text = self.title if self.wide else self.narrow_title
        return max(size * 0.7, min(size, self.shape.width / len(text) / 0.84))

    def _graph(self, path, picture_format, characters, height, arguments):
        """Draws a graph; returns its measures."""
        shades = {"BACK": "back", "CANVAS": "back", "FONT": "text",
                  "AXIS": "axis", "GRID": "grid", "MGRID": "major"}
        colours = [text for where, shade in shades.items() for text in (
            "--color", where + self.colours[shade])]
        width = self.shape.width - geometry(self.shape, characters).beside
        for _ in range(2):  # once more if a glyph is wider than the others
            sizes = self._draw(path, picture_format, width, height, (
                *colours, *arguments))
            if sizes["image_width"] == self.shape.width:
                break
            width += self.shape.width - sizes["image_width"]
        return sizes

    def _draw(self, path, picture_format, width, height, arguments):
        lines = rrdtool(
            "graphv", path, "--imgformat", picture_format.upper(),
            "--start", self.span.start, "--end", self.span.end,
            "--width", width, "--height", height,
            "--zoom", "2" if picture_format == "png" else "1", "--rigid",
            "--dynamic-labels", "--lower-limit", "0",
            *fonts(self.shape, self._title_size()), "--color",
            "FRAME#00000000", "--color", "ARROW#00000000", *BARE, *arguments)
        return {name: int(value) for name, value in (
            line.split(" = ", 1) for line in lines if " = " in line)
            if name in ("graph_top", "graph_height", "image_height",
                        "image_width")}

    def _panel(self, panel, path, picture_format):
        """Draws a panel. Returns the part of its height to keep: only the last
        panel keeps the labels below its graph."""
        bounds, last = panel.bounds, panel is self.panels[-1]
        its = geometry(self.shape, self.left)
        height = round(its.first + its.pitch * panel.rows)
        top = bounds.top * height / (its.pitch * panel.rows)
        arguments = [
            "--legend-position=west", "--upper-limit", repr(top),
            "--vertical-label", panel.unit or " ", "--x-grid", time_grid(
                self.span.seconds, self.shape.room, last)]
        if panel is self.panels[0]:
            arguments += ["--title", self.title if self.wide
                          else self.narrow_title]
        lines = (f"HRULE:{i * bounds.step!r}{self.colours['major']}"
                 for i in range(1, round(bounds.top / bounds.step) + 1)
                 ) if bounds.step else ()
        texts = (short(bounds.labels.get(row, ""), self.left).rjust(self.left)
                 for row in range(panel.rows + 1))
        sizes = self._graph(
            path, picture_format, self.left, height, (
                *arguments, *panel.sources, *panel.below, *panel.draws, *lines,
                *(f"COMMENT:{literal(text)}\\l" for text in texts)))
        below = sizes["graph_top"] + sizes["graph_height"] + \
            its.pitch * (1.5 if last else 0.5) + 2
        return min(1, below / sizes["image_height"])

    def _legend(self, path, picture_format):
        panel = self.panels[-1]
        name = panel.sources[0].split(":")[1].split("=")[0]
        self._graph(path, picture_format, 0, 10, (
            "--x-grid", "none", "--color", "AXIS#00000000",
            panel.sources[0], f"CDEF:none={name},POP,UNKN", *self.legend))
        return 1
