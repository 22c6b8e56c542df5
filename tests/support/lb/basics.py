# SPDX-License-Identifier: MIT
"""Waiting, comparing, files, commands and cleaning up: what every other module here needs.

until() waits for a fact and fails after DEADLINE. No test sleeps for a fixed time instead of waiting for a fact.
"""
import contextlib
import difflib
import os
import shutil
import subprocess
import tempfile
import time

DEADLINE = float(os.environ.get("LB_DEADLINE", "120"))  # seconds; only a test that fails waits that long
PAUSE = float(os.environ.get("LB_PAUSE", "1"))  # of until() between two looks, in times of what a look takes
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
SRCDIR = os.environ.get("LB_SRCDIR", ".")

_cleanup = contextlib.ExitStack()
_evidence = []


def at_end(function, *args):
    """Calls the function when the subtest ends, the last one first."""
    _cleanup.callback(function, *args)


def clean_up():
    """Ends all that at_end() was told of."""
    _evidence.clear()
    _cleanup.close()


def evidence(*paths):
    """The files whose ends are printed if the subtest fails, with these added."""
    _evidence.extend(paths)
    return list(_evidence)


def note(text):
    """Prints lines for the reader of the log."""
    for line in str(text).splitlines():
        print("#", line)


def equal(got, want, what="value"):
    """Fails unless got is want; shows in which entries two dicts or two lists differ."""
    if got == want:
        return
    if isinstance(got, list) and isinstance(want, list):
        note("\n".join(difflib.unified_diff(
            [str(line) for line in want], [str(line) for line in got], f"{what}: want", "got", lineterm="")))
        raise AssertionError(f"{what} differs")
    if isinstance(got, dict) and isinstance(want, dict):
        for key in sorted(set(got) | set(want), key=str):
            if got.get(key) != want.get(key):
                note(f"{what}: {key}: got {got.get(key)}, want {want.get(key)}")
    raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def check(fact, what):
    if not fact:
        raise AssertionError(what)


def mentions(text, *words):
    """Fails unless all these words are in the text."""
    for word in words:
        check(str(word) in text, f"{word!r} is not in {text!r}")


def until(fact, what, deadline=DEADLINE):
    """Waits until fact() is true and returns what it returned."""
    end = time.monotonic() + deadline
    while True:
        began = time.monotonic()
        found = fact()
        if found:
            return found
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"waited {deadline:g} s in vain until {what}")
        time.sleep(max(0.005, PAUSE * (now - began)))


def scratch(mode=0o755):
    """A directory that is deleted when the subtest ends."""
    path = tempfile.mkdtemp(prefix="listen_backlog-")
    at_end(lambda: shutil.rmtree(path, ignore_errors=True))
    os.chmod(path, mode)
    return path


def content(path):
    """The text of a file; empty if the file, or the process that a file of /proc is of, does not exist."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def write(path, text):
    """Writes a file and returns its path."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def source(*path):
    """The text of a file in the source tree."""
    with open(os.path.join(SRCDIR, *path), encoding="utf-8") as file:
        return file.read()


def command(*words, **options):
    """Runs a command that must succeed, and returns what it prints."""
    return subprocess.run(list(map(str, words)), check=True, text=True, stdout=subprocess.PIPE,
                          env={"PATH": PATH, **options.pop("env", {})}, **options).stdout
