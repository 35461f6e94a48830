"""launch/tools/scaling-study from start to end with a launcher and a program that answer at once: rounds and budget,
failures, interruptions, resuming, reports from raw.csv alone."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scaling_study_fakes as fakes  # noqa: E402

sys.path.insert(0, os.path.join(fakes.ROOT, "launch", "tools"))
from scaling_study import plots, results, runs, schedule, store, study, summary  # noqa: E402
from scaling_study.points import Point  # noqa: E402

SCRIPT = os.path.join(fakes.ROOT, "launch", "tools", "scaling-study")


class StudyRun(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.launcher, self.program = fakes.install(self.directory)
        self.counter = os.path.join(self.directory, "counter")
        self.output = os.path.join(self.directory, "out")

    def study_file(self, **fields):
        path = os.path.join(self.directory, "my.json")
        values = {"random_weights": os.path.join(fakes.ROOT, "bench", "four_layers.json"), "methods": ["prefill"],
                  "ranks": [1, 2], "lengths": [100, 200], "launcher": [self.launcher], "minutes": 0, **fields}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(values, file)
        return path

    def words(self, path, *more):
        return [sys.executable, SCRIPT, path, "--gemring", self.program, "--output", self.output, "--no-plots", *more]

    def variables(self, **more):
        return {**os.environ, "FAKE_COUNTER": self.counter, **more}

    def run_study(self, path, *more, **variables):
        return subprocess.run(self.words(path, *more), env=self.variables(**variables), capture_output=True, text=True, check=False)

    def runs(self):
        with open(self.counter, encoding="utf-8") as file:
            return file.read().split("\n")[:-1]

    def rows(self):
        with open(os.path.join(self.output, "raw.csv"), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def measured(self):
        """(point, rep) of every repetition in raw.csv."""
        return [(row["point"], row["rep"]) for row in self.rows() if row["main"] == "1" and row["warmup"] == "0"]


class WholeStudies(StudyRun):
    def test_every_point_is_run_once_before_any_is_run_again(self):
        done = self.run_study(self.study_file(methods=["prefill", "gemfilter"]))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        runs_made = self.runs()
        self.assertEqual(len(runs_made), 3 * 8)
        for begin in (0, 8, 16):
            self.assertEqual(len(set(runs_made[begin:begin + 8])), 8)
        self.assertNotEqual(runs_made[8:16], runs_made[16:24])
        self.assertEqual(len(set(self.measured())), 24)

    def test_tables_hold_base_speed_up_and_efficiency(self):
        self.run_study(self.study_file())
        with open(os.path.join(self.output, "summary.md"), encoding="utf-8") as file:
            text = file.read()
        # 100 tokens take 0.1 s on one rank and 0.05 s on two
        self.assertIn("100 tokens on 1 x 1: 0.100 s", text)
        self.assertIn("| 100 | default | 2 x 1 | 3 | 75 % | 0.0500 [0.0500, 0.0500] | 2.00 [2.00, 2.00] | 1.00 | 0.000 |", text)
        self.assertIn("All ranks run on one machine", text)
        self.assertRegex(text, r"## Failed, or not finished\n\nNone\.")

    def test_the_machine_is_measured_before_each_run_where_that_is_asked_for(self):
        done = self.run_study(self.study_file(lengths=[100], probe=True))
        self.assertEqual(done.returncode, 0, done.stderr)
        probes = sorted(os.listdir(os.path.join(self.output, "probes")))
        self.assertEqual(probes, sorted({row["run_id"] + ".json" for row in self.rows()}))
        with open(os.path.join(self.output, "probes", probes[0]), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["machines"]["machines"], [{"threads": 1}])

    def test_a_machine_that_cannot_be_measured_is_told_and_fails_no_point(self):
        done = self.run_study(self.study_file(lengths=[100], probe=True), FAKE_PROBE="fails")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("could not be measured; log:", done.stderr)
        self.assertEqual(len(self.measured()), 6)

    def test_a_run_may_have_several_repetitions(self):
        done = self.run_study(self.study_file(lengths=[100], repetitions=4, repetitions_per_run=3, most_repetitions=5))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.runs()), 4)  # two of each point: of three, and of the two that are left
        self.assertEqual(sorted(rep for point, rep in self.measured() if point == "prefill-100-1x1"), list("12345"))

    def test_a_point_that_fails_is_told_and_the_others_go_on(self):
        done = self.run_study(self.study_file(), FAKE_FAIL="prefill 100 2 5")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.runs().count("prefill 100 2"), 2)  # tried once more
        self.assertEqual(len(self.measured()), 3 * 3)
        self.assertIn("exit code 5", done.stderr)
        self.assertIn("gemring: memory: 3 GiB are wanted", done.stderr)
        self.assertNotIn("mpirun detected", done.stderr)
        failure = store.read_failures(self.output)[-1]
        self.assertEqual((failure["point"], failure["reason"]), ("prefill-100-2x1", "exit code 5"))
        with open(os.path.join(self.output, failure["log"]), encoding="utf-8") as file:
            self.assertIn("mpirun detected", file.read())  # the whole of it
        with open(os.path.join(self.output, "summary.md"), encoding="utf-8") as file:
            self.assertIn("prefill, 100 tokens, 2 x 1: 0 of 3 repetitions", file.read())

    def test_an_error_of_use_is_not_tried_again_and_later_mended(self):
        self.run_study(self.study_file(), FAKE_FAIL="prefill 100 2 2")
        self.assertEqual(self.runs().count("prefill 100 2"), 1)
        done = self.run_study(self.study_file())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(set(self.measured())), 12)
        self.assertEqual(len(self.runs()), 3 * 4 + 1)

    def test_a_run_that_takes_too_long_is_ended(self):
        done = self.run_study(self.study_file(ranks=[1], lengths=[100], timeout_minutes=0.01), FAKE_SLEEP="30")
        self.assertEqual(done.returncode, 1)
        self.assertIn("took longer than 0.01 minutes", done.stderr)

    def test_a_launcher_that_is_not_there(self):
        done = self.run_study(self.study_file(launcher=["no-such-launcher"]))
        self.assertEqual(done.returncode, 1)
        self.assertIn("no-such-launcher cannot be started", done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class Resuming(StudyRun):
    def test_finished_repetitions_are_kept_after_a_kill(self):
        path = self.study_file()
        with subprocess.Popen(self.words(path), env=self.variables(FAKE_SLEEP="0.15"), stderr=subprocess.DEVNULL,
                              start_new_session=True) as process:
            self.wait_for_runs(5)
            os.killpg(process.pid, signal.SIGKILL)
        kept = self.measured()
        self.assertGreaterEqual(len(kept), 3)
        done = self.run_study(path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.measured()[:len(kept)], kept)
        self.assertEqual(len(set(self.measured())), 12)
        self.assertEqual(len(self.measured()), 12)

    def wait_for_runs(self, number):
        for _ in range(600):
            if os.path.exists(self.counter) and len(self.runs()) >= number:
                return
            time.sleep(0.02)
        self.fail("the study does not get on")

    def test_a_line_that_was_torn_is_removed_with_its_run(self):
        path = self.study_file(lengths=[100])
        self.run_study(path)
        raw = os.path.join(self.output, "raw.csv")
        with open(raw, encoding="utf-8") as file:
            text = file.read()
        with open(raw, "w", encoding="utf-8") as file:
            file.write(text[:-40])  # the last row of the last run, without its end
        done = self.run_study(path)
        self.assertIn("of a run that was cut short removed from raw.csv", done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(set(self.measured())), 6)
        with open(raw, encoding="utf-8") as file:
            self.assertTrue(all(line.count(",") == text.split("\n", 1)[0].count(",") for line in file))

    def test_ctrl_c_ends_the_run_keeps_everything_and_says_how_to_go_on(self):
        path = self.study_file()
        with subprocess.Popen(self.words(path), env=self.variables(FAKE_SLEEP="0.15"), stderr=subprocess.PIPE, text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)) as process:
            self.wait_for_runs(3)
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=20)[1]
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("Go on with:  launch/tools/scaling-study", errors)
        self.assertNotIn("Traceback", errors)
        self.assertGreaterEqual(len(self.measured()), 1)
        with open(os.path.join(self.output, "environment.json"), encoding="utf-8") as file:
            self.assertIn("end", json.load(file)["parts"][0])

    def test_sigterm_ends_the_running_job_too(self):
        path = self.study_file()
        with subprocess.Popen(self.words(path), env=self.variables(FAKE_SLEEP="60"), stderr=subprocess.PIPE, text=True) as process:
            self.wait_for_runs(1)
            process.terminate()
            errors = process.communicate(timeout=30)[1]
        self.assertEqual(process.returncode, 130, errors)
        self.assertEqual(self.processes_left(), [])

    def processes_left(self):
        """Of the runs: told by the counter's path in their environment."""
        found = []
        for pid in (name for name in os.listdir("/proc") if name.isdigit()):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if self.counter.encode() in file.read():
                        found.append(pid)
            except OSError:
                pass  # gone, or somebody else's
        return found

    def test_a_changed_study_is_refused_with_what_changed(self):
        self.run_study(self.study_file())
        done = self.run_study(self.study_file(seed=7))
        self.assertEqual(done.returncode, 3)
        self.assertIn("study.seed: 1 -> 7", done.stderr)
        self.assertIn("--restart", done.stderr)
        self.assertEqual(len(self.measured()), 12)

    def test_a_changed_program_is_refused_and_restart_puts_results_aside(self):
        path = self.study_file(lengths=[100])
        self.run_study(path)
        with open(self.program, "a", encoding="utf-8") as file:
            file.write("# another build\n")
        done = self.run_study(path)
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"contents.{self.program}", done.stderr)
        done = self.run_study(path, "--restart")
        self.assertEqual(done.returncode, 0, done.stderr)
        aside = [name for name in os.listdir(self.directory) if name.startswith("out.")]
        self.assertEqual(len(aside), 1)
        self.assertTrue(os.path.exists(os.path.join(self.directory, aside[0], "raw.csv")))

    def test_more_repetitions_may_be_asked_of_the_same_results(self):
        self.run_study(self.study_file(lengths=[100]))
        done = self.run_study(self.study_file(lengths=[100], repetitions=5))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(rep for point, rep in self.measured() if point == "prefill-100-2x1"), list("12345"))

    def test_two_studies_do_not_write_into_one_directory(self):
        first = store.Store(self.output)
        first.open({"study": {}}, restart=False)
        done = self.run_study(self.study_file())
        self.assertEqual(done.returncode, 5)
        self.assertIn("another scaling-study is at work", done.stderr)
        first.lock.close()

    def test_foreign_directories_are_left_alone(self):
        os.makedirs(self.output)
        with open(os.path.join(self.output, "thesis.tex"), "w", encoding="utf-8") as file:
            file.write("!")
        done = self.run_study(self.study_file())
        self.assertEqual(done.returncode, 3)
        self.assertIn("holds other things, such as thesis.tex", done.stderr)


