#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Containers under their own names, on a host of mounts and namespaces of its own: by the files of Docker, Podman and
Kubernetes; and with LB_RESTARTS=20, as in "make check-containers", those of the real Docker and Podman, which restart that
often. A failure of "docker run" or "podman run" here need not be the plugin's."""
import contextlib
import functools
import json
import os
import shutil
import socket

from lb import *

RESTARTS = int(os.environ.get("LB_RESTARTS", 0))  # 0: without Docker and Podman
GROUPS = "/sys/fs/cgroup"
ID = "18b5c53ce42a385a623ece63ec3bced5f00b418edb80b124d53a6f6f9c80a2cd"
OTHER_ID = "a11991f49754a94150ddd32ff2b3a640dfa63c4eab1cd1dfaa38d87ac0981efa"
UID = "0f8fad5b-d9cb-469f-a165-70867728950e"

SERVER = """
import socket, sys, time
servers = [socket.create_server(("127.0.0.1", int(port)), backlog=9) for port in sys.argv[1:]]
print("ready", flush=True)
time.sleep(1000)
"""


@functools.cache
def private_host():
    """Control groups of version 2, and empty directories for the files of Docker and Podman."""
    private_run()
    libc.umount2(GROUPS.encode(), 2)
    mount("cgroup2", GROUPS, "cgroup2")
    for path in "/var/lib", "/var/log":
        mount("tmpfs", path, "tmpfs")
    for path in "/var/lib/docker", "/var/lib/containers":
        os.mkdir(path)


def labels(table):
    return {name for name in table if name}


def watch(**options):
    return Collectd('NetNamespace "*"', **options)


def watch_with_rrd():
    return watch(plugins=["rrdtool"], interval=1,
                    extra='<Plugin rrdtool>\n  DataDir "@DIR@/rrd"\n  StepSize 1\n  HeartBeat 10\n</Plugin>')


def folders(daemon, kind):
    """The labels that have a folder of files."""
    prefix = "listen_backlog-"
    return {name[len(prefix):] for name in os.listdir(f"{daemon.dir}/{kind}/{daemon.hostname}")
            if name.startswith(prefix)}


def reported(daemon, *want):
    """Waits until the labels that have sockets or values of a namespace are these."""
    until(lambda: labels(daemon.read()) == set(want), f"{want} are reported")


# -------------------------------------------------------------------- engines

def remove_group(path):
    with contextlib.suppress(OSError):
        os.rmdir(GROUPS + path)


class Engine:
    """What Docker and Podman have in common."""

    def __init__(self):
        self.env, self.made = {}, set()
        at_end(remove_group, self.parent)

    def __call__(self, *words):
        return command(*self.words, *words, env=self.env)

    def image(self):
        root = scratch()
        os.mkdir(root + "/bin")
        shutil.copy(shutil.which("busybox"), root + "/bin/busybox")
        command("tar", "-C", root, "-cf", root + ".tar", ".")
        at_end(os.unlink, root + ".tar")
        self("import", root + ".tar", "box")

    def run(self, name, port, network=None):
        self("run", "-d", *self.options, "--name", name, "--network", network or self.network, "box",
             "/bin/busybox", "httpd", "-f", "-p", port)
        if name not in self.made:
            at_end(self, "rm", "-f", name)
        self.made.add(name)

    def connect(self, name, port, count):
        """Makes connections within the namespace of a container."""
        pid = int(self("inspect", "-f", "{{.State.Pid}}", name))
        file = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            with network(file):
                until(lambda: f":{port} " in command("ss", "-ltnH"), "it listens")
                for _ in range(count):
                    with socket.create_connection(("127.0.0.1", port)):
                        pass
        finally:
            os.close(file)


class Docker(Engine):
    words = "docker",
    options = ()
    network = "none"
    parent = "/docker"

    def __init__(self):
        super().__init__()
        daemon = Process(["dockerd", "--storage-driver", "vfs", "--iptables=false", "--bridge=none",
                          "--exec-opt", "native.cgroupdriver=cgroupfs"])
        until(lambda: "API listen on" in daemon.text(), "dockerd listens")
        self.image()


class Podman(Engine):
    words = "podman", "--storage-driver", "vfs", "--runtime", "runc", "--log-level", "error"
    options = "--privileged", "--ulimit", "host"
    network = "bridge"
    parent = "/libpod_parent"

    def __init__(self):
        super().__init__()
        self.env["CONTAINERS_CONF"] = write(f"{scratch()}/conf", """
[containers]
pids_limit = 0
[network]
network_backend = "netavark"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
""")
        self.image()


