#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Some of the incidents that "make incidents" stages, all at once, and its judge. Each has namespaces of its own."""
import functools
import os
import sys

from lb import *

sys.path.insert(0, os.path.join(SRCDIR, "tests", "incidents"))
from catalogue import ALL
from eyes import Said
from incident import Incident
from judge import COLUMNS, verdicts
from run import Run
from scale import scaled
from table import right, text

SHORT = [name for name, each in ALL.items() if each.short]


@functools.cache
def rows():
    return Run(jobs=len(SHORT), short=True).rows(SHORT)


for name in SHORT:
    @test(f"{ALL[name].story}: thresholds, mails, rules and --explain are right")
    def _(name=name):
        row = rows()[name]
        note(text(ALL, {name: row}))
        check(right(row), "each column that can see it is right")


def said(when, trouble=True, listener="80", words="FAILURE too few"):
    return Said(when, trouble, f"{listener} fill", listener, "host", f"{words} at {listener}")


def cell(events, **truth):
    """The verdict on the rules of an incident from second 100, harm from 101, to 200, after which all was watched."""
    result = {"began": 100, "ended": 200, "watched": 900, "harmed": [101], "mails": {}, "later": {},
              "said": {"rules found": events}}
    return verdicts(Incident("", "", listener="80", cause="too few", **truth), result)["rules found"].cell


@test("the judge finds what is silent, late, false, without the cause, flaps or stays, and nothing else")
def _():
    over = said(210, False)
    equal(cell([said(102), over]), "ok 1.0 s, 1", "all is right")
    equal(cell([]), "SILENT")
    equal(cell([said(130), over]), "LATE 29.0 s +1", "late, and so is the cause")
    equal(cell([said(102), over, said(90, listener="22"), said(95, False, "22")]), "FALSE", "another listener")
    equal(cell([said(50), said(60, False), said(102), over]), "FALSE +1", "before")
    equal(cell([said(102, words="FAILURE bursts"), over]), "NO CAUSE")
    equal(cell([said(102, words="FAILURE too few, it is stuck"), over], never=("stuck",)), "WRONG CAUSE")
    equal(cell([said(102), said(120, False), said(140), over]), "FLAPS 2")
    equal(cell([said(102)]), "STAYS")
    equal(cell([said(102), said(300, False)]), "STAYS 100 s")
    equal(cell([said(102), said(200, False)], blind=COLUMNS), "cannot see it")


@test("the times of rules and of Prometheus' configuration are scaled, and nothing else")
def _():
    equal(scaled('x{type="overflows_5m"}[5m] offset 1d > 60, for: 1m, "in 5 minutes"'),
          'x{type="overflows_5m"}[30000ms] offset 8640000ms > 60, for: 6000ms, "in 5 minutes"')


if __name__ == "__main__":
    main()