class Reports(StudyRun):
    def test_raw_csv_alone_gives_the_same_tables(self):
        self.run_study(self.study_file())
        alone = os.path.join(self.directory, "alone")
        os.makedirs(alone)
        shutil.copy(os.path.join(self.output, "raw.csv"), alone)
        done = subprocess.run([sys.executable, SCRIPT, "--report", alone, "--no-plots"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        sections = []
        for directory in (self.output, alone):
            with open(os.path.join(directory, "summary.md"), encoding="utf-8") as file:
                text = file.read()
            sections.append(text[text.index("## Strong"):text.index("## Failed")])
        self.assertEqual(sections[0], sections[1])

    def test_plots_are_drawn_or_one_line_says_how_to_get_them(self):
        self.run_study(self.study_file())
        done = subprocess.run([sys.executable, SCRIPT, "--report", self.output], capture_output=True, text=True, check=False)
        pictures = [f"{name}.{kind}" for name in plots.NAMES for kind in ("png", "svg")]
        if plots.python_with_matplotlib():
            for name in pictures:
                self.assertGreater(os.path.getsize(os.path.join(self.output, name)), 5000)
        else:
            self.assertIn(plots.MISSING, done.stderr)
        found = results.read(self.output)
        self.addCleanup(setattr, plots, "python_with_matplotlib", plots.python_with_matplotlib)
        plots.python_with_matplotlib = lambda: None
        self.assertEqual(plots.draw(self.output, found), plots.MISSING)
        self.assertNotIn(".png", summary.text(found, plots.names(found)))

    def test_a_directory_without_results(self):
        done = subprocess.run([sys.executable, SCRIPT, "--report", self.directory], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("raw.csv: cannot be read", done.stderr)

    def test_points_of_more_threads_than_cores_are_base_only_of_their_like(self):
        self.run_study(self.study_file(lengths=[100], ranks=[1, 2, 4], threads=[1, 2]))  # hosts of two cores
        found = results.read(self.output)
        bases = {(point.ranks, point.threads): found.base_of(point).layout for point in found.points}
        self.assertEqual(set(bases.values()), {"1 x 1"})
        found.points = [point for point in found.points if point.threads == 2]
        self.assertEqual({found.base_of(point).layout for point in found.points}, {"1 x 2*"})

    def test_weak_scaling_counts_work_too(self):
        self.run_study(self.study_file(kind="weak", weak="tokens_per_rank", lengths=[100]))
        found = results.read(self.output)
        two = [point for point in found.points if point.ranks == 2][0]
        scaling = found.scaling(two)
        # 100 tokens on one rank and 200 on two take 0.1 s alike; the fake's rate is the same: half of
        # the work of each core
        self.assertEqual((two.tokens, scaling.base.tokens), (200, 100))
        self.assertEqual(scaling.efficiency, (1.0, 1.0, 1.0))
        self.assertAlmostEqual(scaling.work_efficiency, 0.5)


class Schedules(unittest.TestCase):
    def made(self, seconds, minutes=1.0, **limits):
        """A schedule of two points; seconds: those of each."""
        fields = {"repetitions": 3, "most_repetitions": 30, "interval_percent": 5.0, "seed": 1, "minutes": minutes, "repetitions_per_run": 1, **limits}
        given = type("Given", (), fields)
        points = [Point("prefill", 100 * (1 + number), 100, 1, 1, "") for number in range(len(seconds))]
        return schedule.Schedule(given, points, {point: schedule.Progress(list(values), [2.0] * len(values))
                                                 for point, values in zip(points, seconds)}), points

    def test_the_first_repetitions_do_not_depend_on_the_budget(self):
        plan, points = self.made([[1.0] * 3, [1.0] * 2], minutes=0)
        self.assertEqual(plan.next(spent=1000), points[1])

    def test_the_rest_of_the_budget_goes_to_points_that_are_unsure(self):
        sure, unsure = [1.0] * 6, [1.0, 1.2, 1.0, 1.1, 1.0, 1.3]
        plan, points = self.made([sure, unsure])
        self.assertEqual(plan.next(spent=10), points[1])
        self.assertIsNone(plan.next(spent=59))  # one more takes two seconds
        self.assertEqual(self.made([sure, sure])[0].next(spent=0), None)
        self.assertEqual(self.made([sure, unsure], most_repetitions=6)[0].next(spent=0), None)

    def test_fewer_than_six_are_never_sure(self):
        plan, points = self.made([[1.0] * 5, [1.0] * 4])
        self.assertEqual(plan.next(spent=0), points[1])

    def test_a_point_that_failed_twice_is_left_out(self):
        plan, points = self.made([[], []])
        plan.progress[points[0]].failures = 2
        self.assertEqual(plan.next(spent=0), points[1])

    def test_time_left_is_what_points_lack_and_then_the_budget(self):
        plan, _ = self.made([[1.0], [1.0]])
        self.assertEqual(plan.seconds_of_the_first(), 8.0)  # two runs of two seconds for each of two points
        self.assertEqual(plan.seconds_left(spent=4), 56.0)
        self.assertEqual(self.made([[1.0], [1.0]], minutes=0)[0].seconds_left(spent=4), 8.0)

    def test_points_not_yet_run_are_estimated_from_the_others(self):
        plan, points = self.made([[1.0], [1.0], [1.0], []])
        for number, point in enumerate(points[:3]):
            plan.progress[point].run_seconds = [1.0 + schedule.rough_work(points[number])]
        self.assertAlmostEqual(plan.estimate(points[3]), 1.0 + schedule.rough_work(points[3]), 6)


class Words(unittest.TestCase):
    def test_of_a_log_gemrings_own_error_is_told(self):
        lines = ["chatter", "gemring: a", "  advice", "-----", "mpirun"]
        self.assertEqual(runs.telling_lines(lines), ("gemring: a", "  advice"))
        self.assertEqual(runs.telling_lines(["one", "", "two"]), ("one", "two"))

    def test_clock(self):
        self.assertEqual([study.clock(seconds) for seconds in (0, 59.6, 3661)], ["0:00", "1:00", "1:01:01"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
