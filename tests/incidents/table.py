# SPDX-License-Identifier: MIT
"""The table of verdicts, and below it what was wrong."""
import textwrap

from eyes import OTHERS
from judge import COLUMNS

HEADS = dict(zip(COLUMNS, ("thresholds|as found", "thresholds|selected", "rules|as found", "rules|selected",
                           "--explain|", "netdata|", "Listen-|Drops > 0", "node_ex-|porter")))


LEGEND = """
ok 2.1 s, 1    spoke so long after the first harmed client, with so many mails or alerts, and all was right
ok 4/5         so many of the runs during the incident were right
host 2.1 s     says that this host has trouble, names neither listener nor cause; silent: sees nothing
SILENT, LATE, NO CAUSE, WRONG CAUSE, FALSE, FLAPS, STAYS: what was wrong first, and below the table all of it
"""


def right(row):
    """Whether the incident was staged and each column that can see it was right."""
    return not row["staged"] and all(each["right"] for each in row["verdicts"].values())


def text(incidents, rows):
    """The table of {name: row}."""
    lines = [["incident", *[HEADS[column].partition("|")[0] for column in COLUMNS]],
             ["", *[HEADS[column].partition("|")[2] for column in COLUMNS]]]
    for name, row in rows.items():
        cells = ["NOT STAGED"] if row["staged"] else [row["verdicts"][column]["cell"] for column in COLUMNS]
        lines.append([name, *cells])
    lines.append(["right", *[_sum(rows, column) for column in COLUMNS]])
    widths = [max(len(line[at]) for line in lines if at < len(line)) for at in range(len(COLUMNS) + 1)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    rule = "-" * max(map(len, table))
    return "\n".join([*table[:2], rule, *table[2:-1], rule, table[-1]]) + "\n" + LEGEND + _wrong(incidents, rows)


def _sum(rows, column):
    if column in OTHERS:
        return ""
    seen = [row["verdicts"][column] for row in rows.values() if not row["staged"]]
    seen = [each for each in seen if each["cell"] not in ("cannot see it", "-")]
    return f"{sum(each['right'] for each in seen)} of {len(seen)}"


def _wrong(incidents, rows):
    lines = []
    for name, row in rows.items():
        if right(row):
            continue
        lines.append(f"\n{name}: {incidents[name].story}")
        if row["staged"]:
            lines.append(textwrap.indent(row["staged"], "  "))
            continue
        lines.append(f"  {row['clients']} clients, {row['harmed']} harmed: " +
                     ", ".join(f"{count} {outcome}" for outcome, count in row["outcomes"].items()))
        for column, verdict in row["verdicts"].items():
            if not verdict["right"]:
                lines += [f"  {column}:"] + [textwrap.fill(why, 118, initial_indent="    ", subsequent_indent="      ")
                                             for why in verdict["why"][:6]]
    return "\n".join(lines)
