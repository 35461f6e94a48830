"""What the bench scripts share: runs of `gemring bench`, medians, Markdown tables, and what the machine is.

A machine that does other things too is slow now and then, never fast: so what is compared is run in turns, the median
of each counts, and a figure is a ratio of two medians of the same minutes. Where a few percent count, a turn takes the
fastest of several runs of each, and the figure is the median of the turns; `taken` tells how much of the cores' time a
virtual machine's host gave to others meanwhile.
"""

import argparse
import contextlib
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile

BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)
SHARED = os.path.join(ROOT, "cluster-configs", "shared-filter-and-shards.json")  # all ranks share every part


def options(description):
    """The options of every script; scripts add theirs."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--gemring", default=os.path.join(ROOT, "build", "release", "gemring"), help="the program")
    return parser


def environment():
    variables = dict(os.environ)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        variables.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return variables


def mpirun(ranks):
    if ranks == 1:
        return []
    return ["mpirun", "-n", str(ranks)] + (["--oversubscribe"] if ranks > os.cpu_count() else [])


class TakenClock:
    """Share of the cores' time that the host of a virtual machine gave to others since this was made."""

    def __init__(self):
        self.start = self.ticks()

    @staticmethod
    def ticks():
        with open("/proc/stat", encoding="utf-8") as file:
            return [int(word) for word in file.readline().split()[1:9]]  # user ... softirq, steal

    def share(self):
        ticks = [now - then for now, then in zip(self.ticks(), self.start)]
        return ticks[-1] / max(1, sum(ticks))


def run(words, ranks=1):
    """Runs `words` + --json FILE and returns the report, and in it `cpu_seconds` of all threads, loading included, and
    `taken` (TakenClock). Ends the script, with what the program said, where it fails."""
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report.json")
        command = mpirun(ranks) + words + ["--json", report, "--log-level", "warn", "--progress", "never"]
        print("  " + shown(command), file=sys.stderr, flush=True)
        clock = TakenClock()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            sys.exit(f"exit {done.returncode}: {shown(command)}\n{done.stderr}")
        with open(report, encoding="utf-8") as file:
            result = json.load(file)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        result["cpu_seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        result["taken"] = clock.share()
        return result


def bench(program, kind, shape, tokens, threads, *more, ranks=1, repetitions=1, warmup=0):
    """One process of `gemring bench`, without warm-up where not asked for: turns are taken outside, and runs of minutes
    need none."""
    return run([program, "bench", kind, "--random-weights", shape, "--tokens", str(tokens), "--threads", str(threads),
                "--repetitions", str(repetitions), "--warmup", str(warmup), *map(str, more)], ranks)


def shown(command):
    return shlex.join(word.replace(ROOT + os.sep, "") for word in command)


def median_seconds(reports):
    return statistics.median(second for report in reports for second in report["seconds"])


def in_turns(repetitions, **runs):
    """{name: [report, ...]}: every run once, then every run again."""
    reports = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, one_run in runs.items():
            reports[name].append(one_run())
    return reports


def fastest_of_turns(turns, **runs):
    """({name: the fastest seconds of each turn}, median share of time taken by the host) of reports in turns."""
    reports = in_turns(turns, **runs)
    taken = statistics.median(report["taken"] for name in reports for report in reports[name])
    return {name: [min(report["seconds"]) for report in reports[name]] for name in reports}, taken


def read_shape(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


@contextlib.contextmanager
def shape_file(path, layers=None):
    """(path, shape) of the shape in `path`; with `layers`, of a copy with that many layers."""
    shape = read_shape(path)
    if layers is None:
        yield path, shape
        return
    shape["num_hidden_layers"] = layers
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(shape, file)
        file.flush()
        yield file.name, shape


def machine():
    """One line: processor, cores, memory, load of the last minute."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, {gib:.0f} GiB, load average {load:.1f}"


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()
