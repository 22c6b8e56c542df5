#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Grafana dashboards: each query gives what the kernel says, in a real store that the real plugin has filled, and
each panel explains its readings in the words of the plugin's table."""
import contextlib
import itertools
import json
import os
import re
import socket
import struct
import sys
import time
import urllib.parse

from lb import *
from lb.probe import listed_readings
from lb.scene import ANY, Scene, holds, names, page, same
from lb.stores import HOST, Graphite, InfluxDB, Prometheus, ServerError, fetch, snippet

sys.path.insert(0, os.path.join(SRCDIR, "dashboards"))
import panels

WHAT = panels.DASHBOARDS
CHOSEN = {"hosts": [], "host": ["host"], "listener": ["host", "listener"]}
STORES = "graphite", "influxdb", "prometheus"


# What a query of Prometheus leaves out: the counters of other network namespaces.
LEFT_OUT = re.compile(r" unless on \(instance, listen_backlog\) collectd_listen_backlog_queue_length\{[^}]*\}")


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
                          r"\"instance\" (= ''|!= ''|= \$\{listener:singlequote\}) AND ", text)
    prometheus = [(value_type, dict(re.findall(r'(\w+)="([^"]*)"', labels))) for value_type, labels in re.findall(
        r"collectd_listen_backlog_(\w+?)(?:_seconds|_total)?\{([^}]*)\}", LEFT_OUT.sub("", text))]
    return [
        *((name, "listener" if listener else "namespace") for listener, name in graphite),
        *((f"{value_type}-{name}", "namespace" if instance == "= ''" else "listener")
          for value_type, name, instance in influxdb),
        *((f"{value_type}-{labels['type']}", "listener") if labels["type"] else
          (f"{value_type}-{labels['listen_backlog']}", "namespace") for value_type, labels in prometheus)]


def hidden_names(each):
    return [variable["name"] for variable in each["templating"]["list"] if variable["hide"] == 2]


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
              ["datasource", *["prefix"] * (store == "graphite"), *CHOSEN[what], *hidden_names(each)], name)
        for variable in variables:
            is_hidden = variable["name"] in hidden_names(each)
            equal((variable.get("hide"), variable.get("skipUrlSync", False)), (2 * is_hidden, is_hidden), name)
            if is_hidden:
                check(re.search(r"\$\{%s:" % variable["name"], json.dumps(each)), f"{name} uses {variable['name']}")
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
            for link in panel["fieldConfig"]["defaults"].get("links", []):
                follow(link["url"], {uid: dashboard(store, uid.rpartition("-")[2]) for uid in uids if store in uid}, where)
        link, = each["links"]
        equal((link["type"], link["includeVars"], link["keepTime"]), ("dashboards", True, True), f"{name}: links")
        equal({other for other, *_, whole in every() if set(link["tags"]) <= set(whole["tags"])},
              {f"{store}-{other}" for other in WHAT}, f"{name} links to those of its store")


def follow(url, offered, where):
    """A link of a panel leads to a dashboard, whose variables get the values that were shown, whatever is in them."""
    values = {"datasource": "p/1", "prefix": "collectd.", "host": "web 1.example.com/é", "__series.name": "a&b:80%/?#+"}
    url = re.sub(r"\$\{([\w.]+)(:percentencode)?\}", lambda m: "from=1&to=2" if m[1] == "__url_time_range" else
                 urllib.parse.quote(values[m[1]], safe="") if m[2] else values[m[1]], url)
    found = urllib.parse.urlsplit(url)
    other = offered[found.path.removeprefix("/d/")]
    given = dict(urllib.parse.parse_qsl(found.query, strict_parsing=True))
    shown = {f"var-{variable['name']}" for variable in other["templating"]["list"] if variable["hide"] == 0}
    equal(set(given), {*shown, "from", "to"}, f"{where}: {url}")
    last = ["host", "listener"]["var-listener" in given]
    equal(given[f"var-{last}"], values["__series.name"], f"{where}: {url}")
    if last == "listener":
        equal(given["var-host"], values["host"], f"{where}: {url}")


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
                equal(set(re.findall(r"\$\{?(host|listener)\b", text)), set(CHOSEN[what]), f"{where}: {text}")
                for value, _ in found:
                    check(f"`{value}`: {meaning[value]}." in panel["description"], f"{where} explains {value}")
            for value in re.findall(r"`(\w+-\w+)`", panel["description"]):
                check(value in meaning, f"{where}: {value} is a reading")
    for store, found in shown.items():
        equal(found, {(name, owner) for name, _, owner, _ in listed_readings()}, f"readings in {store}")


