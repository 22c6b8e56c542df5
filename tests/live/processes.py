#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Network namespaces without a file, which "*" finds by the processes that are in them: of units with PrivateNetwork=,
and, if these are installed, of systemd-nspawn, LXC and rootless Podman."""
import functools
import os
import shutil
import subprocess

from lb import *

GROUPS = "/sys/fs/cgroup"
NOBODY = 65534
EVERYWHERE = 'ListeningPorts true\nNetNamespace "*"'


def served(place, port, backlog, waiting):
    with place.inside():
        return fill(Listener(port, backlog=backlog), waiting)


def is_open(place_ino, daemon):
    """Whether the daemon has a descriptor of the namespace."""
    return f"net:[{place_ino}]" in daemon.descriptors()


@test("a namespace that only processes show is reported from its first listener on, with the numbers of its kernel, from "
      "one process to the next, and ends with the last one")
def _():
    hidden, silent = Hidden(), Hidden()
    label, silent_label = hidden.label(), silent.label()
    daemon = Collectd(EVERYWHERE)
    daemon.await_reads(3)
    equal(daemon.instances(), {""}, "without a listener there is nothing to report")
    server = served(hidden, 80, 3, 4)
    until(lambda: f"{label}:80" in daemon.read(), "it is found")
    with hidden.inside():
        overflow(server, 5)
        table = daemon.read()
        equal([table[f"{label}:80"][name] for name in ("queue", "limit", "sockets", "full")], [4, 3, 1, 1])
        agrees_with_kernel({"": table[label], "80": table[f"{label}:80"]})
    hidden.enter()
    daemon.await_reads(2)
    hidden.leave()
    with hidden.inside():
        overflow(server, 2)
    until(lambda: counters(daemon.read(), f"{label}:80") == (7, 7), "it goes on")
    with silent.inside():
        overflow(fill(Listener(90, backlog=5), 6), 3)
    until(lambda: counters(daemon.read(), f"{silent_label}:90") == (3, 3), "no overflow is lost")
    equal({name: queue for name, queue in queues(probe("-N", "*", 80, 90)).items() if queue},
          {f"{label}:80": 4, f"{silent_label}:90": 6}, "the probe's")
    ino = os.stat(hidden.path).st_ino
    server.close()
    hidden.leave()
    until(lambda: not [name for name in daemon.read() if name.startswith(label)], "it is gone")
    check(not is_open(ino, daemon), "nothing keeps it alive")
    never_back(daemon, one_namespace=False)
    equal((daemon.complaints(), daemon.stop()), ([], 0), "log and exit status")


@test("a container that has joined another's namespace stays when that one restarts")
def _():
    web = Namespace("/run/docker/netns/0123")
    with web.inside():
        owner, joined = [Process(["sleep", "infinity"]) for _ in range(2)]
        at_80, at_90 = Listener(80), fill(Listener(90), 2)
    daemon = Collectd(EVERYWHERE)
    first, = until(lambda: [name[:-3] for name in daemon.read() if name.endswith(":90")], "it is found")
    with web.inside():
        overflow(fill(at_90, 6), 3)
    until(lambda: counters(daemon.read(), f"{first}:90") == (3, 3), "its overflows are seen")
    at_80.close()
    owner.stop()
    web.delete()
    again = Namespace("/run/docker/netns/4567")
    with again.inside():
        Process(["sleep", "infinity"])
        fill(Listener(80), 1)
    table = until(lambda: (lambda table: table if len([name for name in table if name.endswith((":80", ":90"))]) == 2
                           and sum(table[name]["sockets"] for name in table if ":" in name) == 2 else None)(daemon.read()),
                  "both are there")
    equal({name.rpartition(":")[2]: table[name]["queue"] for name in table if ":" in name}, {"80": 1, "90": 6})
    joined.stop()
    at_90.close()
    until(lambda: not [name for name in daemon.read() if name.endswith(":90")], "the old one is gone")
    equal((daemon.complaints(), daemon.stop()), ([], 0), "log and exit status")


@test("without the right to see the processes of others one INFO line names it, and the namespaces with a file are "
      "reported if they may be entered")
def _():
    with Hidden().inside():
        Listener(80)
    Listener(90)
    daemon = Collectd(EVERYWHERE, command=unprivileged())
    daemon.await_reads(10)
    equal((set(daemon.read()), daemon.complaints()), ({"", "90"}, []))
    equal(len(daemon.said("LB_MSG_NETNS_UNSEEN")), 1, "lines")


# ------------------------------------------------------ who makes such ones

@functools.cache
def private_groups():
    """Control groups of version 2."""
    libc.umount2(GROUPS.encode(), 2)
    mount("cgroup2", GROUPS, "cgroup2")


def in_group(path, *words):
    """The words to run a program in a control group."""
    private_groups()
    os.makedirs(GROUPS + path, exist_ok=True)
    at_end(remove_groups, path)
    return ["sh", "-c", 'echo 0 >"$0" && exec "$@"', f"{GROUPS}{path}/cgroup.procs", *words]


def remove_groups(path):
    """Ends what is left in them: a machine outlives the program that has started it."""
    if os.path.exists(f"{GROUPS}{path}/cgroup.kill"):
        write(f"{GROUPS}{path}/cgroup.kill", "1")
    for folder, _, _ in os.walk(GROUPS + path, topdown=False):
        until(lambda folder=folder: not content(folder + "/cgroup.procs"), "its processes have ended")
        os.rmdir(folder)


def busybox_root():
    root = scratch(0o755)
    for each in "bin", "etc", "usr/lib", "proc", "sys", "dev":
        os.makedirs(f"{root}/{each}")
    shutil.copy(shutil.which("busybox"), root + "/bin/busybox")
    write(root + "/usr/lib/os-release", "ID=box\n")
    return root


HTTPD = "/bin/busybox", "httpd", "-f", "-p", "80"


def reported(daemon, label):
    """Waits until port 80 under a label is all there is, and nothing was complained of."""
    until(lambda: {name for name in daemon.read() if name} == {label, f"{label}:80"}, f"{label} is reported")
    equal((daemon.read()[f"{label}:80"]["limit"], daemon.complaints()), (9, []))


@test("a unit with PrivateNetwork=yes has its own name without .service, and goes on under it when it restarts")
def _():
    daemon = Collectd(EVERYWHERE)
    for _ in range(3):
        unit = Process(in_group("/system.slice/shop.service", "unshare", "--net", *(
            ("busybox", *HTTPD[1:]) if shutil.which("busybox") else
            ("python3", "-c", "import socket, time; s = socket.create_server(('', 80), backlog=9); time.sleep(1000)"))))
        reported(daemon, "shop")
        unit.stop()
        until(lambda: set(daemon.read()) == {""}, "it is gone")
    equal({name for name in daemon.instances() if name}, {"shop", "shop:80"}, "all labels so far")


def nspawn(*words):
    return Process(in_group("/machine.slice/systemd-nspawn@deb.service", "systemd-nspawn", "-q", "-M", "deb",
                            "--register=no", "--keep-unit", *words))


if shutil.which("systemd-nspawn") and shutil.which("busybox"):
    @test("a container of systemd-nspawn with --private-network has the name of its machine")
    def _():
        daemon = Collectd(EVERYWHERE)
        machine = nspawn("-D", busybox_root(), "--private-network", "--as-pid2", *HTTPD)
        reported(daemon, "deb")
        machine.stop()
        until(lambda: set(daemon.read()) == {""}, "it is gone")

    @test("a unit with PrivateNetwork=yes of a real systemd, in a machine that has no network of its own, is found")
    def _():
        daemon = Collectd(EVERYWHERE)
        path = scratch()
        write(path + "/shop.service", f"""
