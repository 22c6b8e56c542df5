# SPDX-License-Identifier: MIT
"""The sentences of src/base/messages.h, so that a new wording is no edit of a live test: test_messages.c has them
literally."""
import re

from .basics import source

_DEFINED = dict(re.findall(r"^#define (LB_\w+)[ \\\n]+((?:.*\\\n)*.*)$", source("src", "base", "messages.h"), re.M))


def _format(name):
    """The format of a message, with the macros in it replaced."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|(LB_\w+)', _DEFINED[name])
    return "".join(_format(macro) if macro else text.replace('\\"', '"') for text, macro in parts)


def message(name, *args):
    """The text of a message with the arguments of its format. Those that are not given stay as they are: %s."""
    args = list(map(str, args))
    return re.sub(r"%%|%[-0-9.]*l*[a-z]", lambda found: "%" if found.group() == "%%" else (
        args.pop(0) if args else "%s"), _format(name))


def matches(line, name, *args):
    """Whether a line has a message; arguments that are not given may be anything."""
    return re.search(re.escape(message(name, *args)).replace("%s", "(.*)"), line)
