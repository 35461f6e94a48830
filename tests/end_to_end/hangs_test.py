"""Ranks that hang: one that is stopped, or whose computing thread is, is named with its place and ends the job within
seconds; one that is slow, waits for its input, or for somebody to read its output is left alone.

Runs of a test go on beside each other: most of what they do is to wait.
"""

import ctypes
import json
import os
import signal
import subprocess
import threading
import time

import gemring_run
from gemring_run import LongRuns, Run

PEER = 6
RANKS = 3
TIMEOUT = 2  # seconds, where a stop is to be noticed
PATIENT = 5  # where no alarm may come, though a machine gives its processors to others for a while
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207


class StoppedThread:
    """Stops one thread of a process and lets the others run, as a debugger can. Of the thread that makes it."""

    def __init__(self, thread):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
            if libc.ptrace(request, thread, None, None) != 0:
                raise PermissionError(ctypes.get_errno(), "ptrace: " + os.strerror(ctypes.get_errno()))


class Hangs(LongRuns):
    def start(self, phase, *options, timeout=TIMEOUT, **settings):
        """A run that is in the middle of `phase`; its heartbeats say so too."""
        words = self.generate("--stall-timeout", timeout, *options, **settings)
        run = Run(gemring_run.command(words, RANKS), env={"OMP_NUM_THREADS": "1"})
        self.wait_for(run, phase)
        time.sleep(TIMEOUT / 2 if phase == "decode" else TIMEOUT / 8)
        return run

    def assert_named(self, run, rank, stopped, *words):
        """`rank` is named by the one message, in time, and nobody is left."""
        self.assert_fails(run, PEER, f"gemring: rank {rank} on ", *words)
        self.assertRegex(run.stderr, rf"\(rank {rank} on \S+, exit {PEER}\)")
        self.assertLess(run.error_at - stopped, 4 * TIMEOUT, run.describe())

    def test_a_stopped_rank_whatever_its_part_is(self):
        shared = os.path.join(gemring_run.CLUSTER_CONFIGS, "shared-filter.json")
        cases = {"rank 0, which filters and hears of all": ("filter", 0, []),
                 "a rank of the ring of filters": ("filter", 2, ["--cluster", shared]),
                 "a stage": ("decode", 1, ["--keep", 256])}
        runs = []
        for part, (phase, rank, options) in cases.items():
            run = self.start(phase, *options)
            os.kill(run.ranks()[rank], signal.SIGSTOP)
            runs.append((part, phase, rank, run, time.monotonic()))
        for part, phase, rank, run, stopped in runs:
            with self.subTest(part):
                self.assert_named(run, rank, stopped, "no sign of life")
                # On a busy machine the last heartbeat may be of the phase before.
                self.assertRegex(run.stderr, rf"last in: ({phase}|filter|prefill), request 1")

    def test_a_rank_whose_computing_thread_hangs_while_its_others_live(self):
        run = self.start("filter")  # rank 0 alone filters: it is not in the middle of a message
        try:
            StoppedThread(run.ranks()[0])  # the main thread
        except PermissionError as error:
            run.kill_all()
            self.skipTest(f"this machine lets nobody stop a thread: {error}")
        self.assert_named(run, 0, time.monotonic(), "no progress for", "filter, request 1, layer",
                          "rank 1, rank 2 wait for it")

    def test_slow_and_idle_ranks_are_left_alone(self):
        seconds = PATIENT + 1.5
        checks = [self.slowed_rank, self.late_input, self.unread_output, self.unread_messages]
        failures = []

        def run(check):
            try:
                check(seconds)
            except AssertionError as error:
                failures.append(f"{check.__name__}: {error}")

        threads = [threading.Thread(target=run, args=(check,)) for check in checks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def slowed_rank(self, seconds):
        """Stopped and continued in turns; and asked where it is."""
        run = self.start("filter", timeout=PATIENT, new_tokens=4)
        pids = run.ranks()
        end = time.monotonic() + seconds
        while time.monotonic() < end and run.process.poll() is None:
            for rank in (0, 2):
                os.kill(pids[rank], signal.SIGSTOP)
            time.sleep(1)
            for rank in (0, 2):
                os.kill(pids[rank], signal.SIGCONT)
            time.sleep(0.05)
        if run.process.poll() is None:
            for pid in pids.values():
                os.kill(pid, signal.SIGUSR1)
        run.finish()
        self.assertEqual(run.code, 0, run.describe())
        self.assertRegex(run.stderr, r"rank 1 on \S+: filter, request 1; waits for rank 0\n")

    def test_a_rank_is_asked_where_it_is_from_its_first_moment_on(self):
        """SIGUSR1 every few milliseconds while a run starts, and to commands that nobody watches over."""
        generate = ["generate", "--model", gemring_run.DEMO_MODEL, "--prompt", "hi", "--max-new-tokens", 2]
        for words, ranks in ((generate, 0), (generate, 2), (["--version"], 0),
                             (["inspect", "--model", gemring_run.DEMO_MODEL], 2)):
            with self.subTest(f"{words[0]} on {ranks} ranks"):
                run = Run(gemring_run.command(words, ranks), env={"OMP_NUM_THREADS": "1"})
                asked = self.ask(run, 2)
                run.finish()
                self.assertEqual(run.code, 0, run.describe())
                self.assertGreater(asked, 0)

    @staticmethod
    def ask(run, seconds):
        """Signals to the run's processes of gemring, so many seconds from when the first of them is in main: they
        ignore or catch it then."""
        asked = 0
        end = None
        while run.process.poll() is None and (end is None or time.monotonic() < end):
            for pid in gemring_run.processes(run.tag):
                try:
                    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
                    masks = int(status["SigIgn"], 16) | int(status["SigCgt"], 16)
                    if status["Name"] != "mpirun" and masks >> (signal.SIGUSR1 - 1) & 1:
                        os.kill(pid, signal.SIGUSR1)
                        asked += 1
                        end = end or time.monotonic() + seconds
                except (OSError, KeyError):
                    pass  # it has ended
        return asked

    def late_input(self, seconds):
        """Rank 0 reads its prompt, the others wait for it."""
        words = gemring_run.command(["generate", "--model", gemring_run.DEMO_MODEL, "--stall-timeout", PATIENT,
                                     "--max-new-tokens", 4], RANKS)
        process = subprocess.Popen(words, env=gemring_run.environment({"OMP_NUM_THREADS": "1"}), cwd=gemring_run.ROOT,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(seconds)
        _, messages = process.communicate(b"the late prompt", 60)
        self.assertEqual(process.returncode, 0, messages.decode(errors="replace"))

    def unread_output(self, seconds):
        """Somebody pages through the answer."""
        words = gemring_run.command(["generate", "--model", gemring_run.DEMO_MODEL, "--prompt", "on and on",
                                     "--ignore-eos", "--stall-timeout", PATIENT, "--max-new-tokens", 4000], 0)
        with subprocess.Popen(words, env=gemring_run.environment({"OMP_NUM_THREADS": "1"}), cwd=gemring_run.ROOT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              pipesize=4096) as process:
            time.sleep(seconds)
            self.assertIsNone(process.poll(), "was not held up")
            _, messages = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, messages.decode(errors="replace"))

    def unread_messages(self, seconds):
        """Somebody pages through the log, while phases begin."""
        lines = ('{"prompt": 5}\n' * 10 + '{"prompt": "Alice was", "max_new_tokens": 2, "ignore_eos": true}\n') * 6
        words = gemring_run.command(["generate", "--model", gemring_run.DEMO_MODEL, "--requests", "-", "--log-level", "info",
                                     "--progress", "always", "--stall-timeout", PATIENT], 0)
        with subprocess.Popen(words, env=gemring_run.environment({"OMP_NUM_THREADS": "1"}), cwd=gemring_run.ROOT,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              pipesize=4096) as process:
            process.stdin.write(lines.encode())
            process.stdin.close()
            time.sleep(seconds)
            self.assertIsNone(process.poll(), "was not held up")
            process.stdin = None  # communicate() would close it again
            answers, messages = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 8, messages.decode(errors="replace"))
        self.assertEqual(answers.count(b"\n"), 66)
        self.assertEqual(sum("error" in json.loads(line) for line in answers.splitlines()), 60)


if __name__ == "__main__":
    gemring_run.main()
