# SPDX-License-Identifier: MIT
"""What the dashboards show. Edit this file, then run `make dashboards`.

The description of a panel begins with the meaning of each reading in it, from
the plugin's table of readings; the text here comes after that. queries.py
turns the lines of a panel into queries."""
import collections

# A line of a panel: a reading of each listener, of the chosen listener or of
# collectd's own network namespace, and what is calculated from it. Without a
# legend there is one line per listener, under the listener's name.
Line = collections.namedtuple("Line", "reading of calculation legend")
EACH, CHOSEN, NAMESPACE = "each listener", "the listener", "the namespace"

Panel = collections.namedtuple("Panel", "kind title lines text options")


def each(reading):
    """One line per listener."""
    return [Line(reading, EACH, "history", None)]


def over_all(calculation, reading, legend=None):
    """One number out of all listeners."""
    return [Line(reading, EACH, calculation, legend or reading)]


def chosen(*readings):
    return [Line(name, CHOSEN, "history", name) for name in readings]


def namespace(*readings):
    return [Line(name, NAMESPACE, "history", name) for name in readings]


def total(lines):
    """The increase of counters within the time shown."""
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


# The colour and style of a reading's line, if the line has a legend.
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
    "overflows_5m": ("red", "line"),
    "wait": ("green", "area"),
    "abandoned": ("orange", "area"),
    "syn": ("purple", "line"),
    "active": ("blue", "line"),
    "syn_drops": ("purple", "line"),
    "syncookies_sent": ("blue", "line"),
    "overflows_unattributed": ("text", "line"),
    "somaxconn": ("red", "dashes"),
    "arrivals": ("green", "line"),
}

# The meaning of the first begins with "of these", so it needs the other one.
EXPLAINED_AFTER = {"overflows": "drops"}

# Thresholds: each colour and the lowest value that has it.
PLAIN = {"green": None}
FULLNESS = {"green": None, "orange": 50, "red": 90}
NONE_IS_GOOD = {"green": None, "red": 1}
NONE_IS_BAD = {"red": None, "green": 1}

RETRIES = ("A client that is turned away retries after about a second, and "
           "each retry counts again.")
BURST = "It shows a burst that ends before the read."
ADMITS = "A limit of N admits N + 1 connections."
BUSY = ("How often a new client meets a queue. At 100 all the time the server "
        "never catches up.")
FLOOD = ("Many half-open connections and a short accept queue: a SYN flood, "
         "or distant clients.")
ABANDONED = ("Needs InspectQueue true. The server still accepts these "
             "connections and works on them in vain.")
ACTIVE = ("Needs InspectQueue true. Together with the queue at its peak it is "
          "how many workers would have been needed. A connection that is kept "
          "alive counts while it is idle, too.")
INSPECTED = "TCP only; needs InspectQueue true."

DATA_SOURCE = "The database that collectd writes to"

