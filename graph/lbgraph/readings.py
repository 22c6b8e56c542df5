# SPDX-License-Identifier: MIT
"""The readings that are drawn, in the order in which the page explains them."""
import collections

# file: type and name in the plugin's table of readings (src/core/readings.c),
# which is the name of the RRD file. The colours are those of Okabe and Ito,
# which colour-blind people can tell apart; a little lighter on dark.
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
        "queue_length-peak", "#9c3587", "#dcc2ff",
        "the highest queue of any sample in the interval"),
    "abandoned": Reading(
        "queue_length-abandoned", "#cc79a7", "#c2608f",
        "waiting connections whose client has closed or reset"),
    "fill": Reading(
        "percent-fill", "#0072b2", "#7cc7f5",
        "the fullest moment of the fullest socket. At 100 % the kernel turns "
        "the next client away"),
    "busy": Reading(
        "percent-busy", "#a6761d", "#c79a4b",
        "the share of the samples with a queue: how often a new client meets "
        "one"),
    "wait": Reading(
        "duration-wait", "#009e73", "#20c997",
        "how long the longest-waiting connection has waited"),
    "syn": Reading(
        "queue_length-syn", "#5b5bd6", "#a3a0ff",
        "half-open connections, the SYN queue"),
    "overflows": Reading(
        "derive-overflows", "#d55e00", "#ee7a24",
        "connection attempts dropped because the accept queue was full"),
    "drops": Reading(
        "derive-drops", "#e9b000", "#f0c53d",
        "connection attempts dropped for any reason, including overflows"),
    "sockets": Reading("count-sockets", None, None, None),  # not drawn
}
NAMESPACE = {name: LISTENER[name] for name in ("drops", "overflows")}

# A folder with one of these is a network namespace, not a listener.
ONLY_NAMESPACE = "queue_length-somaxconn", "derive-overflows_unattributed"

# If one file of a set is there, the others must be there, too.
TOGETHER = {"queue", "limit", "fill"}, {"drops", "overflows"}
