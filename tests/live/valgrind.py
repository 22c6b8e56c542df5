#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The real daemon under valgrind: no access and no leak of ours goes wrong."""
from lib import *


def clean(config, act, status=0):
    """Runs a daemon under valgrind while act happens: nothing is found."""
    daemon = Collectd(config, command=VALGRIND)
    act(daemon)
    equal(daemon.stop(), status, "exit status")
    check_valgrind(daemon)


def busy(daemon):
    sysctl("net.core.somaxconn", 64)
    group = [Listener(8080, backlog=4, reuseport=True) for _ in range(60)]
    server = Listener(8081, backlog=100)
    daemon.look()
    group[0].steer()
    fill(group[0], 5)
    overflow(group[0], 10)
    daemon.look()
    for member in group[1:]:
        member.close()
    server.close()
    Listener(8082, backlog=100)
    sysctl("net.core.somaxconn", 128)
    daemon.look()
    daemon.look()


@test("nothing configured: valgrind has nothing against us")
def _():
    clean(None, busy)


@test("everything configured, much of it wrong: nothing against us either")
def _():
    clean("""
        LocalPort "8080-8084" "https" "65536" "8082"
        ListeningPorts true
        <Listener "api">
          LocalPort "9000" "x"
          LocalAddress "127.0.0.1" "::1" "y"
        </Listener>
        <Listener "api">
          LocalPort "9001"
        </Listener>
        <Listener "nothing">
        </Listener>
        <Unknown "x">
          LocalPort "9002"
        </Unknown>
        Unknown "y" 2 true""", busy)


@test("a configuration of which nothing is left: nothing against us")
def _():
    clean('LocalPort "0"', lambda daemon: until(
        lambda: daemon.log("entering read-loop"), "collectd is up"), status=1)


if __name__ == "__main__":
    main()
