#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Grafana dashboards: each query gives what the kernel says, in a real store that the real plugin has filled, and
each panel explains its readings in the words of the plugin's table."""
import json
import os
import re
import struct
import sys
import time

from lb import *
from lb.probe import listed_readings
from lb.scene import ANY, Scene, holds, names, page, same
from lb.stores import HOST, Graphite, InfluxDB, Prometheus, fetch, snippet

sys.path.insert(0, os.path.join(SRCDIR, "dashboards"))
import panels

WHAT = {"host": panels.HOST, "listener": panels.LISTENER}
STORES = "graphite", "influxdb", "prometheus"


def dashboard(store, what):
    return json.loads(source("dashboards", f"{store}-{what}.json"))


def every():
    """(name, store, what, dashboard) of all."""
    return [(f"{store}-{what}", store, what, dashboard(store, what)) for store in STORES for what in WHAT]


def query(target):
    """The text of a query in a panel."""
    return next(target[key] for key in ("expr", "query", "target") if key in target)


def queried(text):
    """[(type-type_instance, "listener" or "namespace")] that a query reads."""
    graphite = re.findall(r"\.listen_backlog(-[^.]+)?\.(\w+-\w+)", text)
    influxdb = re.findall(r"\"type\" = '(\w+)' AND \"type_instance\" = '(\w+)' AND "
                          r"\"instance\" (= ''|!= ''|= '\$listener') AND \$timeFilter", text)
    prometheus = [(value_type, dict(re.findall(r'(\w+)="([^"]*)"', labels))) for value_type, labels in re.findall(
        r"collectd_listen_backlog_(\w+?)(?:_seconds|_total)?\{([^}]*)\}", text)]
    return [
        *((name, "listener" if listener else "namespace") for listener, name in graphite),
        *((f"{value_type}-{name}", "namespace" if instance == "= ''" else "listener")
          for value_type, name, instance in influxdb),
        *((f"{value_type}-{labels['type']}", "listener") if labels["type"] else
          (f"{value_type}-{labels['listen_backlog']}", "namespace") for value_type, labels in prometheus)]


def unique(things, what):
    things = list(things)
    equal(len(set(things)), len(things), what)
    return things


# --------------------------------------------------------------- what is in a file

@test("Grafana can import each dashboard: ids, data source, variables, places, units and links")
def _():
    uids = unique((each["uid"] for *_, each in every()), "unique uids")
    for name, store, what, each in every():
        one, = each["__inputs"]
        equal((one["pluginId"], each["id"], each["schemaVersion"]), (store, None, 38), name)
        equal({required["id"] for required in each["__requires"]},
              {"grafana", store, *(panel["type"] for panel in each["panels"])}, f"{name}: __requires")
        variables = each["templating"]["list"]
        equal([variable["name"] for variable in variables],
              ["datasource", *["prefix"] * (store == "graphite"), "host", *["listener"] * (what == "listener")], name)
        equal(variables[0]["current"]["value"], "${%s}" % one["name"], f"{name}: the data source")
        taken = set()
        for panel in each["panels"]:
            where = f"{name}: {panel['title']}"
            for part in panel, *panel["targets"]:
                equal(part["datasource"], {"type": store, "uid": "${datasource}"}, where)
            check(panel["fieldConfig"]["defaults"]["unit"], f"{where}: unit")
            x, y, w, h = (panel["gridPos"][key] for key in "xywh")
            cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
            check(not cells & taken and x + w <= 24, f"{where}: place")
            taken |= cells
            unique((target["refId"] for target in panel["targets"]), f"{where}: refIds")
        for key in "id", "title":
            unique((panel[key] for panel in each["panels"]), f"{name}: {key} of panels")
        for uid in re.findall(r"/d/([\w-]+)", json.dumps(each)):
            check(uid in uids, f"{name} links to {uid}")


@test("the dashboards of each store show every reading, and each panel explains its readings")
def _():
    meaning = {name: text for name, _, _, text in listed_readings()}
    shown = {store: set() for store in STORES}
    for name, store, what, each in every():
        for panel in each["panels"]:
            where = f"{name}: {panel['title']}"
            for text in map(query, panel["targets"]):
                found = queried(text)
                check(found, f"{where}: {text} reads a value")
                shown[store] |= set(found)
                equal(("$host" in text, "$listener" in text), (True, what == "listener"), f"{where}: {text}")
                for value, _ in found:
                    check(f"`{value}`: {meaning[value]}." in panel["description"], f"{where} explains {value}")
            for value in re.findall(r"`(\w+-\w+)`", panel["description"]):
                check(value in meaning, f"{where}: {value} is a reading")
    for store, found in shown.items():
        equal(found, {(name, owner) for name, _, owner, _ in listed_readings()}, f"readings in {store}")


