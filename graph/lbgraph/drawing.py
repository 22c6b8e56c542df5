# SPDX-License-Identifier: MIT
"""A picture: panels that rrdtool draws, one above the other, with a legend."""
import collections
import math
import os

from .readings import LISTENER
from .rrd import literal, rrdtool, source
from .stack import stack_png, stack_svg
from .words import short

LIGHT = {
    "back": "#ffffff", "text": "#1f2328", "axis": "#59636e",
    "grid": "#0000000f", "major": "#00000022", "gap": "#8c959f30",
    "queue line": "#0072b2", "queue max": "#c4e3f6",
    **{name: reading.light for name, reading in LISTENER.items()},
    "lines": ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e9b000",
              "#56b4e9"),
}
DARK = {
    "back": "#0d1117", "text": "#e6edf3", "axis": "#9da7b3",
    "grid": "#ffffff12", "major": "#ffffff26", "gap": "#8c959f38",
    "queue line": "#7cc7f5", "queue max": "#1c4a6b",
    **{name: reading.dark for name, reading in LISTENER.items()},
    "lines": ("#ee7a24", "#4aa8e0", "#20c997", "#dd93bd", "#f0c53d",
              "#a5d8f7"),
}

Shape = collections.namedtuple(
    "Shape", "width heights title axis legend unit label_width columns")
WIDE = Shape(764, (200, 90), 12, 9, 10, 9, 100, (28, 12, 12, 12, 14))
NARROW = Shape(270, (150, 70), 10, 8, 8, 8, 66, (12, 8, 8, 8, 8))

Variant = collections.namedtuple("Variant", "folder shape colours media")
NARROW_MEDIA, DARK_MEDIA = "(max-width: 640px)", "(prefers-color-scheme: dark)"
VARIANTS = (
    Variant("narrow-dark", NARROW, DARK, f"{NARROW_MEDIA} and {DARK_MEDIA}"),
    Variant("narrow", NARROW, LIGHT, NARROW_MEDIA),
    Variant("dark", WIDE, DARK, DARK_MEDIA),
    Variant("", WIDE, LIGHT, None),
)

MINUTE, HOUR, DAY = 60, 3600, 86400
TIMES = (  # seconds between labels, rrdtool's --x-grid
    (5, "SECOND:1:SECOND:5:SECOND:5:0:%H:%M:%S"),
    (10, "SECOND:2:SECOND:10:SECOND:10:0:%H:%M:%S"),
    (20, "SECOND:5:SECOND:20:SECOND:20:0:%H:%M:%S"),
    (30, "SECOND:10:SECOND:30:SECOND:30:0:%H:%M:%S"),
    (MINUTE, "SECOND:15:MINUTE:1:MINUTE:1:0:%H:%M"),
    (2 * MINUTE, "SECOND:30:MINUTE:2:MINUTE:2:0:%H:%M"),
    (5 * MINUTE, "MINUTE:1:MINUTE:5:MINUTE:5:0:%H:%M"),
    (10 * MINUTE, "MINUTE:2:MINUTE:10:MINUTE:10:0:%H:%M"),
    (20 * MINUTE, "MINUTE:5:MINUTE:20:MINUTE:20:0:%H:%M"),
    (30 * MINUTE, "MINUTE:10:MINUTE:30:MINUTE:30:0:%H:%M"),
    (HOUR, "MINUTE:15:HOUR:1:HOUR:1:0:%H:%M"),
    (2 * HOUR, "MINUTE:30:HOUR:2:HOUR:2:0:%H:%M"),
    (4 * HOUR, "HOUR:1:HOUR:4:HOUR:4:0:%H:%M"),
    (6 * HOUR, "HOUR:1:HOUR:6:HOUR:6:0:%H:%M"),
    (12 * HOUR, "HOUR:3:HOUR:12:HOUR:12:0:%a %H:%M"),
    (DAY, "HOUR:6:DAY:1:DAY:1:86400:%a %d"),
    (2 * DAY, "DAY:1:DAY:2:DAY:2:86400:%a %d"),
    (7 * DAY, "DAY:1:WEEK:1:WEEK:1:0:%d %b"),
    (30 * DAY, "WEEK:1:MONTH:1:MONTH:1:2592000:%b"),
    (90 * DAY, "MONTH:1:MONTH:3:MONTH:3:0:%b %Y"),
    (365 * DAY, "MONTH:3:YEAR:1:YEAR:1:0:%Y"),
    (3652 * DAY, "YEAR:1:YEAR:10:YEAR:10:0:%Y"),
)


def time_grid(seconds, shape, labels):
    """Grid lines at round times, with room for their labels."""
    room = seconds * shape.label_width / shape.width
    grid = next((grid for step, grid in TIMES if step >= room), TIMES[-1][1])
    return grid if labels else ":".join(grid.split(":", 7)[:7]) + ": "


def nice_step(value, parts):
    """1, 2 or 5 times a power of ten, for about that number of parts."""
    step = 10.0 ** math.floor(math.log10(value / parts))
    return next(step * factor for factor in (1, 2, 5, 10)
                if step * factor * parts >= value * 0.999)


