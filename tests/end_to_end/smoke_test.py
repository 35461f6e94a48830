"""A little of everything on the smallest models, for the sanitizers: every plan, both methods, logits, one error."""

import os

import gemring_run
from gemring_run import EndToEnd, Run


class Smoke(EndToEnd):
    def setUp(self):
        self.ids = self.path("ids.json", [(7 * number) % 300 + 3 for number in range(97)])
        self.model = ["--model", os.path.join(gemring_run.GOLDEN, "llama-3.1"), "--prompt-ids", self.ids]

    def test_every_plan_with_and_without_the_filter(self):
        for method in ("gemfilter", "full"):
            request = [*self.model, "--method", method, "--keep", 24, "--keep-last", 5, "--max-new-tokens", 6]
            request += ["--filter-layer", 2] if method == "gemfilter" else []
            alone = self.report(request)
            for cluster in [None, *gemring_run.cluster_configs()]:
                with self.subTest(method=method, cluster=cluster):
                    report = self.report([*request, *(["--cluster", cluster] if cluster else [])], 3)
                    self.assertEqual(report["generated_ids"], alone["generated_ids"])
                    self.assertEqual(report["kept_indices"], alone["kept_indices"])

    def test_text_in_and_out(self):
        case = gemring_run.needle_cases()[8]
        report = self.report(["--model", gemring_run.DEMO_MODEL, "--prompt-file", self.path("prompt.txt", case["prompt"]),
                              "--keep", 153, "--keep-last", 21, "--max-new-tokens", 8], 2)
        self.assertTrue(report["text"].strip().startswith(case["answer"]), report["text"])

    def test_logits_bench_plan_inspect(self):
        self.succeed(["logits", *self.model, "--last", 5, "--output", self.path("logits.safetensors")], 2)
        self.succeed(["bench", "gemfilter", "--random-weights", os.path.join(gemring_run.DEMO_MODEL, "config.json"), "--tokens",
                      300, "--keep", 64, "--keep-last", 8, "--filter-layer", 3, "--repetitions", 1], 2)
        self.succeed(["plan", "--model", gemring_run.DEMO_MODEL, "--ranks", 5])
        self.succeed(["inspect", "--model", gemring_run.DEMO_MODEL])

    def test_an_error(self):
        self.assert_fails(Run(gemring_run.command(["generate", *self.model, "--filter-layer", 99], 2)), 2, "--filter-layer")


if __name__ == "__main__":
    gemring_run.main()
