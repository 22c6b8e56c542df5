# SPDX-License-Identifier: MIT
"""The words by which a text names a cause. --explain, the notifications and the rules use the same words."""
import re

FEW_WORKERS = r"too few or too slow workers|times the workers"
NOBODY_ACCEPTS = r"(?<!sockets) accepts nobody|accepts no (client|connection)"
ONE_MEMBER = r"1 of 4 sockets (is )?(full|accepts nobody)"
BURSTS = r"bursts over the backlog"
CLAMPED = r"(limit equals|which) net\.core\.somaxconn"
SYN_QUEUE = r"SYN queue"
SERVES_THE_DEAD = r"clients that have left"
NOBODY_LISTENS = r"nobody listens|no server listens"
FULL = r"\bfull\b|too few or too slow workers|times the workers"  # of a UNIX socket


def names(text, cause):
    return re.search(cause, text, re.I | re.S) is not None