@test("the list of the fullest listeners begins with the fullest one")
def _():
    for name, _, what, each in every():
        if what == "host":
            panel, = (panel for panel in each["panels"] if panel["type"] == "bargauge")
            reduce, sort = panel["transformations"]
            equal((reduce["id"], reduce["options"]["reducers"]), ("reduce", ["max"]), name)
            equal((sort["id"], sort["options"]["sort"]), ("sortBy", [{"field": "Max", "desc": True}]), name)
            equal(panel["options"]["reduceOptions"]["values"], True, name)


# --------------------------------------------------------------- Grafana, in small

SECONDS = 900  # the time shown; a loaded machine takes minutes for all queries


def filled_in(text, **variables):
    """A query with values for Grafana's variables, at a point per second."""
    for name, value in {"timeFilter": f"time > now() - {SECONDS}s", "__interval": "1s", "__rate_interval": "4s",
                        "__range": f"{SECONDS}s", "prefix": "collectd.", "host": HOST, **variables}.items():
        text = re.sub(r"\$(?:%s\b|\{%s\})" % (name, name), lambda _, value=value: value, text)
    check(not re.search(r"\$\{?\w", text), f"no variable is left in {text}")
    return text


def run(store, target, **variables):
    """{legend: [(time in seconds, value)]} of a target in a panel."""
    text = filled_in(query(target), **variables)
    if isinstance(store, Graphite):
        return store.render(text, SECONDS)
    if isinstance(store, InfluxDB):
        equal((target["rawQuery"], target["resultFormat"]), (True, "time_series"), text)
        found = [(re.sub(r"\$tag_(\w+)", lambda m, s=series: s["tags"][m.group(1)], target["alias"]),
                  [(when / 1000, value) for when, value in series["values"] if value is not None])
                 for series in store.ask(text)]
    else:
        equal(target["range"], not target["instant"], text)
        now = time.time()
        answer = store.ask(query=text) if target["instant"] else store.ask(
            "query_range", query=text, start=now - SECONDS, end=now, step=1)
        found = [(re.sub(r"\{\{(\w+)\}\}", lambda m, s=series: s["metric"][m.group(1)], target["legendFormat"]),
                  [(when, float(value)) for when, value in series.get("values") or [series["value"]]])
                 for series in answer["result"]]
    unique((legend for legend, _ in found), f"legends of {text}")
    return dict(found)


def choices(store, variable):
    """The values that a variable of a dashboard offers."""
    asked = variable["query"]
    if isinstance(store, Prometheus):
        equal(asked["query"], variable["definition"], "definition")
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", filled_in(asked["query"])).groups()
        return set(store.ask(f"label/{label}/values", **{"match[]": selector}))
    asked = filled_in(asked)
    if isinstance(store, InfluxDB):
        series, = store.ask(asked)
        return {value for _, value in series["values"]}
    inner = re.fullmatch(r"expand\((.+)\)", asked).group(1)
    found = json.loads(fetch(f"{store.URL}/metrics/expand", query=inner))["results"]
    return {m.group(1) for m in (re.search(variable["regex"].strip("/"), text) for text in found) if m}


# --------------------------------------------------------------- what a panel must show

OVER_ALL = {"highest": lambda values: max(values, key=float), "sum": sum,
            "above 0": lambda values: sum(value > 0 for value in values),
            "at 0": lambda values: sum(value == 0 for value in values)}


class Expected:
    """What a line of dashboards/panels.py shows: {legend: number}. For a gauge this is the last value, for a counter
    what it has counted since the first read."""

    def __init__(self, before, now, written):
        self.before, self.now, self.written = before, now, written

    def value(self, name, reading):
        value = self.now[name][reading]
        return value - self.before[name][reading] if READINGS[reading].startswith("derive") else value

    def line(self, line, listener):
        if line.of == panels.EACH:
            each = {self.written(name): self.value(name, line.reading) for name, row in self.now.items()
                    if name and line.reading in row}
        else:
            name = listener if line.of == panels.CHOSEN else ""
            each = {line.legend: self.value(name, line.reading)} if line.reading in self.now[name] else {}
        if line.calculation not in OVER_ALL:
            return each
        return {line.legend: ANY if ANY in each.values() else OVER_ALL[line.calculation](each.values())}

    def of(self, what, listener):
        """{title: {legend: number}} of a dashboard."""
        return {panel.title: {legend: number for line in panel.lines
                              for legend, number in self.line(line, listener).items()}
                for panel in panels.all_of(WHAT[what])}


