#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py [NAME]...: stages these incidents, or all, LB_JOBS at a time, and prints the table of verdicts. LB_KEEP is a
folder for their RRD files and for all that was said. Fails if a column that can see an incident is wrong. Leaves no
process, namespace or file behind, also after Ctrl-C: each incident has a pid namespace that ends with it."""
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


class Run:
    """Stages incidents, so many at a time; short: in as little time as possible, on a machine that has more to do."""

    def __init__(self, jobs, keep=None, short=False):
        self.keep, self.short = keep, short
        self.busy, self.running, self.ended = threading.Semaphore(jobs), [], False

    def rows(self, names):
        """{name: row of the table}"""
        with tempfile.TemporaryDirectory(prefix="listen_backlog-") as self.folder:
            os.chmod(self.folder, 0o755)
            pool = concurrent.futures.ThreadPoolExecutor(len(names))
            try:
                found = dict(zip(names, pool.map(self.row, names)))
            finally:
                self.ended = True
                for each in self.running:
                    each.kill()  # and with it, all that is in its pid namespace
                pool.shutdown(cancel_futures=True)
        return {name: found[name] for name in ALL if name in found}

    def row(self, name):
        """Stages one incident, if short once more if the clients did not fare as they should: the machine was too
        slow."""
        row = self._stage(name, name)
        if self.short and row["staged"]:
            row = self._stage(name, f"{name}-again")
        print(f"{name}: {'right' if right(row) else 'WRONG'}", file=sys.stderr, flush=True)
        return row

    def _stage(self, name, file):
        with self.busy:
            if self.ended:
                return {"staged": "ended"}
            path = os.path.join(self.folder, file)
            os.mkdir(path)
            keep = [os.path.join(self.keep, name)] if self.keep else []
            for each in keep:
                os.makedirs(each, exist_ok=True)
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", os.path.join(HERE, "..", "support", "netns"), "python3", "-B",
                 os.path.join(HERE, "one.py"), name, path + ".json", *keep],
                env={**os.environ, "TMPDIR": path, **({"LB_SHORT": "1"} if self.short else {})},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                start_new_session=True)
            self.running.append(process)
            output = []
            for line in process.stdout:
                output.append(line)
                if line.strip() == OVER:  # the next one need not wait until all is quiet
                    break
        output += process.stdout
        status = process.wait()
        try:
            with open(path + ".json") as file:
                row = json.load(file)
        except FileNotFoundError:
            row = {"staged": f"exit status {status}"}
        if row["staged"]:
            row["staged"] += "\n" + "".join(output)
        return row


def main(names):
    unknown = set(names) - set(ALL)
    if unknown:
        sys.exit(f"no such incident: {', '.join(sorted(unknown))}\nthere are {', '.join(ALL)}")
    for number in signal.SIGHUP, signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *_: sys.exit("incidents: ended"))
    keep = os.environ.get("LB_KEEP") and os.path.abspath(os.environ["LB_KEEP"])
    run = Run(int(os.environ.get("LB_JOBS") or 3), keep)
    rows = run.rows(sorted(names or ALL, key=lambda name: -ALL[name].seconds))
    print(text(ALL, rows))
    sys.exit(not all(map(right, rows.values())))


if __name__ == "__main__":
    main(sys.argv[1:])
