#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The thresholds of collectd.conf.d in the real daemon: they notify when a
server is overloaded or gone, and say okay when that is over."""
import os
import re

from lib import *

SNIPPET = os.path.join(os.environ.get("LB_SRCDIR", "."), "collectd.conf.d",
                       "listen_backlog-thresholds.conf")


def severities(daemon, reading, port=8080):
    """What was notified of a reading, in order."""
    kind, instance = READINGS[reading].split("-")
    found = []
    for line in daemon.log("Notification:"):
        fields = dict(re.findall(r"(\w+) = ([^,]*)", line))
        if (fields.get("plugin_instance"), fields.get("type"),
                fields.get("type_instance")) == (str(port), kind, instance):
            found.append(fields["severity"])
    return found


def start():
    return Collectd('LocalPort "8080"', plugins=["threshold"],
                    extra=f'Include "{SNIPPET}"')


def wait(daemon, reading, *want):
    until(lambda: severities(daemon, reading)[-1:] and
          severities(daemon, reading)[-1] in want, f"{reading}: {want}")


TROUBLE = "WARNING", "FAILURE"


@test("an overload notifies by fill and overflows, okay comes after it")
def _():
    server = Listener(8080, backlog=4)
    daemon = start()
    daemon.look()
    daemon.look()
    for reading in "fill", "overflows", "sockets":
        equal([s for s in severities(daemon, reading) if s in TROUBLE], [],
              f"{reading} before")

    crowd = Crowd(8080)
    wait(daemon, "fill", *TROUBLE)
    wait(daemon, "overflows", *TROUBLE)

    crowd.stop()
    until(lambda: server.accept() or server.seen().queue == 0, "all served")
    wait(daemon, "fill", "OKAY")
    wait(daemon, "overflows", "OKAY")
    for line in daemon.log("Notification:"):
        note(line)


@test("a server that is gone notifies by sockets, okay comes when it is back")
def _():
    server = Listener(8080, backlog=4)
    daemon = start()
    daemon.look()
    server.close()
    wait(daemon, "sockets", *TROUBLE)
    Listener(8080, backlog=4)
    wait(daemon, "sockets", "OKAY")


@test("a server that went while overloaded is okay when it is back")
def _():
    server = Listener(8080, backlog=4)
    daemon = start()
    daemon.look()
    fill(server, 5)
    overflow(server, 5)
    wait(daemon, "fill", *TROUBLE)
    server.close()
    wait(daemon, "sockets", *TROUBLE)
    Listener(8080, backlog=4)
    for reading in "fill", "overflows", "sockets":
        wait(daemon, reading, "OKAY")


@test("a busy server that keeps up does not notify")
def _():
    server = Listener(8080, backlog=64)
    daemon = start()
    for _ in range(5):
        fill(server, 5)
        daemon.look()
        server.accept()
        server.hang_up()
    for reading in "fill", "overflows", "sockets":
        equal([s for s in severities(daemon, reading) if s in TROUBLE], [],
              reading)
    equal(daemon.errors(), [])


if __name__ == "__main__":
    main()
