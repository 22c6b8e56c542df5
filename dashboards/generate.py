#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the Grafana dashboards. panels.py says what they show, queries.py how
to ask each store for it.

    listen_backlog-probe --list-values | python3 generate.py DIRECTORY

The plugin's table of readings, on standard input, gives each reading its type,
kind and meaning. `make dashboards` runs this; a test says when a file is
stale."""
import collections
import json
import os
import sys

import panels
import queries

Reading = collections.namedtuple("Reading",
                                 "type name is_counter subjects meaning")

# Lines connect values up to this many milliseconds apart. An interval of a
# minute is then a line also where a query asks for more points than there are.
CONNECTED = 150000


def readings(lines):
    """{name: Reading} from the output of listen_backlog-probe --list-values."""
    found = {}
    for line in lines:
        full_name, kind, subjects, meaning, _ = line.rstrip("\n").split("\t")
        value_type, _, name = full_name.partition("-")
        found[name] = Reading(value_type, name, kind == "counter",
                              set(subjects.split(",")), meaning)
    return found


# ---------------------------------------------------------------------- panels

def description(panel, table):
    """The meaning of each reading in the panel, then the panel's own text."""
    shown = []
    for line in panel.lines:
        for name in panels.EXPLAINED_AFTER.get(line.reading), line.reading:
            if name and name not in shown:
                shown.append(name)
    return "\n\n".join([
        *(f"`{table[name].type}-{name}`: {table[name].meaning}."
          for name in shown), *filter(None, [panel.text])])


def unit(panel, reading):
    """The unit; a counter shows as a rate, except in a stat."""
    if reading.is_counter and panel.kind != "stat":
        return {"unit": "cps", "min": 0}
    return {"unit": {"percent": "percent", "duration": "s"}.get(
        reading.type, "short"), "min": 0}


def thresholds(panel, default=None):
    steps = panel.options.get("thresholds", default)
    return {"thresholds": {"mode": "absolute", "steps": [
        {"color": color, "value": value} for color, value in steps.items()]
    }} if steps else {}


def highest(reading):
    return {"max": 100} if reading.type == "percent" else {}


def override(line):
    """The colour and style of the line with this legend."""
    color, style = panels.STYLES[line.reading]
    properties = [{"id": "color",
                   "value": {"mode": "fixed", "fixedColor": color}}]
    if style == "dashes":
        properties.append({"id": "custom.lineStyle",
                           "value": {"fill": "dash", "dash": [10, 6]}})
    if style != "line":
        properties.append({"id": "custom.fillOpacity",
                           "value": 40 if style == "area" else 0})
    return {"matcher": {"id": "byName", "options": line.legend},
            "properties": properties}


def stat(panel, reading, *_):
    whole = {} if reading.type == "duration" else {"decimals": 0}
    is_total = panel.lines[0].calculation.startswith("total")
    return {
        "fieldConfig": {
            "defaults": {**unit(panel, reading),
                         **thresholds(panel, panels.PLAIN), "noValue": "-",
                         **highest(reading), **whole},
            "overrides": []},
        "options": {
            "reduceOptions": {"calcs": ["sum" if is_total else "lastNotNull"],
                              "fields": "", "values": False},
            "colorMode": "value", "graphMode": "area", "justifyMode": "auto",
            "textMode": "value"}}


def bargauge(panel, reading, *_):
    """Each line's highest value, the highest line first."""
    return {
        "fieldConfig": {
            "defaults": {**unit(panel, reading), **highest(reading),
                         "decimals": 0, "color": {"mode": "thresholds"},
                         **thresholds(panel, panels.FULLNESS)},
            "overrides": []},
        "options": {
            "displayMode": "gradient", "orientation": "horizontal",
            "showUnfilled": True,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "/^Max$/",
                              "values": True, "limit": queries.BARS}},
        "transformations": [
            {"id": "reduce",
             "options": {"mode": "seriesToRows", "reducers": ["max"]}},
            {"id": "sortBy",
             "options": {"sort": [{"field": "Max", "desc": True}]}}]}


def timeseries(panel, reading, store, click):
    whole = {"decimals": 0} if reading.type == "count" else {}
    custom = {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 10,
              "showPoints": "never", "spanNulls": CONNECTED}
    if "thresholds" in panel.options:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    links = {}
    if click and not any(line.legend for line in panel.lines):
        links = {"links": [{"title": "Show ${__series.name}",
                            "url": address(store, click)}]}
    return {
        "fieldConfig": {
            "defaults": {**unit(panel, reading), **highest(reading), **whole,
                         **thresholds(panel), "custom": custom, **links},
            "overrides": [override(line) for line in panel.lines
                          if line.legend]},
        "options": {
            "legend": {"displayMode": "table", "placement": "right",
                       "showLegend": True, "sortBy": "Max", "sortDesc": True,
                       "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"}}}


KINDS = {"bargauge": ("Bar gauge", bargauge), "stat": ("Stat", stat),
         "timeseries": ("Time series", timeseries)}


def whole_panel(number, panel, place, table, store, click):
    source = {"type": store.name, "uid": "${datasource}"}
    _, of_kind = KINDS[panel.kind]
    return {
        "id": number, "type": panel.kind, "title": panel.title,
        "description": description(panel, table), "gridPos": place,
        "datasource": source,
        "targets": [
            {"refId": letter, "datasource": source,
             **store.target(line, table[line.reading])}
            for letter, line in zip("ABCDEFGH", panel.lines)],
        **of_kind(panel, table[panel.lines[0].reading], store, click)}


