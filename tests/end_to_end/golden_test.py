"""`gemring logits` and `gemring generate --prompt-ids` against the golden outputs of public reference code
(tests/data/golden/README.md has the tolerances). Some cases of each model, on 1 to 4 ranks;
tests/distributed/session has them all.
"""

import json
import os

import gemring_run
from gemring_run import EndToEnd

F32 = ("--compute", "f32")  # whatever the default may be

MODELS = ("llama-2", "llama-3.1", "smollm2", "mistral-nemo", "mistral-sliding", "phi-3.5", "qwen2", "qwen3")
LOGIT_TOLERANCE = 2e-3      # absolute
SCORE_TOLERANCE = 2e-5      # of the largest score
ROUNDING_MARGIN = 1e-3      # between the best and second logit: below it a difference is rounding
ROUNDING_GAP = 4e-5         # of the largest score, between the last kept and the first dropped


def load(model, name):
    with open(os.path.join(gemring_run.GOLDEN, model, name), encoding="utf-8") as file:
        return json.load(file)


def tensors(model, name):
    return gemring_run.read_safetensors(os.path.join(gemring_run.GOLDEN, model, name))


class Golden(EndToEnd):
    def ids_file(self, model, key, ids):
        return self.path(f"{model}.{key}.ids.json", list(ids))

    def assert_greedy(self, expected, got, margin, what):
        """Equal, or different only where the reference itself was undecided on the way."""
        if margin >= ROUNDING_MARGIN:
            self.assertEqual(got, expected, what)
        else:
            self.assertEqual(len(got), len(expected), what)

    def check_logits(self, model, n, ranks):
        golden = tensors(model, "golden.safetensors")
        shape, expected = golden[f"logits.{n}"]
        output = self.path(f"{model}.{n}.{ranks}.safetensors")
        ids = self.ids_file(model, f"n{n}", golden[f"ids.{n}"][1])
        self.succeed(["logits", "--model", os.path.join(gemring_run.GOLDEN, model), "--prompt-ids", ids, "--last", shape[0],
                      "--output", output, "--log-level", "warn", *F32], ranks)
        got_shape, got = gemring_run.read_safetensors(output)["logits"]
        self.assertEqual(got_shape, shape)
        worst = max(abs(a - b) for a, b in zip(expected, got))
        self.assertLessEqual(worst, LOGIT_TOLERANCE, f"{model}, {n} tokens, {ranks} ranks")

    def check_greedy(self, model, case, ranks):
        ids = self.ids_file(model, f"n{case['n']}", tensors(model, "golden.safetensors")[f"ids.{case['n']}"][1])
        report = self.report([*F32, "--model", os.path.join(gemring_run.GOLDEN, model), "--prompt-ids", ids,
                              "--method", "full", "--max-new-tokens", 16], ranks)
        what = f"{model}, {case['n']} tokens, {ranks} ranks"
        self.assertEqual(report["prompt_tokens"], case["n"], what)
        self.assertEqual(report["kept_indices"], list(range(case["n"])), what)
        self.assertEqual((report["scores"], report["text"]), ([], ""), what)
        self.assert_greedy(case["greedy"], report["generated_ids"], case["min_margin"], what)

    def check_gemfilter(self, model, case, ranks):
        golden = tensors(model, "gemfilter.safetensors")
        key = case["key"]
        report = self.report(
            [*F32, "--model", os.path.join(gemring_run.GOLDEN, model),
             "--prompt-ids", self.ids_file(model, key, golden[f"{key}.ids"][1]), "--selection", "paper",
             "--keep", case["k"], "--filter-layer", case["filter_layer"], "--max-new-tokens", 12], ranks)
        what = f"{model}, {key}, {ranks} ranks"
        indices = list(golden[f"{key}.indices"][1])
        largest = max(map(abs, golden[f"{key}.scores"][1]))
        if report["scores"]:
            worst = max(abs(a - b) for a, b in zip(golden[f"{key}.scores"][1], report["scores"], strict=True))
            self.assertLessEqual(worst, SCORE_TOLERANCE * largest, what)
        else:
            self.assertGreaterEqual(case["k"], case["n"], f"{what}: no scores, so everything must be kept")
        if case["gap_at_k"] is not None and case["gap_at_k"] < ROUNDING_GAP * largest:
            self.assertLessEqual(len(set(indices) ^ set(report["kept_indices"])), 2, what)
        else:
            self.assertEqual(report["kept_indices"], indices, what)
            self.assert_greedy(case["greedy"], report["generated_ids"], case["min_margin"], what)

    def test_logits_and_greedy_tokens(self):
        for model in MODELS:
            cases = {case["n"]: case for case in load(model, "golden.json")["cases"]}
            for n, ranks in ((40, 1), (131, 3)):  # on both sides of where Phi-3.5 changes its RoPE
                with self.subTest(model=model, n=n, ranks=ranks):
                    self.check_logits(model, n, ranks)
                    self.check_greedy(model, cases[n], ranks)

    def test_gemfilter(self):
        for model in MODELS:
            for number, case in enumerate(load(model, "gemfilter.json")["cases"][:3]):
                ranks = (2, 4, 1)[number]
                with self.subTest(model=model, case=case["key"], ranks=ranks):
                    self.check_gemfilter(model, case, ranks)

    def test_the_newer_field_names_of_config_json_give_the_same_model(self):
        for model in MODELS:
            source = os.path.join(gemring_run.GOLDEN, model)
            copy = self.path(f"{model}-v5")
            os.mkdir(copy)
            for name in os.listdir(source):
                if name.startswith("model") or name == "generation_config.json":
                    os.symlink(os.path.join(source, name), os.path.join(copy, name))
            os.symlink(os.path.join(source, "config.v5.json"), os.path.join(copy, "config.json"))
            ids = self.ids_file(model, "n40", tensors(model, "golden.safetensors")["ids.40"][1])
            reports = [self.report([*F32, "--model", directory, "--prompt-ids", ids, "--method", "full",
                                    "--max-new-tokens", 16])
                       for directory in (source, copy)]
            with self.subTest(model=model):
                self.assertEqual(reports[0]["generated_ids"], reports[1]["generated_ids"])


if __name__ == "__main__":
    gemring_run.main()
