# SPDX-License-Identifier: MIT
"""What the dashboards show. Edit this file, then run `make dashboards`.

The description of a panel begins with the meaning of each reading in it, from
the plugin's table of readings; the text here comes after that. queries.py
turns the lines of a panel into queries."""
import collections

# A line of a panel: a reading of these sockets or namespaces, and what is
# calculated from it. Without a legend there is one line per listener or host,
# under its name.
Line = collections.namedtuple("Line", "reading of calculation legend")
EACH, CHOSEN, NAMESPACE = "each listener", "the listener", "the namespace"
EVERY, EVERY_NAMESPACE = ("each listener of every host",
                          "the namespace of every host")

Panel = collections.namedtuple("Panel", "kind title lines text options")


def each(reading):
    """One line per listener."""
    return [Line(reading, EACH, "history", None)]


def fullest(of=EACH):
    """The highest fill of each listener within the time shown."""
    return [Line("fill", of, "fullest", None)]


def by_host(reading, of=EVERY):
    """One line per host: the highest of its listeners, or the sum of their
    rates."""
    return [Line(reading, of, "by host", None)]


def over_all(calculation, reading, legend=None, of=EACH):
    """One number out of all listeners."""
    return [Line(reading, of, calculation, legend or reading)]


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
    "wait": ("green", "area"),
    "active": ("green", "area"),
    "arrivals": ("green", "line"),
    "overflows_5m": ("red", "area"),
    "abandoned": ("orange", "area"),
    "syn": ("purple", "line"),
    "syn_drops": ("purple", "line"),
    "syncookies_sent": ("blue", "line"),
    "overflows_unattributed": ("text", "line"),
    "somaxconn": ("red", "dashes"),
}

# The meaning of the first begins with "of these", so it needs the other one.
EXPLAINED_AFTER = {"overflows": "drops"}

# Thresholds: each colour and the lowest value that has it.
PLAIN = {"green": None}
FULLNESS = {"green": None, "orange": 50, "red": 90, "dark-red": 100}
BUSINESS = {"green": None, "orange": 50, "red": 100}
WAITS = {"green": None, "orange": 1, "red": 5}
NONE_IS_GOOD = {"green": None, "red": 1}
NONE_IS_BAD = {"red": None, "green": 1}

RETRIES = ("A client that is turned away retries after about a second, and "
           "each retry counts again.")
BURST = "It shows a burst that ends before the read."
ADMITS = "A limit of N admits N + 1 connections."
UNIX = ("A full UNIX socket drops nothing: connect() waits, or fails. So it "
        "has no overflows; watch its fill.")
BUSY = ("How often a new client meets a queue. At 100 all the time the server "
        "never catches up.")
WAIT = ("A new client will wait about as long. TCP only. A client counts from "
        "the end of its handshake on.")
FLOOD = ("Many half-open connections and a short accept queue: a SYN flood, "
         "or distant clients.")
ABANDONED = ("The server still accepts these connections and works on them in "
             "vain.")
SYN = ("TCP only; with InspectQueue auto only while the SYN queue is in "
       "trouble.")
ACTIVE = ("Needs InspectQueue true. With one worker per connection these are "
          "the busy workers, and together with the queue at its peak they are "
          "how many would have been needed. It says nothing of the workers if "
          "clients keep idle connections open, or if the server has an event "
          "loop.")
ARRIVALS = ("Clients of all ports that completed the handshake, in collectd's "
            "own network namespace.")
TEN = "At most ten lines, those with the highest maximum."

DATA_SOURCE = "The database that collectd writes to"

# A dashboard: its stats in a row at the top, then rows of a height with one or
# two panels. A click on a line leads to the dashboard that "click" names.
HOSTS = {
    "title": "Accept queues of all hosts",
    "click": "host",
    "text": "the listening sockets of all hosts that are closest to turning "
            "clients away.",
    "stats": [
        stat("Hosts", over_all("above 0", "somaxconn", "hosts",
                               EVERY_NAMESPACE),
             "Hosts that send values now."),
        stat("Fullest now", over_all("highest", "fill", of=EVERY),
             "The fullest socket of all hosts.", thresholds=FULLNESS),
        stat("Busiest now", over_all("highest", "busy", of=EVERY),
             "The busiest listener. " + BUSY, thresholds=BUSINESS),
        stat("Longest wait now", over_all("highest", "wait", of=EVERY), WAIT,
             thresholds=WAITS),
        stat("Full sockets", over_all("sum", "full", of=EVERY),
             "The full sockets of all hosts together.",
             thresholds=NONE_IS_GOOD),
        stat("Listeners overflow", over_all("above 0", "overflows_5m",
                                            "listeners", EVERY),
             "Listeners that overflowed in the last 5 minutes. " + UNIX,
             thresholds=NONE_IS_GOOD),
        stat("Overflows", over_all("total of all", "overflows", of=EVERY),
             "Of all listeners, within the time shown. " + RETRIES,
             thresholds=NONE_IS_GOOD),
        stat("Not served", over_all("at 0", "sockets", "not served", EVERY),
             "Configured listeners without a socket: no server listens there.",
             thresholds=NONE_IS_GOOD),
    ],
    "rows": [
        (12, [
            bars("Fullest listeners", fullest(EVERY),
                 "The highest fill within the time shown, the fullest "
                 "listener first.", width=8),
            graph("Fill by host", by_host("fill"),
                  "A host is as full as its fullest socket. Click a line to "
                  "see that host alone. " + TEN,
                  width=16, thresholds=FULLNESS),
        ]),
        (9, [
            graph("Overflows per second by host", by_host("overflows"),
                  "The sum over the listeners of the host. " + RETRIES + " " +
                  UNIX),
            graph("Waiting time by host", by_host("wait"), WAIT,
                  thresholds=WAITS),
        ]),
        (9, [
            graph("Busy by host", by_host("busy"),
                  "The busiest listener of the host. " + BUSY,
                  thresholds=BUSINESS),
            graph("Abandoned connections by host", by_host("abandoned"),
                  "The listener of the host with the most of them. " +
                  ABANDONED),
        ]),
        (9, [
            graph("New connections per second by host",
                  by_host("arrivals", EVERY_NAMESPACE), ARRIVALS),
            graph("SYNs dropped per second by host",
                  by_host("syn_drops", EVERY_NAMESPACE),
                  "The SYN queue of a listener is full, and the kernel sends "
                  "no SYN cookies. In collectd's own network namespace."),
        ]),
    ],
}

