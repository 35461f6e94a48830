"""STUDY.json: what it may say, and that every mistake is one error that names the field (exit code 3)."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scaling_study_fakes as fakes  # noqa: E402

sys.path.insert(0, os.path.join(fakes.ROOT, "launch", "tools"))
from scaling_study import points, runs, study_file  # noqa: E402
from scaling_study.errors import StudyError  # noqa: E402

SHAPE = os.path.join(fakes.ROOT, "bench", "four_layers.json")
PLANS = os.path.join(fakes.ROOT, "cluster-configs")
LEAST = {"random_weights": SHAPE, "methods": ["prefill"], "ranks": [1], "lengths": [100]}


class StudyFile(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.program = fakes.install(self.directory)[1]
        self.path = os.path.join(self.directory, "my.json")

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))

    def study(self, **fields):
        self.write({name: value for name, value in {**LEAST, **fields}.items() if value is not None})
        return study_file.read_study(self.path, self.program)

    def assert_refused(self, *words, text=None, **fields):
        with self.assertRaises(StudyError) as caught:
            if text is None:
                self.study(**fields)
            else:
                self.write(text)
                study_file.read_study(self.path, self.program)
        self.assertEqual(caught.exception.code, 3)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_the_least_that_a_study_needs(self):
        study = self.study()
        self.assertEqual((study.name, study.kind, study.layouts, study.clusters), ("my", "strong", ((1, 1),), ("",)))
        self.assertEqual((study.repetitions, study.warmups, study.launcher), (3, 1, ("mpirun",)))

    def test_unknown_fields_are_named_with_the_one_that_was_meant(self):
        self.assert_refused('field "lenghts"', 'did you mean "lengths"?', lenghts=[1])
        self.assert_refused('field "colour"', "is no field of a study", colour="red")
        self.assert_refused('field "rat"', '"rate"', simulated_hosts={"rat": "1gbit"})

    def test_bad_values_name_their_field(self):
        for field, value in {
                "methods": ["prefil"], "lengths": [0], "ranks": [1.5], "threads": ["2"], "kind": "strange", "warmups": -1,
                "repetitions": 2, "minutes": "long", "seed": True, "interval_percent": 0, "timeout_minutes": 0,
                "launcher": "mpirun -n", "binding": [1], "options": "--x", "environment": {"A": 1}, "net": 7, "name": "a/b",
                "decode_tokens": 0, "probe": 1, "random_weights": "missing.json", "clusters": ["missing.json"], "note": [],
                "simulated_hosts": {"rate": "fast"}, "most_repetitions": 2, "lengths_": [1]}.items():
            with self.subTest(field=field):
                self.assert_refused(f'"{"rate" if field == "simulated_hosts" else field}"', **{field: value})

    def test_empty_and_repeated_lists(self):
        self.assert_refused('"lengths"', lengths=[])
        self.assert_refused('"lengths"', "without repetition", lengths=[5, 5])
        self.assert_refused('"methods"', methods=None)
        self.assert_refused('"launcher"', "is empty", launcher=[])
        self.assert_refused('"clusters"', clusters=[])

    def test_fields_that_exclude_each_other(self):
        self.assert_refused('"model"', "both are there", model=PLANS)
        self.assert_refused('"model"', "neither is there", random_weights=None)
        self.assert_refused('"ranks"', 'beside "layouts"', layouts=["1x1"])
        self.assert_refused('"weak"', "the kind is strong", weak="tokens_per_rank")
        self.assert_refused('"weak"', "null", kind="weak")
        self.assert_refused('"launcher"', "simulated_hosts", simulated_hosts={"rate": "1gbit"}, launcher=["mpirun"])
        self.assert_refused('"keep"', "no method is gemfilter", keep=10)
        self.assert_refused('"filter_layer"', "no method is gemfilter", filter_layer=1)
        self.assert_refused('"options"', "--tokens=5 is the study's own", options=["--tokens=5"])
        self.assert_refused('"simulated_hosts"', "3 ranks", simulated_hosts={"ranks_per_host": 2}, ranks=[2, 3])

    def test_files_that_are_no_study(self):
        self.assert_refused("is no JSON", text="{")
        self.assert_refused("no JSON object", text="[]")
        self.assert_refused('"seed"', "there twice", text='{"seed": 1, "seed": 2}')
        self.assert_refused("is no JSON", text="[" * 100000)
        with self.assertRaises(StudyError):
            study_file.read_study(os.path.join(self.directory, "nothing.json"))

    def test_layouts_instead_of_ranks_and_threads(self):
        self.assertEqual(self.study(ranks=None, layouts=["2x1", "1x4"]).layouts, ((2, 1), (1, 4)))
        self.assertEqual(self.study(ranks=[1, 2], threads=[1, 3]).layouts, ((1, 1), (1, 3), (2, 1), (2, 3)))
        self.assert_refused('"layouts"', "RANKSxTHREADS", ranks=None, layouts=["2by1"])

    def test_points_are_all_combinations_and_one_rank_is_run_with_one_plan(self):
        study = self.study(ranks=[1, 2], clusters=["default", os.path.join(PLANS, "shared-filter.json")],
                           methods=["prefill", "decode"], lengths=[100, 200])
        names = {point.name for point in points.points_of(study)}
        self.assertEqual(len(names), 2 * 2 * 3)
        self.assertIn("prefill-100-2x1-shared-filter", names)
        self.assertNotIn("prefill-100-1x1-shared-filter", names)

    def test_lengths_of_weak_studies_grow_with_the_ranks(self):
        tokens = self.study(kind="weak", weak="tokens_per_rank", ranks=[1, 2, 4])
        self.assertEqual([point.tokens for point in sorted(points.points_of(tokens), key=lambda p: p.ranks)], [100, 200, 400])
        work = self.study(kind="weak", weak="work_per_rank", ranks=[1, 4], lengths=[100000])
        lengths = [point.tokens for point in sorted(points.points_of(work), key=lambda p: p.ranks)]
        # a token: 2 x 60.8 million products; a pair 8,192: linear 1.2e8 n, pairs 4,096 n^2. Four times the work of
        # 100,000 tokens (1.22e13 + 4.1e13) is that of n with 4096 n^2 + 1.22e8 n = 2.13e14: 2.14e5
        self.assertEqual(lengths[0], 100000)
        self.assertAlmostEqual(lengths[1] / 213700, 1, 2)

    def test_the_command_of_a_point(self):
        study = self.study(methods=["gemfilter"], ranks=[2], threads=[3], keep=50, filter_layer=1, seed=9, binding=["--bind-to", "none"],
                           clusters=[os.path.join(PLANS, "one-rank.json")], options=["--weights", "q8_0"], launcher=["srun"])
        point, = points.points_of(study)
        self.assertEqual(runs.command(study, point, 1, 2), [
            "srun", "-n", "2", "--bind-to", "none", self.program, "bench", "gemfilter", "--random-weights", SHAPE, "--tokens", "100",
            "--threads", "3", "--warmup", "1", "--repetitions", "2", "--seed", "9", "--keep", "50", "--filter-layer", "1", "--cluster",
            os.path.join(PLANS, "one-rank.json"), "--json", "-", "--progress", "never", "--weights", "q8_0"])

    def test_a_filter_model_is_of_points_that_filter(self):
        study = self.study(methods=["gemfilter", "prefill"], filter_model=SHAPE)
        words = {point.method: runs.command(study, point, 0, 1) for point in points.points_of(study)}
        self.assertEqual(words["gemfilter"][words["gemfilter"].index("--filter-model") + 1], SHAPE)
        self.assertNotIn("--filter-model", words["prefill"])
        self.assertIn("--filter-model", runs.probe_words(study, points.points_of(study)[0]))
        self.assert_refused('"filter_model"', "no method is gemfilter", methods=["prefill"], filter_model=SHAPE)
        self.assert_refused('"filter_model"', "nowhere", methods=["gemfilter"], filter_model="nowhere")

    def test_simulated_hosts_bring_their_own_launcher(self):
        study = self.study(ranks=[4], simulated_hosts={"rate": "1gbit", "ranks_per_host": 2})
        words = runs.command(study, points.points_of(study)[0], 0, 1)
        self.assertEqual(words[:7], [os.path.join(fakes.ROOT, "launch", "tools", "simulated-hosts"), "2", "--rate", "1gbit",
                                     "--ranks-per-host", "2", "--"])

    def test_ready_studies_are_right(self):
        folder = os.path.join(fakes.ROOT, "bench", "studies")
        for name in sorted(os.listdir(folder)):
            with self.subTest(name=name):
                points.points_of(study_file.read_study(os.path.join(folder, name), self.program))

    def test_the_script_says_it_in_one_error_and_ends_with_3(self):
        self.write({**LEAST, "lenghts": []})
        done = subprocess.run([os.path.join(fakes.ROOT, "launch", "tools", "scaling-study"), self.path, "--gemring", self.program],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertEqual(done.stderr.count("scaling-study:"), 1)
        self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
