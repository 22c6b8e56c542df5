# SPDX-License-Identifier: MIT
"""Numbers, names and times as text."""
import hashlib
import os
import re
import time


def printable(text):
    """Any text in a form that a picture or a terminal can show."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def short(text, most):
    return text if len(text) <= most else text[:most - 1] + "…"


def number(value):
    """1353.2 -> 1,353; 12.345 -> 12.3; 0.0123 -> 0.01"""
    if value is None:
        return "-"
    if value and abs(value) < 0.005:
        return "<0.01"
    for digits, bound in (2, 9.995), (1, 99.95):
        if abs(value) < bound and round(value, digits) != round(value):
            return f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}"


def exact(value):
    """A number on an axis: 12500.0 -> 12,500; 0.025 -> 0.025"""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def compact(value, most=7):
    """A number of that many characters at most: 12,345,678 -> 12.3M"""
    text = number(value)
    for unit, factor in ("G", 1e9), ("M", 1e6):
        if len(text) > most and value >= 0.9999995 * factor:
            return f"{value / factor:.3g}{unit}"
    return text


def count(value, what):
    text = number(round(value))
    return f"{text} {what if text == '1' else what + 's'}"


def file_name(name):
    """A name for files and URLs, a different one for each name."""
    escaped = "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 or byte in b"-_."
        else f"={byte:02X}" for byte in os.fsencode(name))
    if len(escaped) <= 150:
        return escaped
    return escaped[:130] + "==" + hashlib.sha1(os.fsencode(name)).hexdigest()


def folder_name(host):
    """The folder of a host, beside the list of hosts."""
    name = file_name(host)
    return "=69" + name[1:] if name == "index.html" else name


def natural(name):
    """A sort key: port 80 comes before port 443."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part)
            for part in re.split(r"([0-9]+)", name) if part]


def moment(when):
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def clock(when, span):
    """The time of the day; with the date if it is not the day of the end."""
    text = moment(when)
    return text[11:] if text[:10] == moment(span.end)[:10] else text


def duration(seconds):
    """40 s, 7 min, 3 h, 4 days"""
    for unit, size in ("days", 86400), ("h", 3600), ("min", 60):
        if seconds >= 2 * size:
            return f"{round(seconds / size)}\u00a0{unit}"
    return f"{number(seconds)}\u00a0s"


def listed(names, most=20):
    if not names:
        return "none"
    some = ", ".join(map(printable, names[:most]))
    return some + (f" and {len(names) - most} more" * (len(names) > most))
