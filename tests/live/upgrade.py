#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A new plugin under a running collectd: an installation leaves the file that collectd has mapped alone, values go
on, and after a restart the new plugin serves."""
import os
import shutil
import subprocess

from lb import *

ENV = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))} | {"PATH": PATH}


def run(*words):
    done = subprocess.run(words, env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"{words} failed:\n{done.stdout}")


def make_install(plugins, _):
    run("make", "-C", os.environ["LB_BUILDDIR"], "install-pluginLTLIBRARIES", f"plugindir={plugins}")


def dpkg(plugins, version):
    """Installs a package that has the plugin alone, with a package database of its own."""
    tree = scratch()
    os.makedirs(f"{tree}/DEBIAN")
    os.makedirs(f"{tree}/{plugins}", mode=0o777)
    write(f"{tree}/DEBIAN/control", f"Package: plugin\nVersion: {version}\nArchitecture: all\n"
          "Maintainer: Nobody <nobody@localhost>\nDescription: a plugin\n")
    shutil.copy(os.environ["LB_PLUGIN"], f"{tree}/{plugins}")
    run("dpkg-deb", "--root-owner-group", "--build", tree, f"{tree}.deb")
    at_end(os.unlink, f"{tree}.deb")
    admin = os.path.join(os.path.dirname(plugins), "dpkg")
    for sub in "info", "updates":
        os.makedirs(f"{admin}/{sub}", exist_ok=True)
    open(f"{admin}/status", "a").close()
    run("dpkg", f"--admindir={admin}", "--force-not-root", "--force-bad-path", f"--log={admin}/log", "-i",
        f"{tree}.deb")


for name, install in ("make install", make_install), ("dpkg", dpkg):
    @test(f"{name} under a running collectd: values go on, the mapped file stays, and a restart has the new plugin")
    def _(install=install):
        server = Listener(8080, backlog=3)
        daemon = Collectd('LocalPort "8080"', start=False)
        file = f"{daemon.dir}/plugins/listen_backlog.so"
        os.unlink(file)
        install(f"{daemon.dir}/plugins", 1)
        daemon.start()
        daemon.read()
        old = os.stat(file).st_ino
        with open(file, "rb") as held:  # an open file keeps its inode from being used again
            before = held.read()
            equal((before[:4], daemon.mapped()), (b"\x7fELF", {(old, file)}), "the file, and what is mapped")
            for waiting in 1, 2:
                install(f"{daemon.dir}/plugins", 1 + waiting)
                fill(server, waiting)
                equal(daemon.read()["8080"]["queue"], waiting, "queue")
                equal(daemon.mapped(), {(old, file + " (deleted)")}, "what is mapped after an upgrade")
            held.seek(0)
            check(held.read() == before, "nothing wrote into the old file")
            overflow(fill(server, 4), 2)
            equal(counters(settled(daemon), 8080), (2, 2), "counters")
            equal(daemon.stop(), 0, "exit status")
            daemon.start()
            equal(daemon.read()["8080"]["queue"], 4, "queue after the restart")
            new = os.stat(file).st_ino
            check(new != old, "the file is another")
            equal((daemon.mapped(), daemon.errors()), ({(new, file)}, []), "after the restart")


if __name__ == "__main__":
    main()
