#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""listen_backlog-notify, by itself and as what the real collectd's exec plugin starts for the thresholds of
collectd.conf.d: what it passes to logger(1) and mail(1)."""
import os
import re
import shutil
import subprocess
import time

from lb import *
from lb.stores import snippet

SCRIPT = os.path.join(SRCDIR, "alerts", "listen_backlog-notify")
OVERFLOWS = ("count", "overflows_5m", "1.200000e+01")
WAIT = ("duration", "wait", "6.500000e+00")
GONE = ("count", "sockets", "0.000000e+00")
EXPLAINED = "TROUBLE 8080: too few or too slow workers"


class Desk:
    """A directory for PATH with a logger, a mail program and a probe that write down their arguments and input."""

    def __init__(self, probe=f'echo "{EXPLAINED}"; exit 2', mail=":"):
        self.dir = scratch(0o777)
        for name, does in {"logger": ":", "mail": mail, "listen_backlog-probe": probe}.items():
            called = f"{self.dir}/{name}.called"
            reads = "" if name == "listen_backlog-probe" else f'cat >>"{called}"'
            os.chmod(write(f"{self.dir}/{name}", f"""#!/bin/sh
printf '%s|' "$@" >>"{called}"
echo >>"{called}"
{reads}
{does}
"""), 0o755)
        self.env = {"PATH": f"{self.dir}:{PATH}", "LISTEN_BACKLOG_STATE": f"{self.dir}/state",
                    "COLLECTD_HOSTNAME": "testhost"}

    def notify(self, severity, reading, listener="8080", *addresses, plugin="listen_backlog", host="testhost", **env):
        """Passes the script a notification as collectd's exec plugin does."""
        kind, instance, value = reading
        fields = {"Severity": severity, "Time": "1.000", "Host": host, "Plugin": plugin, "PluginInstance": listener,
                  "Type": kind, "TypeInstance": instance, "DataSource": "value", "CurrentValue": value}
        text = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
        subprocess.run([SCRIPT, *addresses], input=f"{text}\nSeverity: of the message\n", text=True, check=True,
                       timeout=DEADLINE, env={**self.env, **env}, stdout=subprocess.DEVNULL)

    def took(self, name):
        """What the program was called with since the last call of this."""
        text = content(f"{self.dir}/{name}.called")
        write(f"{self.dir}/{name}.called", "")
        os.chmod(f"{self.dir}/{name}.called", 0o666)
        return text


@test("a notification goes to the log and by mail, with the values in words and what the probe explains")
def _():
    cases = [
        (OVERFLOWS, "8080", "listener 8080 on host testhost: accept queue full, 12 connection attempts dropped in "
                            "5 minutes"),
        (WAIT, "8080", "listener 8080 on host testhost: a client has waited for 6.5 s"),
        (GONE, "run-x.sock", "listener run-x.sock on host testhost: no server listens"),
        (("percent", "fill", "9.500000e+01"), "8080", "listener 8080 on host testhost: accept queue 95 % full"),
        (("queue_length", "abandoned", "1.000000e+01"), "8080",
         "listener 8080 on host testhost: 10 waiting clients have left"),
        (("queue_length", "queue", "1.200000e+01"), "8080", "listener 8080 on host testhost: 12 clients wait"),
        (("derive", "syn_drops", "3.300000e+00"), "",
         "host testhost: SYN queue full, 3.3 connection attempts dropped per second"),
        (("percent", "busy", "1.000000e+02"), "8080", "listener 8080 on host testhost: busy is 100"),
    ]
    for reading, listener, words in cases:
        desk = Desk()
        desk.notify("FAILURE", reading, listener, "a@example.org", "b@example.org")
        text = f"FAILURE: {words}\n{EXPLAINED}\nSeverity: of the message\n"
        equal(desk.took("logger"), "-t|listen_backlog|-p|daemon.err|\n" + text, words)
        equal(desk.took("mail"), f"-s|FAILURE: {words}|a@example.org|b@example.org|\n" + text, words)
        equal(desk.took("listen_backlog-probe"), f"--explain|--|{listener}|\n" if listener else "--explain|\n", words)


@test("mail tells of a listener once, of what is worse, and of the end, while the log has it all")
def _():
    desk = Desk()
    steps = [  # severity, reading, listener, the severity in the mail
        ("OKAY", WAIT, "8080", ""),
        ("WARNING", WAIT, "8080", "WARNING"),
        ("WARNING", OVERFLOWS, "8080", ""),
        ("FAILURE", WAIT, "8080", "FAILURE"),
        ("FAILURE", OVERFLOWS, "8080", ""),
        ("FAILURE", OVERFLOWS, "443", "FAILURE"),
        ("OKAY", WAIT, "8080", ""),
        ("OKAY", GONE, "8080", ""),
        ("OKAY", OVERFLOWS, "8080", "OKAY"),
        ("OKAY", OVERFLOWS, "8080", ""),
        ("FAILURE", WAIT, "8080", "FAILURE"),
    ]
    logged = []
    for number, (severity, reading, listener, mailed) in enumerate(steps):
        desk.notify(severity, reading, listener, "a@example.org")
        equal(re.findall(r"^-s\|(\w+)", desk.took("mail")), [mailed] if mailed else [], f"step {number}")
        equal(desk.took("listen_backlog-probe") != "", mailed in ("WARNING", "FAILURE"), f"step {number} is explained")
        logged += re.findall(r"-p\|daemon\.(\w+)", desk.took("logger"))
    equal(logged, ["warning", "warning", "err", "err", "err", "notice", "notice", "err"])
    past = time.time() - 2 * 86400  # the listener never came back
    for path in os.listdir(f"{desk.dir}/state"):
        os.utime(f"{desk.dir}/state/{path}", (past, past))
    desk.notify("FAILURE", WAIT, "8080", "a@example.org")
    mentions(desk.took("mail"), "-s|FAILURE")