Scale = collections.namedtuple("Scale", "top step decimals")


def scale(highest, whole=False, parts=4, room=1.06):
    """A scale from 0 to a little above the highest value."""
    if not highest:
        return Scale(1.05, 1, 0)
    step = nice_step(highest, parts)
    if whole:
        step = max(1, round(step))
    top = max(highest * room, step)
    return Scale(top, step, max(0, -math.floor(math.log10(step) + 1e-9)))


class Panel:
    """One graph of rrdtool, a part of a picture."""

    def __init__(self, unit, bounds, height):
        self.unit, self.bounds, self.height = unit, bounds, height
        self.sources, self.below, self.draws = [], [], []

    def line(self, name, path, function="MAX"):
        self.sources.append(source(name, path, function))
        return name


class Picture:
    """Panels one above the other, and a legend below them."""

    def __init__(self, title, narrow_title, span, variant):
        self.title, self.narrow_title, self.span = title, narrow_title, span
        self.shape, self.colours = variant.shape, variant.colours
        self.panels, self.legend = [], []

    def panel(self, unit, bounds):
        height = self.shape.heights[bool(self.panels)]
        self.panels.append(Panel(unit, bounds, height))
        return self.panels[-1]

    def gaps(self, panel, name, known_until):
        """Grey areas where values are unknown, up to the newest value."""
        panel.sources.append(
            f"CDEF:gap={name},UN,TIME,{known_until},LE,*,INF,UNKN,IF")
        panel.below.append(f"AREA:gap{self.colours['gap']}")

    def gap_row(self, subjects):
        if subjects and all(one.gaps for one in subjects):
            self.row("AREA:*:?", self.colours["gap"], "unknown", [])

    def row(self, style, colour, name, cells):
        """A line of the legend. style draws its key: * is the colour, ? the
        text."""
        first, *rest = self.shape.columns
        text = short(name, first - 1).ljust(first) + "".join(
            cell.rjust(width) for cell, width in zip(cells, rest))
        self.legend.append(
            style.replace("*", "none" + colour, 1).replace(
                "?", literal(text.rstrip()) + "\\l", 1))

    def header(self, *cells):
        self.row("AREA:*:?", "#00000000", "", cells)

    def draw(self, picture_format, folder):
        parts = []
        for panel in self.panels:
            path = os.path.join(folder, f"{len(parts)}.{picture_format}")
            sizes = dict(line.split(" = ", 1) for line in rrdtool(
                *self._arguments(panel, path, picture_format)))
            with open(path, "rb") as file:
                parts.append((file.read(), self._share(panel, sizes)))
        if picture_format == "svg":
            return stack_svg(parts, self.title)
        return stack_png(parts, self.title)

    def _share(self, panel, sizes):
        """The part of a panel's height to keep. Only the last panel keeps the
        labels below its graph."""
        if panel is self.panels[-1]:
            return 1
        top, tall, whole = (int(sizes[name]) for name in (
            "graph_top", "graph_height", "image_height"))
        below = tall / panel.height * self.shape.axis * 0.9  # half a label
        return min(1, (top + tall + below) / whole)

    def _arguments(self, panel, path, picture_format):
        shape, colours = self.shape, self.colours
        first, last = panel is self.panels[0], panel is self.panels[-1]
        fonts = (f"DEFAULT:{shape.axis}:DejaVu Sans",
                 f"TITLE:{shape.title}:DejaVu Sans Bold",
                 f"AXIS:{shape.axis}:DejaVu Sans",
                 f"UNIT:{shape.unit}:DejaVu Sans",
                 f"LEGEND:{shape.legend}:DejaVu Sans Mono")
        shades = {"BACK": "back", "CANVAS": "back", "FONT": "text",
                  "AXIS": "axis", "GRID": "grid", "MGRID": "major"}
        arguments = [
            "graphv", path, "--imgformat", picture_format.upper(),
            "--start", self.span.start, "--end", self.span.end,
            "--width", shape.width, "--height", panel.height,
            "--zoom", "2" if picture_format == "png" else "1",
            "--border", "0", "--disable-rrdtool-tag", "--dynamic-labels",
            "--lower-limit", "0", "--upper-limit", repr(panel.bounds.top),
            "--rigid", "--units-exponent", "0", "--units-length", "6",
            "--left-axis-format", f"%.{panel.bounds.decimals}lf",
            "--y-grid", f"{panel.bounds.step!r}:1",
            "--x-grid", time_grid(self.span.seconds, shape, last),
            "--vertical-label", panel.unit,
            "--color", "FRAME#00000000", "--color", "ARROW#00000000"]
        for where, shade in shades.items():
            arguments += ["--color", where + colours[shade]]
        for font in fonts:
            arguments += ["--font", font]
        if first:
            arguments += ["--title", self.narrow_title if shape is NARROW
                          else self.title]
        if not last:
            arguments.append("--no-legend")
        arguments += panel.sources + panel.below + panel.draws
        if last:
            name = panel.sources[0].split(":")[1].split("=")[0]
            arguments += [f"CDEF:none={name},POP,UNKN", *self.legend]
        return arguments
