"""A cluster is measured, planned on and simulated: `plan --probe`, `plan` with seconds, `simulate`; and
what they refuse."""

import json
import os

import gemring_run
from gemring_run import EndToEnd

SHAPE = os.path.join(gemring_run.GOLDEN, "llama-3.1", "config.json")


class Planning(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = os.path.join(cls.directory, "cluster.json")

    def probe(self, ranks, *more):
        """The cluster file."""
        path = self.path(f"probe-{ranks}.json")
        self.succeed(["plan", "--probe", "--output", path, *more], ranks, env={"OMP_NUM_THREADS": "1"} if ranks else None)
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def plan(self, *words):
        return json.loads(self.succeed(["plan", "--model", gemring_run.DEMO_MODEL, *words, "--json"]).stdout)

    def fails(self, arguments, code, *words, ranks=0):
        self.assert_fails(gemring_run.Run(gemring_run.command(arguments, ranks)), code, *words)

    def measured(self):
        """One probe serves all tests that need one."""
        if not os.path.exists(self.cluster):
            self.succeed(["plan", "--probe", "--model", gemring_run.DEMO_MODEL, "--output", self.cluster], 2)
        return self.cluster

    def test_a_probe_measures_every_rank(self):
        for ranks in (0, 2, 3):
            with self.subTest(ranks=ranks):
                machines = self.probe(ranks)["machines"]
                self.assertIn("rank", machines["measured"])
                self.assertEqual([rank for host in machines["hosts"] for rank in host["ranks"]], list(range(max(ranks, 1))))
                for machine in machines["machines"]:
                    for rates in machine["rates"]:
                        self.assertGreater(rates["memory_gbs"], 0)
                        self.assertEqual({rate["weights"] for rate in rates["layers"]}, {"bf16", "q8_0"})
                        self.assertTrue(all(rate["gflops"] > 0 for rate in rates["layers"] + rates["attention"]))
                if ranks > 1:
                    self.assertGreater(machines["hosts"][0]["inside"]["gbs"], 0)
                    self.assertGreater(machines["hosts"][0]["inside"]["latency_us"], 0)

    def test_a_probe_keeps_the_groups_of_a_cluster_file_and_generate_reads_it(self):
        groups = os.path.join(gemring_run.CLUSTER_CONFIGS, "shared-filter.json")
        path = self.path("with-groups.json")
        self.succeed(["plan", "--probe", "--model", gemring_run.DEMO_MODEL, "--cluster", groups, "--output", path], 2)
        with open(path, encoding="utf-8") as file:
            written = json.load(file)
        with open(groups, encoding="utf-8") as file:
            self.assertEqual(written["filter"]["symbol"], json.load(file)["filter"]["symbol"])
        request = ["--model", gemring_run.DEMO_MODEL, "--prompt", "One two three four five six seven eight " * 30, "--keep", 80,
                   "--max-new-tokens", 6, "--ignore-eos"]
        self.assertEqual(self.report([*request, "--cluster", path], 2)["generated_ids"], self.report(request)["generated_ids"])

    def test_a_plan_on_measured_machines_has_seconds_and_a_recommendation(self):
        report = self.plan("--cluster", self.measured(), "--ranks", 2, "--tokens", 8000, "--keep", 500)
        self.assertEqual([phase["name"] for phase in report["phases"]], ["filter", "select", "prefill", "decode"])
        seconds = {phase["name"]: phase["seconds"] for phase in report["phases"]}
        self.assertGreater(seconds["filter"], seconds["prefill"])
        self.assertAlmostEqual(report["first_token_seconds"], seconds["filter"] + seconds["select"] + seconds["prefill"])
        self.assertAlmostEqual(report["total_seconds"], report["first_token_seconds"] + 255 * seconds["decode"])
        self.assertEqual([rank["rank"] for rank in report["ranks"]], [0, 1])
        self.assertTrue(report["ranks"][0]["filters"])
        self.assertGreater(report["ranks"][1]["prefill_seconds"], 0)
        best = report["recommended"]
        self.assertLessEqual(best["total_seconds"], report["total_seconds"] * 1.0001)
        json.loads(best["cluster"])
        text = self.succeed(["plan", "--model", gemring_run.DEMO_MODEL, "--cluster", self.cluster, "--ranks", 2]).stdout
        self.assertRegex(text, r"first token +[\d.]+ m?s")
        self.assertIn("recommended: ", text)

    def test_a_plan_without_machines_says_what_seconds_need(self):
        text = self.succeed(["plan", "--model", gemring_run.DEMO_MODEL, "--ranks", 2]).stdout
        self.assertIn("no seconds", text)
        self.assertIn("--probe", text)
        self.assertEqual(self.plan("--ranks", 2)["phases"], [])

    def test_a_shape_needs_no_model(self):
        text = self.succeed(["plan", "--random-weights", SHAPE, "--tokens", 1000, "--cluster", self.measured()]).stdout
        self.assertIn("predicted phases", text)

    def test_simulate_goes_over_powers_of_two_and_the_ends(self):
        path = self.path("points.json")
        text = self.succeed(["simulate", "--model", gemring_run.DEMO_MODEL, "--cluster", self.measured(), "--ranks", "1..100",
                             "--tokens", 4000, "--keep", 300, "--max-new-tokens", 8, "--ranks-per-host", 2, "--allow-extrapolation",
                             "--json", path]).stdout
        self.assertIn("strong scaling", text)
        with open(path, encoding="utf-8") as file:
            points = [json.loads(line) for line in file]
        for scaling in ("strong", "weak"):
            of_kind = [point for point in points if point["scaling"] == scaling]
            self.assertEqual([point["ranks"] for point in of_kind], [1, 2, 4, 8, 16, 32, 64, 100])
            self.assertEqual([point["hosts"] for point in of_kind], [1, 1, 2, 4, 8, 16, 32, 50])
            self.assertEqual((of_kind[0]["speed_up"], of_kind[0]["efficiency"]), (1, 1))
            tokens = 4000 if scaling == "strong" else 400_000
            self.assertEqual(of_kind[-1]["tokens"], tokens)
            for point in of_kind:
                self.assertGreater(point["total_seconds"], 0)
                self.assertIn(point["limit"], ("compute", "memory bandwidth", "links", "memory"))

    def test_simulate_reaches_1024_ranks_of_the_files_own_groups(self):
        groups = self.path("groups.json")
        with open(self.measured(), encoding="utf-8") as file:
            cluster = json.load(file)
        cluster["filter"] = {"symbol": "all"}
        cluster["stages"] = [{"group": {"symbol": "all"}, "cut": 1}]
        self.path("groups.json", cluster)
        lines = self.succeed(["simulate", "--model", gemring_run.DEMO_MODEL, "--cluster", groups, "--ranks", "512..1024", "--scaling",
                              "strong", "--tokens", 60000, "--json"]).stdout.splitlines()
        self.assertEqual([json.loads(line)["ranks"] for line in lines], [512, 1024])
        self.assertEqual(json.loads(lines[1])["shape"], "filter on 1024 ranks; 1 stage of 1024 ranks")

    def test_mistakes_are_named(self):
        model = ["--model", gemring_run.DEMO_MODEL]
        plain = os.path.join(gemring_run.CLUSTER_CONFIGS, "one-rank.json")
        self.fails(["simulate", *model, "--cluster", plain], 3, "describes no machines", "--probe")
        self.fails(["simulate", *model, "--cluster", plain, "--ranks", "0..5"], 2, "--ranks", "0..5")
        self.fails(["simulate", *model, "--cluster", plain, "--ranks", "5..1"], 2, "--ranks", "5..1")
        self.fails(["simulate", *model], 2, "--cluster")
        self.fails(["plan", "--probe", "--output", "/nowhere/cluster.json"], 2, "/nowhere/cluster.json")
        self.fails(["plan", "--probe", "--output", "/nowhere/cluster.json"], 2, "/nowhere/cluster.json", ranks=2)
        self.fails(["plan", "--probe", "--cluster", "/nowhere.json"], 3, "/nowhere.json")
        self.fails(["plan", *model, "--output", "x.json"], 2, "--output")
        broken = self.path("broken.json", {"machines": {"hosts": [{"name": "a"}]}})
        self.fails(["plan", *model, "--cluster", broken], 3, "no machine")


if __name__ == "__main__":
    gemring_run.main()
