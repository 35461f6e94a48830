"""bench/prediction_errors with invented figures: what it asks `gemring plan`, and the errors of its answers."""

import argparse
import importlib.machinery
import importlib.util
import json
import os
import stat
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "bench"))
sys.path.insert(0, os.path.join(ROOT, "launch", "tools"))
from scaling_study import results  # noqa: E402


def load_script(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(ROOT, "bench", name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


script = load_script("prediction_errors")


def machines(ranks, threads):
    return {"filter": {"symbol": "first"}, "machines": {"machines": [{"threads": threads}], "hosts": [{"ranks": list(range(ranks))}]}}


def point(method="gemfilter", ranks=2, threads=1, plan="mine", tokens=1000, done=1000):
    rows = []
    for phase, seconds in (("filter", 4.0), ("prefill", 2.0), ("decode", 0.5), ("first_token", 6.1)):
        main = phase == ("decode" if method == "decode" else "first_token")
        rows.append({"phase": phase, "main": str(int(main)), "seconds": str(seconds), "tokens": str(done), "nodes": "1",
                     "filter_layer": "3", "kept_tokens": "64", "rank_rss": "100|200"})
    return results.PointResult("p", method, tokens, tokens, ranks, threads, plan, False, rows)


REPORT = {"phases": [{"name": "filter", "seconds": 5.0}, {"name": "prefill", "seconds": 1.5}, {"name": "decode", "seconds": 0.06}],
          "first_token_seconds": 6.6, "ranks": [{"peak_bytes": 110}, {"peak_bytes": 150}]}


class Errors(unittest.TestCase):
    def test_each_phase_and_the_whole_are_compared(self):
        self.assertEqual(script.compare(point(), [REPORT]), [("filter", 4.0, 5.0), ("prefill", 2.0, 1.5), ("first_token", 6.1, 6.6)])
        self.assertEqual(script.compare(point("prefill"), [REPORT]), [("prefill", 2.0, 1.5)])

    def test_of_several_predictions_the_median_counts(self):
        others = [{**REPORT, "phases": [{"name": "prefill", "seconds": seconds}]} for seconds in (9.0, 2.5)]
        self.assertEqual(script.compare(point("prefill"), [REPORT, *others]), [("prefill", 2.0, 2.5)])

    def test_decode_is_compared_by_the_token(self):
        self.assertEqual(script.compare(point("decode", done=10), [REPORT]), [("decode", 0.05, 0.06)])

    def test_of_the_peaks_the_one_furthest_off_counts_whatever_its_sign(self):
        self.assertEqual(script.peak_error(point(), REPORT), -0.25)

    def test_the_verdict_has_median_worst_and_how_many_are_too_far_off(self):
        self.assertEqual(script.verdict("All", [0.05, -0.3, 0.1]), "All: 3 figures, median error 10.0 %, worst 30.0 %, 1 above 25 %.")
        self.assertEqual(script.verdict("All", []), "All: none.")


class Questions(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.plan = os.path.join(self.directory, "mine.json")
        with open(self.plan, "w", encoding="utf-8") as file:
            json.dump({"filter": {"symbol": "all"}, "chunk_length": 7}, file)
        self.found = argparse.Namespace(study={"model": "", "random_weights": "shape.json", "options": ["--weights", "q8_0"],
                                               "clusters": ["", self.plan], "environment": [["GEMRING_ISA", "avx2"]]})

    def test_plan_is_asked_for_the_same_request(self):
        self.assertEqual(script.plan_words(self.found, point(), "c.json"), [
            "plan", "--random-weights", "shape.json", "--cluster", "c.json", "--ranks", "2", "--ranks-per-host", "2", "--threads", "1",
            "--tokens", "1000", "--method", "gemfilter", "--max-new-tokens", "1", "--filter-layer", "3", "--keep", "64", "--weights",
            "q8_0", "--json", "--log-level", "error"])
        words = script.plan_words(self.found, point("decode", done=8), "c.json")
        self.assertEqual(words[words.index("--max-new-tokens") + 1], "9")
        self.assertEqual(words[words.index("--method") + 1], "full")

    def test_machines_of_the_points_layout_count(self):
        files = [machines(1, 2), machines(2, 1), machines(2, 1)]
        self.assertEqual(script.of_layout(files, point(ranks=2, threads=1)), files[1:])
        self.assertEqual(script.of_layout(files, point(ranks=2, threads=2)), [])
        on_two_hosts = machines(2, 1)
        on_two_hosts["machines"]["hosts"] = [{"ranks": [0]}, {"ranks": [1]}]
        self.assertEqual(script.of_layout([on_two_hosts], point(ranks=2, threads=1)), [])

    def test_a_studys_own_probes_are_read_in_their_order(self):
        self.assertEqual(script.probes_of(self.directory), [])
        os.makedirs(os.path.join(self.directory, "probes"))
        for number in (2, 1):
            with open(os.path.join(self.directory, "probes", f"0000{number}.json"), "w", encoding="utf-8") as file:
                json.dump(machines(number, 1), file)
        self.assertEqual(script.probes_of(self.directory), [machines(1, 1), machines(2, 1)])

    def test_a_point_is_asked_for_with_its_own_groups_on_the_measured_machines(self):
        seen = os.path.join(self.directory, "seen.json")
        program = os.path.join(self.directory, "gemring")
        with open(program, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncp \"$5\" {seen}\necho \"$GEMRING_ISA\" >&2\necho '{json.dumps(REPORT)}'\n")
        os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
        given = argparse.Namespace(gemring=program)
        self.assertEqual(script.predict(given, self.found, point(), machines(2, 1), self.directory), REPORT)
        with open(seen, encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"filter": {"symbol": "all"}, "chunk_length": 7, "machines": machines(2, 1)["machines"]})
        script.predict(given, self.found, point(plan="default"), machines(2, 1), self.directory)
        with open(seen, encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"machines": machines(2, 1)["machines"]})

    def test_a_plan_that_cannot_be_made_ends_the_script_with_its_words(self):
        program = os.path.join(self.directory, "gemring")
        with open(program, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho 'gemring: no' >&2\nexit 3\n")
        os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
        with self.assertRaises(SystemExit) as caught:
            script.predict(argparse.Namespace(gemring=program), self.found, point(), machines(2, 1), self.directory)
        self.assertIn("gemring: no", str(caught.exception))

    def test_a_file_without_machines_is_refused(self):
        with self.assertRaises(SystemExit) as caught:
            script.read_cluster(self.plan)
        self.assertIn("describes no machines", str(caught.exception))


if __name__ == "__main__":
    unittest.main(verbosity=2)
