# SPDX-License-Identifier: MIT
"""What each column says while an incident goes on: collectd's notifications, the alerts of Prometheus, --explain, and
the rules of other tools. An eye keeps what it saw as Said, in order."""
import collections
import glob
import os
import re
import threading
import time

from lb import at_end, content, netstat, probe_run
from scale import INTERVAL, SCALE

# trouble: False when it is over. key: what has one state, such as the value that a threshold judges.
Said = collections.namedtuple("Said", "time trouble key listener host text")


class Eye(threading.Thread):
    """Looks again and again, until the end of the incident."""
    pause = INTERVAL / 5

    def __init__(self):
        super().__init__(daemon=True)
        self.said, self.closed, self.error = [], threading.Event(), None
        at_end(self.close)

    def run(self):
        try:
            while not self.closed.wait(self.pause):
                self.look()
        except Exception as error:
            self.error = f"{type(self).__name__}: {error!r}"

    def look(self):
        raise NotImplementedError

    def close(self):
        self.closed.set()
        if self.is_alive():
            self.join()

    def in_trouble(self):
        """The keys that spoke last of trouble."""
        last = {each.key: each.trouble for each in self.said}
        return {key for key, trouble in last.items() if trouble}


class Thresholds(Eye):
    """The notifications in collectd's log, and the mails of listen_backlog-notify."""

    def __init__(self, daemon, post):
        super().__init__()
        self.daemon, self.lines, self.post, self.mails, self.opened = daemon, 0, post, [], set()

    def look(self):
        for path in sorted(set(glob.glob(f"{self.post}/mail.*")) - self.opened, key=os.path.getmtime):
            self.opened.add(path)
            subject, _, text = content(path).partition("\n")
            self.mails.append(Said(os.path.getmtime(path), not subject.startswith("OKAY"), subject.partition(":")[0],
                                   (re.findall(r"listener (\S+) on", subject) or [""])[0], self.daemon.hostname, text))
        now, lines = time.time(), content(f"{self.daemon.dir}/log").split("\n")[:-1]
        for line in lines[self.lines:]:
            if "Notification: severity" in line:
                fields = dict(re.findall(r"(\w+) = ([^,]*)(?=, |$)", line))
                key = " ".join(filter(None, map(fields.get, ("plugin_instance", "type", "type_instance"))))
                self.said.append(Said(now, fields["severity"] != "OKAY", key, fields.get("plugin_instance", ""),
                                      fields["host"], fields["severity"] + " " + line.partition("message = ")[2]))
        self.lines = len(lines)


class Alerts(Eye):
    """The firing alerts of one host."""

    def __init__(self, prometheus, host):
        super().__init__()
        self.prometheus, self.host, self.firing, self.later = prometheus, host, {}, []  # later: what a text becomes

    def look(self):
        now, firing = time.time(), {}
        for alert in self.prometheus.ask("alerts")["alerts"]:
            labels = alert["labels"]
            if alert["state"] == "firing" and labels.get("instance") == self.host:
                key = " ".join(filter(None, map(labels.get, ("alertname", "listen_backlog", "type"))))
                firing[key] = Said(now, True, key, labels.get("listen_backlog", ""), self.host,
                                   " ".join(alert["annotations"].get(part, "") for part in ("summary", "description")))
        self.said += [said for key, said in firing.items() if key not in self.firing]
        self.said += [said._replace(time=now, trouble=False) for key, said in self.firing.items() if key not in firing]
        self.later += [said for key, said in firing.items() if said.listener]
        self.firing = firing


class Explain(Eye):
    """listen_backlog-probe --explain, again and again."""
    pause = 2 * INTERVAL

    def __init__(self, args):
        super().__init__()
        self.args = args

    def look(self):
        now = time.time()
        run = probe_run(*self.args)
        self.said.append(Said(now, run.returncode != 0, run.returncode, "", "", run.stdout + run.stderr))


class Netstat(Eye):
    """/proc/net/netstat of collectd's namespace, which is what other tools see: [(time, counters)]."""
    pause = INTERVAL

    def __init__(self):
        super().__init__()
        self.seen = []

    def look(self):
        self.seen.append((time.time(), netstat()))

    def increase(self, at, seconds, name):
        """How much a counter moved in the time before entry number `at`."""
        now, last = self.seen[at]
        first = next(values for when, values in self.seen if when >= now - seconds - INTERVAL / 2)
        return last[name] - first[name]

    def rule(self, seconds, above, *names):
        """What a rule says that looks so far back: an average of more than this a second for one of the counters."""
        said = []
        for at, (when, _) in enumerate(self.seen):
            now = [name for name in names if self.increase(at, seconds / SCALE, name) / (seconds / SCALE) > above]
            if bool(now) != bool(said and said[-1].trouble):
                said.append(Said(when, bool(now), "host", "", "", " ".join(now)))
        return said


OTHERS = {
    # netdata, health.d/tcp_listen.conf: averages of the last minute.
    "netdata": (60, 1, "ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies"),
    "drops": (10, 0, "ListenDrops"),  # ListenDrops > 0
    "node": (300, 0, "ListenOverflows"),  # rate(node_netstat_TcpExt_ListenOverflows[5m]) > 0
}


def knows_explain():
    return "--explain" in probe_run("--help").stdout