[Unit]
DefaultDependencies=no
[Service]
PrivateNetwork=yes
ExecStart={shutil.which("busybox")} {" ".join(HTTPD[1:])}
""")
        nspawn("-D", "/", "--volatile=yes", "--console=pipe", "--boot",
               f"--bind-ro={path}/shop.service:/run/systemd/system/shop.service", "--", "--unit=shop.service")
        reported(daemon, "deb")


if shutil.which("lxc-execute") and shutil.which("busybox"):
    @test("a container of LXC has its name")
    def _():
        private_groups()
        daemon = Collectd(EVERYWHERE)
        conf = write(scratch() + "/conf", f"lxc.rootfs.path = dir:{busybox_root()}\nlxc.net.0.type = empty\n")
        container = Process(["lxc-execute", "-P", scratch(), "-n", "web", "-f", conf, "--", *HTTPD])
        at_end(remove_groups, "/lxc.payload.web")
        reported(daemon, "web")
        container.stop()


if shutil.which("podman") and shutil.which("busybox"):
    @test("a container of rootless Podman is found by its process")
    def _():
        private_groups()
        home = scratch(0o777)
        for each in "/etc/subuid", "/etc/subgid":
            mount(write(home + "/ids", "nobody:200000:65536\nnogroup:200000:65536\n"), each, flags=MS_BIND)
        env = {"HOME": home, "TMPDIR": home, "XDG_RUNTIME_DIR": home + "/run", "CONTAINERS_CONF": write(home + "/conf", """
[containers]
pids_limit = 0
cgroups = "disabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
""")}
        os.mkdir(home + "/run")
        command("tar", "-C", busybox_root(), "-cf", home + "/box.tar", "bin")
        command("chown", "-R", f"{NOBODY}:{NOBODY}", home)

        def podman(*words):
            return subprocess.run(
                ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--", "podman",
                 "--storage-driver", "vfs", "--log-level", "error", *words],
                env={**os.environ, **env}, cwd="/", text=True, check=True, capture_output=True).stdout.strip()
        daemon = Collectd(EVERYWHERE)
        podman("import", home + "/box.tar", "box")
        podman("run", "-d", "--name", "web", "--network", "none", "--ulimit", "host", "box", *HTTPD)
        at_end(podman, "rm", "-f", "-t", "0", "web")
        pid = podman("inspect", "-f", "{{.State.Pid}}", "web")
        reported(daemon, f"netns-{os.stat(f'/proc/{pid}/ns/net').st_ino}")


if __name__ == "__main__":
    private_run()
    main()
