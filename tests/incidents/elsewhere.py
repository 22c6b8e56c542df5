# SPDX-License-Identifier: MIT
"""Incidents of the SYN queue, of UNIX sockets, of other network namespaces, of servers that are gone, and of
collectd."""
import causes
from backends import Gunicorn, Nginx, Php, UnixGunicorn
from incident import incident
from lb import netstat, sysctl, until
from stage import HOSTS

FOUND = ("thresholds found", "rules found")


@incident("flood_without_cookies", "SYN flood, cookies off: a third of the clients time out", cause=causes.SYN_QUEUE,
          never=(causes.NOBODY_ACCEPTS, causes.FEW_WORKERS), also=("syn_drops",))
def _(stage):
    Gunicorn(8080, workers=2, backlog=64, seconds=0.005, addr="0.0.0.0")
    sysctl("net.ipv4.tcp_syncookies", 0)
    sysctl("net.ipv4.tcp_synack_retries", 1)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=10, patience=3)
    stage.calm()
    flood = stage.strangers("flood", 90, 8080)
    until(lambda: netstat()["TCPReqQFullDrop"] > 0, "the SYN queue is full")
    stage.goes_on(20)
    flood.stop()
    stage.over()


def unix(stage, behind, path):
    Nginx(8080, behind)
    stage.watch(f"LocalPort 8080 8081\nLocalPath \"{path}\"", explain=[path])
    stage.calm()
    stage.crowd(8080, rate=120, patience=8)
    stage.goes_on(20)
    stage.over()


@incident("unix_php", "php-fpm on a UNIX socket behind nginx: 502", listener="run-php.sock", cause=causes.FULL,
          never=(causes.NOBODY_ACCEPTS,), blind=FOUND)
def _(stage):
    unix(stage, Php("/run/php.sock"), "/run/php.sock")


@incident("unix_gunicorn", "gunicorn on a UNIX socket behind nginx: 502", listener="run-gunicorn.sock",
          cause=causes.FULL, never=(causes.NOBODY_ACCEPTS,), blind=FOUND, short=True)
def _(stage):
    unix(stage, UnixGunicorn("/run/gunicorn.sock", workers=2, backlog=8, seconds=0.05), "/run/gunicorn.sock")


@incident("other_namespace", "too few workers in another network namespace", listener="blue:8080",
          cause=causes.FEW_WORKERS, never=(causes.NOBODY_ACCEPTS,), blind=FOUND,
          causeless=("thresholds selected",))  # the probe may not enter a namespace, for exec refuses to run it as root
def _(stage):
    blue = stage.blue()
    with blue.inside():
        Gunicorn(8080, workers=2, backlog=64, seconds=0.05)
    stage.watch('ListeningPorts true\nNetNamespace "blue"', explain=["-N", "blue"])
    stage.calm()
    with blue.inside():
        stage.crowd(8080, rate=160, patience=8)
    stage.goes_on(20)
    stage.over()


@incident("gone", "the server is gone and comes back", cause=causes.NOBODY_LISTENS, short=True)
def _(stage):
    server = Gunicorn(8080, workers=2, backlog=64, seconds=0.01)
    stage.watch("LocalPort 8080 8081", explain=["8080"])
    stage.crowd(8080, rate=10, patience=5)
    stage.calm()
    server.stop()
    stage.goes_on(15)
    stage.cured()
    server.start()
    stage.over()


# The clients of a collectd that stands still do wait: those of write_prometheus.
@incident("collectd_stalled", "collectd itself stands still for 8 intervals", listener="", blind=("explain",),
          also=("Silent", *(sign for port in HOSTS.values() for sign in (f"{port} duration wait", f"Overload {port}"))))
def _(stage):
    Gunicorn(8080, workers=2, backlog=64, seconds=0.01)
    stage.watch("LocalPort 8080 8081")
    stage.crowd(8080, rate=20, patience=5)
    stage.calm()
    for daemon in stage.daemons.values():
        daemon.process.freeze()
    stage.goes_on(8)
    for daemon in stage.daemons.values():
        daemon.process.thaw()
    stage.goes_on(10)
    stage.over()
