# SPDX-License-Identifier: MIT
"""From what a column said to its verdict: in time, the right listener and host, the right cause, one alert that stays,
nothing false, and over soon after the end."""
import collections

from causes import names
from eyes import OTHERS
from scale import AT_ONCE, INTERVAL, LATE, SIGNS, SLACK, clear

OBSERVES = 5  # s that --explain takes
COLUMNS = ("thresholds found", "thresholds selected", "rules found", "rules selected", "explain", *OTHERS)
RIGHT, BLIND, ABSENT = "ok", "cannot see it", "-"
Verdict = collections.namedtuple("Verdict", "cell right why")


def staged(incident, result):
    """What is wrong with the staging: without harmed clients there is no incident, and with them nothing is healthy."""
    if incident.healthy and result["harmed"]:
        return f"{len(result['harmed'])} of {len(result['clients'])} clients harmed, but none should be"
    if not incident.healthy and not result["harmed"]:
        return f"none of {len(result['clients'])} clients harmed"
    if result["bystanders_harmed"]:
        return f"{len(result['bystanders_harmed'])} clients of the bystander harmed"
    return ""


def verdicts(incident, result):
    """{column: Verdict}"""
    found = {}
    for column in COLUMNS:
        said = result["said"].get(column)
        if said is None:
            found[column] = Verdict(ABSENT, True, ["not there"])
        elif column in OTHERS:
            found[column] = _other(incident, result, said)
        elif column == "explain":
            found[column] = _explain(incident, result, said)
        else:
            found[column] = _alerts(incident, result, said, column)
    return found


def _first_harm(incident, result):
    return result["harmed"][0] if result["harmed"] else result["began"]


def _seconds(value):
    return f"{value:.1f} s"


def _alerts(incident, result, said, column):
    """Of thresholds and rules."""
    blind = column in incident.blind
    troubles = [each for each in said if each.trouble]
    harm = _first_harm(incident, result)
    mine = [each for each in troubles if each.listener == incident.listener and not incident.healthy]
    wrong = _false(incident, result, troubles) + _flaps(troubles) + _lasts(result, said)
    if incident.healthy or blind:
        cell = BLIND if blind else f"{RIGHT} silent"
        return _verdict(cell, wrong)
    if not mine:
        return _verdict("", ["SILENT"] + wrong)
    delay = mine[0].time - harm
    limit = (SIGNS if incident.needs_time else AT_ONCE) * INTERVAL + SLACK
    if delay > limit:
        wrong.insert(0, f"LATE {_seconds(delay)}: {mine[0].key}: {mine[0].text}")
    told = mine
    if column in result["mails"]:
        told = [each for each in result["mails"][column] if each.listener == incident.listener and each.trouble]
        wrong += [f"{len(told)} MAILS"] * (len(told) > 2)  # a warning, a failure
    known = [each for each in told if names(each.text, incident.cause) or column in incident.causeless]
    if not known:
        wrong.append("NO CAUSE: " + (told or mine)[0].text)
    elif known[0].time - harm > SIGNS * INTERVAL + SLACK:
        wrong.append(f"CAUSE LATE {_seconds(known[0].time - harm)}: {known[0].key}")
    wrong += [f"WRONG CAUSE: {each.text}" for each in told for cause in incident.never if names(each.text, cause)]
    return _verdict(f"{RIGHT} {_seconds(delay)}, {len(told)}", wrong)


def _verdict(cell, wrong):
    """Of what was wrong, the cell has the first, and how much more there was."""
    more = f" +{len(wrong) - 1}" if len(wrong) > 1 else ""
    return Verdict(wrong[0].partition(":")[0] + more if wrong else cell, not wrong, wrong)


def _false(incident, result, troubles):
    """Trouble of which nobody knows, or before there was any."""
    allowed = {incident.listener, incident.listener.rpartition(":")[0]} if not incident.healthy else set()
    wrong = [each for each in troubles
             if each.time < min(_first_harm(incident, result), result["began"] + LATE) - SLACK and not incident.healthy
             or each.listener not in allowed and not any(word in each.key for word in incident.also)]
    return [f"FALSE: {each.key}: {each.text}" for each in wrong]


def _flaps(troubles):
    """A key that speaks again and again. A warning may become a failure."""
    count = collections.Counter((each.key, each.text.split(" ", 1)[0] == "FAILURE") for each in troubles)
    worst = max(count.values(), default=0)
    return [f"FLAPS {worst}: {key[0]}" for key, times in count.items() if times == worst > 1]


def _lasts(result, said):
    """What is not over in time."""
    last, wrong = {}, []
    for each in said:
        last[each.key] = each
    for key, each in last.items():
        if each.trouble:
            wrong += [f"STAYS: {key}"] * (result["watched"] > result["ended"] + clear(key))
        elif each.time - result["ended"] > clear(key) + SLACK:
            wrong.append(f"STAYS {each.time - result['ended']:.0f} s: {key}")
    return wrong


def _explain(incident, result, said):
    """Asked at any time, it is right: after the first harm (and the time that signs need) until the end."""
    since = _first_harm(incident, result) + (SIGNS if incident.needs_time else AT_ONCE) * INTERVAL
    during = [each for each in said if since <= each.time <= result["ended"] - OBSERVES]
    before = [each for each in said if each.time < result["began"] - OBSERVES]
    if incident.healthy:
        before, during = said, []
    wrong = [f"FALSE: exit status {each.key}: {each.text}" for each in before if each.trouble]
    right = [each for each in during if each.trouble and incident.listener.rpartition(":")[2] in each.text and
             names(each.text, incident.cause) and not any(names(each.text, cause) for cause in incident.never)]
    if len(right) < 0.8 * len(during) or not incident.healthy and not during:
        wrong += [f"{len(right)}/{len(during)} RIGHT: exit status {each.key}: {each.text}"
                  for each in during if each not in right][:3]
    cell = f"{RIGHT} {len(right)}/{len(during)}" if not incident.healthy else f"{RIGHT} silent"
    return _verdict(cell, wrong)


def _other(incident, result, said):
    """Of the rules of other tools, which name no listener; they are not held against this suite."""
    troubles = [each for each in said if each.trouble]
    if incident.healthy:
        return Verdict("FALSE " + troubles[0].text if troubles else "silent", True, [])
    after = [each.time - _first_harm(incident, result) for each in troubles if each.time >= result["began"]]
    return Verdict(f"host {_seconds(max(after[0], 0))}" if after else "silent", True, [])
