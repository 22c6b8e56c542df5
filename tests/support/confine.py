#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""confine.py [--writable DIR]... DROP-IN... -- COMMAND...

Runs a command under the restrictions of a systemd service without systemd. The drop-ins are read in the order of their
names. A line that this program does not know is an error, so that every line is tested. It needs root, and a mount
namespace whose "/" is a mount point."""
import ctypes
import errno
import os
import re
import struct
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p

CAPABILITIES = {"CAP_DAC_READ_SEARCH": 2, "CAP_NET_ADMIN": 12, "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
NAMESPACES = {"cgroup": 0x02000000, "ipc": 0x08000000, "net": 0x40000000, "mnt": 0x00020000, "pid": 0x20000000,
              "user": 0x10000000, "uts": 0x04000000}

# A process without the capabilities and system calls has nothing left that these could take away.
IMPLIED = {"ProtectKernelModules", "ProtectKernelLogs", "ProtectClock", "ProtectHostname", "PrivateDevices",
           "RemoveIPC", "ProtectControlGroups", "SystemCallArchitectures"}
GIVEN = {"StateDirectory", "RuntimeDirectory"}  # the caller makes them and passes them with --writable
FLAGS = {"NoNewPrivileges", "ProtectHome", "PrivateTmp", "LockPersonality", "ProtectKernelTunables",
         "MemoryDenyWriteExecute", "RestrictRealtime", "RestrictSUIDSGID"}
SINGLE = {"User", "ProtectSystem", "ProtectProc", "SystemCallErrorNumber"}
LISTS = {"CapabilityBoundingSet", "AmbientCapabilities", "RestrictAddressFamilies", "SystemCallFilter",
         "RestrictNamespaces"}


# -------------------------------------------------------------- the drop-ins

def settings(paths):
    """The [Service] sections: {name: value or list of assignments}."""
    found = {name: [] for name in LISTS}
    for path in sorted(paths, key=os.path.basename):
        with open(path) as file:
            text = re.sub(r"\\\n", " ", file.read())
        for line in text.splitlines():
            if not line.strip() or line[0] in "#;" or line == "[Service]":
                continue
            name, is_set, value = line.partition("=")
            if not is_set or name not in IMPLIED | GIVEN | FLAGS | SINGLE | LISTS:
                sys.exit(f"confine.py: {path}: unknown line: {line}")
            if name in LISTS:
                found[name].append(value.strip())
            else:
                found[name] = value.strip()
    for name in FLAGS:
        if found.setdefault(name, "no") not in ("yes", "no"):
            sys.exit(f"confine.py: {name} is yes or no")
    return found


def members(assignments):
    """The words of a list. An empty assignment clears it."""
    found = []
    for value in assignments:
        found = found + value.split() if value else []
    return found


def namespaces(assignments):
    """The clone(2) flags of the allowed namespaces. RestrictNamespaces=yes allows none."""
    allowed = 0
    for value in assignments:
        if value in ("yes", "no"):
            allowed = 0 if value == "yes" else sum(NAMESPACES.values())
        else:
            allowed |= sum(NAMESPACES[name] for name in value.split())
    return allowed


def calls(assignments):
    """The names of the allowed system calls."""
    allowed = set()
    for value in assignments:
        remove, names = value[:1] == "~", value.lstrip("~").split()
        expanded = set()
        while names:
            name = names.pop()
            if name.startswith("@"):
                names += group(name)
            else:
                expanded.add(name)
        allowed = allowed - expanded if remove else allowed | expanded
    # Every allow list has these, systemd.exec(5).
    return allowed | {"execve", "exit", "exit_group", "rt_sigreturn", "getrlimit", "brk", "mmap", "mprotect"}


def group(name):
    """The members of a group of system calls."""
    env = {name_: value for name_, value in os.environ.items() if name_ != "NOTIFY_SOCKET"}  # it would notify there
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True,
                          env=env).stdout
    return [word for word in map(str.strip, text.splitlines()[1:]) if word and word[0] != "#"]


# -------------------------------------------------------------------- seccomp

ALLOW = 0x7fff0000
NE, LE, EQ, GE, MASKED_EQ = 1, 3, 4, 5, 7  # enum scmp_compare


def refuse(number):
    return 0x00050000 | number


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """A seccomp filter. A call has to pass all that are loaded."""

    def __init__(self, otherwise):
        self.context = ctypes.c_void_p(seccomp.seccomp_init(otherwise))
        self.rules = 0

    def add(self, action, name, *compares):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            return  # another architecture has the call
        array = (Compare * len(compares))(*[Compare(*c) for c in compares])
        error = seccomp.seccomp_rule_add_array(self.context, action, number, len(compares), array)
        if error not in (0, -errno.EDOM):
            sys.exit(f"confine.py: rule for {name}: {os.strerror(-error)}")
        self.rules += 1

    def load(self):
        seccomp.seccomp_attr_set(self.context, 3, 0)  # SCMP_FLTATR_CTL_NNP: leave no_new_privs as it is
        error = seccomp.seccomp_load(self.context)
        if error:
            sys.exit(f"confine.py: seccomp_load: {os.strerror(-error)}")
        seccomp.seccomp_release(self.context)


def allow_calls(names, number):
    result = Filter(refuse(number))
    for name in sorted(names):
        result.add(ALLOW, name)
    if result.rules < 100:
        sys.exit("confine.py: libseccomp knows only few of the system calls")
    return result


def refuse_families(families):
    result = Filter(ALLOW)
    for family in range(64):
        if family not in families:
            result.add(refuse(errno.EAFNOSUPPORT), "socket", (0, EQ, family))
    result.add(refuse(errno.EAFNOSUPPORT), "socket", (0, GE, 64))
    return result


def refuse_namespaces(allowed):
    result = Filter(ALLOW)
    eperm = refuse(errno.EPERM)
    result.add(refuse(errno.ENOSYS), "clone3")
    if not allowed:
        result.add(eperm, "setns")
    else:
        result.add(eperm, "setns", (1, EQ, 0))
    for flag in NAMESPACES.values():
        if flag & allowed:
            continue
        result.add(eperm, "unshare", (0, MASKED_EQ, flag, flag))
        result.add(eperm, "clone", (0, MASKED_EQ, flag, flag))
        if allowed:
            result.add(eperm, "setns", (1, MASKED_EQ, flag, flag))
    return result


def refuse_some(service):
    result = Filter(ALLOW)
    eperm = refuse(errno.EPERM)
    if service["MemoryDenyWriteExecute"] == "yes":
        result.add(eperm, "mmap", (2, MASKED_EQ, 6, 6))
        result.add(eperm, "mprotect", (2, MASKED_EQ, 4, 4))
        result.add(eperm, "pkey_mprotect", (2, MASKED_EQ, 4, 4))
        result.add(eperm, "shmat", (2, MASKED_EQ, 0x8000, 0x8000))
    if service["RestrictRealtime"] == "yes":
        for policy in 1, 2, 6:
            result.add(eperm, "sched_setscheduler", (1, EQ, policy))
    if service["LockPersonality"] == "yes":
        result.add(eperm, "personality", (0, NE, 0xffffffff))
    if service["RestrictSUIDSGID"] == "yes":
        for bit in 0o4000, 0o2000:
            for name, arg in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("open", 2), ("openat", 3), ("mkdir", 1)):
                result.add(eperm, name, (arg, MASKED_EQ, bit, bit))
    return result


# ------------------------------------------------------------ files and rights

def call(function, *args):
    if function(*args):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), args)


def mount(source, target, kind=None, flags=0, data=None):
    call(libc.mount, *[each and each.encode() for each in (source, target, kind)], ctypes.c_ulong(flags),
         data and data.encode())


CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_BIND, MS_REC, MS_SLAVE = 1, 1 << 12, 1 << 14, 1 << 19


def set_read_only(path, is_set, recursive=False):
    """mount_setattr(2) with MOUNT_ATTR_RDONLY"""
    attr = struct.pack("QQQQ", is_set, not is_set, 0, 0)
    call(libc.syscall, 442, -100, path.encode(), 0x8000 if recursive else 0, attr, len(attr))


def protect_files(service, writable):
    """Enters a mount namespace in which only these directories are writable."""
    call(libc.unshare, CLONE_NEWNS)
    mount(None, "/", flags=MS_REC | MS_SLAVE)  # later mounts of the host appear in it
    places = {path: os.open(path, os.O_PATH) for path in writable}
    if service["PrivateTmp"] == "yes":
        mount("tmpfs", "/tmp", "tmpfs")
    if service["ProtectHome"] == "yes":
        for home in "/home", "/root":
            mount("tmpfs", home, "tmpfs", MS_RDONLY, "mode=000")
    for path, fd in places.items():
        os.makedirs(path, exist_ok=True)
        mount(f"/proc/self/fd/{fd}", path, flags=MS_BIND)
        os.close(fd)
    if service.get("ProtectProc") == "invisible":
        mount("proc", "/proc", "proc", data="hidepid=2")
    if service["ProtectKernelTunables"] == "yes":
        mount("/proc/sys", "/proc/sys", flags=MS_BIND)
        set_read_only("/proc/sys", True)
    if service.get("ProtectSystem") == "strict":
        set_read_only("/", True, recursive=True)
        for path in "/proc", "/tmp", *places:
            set_read_only(path, False)


PR_SET_KEEPCAPS, PR_CAPBSET_READ, PR_CAPBSET_DROP = 8, 23, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 38, 47


def prctl(*args):
    args = [*args, 0, 0, 0, 0][:5]
    call(libc.prctl, args[0], *map(ctypes.c_ulong, args[1:]))


def drop_privileges(service):
    bounding, ambient = ({CAPABILITIES[name] for name in members(service[set_])}
                         for set_ in ("CapabilityBoundingSet", "AmbientCapabilities"))
    ambient &= bounding
    for capability in range(64):
        if capability not in bounding and libc.prctl(PR_CAPBSET_READ, capability) == 1:
            prctl(PR_CAPBSET_DROP, capability)
    if "User" in service:
        prctl(PR_SET_KEEPCAPS, 1)
        become_nobody()
    mask = sum(1 << capability for capability in ambient)
    call(libc.capset, struct.pack("Ii", 0x20080522, 0), struct.pack("6I", mask, mask, mask, 0, 0, 0))
    for capability in ambient:
        prctl(PR_CAP_AMBIENT, 2, capability)
    if service["NoNewPrivileges"] == "yes":
        prctl(PR_SET_NO_NEW_PRIVS, 1)


def become_nobody():
    """Changes to the user nobody. In a user namespace without other users root stays root, which is an ordinary user
    outside; it has no capabilities inside either."""
    try:
        os.setresgid(65534, 65534, 65534)
    except OSError:
        return
    os.setgroups([])
    os.setresuid(65534, 65534, 65534)


def confine(drop_ins, writable):
    service = settings(drop_ins)
    allowed = calls(service["SystemCallFilter"])
    number = getattr(errno, service["SystemCallErrorNumber"])
    filters = [refuse_some(service)]
    if service["RestrictAddressFamilies"]:
        filters.append(refuse_families({FAMILIES[name] for name in members(service["RestrictAddressFamilies"])}))
    if service["RestrictNamespaces"]:
        filters.append(refuse_namespaces(namespaces(service["RestrictNamespaces"])))
    filters.append(allow_calls(allowed, number))  # last, because it does not allow seccomp(2)
    protect_files(service, writable)
    drop_privileges(service)
    for each in filters:
        each.load()


def main(args):
    end = args.index("--")
    options, command = args[:end], args[end + 1:]
    writable = []
    while options[0] == "--writable":
        writable.append(options[1])
        options = options[2:]
    confine(options, writable)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
