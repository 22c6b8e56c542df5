#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A new plugin under a running collectd: what replaces the file leaves the
mapped one alone, values go on, and after a restart the new one serves."""
import os
import shutil
import subprocess

from lib import *

ENV = {name: value for name, value in os.environ.items()
       if not name.startswith(("MAKE", "MFLAGS"))} | {"PATH": PATH}


def run(*command):
    done = subprocess.run(command, env=ENV, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"{command} failed:\n{done.stdout}")


class Upgraded(Collectd):
    """collectd with the plugin that something else installs."""

    def __init__(self, install):
        super().__init__('LocalPort "8080"', start=False)
        self.file = f"{self.dir}/plugins/listen_backlog.so"
        os.unlink(self.file)
        self.install, self.version = install, 0
        self.upgrade()
        self.start()

    def upgrade(self):
        self.version += 1
        self.install(f"{self.dir}/plugins", self.version)
        with open(self.file, "rb") as file:
            check(file.read(4) == b"\x7fELF", "there is a plugin")

    def mapped(self):
        """Inode of the plugin that the daemon runs, and its name."""
        with open(proc(self.process.popen.pid) + "/maps") as maps:
            found = {(int(inode), name.strip()) for *_, inode, name in
                     (line.split(None, 5) for line in maps
                      if "listen_backlog.so" in line)}
        one, = found
        return one


def goes_on_with_the_old(install):
    """Two upgrades of a running daemon, which only then is restarted."""
    server = Listener(8080, backlog=3)
    daemon = Upgraded(install)
    daemon.look()
    old = os.stat(daemon.file).st_ino
    # What holds a file open keeps its inode from being given to another.
    with open(daemon.file, "rb") as held:
        before = held.read()
        equal(daemon.mapped(), (old, daemon.file), "what is mapped")
        for waiting in 1, 2:
            daemon.upgrade()
            fill(server, waiting)
            equal(daemon.look()["8080"]["queue"], waiting, "queue")
            equal(daemon.mapped(), (old, daemon.file + " (deleted)"),
                  "what is mapped after an upgrade")
        held.seek(0)
        equal(held.read() == before, True, "nothing wrote into the old file")
        overflow_of(server, daemon)
        equal(daemon.stop(), 0, "exit status")

        daemon.start()
        equal(daemon.look()["8080"]["queue"], 4, "queue after the restart")
        new = os.stat(daemon.file).st_ino
        check(new != old, "the file is another")
        equal(daemon.mapped(), (new, daemon.file), "mapped after a restart")
    equal(daemon.errors(), [], "errors")


def overflow_of(server, daemon):
    """Counters that moved after an upgrade are those of the kernel."""
    fill(server, 4)
    overflow(server, 2)
    equal(counters(settled(daemon), 8080), (2, 2), "counters")


def make_install(plugins, _):
    run("make", "-C", os.environ["LB_BUILDDIR"], "install-pluginLTLIBRARIES",
        f"plugindir={plugins}")


def dpkg(plugins, version):
    """A package that has the plugin alone, in a database of its own."""
    tree = scratch()
    os.makedirs(f"{tree}/DEBIAN")
    place = f"{tree}/{plugins}"
    os.makedirs(place, mode=0o777)
    with open(f"{tree}/DEBIAN/control", "w") as file:
        file.write("Package: plugin\n"
                   f"Version: {version}\n"
                   "Architecture: all\n"
                   "Maintainer: Nobody <nobody@localhost>\n"
                   "Description: a plugin\n")
    shutil.copy(os.environ["LB_PLUGIN"], place)
    run("dpkg-deb", "--root-owner-group", "--build", tree, f"{tree}.deb")
    admin = os.path.join(os.path.dirname(plugins), "dpkg")
    for sub in "info", "updates":
        os.makedirs(f"{admin}/{sub}", exist_ok=True)
    open(f"{admin}/status", "a").close()
    run("dpkg", f"--admindir={admin}", "--force-not-root", "--force-bad-path",
        f"--log={admin}/log", "-i", f"{tree}.deb")
    os.unlink(f"{tree}.deb")


@test("make install: a running collectd goes on, a restart has the new plugin")
def _():
    goes_on_with_the_old(make_install)


@test("dpkg: a running collectd goes on, a restart has the new plugin")
def _():
    goes_on_with_the_old(dpkg)


main()
