#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The real daemon under valgrind: our code makes no invalid access and leaks nothing. fault_matrix.py has the same
for calls that fail."""
from lb import *


def busy(daemon):
    sysctl("net.core.somaxconn", 64)
    group = [Listener(8080, backlog=4, reuseport=True) for _ in range(60)]
    server = Listener(8081, backlog=100)
    daemon.read()
    group[0].steer()
    overflow(fill(group[0], 5), 10)
    daemon.read()
    for each in *group[1:], server:
        each.close()
    Listener(8082, backlog=100)
    sysctl("net.core.somaxconn", 128)
    daemon.read()
    daemon.read()


MUCH_WRONG = """
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
Unknown "y" 2 true"""

for name, config, act, status in (
        ("nothing configured", None, busy, 0), ("everything configured, and much of it wrong", MUCH_WRONG, busy, 0),
        ("a configuration without anything valid", 'LocalPort "0"',
         lambda daemon: until(lambda: daemon.log("entering read-loop"), "collectd is up"), 1)):
    @test(f"valgrind finds no error of ours with {name}")
    def _(config=config, act=act, status=status):
        daemon = Collectd(config, command=VALGRIND)
        act(daemon)
        equal(daemon.stop(), status, "exit status")
        daemon.check_valgrind()


if __name__ == "__main__":
    main()
