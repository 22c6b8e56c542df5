# SPDX-License-Identifier: MIT
"""What the plugin costs the daemon that it is in: memory, CPU time, and
instructions. Each function prints what it found, and hands its goals to goal():
met or not, the sentence, and why."""
import os
import platform
import re
import shutil
import statistics
import subprocess
import time

from contenders import BENCH, BUILT, Daemon, Held, cpu_us
from lb import (
    Collectd, Listener, Service, content, equal, note, proc, scratch, unlimited,
    until)


def run(command):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


# ---------------------------------------------------------------- allocations

def allocations(goal):
    """Returns the number of allocations."""
    print("calls of malloc(), calloc() and realloc() after warm-up, including "
          "the C library and libmnl")
    print(f"{'listeners':>9} {'in a sample':>11} {'in a read':>10}")
    total = 0
    for listeners in 1, 100, 10000:
        with Held(listeners, 0):
            sample, read = (
                float(run([os.path.join(BUILT, name), *numbers]).split()[1])
                for name, *numbers in (("sample", "20"),
                                       ("interval", "20", "1")))
        print(f"{listeners:9} {sample:11g} {read:10g}")
        total += sample + read
    goal(total == 0, f"no sample and no read allocates: {total:g}")
    return total


# --------------------------------------------------------------------- memory

KINDS = "all", "code", "heap+stack", "other"


def kilobytes(pid):
    """Resident memory of a process by kind, in KiB."""
    found = dict.fromkeys(KINDS, 0)
    kind = None
    for line in content(proc(pid) + "/smaps").splitlines():
        if re.match(r"[0-9a-f]+-", line):
            name = "".join(line.split(None, 5)[5:])
            kind = "heap+stack" if name in ("", "[heap]") else (
                "code" if re.search("listen_backlog|libmnl", name) else "other")
        elif line.startswith("Rss:"):
            found[kind] += int(line.split()[1])
            found["all"] += int(line.split()[1])
    return found


# What collectd does with the values: it lets them wait for its threads that
# write, keeps the last of each, and here writes none.
AS_ALWAYS = 'PostCacheChain "drop"'
NOT_KEPT = 'PreCacheChain "drop"'
NOR_WAITING = NOT_KEPT + "\nWriteQueueLimitHigh 1\nWriteQueueLimitLow 1"


def resident(plugins, values):
    """The resident memory of a default collectd after 30 reads, in KiB."""
    daemon = Daemon(0.1, plugins, threads=5, values=values)
    time.sleep(3)
    found = kilobytes(daemon.pid)
    daemon.stop()
    return found


def added(values):
    """What the plugin adds: the median of each kind."""
    found = []
    for _ in range(3):
        without = resident(["load"], values)
        with_it = resident(["load", "listen_backlog"], values)
        found.append({kind: with_it[kind] - without[kind] for kind in with_it})
    return {kind: statistics.median(each[kind] for each in found)
            for kind in found[0]}


def memory(goal):
    print("resident memory added to collectd by 100 listeners, KiB")
    print(f"{'':44}" + "".join(f" {kind:>10}" for kind in KINDS))
    total = []
    with Held(100, 0):
        for what, values in (
                ("all", AS_ALWAYS),
                ("without the last values that collectd keeps", NOT_KEPT),
                ("and without the queued values", NOR_WAITING)):
            found = added(values)
            total.append(found["all"])
            print(f"{what:44}" +
                  "".join(f" {found[kind]:10.0f}" for kind in KINDS))
    goal(total[0] <= 1024,
         f"100 listeners add at most 1024 KiB to collectd: {total[0]:.0f}; "
         f"{total[0] - total[2]:.0f} of these are collectd's own copies of 900 "
         f"values, {total[2]:.0f} are the plugin's")


# ------------------------------------------------------------------- CPU time

def percent(daemon, intervals, port):
    """CPU time from one read to another: (the thread, the daemon). With
    InspectQueue only reads with an inspection count: none is half paid."""
    def read():
        def count():
            return len(daemon.series(port, "syn") if port else daemon.times())
        seen = count()
        until(lambda: count() > seen, "a read", 3600)
        sampler = daemon.sampler()
        return (time.monotonic(), sampler.cpu() if sampler else 0,
                cpu_us(daemon.pid) / 1e6)
    read()
    start = read()
    for _ in range(intervals):
        end = read()
    return tuple(100 * (b - a) / (end[0] - start[0])
                 for a, b in zip(start[1:], end[1:]))


def share(goal, what, most, config, interval, intervals, port=None, **options):
    """Measures and prints one row. Returns the percentage of the thread."""
    daemon = Collectd(config, interval=interval, **options)
    thread, whole = percent(daemon, intervals, port)
    equal(daemon.errors(), [])
    print(f"{what:44} {thread:10.3f} {whole:10.3f} {most:8g}", flush=True)
    for line in daemon.said("LB_MSG_INSPECTIONS_SLOWED"):
        note(line)
    daemon.stop()
    goal(whole <= most, f"{what}: at most {most:g} % of a CPU: {whole:.3f} %")
    return thread


