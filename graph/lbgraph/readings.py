# SPDX-License-Identifier: MIT
"""The readings that are drawn, in the order in which the page explains them,
and the colours."""
import collections

# file: type and name in the plugin's table of readings (src/core/readings.c),
# which is the name of the RRD file.
Reading = collections.namedtuple("Reading", "file light dark meaning")

LISTENER = {
    "queue": Reading(
        "queue_length-queue", "#56b4e9", "#2f81b8",
        "connections that wait for accept(). The pale area is the peak, or the "
        "highest value if one pixel covers several values"),
    "limit": Reading(
        "queue_length-limit", "#1f2328", "#f0f6fc",
        "the backlog in force. A limit of N admits N + 1 connections"),
    "peak": Reading(
        "queue_length-peak", "#004c86", "#b9e0fb",
        "the highest queue of any sample in the interval"),
    "abandoned": Reading(
        "queue_length-abandoned", "#cc79a7", "#c2608f",
        "waiting connections whose client has closed or reset"),
    "fill": Reading(
        "percent-fill", "#4a9d76", "#3f9970",
        "the fullest moment of the fullest socket. At 100 % the kernel turns "
        "the next client away"),
    "busy": Reading(
        "percent-busy", "#7a5230", "#b98a5e",
        "the share of the samples with a queue: how often a new client meets "
        "one"),
    "full": Reading(
        "count-full", "#a5001a", "#ff5263",
        "sockets of the listener that were full in some sample"),
    "sockets": Reading(
        "count-sockets", "#424a53", "#b7c0ca",
        "listening sockets: several with SO_REUSEPORT or several addresses"),
    "wait": Reading(
        "duration-wait", "#00798c", "#3fc1d4",
        "how long the longest-waiting connection has waited"),
    "syn": Reading(
        "queue_length-syn", "#5b5bd6", "#a3a0ff",
        "half-open connections, the SYN queue"),
    "active": Reading(
        "current_connections-active", "#6b7a00", "#b5c334",
        "accepted connections that are open: with one worker per connection, "
        "the busy workers"),
    "overflows": Reading(
        "derive-overflows", "#a5001a", "#ff5263",
        "connection attempts dropped because the accept queue was full"),
    "drops": Reading(
        "derive-drops", "#7b2d8b", "#cf9bf0",
        "connection attempts dropped for any reason, including overflows"),
}
NAMESPACE = {
    "arrivals": Reading(
        "derive-arrivals", "#2f4b7c", "#9db7f5",
        "connections that completed their handshake, in the whole namespace"),
    "drops": LISTENER["drops"], "overflows": LISTENER["overflows"],
    **{name: Reading(file, None, None, None) for name, file in (
        ("syn_drops", "derive-syn_drops"),
        ("syncookies_sent", "derive-syncookies_sent"),
        ("somaxconn", "queue_length-somaxconn"))},
}

# The steps of the fill: from this value on, in this colour, as high in a strip.
# An alert of listen_backlog-thresholds.conf begins at 90 and ends at 50.
Level = collections.namedtuple("Level", "least light dark height name")
LEVELS = (
    Level(0, LISTENER["fill"].light, LISTENER["fill"].dark, 0.3, "< 50 %"),
    Level(50, "#b58100", "#d9a514", 0.5, "≥ 50 %"),
    Level(90, "#d9480f", "#f0742e", 0.7, "≥ 90 %"),
    Level(100, LISTENER["full"].light, LISTENER["full"].dark, 0.86, "100 %"),
)
NOBODY, UNKNOWN = "nobody listens", "unknown"


def level(fill):
    """The number of the step that a fill has reached."""
    return max(i for i, each in enumerate(LEVELS) if fill >= each.least)


# A folder with one of these is a network namespace, not a listener.
ONLY_NAMESPACE = "queue_length-somaxconn", "derive-overflows_unattributed"

# If one file of a set is there, the others must be there, too.
TOGETHER = {"queue", "limit", "fill"}, {"drops", "overflows"}
