#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The dashboards for Grafana: every query in them, run against the real store
that the real plugin filled, gives what the kernel says; and what they say of
a value is what the plugin's table says."""
import json
import os
import re
import sys
import time

from stores import *

sys.path.insert(0, os.path.join(SRCDIR, "dashboards"))
import panels

WHAT = {"host": panels.HOST, "listener": panels.LISTENER}
STORES = {"graphite": (Graphite, "write_graphite"),
          "influxdb": (InfluxDB, "network"),
          "prometheus": (Prometheus, "write_prometheus")}


def dashboard(store, what):
    return json.loads(source("dashboards", f"{store}-{what}.json"))


def every():
    """(name, store, what, dashboard) of all."""
    for store in STORES:
        for what in WHAT:
            yield f"{store}-{what}", store, what, dashboard(store, what)


def query(target):
    """The text of a query in a panel."""
    return next(target[key] for key in ("expr", "query", "target")
                if key in target)


def queried(text):
    """[(type-type_instance, "listener" or "namespace")] that a query reads."""
    found = []
    # Graphite
    for listener, name in re.findall(
            r"\.listen_backlog(-[^.]+)?\.(\w+-\w+)", text):
        found.append((name, "listener" if listener else "namespace"))
    # InfluxQL
    for kind, name, instance in re.findall(
            r"\"type\" = '(\w+)' AND \"type_instance\" = '(\w+)' AND "
            r"\"instance\" (= ''|!= ''|= '\$listener') AND \$timeFilter",
            text):
        found.append((f"{kind}-{name}",
                      "namespace" if instance == "= ''" else "listener"))
    # PromQL
    for kind, labels in re.findall(
            r"collectd_listen_backlog_(\w+?)(?:_seconds|_total)?\{([^}]*)\}",
            text):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        found.append((f"{kind}-{labels['type']}", "listener") if labels["type"]
                     else (f"{kind}-{labels['listen_backlog']}", "namespace"))
    return found


# ---------------------------------------------------------- what is in a file

@test("each can be imported: names, data source, places, units")
def _():
    uids = [each["uid"] for *_, each in every()]
    equal(len(set(uids)), len(uids), "unique uids")
    for name, store, what, each in every():
        one, = each["__inputs"]
        equal(one["pluginId"], store, f"{name}: input")
        equal(each["id"], None, f"{name}: id")
        equal(each["schemaVersion"], 38, f"{name}: schemaVersion")
        equal({required["id"] for required in each["__requires"]},
              {"grafana", store, *(p["type"] for p in each["panels"])},
              f"{name}: __requires")
        variables = [v["name"] for v in each["templating"]["list"]]
        equal(variables, [
            "datasource", *(["prefix"] if store == "graphite" else []), "host",
            *(["listener"] if what == "listener" else [])],
              f"{name}: variables")
        equal(each["templating"]["list"][0]["current"]["value"],
              "${%s}" % one["name"], f"{name}: the data source")
        taken = set()
        for panel in each["panels"]:
            where = f"{name}: {panel['title']}"
            for part in panel, *panel["targets"]:
                equal(part["datasource"], {
                    "type": store, "uid": "${datasource}"}, where)
            check(panel["fieldConfig"]["defaults"]["unit"], f"{where}: unit")
            pos = panel["gridPos"]
            cells = {(x, y) for x in range(pos["x"], pos["x"] + pos["w"])
                     for y in range(pos["y"], pos["y"] + pos["h"])}
            check(not cells & taken and max(cells)[0] < 24, f"{where}: place")
            taken |= cells
            refs = [target["refId"] for target in panel["targets"]]
            equal(len(set(refs)), len(refs), f"{where}: refIds")
        for key in "id", "title":
            found = [panel[key] for panel in each["panels"]]
            equal(len(set(found)), len(found), f"{name}: panels' {key}")
        for uid in re.findall(r"/d/([\w-]+)",
                              source("dashboards", f"{name}.json")):
            check(uid in uids, f"{name} links to {uid}")


