#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The installed packages work with the packaged collectd as it is: no plugin is copied, and none comes from a build."""
import os

from lb import *

ROOT = os.environ["LB_ROOT"]
EXAMPLES = f"{ROOT}/usr/share/doc/collectd-listen-backlog/examples"


class Installed(Collectd):
    """collectd with the plugin where dpkg has put it, and with nothing preloaded."""

    def __init__(self, config=None, **options):
        super().__init__(config, interval=1, **options)

    def plugin_dir(self):
        return f'PluginDir "{ROOT}/usr/lib/collectd"' if ROOT else ""


@test("the installed plugin shows what ss shows")
def _():
    fill(Listener(8080, backlog=7), 5)
    fill(Listener(8081, backlog=3), 4)
    daemon = Installed()
    table = daemon.read()
    equal({path for _, path in daemon.mapped()}, {os.environ["LB_PLUGIN"]}, "the file it runs")
    for port in 8080, 8081:
        equal(part(table, port, "queue", "limit", "sockets"), totals(ss(port)), port)
    equal(part(table, 8081, "fill", "full"), {"fill": 100, "full": 1})
    agrees_with_kernel(table)
    equal((daemon.errors(), daemon.stop()), ([], 0), "errors and exit status")


@test("drops and overflows are the kernel's")
def _():
    server = fill(Listener(8080, backlog=1), 2)
    daemon = Installed('LocalPort "8080"')
    daemon.read()
    overflow(server, 3)
    equal(counters(settled(daemon), 8080), (3, 3), "counters")


@test("the installed probe agrees with the installed plugin")
def _():
    fill(Listener(8080, backlog=7), 5)
    table, row = Installed().read(), probe()["8080"]
    equal(row, printed(part(table, 8080, *row)), "port 8080")


@test("collectd takes the example configuration where it is installed")
def _():
    Listener(8080, backlog=7)
    daemon = Installed(extra=f'Include "{EXAMPLES}/listen_backlog.conf"')
    equal((daemon.read()["8080"]["limit"], daemon.errors()), (7, []), "limit and errors")


main()
