# SPDX-License-Identifier: MIT
"""The pages: one for each host, and the list of all hosts."""
import html

from . import VERSION
from .drawing import VARIANTS
from .findings import (CALM, GONE, IDLE, NOBODY, headline, namespace_headline,
                       overflow_words, rank, trouble, troubled)
from .readings import LISTENER, level
from .style import STYLE
from .subjects import with_fill
from .words import (clock, count, folder_name, moment, natural, number,
                    printable, short)

FEW = 10  # listeners without a queue that are shown at once
ALTS = 6  # listeners in the alt text of an overview


class Page:
    """The page of one host."""

    def __init__(self, host, span, pictures, picture_format):
        self.host, self.span = host, span
        self.pictures, self.picture_format = pictures, picture_format

    def html(self):
        title = html.escape(f"Accept queues of {self.host.label}")
        return document(title, "\n".join([
            f"<h1>{title}</h1>", f'<p class="soft">{self.span}</p>',
            *self._gone(), f"<p>{html.escape(summary(self.host))}</p>",
            *self._errors(), *self._namespaces(), *self._stale(),
            *self._meanings()]))

    def _gone(self):
        if self.host.late:
            since = clock(self.host.updated, self.span)
            yield (f'<p class="what">No values since {since}.</p><p>collectd '
                   "on this host has stopped, or its values do not arrive.</p>")

    def _namespaces(self):
        """Each namespace with its listeners; first a list, if several."""
        several = len(self.host.drawn) > 1
        if several:
            yield _comparison("Network namespace", "own_name", (
                (f"#n{i}", printable(namespace.name) or "collectd's",
                 trouble(self.host, namespace.listeners), namespace,
                 namespace.get("overflows", "total"))
                for i, namespace in enumerate(self.host.drawn)))
        for i, namespace in enumerate(self.host.drawn):
            titled = several or namespace.name
            if titled:
                yield (f'<section id="n{i}">'
                       f"{_heading('h2', namespace.label)}")
            yield from self._figure(namespace.name, overview_alt(namespace),
                                    i > 0)
            yield from self._table(namespace.listeners)
            if titled:
                yield "</section>"
            for one in filter(self.host.pictured, namespace.listeners):
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
        """The listeners; those without a queue fold."""
        shown = [one for one in listeners if self.host.pictured(one)]
        folded = [one for one in listeners if not self.host.pictured(one)]
        yield from self._rows(shown)
        if folded:
            opened = " open" if not shown and len(folded) <= FEW else ""
            what = " without a queue and without a drop" \
                if any(one.known() for one in folded) else ""
            number_ = count(len(folded), "listener")
            yield f"<details{opened}><summary>{number_}{what}</summary>"
            yield from self._rows(folded)
            yield "</details>"

    def _rows(self, listeners):
        if not listeners:
            return
        more = [(title, reading, cell) for title, reading, cell in (
            ("Busy", "busy", _busy), ("Longest wait", "wait", _wait))
            if any(one.get(reading) is not None for one in listeners)]
        yield _head(("Listener", ""), ("Highest fill", ""),
                    ("Highest queue", ""),
                    *((title, "wide") for title, *_ in more),
                    ("Overflows", ""), ("Drops", "wide"))
        for one in listeners:
            name = _named(one.own_name)
            if self.host.pictured(one):
                name = f'<a href="#l{self._number(one)}">{name}</a>'
            what, row = _what(headline(one) if troubled(one) else "",
                              5 + len(more))
            yield (f'<tr{row}><th scope="row">{name}</th>'
                   f'<td class="fill">{_bar(one)}</td><td>{_of(one)}</td>' +
                   "".join(f'<td class="wide">{cell(one)}</td>'
                           for *_, cell in more) +
                   f'<td>{_total(one.get("overflows", "total"))}</td>'
                   f'<td class="wide">{_total(one.get("drops", "total"))}'
                   f"</td></tr>{what}")
        yield "</tbody></table>"

    def _number(self, one):
        return self.host.listeners.index(one)

    def _section(self, one, heading):
        i = self._number(one)
        yield f'<section id="l{i}">{_heading(heading, one.label)}'
        if troubled(one):
            yield f'<p class="what">{_sentence(headline(one))}</p>'
        yield f"<p>{_sentence(one.sentence())}</p>"
        yield from self._figure(one.name, listener_alt(one), i > 1)
        yield "</section>"

    def _stale(self):
        if self.host.stale:
            names = ", ".join(
                f"{_named(one.name)} ({moment(one.updated)})"
                for one in self.host.stale)
            yield ("<section><h2>Ended before this time</h2><p>Newest "
                   f"values: {names}.</p></section>")

    def _meanings(self):
        yield '<section><h2>How to read the graphs</h2><dl class="soft">'
        for name, reading in LISTENER.items():
            if reading.meaning and (name in ("queue", "fill") or any(
                    one.get(name) is not None for one in self.host.listeners)):
                yield f"<dt>{name}</dt><dd>{reading.meaning}</dd>"
        yield ("<dt>grey</dt><dd>not measured, which is not a zero</dd>"
               "<dt>black</dt><dd>nobody listens; white on a dark page</dd>"
               "</dl></section>")


