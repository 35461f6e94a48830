"""Where the threads of a process run: all of its share, whatever OpenMP's library bound its first thread to; only those
that compute are bound to one core each; and what the process is called."""

import json
import os
import re
import subprocess
import unittest

import gemring_run
from gemring_run import EndToEnd, Run

PROCESSORS = sorted(os.sched_getaffinity(0))
SHORT = ["generate", "--model", gemring_run.DEMO_MODEL, "--prompt", "hi", "--max-new-tokens", 2]
MPIRUN_BOUND = ["mpirun", "--oversubscribe"]  # its default: one core for each of two ranks


def threads_of(pid):
    """{thread: processors it may use} of a process."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
            listed = re.search(r"^Cpus_allowed_list:\s*(\S+)", file.read(), re.M)[1]
        allowed = set()
        for piece in listed.split(","):
            first, _, last = piece.partition("-")
            allowed.update(range(int(first), int(last or first) + 1))
        found[int(thread)] = allowed
    return found


class Threads(EndToEnd):
    def start(self, ranks=0, env=None):
        """A run that waits for requests on standard input, its threads in place; and its processes."""
        run = Run(gemring_run.command(["generate", "--model", gemring_run.DEMO_MODEL, "--requests", "-", "--log-level", "info"],
                                      ranks), stdin=b"", env=env, keep_open=True)
        self.addCleanup(run.kill_all)
        run.wait_until(lambda: "requests from" in run.stderr)
        return run

    def short(self, *options, env=None):
        """A run of two tokens, which says what it does."""
        return self.succeed([*SHORT, "--log-level", "info", *options], env=env)

    @staticmethod
    def said(run):
        """Threads of the rank."""
        return int(re.search(r"(\d+) threads?( \(.*\))? pinned to", run.stderr)[1])

    def gemrings(self, run):
        return [pid for pid in gemring_run.processes(run.tag)
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == os.path.basename(gemring_run.GEMRING)]

    @unittest.skipIf(len(PROCESSORS) < 2, "one processor: threads can be nowhere else")
    def test_variables_of_openmp_do_not_take_the_share_away(self):
        some = PROCESSORS[:2]
        for env in ({"OMP_PROC_BIND": "true"}, {"OMP_PROC_BIND": "close", "OMP_PLACES": "threads"},
                    {"OMP_PLACES": f"{{{some[0]}}},{{{some[1]}}}"}, {"GOMP_CPU_AFFINITY": f"{some[0]} {some[1]}"}):
            with self.subTest(**env):
                run = self.start(env=env)
                named = "GOMP_CPU_AFFINITY" in env or "{" in env.get("OMP_PLACES", "")
                said = int(re.search(r"(\d+) threads? pinned to", run.stderr)[1])
                self.assertGreaterEqual(said, 2, run.describe())
                if named:
                    self.assertEqual(said, len(some), run.describe())
                    self.assertIn("the places of this rank's threads", run.stderr)
                run.close_stdin()
                self.assertEqual(run.finish().code, 0, run.describe())

    @unittest.skipIf(len(PROCESSORS) < 2, "one processor: threads can be nowhere else")
    def test_all_processors_of_a_place_count(self):
        one, other = PROCESSORS[:2]
        for places in ("sockets", "numa_domains", f"{{{one},{other}}}", f"{{{one}:2}}" if other == one + 1 else "threads"):
            with self.subTest(places=places):
                run = self.short(env={"OMP_PLACES": places})
                wanted = 2 if "{" in places else self.said(self.short())  # all there are
                self.assertEqual(self.said(run), wanted, run.describe())
                self.assertIn("the places of this rank's threads", run.stderr)

    @unittest.skipIf(len(PROCESSORS) < 2, "one processor: there is one thread anyway")
    def test_a_bound_of_openmps_library_is_said_and_reported(self):
        for variable, value in (("OMP_THREAD_LIMIT", "1"), ("OMP_MAX_ACTIVE_LEVELS", "0")):
            for wish in ([], ["--threads", 2]) if self.said(self.short()) > 1 else ():
                with self.subTest(variable=variable, wish=wish):
                    path = self.path("report.json")
                    run = self.short("--json", path, *wish, env={variable: value})
                    self.assertIn(f"{variable} allows 1 thread where", run.stderr)
                    self.assertIn(f"1 thread ({variable}) pinned to core", run.stderr)
                    with open(path, encoding="utf-8") as file:
                        self.assertEqual([rank["threads"] for rank in json.load(file)["ranks"]], [1])

    @unittest.skipIf(len(PROCESSORS) < 2, "one processor: the ranks share it anyway")
    def test_a_rank_whose_places_are_refused_keeps_what_it_was_given(self):
        one, other = PROCESSORS[:2]
        words = [*MPIRUN_BOUND, "-n", "2", *gemring_run.command([*SHORT, "--log-level", "info"], 0)]
        run = Run(words, env={"OMP_PLACES": f"{{{one}}}"}).finish()
        self.assertEqual(run.code, 0, run.describe())
        self.assertIn(f"its threads stay on processors {other}", run.stderr)
        self.assertRegex(run.stderr, rf"rank 0 on \S+: 1 thread pinned to core {one}; it may use core {one}\n")
        self.assertRegex(run.stderr, rf"rank 1 on \S+: 1 thread pinned to core {other}; it may use core {other}\n")

    def test_places_that_the_machine_does_not_have_are_done_without(self):
        beyond = os.cpu_count() + 5
        for env in ({"GOMP_CPU_AFFINITY": f"{beyond}"}, {"OMP_PLACES": f"{{{beyond}}}"},
                    {"OMP_PLACES": f"{{{beyond}}}", "GOMP_CPU_AFFINITY": f"{beyond}-{beyond + 3}:2"}):
            with self.subTest(**env):
                run = self.short(env=env)
                self.assertIn("leaves no place that this rank may use", run.stderr)
                self.assertEqual(self.said(run), self.said(self.short()), run.describe())
        run = self.short(env={"GOMP_CPU_AFFINITY": f"{PROCESSORS[0]} {beyond}"})
        self.assertIn(f"1 thread pinned to core {PROCESSORS[0]};", run.stderr)

    @unittest.skipIf(len(PROCESSORS) < 2, "one processor: threads can be nowhere else")
    def test_only_threads_that_compute_are_bound_to_one_core(self):
        run = self.start()
        (pid,) = self.gemrings(run)
        computing = int(re.search(r"(\d+) threads? pinned to", run.stderr)[1])

        def bound_of(threads):
            return [allowed for allowed in threads.values() if len(allowed) == 1]

        # A new thread has its maker's processors until it runs for the first time, which a busy machine lets wait.
        run.wait_until(lambda: len(bound_of(threads_of(pid))) == computing)
        threads = threads_of(pid)
        bound = bound_of(threads)
        self.assertGreater(len(threads), computing, "there are others: who reads, who plans, who watches")
        for allowed in threads.values():
            self.assertIn(len(allowed), (1, len(set().union(*bound))), threads)

    def test_the_process_has_the_programs_name(self):
        run = self.start()
        (pid,) = self.gemrings(run)
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            self.assertEqual(file.read().strip(), "gemring")
        listed = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            self.assertEqual(listed.stdout.strip(), "gemring")


if __name__ == "__main__":
    gemring_run.main()