def wrong(store, panel, want, **variables):
    """What a panel shows instead of these numbers; nothing if it shows them."""
    got, counters = {}, set()
    for target in panel["targets"]:
        is_counter = queried(query(target))[0][0].startswith("derive")
        for legend, points in run(store, target, **variables).items():
            if legend in got:
                return f"{legend} comes twice"
            if is_counter:
                counters.add(legend)
            if points:
                got[legend] = sum(value for _, value in points) if is_counter else points[-1][1]
    newer = {legend for legend, value in want.items() if value is ANY}
    got, want = ({legend: value for legend, value in each.items() if legend not in newer} for each in (got, want))
    if set(got) != set(want):
        return f"legends {set(got)}, not {set(want)}"
    extrapolated = counters if isinstance(store, Prometheus) else ()
    return [f"{legend}: got {got[legend]}, want {value}" for legend, value in want.items() if not (
        abs(got[legend] - value) <= 0.5 * value if legend in extrapolated else same(got[legend], value))]


def check_graphite(store, scene):
    """The rates add up, and graphite-web draws the values."""
    base = f"collectd.{HOST}.listen_backlog-80"
    points = store.render(f"perSecond({base}.derive-overflows)", SECONDS)
    equal(sum(rate for each in points.values() for _, rate in each), 7, "the sum of the rates")
    drawn, empty = (fetch(f"{store.URL}/render", format="png", width=800, height=300, target=target, **{"from": "-1h"})
                    for target in (f"{base}.queue_length-*", "nothing"))
    equal((drawn[:8], struct.unpack("!II", drawn[16:24])), (b"\x89PNG\r\n\x1a\n", (800, 300)), "a PNG of this size")
    check(len(drawn) > len(empty), "something is drawn")


def check_prometheus(store, scene):
    """Each series has its type, and those of a listener that has gone are gone."""
    types = dict(re.findall(r"^# TYPE (collectd_listen_backlog_\w+) (\w+)$",
                            fetch("http://127.0.0.1:9103/metrics").decode(), re.M))
    equal(types, {name.partition("{")[0]: "counter" if "_total{" in name else "gauge"
                  for name in page()["Prometheus"].values()}, "types")
    scene.servers[1].close()
    holds(store.values, names("Prometheus", scene.table()), "after the listener has gone")


for name, kind, plugin, check_more in (
        ("graphite", Graphite, "write_graphite", check_graphite),
        ("influxdb", InfluxDB, "network", lambda *_: None),
        ("prometheus", Prometheus, "write_prometheus", check_prometheus)):
    @test(f"{plugin} brings into {kind.__name__} what the kernel says, and each query of each dashboard gives it")
    def _(name=name, kind=kind, plugin=plugin, check_more=check_more):
        store, scene = kind(), Scene(inspect=True)
        daemon = Collectd(scene.config, interval=1, plugins=[plugin], extra=snippet(name))
        before = scene.table()
        holds(store.values, names(store.SECTION, before, store.written), "at first")
        scene.move_counters()
        table = scene.table()
        holds(store.values, names(store.SECTION, table, store.written))
        daemon.await_reads(6)  # until rates are 0 again, and values that waited for the next interval have arrived
        expected = Expected(before, table, store.written)
        listeners = [listener for listener, row in table.items() if "sockets" in row]
        offered = {"host": {HOST}, "listener": set(map(store.written, listeners))}
        for what in WHAT:
            each = dashboard(name, what)
            for variable in each["templating"]["list"]:
                if variable["type"] == "query":
                    equal(choices(store, variable), offered[variable["name"]], f"{what}: {variable['name']}")
            for listener in [""] if what == "host" else listeners:
                want = expected.of(what, listener)
                equal({panel["title"] for panel in each["panels"]}, set(want), f"panels of {what}")
                for panel in each["panels"]:
                    def why_not():
                        return wrong(store, panel, want[panel["title"]], listener=store.written(listener))
                    try:  # a value of InspectQueue may come with a later read
                        until(lambda: not why_not(), "it shows the numbers")
                    except AssertionError as error:
                        raise AssertionError(f"{what} {listener}: {panel['title']}: {why_not()}") from error
        check_more(store, scene)
        # libmicrohttpd complains about write_prometheus, which has no effect.
        equal(([line for line in daemon.errors() if "MHD_OPTION" not in line], daemon.stop()), ([], 0), "the end")


if __name__ == "__main__":
    main()
