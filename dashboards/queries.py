# SPDX-License-Identifier: MIT
"""The query for a line of a panel, in the language of each store.

CALCULATIONS has the query for each calculation. SERIES in it selects the
reading. One line per listener or per host would be too many lines on a large
host: a query gives the ten of them with the highest maximum."""
import collections

from panels import CHOSEN, EACH, EVERY, EVERY_NAMESPACE, NAMESPACE

LINES = 10
BARS = 20

# At an interval of a minute, this span has two values of a series or three.
RECENT = "150s"

# Gauges that seldom change: Prometheus is not asked for their maximum.
STEADY = {"limit", "sockets", "somaxconn"}

# A variable of a dashboard: the user chooses one of several values, or enters a
# text; a hidden one stands for all its values.
Variable = collections.namedtuple("Variable", "name query regex kind")

_SERIES_LABELS = "instance, listen_backlog"

OF_ALL_HOSTS = EVERY, EVERY_NAMESPACE
OF_LISTENERS = EACH, EVERY


def _calculation(line, reading):
    """A counter is shown as its rate."""
    if line.calculation in ("history", "by host") and reading.is_counter:
        return {"history": "rate", "by host": "rate by host"}[line.calculation]
    return line.calculation


def _shows_namespaces(reading):
    """Other network namespaces have these readings as well, so that their
    labels have to be left out where listeners are shown."""
    return {"listener", "namespace"} <= reading.subjects


def _is_choice(line):
    """Whether the query gives some of many series."""
    return not line.legend and line.calculation in ("history", "by host")


class Graphite:
    name, label = "graphite", "Graphite"
    link = "&var-prefix=${prefix:percentencode}"
    # keepLastValue, because the newest interval may still lack some values.
    CALCULATIONS = {
        "history": "consolidateBy(SERIES, 'max')",
        "rate": "consolidateBy(perSecond(SERIES), 'max')",
        "by host": "consolidateBy(groupByNode(SERIES, -3, 'maxSeries'), 'max')",
        "rate by host": "consolidateBy(groupByNode(perSecond(SERIES), -3, "
            "'sumSeries'), 'max')",
        "fullest": f"highestMax(consolidateBy(SERIES, 'max'), {BARS})",
        "total": "consolidateBy(nonNegativeDerivative(SERIES), 'sum')",
        "total of all":
            "consolidateBy(sumSeries(nonNegativeDerivative(SERIES)), 'sum')",
        "highest":
            "consolidateBy(maxSeries(keepLastValue(SERIES, 2)), 'max')",
        "sum": "consolidateBy(sumSeries(keepLastValue(SERIES, 2)), 'max')",
        "above 0":
            "multiplySeries(sumSeries(isNonNull(removeBelowValue("
            "keepLastValue(SERIES, 2), 1))), "
            "pow(maxSeries(keepLastValue(SERIES, 2)), 0))",
        "at 0":
            "multiplySeries(sumSeries(isNonNull(removeAboveValue("
            "keepLastValue(SERIES, 2), 0))), "
            "pow(maxSeries(keepLastValue(SERIES, 2)), 0))",
    }

    def target(self, line, reading):
        calculation = _calculation(line, reading)
        host = "*" if line.of in OF_ALL_HOSTS else "$host"
        of = {CHOSEN: "-$listener", NAMESPACE: "",
              EVERY_NAMESPACE: ""}.get(line.of, "-*")
        series = (f"${{prefix}}{host}.listen_backlog{of}."
                  f"{reading.type}-{reading.name}")
        if line.of in OF_LISTENERS and _shows_namespaces(reading):
            series = (f"exclude({series}, "
                      "'listen_backlog-${namespaces:regex}\\.')")
        text = self.CALCULATIONS[calculation].replace("SERIES", series)
        if _is_choice(line):
            text = f"highestMax({text}, {LINES})"
        if line.legend:
            text = f"alias({text}, '{line.legend}')"
        elif line.of == EACH:
            text = f"aliasSub({text}, '^.*listen_backlog-([^.]+)\\..*$', '\\1')"
        elif calculation in ("by host", "rate by host"):
            text = f"aliasSub({text}, '^consolidateBy\\(([^,]+),.*$', '\\1')"
        elif calculation == "fullest":
            text = (f"aliasSub({text}, '^.*?([^.(]+)\\.listen_backlog-([^.]+)"
                    "\\..*$', '\\1 \\2')")
        return {"target": text, "textEditor": True}

    def variables(self, is_one_host, _):
        host = "$host" if is_one_host else "*"
        return [
            Variable("prefix", "collectd.", "", "text"),
            Variable("host", "expand(${prefix}*.listen_backlog)",
                     r"/([^.]+)\.listen_backlog$/", "one"),
            Variable("listener",
                     "expand(${prefix}$host.listen_backlog-*.count-sockets)",
                     r"/listen_backlog-([^.]+)\.count-sockets$/", "one"),
            Variable("namespaces", f"expand(${{prefix}}{host}.listen_backlog-*"
                     ".queue_length-somaxconn)",
                     r"/listen_backlog-([^.]+)\.queue_length-somaxconn$/",
                     "hidden")]


