#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes those parts of a page again that list readings: the names in each store
in doc/writers.md, the columns in man/listen_backlog-probe.1.

    listen_backlog-probe --list-values | python3 generate.py PAGE...

The plugin's table of readings is on standard input. `make generated` runs
this; a test fails when a page is stale."""
import re
import sys

# By store: the name of a listener's value, and that of the namespace's.
NAMES = {
    "collectd": ("HOST/listen_backlog-LISTENER/TYPE-NAME",
                 "HOST/listen_backlog/TYPE-NAME"),
    "Graphite": ("collectd.HOST.listen_backlog-LISTENER.TYPE-NAME",
                 "collectd.HOST.listen_backlog.TYPE-NAME"),
    "InfluxDB": ("listen_backlog_SOURCE,host=HOST,instance=LISTENER,type=TYPE,"
                 "type_instance=NAME",
                 "listen_backlog_SOURCE,host=HOST,type=TYPE,"
                 "type_instance=NAME"),
    "Prometheus": ('collectd_listen_backlog_METRIC{listen_backlog="LISTENER",'
                   'type="NAME",instance="HOST"}',
                   'collectd_listen_backlog_METRIC{listen_backlog="NAME",'
                   'instance="HOST"}'),
}
# Of collectd 6: its families, and their names in Prometheus.
FAMILIES = {"listener": "listen_backlog.NAME",
            "namespace": "listen_backlog.netns.NAME"}
UNITS = {"%": "1"}
UNIT_SUFFIXES = {"1": "_ratio", "s": "_seconds"}
# The data source in types.db, if not "value", and write_prometheus' suffix.
SOURCES = {"duration": "seconds"}
SUFFIXES = {"duration": "_seconds", "derive": "_total"}


def filled_in(name, value_type, instance):
    for word, text in (
            ("SOURCE", SOURCES.get(value_type, "value")),
            ("METRIC", value_type + SUFFIXES.get(value_type, "")),
            ("TYPE", value_type), ("NAME", instance)):
        name = name.replace(word, text)
    return name


def table(store, readings):
    yield "| of the | value | name |\n|---|---|---|\n"
    for subject, name in zip(("listener", "namespace"), NAMES[store]):
        for reading, _, subjects, _, _ in readings:
            if subject in subjects.split(","):
                value_type, _, instance = reading.partition("-")
                yield (f"| {subject} | `{reading}` | "
                       f"`{filled_in(name, value_type, instance)}` |\n")


def families(readings):
    yield ("| of the | value | family | unit | in Prometheus |\n"
           "|---|---|---|---|---|\n")
    for subject, name in FAMILIES.items():
        for reading, kind, subjects, _, unit in readings:
            if subject in subjects.split(","):
                unit = UNITS.get(unit, unit)
                family = name.replace("NAME", reading.partition("-")[2])
                yield (f"| {subject} | `{reading}` | `{family}` | `{unit}` | "
                       f"`{family.replace('.', '_')}"
                       f"{UNIT_SUFFIXES.get(unit, '')}"
                       f"{'_total' if kind == 'counter' else ''}` |\n")


def columns(readings):
    for reading, _, subjects, meaning, _ in readings:
        if "listener" in subjects.split(","):
            yield (f".It {reading.partition('-')[2].upper()}\n"
                   f"{meaning[:1].upper()}{meaning[1:]}.\n")


def generated(page, readings):
    page = re.sub(r"(<!-- names in (\w+), [^\n]*\n)(?:\|.*\n)*",
                  lambda m: m.group(1) + "".join(table(m.group(2), readings)),
                  page)
    page = re.sub(r"(<!-- families, [^\n]*\n)(?:\|.*\n)*",
                  lambda m: m.group(1) + "".join(families(readings)), page)
    return re.sub(r"(\.\\\" columns, [^\n]*\n)(?:(?!\.El).*\n)*",
                  lambda m: m.group(1) + "".join(columns(readings)), page)


def main():
    readings = [line.rstrip("\n").split("\t") for line in sys.stdin]
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            page = generated(file.read(), readings)
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)


if __name__ == "__main__":
    main()
