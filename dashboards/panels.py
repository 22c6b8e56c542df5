# SPDX-License-Identifier: MIT
"""What the dashboards show: this is the place to edit, then `make dashboards`.

Each description of a panel begins with the meaning of the readings it shows,
from the plugin's own table; the text here follows that. A panel's queries
follow from its lines; generate.py has their text for each store."""
import collections

# What a line of a panel shows: a reading of each listener, of the chosen
# listener, or of collectd's own network namespace, and how it is calculated.
Line = collections.namedtuple("Line", "reading of calculation legend")
EACH, CHOSEN, NAMESPACE = "each listener", "the listener", "the namespace"

Panel = collections.namedtuple("Panel", "kind title lines text options")


def each(reading):
    """One line per listener, under the listener's name."""
    return [Line(reading, EACH, "history", None)]


def over_all(calculation, reading, legend=None):
    """One number out of all listeners."""
    return [Line(reading, EACH, calculation, legend or reading)]


def chosen(*readings):
    return [Line(name, CHOSEN, "history", name) for name in readings]


def namespace(*readings):
    return [Line(name, NAMESPACE, "history", name) for name in readings]


def total(lines):
    """What counters counted within the time shown."""
    return [line._replace(calculation="total") for line in lines]


def stat(title, lines, text="", **options):
    return Panel("stat", title, lines, text, options)


def bars(title, lines, text="", **options):
    return Panel("bargauge", title, lines, text, options)


def graph(title, lines, text="", **options):
    return Panel("timeseries", title, lines, text, options)


def all_of(dashboard):
    """The panels of a dashboard, in their order."""
    return dashboard["stats"] + [panel for _, row in dashboard["rows"]
                                 for panel in row]


# The colour of a reading where it is a line of its own, and how it is drawn.
STYLES = {
    "queue": ("blue", "area"),
    "limit": ("red", "dashes"),
    "peak": ("purple", "line"),
    "busy": ("yellow", "line"),
    "fill": ("blue", "area"),
    "sockets": ("blue", "line"),
    "full": ("red", "area"),
    "drops": ("orange", "line"),
    "overflows": ("red", "line"),
    "wait": ("green", "area"),
    "abandoned": ("orange", "area"),
    "syn": ("purple", "line"),
    "syn_drops": ("purple", "line"),
    "syncookies_sent": ("blue", "line"),
    "overflows_unattributed": ("text", "line"),
    "somaxconn": ("red", "dashes"),
}

# Readings whose meaning is told only together with that of another one.
EXPLAINED_AFTER = {"overflows": "drops", "full": "sockets"}

# Thresholds: each colour holds from that value on.
PLAIN = {"green": None}
FULLNESS = {"green": None, "orange": 50, "red": 90}
NONE_IS_GOOD = {"green": None, "red": 1}
NONE_IS_BAD = {"red": None, "green": 1}

AGAIN = ("A client that is turned away comes again after about a second, and "
         "counts again.")
BURST = ("Of all looks within an interval (SampleInterval), so that a burst "
         "shows which is over at the read.")
HOLDS = "A limit of N holds N + 1 connections."
BUSY = ("How often a new client meets a queue. 100 all the time: the server "
        "never catches up.")
FLOOD = "a SYN flood, or clients far away."
LEFT = ("With InspectQueue true. A server still accepts those that have left, "
        "and works for nobody.")
INSPECTED = "Of TCP, with InspectQueue true."

DATA_SOURCE = "Where collectd writes to"

