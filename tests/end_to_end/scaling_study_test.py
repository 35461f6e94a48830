"""launch/tools/scaling-study on a tiny model of random weights, for real: one and two ranks."""

import csv
import json
import os
import subprocess
import sys
import unittest

import gemring_run
from gemring_run import EndToEnd

SCRIPT = os.path.join(gemring_run.ROOT, "launch", "tools", "scaling-study")


class ScalingStudy(EndToEnd):
    def study(self, name, **fields):
        values = {"random_weights": os.path.join(gemring_run.DEMO_MODEL, "config.json"), "ranks": [1, 2], "lengths": [160],
                  "methods": ["gemfilter", "decode"], "keep": 96, "filter_layer": 3, "decode_tokens": 4,
                  "clusters": [os.path.join(gemring_run.CLUSTER_CONFIGS, "shared-filter-and-shards.json")],
                  "launcher": gemring_run.MPIRUN, "warmups": 0, "minutes": 0, "options": ["--compute", "f32"], **fields}
        output = os.path.join(os.path.dirname(self.path("x")), name)
        done = subprocess.run([sys.executable, SCRIPT, self.path(name + ".json", values), "--gemring", gemring_run.GEMRING,
                               "--output", output, "--no-plots"], env=gemring_run.environment(), capture_output=True, text=True,
                              check=False)
        return done, output

    def rows(self, output):
        with open(os.path.join(output, "raw.csv"), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_a_small_study(self):
        done, output = self.study("small")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = self.rows(output)
        main = [row for row in rows if row["main"] == "1"]
        self.assertEqual(len(main), 2 * 2 * 3)
        for row in rows:
            ranks = int(row["ranks"])
            with self.subTest(row=row):
                self.assertGreater(float(row["seconds"]), 0)
                self.assertEqual(len(row["rank_rss"].split("|")), ranks)
                self.assertGreater(float(row["rss_max"]), 1e6)
                self.assertLessEqual(float(row["compute_s"]), max(float(value) for value in row["rank_seconds"].split("|")) + 1e-9)
                self.assertEqual((row["nodes"], row["dtype"], row["kv_dtype"], row["compute_type"]), ("1", "bf16", "f32", "f32"))
                self.assertTrue(row["cpu"] and row["blas_core"] and row["isa"] and row["git_sha"] and row["host"])
                if ranks == 1:
                    self.assertEqual(float(row["bytes_sent"]), 0)
        sent = {row["method"]: float(row["bytes_sent"]) for row in main if row["ranks"] == "2"}
        self.assertTrue(all(sent.values()), sent)  # a ring of two sends keys and values
        # The whole is its phases on rank 0, but for what lies between the first token and the phase's end.
        for run_id in {row["run_id"] for row in rows}:
            of_run = {row["phase"]: float(row["seconds"]) for row in rows if row["run_id"] == run_id}
            phases = sum(seconds for phase, seconds in of_run.items() if phase in ("filter", "select", "prefill"))
            self.assertAlmostEqual(of_run["first_token"], phases, delta=0.2 * phases + 0.01)
        with open(os.path.join(output, "environment.json"), encoding="utf-8") as file:
            facts = json.load(file)
        self.assertIn("gemring", facts["program_version"][0])
        self.assertEqual(set(facts["parts"][0]), {"start", "end"})

    def test_a_point_that_cannot_run_is_named_with_gemrings_words(self):
        done, output = self.study("failing", methods=["gemfilter"], ranks=[1], keep=66)  # 4 + 64 are forced
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("exit code 2", done.stderr)
        self.assertIn("gemring: --keep: 66 tokens are to be kept", done.stderr)
        self.assertEqual(self.rows(output), [])


if __name__ == "__main__":
    gemring_run.main()
