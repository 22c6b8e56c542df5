# SPDX-License-Identifier: MIT
"""The query for a line of a panel, in the language of each store.

CALCULATIONS has the query for each calculation. SERIES in it selects the
reading."""
from panels import CHOSEN, EACH, NAMESPACE

# Gauges that seldom change: Prometheus is not asked for their maximum.
STEADY = {"limit", "sockets", "somaxconn"}


def _calculation(line, reading):
    """A counter is shown as its rate."""
    if line.calculation == "history" and reading.is_counter:
        return "rate"
    return line.calculation


class Graphite:
    name, label = "graphite", "Graphite"
    link = "&var-prefix=${prefix}"
    # keepLastValue, because the newest interval may still lack some values.
    CALCULATIONS = {
        "history": "consolidateBy(SERIES, 'max')",
        "rate": "consolidateBy(perSecond(SERIES), 'max')",
        "total": "consolidateBy(nonNegativeDerivative(SERIES), 'sum')",
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
        of = {EACH: "-*", CHOSEN: "-$listener", NAMESPACE: ""}[line.of]
        text = self.CALCULATIONS[_calculation(line, reading)].replace(
            "SERIES", f"${{prefix}}$host.listen_backlog{of}."
            f"{reading.type}-{reading.name}")
        if line.legend:
            text = f"alias({text}, '{line.legend}')"
        else:
            text = f"aliasSub({text}, '^.*listen_backlog-([^.]+)\\..*$', '\\1')"
        return {"target": text, "textEditor": True}

    def variables(self):
        """Variables of this store alone, and {variable: (query, regex)}: the
        regex takes the value out of an answer."""
        prefix = {"selected": True, "text": "collectd.", "value": "collectd."}
        return [{"name": "prefix", "label": "Prefix", "type": "textbox",
                 "query": "collectd.", "hide": 0, "options": [prefix],
                 "current": prefix}], {
            "host": ("expand(${prefix}*.listen_backlog)",
                     r"/([^.]+)\.listen_backlog$/"),
            "listener": (
                "expand(${prefix}$host.listen_backlog-*.count-sockets)",
                r"/listen_backlog-([^.]+)\.count-sockets$/")}


class InfluxDB:
    name, label, link = "influxdb", "InfluxDB", ""
    # A sum over listeners leaves out the newest two intervals, because some of
    # their values are still under way.
    _COMPLETE = "SERIES AND time < now() - $__interval - $__interval"
    _SUM = ('SELECT sum("each") FROM (SELECT %s AS "each" FROM ' + _COMPLETE +
            ' GROUP BY time($__interval), "instance" fill(none)) '
            "WHERE $timeFilter GROUP BY time($__interval) fill(none)")
    CALCULATIONS = {
        "history": 'SELECT max("value") FROM SERIES GROUP BY TIME fill(null)',
        "rate":
            'SELECT non_negative_derivative(max("value"), 1s) FROM SERIES '
            "GROUP BY TIME fill(none)",
        "total":
            'SELECT non_negative_difference(max("value")) FROM SERIES '
            "GROUP BY TIME fill(none)",
        "highest": f'SELECT max("value") FROM {_COMPLETE} '
            "GROUP BY time($__interval) fill(none)",
        "sum": _SUM % 'last("value")',
        "above 0": _SUM % 'ceil(last("value") / (last("value") + 1))',
        "at 0": _SUM % '1 - ceil(last("value") / (last("value") + 1))',
    }

    def target(self, line, reading):
        field = "seconds" if reading.type == "duration" else "value"
        instance = {EACH: "!= ''", CHOSEN: "= '$listener'",
                    NAMESPACE: "= ''"}[line.of]
        text = self.CALCULATIONS[_calculation(line, reading)].replace(
            "SERIES", f'"listen_backlog_{field}" WHERE "host" = \'$host\' AND '
            f"\"type\" = '{reading.type}' AND "
            f"\"type_instance\" = '{reading.name}' AND "
            f'"instance" {instance} AND $timeFilter')
        by_listener = "" if line.legend else ', "instance"'
        return {"alias": line.legend or "$tag_instance",
                "query": text.replace("TIME", "time($__interval)" +
                                      by_listener),
                "rawQuery": True, "resultFormat": "time_series"}

    def variables(self):
        names = 'SHOW TAG VALUES FROM "listen_backlog_value" WITH KEY = '
        return [], {
            "host": (names + '"host"', ""),
            "listener": (
                names + '"instance" WHERE "host" = \'$host\' AND "type" = '
                "'count' AND \"type_instance\" = 'sockets'", "")}


class Prometheus:
    name, label, link = "prometheus", "Prometheus", ""
    CALCULATIONS = {
        "history": "max_over_time(SERIES[$__rate_interval])",
        "steady": "SERIES",
        "rate": "rate(SERIES[$__rate_interval])",
        "total": "increase(SERIES[$__range])",
        "highest": "max(SERIES)",
        "sum": "sum(SERIES)",
        "above 0": "count(SERIES > 0) or vector(0)",
        "at 0": "count(SERIES == 0) or vector(0)",
    }

    def target(self, line, reading):
        calculation = _calculation(line, reading)
        if calculation == "history" and reading.name in STEADY:
            calculation = "steady"
        # The values of collectd's own namespace have no plugin instance; then
        # write_prometheus puts the type instance into listen_backlog.
        labels = {EACH: 'type="NAME"',
                  CHOSEN: 'listen_backlog="$listener",type="NAME"',
                  NAMESPACE: 'listen_backlog="NAME",type=""'}[line.of]
        metric = reading.type + {"duration": "_seconds", "derive": "_total"
                                 }.get(reading.type, "")
        instant = calculation == "total"
        return {"expr": self.CALCULATIONS[calculation].replace(
                    "SERIES", f"collectd_listen_backlog_{metric}"
                    f'{{instance="$host",{labels}}}'.replace(
                        "NAME", reading.name)),
                "instant": instant, "range": not instant,
                "legendFormat": line.legend or "{{listen_backlog}}"}

    def variables(self):
        metric = "collectd_listen_backlog_"
        return [], {
            "host": (f"label_values({metric}queue_length"
                     '{listen_backlog="somaxconn"}, instance)', ""),
            "listener": (f'label_values({metric}count{{instance="$host",'
                         'type="sockets"}, listen_backlog)', "")}


STORES = Graphite(), InfluxDB(), Prometheus()
