"""The output directory of a study: what was measured, under which circumstances, and what failed.

    raw.csv           a row for each run, repetition and phase (rows.py)
    environment.json  machine, program, state of the machine at start and end of each part
    study.json        what the results belong to: a study goes on only with the same
    failures.jsonl    runs that failed: point, reason, last lines, file with the whole log
    logs/             the log of every run
    probes/           with "probe": what the machine did just before each run, as a cluster file
"""

import csv
import fcntl
import io
import json
import os
import time

from .errors import RESOURCE, StudyError
from .rows import COLUMNS
from .study_file import BUDGET_FIELDS


def write_atomically(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def read_rows(path):
    """(whole rows, number of lines that were not): a run that was cut short leaves fewer rows than its column `rows`
    says, and perhaps half a line."""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        text = file.read()
    lines = text.split("\n")
    torn = lines.pop()  # what stands behind the last newline: nothing, or half a line
    if not lines:
        return [], int(bool(torn))
    if lines[0].rstrip("\r") != ",".join(COLUMNS):
        raise StudyError(path, "has other columns than this program writes", "take another --output, or --restart")
    read = [values for values in csv.reader(lines[1:])]
    rows = [dict(zip(COLUMNS, values)) for values in read if len(values) == len(COLUMNS)]
    counted = {}
    for row in rows:
        counted[row["run_id"]] = counted.get(row["run_id"], 0) + 1
    whole = [row for row in rows if str(counted[row["run_id"]]) == row["rows"]]
    return whole, len(read) - len(whole) + int(bool(torn))


def as_csv(rows, head):
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    if head:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def differences(old, new, path=""):
    """Lines "what: before -> now", the budget's fields left out."""
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for name in sorted(set(old) | set(new)):
            if not (path == "study" and name in BUDGET_FIELDS):
                lines += differences(old.get(name), new.get(name), f"{path}.{name}" if path else name)
        return lines
    return [] if old == new else [f"{path}: {json.dumps(old)} -> {json.dumps(new)}"]


class Store:
    def __init__(self, directory):
        self.directory = directory
        self.rows = []
        self.lock = None

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def open(self, identity, restart):
        """Makes the directory, or goes on with what is in it. Returns what to tell. Throws StudyError where its results
        belong to something else."""
        told = []
        try:
            if restart and os.path.exists(self.directory):
                aside = f"{self.directory}.{time.strftime('%Y%m%d-%H%M%S')}"
                os.rename(self.directory, aside)
                told.append(f"earlier results are now in {aside}")
            os.makedirs(self.path("logs"), exist_ok=True)
            self._lock()
            told += self._resume(identity) if os.path.exists(self.path("study.json")) else self._begin(identity)
        except OSError as error:
            raise StudyError(self.directory, f"cannot be used for the results: {error.strerror}",
                             "give another --output DIRECTORY", RESOURCE) from error
        return told

    def _lock(self):
        self.lock = open(self.path(".lock"), "w", encoding="utf-8")  # pylint: disable=consider-using-with
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyError(self.directory, "another scaling-study is at work in it", "wait for it, or give another --output",
                             RESOURCE) from error

    def _begin(self, identity):
        foreign = [name for name in os.listdir(self.directory) if name not in ("logs", ".lock")]
        if foreign:
            raise StudyError(self.directory, f"holds other things, such as {foreign[0]}", "give another --output DIRECTORY")
        write_atomically(self.path("raw.csv"), as_csv([], head=True))
        write_atomically(self.path("study.json"), json.dumps(identity, indent=2) + "\n")
        return []

    def _resume(self, identity):
        with open(self.path("study.json"), encoding="utf-8") as file:
            before = json.load(file)
        changed = differences(before, json.loads(json.dumps(identity)))
        if changed:
            raise StudyError(self.directory, "its results belong to something else:\n    " + "\n    ".join(changed),
                             "--output DIRECTORY begins new results, --restart puts these aside")
        write_atomically(self.path("study.json"), json.dumps(identity, indent=2) + "\n")
        self.rows, torn = read_rows(self.path("raw.csv"))
        told = [f"goes on in {self.directory}: {len({row['run_id'] for row in self.rows})} runs are there"]
        if torn:
            write_atomically(self.path("raw.csv"), as_csv(self.rows, head=True))
            told.append(f"{torn} line{'s' if torn > 1 else ''} of a run that was cut short removed from raw.csv")
        return told

    def add(self, rows):
        """All rows of a run at once, on disk before the next run begins."""
        with open(self.path("raw.csv"), "a", encoding="utf-8") as file:
            file.write(as_csv(rows, head=False))
            file.flush()
            os.fsync(file.fileno())
        self.rows += rows

    def next_run_id(self):
        """Counts all logs too: a run that failed has no rows."""
        used = [row["run_id"] for row in self.rows] + [name.split("-")[0] for name in os.listdir(self.path("logs"))]
        return f"{1 + max((int(name) for name in used if name.isdigit()), default=0):05d}"

    def add_failure(self, failure):
        with open(self.path("failures.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps(failure) + "\n")

    def write_probe(self, run_id, cluster):
        os.makedirs(self.path("probes"), exist_ok=True)
        write_atomically(self.path("probes", f"{run_id}.json"), json.dumps(cluster, indent=1) + "\n")

    def repetitions(self, point):
        return [float(row["seconds"]) for row in self.rows
                if row["point"] == point.name and row["main"] == "1" and row["warmup"] == "0"]

    def run_seconds(self, point):
        return list({row["run_id"]: float(row["run_seconds"]) for row in self.rows if row["point"] == point.name}.values())

    def write_environment(self, facts, state, part):
        """`state` of this part's start or end; parts before it stay."""
        path = self.path("environment.json")
        known = {"parts": []}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                known = json.load(file)
        parts = known["parts"]
        if part == "start":
            parts.append({})
        parts[-1][part] = state
        write_atomically(path, json.dumps({**facts, "parts": parts}, indent=2) + "\n")


def read_failures(directory):
    path = os.path.join(directory, "failures.jsonl")
    if not os.path.exists(path):
        return []
    found = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                found.append(json.loads(line))
            except ValueError:
                pass  # half a line, from a write that was cut short
    return found
