"""Runs gemring as people do, alone or under mpirun, and watches what becomes of it.

Every process of a run carries a tag in its environment, so that those left behind are found wherever they were put.
GEMRING_BUILD_DIR names the build directory (default: build/release).
"""

import array
import json
import math
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GEMRING_BUILD_DIR", os.path.join(ROOT, "build", "release"))
GEMRING = os.path.join(BUILD, "gemring")
DEMO_MODEL = os.path.join(ROOT, "launch", "demo-data", "model")
GOLDEN = os.path.join(ROOT, "tests", "data", "golden")
CLUSTER_CONFIGS = os.path.join(ROOT, "cluster-configs")
SIMULATED_HOSTS = os.path.join(ROOT, "launch", "tools", "simulated-hosts")

TAG = "END_TO_END_TEST_TAG"  # not GEMRING_...: the program warns of variables of its own that it does not know
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none"]  # tests run beside each other: nobody may own a core

SECONDS_TO_VANISH = 5.0  # after an error or a death every process is gone

CACHE = tempfile.TemporaryDirectory(prefix="gemring-cache-")


def environment(extra=None):
    values = {name: value for name, value in os.environ.items() if not name.startswith("GEMRING_")}
    values["XDG_CACHE_HOME"] = CACHE.name  # what is measured on the way is not this user's
    if os.geteuid() == 0:
        values.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    values.update(OMPI_MCA_mpi_yield_when_idle="1")
    values.update(extra or {})
    return values


def read_environment(pid):
    """{name: value} of a process; empty where it is gone or somebody else's."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = file.read().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def processes(tag):
    """{pid: environment} of the running processes that carry the tag."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            values = read_environment(name)
            if values.get(TAG) == tag and is_running(name):
                found[int(name)] = values
    return found


def command(arguments, ranks):
    """gemring with `arguments` on `ranks` ranks; 0: without mpirun."""
    words = [GEMRING, *map(str, arguments)]
    return words if ranks == 0 else [*MPIRUN, "-n", str(ranks), *words]


