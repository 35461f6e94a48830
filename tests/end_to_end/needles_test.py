"""A small needle grid on the bundled model: 1024 and 4096 tokens x 5 depths, with GemFilter's answer, the full model's
and the recall of the fact that the reference implementation had (tests/data/needles.jsonl).
"""

import json

import gemring_run
from gemring_run import EndToEnd

RANKS = 2
F32 = ("--compute", "f32")  # as the reference computed
DEPTHS = (0, 2, 5, 7, 9)  # of the ten cases of a length: depth 0.05 ... 0.95; all kinds of facts, both layouts


class Needles(EndToEnd):
    def keep(self, case):
        """The reference's `keep` counts the best-scored tokens alone, the forced ones come on top."""
        question = case["question_tokens"]
        return {"keep": case["reference"]["keep"] + 4 + question, "keep_first": 4, "keep_last": question}

    def right(self, cases, options, selection):
        """{case's id: whether its answer is right}, of all cases in one run."""
        lines = "".join(json.dumps({"id": case["id"], "prompt": case["prompt"], "max_new_tokens": 16, **selection(case)}) + "\n"
                        for case in cases)
        run = self.succeed(["generate", "--model", gemring_run.DEMO_MODEL, "--requests", self.path("cases.jsonl", lines),
                            "--parallel", 1, *options], RANKS)
        results = {result["id"]: result for result in map(json.loads, run.stdout.splitlines())}
        for case in cases:
            self.assertEqual(results[case["id"]]["usage"]["prompt_tokens"], case["tokens"], case["id"])
        return {case["id"]: results[case["id"]]["text"].strip().startswith(case["answer"]) for case in cases}

    def check_right(self, cases, options, selection, field):
        self.assertEqual(self.right(cases, options, selection), {case["id"]: case["reference"][field] for case in cases},
                         f"{options}, {field}")

    def check_kept(self, case):
        words = [word for name, value in self.keep(case).items() for word in ("--" + name.replace("_", "-"), value)]
        report = self.report(["--model", gemring_run.DEMO_MODEL, "--prompt-file", self.path("prompt.txt", case["prompt"]),
                              "--max-new-tokens", 1, *words, *F32], RANKS)
        self.assertIn(case["needle"], " ".join(span["text"] for span in report["kept_spans"]))

    def check(self, cases):
        self.check_right(cases, F32, self.keep, "gemfilter_right")
        paper = {"selection": "paper"}
        self.check_right(cases, F32, lambda case: {**paper, "keep": case["reference"]["keep"]}, "gemfilter_paper_right")
        self.check_right(cases, [*F32, "--method", "full"], lambda case: {}, "full_right")
        for case in cases:
            if case["reference"]["needle_recall"] == 1:
                with self.subTest(case=case["id"], depth=case["depth"]):
                    self.check_kept(case)

    def check_rounded(self, cases):
        """The machine's fastest products, on weights of 16 and of 8 bits; and all products in 8 bits
        where it has them."""
        has_int8 = "avx512_vnni" in self.succeed(["--version"]).stdout
        for compute, weights in [("auto", "bf16"), ("auto", "q8_0")] + [("int8", "q8_0")] * has_int8:
            self.check_right(cases, ["--compute", compute, "--weights", weights], self.keep, "gemfilter_right")

    def check_length(self, length, check, depths=DEPTHS):
        cases = {case["id"]: case for case in gemring_run.needle_cases()}
        check([cases[f"{length}-{number}"] for number in depths])

    def test_1024_tokens(self):
        self.check_length(1024, self.check)

    def test_4096_tokens(self):
        self.check_length(4096, self.check)

    def test_1024_tokens_rounded(self):
        self.check_length(1024, self.check_rounded)

    def test_4096_tokens_rounded(self):
        self.check_length(4096, self.check_rounded, DEPTHS[::2])


if __name__ == "__main__":
    gemring_run.main()