@test("the fullest listener comes first in the bars, and the line with the highest maximum in a legend")
def _():
    for name, _, what, each in every():
        for panel in each["panels"]:
            if panel["type"] == "timeseries":
                legend = panel["options"]["legend"]
                equal((legend["placement"], legend["sortBy"], legend["sortDesc"], "max" in legend["calcs"]),
                      ("right", "Max", True, True), f"{name}: {panel['title']}")
        if what != "listener":
            panel, = (panel for panel in each["panels"] if panel["type"] == "bargauge")
            reduce, sort = panel["transformations"]
            equal((reduce["id"], reduce["options"]["reducers"]), ("reduce", ["max"]), name)
            equal((sort["id"], sort["options"]["sort"]), ("sortBy", [{"field": "Max", "desc": True}]), name)
            equal(panel["options"]["reduceOptions"]["values"], True, name)


# --------------------------------------------------------------- Grafana, in small

SECONDS = 900  # the time shown; a loaded machine takes minutes for all queries


def regex(value):
    """As Grafana's format regex."""
    if isinstance(value, str):
        return re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", value)
    values = sorted(map(regex, value))
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"


FORMATS = {None: str, "regex": regex, "singlequote": lambda value: "'" + value.replace("'", "\\'") + "'"}


class View:
    """A dashboard as Grafana shows it: of a store, with a time range, the time per point and chosen variables."""

    def __init__(self, store, each, seconds=SECONDS, interval="1s", rate_interval="4s", until=None, **chosen):
        """until: the end of the time range; None is now."""
        self.store, self.seconds, self.step, self.until = store, seconds, interval, until
        self.values = {"__interval": interval, "__rate_interval": rate_interval, "__range": f"{seconds}s",
                       "prefix": "collectd.", **chosen}
        for variable in each["templating"]["list"]:
            if variable["hide"] == 2:
                equal((variable["multi"], variable["includeAll"], variable["current"]["value"]), (True, True, ["$__all"]),
                      f"all values of {variable['name']} are chosen")
                self.values[variable["name"]] = self.choices(variable)

    def filled_in(self, text):
        """A query with values for Grafana's variables. The data source InfluxDB fills in the first $timeFilter only in
        the query of a variable."""
        end = f"{self.until}s" if self.until else "now()"
        values = {**self.values, "timeFilter": f"time > {end} - {self.seconds}s AND time <= {end}",
                  "__to": str(int((self.until or time.time()) * 1000))}

        def value(found):
            name, form = found.group(1) or found.group(2), found.group(3)
            return FORMATS[form](values[name])
        return re.sub(r"\$(?:(\w+)|\{(\w+)(?::(\w+))?\})", value, text)

    def choices(self, variable):
        """The values that a variable of a dashboard offers."""
        store, asked = self.store, variable["query"]
        if isinstance(store, Prometheus):
            equal(asked["query"], variable["definition"], "definition")
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", self.filled_in(asked["query"])).groups()
            return set(store.ask(f"label/{label}/values", **{"match[]": selector}))
        check(asked.count("$timeFilter") <= 1, "Grafana fills in one $timeFilter")
        asked = self.filled_in(asked)
        if isinstance(store, InfluxDB):
            return {row[1] for series in store.ask(asked) for row in series["values"]}
        inner = re.fullmatch(r"expand\((.+)\)", asked).group(1)
        found = json.loads(fetch(f"{store.URL}/metrics/expand", query=inner))["results"]
        return {m.group(1) for m in (re.search(variable["regex"].strip("/"), text) for text in found) if m}

    def run(self, target):
        """{legend: [(time in seconds, value)]} of a target in a panel."""
        store, text = self.store, self.filled_in(query(target))
        if isinstance(store, Graphite):
            return store.render(text, self.seconds, self.until or "now")
        if isinstance(store, InfluxDB):
            equal((target["rawQuery"], target["resultFormat"]), (True, "time_series"), text)
            found = [(re.sub(r"\$tag_(\w+)", lambda m, s=series: s["tags"][m.group(1)], target["alias"]),
                      [(when / 1000, value) for when, value in series["values"] if value is not None])
                     for series in store.ask(text)]
        else:
            equal(target["range"], not target["instant"], text)
            now = self.until or time.time()
            answer = store.ask(query=text, time=now) if target["instant"] else store.ask(
                "query_range", query=text, start=now - self.seconds, end=now, step=self.step)
            found = [(re.sub(r"\{\{(\w+)\}\}", lambda m, s=series: s["metric"][m.group(1)], target["legendFormat"]),
                      [(when, float(value)) for when, value in series.get("values") or [series["value"]]])
                     for series in answer["result"]]
        unique((legend for legend, _ in found), f"legends of {text}")
        return dict(found)


