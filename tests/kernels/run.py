#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make check-kernels: boots kernels of Debian in QEMU, which needs no KVM, runs the cases of live tests that do not
depend on speed, records what each kernel answers, and prints a table. The folder kernels/ keeps what was downloaded.

LB_KERNELS has versions, such as "5.10 7.3". Without it, the kernels are the oldest and the newest one that the package
mirror has, and those of Debian 12 and 13. LB_CASES is an expression for lines of the file "cases", to run those
alone. The recordings go to the folder LB_RECORD."""
import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from image import Archive, unpack
from packages import Mirror, architecture, installed

HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR, BUILDDIR = os.environ["LB_SRCDIR"], os.environ["LB_BUILDDIR"]
CACHE = os.path.join(BUILDDIR, "kernels")
INSIDE = ("base-files", "base-passwd", "bash", "collectd-core", "coreutils", "dash", "findutils", "grep", "iproute2",
          "kmod", "libmnl0", "mount", "netbase", "python3", "sed", "util-linux")
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "depmod": "kmod", "apt-get": "apt", "dpkg-deb": "dpkg"}
LIMIT = 3600  # seconds for one kernel, on a machine that is busy with other things
RECORDED = "../kernels/record: what each kind of socket shows"
ENVIRONMENT = {
    "LB_SRCDIR": "/source", "LB_BUILDDIR": "/build", "LB_PLUGIN": "/build/listen_backlog.so",
    "LB_PROBE": "/build/listen_backlog-probe", "LB_LIBRARIES": "/build", "PYTHONPATH": "/source/tests/support",
    # An emulated machine is 10 to 30 times as slow.
    "LB_DEADLINE": "300", "LB_INTERVAL": "0.5", "LB_PAUSE": "3"}


def told(text, end="\n"):
    print(text, end=end, flush=True)


def chosen(kernels):
    """[(why, package or None)]: the kernels to boot, from {package: (version, suite)} with the newest first."""
    wanted = os.environ.get("LB_KERNELS", "").split()
    if wanted:
        return [(version, next((name for name, (found, _) in kernels.items() if re.match(
            re.escape(version) + r"\b", found)), None)) for version in wanted]

    def of(*suites):
        return next((name for name, (_, suite) in kernels.items() if suite in suites), None)
    oldest = list(kernels.values())[-1][1].partition("-")[0]
    return list({package or why: (why, package) for why, package in (
        ("newest", next(iter(kernels))), ("Debian 13", of("trixie", "trixie-security")),
        ("Debian 12", of("bookworm", "bookworm-security")), ("oldest", of(oldest, oldest + "-security")))
        }.values())[::-1]


def build_image(path, tree, cases):
    """The initramfs with everything: packages of this host, modules, the plugin, and the cases to run."""
    archive = Archive(path)
    for name in "dev", "proc", "run", "sys", "tmp":
        archive.directory(name)
    for name in os.listdir("/"):
        if os.path.islink("/" + name):
            archive.copy("/" + name)
    for file in installed(*INSIDE):
        archive.copy(file)
    archive.copy("/etc/passwd")
    archive.copy("/etc/group")
    archive.text("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    archive.tree(f"{tree}/lib", "usr/lib")
    for name in "collectd.conf.d", "src", "tests":
        archive.tree(f"{SRCDIR}/{name}", f"source/{name}")
    archive.copy(os.environ["LB_PLUGIN"], "build/listen_backlog.so")
    archive.copy(os.environ["LB_PROBE"], "build/listen_backlog-probe")
    with tempfile.TemporaryDirectory() as folder:
        for name in "faults", "unlimited":
            subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-fPIC", "-o", f"{folder}/{name}.so",
                            f"{SRCDIR}/tests/support/{name}.c", "-ldl"], check=True)
            archive.copy(f"{folder}/{name}.so", f"build/{name}.so")
    archive.copy(f"{HERE}/init", "init")
    archive.copy(f"{HERE}/case", "checks/case")
    archive.text("checks/environment", "".join(f"export {name}='{value}'\n" for name, value in ENVIRONMENT.items()))
    archive.text("checks/cases", "".join(case + "\n" for case in cases))
    archive.close()


def boot(kernel, image, output):
    """Boots the kernel, and waits until the machine has switched itself off. Returns the seconds."""
    began = time.monotonic()
    processors = min(os.cpu_count(), 4)
    with subprocess.Popen([
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "qemu64", "-smp", str(processors), "-m", "1G",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", kernel, "-initrd", image,
            "-append", "console=ttyS0 panic=-1 mitigations=off quiet",
            "-serial", f"file:{output}.console", "-serial", f"file:{output}"]) as program:
        try:
            program.wait(LIMIT)
        except subprocess.TimeoutExpired:
            program.kill()
    return time.monotonic() - began


def results(text):
    """{case: (passed, skipped, its output)} of all cases that have ended."""
    found = {}
    for name, output, status in re.findall(r"^# case (.*)\n((?:.*\n)*?)# end (\d+) ", text, re.M):
        found[name] = status == "0" and "\nok 1 " in output, "# SKIP" in output, output
    return found


def recording(output, folder, name):
    """Stores the recording that is in the output of its case. Returns how its replay here compares with what the probe
    printed on that kernel."""
    data = re.search(r"^# recording (\S+)$", output, re.M)
    printed = re.search(r"^# printed (\S+)$", output, re.M)
    if not data or not printed:
        return "no recording"
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(base64.b64decode(data.group(1)))
    text = base64.b64decode(printed.group(1)).decode()
    with open(path + ".expected", "w", encoding="utf-8") as file:
        file.write(text)
    run = subprocess.run([os.environ["LB_PROBE"], "--unix", "--tcp", "--inspect", "--sample", "2", "--replay", path],
                         text=True, capture_output=True, check=False)
    return "the same" if run.stdout == text else "DIFFERS"


def tried(package, version, mirror, cases):
    """What one kernel has: cases, passed, skipped, failed, replay, seconds."""
    told(f"{package} {version}")
    tree, output = f"{CACHE}/{package}", f"{CACHE}/{package}.out"
    kernel = unpack(mirror.fetch(package, version), tree)
    build_image(f"{tree}/image", tree, cases)
    with open(output, "w", encoding="ascii"):
        pass
    seconds = boot(kernel, f"{tree}/image", output)
    shutil.rmtree(tree)
    with open(output, encoding="utf-8", errors="replace") as file:
        text = file.read()
    found = results(text)
    none = False, False, ""
    skipped, failed = ([case for case in cases if test(found.get(case, none))] for test in (
        lambda result: result[1], lambda result: not result[0]))
    if "# kernel" not in text:
        told("    FAILED: the machine did not boot")
    else:
        told("".join(f"    skipped: {case}\n" for case in skipped) + "".join(
            f"    FAILED: {case}{'' if case in found else ': it did not end'}\n" for case in failed), end="")
    if failed:
        told(f"    see {output}, and {output}.console for the kernel's messages")
    replay = "-" if RECORDED not in cases else recording(
        found.get(RECORDED, none)[2], os.environ.get("LB_RECORD") or CACHE,
        f"linux-{'.'.join(version.split('.')[:2])}.rec")
    return [len(cases), len(cases) - len(skipped) - len(failed), len(skipped), len(failed), replay, round(seconds)]


def main():
    if architecture() != "amd64":
        sys.exit("check-kernels: expected a host with the architecture amd64")
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"check-kernels: expected these packages: {' '.join(missing)}")
    os.makedirs(CACHE, exist_ok=True)
    with open(f"{HERE}/cases", encoding="utf-8") as file:
        listed = [RECORDED, *file.read().splitlines()]
    cases = [case for case in listed if re.search(os.environ.get("LB_CASES", ""), case)]
    mirror = Mirror(CACHE)
    kernels = mirror.kernels()
    if not kernels:
        sys.exit(f"check-kernels: {mirror.site} cannot be reached or has no kernel of Debian")
    rows = [["KERNEL", "", "SUITE", "CASES", "PASSED", "SKIPPED", "FAILED", "REPLAY", "SECONDS"]]
    for why, package in chosen(kernels):
        if package:
            version, suite = kernels[package]
            rows.append([version, why, suite, *tried(package, version, mirror, cases)])
        else:
            rows.append([why, "", "not on the mirror", *["-"] * 6])
    widths = [max(len(str(row[n])) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        told("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
    told(f"{mirror.site} has {', '.join(mirror.suites)}" + (
        f"; not {', '.join(mirror.absent)}" if mirror.absent else ""))
    booted = [row for row in rows[1:] if row[3] != "-"]
    sys.exit(not booted or any(row[6] or row[7] in ("DIFFERS", "no recording") for row in booted))


if __name__ == "__main__":
    main()