for engine in (Docker, Podman) if RESTARTS else ():
    @test(f"a container of {engine.__name__} has one label and one folder however often it restarts or is made anew, and "
          "its counters go on")
    def _(engine=engine):
        daemon = watch_with_rrd()
        engine = engine()
        engine.run("web", 80)
        made = 0
        for life in range(RESTARTS):
            if life == RESTARTS - 1:
                engine("rm", "-f", "web")
                engine.run("web", 80)
            elif life:
                engine("restart", "-t", "0", "web")
            engine.connect("web", 80, 2)
            made += 2
            until(lambda: daemon.read().get("web", {}).get("arrivals") == made, f"{made} connections in life {life + 1}")
        for kind in "csv", "rrd":
            equal(folders(daemon, kind), {"web", "web:80"}, kind)
        values = [value for _, value in daemon.series("web", "arrivals")]
        equal(values, sorted(values), "arrivals never go back")
        equal(daemon.complaints(), [])

    @test(f"containers of {engine.__name__} that share a namespace have their own names, and go on when the one that it "
          "was made for restarts")
    def _(engine=engine):
        daemon = watch_with_rrd()
        engine = engine()
        engine.run("web", 80)
        engine.run("side", 9000, "container:web")
        reported(daemon, "web", "web:80", "side:9000")
        engine("restart", "-t", "0", "web")
        until(lambda: {"web", "web:80", "side:9000"} <= labels(daemon.read()), "both are reported")
        check(folders(daemon, "rrd") <= {"web", "web:80", "side:9000", "side"}, folders(daemon, "rrd"))
        equal(daemon.complaints(), [])


# ---------------------------------------------------------------------- files

class Pod:
    """A server in a namespace and a control group."""

    def __init__(self, namespace, group, *ports):
        for end in (i for i, c in enumerate(group + "/") if c == "/" and i):
            if not os.path.isdir(GROUPS + group[:end]):
                os.mkdir(GROUPS + group[:end])
                at_end(remove_group, group[:end])
        with namespace.inside():
            self.server = Process(["sh", "-c", 'echo 0 >"$0" && exec python3 "$@"', f"{GROUPS}{group}/cgroup.procs",
                                   "-c", SERVER, *map(str, ports)])
        until(lambda: "ready" in self.server.text(), "it listens")


def docker_file(id_, name):
    os.makedirs(f"/var/lib/docker/containers/{id_}", exist_ok=True)
    write(f"/var/lib/docker/containers/{id_}/config.v2.json", json.dumps({"ID": id_, "Name": "/" + name}))


@test("the containers of a Kubernetes pod are one, under namespace and name of the pod")
def _():
    daemon = watch()
    os.makedirs(f"/var/log/pods/shop_cart-0_{UID}", exist_ok=True)
    place = Namespace("cni-14115dc3-159f-2f81-7816-29509556532b")
    group = f"/kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice/cri-containerd-%s.scope"
    Pod(place, group % ID, 80)
    Pod(place, group % OTHER_ID, 81)
    reported(daemon, "shop_cart-0", "shop_cart-0:80", "shop_cart-0:81")
    equal(folders(daemon, "csv"), {"shop_cart-0", "shop_cart-0:80", "shop_cart-0:81"})


@test("without the right to read their names containers have 12 digits of their ID, and one line says what is missing")
def _():
    docker_file(ID, "web")
    Pod(Namespace("netns-14115dc3-159f-2f81-7816-29509556532b"), f"/docker/{ID}", 80)
    for path in "/var/lib/docker", "/run/docker":
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o700)
    os.chmod("/run", 0o755)

    def watch_with(rights):
        return watch(command=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", rights,
                              "--ambient-caps", rights, "--"])
    daemon = watch_with("-all,+sys_admin")
    reported(daemon, ID[:12], ID[:12] + ":80")
    daemon.await_reads(5)
    line, = daemon.said("LB_MSG_NAMES_HIDDEN")
    note(line)
    daemon.stop()
    daemon = watch_with("-all,+sys_admin,+dac_read_search")
    reported(daemon, "web", "web:80")
    equal(daemon.said("LB_MSG_NAMES_HIDDEN"), [])


@test("a second container of the same name keeps the name of its file, and one line says so")
def _():
    docker_file(ID, "web")
    docker_file(OTHER_ID, "web")
    file = "netns-14115dc3-159f-2f81-7816-29509556532b"
    Pod(Namespace("netns-02e2e626-d669-9e8c-135d-96f59b4b1bb1"), f"/docker/{ID}", 80)
    daemon = watch()
    reported(daemon, "web", "web:80")
    Pod(Namespace(file), f"/docker/{OTHER_ID}", 80)
    reported(daemon, "web", "web:80", file, file + ":80")
    daemon.await_reads(5)
    equal(len(daemon.said("LB_MSG_NAME_TAKEN")), 1)


if __name__ == "__main__":
    try:
        private_host()
    except OSError as error:
        print("1..0 # SKIP there are no control groups of version 2 here:", error)
        raise SystemExit from error
    main()
