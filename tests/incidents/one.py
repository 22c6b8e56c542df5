#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""one.py NAME RESULT [KEEP]: stages one incident in the network and pid namespaces that tests/support/netns has made,
and writes the verdicts to the file RESULT. With KEEP it leaves the RRD files and all that was said in that folder."""
import json
import os
import signal
import sys
import traceback

from catalogue import ALL
from incident import OVER
from judge import staged, verdicts
from lb import content, evidence, note
from lb.basics import clean_up
from stage import Stage


def run(incident, keep):
    stage = Stage(incident.healthy, keep)
    incident.play(stage)
    print(OVER, flush=True)
    stage.quiet(short="LB_SHORT" in os.environ)
    result = stage.result()
    outcomes = [outcome for _, _, outcome in result["clients"]]
    row = {"staged": staged(incident, result), "clients": len(outcomes), "harmed": len(result["harmed"]),
           "outcomes": {each: outcomes.count(each) for each in sorted(set(outcomes))},
           "verdicts": {column: verdict._asdict() for column, verdict in verdicts(incident, result).items()},
           "said": {column: [dict(each._asdict(), time=round(each.time - result["began"], 1)) for each in said]
                    for column, said in result["said"].items()}}
    if keep:
        with open(os.path.join(keep, "result.json"), "w") as file:
            json.dump({**result, **row}, file, indent=1)
    return row


def main(name, path, keep=None):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    try:
        row = run(ALL[name], keep)
    except Exception:
        row = {"staged": traceback.format_exc()}
        for each in evidence():
            note(f"{each}:\n{content(each)[-2000:]}")
    finally:
        clean_up()
    with open(path, "w") as file:
        json.dump(row, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
