# SPDX-License-Identifier: MIT
"""The subtests of a script, and the TAP that they print."""
import os
import signal
import sys
import traceback

from .basics import clean_up, content, evidence, note
from .kernel import ss_text
from .namespaces import new_network

_tests = []


def test(name):
    """Makes the function below a subtest of that name."""
    def register(function):
        _tests.append((name, function))
        return function
    return register


class Skip(Exception):
    """Raised by a subtest that this kernel cannot run, with the reason."""


def main():
    """Runs the subtests: all, or those whose names hold all arguments of the script."""
    sys.stdout.reconfigure(line_buffering=True)
    for name in "LB_PLUGIN", "LB_PROBE":
        if name not in os.environ:
            sys.exit(f"{name} is not set: it names a file of the build")
    for number in signal.SIGINT, signal.SIGHUP:  # a program in the background may ignore them, and so do its children
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    chosen = [t for t in _tests if all(word in t[0] for word in sys.argv[1:])]
    print(f"1..{len(chosen)}")
    passed = [_run(function, f"{number} - {name}") for number, (name, function) in enumerate(chosen, 1)]
    sys.exit(not all(passed))


def _run(function, name):
    passed = True
    try:
        new_network()
        function()
    except Skip as reason:
        name += f" # SKIP {reason}"
    except Exception:
        passed = False
        note(traceback.format_exc())
        note("listening sockets:\n" + ss_text()[:4000])
        for path in evidence():
            note(f"{path}:\n{content(path)[-4000:]}")
    try:
        clean_up()
    except Exception:
        passed = False
        note("cleaning up failed:\n" + traceback.format_exc())
    print(f"{'ok' if passed else 'not ok'} {name}", flush=True)
    return passed
