# SPDX-License-Identifier: MIT
"""Hosts on which all is well, whatever the kernel counts: nothing may speak."""
from backends import Apache, Gunicorn
from incident import incident
from lb import netstat, sysctl, until


@incident("deferred_accepts", "healthy Apache with TCP_DEFER_ACCEPT", listener="")
def _(stage):
    Apache(8080)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=60, patience=5)
    stage.calm()
    until(lambda: netstat()["TCPDeferAcceptDrop"] > 500, "accepts are deferred")
    stage.goes_on(15)
    stage.over()


@incident("busy_but_well", "workers busy most of the time, and bursts that fit into the backlog", listener="")
def _(stage):
    Gunicorn(8080, workers=4, backlog=128, seconds=0.05)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=48, patience=5)
    stage.crowd(8080, rate=0.25, size=20, patience=5)
    stage.calm()
    stage.goes_on(25)
    stage.over()


def strangers(stage, kind, *ports):
    server = Gunicorn(8080, workers=2, backlog=64, seconds=0.005)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=40, patience=5)
    stage.calm()
    stage.strangers(kind, 200, *ports)
    until(lambda: server.seen().drops > 500, "the kernel drops segments")
    stage.goes_on(15)
    stage.over()


@incident("scans", "port scans", listener="", short=True)
def _(stage):
    strangers(stage, "scan", 22, 443, 8080, 8081, 9999)


@incident("half_open_checks", "health checks that end at the SYN/ACK", listener="")
def _(stage):
    strangers(stage, "check", 8080)


@incident("flood_with_cookies", "SYN flood, cookies on: all are served", listener="")
def _(stage):
    Gunicorn(8080, workers=2, backlog=64, seconds=0.005, addr="0.0.0.0")
    sysctl("net.ipv4.tcp_syncookies", 1)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=40, patience=5)
    stage.calm()
    stage.strangers("flood", 400, 8080)
    until(lambda: netstat()["SyncookiesSent"] > 1000, "the kernel sends cookies")
    stage.goes_on(15)
    stage.over()


@incident("rolling_restart", "graceful rolling restarts under load", listener="")
def _(stage):
    server = Gunicorn(8080, workers=3, backlog=64, seconds=0.01)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=60, patience=5)
    stage.calm()
    for _ in range(3):
        server.reload()
        stage.goes_on(3)
    stage.over()
