"""gemring index and ask: a text is read once, and asked by later runs on any number of ranks, to the same answers."""

import json
import os
import shutil
import signal

import gemring_run
from gemring_run import EndToEnd, Run, command

USAGE, CONFIG, MODEL_FILE = 2, 3, 4
MODEL = ["--model", gemring_run.DEMO_MODEL]
BOOK = "".join(f"{word} went down the rabbit-hole and thought of number {number}. "
               for number, word in enumerate(("Alice", "The hare", "A cat", "The queen") * 160))
ASK = ["--question", "Which number did the hare think of?", "--keep", 400, "--max-new-tokens", 6]
WINDOWED = {"heads": [{"layer": 3, "head": 1}], "normalisation": "z_score", "queries": 4, "pool": 1, "unit": "sentences",
            "window": 256, "sinks": 4}
CHUNK = 2048


class Index(EndToEnd):
    def setUp(self):
        self.text = self.path("book.txt", BOOK)
        self.profile = ["--filter-profile", self.path("profile.json", WINDOWED)]

    def index(self, name, ranks=0, words=()):
        path = self.path(name)
        run = self.succeed(["index", self.text, *MODEL, *self.profile, *words, "--output", path], ranks)
        self.assertRegex(run.stdout, rf"{name}: [\d,]+ of [\d,]+ tokens, [\d.]+ MiB, read in [\d.]+ s\n")
        return path

    def ask(self, index, ranks=0, words=()):
        report = self.path(f"ask-{ranks}.json")
        run = self.succeed(["ask", index, *MODEL, *self.profile, *ASK, *words, "--json", report], ranks)
        with open(report, encoding="utf-8") as file:
            return run.stdout, json.load(file)

    def records(self, path):
        with open(path, "rb") as file:
            data = file.read()
        head = int.from_bytes(data[16:24], "little")
        return data[24 + head + 8:]

    def test_what_any_ranks_read_any_others_ask(self):
        whole = self.report([*MODEL, *self.profile, "--chat", "--user-file", self.text, *ASK])
        self.assertEqual(whole.get("reused_tokens", 0), 0)
        one, three = self.index("one.index"), self.index("three.index", 3)
        self.assertEqual(self.records(one), self.records(three))
        for ranks in (0, 2, 3):
            text, report = self.ask(three, ranks)
            self.assertEqual(text.rstrip("\n"), whole["text"])
            for field in ("kept_indices", "scores", "generated_ids", "prompt_tokens"):
                self.assertEqual(report[field], whole[field], f"{field}, {ranks} ranks")
            self.assertEqual(report["reused_tokens"], (whole["prompt_tokens"] - 256) // CHUNK * CHUNK)

    def test_the_system_message_the_kv_type_and_another_filter_go_with_it(self):
        filtering = ["--filter-model", gemring_run.DEMO_MODEL, "--kv-type", "bf16", "--compute", "f32"]
        path = self.index("spoken.index", 2, ["--system", "Be brief.", *filtering])
        whole = self.report([*MODEL, *self.profile, *filtering, "--chat", "--system", "Be brief.", "--user-file", self.text,
                             *ASK])
        _, report = self.ask(path, 0, filtering)
        self.assertEqual(report["generated_ids"], whole["generated_ids"])
        self.assertGreater(report["reused_tokens"], 3 * CHUNK)

    def test_what_is_foreign_cut_or_damaged_is_refused_by_name(self):
        path = self.index("book.index", words=["--kv-type", "f32"])
        with open(path, "rb") as file:
            data = file.read()
        asked = ["ask", path, *MODEL, *ASK]
        narrow = self.path("narrow.json", {**WINDOWED, "window": 128})
        later = self.path("later.json", {**WINDOWED, "heads": [{"layer": 4, "head": 1}]})
        for words, problem in ((["--filter-profile", narrow], "window 256"), (["--filter-profile", later], "layers 3"),
                               (["--filter-layer", 3], "window 256"),
                               ([*self.profile, "--kv-type", "bf16"], "keys in f32")):
            self.assert_fails(Run(command([*asked, *words], 2)), CONFIG, "book.index", problem, "gemring index")
        other = self.path("other")
        shutil.copytree(gemring_run.DEMO_MODEL, other)
        with open(os.path.join(other, "model.safetensors"), "r+b") as file:
            file.seek(-2, os.SEEK_END)
            last = file.read(2)
            file.seek(-2, os.SEEK_END)
            file.write(bytes([last[0] ^ 1, last[1]]))
        self.assert_fails(Run(command(["ask", path, "--model", other, *self.profile, *ASK], 0)), CONFIG, "filter model")
        for name, content, problem in (("cut", data[:-9], "cut short"), ("longer", data + b"x", "too long"),
                                       ("flipped", data[:-900] + bytes([data[-900] ^ 1]) + data[-899:], "damaged"),
                                       ("head", data[:40] + bytes([data[40] ^ 1]) + data[41:], "damaged"),
                                       ("text", BOOK.encode(), "no index"), ("empty", b"", "no index")):
            broken = self.path(name + ".index", content)
            self.assert_fails(Run(command(["ask", broken, *MODEL, *self.profile, *ASK], 2)), MODEL_FILE, name + ".index", problem)
        self.assert_fails(Run(command(["ask", self.path("none"), *MODEL, *ASK], 0)), MODEL_FILE, "none")

    def test_what_makes_no_index_leaves_what_was_there(self):
        path = self.path("kept.index", "something")
        short = self.path("short.txt", "Alice was beginning.")
        into = ["--output", path]
        for words, code, problem in (([self.text, *MODEL, *into, "--filter-layer", 3], CONFIG, "no window"),
                                     ([short, *MODEL, *self.profile, *into], USAGE, "chunks of 2048"),
                                     ([self.path("nothing"), *MODEL, *self.profile, *into], USAGE, "nothing"),
                                     ([self.path("raw", b"\xff" * 9000), *MODEL, *self.profile, *into], USAGE, "UTF-8"),
                                     ([self.text, *MODEL, *self.profile, "--output", self.path("no/where")], USAGE, "where")):
            self.assert_fails(Run(command(["index", *words], 2)), code, problem)
        run = Run(command(["index", self.text, *MODEL, *self.profile, *into, "--progress", "always"], 0))
        run.wait_until(lambda: "filter" in run.stderr)
        run.process.send_signal(signal.SIGINT)
        run.finish()
        self.assertIn(run.code, (0, 130))
        if run.code == 130:
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), "something")
        self.assertEqual([name for name in os.listdir(self.directory) if name.startswith("kept.index.")], [])
        for words, problem in ((["ask", path, *MODEL], "--question"), (["index", self.text, *MODEL], "--output"),
                               (["index", *MODEL, *into], "text"), (["ask", *MODEL, *ASK], "index")):
            self.assert_fails(Run(command(words, 0)), USAGE, problem)


if __name__ == "__main__":
    gemring_run.main()
