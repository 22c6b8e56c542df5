#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A wrong configuration, read by collectd's own parser: each mistake costs only itself and is one ERROR. The unit
tests of the options have every mistake and its sentence; here are those for which the parser has a form of its
own."""
from lb import *

BAD = [  # within the block, and the words of its one ERROR
    ('LocalPort "65536"', ("LocalPort", "65536")),
    ('LocalPort ""', ("LocalPort", '""')),
    ("LocalPort true", ("LocalPort", "true")),
    ("ListeningPorts 11", ("ListeningPorts", "11")),
    ('IgnoreSelected "never"', ("IgnoreSelected", "never")),
    ('LocalPrt "7090"', ("LocalPrt", "7090")),
    ('<Service "web">\n LocalPort "7091"\n</Service>', ("Service", "web")),
    ('<Listener>\n LocalPort "7100"\n</Listener>', ("Listener",)),
    ('<Listener 13>\n LocalPort "7101"\n</Listener>', ("Listener", "13")),
    ('<Listener "number">\n LocalPort "7106"\n LocalAddress "::1"\n LocalAddress 15\n</Listener>',
     ("LocalAddress", "15")),
    ('<Listener "port">\n LocalPort "7107" "7108x"\n</Listener>', ("LocalPort", "7108x")),
    ('<Listener "empty">\n</Listener>', ("empty",)),
    ('<Listener "twice">\n LocalPort "7110"\n</Listener>\n<Listener "twice">\n LocalPort "7111"\n</Listener>',
     ("Listener", "twice")),
    ('<Listener "8080">\n LocalPort "7120"\n</Listener>', ("Listener", "8080")),
]


@test("each of many wrong options is one ERROR that names option and value, and all that is right beside it is used")
def _():
    fill(Listener(8080, backlog=7), 3)
    fill(Listener(7110, backlog=7), 2)
    daemon = Collectd("\n".join(['LocalPort "8080"'] + [text for text, _ in BAD]))
    table = daemon.read()
    errors = daemon.errors()
    note("\n".join(errors))
    for _, words in BAD:
        check(any(all(word in line.replace("'", '"') for word in words) for line in errors), f"an ERROR names {words}")
    equal(len(errors), len(BAD), "one ERROR each")
    check(all(line.startswith(f"[error] {PLUGIN} ") for line in errors), "each is the plugin's")
    equal(queues(table), {"": None, "8080": 3, "twice": 2, "number": None, "port": None})


@test("a found port whose label a <Listener> has already is left out, with one ERROR that names both")
def _():
    for n, port in enumerate((8080, 8081, 8082), 1):
        fill(Listener(port), n)
    daemon = Collectd('ListeningPorts true\n<Listener "8081">\n  LocalPort "8080"\n</Listener>')
    equal(queues(daemon.read()), {"": None, "8081": 1, "8082": 3})
    daemon.one_error("8081", "Listener")
    equal(len(daemon.errors()), 1)


@test("without a valid selection nothing is reported: init fails, with an ERROR of its own, and collectd goes on")
def _():
    for config in ('LocalPort "nosuchservice"',
                   '<Listener "a">\n LocalPort "8080"\n LocalAddress "nowhere"\n</Listener>'):
        daemon = Collectd(config, plugins=["uptime"])
        daemon.goes_on()
        equal(daemon.instances(), set(), "reported")
        note("\n".join(daemon.errors()))
        check(len(daemon.complaints()) >= 2, "one ERROR for the value, one for init")
        check(daemon.log("[error]", "init", "listen_backlog"), "collectd says that init failed")
        daemon.stop()


if __name__ == "__main__":
    main()
