# SPDX-License-Identifier: MIT
"""The pages: one for each host, and the list of all hosts."""
import html

from . import VERSION
from .drawing import VARIANTS
from .pictures import OVERVIEW_LINES, overview_sentence
from .readings import LISTENER
from .subjects import with_fill
from .words import count, folder_name, moment, natural, number, printable

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1f2328;
  --soft: #59636e; --line: #d1d9e0; --bar: #56b4e9; --full: #d55e00;
  --link: #0969da; --note: #fff4e5; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117;
  --text: #e6edf3; --soft: #9da7b3; --line: #30363d; --bar: #2f81b8;
  --full: #ee7a24; --link: #6cb6ff; --note: #2d2013; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 900px; padding: 1rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 0; }
h3 { font-size: 1.05rem; margin: 0; }
h1, h2, h3, td, a, li, p { overflow-wrap: anywhere; }
p { margin: .3rem 0; }
.soft { color: var(--soft); }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
figure { margin: 1rem 0; }
img { display: block; max-width: 100%; height: auto; }
section { border-top: 1px solid var(--line); margin-top: 2rem;
  padding-top: 1.2rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .5rem; text-align: right;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
td.fill { width: 30%; }
td.of { white-space: nowrap; }
.bar { display: flex; align-items: center; gap: .5rem; }
.bar div { flex: 1; background: var(--line); overflow: hidden; }
.bar div, .bar i { display: block; height: .6rem; border-radius: .3rem; }
.bar i { background: var(--bar); }
.bar.full i { background: var(--full); }
.bar.full span { color: var(--full); font-weight: 700; }
.bar span { min-width: 3.6em; }
.note { background: var(--note); border-left: 4px solid var(--full);
  padding: .5rem .8rem; margin: 1rem 0; }
.note ul { margin: .3rem 0; padding-left: 1.2rem; }
dt { font-weight: 600; float: left; clear: left; min-width: 6.5rem; }
dd { margin: 0 0 .3rem 6.5rem; }
@media (max-width: 640px) { body { padding: .6rem 1rem; }
  table { font-size: .9rem; } th { font-size: .8rem; }
  th, td { padding: .35rem .25rem; } .wide { display: none; }
  td.fill { width: 36%; } .bar { gap: .3rem; }
  dt { float: none; } dd { margin-left: 0; } }
"""


class Page:
    """The page of one host."""

    def __init__(self, host, span, pictures, picture_format):
        self.host, self.span = host, span
        self.pictures, self.picture_format = pictures, picture_format

    def html(self):
        title = html.escape(f"Accept queues of {self.host.label}")
        return document(title, "\n".join([
            f"<h1>{title}</h1>", f'<p class="soft">{self.span}</p>',
            f"<p>{html.escape(self._summary())}</p>", *self._errors(),
            *self._namespaces(), *self._stale(), *self._meanings()]))

    def _summary(self):
        listeners = self.host.listeners
        full = sum(one.get("fill", default=0) >= 100 for one in listeners)
        one = len(listeners) == 1
        text = count(len(listeners), "listener") + ", " + (
            f"{full} of them " * (not one) + "full at some time" if full
            else "never full" if one else "none of them full")
        if self.host.overflows is not None:
            text += (f", {count(self.host.overflows, 'overflow')} "
                     f"{self.host.where}")
        return text + "."

    def _namespaces(self):
        """Each namespace with its listeners; first a list, if several."""
        several = len(self.host.drawn) > 1
        if several:
            yield _comparison("Network namespace", "own_name", (
                (f"#n{i}", printable(namespace.name) or "collectd's", namespace,
                 namespace.get("overflows", "total"))
                for i, namespace in enumerate(self.host.drawn)))
        for i, namespace in enumerate(self.host.drawn):
            titled = several or namespace.name
            if titled:
                yield (f'<section id="n{i}"><h2>'
                       f"{html.escape(namespace.label)}</h2>")
            yield from self._figure(namespace.name, overview_alt(namespace),
                                    i > 0)
            yield from self._table(namespace.listeners)
            if titled:
                yield "</section>"
            for one in namespace.listeners:
                yield from self._section(one, "h3" if titled else "h2")

    def _errors(self):
        if self.host.errors:
            yield '<div class="note" role="alert">Not drawn:<ul>'
            for error in self.host.errors:
                yield f"<li>{html.escape(printable(error))}</li>"
            yield "</ul></div>"

    def _figure(self, name, alt, lazy=False):
        if name not in self.pictures:
            return
        yield "<figure><picture>"
        for variant in VARIANTS:
            url, width, height = self.pictures[name][variant.folder]
            where = f'{html.escape(url)}" width="{width}" height="{height}"'
            if variant.media:
                yield f'<source media="{variant.media}" srcset="{where}>'
            else:
                yield (f'<img src="{where} alt="{html.escape(alt)}"'
                       f'{" loading=" * lazy}{chr(34) * lazy}'
                       f'{"lazy" * lazy}{chr(34) * lazy}>')
        yield "</picture></figure>"

    def _table(self, listeners):
        if not listeners:
            return
        more = [(title, reading, cell) for title, reading, cell in (
            ("Busy", "busy", _busy), ("Longest wait", "wait", _wait))
            if any(one.get(reading) is not None for one in listeners)]
        yield ("<table><thead><tr><th>Listener</th><th>Highest fill</th>"
               "<th>Queue</th>" + "".join(
                   f'<th class="wide">{title}</th>' for title, *_ in more) +
               '<th>Overflows</th><th class="wide">Drops</th></tr></thead>'
               "<tbody>")
        for one in listeners:
            yield (f'<tr><td><a href="#l{self._number(one)}">'
                   f"{html.escape(printable(one.own_name))}</a>"
                   f'</td><td class="fill">{_bar(one)}</td>'
                   f'<td class="of">{_of(one)}</td>' + "".join(
                       f'<td class="wide">{cell(one)}</td>'
                       for *_, cell in more) +
                   f'<td>{_total(one.get("overflows", "total"))}</td>'
                   f'<td class="wide">{_total(one.get("drops", "total"))}'
                   "</td></tr>")
        yield "</tbody></table>"

    def _number(self, one):
        return self.host.listeners.index(one)

    def _section(self, one, heading):
        sentence, i = one.sentence(), self._number(one)
        yield (f'<section id="l{i}"><{heading}>{html.escape(one.label)}'
               f"</{heading}>"
               f"<p>{html.escape(sentence[:1].upper() + sentence[1:])}.</p>")
        yield from self._figure(one.name, f"{one.label}: {sentence}", i > 1)
        yield "</section>"

    def _stale(self):
        if self.host.stale:
            names = ", ".join(
                f"{html.escape(printable(one.name))} ({moment(one.updated)})"
                for one in self.host.stale)
            yield ("<section><h2>Ended before this time</h2><p>Newest "
                   f"values: {names}.</p></section>")

    def _meanings(self):
        yield '<section><h2>How to read the graphs</h2><dl class="soft">'
        for name, reading in LISTENER.items():
            if reading.meaning and (name in ("queue", "fill") or any(
                    one.get(name) is not None for one in self.host.listeners)):
                yield f"<dt>{name}</dt><dd>{reading.meaning}</dd>"
        yield ("<dt>grey</dt><dd>not measured, which is not a zero</dd></dl>"
               "</section>")


def document(title, body):
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, '
            'initial-scale=1">\n<meta name="generator" content="listen_backlog'
            f'-graph {VERSION}">\n<title>{title}</title>\n'
            f"<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n")


def overview_alt(namespace):
    lines = [f"{printable(one.own_name)} {number(one.get('fill'))} %"
             for one in with_fill(namespace.listeners)[:OVERVIEW_LINES]]
    place = f"{printable(namespace.name)} on " if namespace.name else ""
    return ("Highest fill of the fullest listeners of "
            f"{place}{namespace.host.label}: "
            f"{', '.join(lines) or 'unknown'}; {overview_sentence(namespace)}")


def _bar(one):
    fill = one.get("fill")
    if fill is None:
        return "-"
    full = " full" if fill >= 100 else ""
    return (f'<div class="bar{full}"><div><i style="width: '
            f'{min(fill, 100):.1f}%"></i></div>'
            f"<span>{number(fill)}&nbsp;%</span></div>")


def _of(one):
    if one.get("queue") is None:
        return "no socket" if one.get("sockets") == 0 else "-"
    limit = one.get("limit", "last")
    return number(one.highest) + (f" of {number(limit)}"
                                  if limit is not None else "")


def _busy(one):
    busy = one.get("busy", "average")
    return "-" if busy is None else f"{number(busy)}&nbsp;%"


def _wait(one):
    wait = one.get("wait")
    return "-" if wait is None else f"{number(wait)}&nbsp;s"


def _total(total):
    return "-" if total is None else number(round(total))


def _comparison(what, name, rows):
    """A table of hosts or namespaces, from rows of (url, label, host or
    namespace, overflows)."""
    lines = []
    for url, label, subject, overflows in rows:
        bar = listener = "-"
        for one in with_fill(subject.listeners)[:1]:
            bar, listener = _bar(one), printable(getattr(one, name))
        lines.append(
            f'<tr><td><a href="{html.escape(url)}">{html.escape(label)}</a>'
            f'</td><td class="fill">{bar}</td><td>{html.escape(listener)}</td>'
            f"<td>{_total(overflows)}</td></tr>")
    return (f"<table><thead><tr><th>{what}</th><th>Highest fill</th>"
            "<th>Listener</th><th>Overflows</th></tr></thead><tbody>" +
            "\n".join(lines) + "</tbody></table>")


def index(drawn, span):
    """The page that lists all hosts."""
    return document(
        "Accept queues", "<h1>Accept queues</h1>"
        f'<p class="soft">{span}</p><p>{count(len(drawn), "host")}, the '
        "fullest first.</p>\n" + _comparison("Host", "name", (
            (f"{folder_name(host.name)}/index.html", host.label, host,
             host.overflows) for host in sorted(drawn, key=host_rank))))


def host_rank(host):
    fill = host.listeners[0].get("fill", default=-1) if host.listeners else -1
    return -fill, -(host.overflows or 0), natural(host.name)
