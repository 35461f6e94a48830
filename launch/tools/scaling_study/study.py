"""A study from its file to its results: runs points until all are known well enough or the budget is used up."""

import contextlib
import dataclasses
import os
import shlex
import signal
import sys
import time

from . import machine, plots, results, rows, runs, summary
from .intervals import median
from .points import points_of
from .schedule import ATTEMPTS, Progress, Schedule
from .store import Store
from .study_file import contents


def say(text):
    print(text, file=sys.stderr, flush=True)


def clock(seconds):
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def identity_of(study, facts):
    """What results belong to: the study, the program's and the model's bytes, the machine."""
    files = [study.gemring, study.model or study.random_weights, *([study.filter_model] if study.filter_model else []),
             *[path for path in study.clusters if path]]
    return {
        "study": dataclasses.asdict(study), "points": {point.name: str(point) for point in points_of(study)},
        "contents": {path: contents(path) for path in files},
        "machine": {name: facts[name] for name in ("host", "processor", "processors", "affinity", "memory_kib", "kernel")},
        "variables": facts["variables"]}


@contextlib.contextmanager
def termination_as_interrupt():
    """SIGTERM, which job systems send, ends a study as Ctrl-C does."""
    def interrupt(*_):
        raise KeyboardInterrupt
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Conductor:
    def __init__(self, study, store, git_sha):
        self.study = study
        self.store = store
        self.points = points_of(study)
        self.schedule = Schedule(study, self.points, {
            point: Progress(store.repetitions(point), store.run_seconds(point)) for point in self.points})
        self.spent = sum(sum(store.run_seconds(point)) for point in self.points)
        self.failed = {}  # point: reason
        self.git_sha = git_sha

    def conduct(self):
        warned = False
        while (point := self.schedule.next(self.spent)) is not None:
            self.measure(point)
            first = self.schedule.seconds_of_the_first()
            if not warned and first and 0 < 60 * self.study.minutes < self.spent + first:
                warned = True
                say(f"  {self.study.repetitions} repetitions of every point take about {clock(self.spent + first)}, more than "
                    f"the budget of {self.study.minutes:g} minutes; they are run all the same")

    def measure(self, point):
        run_id = self.store.next_run_id()
        log = self.store.path("logs", f"{run_id}-{point.name}.log")
        date = machine.now()
        progress = self.schedule.progress[point]
        repetitions = self.schedule.repetitions(point)
        began = time.monotonic()
        if self.study.probe:
            self.probe(run_id, point)
        outcome = runs.run(self.study, point, self.study.warmups, repetitions, log)
        seconds = time.monotonic() - began
        self.spent += seconds
        problem = outcome.reason or rows.check(point, outcome.report)
        if problem:
            progress.failures = ATTEMPTS if outcome.final else progress.failures + 1
            self.failed[point] = problem
            self.tell_failure(run_id, point, problem, outcome, log)
            return
        facts = {"run_id": run_id, "date": date, "git_sha": self.git_sha, "run_seconds": seconds,
                 "freq_mhz": outcome.megahertz or "", "load": outcome.load, "stolen_share": outcome.stolen_share}
        self.store.add(rows.rows_of(self.study, point, outcome.report, facts, len(progress.seconds)))
        progress.seconds += outcome.report["seconds"]
        progress.run_seconds.append(seconds)
        progress.failures = 0
        self.failed.pop(point, None)
        figures = ", ".join(f"{each:.4g}" for each in outcome.report["seconds"])
        self.tell_progress(f"{point}: {figures} s (median {median(progress.seconds):.4g} of "
                           f"{len(progress.seconds)})")

    def probe(self, run_id, point):
        """One that fails is no failure of the point: predictions do without."""
        log = self.store.path("logs", f"{run_id}-probe.log")
        cluster = runs.probe(self.study, point, log)
        if cluster:
            self.store.write_probe(run_id, cluster)
        else:
            say(f"  the machine could not be measured; log: {log}")

    def tell_progress(self, text):
        left = self.schedule.seconds_left(self.spent)
        done = sum(min(len(known.seconds), self.study.repetitions) for known in self.schedule.progress.values())
        wanted = len(self.points) * self.study.repetitions
        count = f"{done} of {wanted}" if done < wanted else f"{wanted} + {self.extra()}"
        say(f"[{count}; {clock(self.spent)} gone" + (f", at most {clock(left)} to go] " if left is not None else "] ") + text)

    def extra(self):
        return sum(max(0, len(known.seconds) - self.study.repetitions) for known in self.schedule.progress.values())

    def tell_failure(self, run_id, point, problem, outcome, log):
        again = self.schedule.progress[point].failures < ATTEMPTS
        self.tell_progress(f"{point}: FAILED: {problem}; log: {log}" + ("; tried once more" if again else "; left out"))
        for line in outcome.last_lines:
            say(f"    {line}")
        self.store.add_failure({"run_id": run_id, "point": point.name, "date": machine.now(), "reason": problem,
                                "last_lines": outcome.last_lines, "log": os.path.relpath(log, self.store.directory)})


def write_results(directory, with_plots=True):
    """Tables and pictures from raw.csv; what could not be made is said."""
    found = results.read(directory)
    path = os.path.join(directory, "summary.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(summary.text(found, plots.names(found) if with_plots else ()))
    say(f"tables: {path}")
    if with_plots:
        say(plots.draw(directory, found))


@dataclasses.dataclass
class Asked:
    """On the command line."""
    study: str             # path
    output: str
    restart: bool = False
    gemring: object = None
    plots: bool = True

    def again(self):
        return shlex.join(["launch/tools/scaling-study", self.study, "--output", self.output,
                           *(["--gemring", self.gemring] if self.gemring else [])])


def run_study(study, asked):
    """Exit code: 0, 1 where a point failed, 130 where it was interrupted."""
    output = asked.output
    store = Store(output)
    facts = machine.environment(study.gemring)
    for line in store.open(identity_of(study, facts), asked.restart):
        say(line)
    conductor = Conductor(study, store, facts["git_sha"])
    store.write_environment(facts, machine.state(), "start")
    say(f"{study.name}: {len(conductor.points)} points, {study.repetitions} repetitions of each, then up to "
        f"{study.most_repetitions} within {study.minutes:g} minutes; results in {output}")
    with termination_as_interrupt():
        try:
            conductor.conduct()
        except KeyboardInterrupt:
            store.write_environment(facts, machine.state(), "end")
            say(f"interrupted; {len(store.rows)} rows are kept. Go on with:  {asked.again()}\n"
                f"Tables and pictures of what is there:  launch/tools/scaling-study --report {output}")
            return 130
    store.write_environment(facts, machine.state(), "end")
    if store.rows:
        write_results(output, asked.plots)
    for point, reason in conductor.failed.items():
        say(f"failed: {point}: {reason}")
    return 1 if conductor.failed else 0
