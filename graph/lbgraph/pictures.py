# SPDX-License-Identifier: MIT
"""The pictures of a listener and of a network namespace."""
from .drawing import Axis, Picture, axis, limit_axis
from .facts import held
from .findings import IDLE, headline, namespace_headline, rank
from .readings import LEVELS, NOBODY, UNKNOWN
from .words import compact, number, printable, short

STRIPS = 40  # in one picture, the worst first
FEW_IDLE = 6


def cells(one, reading, total=""):
    return [*one.numbers[reading][:3], total]


def nobody(one, sockets, name=""):
    """CDEFs: where no socket of the listener listens. A 0 holds until another
    value comes."""
    return (f"CDEF:held{name}={held(sockets)}",
            f"CDEF:nobody{name}=held{name},UN,0,held{name},1,LT,IF,"
            f"TIME,{one.until},LE,*,1,UNKN,IF")


def bands(picture, panel, one, name):
    """Black where nobody listens, grey where values are unknown otherwise."""
    colours = picture.colours
    unknown = f"{name},UN,TIME,{one.known_until},LE,*"
    if one.get("sockets", "minimum", 1) < 1 or one.nobody:
        sockets = panel.line("sockets0", one.files["sockets"], "MIN")
        panel.sources += nobody(one, sockets)
        panel.value("band", "nobody,UN,UNKN,INF,IF")
        panel.below.append(f"AREA:band{colours[NOBODY]}")
        unknown += ",nobody,UN,*"
        picture.bands.add(NOBODY)
    panel.value("gap", f"{unknown},INF,UNKN,IF")
    panel.below.append(f"AREA:gap{colours[UNKNOWN]}")


def band_rows(picture):
    for band in NOBODY, UNKNOWN:
        if band in picture.bands:
            picture.row("AREA:*:?", picture.colours[band], band, [])


def queue_axis(one, rows, wide=True):
    """The scale, and whether it shows the limit: not if the queue would look
    flat below it."""
    highest = max(one.highest, one.get("abandoned", default=0))
    limit = one.get("limit", "last")
    if limit is None or highest and limit > max(8 * highest, 16):
        return axis(max(highest, 3), rows, whole=True), False
    limit = round(limit)
    named = f"limit {number(limit)}" if wide and limit < 1e7 \
        else compact(limit)
    return limit_axis(limit, highest, rows, named) if limit else \
        axis(max(highest, 1), rows, whole=True), True


def queue_panel(picture, one):
    colours = picture.colours
    bounds, limit_shown = queue_axis(one, picture.rows(), picture.wide)
    panel = picture.panel("connections", bounds)
    if one.get("queue") is None:
        name = panel.line("known", one.files["sockets"])
        panel.draws.append(f"LINE0:{name}")
        return bands(picture, panel, one, name)
    queue = highest = panel.line("queue", one.files["queue"])
    average = panel.line("average", one.files["queue"], "AVERAGE")
    bands(picture, panel, one, queue)
    picture.row("AREA:*:?", colours["queue"], "queue", cells(one, "queue"))
    upper = []
    if one.get("peak") is not None:
        peak = panel.line("peak", one.files["peak"])
        highest = panel.value("highest", f"{peak},UN,{queue},{peak},IF")
        upper.append(f"LINE1.2:{peak}{colours['peak']}")
        picture.row("LINE1.2:*:?", colours["peak"], "peak", cells(one, "peak"))
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
        note = "" if limit_shown else "off scale" if picture.wide else "above"
        picture.row("LINE1.6:*:?:dashes=3,2", colours["limit"], "limit",
                    cells(one, "limit", note))