class InfluxDB:
    name, label, link = "influxdb", "InfluxDB", ""
    # The newest interval may still lack some values.
    _NOW = ('SELECT %s("each") FROM (SELECT %s AS "each" FROM SERIES AND '
            f"time > ${{__to}}ms - {RECENT} AND time <= ${{__to}}ms "
            'GROUP BY "host", "instance")')
    _EACH = ('SELECT sum("each") FROM (SELECT %s AS "each" FROM SERIES AND '
             '$timeFilter GROUP BY time($__interval), "host", "instance" '
             "fill(none)) WHERE $timeFilter GROUP BY TIME fill(none)")
    CALCULATIONS = {
        "history": 'SELECT max("value") FROM SERIES AND $timeFilter '
            "GROUP BY TIME fill(null)",
        "rate":
            'SELECT non_negative_derivative(max("value"), 1s) FROM SERIES '
            "AND $timeFilter GROUP BY TIME fill(none)",
        "rate by host":
            _EACH % 'non_negative_derivative(max("value"), 1s)',
        "fullest": 'SELECT max("value") FROM SERIES AND $timeFilter '
            "GROUP BY TAGS",
        "total":
            'SELECT non_negative_difference(max("value")) FROM SERIES '
            "AND $timeFilter GROUP BY TIME fill(none)",
        "total of all": _EACH % 'non_negative_difference(max("value"))',
        "highest": _NOW % ("max", 'last("value")'),
        "sum": _NOW % ("sum", 'last("value")'),
        "above 0": _NOW % ("sum", 'ceil(last("value") / (last("value") + 1))'),
        "at 0":
            _NOW % ("sum", '1 - ceil(last("value") / (last("value") + 1))'),
    }
    CALCULATIONS["by host"] = CALCULATIONS["history"]

    @staticmethod
    def _tags(line, calculation):
        if line.legend:
            return []
        if calculation in ("by host", "rate by host"):
            return ["host"]
        return ["host"] * (line.of == EVERY) + ["instance"]

    @staticmethod
    def _series(line, reading, limits=()):
        field = "seconds" if reading.type == "duration" else "value"
        instance = {CHOSEN: "= ${listener:singlequote}", NAMESPACE: "= ''",
                    EVERY_NAMESPACE: "= ''"}.get(line.of, "!= ''")
        conditions = [
            f"\"type\" = '{reading.type}'",
            f"\"type_instance\" = '{reading.name}'", f'"instance" {instance}']
        if line.of not in OF_ALL_HOSTS:
            conditions.insert(0, '"host" = ${host:singlequote}')
        if line.of in OF_LISTENERS and _shows_namespaces(reading):
            conditions.append('"instance" !~ /^${namespaces:regex}$/')
        return (f'"listen_backlog_{field}" WHERE ' +
                " AND ".join([*conditions, *limits]))

    def target(self, line, reading):
        calculation = _calculation(line, reading)
        tags = self._tags(line, calculation)
        limits = []
        if _is_choice(line):
            limits = [f'"{tags[0]}" =~ /^${{top_{reading.name}:regex}}$/']
        tags_text = ", ".join(f'"{tag}"' for tag in tags)
        text = self.CALCULATIONS[calculation].replace(
            "SERIES", self._series(line, reading, limits))
        return {"alias": line.legend or " ".join(f"$tag_{tag}"
                                                 for tag in tags),
                "query": text.replace("TIME", ", ".join(
                    ["time($__interval)", *filter(None, [tags_text])])
                    ).replace("TAGS", tags_text),
                "rawQuery": True, "resultFormat": "time_series"}

    def _chosen(self, line, reading):
        """A hidden variable with the values of the tag of the series with the
        highest maximum. InfluxQL cannot choose series by their values within
        one query."""
        tag, = self._tags(line, line.calculation)
        highest = "spread" if reading.is_counter else "max"
        return Variable(
            f"top_{reading.name}",
            f'SELECT "{tag}" FROM (SELECT top("highest", "{tag}", {LINES}) '
            f'FROM (SELECT {highest}("value") AS "highest" FROM '
            f'{self._series(line, reading)} AND $timeFilter '
            f'GROUP BY "{tag}"))', "", "hidden")

    def variables(self, is_one_host, lines):
        names = 'SHOW TAG VALUES FROM "listen_backlog_value" WITH KEY = '
        host = '"host" = ${host:singlequote} AND '
        return [
            Variable("host", names + '"host"', "", "one"),
            Variable("listener", names + f'"instance" WHERE {host}"type" = '
                     "'count' AND \"type_instance\" = 'sockets'", "", "one"),
            Variable("namespaces", names + '"instance" WHERE ' +
                     host * is_one_host + "\"type\" = 'queue_length' AND "
                     "\"type_instance\" = 'somaxconn'", "", "hidden"),
            *(self._chosen(line, reading) for line, reading in lines
              if _is_choice(line))]


