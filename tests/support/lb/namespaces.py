# SPDX-License-Identifier: MIT
"""Network namespaces: a fresh one for every subtest, and others that the plugin is to enter."""
import contextlib
import ctypes
import functools
import os
import re

from .basics import at_end, command, content, scratch
from .programs import Process

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 1 << 12, 1 << 14, 1 << 18, 1 << 20
MNT_DETACH = 2

libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *args):
    if function(*args):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), args)


def mount(source, target, kind=None, flags=0, data=None):
    source, target, kind, data = (each and each.encode() for each in (source, target, kind, data))
    _call(libc.mount, source, target, kind, ctypes.c_ulong(flags), data)


def new_network():
    """Moves this thread to a new network namespace with lo up: counters at 0, sysctls at their defaults, ports free."""
    _call(libc.unshare, CLONE_NEWNET)
    command("ip", "link", "set", "lo", "up")


@functools.cache
def private_run():
    """Gives this script, and all that it starts, an empty /run, and a /proc without the other processes of this
    machine."""
    _call(libc.unshare, CLONE_NEWNS)
    try:
        mount(None, "/", flags=MS_REC | MS_PRIVATE)
    except OSError:
        _leave_chroot_mount()
    mount("tmpfs", "/run", "tmpfs")
    mount("proc", "/proc", "proc")


def _leave_chroot_mount():
    """In a chroot "/" is not a mount point, so its propagation cannot be changed. /proc is a mount point: bind "/"
    below it, make that copy private, and go there."""
    here = os.getcwd()
    mount(None, "/proc", flags=MS_PRIVATE)
    mount("tmpfs", "/proc/fs", "tmpfs")
    os.mkdir("/proc/fs/root")
    mount("/", "/proc/fs/root", flags=MS_BIND | MS_REC)
    mount(None, "/proc/fs/root", flags=MS_REC | MS_PRIVATE)
    os.chroot("/proc/fs/root")
    os.chdir(here)


def open_network():
    """A descriptor of the network namespace that this thread is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


@contextlib.contextmanager
def network(file=None):
    """Enters the namespace of this descriptor, if given, and comes back at the end."""
    home = open_network()
    try:
        if file is not None:
            _call(libc.setns, file, CLONE_NEWNET)
        yield
    finally:
        _call(libc.setns, home, CLONE_NEWNET)
        os.close(home)


class Namespace:
    """Another network namespace, mounted below /run/netns or at an absolute path. Sockets and processes in it keep it
    alive; this object does not. Needs private_run()."""

    def __init__(self, place):
        self.path = os.path.join("/run/netns", place)
        self.name = os.path.basename(place)
        self.make()
        at_end(self.delete)

    def make(self):
        with network():
            new_network()
            self.bind("/proc/thread-self/ns/net")

    def bind(self, source):
        """Mounts the namespace of another path here."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "x"):
            pass
        mount(source, self.path, flags=MS_BIND)

    def delete(self):
        if os.path.exists(self.path):
            _call(libc.umount2, self.path.encode(), MNT_DETACH)
            os.unlink(self.path)

    @contextlib.contextmanager
    def inside(self):
        """Sockets made and processes started within are in the namespace, and stay there."""
        file = os.open(self.path, os.O_RDONLY)
        try:
            with network(file):
                yield self
        finally:
            os.close(file)


class Hidden(Namespace):
    """Another network namespace that only processes show, which keep it alive."""

    def __init__(self):
        super().__init__(scratch() + "/netns")
        with self.inside():
            self.processes = [Process(["sleep", "infinity"])]
        self.delete()
        self._follow()

    def _follow(self):
        self.path = f"/proc/{self.processes[0].pid}/ns/net"

    def enter(self):
        """Another process, after which the first one may end."""
        with self.inside():
            self.processes.append(Process(["sleep", "infinity"]))

    def leave(self):
        """The first process ends."""
        self.processes.pop(0).stop()
        if self.processes:
            self._follow()

    def label(self):
        """That of the service that the test runs in, if it does."""
        service = re.search(r"^0::\S*/([^/\s]+)\.service(/(?!\S*\.scope)\S*)?$", content("/proc/self/cgroup"), re.M)
        return service.group(1) if service else f"netns-{os.stat(self.path).st_ino}"


def set_nsid(namespace, nsid):
    """Gives a namespace a number, which nsids() shows for as long as the namespace exists."""
    command("ip", "netns", "set", namespace.name, nsid)


def nsids():
    """The numbers of the namespaces that exist."""
    return set(map(int, re.findall(r"nsid (\d+)", command("ip", "netns", "list-id"))))
