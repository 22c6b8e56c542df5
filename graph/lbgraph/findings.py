# SPDX-License-Identifier: MIT
"""The worst thing about a listener, in plain words, with its cause."""
import collections

from .words import clock, count, duration, number

# What comes first on a page: the smaller rank.
GONE, NOBODY, TROUBLE, NEAR, HALF, CALM, IDLE = range(7)

Finding = collections.namedtuple("Finding", "rank text")

# The causes, in the words of src/base/causes.h.
SLOW = "too few or too slow workers"
STUCK = "it accepts nobody"
BURSTS = "bursts over the backlog"
CLAMPED = "bursts over the backlog; the limit equals net.core.somaxconn"
SYN = "the SYN queue is full, without SYN cookies"
LEFT = "it serves clients that have left"
GONE_AWAY = "nobody listens"

STANDING = 80  # percent of the samples with a queue: a burst is shorter
LONG_WAIT = 1  # seconds
FEW = 5  # connections: a short queue means little


def find(one):
    """The finding of a listener, if its values go on to the end."""
    for look in _nobody, _syn, _member, _left, _stuck, _full, _slow:
        found = look(one)
        if found:
            return found
    fill = one.get("fill", default=0)
    if fill >= 50 and one.highest >= FEW:
        return Finding(NEAR if fill >= 90 else HALF, f"{number(fill)}\u00a0% "
                       f"full, {_waiting(one) or 'nothing dropped'}")
    if not one.highest and not one.get("drops", "total"):
        return Finding(IDLE, one.sentence(brief=True))
    return Finding(CALM, one.sentence(brief=True))


def _nobody(one):
    if one.nobody:
        since = one.fact("up")
        return Finding(NOBODY, GONE_AWAY + (
            f" since {clock(since, one.span)}" if since else ""))
    if "queue" in one.files and one.fact("down") >= one.step > 0:
        return Finding(TROUBLE, "nobody listened for " +
                       duration(one.fact("down")))
    return None


def _syn(one):
    others = one.others
    if others < 1 or not one.namespace.get("syn_drops") or \
            others <= one.overflows:
        return None
    return Finding(TROUBLE, f"{number(others)} dropped: {SYN}")


def _long(one, fact, intervals=3):
    """Whether it was so in that many intervals at least."""
    return one.step and one.fact(fact) >= (intervals - 0.5) * one.step


def _left(one):
    if _long(one, "left") and one.get("abandoned") >= FEW and \
            one.fact("left") >= max(one.fact("stuck"),
                                    0.4 * one.fact("waited")):
        return Finding(TROUBLE, f"{_waiting(one)}: {LEFT}")
    return None


def _stuck(one):
    if _long(one, "stuck", 1) and one.get("queue"):
        return Finding(TROUBLE, ", ".join(filter(None, (
            _dropped(one), _waiting(one)))) + f": {STUCK}")
    return None


def _member(one):
    if not _long(one, "part") or one.fact("part") < 2 * one.fact("whole"):
        return None
    full = round(one.fact("part_full"))
    text = f"{full} of {round(one.get('sockets'))} sockets full"
    stuck = full == 1 and one.fact("busy_full") >= STANDING
    return Finding(TROUBLE, ", ".join(filter(None, (
        text, _dropped(one)))) + (f": {STUCK}" if stuck else ""))


def _full(one):
    if one.get("fill", default=0) < 100 and not one.overflows:
        return None
    cause, busy = "", one.fact("busy_full", None)
    if one.get("wait", default=0) >= LONG_WAIT or (busy or 0) >= STANDING:
        cause = f": {SLOW}"
    elif busy is not None:
        cause = f": {CLAMPED if one.clamped else BURSTS}"
    texts = ", ".join(filter(None, (
        _dropped(one), "" if cause and _dropped(one) else "queue full",
        _waiting(one))))
    return Finding(TROUBLE, texts + cause)


def _slow(one):
    wait = one.get("wait", default=0)
    if wait >= LONG_WAIT:
        return Finding(TROUBLE if wait >= 5 else NEAR,
                       f"{_waiting(one)}: {SLOW}")
    if one.get("wait") is None and _long(one, "standing", 6):
        return Finding(NEAR, f"queue never empty for "
                       f"{duration(one.fact('standing'))}: {SLOW}")
    return None


def _dropped(one):
    if one.overflows:
        return f"{number(round(one.overflows))} dropped"
    return ""


def _waiting(one):
    """How long clients wait, and how many of them have left."""
    wait, left = one.get("wait"), one.get("abandoned")
    parts = []
    if wait and wait >= LONG_WAIT:
        parts.append(f"clients wait {number(wait)}\u00a0s")
    if left:
        parts.append(f"{number(left)} {'has' if left == 1 else 'have'} left")
    return ", ".join(parts)


def headline(one):
    """The worst thing about a listener. If no more values came, that."""
    found = find(one)
    if not one.late:
        return found.text
    gone = f"no values since {clock(one.updated, one.span)}"
    return f"{gone}; before: {found.text}" if found.rank <= NEAR else gone


def rank(one):
    """Its place on the page. On a host without values all are without them."""
    return GONE if one.late and not one.host.late else find(one).rank


def troubled(one):
    """Whether its headline is of a trouble."""
    return one.late or rank(one) <= NEAR


def trouble(host, listeners):
    """The worst thing about some listeners of a host, or about the host."""
    parts, worst = [], [one for one in listeners if rank(one) <= NEAR]
    if host.late:
        parts.append(f"no values since {clock(host.updated, host.span)}")
    for one in worst[:1]:
        parts.append(f"{one.spoken}: " + (
            find(one).text if host.late else headline(one)))
    if worst[1:]:
        parts.append(f"{len(worst) - 1} more in trouble")
    return "; ".join(parts)


def namespace_headline(namespace):
    """The worst thing in a network namespace."""
    return trouble(namespace.host, namespace.listeners) or \
        "; ".join(_calm(namespace)) or "no values"


def overflow_words(namespace):
    """How many overflows there were, and where; nothing if unknown."""
    overflows = namespace.get("overflows", "total")
    return "" if overflows is None else \
        f"{count(overflows, 'overflow')} {namespace.where}"


def _calm(namespace):
    for one in namespace.listeners:
        if one.get("fill") is not None:
            yield f"fullest is {one.spoken}, {number(one.get('fill'))}\u00a0%"
            break
    if overflow_words(namespace):
        yield overflow_words(namespace)