def percent_axis(rows):
    return Axis(100, 50, {0: "100", rows // 2: "50", rows: "0"})


def percent_panel(picture, one):
    """The fill in the colours of its steps, and busy over it."""
    panel = picture.panel("fill, %", percent_axis(picture.shape.rows[1]))
    colours = picture.colours
    for reading in "fill", "busy":
        if one.get(reading) is not None:
            name = panel.line(reading, one.files[reading],
                              "MAX" if reading == "fill" else "AVERAGE")
    bands(picture, panel, one, name)
    if one.get("fill") is not None:
        for i, step in enumerate(steps(panel, "fill", "f")):
            panel.draws.append(f"AREA:{step}{colours['levels'][i]}")
        picture.words("fill, %", *cells(one, "fill"))
        step_keys(picture, one.get("fill"))
    if one.get("busy") is not None:
        panel.draws.append(f"LINE1.6:busy{colours['busy']}")
        picture.row("LINE1.6:*:?", colours["busy"], "busy, %",
                    cells(one, "busy"))


def steps(panel, fill, name, heights=False):
    """Values for the steps of a fill: the fill itself, or a fixed height."""
    for i, each in enumerate(LEVELS):
        above = [f"{fill},{LEVELS[i + 1].least},LT,*"] if i < 3 else []
        least = f"{fill},0,GT" if i == 0 else f"{fill},{each.least},GE"
        yield panel.value(f"{name}{i}", ",".join([
            least, *above, str(each.height) if heights else fill, "UNKN,IF"]))


def step_keys(picture, highest):
    """The colours of the steps that the fill has reached."""
    picture.keys([(colour, each.name) for colour, each in zip(
        picture.colours["levels"], LEVELS) if highest >= each.least])


def plain_panel(picture, one, reading, title, whole=False):
    """A panel with one reading."""
    panel = picture.panel(title, axis(
        one.get(reading), picture.rows(), whole))
    name = panel.line(reading, one.files[reading])
    colour = picture.colours[reading]
    bands(picture, panel, one, name)
    panel.area(name, colour)
    picture.row("AREA:*:?", colour, title, cells(one, reading))


def sockets_panel(picture, one):
    """How many of several sockets are full."""
    panel = picture.panel("sockets", axis(
        one.get("sockets"), picture.rows(), whole=True))
    bands(picture, panel, one, panel.line("sockets", one.files["sockets"]))
    colours = picture.colours
    panel.draws.append(f"LINE1.6:sockets{colours['sockets']}")
    if one.get("full") is not None:
        panel.area(panel.line("full", one.files["full"]), colours["full"])
        picture.row("AREA:*:?", colours["full"], "full sockets",
                    cells(one, "full"))
    picture.row("LINE1.6:*:?", colours["sockets"], "sockets",
                cells(one, "sockets"))


def drops_panel(picture, one):
    colours = picture.colours
    highest = max(one.get("drops", default=0), one.get("overflows", default=0))
    panel = picture.panel("drops/s", axis(highest, picture.rows()))
    for reading in "drops", "overflows":
        if one.get(reading) is None:
            continue
        name = panel.line(reading, one.files[reading], "AVERAGE")
        if not panel.below:
            bands(picture, panel, one, name)
        panel.area(name, colours[reading])
        picture.row("AREA:*:?", colours[reading], f"{reading}/s", cells(
            one, reading, round(one.get(reading, "total"))))


def listener_picture(one, span, variant):
    title = f"{short(one.title, 50)}: {headline(one)}"
    picture = Picture(title, short(one.label, 36), span, variant)
    picture.words("", "last", "average", "maximum", "total")
    if one.get("queue") is not None or one.get("sockets") == 0:
        queue_panel(picture, one)
    if one.get("fill") is not None or one.get("busy") is not None:
        percent_panel(picture, one)
    if one.get("sockets", default=0) > 1:
        sockets_panel(picture, one)
    if one.get("wait") is not None:
        plain_panel(picture, one, "wait", "wait, s")
    if one.get("syn") is not None:
        plain_panel(picture, one, "syn", "syn", whole=True)
    if one.get("active") is not None:
        plain_panel(picture, one, "active", "active", whole=True)
    if one.get("drops") is not None or one.get("overflows") is not None:
        drops_panel(picture, one)
    if one.gaps or one.late:
        picture.bands.add(UNKNOWN)
    band_rows(picture)
    return picture if picture.panels else None


# ------------------------------------------------------------------- overview

def strip(picture, panel, one, i, base):
    """The steps of a listener's fill, as a strip that begins at this height."""
    colours = picture.colours
    shades = dict(enumerate(colours["levels"]))
    fill, tall = None, LEVELS[-1].height
    if one.get("fill") is not None:
        fill = panel.line(f"fill{i}", one.files["fill"])
        bars = [(each, shades[n])
                for n, each in enumerate(steps(panel, fill, f"f{i}s", True))]
    else:
        bars = []
    known = f"{fill},UN" if fill else "any,UN,0,*,1,+"
    if one.get("sockets", "minimum", 1) < 1 or one.nobody:
        sockets = panel.line(f"s{i}", one.files["sockets"], "MIN")
        panel.sources += nobody(one, sockets, i)
        panel.value(f"n{i}", f"nobody{i},{tall},*")
        bars.append((f"n{i}", colours[NOBODY]))
        known += f",nobody{i},UN,*"
        picture.bands.add(NOBODY)
    time = f"TIME,{one.known_until},LE"
    panel.value(f"u{i}", f"{known},{time},*,{tall},UNKN,IF")
    bars.append((f"u{i}", colours[UNKNOWN]))
    for name, colour in bars:
        panel.draws += [f"LINE0:b{i}", f"AREA:{name}{colour}::STACK"]
    if one.gaps or one.late:
        picture.bands.add(UNKNOWN)
    panel.value(f"b{i}", f"{base:.3f},any,POP")


def strips_panel(picture, shown):
    """A strip for each listener: its label in the middle of the strip."""
    rows = len(shown)
    labels = {}
    panel = picture.panel("", None, rows)
    panel.line("any", next(iter(shown[0].files.values())))
    for i, one in enumerate(shown):
        fill = one.get("fill")
        text = "" if fill is None else f"{number(fill)} %"
        room = picture.left - len(text) - 1
        labels[i] = short(printable(one.own_name), room).ljust(room) + \
            " " + text
        strip(picture, panel, one, i, rows - i - LEVELS[-1].height / 2)
    panel.bounds = Axis(rows, None, labels)
    picture.words("fill, %")
    step_keys(picture, max(one.get("fill", default=0) for one in shown))


def shown_in_strips(namespace):
    """The worst; of those without a queue only a few."""
    busy = sum(rank(one) < IDLE for one in namespace.listeners)
    return namespace.listeners[:min(max(busy, FEW_IDLE), STRIPS)]


def overview_picture(namespace, span, variant):
    shown = shown_in_strips(namespace)
    host = short(namespace.host.label, 36)
    name = short(printable(namespace.name), 36)
    picture = Picture(
        (f"{name} on {host}" if name else host) +
        f": {namespace_headline(namespace)}", name or host, span, variant,
        strips=True)
    picture.words("", "last", "average", "maximum", "total")
    if shown:
        strips_panel(picture, shown)
    others = namespace.listeners[len(shown):]
    if others:
        idle = ", idle" if rank(others[0]) == IDLE else ""
        picture.words(f"{len(others)} more{idle}")
    if namespace.get("arrivals") is not None:
        plain_panel(picture, namespace, "arrivals", "arrivals/s")
    if namespace.get("drops") is not None or \
            namespace.get("overflows") is not None:
        drops_panel(picture, namespace)
    band_rows(picture)
    return picture if picture.panels else None