@test("each panel says what its values mean, as the plugin's table does")
def _():
    table = readings()
    meaning = {name: text for name, _, _, text in table}
    whose = {(name, owner) for name, _, owner, _ in table}
    shown = {store: set() for store in STORES}
    for name, store, what, each in every():
        for panel in each["panels"]:
            where = f"{name}: {panel['title']}"
            for target in panel["targets"]:
                text = query(target)
                found = queried(text)
                check(found, f"{where}: {text} reads a value")
                check(set(found) <= whose, f"{where}: {found}")
                shown[store] |= set(found)
                check("$host" in text, f"{where}: $host is in {text}")
                equal("$listener" in text, what == "listener",
                      f"{where}: $listener in {text}")
                for value, _ in found:
                    check(f"`{value}`: {meaning[value]}." in
                          panel["description"], f"{where} describes {value}")
            for value in re.findall(r"`(\w+-\w+)`", panel["description"]):
                check(value in meaning, f"{where}: {value} is a reading")
    for store, found in shown.items():
        equal(found, whose, f"what the dashboards of {store} show")


@test("the fullest listener comes first")
def _():
    for name, _, what, each in every():
        if what == "host":
            panel, = (p for p in each["panels"] if p["type"] == "bargauge")
            reduce, sort = panel["transformations"]
            equal((reduce["id"], reduce["options"]["reducers"]),
                  ("reduce", ["max"]), name)
            equal((sort["id"], sort["options"]["sort"]),
                  ("sortBy", [{"field": "Max", "desc": True}]), name)
            equal(panel["options"]["reduceOptions"]["values"], True, name)


# --------------------------------------------------------- Grafana, in small

SECONDS = 60  # the time shown


def filled_in(text, **variables):
    """A query with Grafana's variables replaced, at 1 second a point."""
    for name, value in {
            "timeFilter": f"time > now() - {SECONDS}s", "__interval": "1s",
            "__rate_interval": "4s", "__range": f"{SECONDS}s",
            "prefix": "collectd.", "host": HOST, **variables}.items():
        text = re.sub(r"\$(?:%s\b|\{%s\})" % (name, name),
                      lambda _, value=value: value, text)
    check(not re.search(r"\$\{?\w", text), f"all is replaced in {text}")
    return text


def run(store, target, **variables):
    """{legend: [(time in seconds, value)]} of a target in a panel."""
    text = filled_in(query(target), **variables)
    if isinstance(store, Graphite):
        return store.render(text, SECONDS)
    found = {}
    if isinstance(store, InfluxDB):
        equal((target["rawQuery"], target["resultFormat"]),
              (True, "time_series"), text)
        for series in store.ask(text):
            legend = re.sub(r"\$tag_(\w+)",
                            lambda m, s=series: s["tags"][m.group(1)],
                            target["alias"])
            check(legend not in found, f"{legend} comes once from {text}")
            found[legend] = [(when / 1000, value) for when, value
                             in series["values"] if value is not None]
        return found
    equal(target["range"], not target["instant"], text)
    now = time.time()
    answer = store.ask(query=text) if target["instant"] else store.ask(
        "query_range", query=text, start=now - SECONDS, end=now, step=1)
    for series in answer["result"]:
        legend = re.sub(r"\{\{(\w+)\}\}",
                        lambda m, s=series: s["metric"][m.group(1)],
                        target["legendFormat"])
        check(legend not in found, f"{legend} comes once from {text}")
        found[legend] = [(when, float(value)) for when, value in
                         series.get("values") or [series["value"]]]
    return found


def choices(store, variable):
    """What a variable of a dashboard offers."""
    asked = variable["query"]
    if isinstance(store, Prometheus):
        equal(asked["query"], variable["definition"], "definition")
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)",
                                       filled_in(asked["query"])).groups()
        return set(store.ask(f"label/{label}/values", **{"match[]": selector}))
    asked = filled_in(asked)
    if isinstance(store, InfluxDB):
        series, = store.ask(asked)
        return {value for _, value in series["values"]}
    expand = re.fullmatch(r"expand\((.+)\)", asked)
    if expand:
        found = json.loads(fetch(f"{store.URL}/metrics/expand",
                                 query=expand.group(1)))["results"]
    else:
        found = [node["text"] for node in json.loads(
            fetch(f"{store.URL}/metrics/find", query=asked))]
    return {m.group(1) for m in (re.search(
        variable["regex"].strip("/"), text) for text in found) if m}