@test("no label, host or value is run, is an option, or leaves the line, and other plugins are none of its business")
def _():
    for bad in "~!touch @ $(touch @)`touch @`'; touch @; '\"; touch @; \"*%s%n\\", "-froot", "../../x":
        desk = Desk()
        bad = bad.replace("@", f"{desk.dir}/run")
        desk.notify("FAILURE", WAIT, bad, "a@example.org")
        desk.notify("FAILURE", ("duration", bad, bad), "8080", "a@example.org")
        desk.notify("FAILURE", WAIT, "8080", "a@example.org", host=bad)
        mail = desk.took("mail")
        mentions(mail, f"-s|FAILURE: listener {bad} on host testhost: a client has waited for 6.5 s|a@example.org|\n",
                 f"on host {bad}: ", "For the cause run listen_backlog-probe --explain on that host.")
        check(not re.search("^~", mail, re.M), "a command of the mail program")
        mentions(desk.took("listen_backlog-probe"), f"--explain|--|{bad}|\n")
        check(not os.path.exists(f"{desk.dir}/run"), f"{bad} was run")
        equal(sorted(set(os.listdir(desk.dir)) - {"state"}), sorted(
            name + end for name in ("logger", "mail", "listen_backlog-probe") for end in ("", ".called")), "files")
    desk = Desk()
    desk.notify("FAILURE", WAIT, "\x1b[2J\x07x", "a@example.org")
    check(not re.search(r"[\x00-\x08\x0b-\x1f]", desk.took("mail")), "a control character")
    desk.took("logger")
    desk.notify("FAILURE", WAIT, "8080", "a@example.org", plugin="cpu")
    equal(desk.took("logger") + desk.took("mail"), "")


@test("without a probe that can explain, without mail(1) and without a directory of its own it still tells")
def _():
    desk = Desk(probe='[ $# -gt 1 ] && { echo "no such label"; exit 3; }; echo "TROUBLE 443: it accepts nobody"; exit 2')
    desk.notify("FAILURE", WAIT, "api", "a@example.org")
    mentions(desk.took("mail"), "TROUBLE 443: it accepts nobody")
    for status in "[ $# -eq 1 ] || exit 4", "exit 4":
        desk = Desk(probe=f"echo nonsense; {status}", mail="exit 1")
        desk.notify("FAILURE", WAIT, "blue:80", "a@example.org")
        logged = desk.took("logger")
        mentions(logged, "For the cause run listen_backlog-probe --explain as root.",
                 "mail(1) has failed: FAILURE: listener")
        check("nonsense" not in logged, logged)
    os.symlink("/tmp", f"{desk.dir}/link")
    desk.took("mail")
    for state in f"{desk.dir}/link", "/proc/self":
        for _ in range(2):
            desk.notify("OKAY", WAIT, "8080", "a@example.org", LISTEN_BACKLOG_STATE=state)
            equal(desk.took("mail"), "", state)
            desk.notify("FAILURE", WAIT, "8080", "a@example.org", LISTEN_BACKLOG_STATE=state)
            mentions(desk.took("mail"), "-s|FAILURE")


@test("collectd's exec plugin starts it as the snippet says: a mail when the server ends, with what the real probe "
      "explains, and a mail when it is back; collectd goes on while the mail program hangs")
def _():
    desk = Desk(mail="sleep 1000")
    os.remove(f"{desk.dir}/listen_backlog-probe")
    shutil.copy(os.environ["LB_PROBE"], f"{desk.dir}/listen_backlog-probe")
    script = shutil.copy(SCRIPT, desk.dir)  # the user may not have access to the source
    thresholds, shown = re.match(r"(.*)^(#LoadPlugin exec.*)", snippet("thresholds"), re.M | re.S).groups()
    server = Listener(8080, backlog=4)
    daemon = Collectd('LocalPort "8080"', plugins=["threshold", "exec"], command=unprivileged(),
                      env={"PATH": desk.env["PATH"], "LISTEN_BACKLOG_STATE": f"{desk.dir}/state"},
                      extra=thresholds + re.sub("^#", "", shown, flags=re.M).replace(
                          "LoadPlugin exec\n", "").replace("/usr/bin/listen_backlog-notify", script))
    daemon.read()
    server.close()
    until(lambda: "currently" in content(f"{desk.dir}/mail.called"), "a mail")
    daemon.await_reads(3)
    mail = desk.took("mail")
    mentions(mail, "-s|FAILURE: listener 8080 on host testhost: no server listens|admin@example.org|",
             "TROUBLE 8080: nobody listens", "currently 0.000000")
    server = Listener(8080, backlog=4)
    until(lambda: "all is well again" in content(f"{desk.dir}/mail.called"), "a mail about the end")
    mentions(content(f"{desk.dir}/mail.called"), "-s|OKAY: listener 8080 on host testhost: all is well again|")
    equal(daemon.errors(), [])


if __name__ == "__main__":
    main()
