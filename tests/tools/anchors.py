#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the links to headings of Markdown pages with these headings, and the index of doc/TROUBLESHOOTING.md with its
sections. Prints what does not agree, and exits with 1 then.

    anchors.py FILE...    files with links: pages, alerts"""
import os
import re
import sys

SOURCE = os.environ.get("LB_SRCDIR", ".")
INDEXED = os.path.join(SOURCE, "doc", "TROUBLESHOOTING.md")


def content(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def headings(text):
    """[(level, heading, anchor)], with GitHub's anchors."""
    found, seen = [], {}
    for marks, heading in re.findall(r"^(#+) (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        seen[anchor] = seen.get(anchor, -1) + 1
        found.append((len(marks), heading, anchor + f"-{seen[anchor]}" * bool(seen[anchor])))
    return found


def broken_links(path):
    text = content(path)
    links = re.findall(r"\]\(([^)#:]*)#([^)]*)\)", text)
    # a runbook of an alert has the page's address on the web
    links += [(INDEXED, anchor) for anchor in re.findall(r"TROUBLESHOOTING\.md#([\w-]+)", text)
              if not path.endswith(".md")]
    for target, anchor in links:
        page = os.path.join(os.path.dirname(path), target) if target else path
        if os.path.exists(page) and anchor not in (each for _, _, each in headings(content(page))):
            yield f"{path}: {target}#{anchor} leads nowhere"


def missing_in_index():
    """A heading that is not a literal message has a row in the first section, and a section has a line there."""
    text = content(INDEXED)
    index = re.search(r"^## What you see\n(.*?)^## ", text, re.M | re.S)[1]
    rows = re.findall(r"^\| .+ \| \[(.*)\]\(#(.*)\) \|$", index, re.M)
    sections = re.findall(r"^\* \[(.*)\]\(#(.*)\)$", index, re.M)
    is_message = re.compile(r"(?:collectd: )?`.*`")
    wanted = headings(text)
    for what, listed, level in ("a row", rows, 3), ("a line", sections, 2):
        want = [(heading, anchor) for each, heading, anchor in wanted
                if each == level and heading != "What you see" and not is_message.fullmatch(heading)]
        yield from (f"{heading!r} has no {what[2:]} in the index" for heading, anchor in want
                    if (heading, anchor) not in listed)
        yield from (f"the index has {each[0]!r}, which is no such heading" for each in listed if each not in want)


def main():
    wrong = [line for path in sys.argv[1:] for line in broken_links(path)] + list(missing_in_index())
    print("\n".join(wrong), end="\n" if wrong else "")
    if len(headings(content(INDEXED))) < 50:
        sys.exit("too few headings were found")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