# ------------------------------------------------ and what it is to show then

OVER_ALL = {"highest": lambda values: max(values, key=float), "sum": sum,
            "above 0": lambda values: sum(value > 0 for value in values),
            "at 0": lambda values: sum(value == 0 for value in values)}


class Expected:
    """What a line of dashboards/panels.py shows, as {legend: number}. The
    number of a gauge is the last one; that of a counter is what it has counted
    since the first look."""

    def __init__(self, before, now, called):
        self.before, self.now, self.called = before, now, called

    def value(self, name, reading):
        value = self.now[name][reading]
        return value - self.before[name][reading] \
            if READINGS[reading].startswith("derive") else value

    def line(self, line, listener):
        if line.of == panels.EACH:
            each = {self.called(name): self.value(name, line.reading)
                    for name, row in self.now.items()
                    if name and line.reading in row}
        else:
            name = listener if line.of == panels.CHOSEN else ""
            each = {line.legend: self.value(name, line.reading)} \
                if line.reading in self.now[name] else {}
        if line.calculation not in OVER_ALL:
            return each
        return {line.legend: OVER_ALL[line.calculation](each.values())}

    def of(self, dashboard, listener):
        """{title: {legend: number}} of a dashboard."""
        return {panel.title: {
            legend: number for line in panel.lines
            for legend, number in self.line(line, listener).items()}
            for panel in panels.all_of(dashboard)}


def shows(store, panel, want, **variables):
    """Whether a panel shows these numbers; all there is to say if not."""
    got, counters = {}, set()
    for target in panel["targets"]:
        series = run(store, target, **variables)
        for legend, points in series.items():
            check(legend not in got, f"{legend} comes once")
            counter = queried(query(target))[0][0].startswith("derive")
            if counter:
                counters.add(legend)
            if points:
                got[legend] = sum(value for _, value in points) if counter \
                    else points[-1][1]
    equal(set(got), set(want), "legends")
    for legend, value in want.items():
        # Prometheus extrapolates what it counted, the others do not.
        check(abs(got[legend] - value) <= 0.5 * value if legend in counters and
              isinstance(store, Prometheus) else same(got[legend], value),
              f"{legend}: got {got[legend]}, want {value}")


def all_show(name, store):
    """Every query of a store's dashboards, with the store filled."""
    scene = Scene(inspect=True)
    _, plugin = STORES[name]
    daemon = Collectd(scene.CONFIG, interval=1, plugins=[plugin],
                      extra=snippet(name))
    before = scene.table()
    holds(store.values, names(store.SECTION, before, store.called), "at first")
    scene.trouble()
    table = scene.table()
    holds(store.values, names(store.SECTION, table, store.called))
    # Until rates are over, and what waited for the next interval is there.
    last = time.time()
    until(lambda: daemon.later(last, 6), "6 looks more")
    check(daemon.running(), "collectd runs")
    expected = Expected(before, table, store.called)
    listeners = [name for name, row in table.items() if "sockets" in row]
    offered = {"host": {HOST}, "listener": set(map(store.called, listeners))}
    for what in WHAT:
        each = dashboard(name, what)
        for variable in each["templating"]["list"]:
            if variable["type"] == "query":
                equal(choices(store, variable), offered[variable["name"]],
                      f"{what}: {variable['name']}")
        for listener in [""] if what == "host" else listeners:
            want = expected.of(WHAT[what], listener)
            equal({panel["title"] for panel in each["panels"]}, set(want),
                  f"panels of {what}")
            for panel in each["panels"]:
                try:
                    shows(store, panel, want[panel["title"]],
                          listener=store.called(listener))
                except AssertionError as error:
                    raise AssertionError(
                        f"{what} {listener}: {panel['title']}: {error}"
                    ) from error


@test("Graphite: every query gives what the kernel says")
def _():
    all_show("graphite", Graphite())


@test("InfluxDB: every query gives what the kernel says")
def _():
    all_show("influxdb", InfluxDB())


@test("Prometheus: every query gives what the kernel says")
def _():
    all_show("prometheus", Prometheus())


if __name__ == "__main__":
    main()
