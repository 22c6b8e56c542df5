#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the messages in src/base/messages.h with the headings of doc/TROUBLESHOOTING.md, in both directions.

A heading in backquotes is a message, with words in capitals for what changes; any other heading is a symptom. Prints
what does not agree, and exits with 1 then."""
import os
import re
import sys

SOURCE = os.environ.get("LB_SRCDIR", ".")
DEFINE = re.compile(r"^#define (LB_(?:MSG|WHAT|WHY|EXPECT|ITEM|SOURCE|IN)_\w+)[ \\\n]+((?:.*\\\n)*.*)$", re.M)
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(LB_\w+)')
VALUE = re.compile(r"%(?:\.\d+)?(?:llu|[sugf])|%%")  # of a format
MODULES = ["tcp_diag", "unix_diag"]
NAME = r"(?:<[A-Z]+>|[A-Z]{1,}s?\b)"  # in capitals: what changes


def content(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def texts():
    """Every format of messages.h by name."""
    bodies, done = dict(DEFINE.findall(content("src", "base", "messages.h"))), {}

    def text(name):
        if name not in done:
            done[name] = "".join(text(other) if other else literal.replace('\\"', '"').replace("\\n", "\n")
                                 for literal, other in TOKEN.findall(bodies[name]))
        return done[name]

    return {name: text(name) for name in bodies}


def pattern(text, value="(.*?)"):
    """A regular expression for what a format can print."""
    literals = [re.escape(each) for each in VALUE.split(text)]
    values = ["%" if found == "%%" else value for found in VALUE.findall(text)]
    return "".join(literal + each for literal, each in zip(literals, values + [""]))


def known(formats):
    """A regular expression for what a heading may have in place of a value."""
    options = re.findall(r'^ *{"([A-Za-z]+)", ', content("src", "collectd", "options.c"), re.M)
    errors = [re.escape(os.strerror(number)) for number in range(1, 134)]
    value = f"(?:{NAME}|{'|'.join(MODULES + errors)})"
    fragments = [pattern(text, value) for name, text in formats.items() if not name.startswith("LB_MSG_")]
    return re.compile("|".join(sorted(fragments + errors, key=len, reverse=True) + options + ["<Listener>", NAME]))


def message_of(heading, messages, fragments):
    """The name of the most specific message that has this heading, or None."""
    for name, text in messages:
        found = re.fullmatch(pattern(text), heading)
        if found and not any(re.search("[a-z]", fragments.sub("", value)) for value in found.groups()):
            return name
    return None


def main():
    formats = texts()
    page = content("doc", "TROUBLESHOOTING.md")
    messages = sorted(((name, text) for name, text in formats.items() if name.startswith("LB_MSG_")),
                      key=lambda each: len(VALUE.sub("", each[1])), reverse=True)
    fragments, explained, wrong = known(formats), set(), []
    for heading in re.findall(r"^### `(.*)`$", page, re.M):
        name = message_of(heading, messages, fragments)
        explained.add(name)
        if not name:
            wrong.append(f"the heading {heading!r} is no message of messages.h")
    wrong += [f"{name} has no heading: {text!r}" for name, text in messages if name not in explained]
    wrong += [f"{name} is not explained: {text!r}" for name, text in formats.items()
              if name.startswith("LB_WHY_") and not re.search(pattern(text).replace("\\ ", r"\s+"), page)]
    print("\n".join(wrong), end="\n" if wrong else "")
    if len(messages) < 20 or not page:
        sys.exit("too few messages were found")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