# --------------------------------------------------------------- what a panel must show

OVER_ALL = {"highest": lambda values: max(values, key=float), "sum": sum, "total of all": sum,
            "above 0": lambda values: sum(value > 0 for value in values),
            "at 0": lambda values: sum(value == 0 for value in values)}


class Expected:
    """What a line of dashboards/panels.py shows: {legend: number}. For a gauge this is the last value, for a counter
    what it has counted since the first read."""

    def __init__(self, before, now, written, host=HOST):
        self.before, self.now, self.written, self.host = before, now, written, host

    def value(self, name, reading):
        value = self.now[name][reading]
        return value - self.before[name][reading] if READINGS[reading].startswith("derive") else value

    def line(self, line, listener):
        if line.of in (panels.EACH, panels.EVERY):
            each = {self.written(name): self.value(name, line.reading) for name, row in self.now.items()
                    if "sockets" in row and line.reading in row}
        else:
            name = listener if line.of == panels.CHOSEN else ""
            each = {line.legend: self.value(name, line.reading)} if line.reading in self.now[name] else {}
        if line.calculation == "by host":
            of_host = OVER_ALL["sum" if READINGS[line.reading].startswith("derive") else "highest"]
            return {self.host: ANY if ANY in each.values() else of_host(each.values())} if each else {}
        if line.calculation == "fullest" and line.of == panels.EVERY:
            return {f"{self.host} {name}": value for name, value in each.items()}
        if line.calculation not in OVER_ALL:
            return each
        return {line.legend: ANY if ANY in each.values() else OVER_ALL[line.calculation](each.values())}

    def of(self, what, listener):
        """{title: {legend: number}} of a dashboard."""
        return {panel.title: {legend: number for line in panel.lines
                              for legend, number in self.line(line, listener).items()}
                for panel in panels.all_of(WHAT[what])}


def wrong(view, panel, want):
    """What a panel shows instead of these numbers; nothing if it shows them."""
    got, counters = {}, set()
    for target in panel["targets"]:
        is_counter = queried(query(target))[0][0].startswith("derive")
        for legend, points in view.run(target).items():
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
    extrapolated = counters if isinstance(view.store, Prometheus) else ()
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
        offered = {"host": {HOST}, "listener": set(map(store.written, listeners)), "namespaces": {"blue"}}
        for what in WHAT:
            each = dashboard(name, what)
            for listener in listeners if what == "listener" else [""]:
                view = View(store, each, host=HOST, listener=store.written(listener))
                for variable in each["templating"]["list"]:
                    if variable["name"] in offered:
                        equal(view.choices(variable), offered[variable["name"]], f"{what}: {variable['name']}")
                want = expected.of(what, listener)
                equal({panel["title"] for panel in each["panels"]}, set(want), f"panels of {what}")
                for panel in each["panels"]:
                    def why_not():
                        return wrong(view, panel, want[panel["title"]])
                    try:  # a value of InspectQueue may come with a later read
                        until(lambda: not why_not(), "it shows the numbers")
                    except AssertionError as error:
                        raise AssertionError(f"{what} {listener}: {panel['title']}: {why_not()}") from error
        check_more(store, scene)
        # libmicrohttpd complains about write_prometheus, which has no effect.
        equal(([line for line in daemon.errors() if "MHD_OPTION" not in line], daemon.stop()), ([], 0), "the end")


# --------------------------------------------------------------- at each interval of collectd

UNTIL = int(time.time()) // 60 * 60  # a multiple of each interval
# Seconds shown, with Grafana's time per point; the data source of Prometheus believes that it scrapes every 15 seconds.
ZOOMS = (300, "500ms"), (10800, "10s"), (3600, "5s")
# Hosts by the interval of their collectd, each with its number of listeners, and how long it has run.
FLEET = {1: (2, 600), 10: (2, 7200), 60: (12, 10800)}


def rows(listeners):
    """{label: {reading: value}} of a host. A counter grows by its value each second, and the highest value is that of
    a network namespace."""
    def row(owner, value):
        return {name.partition("-")[2]: value for name, _, owners, _ in listed_readings() if owner in owners.split(",")}
    return {"": row("namespace", 99), "blue": row("namespace", 100),
            **{f"{8000 + index}": row("listener", index + 1) for index in range(listeners)}}


