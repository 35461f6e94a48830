"""gemring eval: the same cases by every method on any number of ranks, kept as they come, gone on with after a kill.

The bundled model does not know RULER's questions, so what is asked of it here is the machinery; with
GEMRING_REAL_MODELS a published one has to be right.
"""

import json
import os
import signal
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import gemring_run
from gemring_run import EndToEnd, Run, command

TOOLS = os.path.join(gemring_run.ROOT, "launch", "tools")
sys.path.insert(0, TOOLS)
from scaling_study.plots import python_with_matplotlib  # noqa: E402  pylint: disable=wrong-import-position

MODEL = ["--model", gemring_run.DEMO_MODEL, "--compute", "f32", "--log-level", "warn"]
SHORT = ["eval", "niah", *MODEL, "--lengths", "700", "--depths", "0,100", "--samples", "1", "--max-new-tokens", "4",
         "--keep", "300"]
CASES = 40  # of a run that is interrupted behind its second one: mpirun takes a while to pass the signal on


def lines_of(folder):
    with open(os.path.join(folder, "cases.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def without_seconds(lines):
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


class Eval(EndToEnd):
    def read(self, folder, name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read()

    def test_any_number_of_ranks_writes_the_same_cases_tables_and_pictures(self):
        cases = {}
        for ranks in (0, 3):
            folder = self.path(f"out-{ranks}")
            run = self.succeed([*SHORT, "--methods", "full,gemfilter=2,profile", "--output", folder], ranks)
            self.assertEqual(sorted(os.listdir(folder)), [
                "cases.jsonl", "heatmap-full.svg", "heatmap-gemfilter-2.svg", "heatmap-profile.svg", "report.html",
                "settings.json", "table.txt"])
            self.assertEqual(run.stdout, self.read(folder, "table.txt"))
            for name in ("heatmap-full.svg", "report.html"):
                xml.etree.ElementTree.fromstring(self.read(folder, name))
            cases[ranks] = without_seconds(lines_of(folder))
        self.assertEqual(cases[0], cases[3])
        self.assertEqual([(line["id"], line["method"]) for line in cases[0]],
                         [(f"niah_single_2/700/{depth}/0", method) for method in ("full", "gemfilter=2", "profile")
                          for depth in (0, 100)])
        for line in cases[0]:
            self.assertLessEqual(line["prompt_tokens"], 696)
            self.assertEqual(line["kept"], line["prompt_tokens"] if line["method"] == "full" else 300)
            self.assertTrue(line["method"] != "full" or line["recall"] == 1)
            self.assertEqual((line["category"], line["task"]), ("retrieval", "niah_single_2"))
        self.assertEqual(len({line["prompt_tokens"] for line in cases[0] if line["depth"] == 0}), 1, "one prompt for all")
        if python_with_matplotlib() is not None:
            subprocess.run([os.path.join(TOOLS, "eval-pictures"), folder], check=True, capture_output=True)
            with open(os.path.join(folder, "heatmaps.png"), "rb") as file:
                self.assertTrue(file.read().startswith(b"\x89PNG"))

    def test_what_is_there_is_not_run_again_and_more_is_added(self):
        folder = self.path("out")
        words = [*SHORT, "--output", folder, "--methods"]
        self.succeed([*words, "full"])
        first = lines_of(folder)
        self.succeed([*words, "full"], 2)
        self.assertEqual(lines_of(folder), first)
        self.succeed([*words, "full,profile", "--samples", "2"], 2)
        lines = lines_of(folder)
        self.assertEqual(lines[:2], first)
        self.assertEqual(len({(line["id"], line["method"]) for line in lines}), 8)
        self.assertEqual(len(lines), 8)
        self.assert_fails(Run(command([*words, "full", "--keep", "301"], 0)), 2, "--keep 300, and now it is 301")
        self.assert_fails(Run(command([*words, "full", "--seed", "2"], 3)), 2, "--seed 1, and now it is 2")

    def test_an_interrupt_leaves_what_was_done_and_the_same_command_goes_on(self):
        for ranks in (0, 2):
            folder = self.path(f"killed-{ranks}")
            words = [*SHORT, "--output", folder, "--methods", "full", "--samples", str(CASES // 2)]
            run = Run(command(words, ranks))
            run.wait_until(lambda folder=folder: os.path.exists(os.path.join(folder, "cases.jsonl"))
                           and len(self.read(folder, "cases.jsonl").splitlines()) > 1)
            run.process.send_signal(signal.SIGINT)
            run.finish()
            self.assertNotEqual(run.code, 0, run.describe())
            self.assertEqual(run.left_over(), [])
            if ranks == 0:
                self.assertEqual(run.code, 130, run.describe())
                self.assertIn("the same command goes on from there", run.stderr)
            left = self.read(folder, "cases.jsonl")
            self.assertLess(len(left.splitlines()), CASES)
            with open(os.path.join(folder, "cases.jsonl"), "a", encoding="utf-8") as file:
                file.write(left[:50])  # as a machine that stops leaves it
            self.succeed(words, ranks)
            lines = self.read(folder, "cases.jsonl")
            self.assertTrue(lines.startswith(left))
            self.assertEqual(len({json.loads(line)["id"] for line in lines.splitlines()}), CASES)

    def test_ruler_and_questions_have_their_tasks_and_texts(self):
        folder = self.path("ruler")
        run = self.succeed(["eval", "ruler", *MODEL, "--lengths", "1280", "--samples", "1", "--max-new-tokens", "1", "--methods",
                            "profile", "--output", folder, "--parallel", "2"], 2)
        self.assertEqual(len(lines_of(folder)), 11)
        for words in ("retrieval", "tracking", "aggregation", "accuracy by task", "niah_multikey_3", "cwe"):
            self.assertIn(words, run.stdout)
        folder = self.path("qa")
        self.succeed(["eval", "qa", *MODEL, "--lengths", "600", "--samples", "2", "--max-new-tokens", "1", "--methods", "full",
                      "--output", folder])
        self.assertEqual([line["references"] for line in lines_of(folder)], [["ORANGE MARMALADE"], ["Dinah"]])
        text = self.path("text.txt", "A cat sat. " * 200 + "The key is red. " + "A dog ran. " * 200)
        questions = self.path("questions.jsonl", json.dumps({"file": text, "question": "Which key?", "answer": "red"}) + "\n")
        folder = self.path("own")
        self.succeed(["eval", "qa", *MODEL, "--questions", questions, "--lengths", "600", "--max-new-tokens", "1", "--methods",
                      "full", "--output", folder])
        self.assertEqual(lines_of(folder)[0]["recall"], 1)

    def test_what_cannot_be_is_refused(self):
        folder = self.path("refused")
        for words, code, said in (
                (["niah", "--methods", "full,snap"], 2, "'snap' is no method"),
                (["niah", "--methods", "gemfilter=8"], 2, "too large"),
                (["niah", "--methods", "profile=/nowhere.json"], 2, "/nowhere.json"),
                (["ruler", "--tasks", "vt,nothing"], 2, "'nothing' is no task"),
                (["niah", "--tasks", "vt"], 2, "'vt' is no task"),
                (["niah", "--lengths", "256"], 2, "too few for niah_single_2"),
                (["niah", "--lengths", "131072"], 3, "positions"),
                (["niah", "--depths", "101"], 2, "is no list of depths"),
                (["qa", "--questions", self.path("none.jsonl", "")], 2, "has 0 questions"),
                (["niah", "--trace", os.path.join(folder, "trace.json")], 2, "is where --trace"),
                (["niah", "--texts", self.path("nowhere")], 2, "--texts")):
            with self.subTest(words=words):
                self.assert_fails(Run(command(["eval", *words, *MODEL, "--output", folder], 0)), code, said)
        self.assert_fails(Run(command(["eval", "niah", *MODEL, "--output", self.path("file", "x")], 3)), 2, "--output")

    def test_a_published_model_is_right(self):
        model = os.path.join(os.environ.get("GEMRING_REAL_MODELS", ""), "smollm2-135m.gguf")
        if not os.path.exists(model):
            raise unittest.SkipTest("GEMRING_REAL_MODELS names no folder with smollm2-135m.gguf")
        folder = self.path("real")
        self.succeed(["eval", "niah", "--model", model, "--lengths", "1024", "--depths", "50", "--samples", "2", "--methods",
                      "full,profile", "--max-new-tokens", "16", "--output", folder])
        self.assertEqual([line["score"] for line in lines_of(folder)], [1, 1, 1, 1])


if __name__ == "__main__":
    gemring_run.main()
