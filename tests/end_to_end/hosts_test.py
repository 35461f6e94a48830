"""Two simulated hosts with two ranks each say what one rank says; a death on the far host ends the job."""

import os
import signal

import gemring_run
from gemring_run import EndToEnd, Run

HOSTS = [gemring_run.SIMULATED_HOSTS, "2", "--ranks-per-host", "2", "--"]


class Hosts(EndToEnd):
    def setUp(self):
        self.case = gemring_run.needle_cases()[4]
        self.request = ["--model", gemring_run.DEMO_MODEL, "--prompt-file", self.path("prompt.txt", self.case["prompt"]),
                        "--keep", 153, "--keep-last", 21, "--max-new-tokens", 16]

    def words(self, arguments):
        return [*HOSTS, gemring_run.GEMRING, *map(str, arguments)]

    def test_two_hosts_with_two_ranks_each_say_the_same_under_every_plan(self):
        alone = self.report(self.request)
        self.assertTrue(alone["text"].strip().startswith(self.case["answer"]), alone["text"])
        for cluster in [None, *gemring_run.cluster_configs()]:
            for method in ("gemfilter", "full"):
                expected = alone if method == "gemfilter" else self.report([*self.request, "--method", "full"])
                with self.subTest(cluster=os.path.basename(cluster or "no file"), method=method):
                    path = self.path("report.json")
                    run = Run(self.words(["generate", *self.request, "--method", method, "--json", path,
                                          *(["--cluster", cluster] if cluster else [])])).finish()
                    self.assertEqual(run.code, 0, run.describe())
                    with open(path, encoding="utf-8") as file:
                        report = gemring_run.json.load(file)
                    for field in ("text", "kept_indices", "generated_ids"):
                        self.assertEqual(report[field], expected[field], field)
                    self.assertEqual(len({rank["host"] for rank in report["ranks"]}), 2)
                    self.assertEqual(len(report["ranks"]), 4)
                    self.assertEqual(run.left_over(), [])

    def test_an_error_ends_both_hosts_with_one_message(self):
        run = Run(self.words(["generate", *self.request, "--filter-layer", 99]))
        self.assert_fails(run, 2, "--filter-layer")

    def test_a_rank_killed_on_the_far_host_ends_all(self):
        run = Run(self.words(["generate", *self.request[:-1], 60000, "--ignore-eos"]))
        run.wait_until(lambda: len(run.out) > 20)
        pids = run.ranks()
        self.assertEqual(sorted(pids), [0, 1, 2, 3])
        os.kill(pids[3], signal.SIGKILL)
        run.finish(30)
        self.assertEqual(run.code, 137, run.describe())
        self.assertNotIn("gemring: ", run.stderr)
        self.assertEqual(run.left_over(), [])


if __name__ == "__main__":
    gemring_run.need_simulated_hosts()
    gemring_run.main()