def places(dashboard):
    """Each panel and its place on a grid of 24 columns."""
    y = 0
    for height, row in [(4, dashboard["stats"]), *dashboard["rows"]]:
        x = 0
        for panel in row:
            width = panel.options.get("width", 24 // len(row))
            yield panel, {"x": x, "y": y, "w": width, "h": height}
            x += width
        y += height


# ------------------------------------------------------------------ dashboards

def address(store, what):
    """The URL of the dashboard for a line, with the same data source and time.
    Labels have / : % and spaces in them, so values are percent-encoded."""
    chosen = "&var-host=${__series.name:percentencode}"
    if what == "listener":
        chosen = ("&var-host=${host:percentencode}"
                  "&var-listener=${__series.name:percentencode}")
    return (f"/d/listen_backlog-{store.name}-{what}?var-datasource="
            "${datasource:percentencode}" + store.link + chosen +
            "&${__url_time_range}")


def tag(store):
    """The dashboards of a store have this tag."""
    return f"listen_backlog-{store.name}"


CHOSEN = {"hosts": (), "host": ("host",), "listener": ("host", "listener")}


def variables(store, what, lines):
    one = {"hide": 0, "includeAll": False, "multi": False, "options": []}
    chosen = "${DS_%s}" % store.label.upper()
    yield {"name": "datasource", "label": "Data source", "type": "datasource",
           "query": store.name, "refresh": 1, **one, "current": {
               "selected": True, "text": chosen, "value": chosen}}
    found = store.variables(what != "hosts", lines)
    asked = " ".join([*(json.dumps(store.target(*each)) for each in lines),
                      *(variable.query for variable in found)])
    for variable in found:
        label = variable.name.capitalize()
        if variable.kind == "text":
            current = {"selected": True, "text": variable.query,
                       "value": variable.query}
            yield {"name": variable.name, "label": label, "type": "textbox",
                   "query": variable.query, "hide": 0, "options": [current],
                   "current": current}
        elif variable.name in CHOSEN[what] or (
                variable.kind == "hidden" and "${%s:" % variable.name in asked):
            of_kind = one if variable.kind == "one" else {
                "hide": 2, "includeAll": True, "multi": True, "options": [],
                "skipUrlSync": True}
            yield {"name": variable.name, "label": label, "type": "query",
                   "datasource": {"type": store.name, "uid": "${datasource}"},
                   "query": {"query": variable.query,
                             "refId": "StandardVariableQuery"}
                   if store.name == "prometheus" else variable.query,
                   "definition": variable.query, "regex": variable.regex,
                   "sort": 3, "refresh": 2, **of_kind,
                   "current": {} if variable.kind == "one" else {
                       "selected": True, "text": ["All"], "value": ["$__all"]}}


def whole_dashboard(what, dashboard, table, store):
    placed = list(places(dashboard))
    used = sorted({panel.kind for panel, _ in placed})
    lines = [(line, table[line.reading])
             for panel, _ in placed for line in panel.lines]
    return {
        "__inputs": [{
            "name": f"DS_{store.label.upper()}", "label": store.label,
            "description": panels.DATA_SOURCE, "type": "datasource",
            "pluginId": store.name, "pluginName": store.label}],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana",
             "version": "9.0.0"},
            {"type": "datasource", "id": store.name, "name": store.label,
             "version": "1.0.0"},
            *({"type": "panel", "id": kind, "name": KINDS[kind][0],
               "version": ""} for kind in used)],
        "id": None,
        "uid": f"listen_backlog-{store.name}-{what}",
        "title": f"{dashboard['title']} ({store.label})",
        "description": f"collectd's listen_backlog: {dashboard['text']}",
        "tags": ["collectd", "listen_backlog", tag(store)],
        "schemaVersion": 38, "version": 1, "editable": True,
        "graphTooltip": 1, "timezone": "browser", "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [{
            "type": "dashboards", "title": "Accept queues",
            "tags": [tag(store)], "keepTime": True, "includeVars": True,
            "targetBlank": False, "asDropdown": False,
            "icon": "external link", "tooltip": "", "url": ""}],
        "annotations": {"list": []},
        "templating": {"list": list(variables(store, what, lines))},
        "panels": [whole_panel(number, panel, place, table, store,
                               dashboard["click"])
                   for number, (panel, place) in enumerate(placed, 1)]}


def formatted(value, before="", indent=0):
    """JSON with each list or object on one line if it fits."""
    line = before + json.dumps(value, ensure_ascii=False)
    if indent + len(line) < 100 or not isinstance(value, (dict, list)):
        return line
    if isinstance(value, dict):
        ends, inner = "{}", [(json.dumps(key) + ": ", each)
                             for key, each in value.items()]
    else:
        ends, inner = "[]", [("", each) for each in value]
    return (before + ends[0] + ",".join(
        "\n" + " " * (indent + 2) + formatted(each, key, indent + 2)
        for key, each in inner) + "\n" + " " * indent + ends[1])


def main():
    directory, = sys.argv[1:]
    table = readings(sys.stdin)
    for store in queries.STORES:
        for what, dashboard in panels.DASHBOARDS.items():
            path = os.path.join(directory, f"{store.name}-{what}.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(formatted(whole_dashboard(
                    what, dashboard, table, store)) + "\n")


if __name__ == "__main__":
    main()
