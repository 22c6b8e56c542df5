# SPDX-License-Identifier: MIT
"""The pictures of a listener and of a network namespace."""
from .drawing import WIDE, Picture, Scale, scale
from .subjects import with_fill
from .words import compact, count, number, printable, short

OVERVIEW_LINES = 6


def queue_scale(one):
    """The scale, and whether it shows the limit: not if the queue would look
    flat below it."""
    highest = max(one.highest, one.get("abandoned", default=0))
    limit = one.get("limit")
    if limit is None or highest and limit > max(8 * highest, 16):
        return scale(max(highest, 3), whole=True), False
    last = round(one.get("limit", "last"))
    parts = next((n for n in (4, 5, 3, 2) if last % n == 0 and last >= n), 0)
    if parts and limit <= 1.1 * last and highest <= 1.5 * last:
        return Scale(max(limit, highest) * 1.08, last // parts, 0), True
    return scale(max(limit, highest), whole=True, room=1.08), True


def cells(one, reading, total=""):
    found = one.numbers.get(reading)
    return [*(compact(value) for value in found[:3]), total]


def queue_panel(picture, one):
    colours = picture.colours
    bounds, limit_shown = queue_scale(one)
    panel = picture.panel("connections", bounds)
    queue = highest = panel.line("queue", one.files["queue"])
    average = panel.line("average", one.files["queue"], "AVERAGE")
    picture.gaps(panel, queue, one.updated)
    picture.row("AREA:*:?", colours["queue"], "queue", cells(one, "queue"))
    upper = []
    if one.get("peak") is not None:
        peak = panel.line("peak", one.files["peak"])
        highest = "highest"
        panel.sources.append(f"CDEF:highest={peak},UN,{queue},{peak},IF")
        upper.append(f"LINE1.2:{peak}{colours['peak']}")
        picture.row("LINE2:*:?", colours["peak"], "peak", cells(one, "peak"))
    if one.get("abandoned") is not None:
        name = panel.line("abandoned", one.files["abandoned"])
        upper[:0] = (f"AREA:{name}{colours['abandoned']}",
                     f"LINE1:{name}{colours['abandoned']}")
        picture.row("AREA:*:?", colours["abandoned"], "abandoned",
                    cells(one, "abandoned"))
    panel.draws += [f"AREA:{highest}{colours['queue max']}",
                    f"AREA:{average}{colours['queue']}",
                    f"LINE1.2:{average}{colours['queue line']}", *upper]
    if one.get("limit") is not None:
        if limit_shown:
            name = panel.line("limit", one.files["limit"])
            panel.draws.append(f"LINE1.6:{name}{colours['limit']}"
                               ":dashes=7,4")
        note = "" if limit_shown else "off scale" if picture.shape is WIDE \
            else "above"
        picture.row("LINE1.6:*:?:dashes=4,2", colours["limit"], "limit",
                    cells(one, "limit", note))


def percent_panel(picture, one):
    panel = picture.panel("%", Scale(106, 50, 0))
    if one.get("fill") is not None:
        name = panel.line("fill", one.files["fill"])
        colour = picture.colours["fill"]
        panel.draws.append(f"LINE1.6:{name}{colour}")
        picture.row("LINE2:*:?", colour, "fill, %", cells(one, "fill"))
    if one.get("busy") is not None:
        name = panel.line("busy", one.files["busy"], "AVERAGE")
        colour = picture.colours["busy"]
        panel.draws.insert(0, f"AREA:{name}{colour}70")
        picture.row("AREA:*:?", colour, "busy, %", cells(one, "busy"))
    picture.gaps(panel, name, one.updated)


def inspected_panel(picture, one, reading, unit, title, whole=False):
    """A reading of InspectQueue, which may be missing in some intervals."""
    panel = picture.panel(unit, scale(one.get(reading), whole, parts=2))
    name = panel.line(reading, one.files[reading])
    colour = picture.colours[reading]
    picture.gaps(panel, name, one.updated)
    panel.draws += [f"AREA:{name}{colour}60", f"LINE1.2:{name}{colour}"]
    picture.row("AREA:*:?", colour, title, cells(one, reading))


def drops_panel(picture, one):
    colours = picture.colours
    highest = max(one.get("drops", default=0), one.get("overflows", default=0))
    panel = picture.panel("per second", scale(highest, parts=2))
    for reading in "drops", "overflows":
        if one.get(reading) is None:
            continue
        name = panel.line(reading, one.files[reading], "AVERAGE")
        if not panel.below:
            picture.gaps(panel, name, one.updated)
        panel.draws += [f"AREA:{name}{colours[reading]}",
                        f"LINE1:{name}{colours[reading]}"]
        picture.row("AREA:*:?", colours[reading], f"{reading}/s", cells(
            one, reading, compact(round(one.get(reading, "total")))))


def listener_picture(one, span, variant):
    picture = Picture(f"{short(one.title, 50)}: {one.sentence(brief=True)}",
                      short(one.label, 36), span, variant)
    picture.header("last", "average", "maximum", "total")
    if one.get("queue") is not None:
        queue_panel(picture, one)
    if one.get("fill") is not None or one.get("busy") is not None:
        percent_panel(picture, one)
    if one.get("wait") is not None:
        inspected_panel(picture, one, "wait", "seconds", "wait, s")
    if one.get("syn") is not None:
        inspected_panel(picture, one, "syn", "half-open", "syn", whole=True)
    if one.get("drops") is not None or one.get("overflows") is not None:
        drops_panel(picture, one)
    picture.gap_row([one])
    return picture if picture.panels else None


def overview_picture(namespace, span, variant):
    found = with_fill(namespace.listeners)
    shown, others = found[:OVERVIEW_LINES], found[OVERVIEW_LINES:]
    host = short(namespace.host.label, 36)
    name = short(printable(namespace.name), 36)
    picture = Picture(
        (f"{name} on {host}" if name else host) +
        f": {overview_sentence(namespace)}", name or host, span, variant)
    picture.header("last", "average", "maximum", "total")
    if shown:
        panel = picture.panel("fill, %", Scale(104, 25, 0))
    for i, one in enumerate(shown):
        name = panel.line(f"fill{i}", one.files["fill"])
        colour = picture.colours["lines"][i]
        panel.draws.insert(0, f"LINE{1.2 if i else 2.2}:{name}{colour}")
        if not i:
            panel.draws.insert(0, f"AREA:{name}{colour}28")
        picture.row("LINE2.2:*:?", colour, printable(one.own_name),
                    cells(one, "fill"))
    if others:
        picture.row("AREA:*:?", "#00000000", f"{len(others)} more",
                    ["", "", f"≤ {number(others[0].get('fill'))}"])
    if shown:
        panel.sources.append("CDEF:any=" + ",".join(
            [f"fill{i}" for i in range(len(shown))] +
            ["ADDNAN"] * (len(shown) - 1)))
        picture.gaps(panel, "any", max(one.updated for one in shown))
    if namespace.known():
        drops_panel(picture, namespace)
    picture.gap_row(shown)
    return picture if picture.panels else None


def overview_sentence(namespace):
    parts = []
    for one in with_fill(namespace.listeners)[:1]:
        name = one.short_label.lower() if one.own_name.isdecimal() \
            else printable(one.own_name)
        parts.append(f"fullest is {short(name, 40)}, "
                     f"{number(one.get('fill'))} %")
    overflows = namespace.get("overflows", "total")
    if overflows is not None:
        parts.append(f"{count(overflows, 'overflow')} {namespace.where}")
    return "; ".join(parts) or "no values"