class Prometheus:
    name, label, link = "prometheus", "Prometheus", ""
    # The second rate has a value also at an interval of collectd that is
    # longer than Grafana believes.
    _RATE = f"(rate(SERIES[$__rate_interval]) or rate(SERIES[{RECENT}]))"
    _HISTORY = "(max_over_time(SERIES[$__rate_interval]) or SERIES)"
    _RANGE = "[$__range] @ end()"
    CALCULATIONS = {
        "history": _HISTORY,
        "steady": "SERIES",
        "rate": _RATE + "LISTENERS",
        "by host": f"max by (instance) {_HISTORY}",
        "rate by host": f"sum by (instance) ({_RATE}LISTENERS)",
        "fullest": f"topk({BARS}, max_over_time(SERIES[$__range]))",
        "total": "increase(SERIES[$__range])",
        "total of all": "sum(increase(SERIES[$__range])LISTENERS)",
        "highest": "max(SERIES)",
        "sum": "sum(SERIES)",
        "above 0": "count(SERIES > 0) or vector(0)",
        "at 0": "count(SERIES == 0) or vector(0)",
    }
    # By calculation: the labels of a line, and the query for the number that
    # decides which lines there are.
    CHOICES = {
        "history": (_SERIES_LABELS, f"max_over_time(SERIES{_RANGE})"),
        "rate": (_SERIES_LABELS, f"increase(SERIES{_RANGE})LISTENERS"),
        "by host": ("instance",
                    f"max by (instance) (max_over_time(SERIES{_RANGE}))"),
        "rate by host": ("instance", "sum by (instance) "
                         f"(increase(SERIES{_RANGE})LISTENERS)"),
    }
    CHOICES["steady"] = CHOICES["history"]

    def target(self, line, reading):
        calculation = _calculation(line, reading)
        if calculation == "history" and reading.name in STEADY:
            calculation = "steady"
        text = self.CALCULATIONS[calculation]
        if _is_choice(line):
            labels, highest = self.CHOICES[calculation]
            text += f" and on ({labels}) topk({LINES}, {highest})"
        host = "" if line.of in OF_ALL_HOSTS else 'instance="$host",'
        # The values of collectd's own namespace have no plugin instance; then
        # write_prometheus puts the type instance into listen_backlog.
        labels = {CHOSEN: 'listen_backlog="$listener",type="NAME"',
                  NAMESPACE: 'listen_backlog="NAME",type=""',
                  EVERY_NAMESPACE: 'listen_backlog="NAME",type=""'
                  }.get(line.of, 'type="NAME"')
        metric = reading.type + {"duration": "_seconds", "derive": "_total"
                                 }.get(reading.type, "")
        listeners = ""
        if line.of in OF_LISTENERS and _shows_namespaces(reading):
            listeners = (f" unless on ({_SERIES_LABELS}) collectd_listen_backlog"
                         f'_queue_length{{{host}type="somaxconn"}}')
        instant = calculation in ("fullest", "total", "total of all")
        legend = {EVERY: "{{instance}} {{listen_backlog}}",
                  EACH: "{{listen_backlog}}"}.get(line.of)
        if calculation in ("by host", "rate by host"):
            legend = "{{instance}}"
        return {"expr": text.replace(
                    "SERIES", f"collectd_listen_backlog_{metric}"
                    f"{{{host}{labels}}}").replace("NAME", reading.name)
                    .replace("LISTENERS", listeners),
                "instant": instant, "range": not instant,
                "legendFormat": line.legend or legend}

    def variables(self, *_):
        metric = "collectd_listen_backlog_"
        return [
            Variable("host", f"label_values({metric}queue_length"
                     '{listen_backlog="somaxconn"}, instance)', "", "one"),
            Variable("listener", f'label_values({metric}count{{instance="$host"'
                     ',type="sockets"}, listen_backlog)', "", "one")]


STORES = Graphite(), InfluxDB(), Prometheus()
