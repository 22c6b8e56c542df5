# SPDX-License-Identifier: MIT
"""One factor between the field and a staged incident: an interval of 10 s is one of 1 s here, and each other time in
the rules and in the windows of other tools is a tenth, too. The seconds that clients wait, and all times of servers
and of the plugin's own readings, are real."""
import os
import re

SCALE = 10  # so many times faster than with collectd's default interval of 10 s
INTERVAL = 10 / SCALE  # s: of collectd, and of Prometheus' scrapes and evaluations
AT_ONCE, SIGNS = 3, 10  # intervals after the first harmed client: in time, and in time for a sign that needs time
SLACK = 10 if "LB_SHORT" in os.environ else 2  # s that a loaded machine may add
CLEAR = 300  # s in the field after the end until all is quiet again
WAIT = 5  # s of wait that thresholds and rules hold for a failure
HEAD = 8  # s of wait after which the rules believe that nobody is accepted
LATE = 1.0  # s: a client that waits longer is harmed

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def is_real(key):
    """Whether it judges a reading that has a time of its own: no test can make the plugin's 5 minutes shorter."""
    return "overflows_5m" in key or "Overload" in key


def clear(key):
    """When it must be quiet, in s after the end."""
    return CLEAR + SIGNS * INTERVAL if is_real(key) else CLEAR / SCALE


def scaled(text):
    """text with each duration of Prometheus in it, as 5m or 10s, divided by SCALE."""
    return re.sub(r"\b(\d+)([smhd])\b", lambda each: f"{int(each[1]) * _SECONDS[each[2]] * 1000 // SCALE}ms", text)