HOST = {
    "title": "Accept queues of a host",
    "click": "listener",
    "text": "how close each listening socket of a host is to turning clients "
            "away.",
    "stats": [
        stat("Fullest now", over_all("highest", "fill"),
             "The fullest socket of all listeners.", thresholds=FULLNESS),
        stat("Busiest now", over_all("highest", "busy"),
             "The busiest listener. " + BUSY, thresholds=BUSINESS),
        stat("Longest wait now", over_all("highest", "wait"),
             "The longest of all listeners. " + WAIT, thresholds=WAITS),
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
            bars("Fullest listeners", fullest(),
                 "The highest fill within the time shown, the fullest "
                 "listener first.", width=8),
            graph("Fill by listener", each("fill"),
                  "A listener is as full as its fullest socket. Click a line "
                  "to see that listener alone. " + TEN,
                  width=16, thresholds=FULLNESS),
        ]),
        (9, [
            graph("Overflows per second by listener", each("overflows"),
                  "Above 0 the listener turns clients away. " + RETRIES + " " +
                  UNIX),
            graph("Overflows of the last 5 minutes by listener",
                  each("overflows_5m"),
                  "Above 0 from the first overflow until 5 minutes after the "
                  "last one. " + UNIX),
        ]),
        (9, [
            graph("Busy by listener", each("busy"), BUSY,
                  thresholds=BUSINESS),
            graph("Waiting time by listener", each("wait"), WAIT,
                  thresholds=WAITS),
        ]),
        (9, [
            graph("Peak by listener", each("peak"),
                  BURST + " It is near 0 if the server keeps up."),
            graph("Abandoned connections by listener", each("abandoned"),
                  ABANDONED),
        ]),
        (9, [
            graph("Open connections by listener", each("active"), ACTIVE),
            graph("Half-open connections by listener", each("syn"),
                  SYN + " " + FLOOD),
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
        (8, [
            graph("New connections per second", namespace("arrivals"),
                  ARRIVALS + " Compare it with the overflows: they are clients "
                  "in addition to these."),
        ]),
    ],
}

LISTENER = {
    "title": "Accept queue of a listener",
    "click": None,
    "text": "the accept queue of one port, one UNIX socket or one <Listener>.",
    "stats": [
        stat("Peak", chosen("peak"),
             "The sum over the listener's sockets. " + BURST),
        stat("Limit", chosen("limit"), ADMITS),
        stat("Fill", chosen("fill"), thresholds=FULLNESS),
        stat("Busy", chosen("busy"), BUSY, thresholds=BUSINESS),
        stat("Wait", chosen("wait"), WAIT, thresholds=WAITS),
        stat("Overflows", total(chosen("overflows")),
             "Within the time shown. " + RETRIES + " " + UNIX,
             thresholds=NONE_IS_GOOD),
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
            graph("Fill of the fullest socket", chosen("fill"),
                  "Warn at 50. Fill is not a sum, so it shows one stuck socket "
                  "of many. " + UNIX, thresholds=FULLNESS),
            graph("Busy samples", chosen("busy"), BUSY, thresholds=BUSINESS),
        ]),
        (9, [
            graph("Waiting time", chosen("wait"),
                  WAIT + " If inspections of all connections take long, "
                  "the plugin makes fewer than one per interval.",
                  thresholds=WAITS),
            graph("Abandoned connections", chosen("queue", "abandoned"),
                  ABANDONED + " If they are most of the queue, the server "
                  "serves clients that have left: a shorter backlog or a "
                  "restart ends it."),
        ]),
        (9, [
            graph("Drops and overflows per second",
                  chosen("drops", "overflows"),
                  "The listener's share of the kernel's counters. " + RETRIES +
                  " " + UNIX),
            graph("Overflows of the last 5 minutes", chosen("overflows_5m"),
                  "Above 0 from the first overflow until 5 minutes after the "
                  "last one. " + UNIX),
        ]),
        (9, [
            graph("Open and waiting connections", chosen("active", "peak"),
                  ACTIVE),
            graph("Half-open connections", chosen("syn"),
                  SYN + " They are not in the accept queue yet. " + FLOOD),
        ]),
        (8, [
            graph("Sockets and full sockets", chosen("sockets", "full"),
                  "A gap: collectd did not run. 0 sockets: no server listens."),
        ]),
    ],
}

# Each dashboard under the name of its files.
DASHBOARDS = {"hosts": HOSTS, "host": HOST, "listener": LISTENER}
