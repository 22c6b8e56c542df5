# SPDX-License-Identifier: MIT
"""From what a column said to its verdict: in time, the right listener and host, the right cause, one alert that stays,
nothing false, and over soon after the end."""
import collections

from causes import names
from eyes import OTHERS
from scale import AT_ONCE, HEAD, INTERVAL, LATE, SIGNS, SLACK, WAIT, clear

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
        elif column == "explain" and column in incident.blind:
            found[column] = Verdict(BLIND, True, [])
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
    return f"{max(value, 0):.1f} s"


def _alerts(incident, result, said, column):
    """Of thresholds and rules."""
    blind = column in incident.blind
    troubles = [each for each in said if each.trouble]
    mine = [each for each in troubles if _is_mine(incident, each) and not incident.healthy]
    wrong = _false(incident, result, troubles) + _flaps(said) + _lasts(result, said)
    if incident.healthy or blind:
        return _verdict(BLIND if blind else f"{RIGHT} silent", wrong)
    if not mine:
        return _verdict("", ["SILENT"] + wrong)
    delay = mine[0].time - _first_harm(incident, result)
    if delay > _limit(incident):
        wrong.insert(0, f"LATE {_seconds(delay)}: {mine[0].key}: {mine[0].text}")
    told = mine
    if column in result["mails"]:
        told = [each for each in result["mails"][column] if _is_mine(incident, each) and each.trouble]
        wrong += [f"{len(told)} MAILS"] * (len(told) > 2)  # a warning, a failure
    wrong += _causes(incident, result, column, told or mine)
    return _verdict(f"{RIGHT} {_seconds(delay)}, {len(told)}", wrong)


def _is_mine(incident, each):
    """Whether it names the listener; for what the kernel counts for the host only, its text does."""
    return each.listener == incident.listener or (
        not each.listener and bool(incident.also) and any(word in each.key + each.text for word in incident.also))


def _limit(incident):
    """How long after the first harm it may speak first, in s."""
    return (SIGNS if incident.needs_time else AT_ONCE) * INTERVAL + SLACK + (WAIT - LATE if incident.waits else 0)


def _causes(incident, result, column, told):
    """What is wrong with the causes in the texts. In the columns of rules, a text changes while the alert goes on."""
    texts = [*told, *result["later"].get(column, [])]
    known = [each for each in texts if names(each.text, incident.cause) and names(each.text, incident.port())]
    delay = known[0].time - _first_harm(incident, result) if known else 0
    never = [each for each in texts if any(names(each.text, cause) for cause in incident.never)]
    # Rates between two scrapes a second apart are ten times less exact than in the field: a slip is forgiven.
    slip = not any(each in told for each in never) and never and never[-1].time - never[0].time < SLACK
    wrong = [f"WRONG CAUSE: {each.text}" for each in never][:0 if slip else 1]
    if column in incident.causeless or column.startswith("thresholds") and column not in result["mails"]:
        return wrong
    if not known:
        return [f"NO CAUSE: {told[0].text}"] + wrong
    if incident.then and column not in result["mails"] and not any(names(each.text, incident.then) for each in texts):
        return [f"NEVER SAID {incident.then}: {texts[-1].text}"] + wrong
    limit = SIGNS * INTERVAL + SLACK + (HEAD if incident.waits else 0)
    return [f"CAUSE LATE {_seconds(delay)}: {known[0].key}"] * (delay > limit) + wrong


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


def _flaps(said):
    """What is over and comes again: a listener, or one of its values more than once while another is in trouble. A
    warning may become a failure and one again."""
    episodes, spoken, now = collections.Counter(), collections.Counter(), collections.defaultdict(set)
    for each in said:
        mine = now[each.listener]
        if each.trouble:
            spoken[each.key] += 1
            episodes[each.key] += each.key not in mine
            episodes[each.listener] += not mine
            mine.add(each.key)
        else:
            mine.discard(each.key)
    return [f"FLAPS {max(times, spoken[key] - 2)}: {key}" for key, times in episodes.items()
            if times > (2 if key in spoken else 1) or spoken[key] > 2 + times]


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
    since = _first_harm(incident, result) + _limit(incident) - SLACK
    during = [each for each in said if since <= each.time <= result["cured"] - OBSERVES]
    before = [each for each in said if each.time < result["began"] - OBSERVES]
    if incident.healthy:
        before, during = said, []
    wrong = [f"FALSE: exit status {each.key}: {each.text}" for each in before if each.trouble]
    right = [each for each in during if each.trouble and names(each.text, incident.port()) and
             names(each.text, incident.cause) and not any(names(each.text, cause) for cause in incident.never)]
    if len(right) < 0.7 * len(during) or not incident.healthy and not during:
        wrong += [f"{len(right)}/{len(during)} RIGHT: exit status {each.key}: {each.text}"
                  for each in during if each not in right][:3] or ["0/0 RIGHT: asked too late"]
    if incident.then and not any(names(each.text, incident.then) for each in right):
        wrong.append(f"NEVER SAID {incident.then}")
    cell = f"{RIGHT} {len(right)}/{len(during)}" if not incident.healthy else f"{RIGHT} silent"
    return _verdict(cell, wrong)


def _other(incident, result, said):
    """Of the rules of other tools, which name no listener; they are not held against this suite."""
    troubles = [each for each in said if each.trouble]
    if incident.healthy:
        return Verdict("FALSE " + troubles[0].text if troubles else "silent", True, [])
    after = [each.time - _first_harm(incident, result) for each in troubles if each.time >= result["began"]]
    return Verdict(f"host {_seconds(after[0])}" if after else "silent", True, [])