def past(section, join):
    """What a store would have of the fleet: join() makes the text of a point."""
    return "".join(
        join(name.replace(HOST, f"each{interval}"), value * when if "derive" in name else value, when)
        for interval, (listeners, seconds) in FLEET.items() for name, value in names(section, rows(listeners)).items()
        for when in range(UNTIL - seconds, UNTIL + 1, interval))


def past_graphite():
    store = Graphite("".join(f"[each{interval}]\npattern = \\.each{interval}\\.\nretentions = {interval}s:4h\n"
                             for interval in FLEET))
    with socket.create_connection(("127.0.0.1", 2003)) as carbon:
        carbon.sendall(past("Graphite", "{} {} {}\n".format).encode())
    wanted = sum(len(names("Graphite", rows(listeners))) for listeners, _ in FLEET.values())

    def complete():
        with contextlib.suppress(ServerError):  # graphite-web fails at a file that carbon is just making
            found = store.render("collectd.each*.listen_backlog*.*", 300, UNTIL).values()
            return sum(bool(points) and points[-1][0] == UNTIL for points in found) == wanted
    until(complete, "carbon has all values")
    return store


def past_influxdb():
    store = InfluxDB()
    store.write(past("InfluxDB", "{} value={} {}\n".format))
    return store


def past_prometheus():
    return Prometheus(past=past("Prometheus", "{} {} {}\n".format))


def shown(what, written, host, listeners, listener):
    """{title: {legend: value}}; the value is None if it depends on the time shown."""
    expected = Expected({name: dict.fromkeys(row, 0) for name, row in listeners.items()}, listeners, written, host)
    found = {}
    for panel in panels.all_of(WHAT[what]):
        legends = {}
        for line in panel.lines:
            each = expected.line(line, listener)
            if not line.legend:
                ten = sorted(each, key=each.get)[-10 if panel.kind == "timeseries" else -20:]
                each = {legend: each[legend] for legend in ten}
            legends.update({legend: None if line.calculation.startswith("total") else value
                            for legend, value in each.items()})
        found[panel.title] = legends
    return found


def check_shown(view, panel, want, start, where):
    """The panel has these legends, with points that are connected and have these values from start on."""
    got = {legend: points for target in panel["targets"] for legend, points in view.run(target).items() if points}
    equal(set(got), set(want), f"{where}: legends")
    for legend, points in got.items():
        if panel["type"] == "timeseries":
            longest = panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] / 1000
            times = [start, *(when for when, _ in points if when >= start), UNTIL]
            equal([(a, b) for a, b in zip(times, times[1:]) if b - a > longest], [], f"{where}: gaps of {legend}")
        if want[legend] is not None:  # the first and last rates may cover less than their span
            equal([value for when, value in points if len(points) == 1 or start + 150 < when < UNTIL
                   if abs(value - want[legend]) > 0.01], [],
                  f"{where}: values of {legend}, which is {want[legend]}")


def check_view(store, each, want, what, seconds, step, age, **chosen):
    view = View(store, each, seconds, "15s" if isinstance(store, Prometheus) else step, "60s", UNTIL, **chosen)
    for panel in each["panels"]:
        legends = want[panel["title"]]
        if what == "hosts" and panel["type"] == "stat":
            legends = dict.fromkeys(legends)
        check_shown(view, panel, legends, UNTIL - min(seconds, age), f"{what} {chosen}, {seconds} s: {panel['title']}")


for kind, fill_in in (Graphite, past_graphite), (InfluxDB, past_influxdb), (Prometheus, past_prometheus):
    @test(f"each query of each dashboard has connected values at intervals of 1, 10 and 60 s from {kind.__name__}")
    def _(kind=kind, fill_in=fill_in):
        store = fill_in()
        for what, (seconds, step) in itertools.product(WHAT, ZOOMS):
            each, of_all = dashboard(kind.__name__.lower(), what), {}
            for interval, (listeners, age) in FLEET.items():
                host = f"each{interval}"
                want = shown(what, store.written, host, rows(listeners), "8001")
                for title, legends in want.items():
                    of_all.setdefault(title, {}).update(legends)
                if what == "host" or what == "listener" and (interval, seconds) in ((1, 300), (10, 300), (60, 3600)):
                    check_view(store, each, want, what, seconds, step, age, host=host, listener="8001")
            if what == "hosts":
                youngest = min(age for _, age in FLEET.values())
                check_view(store, each, of_all, what, min(seconds, youngest), step, youngest)


if __name__ == "__main__":
    main()
