"""Published checkpoints give what transformers gives. SmolLM2-135M, which launch/test fetches into build/models, is
held against stored values (tests/data/published, made by launch/tools/make-published-reference): tokenizer, chat
template, greedy tokens in f32, GemFilter's scores, tokens and answer; and README's first page comes true. Where
GEMRING_REAL_MODELS names a folder with qwen2.5-0.5b.gguf and qwen2.5-1.5b.gguf (launch/tools/fetch-model), their
greedy tokens are compared with the references in GEMRING_SHARED_DATA, which may not be copied here, and they find
needles with what is built in.
"""

import json
import os
import re
import subprocess
import unittest

import gemring_run
from gemring_run import EndToEnd

SMOLLM2 = os.path.join(gemring_run.ROOT, "tests", "data", "published", "smollm2-135m.json")
CLOSE = 1e-3  # of logits: f32 sums of other orders differ by less
PROMPTS = 3   # of each model's; the larger ones take seconds a token on a small machine


def model(name):
    for folder in (os.environ.get("GEMRING_REAL_MODELS", ""), os.path.join(gemring_run.ROOT, "build", "models")):
        path = os.path.join(folder, name + ".gguf")
        if folder and os.path.exists(path):
            return path
    raise unittest.SkipTest(f"neither GEMRING_REAL_MODELS nor build/models has {name}.gguf")


def clear_cases(cases):
    """Those whose best two logits nowhere come closer than rounding."""
    return [case for case in cases if min(case["margins"]) > CLOSE]


class SmolLM2(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = model("smollm2-135m")
        with open(SMOLLM2, encoding="utf-8") as file:
            cls.reference = json.load(file)

    def lines_of(self, command, lines):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        run = gemring_run.Run(gemring_run.command([command, "--model", self.model], 0), stdin=text.encode()).finish()
        self.assertEqual(run.code, 0, run.describe())
        return [json.loads(line) for line in run.stdout.splitlines()]

    def test_texts_have_its_tokens(self):
        texts = self.reference["texts"] + [{"text": case["prompt"], "ids": case["ids"]} for case in self.reference["chats"]]
        self.assertEqual(self.lines_of("tokenize", [{"text": case["text"]} for case in texts]), [case["ids"] for case in texts])

    def test_conversations_have_its_form(self):
        chats = self.reference["chats"]
        self.assertEqual(self.lines_of("render", [{"messages": case["messages"], "add_generation_prompt": True} for case in chats]),
                         [case["prompt"] for case in chats])

    def test_greedy_tokens_are_its(self):
        cases = clear_cases(self.reference["chats"])
        self.assertGreater(len(cases), 1)
        lines = "".join(json.dumps({"messages": case["messages"], "max_new_tokens": len(case["greedy"])}) + "\n"
                        for case in cases)
        requests = self.path("chats.jsonl", lines)
        for ranks in (0, 3):
            run = self.succeed(["generate", "--model", self.model, "--requests", requests, "--chat", "--method", "full",
                                "--compute", "f32"], ranks)
            for line, case in zip(run.stdout.splitlines(), cases):
                self.assertEqual(json.loads(line)["generated_ids"], case["greedy"], f"{ranks} ranks: {case['messages']}")

    def test_gemfilter_chooses_and_answers_as_published(self):
        case = self.reference["gemfilter"]
        self.assertGreater(min(case["margins"]), CLOSE)
        ids = self.path("ids.json", case["ids"])
        largest = max(map(abs, case["scores"]))
        for ranks in (0, 2):
            report = self.report(["--model", self.model, "--prompt-ids", ids, "--selection", "paper", "--filter-layer",
                                  case["layer"], "--keep", case["keep"], "--max-new-tokens", len(case["greedy"]),
                                  "--compute", "f32"], ranks)
            self.assertLess(max(abs(a - b) for a, b in zip(report["scores"], case["scores"])), 2e-5 * largest + 1e-3)
            self.assertEqual(report["kept_indices"], case["kept"])
            self.assertEqual(report["generated_ids"], case["greedy"])

    def test_the_first_page_says_what_it_answers(self):
        with open(os.path.join(gemring_run.ROOT, "README.md"), encoding="utf-8") as file:
            block = re.search(r"^    pip download.*?(?=\n\n\S)", file.read(), re.M | re.S)[0]
        lines = [line[4:] for line in block.splitlines()]
        words, answer = "\n".join(lines[1:-2]), lines[-1]
        folder = self.path("page")
        os.makedirs(os.path.join(folder, "launch"), exist_ok=True)
        os.symlink(os.path.join(gemring_run.ROOT, "launch", "demo-data"), os.path.join(folder, "launch", "demo-data"))
        words = words.replace("build/release/gemring", gemring_run.GEMRING).replace("models/*.gguf", self.model)
        run = subprocess.run(["bash", "-euc", words], cwd=folder, env=gemring_run.environment(), capture_output=True,
                             text=True, check=False)
        self.assertEqual((run.returncode, run.stdout.strip()), (0, answer), run.stderr)


class Qwen(EndToEnd):
    def compare(self, name):
        path = model(name)
        reference = os.path.join(os.environ.get("GEMRING_SHARED_DATA", ""), "real-models", f"reference-{name}.json")
        if not os.path.exists(reference):
            raise unittest.SkipTest("GEMRING_SHARED_DATA has no reference tokens of published models")
        with open(reference, encoding="utf-8") as file:
            cases = clear_cases(json.load(file))[:PROMPTS]
        self.assertTrue(cases)
        lines = "".join(json.dumps({"id": str(i), "prompt_ids": case["ids"], "max_new_tokens": len(case["greedy"])}) + "\n"
                        for i, case in enumerate(cases))
        requests = self.path(f"{name}.jsonl", lines)
        for ranks in (0, 3):
            run = self.succeed(["generate", "--model", path, "--requests", requests, "--method", "full", "--compute", "f32"],
                               ranks)
            for line, case in zip(run.stdout.splitlines(), cases):
                self.assertEqual(json.loads(line)["generated_ids"], case["greedy"], f"{ranks} ranks: {case['prompt']}")

    def find_needles(self, name):
        """What is built in filters: of what the whole text answers right nothing is lost."""
        output = self.path(f"eval-{name}")
        self.succeed(["eval", "niah", "--model", model(name), "--methods", "full,profile", "--lengths", 2048, "--depths", "20,80",
                      "--samples", 1, "--max-new-tokens", 48, "--output", output])
        right = {"full": set(), "profile": set()}
        with open(os.path.join(output, "cases.jsonl"), encoding="utf-8") as file:
            for case in map(json.loads, file):
                if case["score"] == 1:
                    right[case["method"]].add(case["id"])
        self.assertTrue(right["full"])
        self.assertEqual(right["full"] - right["profile"], set())

    def test_05b_gives_transformers_tokens(self):
        self.compare("qwen2.5-0.5b")

    def test_15b_gives_transformers_tokens(self):
        self.compare("qwen2.5-1.5b")

    def test_05b_finds_needles(self):
        self.find_needles("qwen2.5-0.5b")

    def test_15b_finds_needles(self):
        self.find_needles("qwen2.5-1.5b")


if __name__ == "__main__":
    gemring_run.main()