def daemon_percent(goal):
    print("collectd with its csv plugin, percent of a CPU")
    print(f"{'':44} {'thread':>10} {'collectd':>10} {'goal':>8}")
    with Held(10, 0):
        share(goal, "10 listeners, 10 samples a second", 0.1, None, 10, 1)
        thread = share(goal, "1000 samples a second, without the limit", 10,
                       "SampleInterval 0.001", 5, 1, env=unlimited(scratch()))
    inspect = "InspectQueue true\nSampleInterval 0"
    with Held(10, 100000, 80):
        other = Listener(8080)
        share(goal, "InspectQueue, 100000 connections elsewhere", 1,
              inspect + '\nLocalPort "8080"', 10, 2, "8080")
        Service(80, "127.2.1.1").connect()
        # Until one has to be left out: what is saved up pays for some first.
        share(goal, "the same, to the port where a client waits", 1, inspect,
              10, 20, "80")
        other.close()
    print(f"samples per second at 1 % of a CPU, with the wake-ups: "
          f"{1000 / thread:.0f}")


# --------------------------------------------------------------- instructions

INTERVALS = 10
TOLERANCE = 0.02
KEPT = os.path.join(BENCH, "instructions")


def callgrind(listeners, program, *numbers):
    """Runs a program of the bench. Returns its number of instructions, and the
    file that says in which functions they were."""
    out = os.path.join(scratch(), "callgrind")
    seen = run(
        ["valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
         "--toggle-collect=measured", f"--callgrind-out-file={out}",
         os.path.join(BUILT, program), *map(str, numbers)])
    equal(int(seen.split()[-1]), listeners, "listeners that it saw")
    count = int(re.search(r"^(?:summary|totals): (\d+)", content(out),
                          re.M).group(1))
    return count, out


def functions(out, of):
    """The most expensive functions, in instructions per unit of `of`."""
    text = run(["callgrind_annotate", "--auto=no", "--threshold=95",
                out])
    found = re.findall(r"^ *([\d,]+) \([ \d.]+%\)  \S*:(\S+)", text, re.M)
    return "\n".join(
        f"{int(count.replace(',', '')) / of:18.1f} {name}"
        for count, name in found)


def profile(listeners):
    """Where a sample spends more than its floor."""
    if not shutil.which("valgrind"):
        return "       the profile is missing: apt-get install valgrind"
    with Held(listeners, 0):
        _, out = callgrind(listeners, "sample", INTERVALS)
    return ("       instructions in user mode per sample and listener, of which "
            "the floor has only libmnl's:\n" +
            functions(out, INTERVALS * listeners))


def here():
    """What else the number of instructions depends on."""
    compiler = os.environ.get("CC", "cc").split()[0]
    version = run([compiler, "-dumpversion"]).strip()
    return [os.path.basename(compiler), version, platform.machine(),
            os.confstr("CS_GNU_LIBC_VERSION").replace(" ", "-")]


def kept():
    """{(listeners, samples): instructions} kept for this compiler and libc."""
    found = {}
    for line in content(KEPT).splitlines():
        *where, listeners, samples, count = line.split()
        if where == here():
            found[int(listeners), int(samples)] = float(count)
    return found


def instructions(goal):
    print("instructions in user mode per listener and interval: samples, "
          "counters, readings, dispatch")
    if not shutil.which("valgrind"):
        print("missing: apt-get install valgrind")
        goal(None, "instructions of an interval: no valgrind")
        return
    print(f"{'listeners':>9} {'samples':>7} {'now':>10} {'kept':>10} {'':>7}")
    before, lines, worst, dearest, at = kept(), [], 0, None, 0
    for listeners in 10, 100, 1000:
        with Held(listeners, 0):
            for samples in 1, 100:
                count, out = callgrind(listeners, "interval",
                                       INTERVALS, samples)
                now = count / INTERVALS / listeners
                was = before.get((listeners, samples))
                change = now / was - 1 if was else 0
                print(f"{listeners:9} {samples:7} {now:10.1f} " +
                      (f"{was:10.1f} {100 * change:+6.1f}%" if was else
                       f"{'none':>10}"))
                lines.append([*here(), listeners, samples, f"{now:.1f}"])
                if change > worst:
                    worst, dearest, at = change, out, listeners
    if not before:
        print(f"none are kept for this place; these lines into {KEPT} do it:")
        for line in lines:
            print(*line)
        goal(None, "instructions of an interval: none are kept for this place")
        return
    goal(worst <= TOLERANCE, "an interval takes at most 2 % more instructions "
         f"than are kept in bench/instructions: {100 * worst:+.1f} %",
         functions(dearest, INTERVALS * at) if worst > TOLERANCE else "")
