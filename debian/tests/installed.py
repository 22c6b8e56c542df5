#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the packages install works with the packaged collectd as it is: no
plugin is copied, none comes from a build."""
import os
import re

from lib import *

ROOT = os.environ["LB_ROOT"]
EXAMPLES = f"{ROOT}/usr/share/doc/collectd-listen-backlog/examples"


class Installed(Collectd):
    """collectd with the plugin from where dpkg has put it."""

    def _text(self, *args):
        place = f'PluginDir "{ROOT}/usr/lib/collectd"' if ROOT else ""
        return re.sub("^PluginDir .*", place, super()._text(*args),
                      flags=re.M)

    def mapped(self):
        """The file that the daemon has loaded."""
        with open(proc(self.process.popen.pid) + "/maps") as maps:
            return {line.split(None, 5)[5].strip() for line in maps
                    if "listen_backlog.so" in line}


@test("the installed plugin shows what ss shows")
def _():
    one, two = Listener(8080, backlog=7), Listener(8081, backlog=3)
    fill(one, 5)
    fill(two, 4)
    daemon = Installed()
    table = daemon.look()
    equal(daemon.mapped(), {os.environ["LB_PLUGIN"]}, "the file it runs")
    for port in 8080, 8081:
        equal({name: table[str(port)][name] for name in
               ("queue", "limit", "sockets")}, totals(ss(port)), str(port))
    equal((table["8081"]["fill"], table["8081"]["full"]), (100, 1), "full")
    agrees_with_kernel(table)
    equal(daemon.errors(), [], "errors")
    equal(daemon.stop(), 0, "exit status")


@test("drops and overflows are the kernel's")
def _():
    server = Listener(8080, backlog=1)
    daemon = Installed('LocalPort "8080"')
    fill(server, 2)
    daemon.look()
    overflow(server, 3)
    equal(counters(settled(daemon), 8080), (3, 3), "counters")


@test("the installed probe agrees")
def _():
    fill(Listener(8080, backlog=7), 5)
    table, other = Installed().look(), probe()
    equal(other["8080"], {name: table["8080"][name]
                          for name in other["8080"]}, "port 8080")


@test("the example configuration is taken as it is installed")
def _():
    Listener(8080, backlog=7)
    daemon = Installed(extra=f'Include "{EXAMPLES}/listen_backlog.conf"')
    equal(daemon.look()["8080"]["limit"], 7, "limit")
    equal(daemon.errors(), [], "errors")


main()
