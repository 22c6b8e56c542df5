# SPDX-License-Identifier: MIT
"""What the readings of a listener say together: for how long which of them
were in trouble, and since when."""
import math
import os

from .rrd import copies, rrdtool, source


def held(reading):
    """The last known value: a listener that was only found is silent after it
    sent that it has no socket."""
    return f"{reading},UN,PREV,{reading},IF"


def before(reading):
    """The value three steps before."""
    return f"PREV({reading}2)"


# fact: the readings that it needs, the formula, what to take of its values. A
# TOTAL of truth values is a time in seconds.
FACTS = {
    "full": (("fill",), "fill,100,GE", "TOTAL"),
    "busy_full": (("fill", "busy"), "fill,100,GE,busy,UNKN,IF", "AVERAGE"),
    "part": (("full", "sockets"), "full,0,GT,full,sockets,LT,*", "TOTAL"),
    "part_full": (("full", "sockets"), "full,sockets,LT,full,UNKN,IF",
                  "MAXIMUM"),
    "whole": (("full", "sockets"), "full,0,GT,full,sockets,GE,*", "TOTAL"),
    # The first in the queue grows older as fast as the time passes.
    "stuck": (("wait",), f"wait,{before('wait')},-,STEPWIDTH,3,*,/,"
              "0.97,1.05,LIMIT,UN,0,1,IF", "TOTAL"),
    # Most of the queue have left, though at least two thirds of those who come
    # are served: queue / wait come in a second.
    "left": (("abandoned", "fill", "queue", "wait"),
             "abandoned,2,*,queue,GT,fill,100,LT,*,"
             f"queue,{before('queue')},-,STEPWIDTH,/,queue,wait,/,LE,*",
             "TOTAL"),
    "waited": (("wait",), "wait,1,GE", "TOTAL"),
    "standing": (("busy", "queue"), "queue,5,GE,busy,99,GE,*", "TOTAL"),
    "down": (("sockets",), "held,1,LT", "TOTAL"),
    "up": (("sockets",), "sockets,1,GE,1,UNKN,IF", "LAST"),
}


def facts(files, span, width):
    """The facts that these files tell, None if unknown. "up" is a time."""
    asked = {name: fact for name, fact in FACTS.items()
             if set(fact[0]) <= set(files)}
    needed = {reading for its, *_ in asked.values() for reading in its}
    with copies.kept():
        lines = rrdtool(
            "graph", os.devnull, "--start", span.start, "--end", span.end,
            "--width", width,
            *(source(reading, files[reading], "AVERAGE" if reading == "busy"
                     else "MIN" if reading == "sockets" else "MAX")
              for reading in sorted(needed)),
            *(f"CDEF:{name}{i}=PREV({name}{i - 1 or ''})"
              for name in needed for i in (1, 2)),
            *([f"CDEF:held={held('sockets')}"] * ("sockets" in needed)),
            *(f"CDEF:c_{name}={formula}"
              for name, (_, formula, _) in asked.items()),
            *(f"VDEF:v_{name}=c_{name},{function}"
              for name, (*_, function) in asked.items()),
            *(f"PRINT:v_{name}:" + ("%s:strftime" if function == "LAST"
                                    else "%.9lf")
              for name, (*_, function) in asked.items()))
    values = (math.nan if line == "-" else float(line) for line in lines[1:])
    return {name: None if math.isnan(value) else value
            for name, value in zip(asked, values)}