class Run:
    """A started run. Its output is read as it comes, so that a test can act on what it says."""

    def __init__(self, words, stdin=None, env=None, cwd=None, keep_open=False):
        self.tag = uuid.uuid4().hex
        self.words = words
        self.out = bytearray()
        self.err = bytearray()
        self.started = time.monotonic()
        self.error_at = None  # when the first "gemring:" line came
        self.process = subprocess.Popen(
            words, env=environment({**(env or {}), TAG: self.tag}), cwd=cwd or ROOT, start_new_session=True,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=self._read, args=(self.process.stdout, self.out), daemon=True),
                        threading.Thread(target=self._read, args=(self.process.stderr, self.err), daemon=True)]
        self.finished = None  # when the program had ended, whoever waits for that or does not
        self.waiter = threading.Thread(target=self._wait, daemon=True)
        for thread in (*self.readers, self.waiter):
            thread.start()
        if stdin is not None:
            self.say(stdin)
            if not keep_open:
                self.close_stdin()

    def _wait(self):
        self.process.wait()
        self.finished = time.monotonic()

    def _read(self, stream, target):
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                target += chunk
                if target is self.err and self.error_at is None and b"gemring: " in target:
                    self.error_at = time.monotonic()

    def say(self, text):
        """More standard input, of a run whose `stdin` is kept open."""
        try:
            self.process.stdin.write(text if isinstance(text, bytes) else text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the program ended without reading it all

    def close_stdin(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    @property
    def stdout(self):
        return bytes(self.out).decode(errors="replace")

    @property
    def stderr(self):
        return bytes(self.err).decode(errors="replace")

    @property
    def code(self):
        return self.process.returncode

    def ranks(self):
        """{rank: pid} of the gemring processes under mpirun."""
        found = {}
        for pid, values in processes(self.tag).items():
            rank = values.get("OMPI_COMM_WORLD_RANK")
            if rank is not None and os.path.basename(os.path.realpath(f"/proc/{pid}/exe")).startswith("gemring"):
                found[int(rank)] = pid
        return found

    def wait_until(self, condition, timeout=60):
        """Waits for `condition`; an error where the run ends or the time is over before."""
        end = time.monotonic() + timeout
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"did not come so far (code {self.process.poll()}): {self.describe()}")
            time.sleep(0.01)

    def finish(self, timeout=120):
        """Waits for the end; kills what hangs, and fails."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError(f"still running after {timeout} s: {self.describe()}") from None
        self.waiter.join()
        for reader in self.readers:
            reader.join(10)
        return self

    def left_over(self):
        """Processes still there SECONDS_TO_VANISH after the end, if any; they are killed."""
        end = time.monotonic() + SECONDS_TO_VANISH
        while (left := processes(self.tag)) and time.monotonic() < end:
            time.sleep(0.02)
        if left:
            self.kill_all()
        return sorted(left)

    def kill_all(self):
        for pid in processes(self.tag):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def describe(self):
        return f"{' '.join(self.words)[:2000]}\n-- stdout:\n{self.stdout[-2000:]}\n-- stderr:\n{self.stderr[-6000:]}"


def has_avx512():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return " avx512f " in file.read()


class EndToEnd(unittest.TestCase):
    """A test case with a directory of its own and words for what gemring promises."""

    @classmethod
    def setUpClass(cls):
        if not os.access(GEMRING, os.X_OK):
            raise AssertionError(f"{GEMRING} is not built")
        cls.directory = tempfile.mkdtemp(prefix="gemring-test-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)

    def path(self, name, content=None):
        """A path in the test's directory; `content` (text, bytes, or something for JSON) is written there."""
        path = os.path.join(self.directory, name)
        if content is not None:
            data = content if isinstance(content, bytes) else (
                content if isinstance(content, str) else json.dumps(content)).encode()
            with open(path, "wb") as file:
                file.write(data)
        return path

    def succeed(self, arguments, ranks=0, **options):
        run = Run(command(arguments, ranks), **options).finish()
        self.assertEqual(run.code, 0, run.describe())
        return run

    def report(self, arguments, ranks=0, **options):
        """The --json report of a run that succeeds."""
        path = self.path(f"report-{uuid.uuid4().hex}.json")
        self.succeed(["generate", *arguments, "--json", path, "--log-level", "warn"], ranks, **options)
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def assert_fails(self, run, code, *words):
        """One message with `words`, rank, host and the code, which is also the run's; nobody is left."""
        run.finish()
        self.assertEqual(run.stderr.count("gemring: "), 1, f"one message is wanted: {run.describe()}")
        message = run.stderr[run.stderr.index("gemring: "):]
        self.assertEqual(run.code, code, run.describe())
        self.assertRegex(message, rf"\(rank \d+ on \S+, exit {code}\)", run.describe())
        for word in words:
            self.assertIn(word, message, run.describe())
        self.assertLess(run.finished - run.error_at, SECONDS_TO_VANISH, run.describe())
        self.assertEqual(run.left_over(), [], f"processes left behind: {run.describe()}")


class LongRuns(EndToEnd):
    """Runs of the bundled model on a prompt that takes long enough to be hit in the middle of each phase."""

    # Seconds of one thread's filter pass. Attention grows with the square: without AVX-512 this length
    # would take a minute.
    TOKENS = 24000 if has_avx512() else 12000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        numbers = random.Random(4)
        cls.ids = os.path.join(cls.directory, "ids.json")
        with open(cls.ids, "w", encoding="utf-8") as file:
            file.write(str([numbers.randrange(20, 2000) for _ in range(cls.TOKENS)]))

    def generate(self, *options, new_tokens=20000, model=DEMO_MODEL):
        return ["generate", "--model", model, "--prompt-ids", self.ids, "--progress", "always",
                "--max-new-tokens", new_tokens, "--ignore-eos", *options]

    @staticmethod
    def wait_for(run, phase):
        """Until it is in the middle of `phase`."""
        if phase == "decode":
            run.wait_until(lambda: len(run.out) > 20)
        else:
            run.wait_until(lambda: re.search(rf"{phase}\s+[1-9]\d* %", run.stderr))


def read_safetensors(path):
    """{name: (shape, values)} with values as array('f') or array of integers."""
    kinds = {"F32": "f", "I32": "i", "I64": "q"}
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = array.array(kinds[entry["dtype"]])
            values.frombytes(data[8 + length + begin:8 + length + end])
            if math.prod(entry["shape"]) != len(values):
                raise ValueError(f"{path}: {name} has {len(values)} values, shape {entry['shape']}")
            found[name] = (entry["shape"], values)
    return found


def needle_cases():
    """The cases of tests/data/needles.jsonl, in order: 1024-0 .. 1024-9, 4096-0 .. 4096-9."""
    with open(os.path.join(ROOT, "tests", "data", "needles.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def cluster_configs():
    return sorted(os.path.join(CLUSTER_CONFIGS, name) for name in os.listdir(CLUSTER_CONFIGS) if name.endswith(".json"))


def need_simulated_hosts():
    """Ends the test with 77 (skipped) and the reason where the machine can have none."""
    done = subprocess.run([SIMULATED_HOSTS, "2", "--once", "--", "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr.strip())
        sys.exit(done.returncode)


def main():
    unittest.main(verbosity=2)
