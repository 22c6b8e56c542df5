# SPDX-License-Identifier: MIT
"""Incidents of a TCP listener that has more clients than it can serve."""
import causes
from backends import Gunicorn
from incident import incident
from lb import sysctl, until


@incident("few_workers", "two sync workers, backlog 64, 4 times too many clients", cause=causes.FEW_WORKERS,
          never=(causes.NOBODY_ACCEPTS,), short=True)
def _(stage):
    Gunicorn(8080, workers=2, backlog=64, seconds=0.05)
    stage.watch("LocalPort 8080 8081")
    stage.calm()
    stage.crowd(8080, rate=160, patience=8)
    stage.goes_on(20)
    stage.over()


def too_slow(stage, server, more, inspect=True, seconds=25, **crowd):
    """More clients than the server serves, until it gets more workers."""
    stage.watch("LocalPort 8080 8081", inspect=inspect)
    stage.calm()
    stage.crowd(8080, **crowd)
    stage.goes_on(seconds)
    stage.cured()
    server.more_workers(more)
    stage.over()


@incident("few_workers_2048", "the same with backlog 2048: no overflow for minutes", cause=causes.FEW_WORKERS,
          never=(causes.NOBODY_ACCEPTS,), waits=True)
def _(stage):
    too_slow(stage, Gunicorn(8080, workers=2, backlog=2048, seconds=0.1), 10, seconds=20, rate=80, patience=60)


@incident("slow_4096", "backlog 4096, clients time out after 5 s, no overflow",
          cause=f"{causes.FEW_WORKERS}|{causes.SERVES_THE_DEAD}", never=(causes.NOBODY_ACCEPTS,), waits=True)
def _(stage):
    too_slow(stage, Gunicorn(8080, workers=2, backlog=4096, seconds=0.2), 18, rate=40, patience=5, leave="close")


@incident("slow_15_times", "15 times too slow, but not stuck", cause=causes.FEW_WORKERS,
          never=(causes.NOBODY_ACCEPTS,), waits=True)
def _(stage):
    too_slow(stage, Gunicorn(8080, workers=1, backlog=4096, seconds=0.5), 30, rate=30, patience=90)


@incident("clamped", "asks for 1024, gets 128, bursts of 200", cause=causes.CLAMPED, never=(causes.NOBODY_ACCEPTS,))
def _(stage):
    sysctl("net.core.somaxconn", 128)
    Gunicorn(8080, workers=3, backlog=1024, seconds=0)
    stage.watch("LocalPort 8080 8081")
    stage.calm()
    stage.crowd(8080, rate=0.5, size=200, patience=8)
    stage.goes_on(20)
    stage.over()


@incident("bursts", "bursts over a small backlog every 3 s", cause=causes.BURSTS, never=(causes.NOBODY_ACCEPTS,),
          seconds=80)
def _(stage):
    Gunicorn(8080, workers=2, backlog=16, seconds=0.002)
    stage.watch("LocalPort 8080 8081")
    stage.calm()
    stage.crowd(8080, rate=1 / 3, size=80, patience=8)
    stage.goes_on(45)
    stage.over()


@incident("stuck", "the server is stopped: it accepts nobody", cause=causes.NOBODY_ACCEPTS, waits=True)
def _(stage):
    server = Gunicorn(8080, workers=2, backlog=64, seconds=0.01)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=10, patience=5, leave="close")
    stage.calm()
    server.freeze()
    stage.goes_on(20)
    stage.cured()
    server.thaw()
    stage.over()


@incident("no_inspection", "slow, with InspectQueue false: a queue that is never short for a minute",
          cause=causes.FEW_WORKERS, never=(causes.NOBODY_ACCEPTS,), needs_time=True)
def _(stage):
    too_slow(stage, Gunicorn(8080, workers=2, backlog=1024, seconds=0.1), 6, inspect=False, rate=30, patience=60)


# For seconds each worker waits for the request of a client that has left, and the server does accept nobody.
@incident("aftermath", "an overload, and after it the dead in the queue", cause=causes.FEW_WORKERS)
def _(stage):
    server = Gunicorn(8080, 2, 16, 0.05, "--timeout", "3")
    stage.watch("LocalPort 8080 8081")
    sysctl("net.ipv4.tcp_orphan_retries", 3)  # clients that have left go on for seconds, not for minutes
    stage.calm()
    stage.crowd(8080, rate=160, patience=8, leave="close")
    stage.goes_on(15)
    stage.over()
    until(lambda: server.seen().queue == 0, "the dead are served")
    stage.over()


def members(port):
    """Four single workers with SO_REUSEPORT, each with a queue of its own."""
    return [Gunicorn(port, 1, 32, 0.02, "--reuse-port") for _ in range(4)]


def one_dead(stage, rate):
    """One of four members is stopped."""
    servers = members(8080)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=rate, patience=5)
    stage.calm()
    servers[2].freeze()
    stage.goes_on(25)
    stage.cured()
    servers[2].thaw()
    stage.over()


@incident("dead_member", "one of four SO_REUSEPORT members stopped", cause=causes.ONE_MEMBER,
          never=(causes.NOBODY_ACCEPTS,), short=True)
def _(stage):
    one_dead(stage, rate=40)


@incident("dead_member_busy", "the same while the others serve under load", cause=causes.ONE_MEMBER,
          never=(causes.NOBODY_ACCEPTS,))
def _(stage):
    one_dead(stage, rate=120)


@incident("serves_the_dead", "the backend hangs for 20 s, then 40 s go into clients that have left",
          cause=f"{causes.NOBODY_ACCEPTS}|{causes.SERVES_THE_DEAD}", then=causes.SERVES_THE_DEAD, waits=True,
          seconds=110)
def _(stage):
    server = Gunicorn(8080, workers=2, backlog=2048, seconds=0.07)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=20, patience=5, leave="close")
    stage.calm()
    server.hang()
    stage.goes_on(20)
    server.answer()
    stage.goes_on(25)
    stage.cured()
    server.more_workers(4)
    stage.over()
