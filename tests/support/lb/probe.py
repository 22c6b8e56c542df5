# SPDX-License-Identifier: MIT
"""listen_backlog-probe: what it prints as values, and the names of all readings, which it lists."""
import os
import re
import subprocess

from .basics import DEADLINE, equal
from .programs import Process

HEADING = r"^# interval \d+\n"  # before the tables of each interval


def probe_run(*args, **options):
    """listen_backlog-probe, run to its end."""
    return subprocess.run([os.environ["LB_PROBE"], *map(str, args)], capture_output=True, text=True, timeout=DEADLINE,
                          **options)


def probe_output(*args):
    """What listen_backlog-probe prints if nothing fails."""
    run = probe_run(*args)
    equal((run.returncode, run.stderr), (0, ""), "the probe's end")
    return run.stdout


def probe_process(*args):
    """listen_backlog-probe, running."""
    return Process([os.environ["LB_PROBE"], *map(str, args)])


def intervals(text):
    """The probe's output, one text for each interval; the last may be incomplete while the probe runs."""
    return [part for part in re.split(HEADING, text, flags=re.M) if part.strip()]


def tables(text):
    """The tables in the probe's output: {listener: {reading: value}} for each interval. The values of the probe's own
    network namespace are those of the listener "", those of others are under their names. A value that the probe does
    not know ("-") is left out."""
    found = []
    for part in intervals(text):
        listeners, *namespaces = part.rstrip("\n").split("\n\n")
        header, *lines = listeners.splitlines()
        columns = header.lower().split()
        equal(columns[0], "listener", "first column")
        table = {}
        for line in lines:
            cells = line.split()
            equal(len(cells), len(columns), f"cells in {line!r}")
            table[cells[0]] = {column: number(cell) for column, cell in zip(columns[1:], cells[1:]) if cell != "-"}
        for namespace in namespaces:
            cells = dict(line.split() for line in namespace.splitlines())
            label = cells.pop("NAMESPACE", "")
            table[label] = {name: number(cell) for name, cell in cells.items() if cell != "-"}
        found.append(table)
    return found


def probe(*args):
    """The probe's table of one sample; the values of inspections only with --inspect."""
    table = tables(probe_output(*args))[0]
    if {"-q", "--inspect"} & set(args):
        return table
    return {label: {name: value for name, value in row.items() if name not in INSPECTED}
            for label, row in table.items()}


# The readings that tests compare as a whole. A new reading has its own test and need not be added here.
TOLD = {"queue", "limit", "peak", "busy", "fill", "sockets", "full", "drops", "overflows", "wait", "abandoned", "syn"}


def told(row):
    """Those of these values that tests compare as a whole."""
    return {name: value for name, value in row.items() if name in TOLD}


def printed(row):
    """These values with as many digits as the probe prints."""
    return {name: float(f"{value:.6g}") for name, value in row.items()}


def number(text):
    return float(text) if "." in text or text == "nan" else int(text)


def listed_readings():
    """[(type-type_instance, kind, "listener" or "namespace", meaning)]: the plugin's own table of readings."""
    return [(name, kind, owner, meaning) for name, kind, owners, meaning, _ in
            (line.split("\t") for line in probe_output("--list-values").splitlines()) for owner in owners.split(",")]


_listed = listed_readings()
READINGS = {name.partition("-")[2]: name for name, *_ in _listed}  # {reading: its type-type_instance}
INSPECTED = {"wait", "abandoned", "syn", "active"}  # the readings of a listener that need InspectQueue
GAUGES, COUNTERS = ({name.partition("-")[2] for name, kind, owner, _ in _listed
                     if (kind, owner) == (want, "listener")} - INSPECTED for want in ("gauge", "counter"))
UNIX_GAUGES = GAUGES - {"overflows_5m"}  # those of a listener with UNIX sockets alone
NAMESPACE = {name.partition("-")[2] for name, _, owner, _ in _listed if owner == "namespace"}
