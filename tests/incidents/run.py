#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py [NAME]...: stages these incidents, or all, LB_JOBS at a time, and prints the table of verdicts. LB_KEEP is a
folder for their RRD files and for all that was said. Fails if a column that can see an incident is wrong. Leaves no
process, namespace or file behind, also after Ctrl-C: each incident has a pid namespace of its own, which ends with it."""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

from catalogue import ALL
from incident import OVER
from table import right, text

HERE = os.path.dirname(os.path.abspath(__file__))


_running, _ended = [], threading.Event()
_busy = threading.Semaphore(int(os.environ.get("LB_JOBS") or 3))


def end_all(*_):
    _ended.set()
    for each in _running:
        each.kill()  # and with it, all that is in its pid namespace
    sys.exit("incidents: ended")


def stage(name, folder, keep):
    """Runs one incident; returns its row. The next one need not wait until all is quiet after it."""
    _busy.acquire()
    if _ended.is_set():
        _busy.release()
        return {"staged": "ended"}
    path = os.path.join(folder, name)
    if keep:
        os.makedirs(os.path.join(keep, name), exist_ok=True)
    os.mkdir(path)
    run = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", os.path.join(HERE, "..", "support", "netns"), "python3", "-B",
         os.path.join(HERE, "one.py"), name, path + ".json", *([os.path.join(keep, name)] if keep else [])],
        env={**os.environ, "TMPDIR": path}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True)
    _running.append(run)
    output = []
    for line in run.stdout:
        output.append(line)
        if line.strip() == OVER:
            _busy.release()
    if OVER + "\n" not in output:
        _busy.release()
    run.wait()
    try:
        with open(path + ".json") as file:
            row = json.load(file)
    except FileNotFoundError:
        row = {"staged": f"exit status {run.returncode}"}
    if row["staged"]:
        row["staged"] += "\n" + "".join(output)
    print(f"{name}: {'right' if right(row) else 'WRONG'}", file=sys.stderr, flush=True)
    return row


def main(names):
    unknown = set(names) - set(ALL)
    if unknown:
        sys.exit(f"no such incident: {', '.join(sorted(unknown))}\nthere are {', '.join(ALL)}")
    keep = os.environ.get("LB_KEEP") and os.path.abspath(os.environ["LB_KEEP"])
    for number in signal.SIGHUP, signal.SIGINT, signal.SIGTERM:
        signal.signal(number, end_all)
    chosen = sorted(names or ALL, key=lambda name: -ALL[name].seconds)
    with tempfile.TemporaryDirectory(prefix="listen_backlog-") as folder:
        os.chmod(folder, 0o755)
        pool = concurrent.futures.ThreadPoolExecutor(len(chosen))
        try:
            rows = dict(zip(chosen, pool.map(lambda name: stage(name, folder, keep), chosen)))
        finally:
            pool.shutdown(cancel_futures=True)
    rows = {name: rows[name] for name in ALL if name in rows}
    print(text(ALL, rows))
    sys.exit(not all(map(right, rows.values())))


if __name__ == "__main__":
    main(sys.argv[1:])
