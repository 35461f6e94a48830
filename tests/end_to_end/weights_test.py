"""Formats of weights: GGUF files from the command line, and --weights on the trained model, whose answers must stay."""

import os

import gemring_run
from gemring_run import EndToEnd

GGUF = os.path.join(gemring_run.GOLDEN, "gguf")


class Weights(EndToEnd):
    def test_answers_of_the_trained_model_survive_every_conversion(self):
        cases = [case for case in gemring_run.needle_cases() if case["tokens"] <= 1024][:3]
        self.assertEqual(len(cases), 3)
        for number, case in enumerate(cases):
            prompt = self.path(f"prompt{number}.txt", case["prompt"])
            for weights in ("stored", "f32", "bf16", "q8_0", "q4_0"):
                with self.subTest(case=number, weights=weights):
                    report = self.report(["--model", gemring_run.DEMO_MODEL, "--prompt-file", prompt, "--method", "full",
                                          "--weights", weights, "--max-new-tokens", 8], 1 + number)
                    self.assertTrue(report["text"].strip().startswith(case["answer"]), report["text"])

    def test_a_gguf_file_is_a_model_with_its_own_tokenizer(self):
        for file in ("llama-Q4_K_M", "qwen2-Q8_0", "phi3-Q4_K_M"):
            with self.subTest(file=file):
                model = os.path.join(GGUF, f"{file}.gguf")
                reports = [self.report(["--model", model, "--prompt", "One of the facts is hidden here.", "--ignore-eos",
                                        "--max-new-tokens", 6], ranks) for ranks in (0, 2)]
                self.assertEqual(reports[0]["generated_ids"], reports[1]["generated_ids"])
                self.assertGreater(reports[0]["prompt_tokens"], 3)

    def test_what_is_quantised_already_is_not_converted(self):
        run = gemring_run.Run(gemring_run.command(
            ["generate", "--model", os.path.join(GGUF, "llama-Q4_0.gguf"), "--prompt", "x", "--weights", "q8_0"], 2))
        self.assert_fails(run, 3, "q4_0 already")


if __name__ == "__main__":
    gemring_run.main()
