# SPDX-License-Identifier: MIT
"""The host of an incident: two collectds with the shipped thresholds, one as it is installed ("found") and one that has
the listener selected ("selected"), Prometheus with the shipped rules, a bystander, and all that the columns say."""
import os
import re
import shutil
import threading
import time

from lb import (
    PATH, SRCDIR, Daemon, Listener, Namespace, check, content, private_run, scratch, source, unlimited, unprivileged,
    until, write)
from lb.stores import Prometheus, changed, shown_file, snippet
from backends import python
from eyes import OTHERS, Alerts, Explain, Netstat, Thresholds, knows_explain
from scale import INTERVAL, LATE, SLACK, clear, is_real, scaled

HOSTS = {"found": 9103, "selected": 9104}  # where write_prometheus listens
BYSTANDER = 8081


class Rules(Prometheus):
    """Prometheus as the snippet shows it, with the shipped rules."""

    def __init__(self):
        targets = ", ".join(f"'127.0.0.1:{port}'" for port in HOSTS.values())
        config = re.sub(r"- targets: .*", f"- targets: [{targets}]", shown_file("prometheus", "prometheus.yml"))
        config = "global:\n  evaluation_interval: 10s\nrule_files: [rules.yml]\n" + config
        super().__init__(scaled(config), scaled(source("alerts", "listen_backlog.rules.yml")))