def document(title, body):
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, '
            'initial-scale=1">\n<meta name="generator" content="listen_backlog'
            f'-graph {VERSION}">\n<title>{title}</title>\n'
            f"<style>{STYLE}</style></head>\n<body><main>\n{body}\n</main>"
            "</body></html>\n")


def summary(host):
    """How many listeners there are, and what is wrong with how many."""
    listeners = host.listeners
    full = sum(one.get("fill", default=0) >= 100 for one in listeners)
    nobody = sum(one.nobody for one in listeners)
    gone = sum(rank(one) == GONE for one in listeners)
    one = len(listeners) == 1
    parts = [count(len(listeners), "listener")]
    for many, what, which in (
            (gone, "without values at the end", "{} of them {}"),
            (nobody, "nobody listens", "{1} on {0} of them"),
            (full, "full at some time", "{} of them {}")):
        if many:
            parts.append(what if one else which.format(many, what))
    if not full and listeners and listeners[0].known():
        parts.append("never full" if one else "none of them full")
    if host.stale:
        parts.append(f"{len(host.stale)} ended before this time")
    if host.overflows is not None:
        parts.append(f"{count(host.overflows, 'overflow')} {host.where}")
    return ", ".join(parts) + "."


def listener_alt(one):
    sentence = one.sentence()
    if one.late or rank(one) < CALM:
        sentence = f"{headline(one)}; {sentence}"
    return f"{one.label}: {sentence}"


def overview_alt(namespace):
    lines = [f"{printable(one.own_name)} {number(one.get('fill'))} %"
             for one in with_fill(namespace.listeners)[:ALTS]]
    place = f"{printable(namespace.name)} on " if namespace.name else ""
    words = namespace_headline(namespace)
    overflows = overflow_words(namespace)
    if overflows not in words:
        words += f"; {overflows}"
    return ("Highest fill of the listeners of "
            f"{place}{namespace.host.label}, the worst first: "
            f"{', '.join(lines) or 'unknown'}; {words}")


def _named(name, most=40):
    """A label; if it is long, shortened, and the whole one as a tooltip."""
    name = printable(name)
    if len(name) <= most:
        return html.escape(name)
    return (f'<span title="{html.escape(name)}">'
            f"{html.escape(short(name, most))}</span>")


def _heading(tag, text):
    return f"<{tag}>{_named(text, 60)}</{tag}>"


def _sentence(text):
    return html.escape(text[:1].upper() + text[1:]) + "."


def _what(words, columns):
    """A row that says what is wrong, and the class of the row above it."""
    if not words:
        return "", ""
    return (f'<tr><td class="what" colspan="{columns}">{html.escape(words)}'
            "</td></tr>", ' class="bad"')


def _head(*columns):
    """The beginning of a table."""
    return "<table><thead><tr>" + "".join(
        f'<th scope="col"{wide and f" class={chr(34)}{wide}{chr(34)}"}>'
        f"{title}</th>" for title, wide in columns) + "</tr></thead><tbody>"


def _bar(one):
    fill = one.get("fill")
    if fill is None:
        return "-"
    return (f'<div class="bar l{level(fill)}"><div><i style="width: '
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
    """A table of hosts or namespaces, from rows of (url, label, headline, host
    or namespace, overflows)."""
    lines = []
    for url, label, words, subject, overflows in rows:
        bar = listener = "-"
        for one in sorted(with_fill(subject.listeners),
                          key=lambda one: -one.get("fill"))[:1]:
            bar, listener = _bar(one), _named(getattr(one, name), 24)
        words, row = _what(words, 4)
        lines.append(
            f'<tr{row}><th scope="row"><a href="{html.escape(url)}">'
            f'{_named(label)}</a></th><td class="fill">{bar}</td>'
            f'<td class="name wide">{listener}</td>'
            f"<td>{_total(overflows)}</td></tr>{words}")
    return _head((what, ""), ("Highest fill", ""), ("Listener", "wide"),
                 ("Overflows", "")) + "\n".join(lines) + "</tbody></table>"


def host_rank(host):
    worst = min(map(rank, host.listeners), default=IDLE)
    fill = max((one.get("fill", default=-1) for one in host.listeners),
               default=-1)
    return (GONE if host.late else worst, -fill, -(host.overflows or 0),
            natural(host.name))


def index(drawn, span):
    """The page that lists all hosts."""
    hosts = sorted(drawn, key=host_rank)
    gone = sum(host.late for host in hosts)
    nobody = sum(any(rank(one) == NOBODY for one in host.listeners)
                 for host in hosts)
    full = sum(any(one.get("fill", default=0) >= 100 for one in host.listeners)
               for host in hosts)
    words = [count(len(hosts), "host"), *(
        f"{number_} {what}" for number_, what in (
            (gone, "without values at the end"),
            (nobody, "with a listener that nobody listens on"),
            (full, "with a full listener")) if number_)]
    return document(
        "Accept queues", "<h1>Accept queues</h1>"
        f'<p class="soft">{span}</p><p>{", ".join(words)}. The worst come '
        "first.</p>\n" + _comparison("Host", "name", (
            (f"{folder_name(host.name)}/index.html", host.label,
             trouble(host, host.listeners), host, host.overflows)
            for host in hosts)))
