# SPDX-License-Identifier: MIT
"""faults.c in a program: system calls that fail, the requests that the kernel gets, and the memory in use."""
import atexit
import collections
import functools
import os
import shutil
import struct
import subprocess
import tempfile

from .basics import content, scratch, until, write

Heap = collections.namedtuple("Heap", "blocks bytes")


@functools.cache
def _library(name):
    """A file of tests/support to preload, compiled once for all subtests, or where LB_LIBRARIES has it compiled."""
    if folder := os.environ.get("LB_LIBRARIES"):
        return f"{folder}/{name}.so"
    folder = tempfile.mkdtemp(prefix="listen_backlog-")
    atexit.register(shutil.rmtree, folder)
    os.chmod(folder, 0o755)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-fPIC", "-o", f"{folder}/{name}.so",
                    f"{here}/{name}.c", "-ldl"], check=True)
    return f"{folder}/{name}.so"


def unlimited(folder):
    """The environment of a daemon in which the plugin takes all the CPU time that it needs. The folder is one that the
    daemon can see."""
    return {"LD_PRELOAD": shutil.copy(_library("unlimited"), folder)}


class Faults:
    """What happens to the calls of a program with this environment, and what it asked and allocated."""

    def __init__(self, *faults):
        self.path = os.path.join(scratch(0o777), "fault")
        self.number = 0
        for name in "requests", "entered", "heap":
            os.chmod(write(f"{self.path}.{name}", "\0" * 16 * (name == "heap")), 0o666)
        # faults.c takes much CPU time
        self.env = {"LD_PRELOAD": f"{_library('faults')} {_library('unlimited')}", "LB_FAULT": self.path}
        self.set(*faults)

    def set(self, *faults):
        """These faults replace those before; none: every call works. Each is "CALL EFFECT [WHERE [FIRST OF]]", as
        faults.c explains."""
        self.number += 1
        lines = []
        for fault in faults:
            words = fault.split()
            lines.append(" ".join([str(self.number), *words, *["-", "1", "1"][len(words) - 2:]]))
        os.chmod(write(self.path + "~", "".join(line + "\n" for line in lines)), 0o644)
        os.rename(self.path + "~", self.path)

    def hits(self):
        """The calls that failed since then: ["CALL EFFECT", ...]."""
        return [line.split(" ", 1)[1] for line in content(self.path + ".hits").splitlines()
                if line.split()[0] == str(self.number)]

    def requests(self):
        """The sets of socket states, as numbers, in all requests until now."""
        return list(map(int, content(self.path + ".requests").split()))

    def entered(self):
        """The threads that have entered a namespace, by their numbers in the pid namespace of the program."""
        return set(map(int, content(self.path + ".entered").split()))

    def sampled(self):
        """Waits until a sample that began after this call has ended: the next one has begun."""
        before = len(self.requests())
        until(lambda: len(self.requests()) >= before + 2, "a sample is taken")

    def heap(self):
        """What the plugin has allocated and not yet freed."""
        with open(self.path + ".heap", "rb") as file:
            return Heap(*struct.unpack("QQ", file.read(16)))
