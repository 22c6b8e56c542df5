# SPDX-License-Identifier: MIT
"""An initramfs: packages of this host, the plugin, the tests, and the modules of a kernel."""
import os
import shutil
import stat
import subprocess
import tarfile

# The modules that the sockets of the tests and their links need, and all that these depend on.
MODULES = "kernel/net/", "kernel/drivers/net/veth.", "kernel/lib/", "kernel/crypto/"


class Archive:
    """A cpio archive in the format "newc", which needs no rights to be written."""

    def __init__(self, path):
        self.file, self.number, self.known = open(path, "wb"), 0, set()

    def entry(self, name, mode, data=b"", mtime=0):
        name = name.strip("/")
        if name in self.known:
            return
        self.known.add(name)
        if "/" in name:
            self.entry(os.path.dirname(name), stat.S_IFDIR | 0o755)
        self.number += 1
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = self.number, mode, 0, 0, links, mtime, len(data), 0, 0, 0, 0, len(name) + 1, 0
        self._padded(b"070701" + b"".join(b"%08X" % field for field in fields) + os.fsencode(name) + b"\0")
        self._padded(data)

    def _padded(self, data):
        self.file.write(data + b"\0" * (-len(data) % 4))

    def directory(self, name, mode=0o755):
        self.entry(name, stat.S_IFDIR | mode)

    def text(self, name, data, mode=0o644):
        self.entry(name, stat.S_IFREG | mode, data.encode())

    def copy(self, path, name=None):
        """A file or a symbolic link of this host. Folders on its way are those that links lead to."""
        name = name or os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            self.entry(name, found.st_mode, os.fsencode(os.readlink(path)))
        elif stat.S_ISREG(found.st_mode) and os.access(path, os.R_OK):  # the rest is of no use for a test
            with open(path, "rb") as file:
                self.entry(name, found.st_mode, file.read(), int(found.st_mtime))

    def tree(self, path, name):
        for folder, _, files in os.walk(path):
            for each in files:
                self.copy(os.path.join(folder, each), os.path.join(name, os.path.relpath(folder, path), each))

    def close(self):
        self.entry("TRAILER!!!", 0)
        self.file.close()


def unpack(packages, folder):
    """Unpacks a kernel and those of its modules that MODULES names below the folder. Returns the kernel's file."""
    shutil.rmtree(folder, ignore_errors=True)
    for package in packages:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as program:
            with tarfile.open(fileobj=program.stdout, mode="r|") as archive:
                for member in archive:
                    path = member.name.removeprefix("./").removeprefix("usr/")
                    inside = path.split("/", 3)[-1] if path.startswith("lib/modules/") else ""
                    if os.path.basename(path).startswith("vmlinuz"):
                        member.name = "vmlinuz"
                    elif inside.startswith(MODULES) and member.isfile():
                        member.name = path
                    else:
                        continue
                    archive.extract(member, folder, filter="data")
    release, = os.listdir(f"{folder}/lib/modules")
    # It warns of lists that are not among the modules.
    subprocess.run(["depmod", "-b", folder, release], check=True, stderr=subprocess.DEVNULL)
    return f"{folder}/vmlinuz"
