"""A small needle grid on the bundled model: 1024 and 4096 tokens x 5 depths, with GemFilter's answer, the full model's
and the recall of the fact that the reference implementation had (tests/data/needles.jsonl).
"""

import gemring_run
from gemring_run import EndToEnd

RANKS = 2
F32 = ("--compute", "f32")  # as the reference computed
DEPTHS = (0, 2, 5, 7, 9)  # of the ten cases of a length: depth 0.05 ... 0.95; all kinds of facts, both layouts


class Needles(EndToEnd):
    def answer(self, case, options):
        report = self.report(["--model", gemring_run.DEMO_MODEL, "--prompt-file", self.path("prompt.txt", case["prompt"]),
                              "--max-new-tokens", 16, *options], RANKS)
        self.assertEqual(report["prompt_tokens"], case["tokens"], case["id"])
        return report, report["text"].strip().startswith(case["answer"])

    def filtered_answer(self, case, options):
        # The reference's `keep` counts the best-scored tokens alone, the forced ones come on top.
        question = case["question_tokens"]
        return self.answer(case, ["--keep", case["reference"]["keep"] + 4 + question, "--keep-first", 4,
                                  "--keep-last", question, *options])

    def check(self, case):
        reference = case["reference"]
        report, right = self.filtered_answer(case, F32)
        self.assertEqual(right, reference["gemfilter_right"], f"GemFilter: {report['text']!r}")
        if reference["needle_recall"] == 1:
            kept = " ".join(span["text"] for span in report["kept_spans"])
            self.assertIn(case["needle"], kept)
        report, right = self.answer(case, ["--selection", "paper", "--keep", reference["keep"], *F32])
        self.assertEqual(right, reference["gemfilter_paper_right"], f"paper: {report['text']!r}")
        report, right = self.answer(case, ["--method", "full", *F32])
        self.assertEqual(right, reference["full_right"], f"full: {report['text']!r}")

    def check_rounded(self, case):
        """The machine's fastest products, on weights of 16 and of 8 bits; and all products in 8 bits
        where it has them."""
        has_int8 = "avx512_vnni" in self.succeed(["--version"]).stdout
        for compute, weights in [("auto", "bf16"), ("auto", "q8_0")] + [("int8", "q8_0")] * has_int8:
            report, right = self.filtered_answer(case, ["--compute", compute, "--weights", weights])
            self.assertEqual(right, case["reference"]["gemfilter_right"], f"{compute}, {weights}: {report['text']!r}")

    def check_length(self, length, check):
        cases = {case["id"]: case for case in gemring_run.needle_cases()}
        for number in DEPTHS:
            case = cases[f"{length}-{number}"]
            with self.subTest(case=case["id"], depth=case["depth"]):
                check(case)

    def test_1024_tokens(self):
        self.check_length(1024, self.check)

    def test_4096_tokens(self):
        self.check_length(4096, self.check)

    def test_1024_tokens_rounded(self):
        self.check_length(1024, self.check_rounded)

    def test_4096_tokens_rounded(self):
        self.check_length(4096, self.check_rounded)


if __name__ == "__main__":
    gemring_run.main()