# A dashboard: its stats in a row of eight at the top, then rows of a height
# with one or two panels.
HOST = {
    "title": "Accept queues of a host",
    "link": ("listener", "Listener"),
    "text": "how close each listening socket of a host is to turning clients "
            "away.",
    "stats": [
        stat("Fullest now", over_all("highest", "fill"),
             "The fullest socket of all listeners.", thresholds=FULLNESS),
        stat("Busiest now", over_all("highest", "busy"),
             "The highest of all listeners. " + BUSY),
        stat("Longest wait now", over_all("highest", "wait"),
             "The longest of all listeners. " + INSPECTED),
        stat("Full sockets", over_all("sum", "full"),
             "The sum over all listeners of those that are full.",
             thresholds=NONE_IS_GOOD),
        stat("Overflows", total(namespace("overflows")),
             "Of collectd's own network namespace, in the time shown. " +
             AGAIN, thresholds=NONE_IS_GOOD),
        stat("Listeners served", over_all("above 0", "sockets", "served"),
             "Listeners with at least one socket."),
        stat("Nobody listens", over_all("at 0", "sockets", "not served"),
             "Listeners that the configuration selects and that have none.",
             thresholds=NONE_IS_GOOD),
        stat("net.core.somaxconn", namespace("somaxconn"),
             "It counts at listen(): sockets that listen already keep their "
             "limit."),
    ],
    "rows": [
        (10, [
            bars("Fullest listeners", each("fill"),
                 "The highest in the time shown, the fullest listener first.",
                 width=8),
            graph("Fill by listener", each("fill"),
                  "A listener is as full as its fullest socket. Click a line "
                  "to see the listener alone.", width=16),
        ]),
        (9, [
            graph("Overflows per second by listener", each("overflows"),
                  "Anything but 0 is trouble: here clients are turned away. " +
                  AGAIN + " A line of another network namespace (blue) is the "
                  "sum over all in it (blue:80), reported or not."),
            graph("Peak by listener", each("peak"),
                  BURST + " Near 0 with a server that keeps up."),
        ]),
        (9, [
            graph("Busy by listener", each("busy"), BUSY),
            graph("Waiting time by listener", each("wait"), INSPECTED),
        ]),
        (9, [
            graph("Abandoned connections by listener", each("abandoned"),
                  LEFT),
            graph("Half-open connections by listener", each("syn"),
                  INSPECTED + " Many half-open ones and few that wait: " +
                  FLOOD),
        ]),
        (10, [
            graph("Counters of the network namespace per second",
                  namespace("drops", "overflows", "syn_drops",
                            "syncookies_sent", "overflows_unattributed"),
                  "The kernel's own, of all listeners, reported or not. Drops "
                  "without overflows name no service: do not alert on them."),
            graph("Limit by listener, and somaxconn",
                  each("limit") + namespace("somaxconn"),
                  "A limit on the dashed line is one that the kernel may have "
                  "cut. " + HOLDS + " Several sockets of a listener are "
                  "summed."),
        ]),
    ],
}

LISTENER = {
    "title": "Accept queue of a listener",
    "link": ("host", "Host overview"),
    "text": "the accept queue of one port, one UNIX socket or one <Listener>.",
    "stats": [
        stat("Peak", chosen("peak"),
             "The sum over the sockets of the listener. " + BURST),
        stat("Limit", chosen("limit"), HOLDS),
        stat("Fill", chosen("fill"), thresholds=FULLNESS),
        stat("Busy", chosen("busy"), BUSY),
        stat("Wait", chosen("wait"), INSPECTED),
        stat("Overflows", total(chosen("overflows")),
             "In the time shown. " + AGAIN, thresholds=NONE_IS_GOOD),
        stat("Sockets", chosen("sockets"),
             "0: nobody serves a listener that the configuration selects.",
             thresholds=NONE_IS_BAD),
        stat("Full", chosen("full"),
             "1 of 8: one worker of an SO_REUSEPORT group is stuck.",
             thresholds=NONE_IS_GOOD),
    ],
    "rows": [
        (10, [
            graph("Queue, peak and limit", chosen("queue", "peak", "limit"),
                  BURST + " " + HOLDS + " Length divided by connections "
                  "accepted per second is how long each client waits."),
        ]),
        (9, [
            graph("Fill and busy", chosen("fill", "busy"),
                  "Warn at a fill of 50. It is no sum: one stuck socket of "
                  "many shows. Busy is how often a new client meets a queue.",
                  thresholds=FULLNESS),
            graph("Waiting time", chosen("wait"),
                  INSPECTED + " Where walks of all connections take long, "
                  "they are made less often than once an interval."),
        ]),
        (9, [
            graph("Abandoned and half-open connections",
                  chosen("abandoned", "syn"),
                  LEFT + " Half-open ones are not in the queue yet; many of "
                  "them and few that wait: " + FLOOD),
            graph("Drops and overflows per second",
                  chosen("drops", "overflows"),
                  "The listener's share of the kernel's counters. " + AGAIN),
        ]),
        (8, [
            graph("Sockets, and how many are full", chosen("sockets", "full"),
                  "A gap: collectd did not run. 0 sockets: nobody listens."),
        ]),
    ],
}
