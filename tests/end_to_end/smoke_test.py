"""A little of everything on the smallest models, for the sanitizers: every plan, both methods, logits, one error."""

import json
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

    def test_several_requests_at_a_time(self):
        line = {"prompt_ids": [(7 * number) % 300 + 3 for number in range(97)], "keep": 24, "keep_last": 5}
        requests = [{**line, "max_new_tokens": tokens} for tokens in (3, 6, 1, 5)] + [{"prompt_ids": [-1]}]
        run = Run(gemring_run.command(["generate", *self.model[:2], "--filter-layer", 2, "--requests", "-", "--progress",
                                       "always"], 3), stdin="".join(json.dumps(one) + "\n" for one in requests).encode())
        self.assertEqual(run.finish().code, 8, run.describe())
        results = [json.loads(one) for one in run.stdout.splitlines()]
        self.assertEqual([len(one["generated_ids"]) for one in results], [3, 6, 1, 5, 0], run.describe())

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
