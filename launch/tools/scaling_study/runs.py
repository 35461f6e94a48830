"""One run: the command line of a point, mpirun from its start to its end, and what came of it."""

import contextlib
import dataclasses
import itertools
import json
import os
import shlex
import signal
import subprocess
import time

from . import machine
from .study_file import ROOT

FINAL_CODES = (2, 3, 4, 77)  # what was asked, the cluster file, the model; launch/tools/simulated-hosts: not here
LAST_LINES = 12  # of the log, told where a run fails


def model_words(study):
    return ["--model", study.model] if study.model else ["--random-weights", study.random_weights]


def filter_model_words(study):
    return ["--filter-model", study.filter_model] if study.filter_model else []


def gemring_words(study, point, warmups, repetitions):
    words = [study.gemring, "bench", point.method, *model_words(study)]
    words += ["--tokens", str(point.tokens), "--threads", str(point.threads)]
    words += ["--warmup", str(warmups), "--repetitions", str(repetitions), "--seed", str(study.seed)]
    if point.method == "gemfilter":
        words += filter_model_words(study)
        words += ["--keep", str(study.keep)] if study.keep is not None else []
        words += ["--filter-layer", str(study.filter_layer)] if study.filter_layer is not None else []
    if point.method == "decode":
        words += ["--max-new-tokens", str(study.decode_tokens)]
    words += ["--cluster", point.cluster] if point.cluster else []
    return words + ["--json", "-", "--progress", "never"] + list(study.options)


def launcher_words(study, point):
    if study.simulated_hosts:
        each = study.simulated_hosts.ranks_per_host
        rate = ["--rate", study.simulated_hosts.rate] if study.simulated_hosts.rate else []
        return [os.path.join(ROOT, "launch", "tools", "simulated-hosts"), str(point.ranks // each), *rate, "--ranks-per-host",
                str(each), "--"]
    # mpirun has as many slots as the machine has cores; to have more ranks is what an oversubscribed point asks for.
    alone = study.launcher[-1] == "mpirun"
    crowded = ["--oversubscribe"] if alone and point.ranks > machine.cores() else []
    return [*study.launcher, *crowded, "-n", str(point.ranks), *study.binding]


def command(study, point, warmups, repetitions):
    return launcher_words(study, point) + gemring_words(study, point, warmups, repetitions)


def probe_words(study, point):
    return launcher_words(study, point) + [study.gemring, "plan", "--probe", *model_words(study), *filter_model_words(study),
                                           "--threads", str(point.threads), *study.options]


def variables(study):
    values = dict(os.environ)
    if os.geteuid() == 0:
        values.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    values.update(dict(study.environment))
    return values


@dataclasses.dataclass
class Outcome:
    report: object = None      # of the benchmark; None: failed
    reason: str = ""           # why it failed
    final: bool = False        # and would fail again
    last_lines: tuple = ()
    megahertz: object = None   # mean while it ran; None where the machine does not tell
    load: float = 0            # of the last minute, before it began
    stolen_share: float = 0    # of the machine's processor time, taken by its host meanwhile


def end(process):
    """mpirun ends its ranks at SIGTERM, within a second; whoever is left then is killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait(process, limit, megahertz):
    """False where `limit` seconds were too few. Reads the clock frequency meanwhile, once a second."""
    began = time.monotonic()
    while True:
        try:
            process.wait(timeout=min(1.0, 0.2 + time.monotonic() - began))
            return True
        except subprocess.TimeoutExpired:
            megahertz.append(machine.megahertz())
        if time.monotonic() - began > limit:
            end(process)
            return False


@dataclasses.dataclass
class Ended:
    """What became of a process."""
    code: object = None    # None: it could not be started
    in_time: bool = True
    problem: str = ""      # why it could not be started
    output: str = ""
    errors: str = ""


def execute(study, words, log, megahertz):
    """Runs the words to their end, at most timeout_minutes; an exception (Ctrl-C) ends them first. `log`: a path, gets
    the command and all that is said on stderr; beside it what was said on stdout."""
    with open(log, "w+", encoding="utf-8", errors="replace") as errors, open(log + ".out", "w+", encoding="utf-8",
                                                                           errors="replace") as output:
        print(shlex.join(words), file=errors, flush=True)
        try:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                       env=variables(study), start_new_session=True)
        except OSError as error:
            return Ended(problem=f"{words[0]} cannot be started: {error.strerror}")
        try:
            in_time = wait(process, 60 * study.timeout_minutes, megahertz)
        except BaseException:
            end(process)
            raise
        errors.seek(0)
        output.seek(0)
        return Ended(process.returncode, in_time, "", output.read(), errors.read())


def probe(study, point, log):
    """What the machine's ranks do now, as a cluster file; None where it could not be measured. `log` as
    of execute()."""
    ended = execute(study, probe_words(study, point), log, [])
    if ended.code != 0 or "{" not in ended.output:
        return None
    os.remove(log + ".out")
    with contextlib.suppress(ValueError):
        cluster = json.JSONDecoder().raw_decode(ended.output[ended.output.index("{"):])[0]
        if "machines" in cluster:
            return cluster
    return None


def last_report(text):
    """The last line that is a report: launchers write other things beside it."""
    for line in reversed(text.splitlines()):
        with contextlib.suppress(ValueError):
            report = json.loads(line[line.index("{"):])
            if isinstance(report, dict) and "runs" in report:
                return report
    return None


def run(study, point, warmups, repetitions, log):
    outcome = Outcome(load=machine.load())
    before = machine.ProcessorTime()
    megahertz = [machine.megahertz()]
    ended = execute(study, command(study, point, warmups, repetitions), log, megahertz)
    if ended.problem:
        outcome.reason = ended.problem
        return outcome
    outcome.stolen_share = machine.ProcessorTime().stolen_share_since(before)
    known = [value for value in megahertz if value]
    outcome.megahertz = sum(known) / len(known) if known else None
    judge(study, ended, outcome)
    if outcome.report:
        os.remove(log + ".out")
    return outcome


def telling_lines(lines):
    """gemring's own error where there is one, without what mpirun says behind it; else the last lines."""
    lines = [line for line in lines if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("gemring: ")]
    if not errors:
        return tuple(lines[-LAST_LINES:])
    own = list(itertools.takewhile(lambda line: not line.startswith("-----"), lines[errors[-1]:]))
    return tuple(own[:LAST_LINES])


def judge(study, ended, outcome):
    outcome.last_lines = telling_lines(ended.errors.splitlines()[1:])
    outcome.final = ended.code in FINAL_CODES
    if not ended.in_time:
        outcome.reason = f"took longer than {study.timeout_minutes:g} minutes (field timeout_minutes) and was ended"
    elif ended.code != 0:
        outcome.reason = f"exit code {ended.code}" if ended.code > 0 else f"ended by signal {-ended.code}"
    else:
        outcome.report = last_report(ended.output)
        if outcome.report is None:
            outcome.reason = "no report came"