class Stage:
    def __init__(self, healthy, keep=None):
        self.healthy, self.keep, self.crowds, self.began, self.ended = healthy, keep, [], None, None
        self.cure = None
        self.env, self.post = unlimited(scratch()), {}
        private_run()

    # ------------------------------------------------------------ the watchers

    def watch(self, selection, explain=(), inspect=True):
        """Starts all that watches; selection are the options that select the listener, explain the arguments."""
        self.bystander()
        prometheus = Rules()
        self.daemons = {"found": self._collectd("found", "" if inspect else "InspectQueue false"),
                        "selected": self._collectd("selected", f"{selection}\nInspectQueue {str(inspect).lower()}")}
        self.eyes = {}
        for host, daemon in self.daemons.items():
            self.eyes[f"thresholds {host}"] = Thresholds(daemon, self.post.get(host))
            self.eyes[f"rules {host}"] = Alerts(prometheus, host)
        if knows_explain():
            self.eyes["explain"] = Explain(["--explain", *explain])
        self.netstat = Netstat()
        until(lambda: len(prometheus.ask(query='collectd_listen_backlog_percent{type="fill",listen_backlog="%d"}' %
                                         BYSTANDER)["result"]) == len(HOSTS), "Prometheus knows the listeners")
        for eye in [*self.eyes.values(), self.netstat]:
            eye.start()

    def _notify(self, host):
        """The options of collectd and the environment for listen_backlog-notify, with programs in place of logger(1)
        and mail(1); the second keeps each mail as a file."""
        script = f"{SRCDIR}/alerts/listen_backlog-notify"
        if unprivileged()[0] != "setpriv":  # in the user namespace of any user there is none for the exec plugin
            return "", {}
        self.post[host] = folder = scratch(0o777)
        mail = f'(echo "$2"; cat) >{folder}/$$ && mv {folder}/$$ {folder}/mail.$$'
        for name, text in ("logger", "exit 0"), ("mail", mail):
            os.chmod(write(f"{folder}/{name}", f"#!/bin/sh\n{text}\n"), 0o755)
        shutil.copy(os.environ["LB_PROBE"], folder)
        notify = shutil.copy(script, folder)
        return (f'\n<Plugin exec>\n  NotificationExec "nobody" "{notify}" "root"\n</Plugin>\n',
                {"PATH": f"{folder}:{PATH}", "LISTEN_BACKLOG_STATE": f"{folder}/state"})

    def _collectd(self, host, options):
        rrd = ["rrdtool"] * bool(self.keep)
        text = snippet("thresholds") + changed(snippet("prometheus"), {
            '#Host "127.0.0.1"': 'Host "127.0.0.1"', "9103": str(HOSTS[host])})
        notify, env = self._notify(host)
        text += notify
        if self.keep:
            os.makedirs(f"{self.keep}/rrd", exist_ok=True)
            text += f'\n<Plugin rrdtool>\n  DataDir "{self.keep}/rrd"\n</Plugin>\n'
        if options:
            text += f"<Plugin listen_backlog>\n{options}\n</Plugin>\n"
        # An inspection takes as long as in the field, which is a tenth of what it may take in a tenth of the interval.
        return Daemon(["listen_backlog", "threshold", "write_prometheus", "exec", *rrd], text, interval=INTERVAL,
                      hostname=host, env={**self.env, **env})

    def bystander(self):
        """A healthy server whose clients are served whatever happens to its neighbour."""
        server = Listener(BYSTANDER, backlog=16)
        server.socket.setblocking(True)

        def serve():
            while True:
                try:
                    visitor = server.socket.accept()[0]
                except OSError:
                    return
                with visitor:
                    visitor.settimeout(5)
                    visitor.recv(4096)
                    visitor.sendall(b"HTTP/1.0 200 OK\r\n\r\nserved")
        threading.Thread(target=serve, daemon=True).start()
        self.bystanders = self.crowd(BYSTANDER, rate=5, patience=5)

    def blue(self):
        """Another network namespace."""
        return Namespace("blue")

    # --------------------------------------------------------------- the course

    def crowd(self, port, rate, patience, size=1, leave="reset"):
        """Clients from now on, as crowd.py explains; returns the process."""
        path = f"{scratch()}/clients"
        process = python("crowd.py", f"127.0.0.1:{port}", path, patience, rate, size, leave)
        process.path = path
        if port != BYSTANDER:
            self.crowds.append(process)
        return process

    def strangers(self, kind, rate, *ports):
        return python("strangers.py", kind, rate, *ports)

    def goes_on(self, seconds):
        """So the incident lasts."""
        time.sleep(seconds)

    def calm(self, seconds=6):
        """The time before."""
        time.sleep(seconds)
        self.began = time.time()

    def cured(self):
        """What is done from now on ends it: until then --explain must know the cause."""
        self.cure = time.time()

    def over(self):
        """Nobody comes any more, and when the last client is served or has left, all must become quiet."""
        for crowd in self.crowds:
            crowd.stop()
        self.ended = time.time()
        self.cure = self.cure or self.ended
        if not self.healthy and "explain" in self.eyes:
            self.eyes["explain"].close()

    def quiet(self, short):
        """Waits until nothing speaks any more, or its time is over; if short, not for what lasts 5 real minutes."""
        grace = time.time() + 5 * INTERVAL

        def ends(key):
            return self.ended + clear(key) + SLACK if not (short and is_real(key)) else 0
        while time.time() < max([grace] + [ends(key) for name, eye in self.eyes.items() if name != "explain"
                                           for key in eye.in_trouble()]):
            time.sleep(INTERVAL / 2)
        time.sleep(3 * INTERVAL)  # nothing returns

    # --------------------------------------------------------------- the result

    def clients(self):
        """[(start, end, outcome)] of all clients that are done, the bystander's too."""
        return self._clients(self.crowds), self._clients([self.bystanders])

    @staticmethod
    def _clients(crowds):
        return [(float(start), float(end), outcome) for crowd in crowds
                for start, end, outcome in map(str.split, content(crowd.path).splitlines())]

    def result(self):
        """All that happened, for the judge."""
        for eye in [*self.eyes.values(), self.netstat]:
            eye.close()
            check(not eye.error, eye.error)
        for host, daemon in self.daemons.items():
            check(daemon.running(), f"collectd runs: {host}")
        said = {name: eye.said for name, eye in self.eyes.items()}
        said.update({name: self.netstat.rule(*rule) for name, rule in OTHERS.items()})
        mails = {name: eye.mails for name, eye in self.eyes.items() if isinstance(eye, Thresholds) and eye.post}
        later = {name: [each for each in eye.later if each.time < self.ended]
                 for name, eye in self.eyes.items() if isinstance(eye, Alerts)}
        clients, bystanders = self.clients()
        return {"began": self.began, "cured": self.cure, "ended": self.ended, "watched": time.time(),
                "said": said, "mails": mails, "later": later, "clients": clients, "bystanders": bystanders,
                "harmed": sorted(filter(None, map(harmed, clients))),
                "bystanders_harmed": sorted(filter(None, map(harmed, bystanders)))}


def harmed(client):
    """When a client was harmed: it failed, or it waited longer than LATE."""
    start, end, outcome = client
    if outcome != "200":
        return min(end, start + LATE)
    return start + LATE if end - start > LATE else None