# A dashboard: its stats in a row at the top, then rows of a height with one or
# two panels.
HOST = {
    "title": "Accept queues of a host",
    "link": ("listener", "Listener"),
    "text": "how close each listening socket of a host is to turning clients "
            "away.",
    "stats": [
        stat("Fullest now", over_all("highest", "fill"),
             "The fullest socket of all listeners.", thresholds=FULLNESS),
        stat("Busiest now", over_all("highest", "busy"),
             "The busiest listener. " + BUSY),
        stat("Longest wait now", over_all("highest", "wait"),
             "The longest of all listeners. " + INSPECTED),
        stat("Full sockets", over_all("sum", "full"),
             "The full sockets of all listeners together.",
             thresholds=NONE_IS_GOOD),
        stat("Overflows", total(namespace("overflows")),
             "In collectd's own network namespace, within the time shown. " +
             RETRIES, thresholds=NONE_IS_GOOD),
        stat("Listeners served", over_all("above 0", "sockets", "served"),
             "Listeners with at least one socket."),
        stat("Not served", over_all("at 0", "sockets", "not served"),
             "Configured listeners without a socket: no server listens there.",
             thresholds=NONE_IS_GOOD),
        stat("net.core.somaxconn", namespace("somaxconn"),
             "A change applies at the next listen(); sockets that already "
             "listen keep their limit."),
    ],
    "rows": [
        (10, [
            bars("Fullest listeners", each("fill"),
                 "The highest fill within the time shown, the fullest "
                 "listener first.", width=8),
            graph("Fill by listener", each("fill"),
                  "A listener is as full as its fullest socket. Click a line "
                  "to see that listener alone.", width=16),
        ]),
        (9, [
            graph("Overflows per second by listener", each("overflows"),
                  "Above 0 the listener turns clients away. " + RETRIES +
                  " The line of another network namespace (blue) is the sum "
                  "over all listeners in it (blue:80), reported or not."),
            graph("Peak by listener", each("peak"),
                  BURST + " It is near 0 if the server keeps up."),
        ]),
        (9, [
            graph("Busy by listener", each("busy"), BUSY),
            graph("Waiting time by listener", each("wait"), INSPECTED),
        ]),
        (9, [
            graph("Abandoned connections by listener", each("abandoned"),
                  ABANDONED),
            graph("Half-open connections by listener", each("syn"),
                  INSPECTED + " " + FLOOD),
        ]),
        (9, [
            graph("Accepted connections by listener", each("active"), ACTIVE),
            graph("Connections per second", namespace("arrivals"),
                  "In collectd's own network namespace, at all listeners."),
        ]),
        (10, [
            graph("Counters of the network namespace per second",
                  namespace("drops", "overflows", "syn_drops",
                            "syncookies_sent", "overflows_unattributed"),
                  "The kernel's counters for all listeners, reported or not. "
                  "Drops that are not overflows name no service: do not alert "
                  "on them."),
            graph("Limit by listener, and somaxconn",
                  each("limit") + namespace("somaxconn"),
                  "The kernel may have lowered a limit that is on the dashed "
                  "line. " + ADMITS + " The limit of a listener with several "
                  "sockets is their sum."),
        ]),
    ],
}

LISTENER = {
    "title": "Accept queue of a listener",
    "link": ("host", "Host overview"),
    "text": "the accept queue of one port, one UNIX socket or one <Listener>.",
    "stats": [
        stat("Peak", chosen("peak"),
             "The sum over the listener's sockets. " + BURST),
        stat("Limit", chosen("limit"), ADMITS),
        stat("Fill", chosen("fill"), thresholds=FULLNESS),
        stat("Busy", chosen("busy"), BUSY),
        stat("Wait", chosen("wait"), INSPECTED),
        stat("Overflows", total(chosen("overflows")),
             "Within the time shown. " + RETRIES, thresholds=NONE_IS_GOOD),
        stat("Sockets", chosen("sockets"),
             "0: no server listens there.",
             thresholds=NONE_IS_BAD),
        stat("Full", chosen("full"),
             "1 of 8: one worker of an SO_REUSEPORT group is stuck.",
             thresholds=NONE_IS_GOOD),
    ],
    "rows": [
        (10, [
            graph("Queue, peak and limit", chosen("queue", "peak", "limit"),
                  "The peak shows a burst that ends before the read. " +
                  ADMITS + " The queue divided by the connections accepted "
                  "per second is how long a new client waits."),
        ]),
        (9, [
            graph("Fill and busy", chosen("fill", "busy"),
                  "Warn at a fill of 50. Fill is not a sum, so it shows one "
                  "stuck socket of many. Busy is how often a new client meets "
                  "a queue.",
                  thresholds=FULLNESS),
            graph("Waiting time", chosen("wait"),
                  INSPECTED + " If inspections of all connections take long, "
                  "the plugin makes fewer than one per interval."),
        ]),
        (9, [
            graph("Abandoned and half-open connections",
                  chosen("abandoned", "syn"),
                  ABANDONED + " Half-open connections are not in the accept "
                  "queue yet. " + FLOOD),
            graph("Drops and overflows per second",
                  chosen("drops", "overflows"),
                  "The listener's share of the kernel's counters. " + RETRIES),
        ]),
        (8, [
            graph("Accepted connections and queue", chosen("active", "queue"),
                  ACTIVE),
            graph("Overflows of the last 5 minutes", chosen("overflows_5m")),
        ]),
        (8, [
            graph("Sockets and full sockets", chosen("sockets", "full"),
                  "A gap: collectd did not run. 0 sockets: no server listens."),
        ]),
    ],
}
