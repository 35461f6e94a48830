"""One model filters, another one answers: every command, any number of ranks, and what is refused.

The filter model is the bundled one without its upper layers: what it keeps is known from the whole one's own filter
pass.
"""

import json
import os
import re
import shutil
import struct

import gemring_run
from gemring_run import EndToEnd, Run

USAGE, CONFIG, MODEL_FILE = 2, 3, 4
LAYERS = 5  # of the filter model; the bundled one has 8
SHAPE = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 128, "intermediate_size": 256,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 16384, "rms_norm_eps": 1e-5,
         "rope_theta": 10000.0, "tie_word_embeddings": True}


def cut_layers(path, layers):
    """Leaves of a safetensors file the lower layers, and what is of none."""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    kept, header = b"", {}
    for name, entry in json.loads(data[8:8 + length]).items():
        layer = re.search(r"layers\.(\d+)\.", name)
        if name == "__metadata__" or (layer and int(layer[1]) >= layers):
            continue
        begin, end = entry["data_offsets"]
        header[name] = {**entry, "data_offsets": [len(kept), len(kept) + end - begin]}
        kept += data[8 + length + begin:8 + length + end]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + kept)


def swap_tokens(model, one, other):
    """Gives two tokens of a model each other's ids: what it computes of a text stays the same."""
    path = os.path.join(model, "tokenizer.json")
    with open(path, encoding="utf-8") as file:
        tokenizer = json.load(file)
    vocabulary = tokenizer["model"]["vocab"]
    swapped = {one: other, other: one}
    tokenizer["model"]["vocab"] = {token: swapped.get(number, number) for token, number in vocabulary.items()}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(tokenizer, file, ensure_ascii=False)
    path = os.path.join(model, "model.safetensors")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    length = struct.unpack("<Q", data[:8])[0]
    entry = json.loads(data[8:8 + length])["model.embed_tokens.weight"]
    size = 2 * entry["shape"][1]  # bf16
    rows = [8 + length + entry["data_offsets"][0] + number * size for number in (one, other)]
    first, second = (bytes(data[row:row + size]) for row in rows)
    data[rows[0]:rows[0] + size], data[rows[1]:rows[1] + size] = second, first
    with open(path, "wb") as file:
        file.write(data)


class WithFilterModel(EndToEnd):
    def setUp(self):
        self.case = gemring_run.needle_cases()[4]
        self.prompt = self.path("prompt.txt", self.case["prompt"])
        self.filter = self.model("filter", num_hidden_layers=LAYERS)

    def model(self, name, **config):
        """The bundled model with changes to its config.json; fewer layers are the lower ones."""
        copy = self.path(name)
        if not os.path.exists(copy):
            shutil.copytree(gemring_run.DEMO_MODEL, copy)
            path = os.path.join(copy, "config.json")
            with open(path, encoding="utf-8") as file:
                values = json.load(file)
            self.path(path, {**values, **config})
            cut_layers(os.path.join(copy, "model.safetensors"), {**values, **config}["num_hidden_layers"])
        return copy

    def models(self, filter_model=None):
        return ["--model", gemring_run.DEMO_MODEL, "--filter-model", filter_model or self.filter]

    def request(self, *words, models=None):
        return [*(models or self.models()), "--prompt-file", self.prompt, "--keep", 153, "--keep-last", 21,
                "--max-new-tokens", 12, *words]


class FilterModel(WithFilterModel):
    def test_a_model_of_the_same_lower_layers_keeps_what_the_model_itself_keeps_on_any_plan(self):
        own = self.report(self.request(models=["--model", gemring_run.DEMO_MODEL]))
        self.assertEqual(own["filter_model"], "")
        reports = [self.report(self.request())]
        reports += [self.report(self.request(), ranks) for ranks in (1, 2, 4)]
        reports += [self.report(self.request("--cluster", cluster), 3) for cluster in gemring_run.cluster_configs()]
        for report in reports:
            self.assertEqual(report["kept_indices"], own["kept_indices"])
            self.assertEqual(report["generated_ids"], own["generated_ids"])
            self.assertEqual((report["model"], report["filter_model"]), (gemring_run.DEMO_MODEL, self.filter))
            self.assertIn({"name": "--filter-model", "value": self.filter}, report["options"])

    def test_the_profile_is_the_filter_models_own(self):
        with open(os.path.join(self.model("other", num_hidden_layers=LAYERS), "gemring.json"), "w", encoding="utf-8") as file:
            json.dump({"filter_layer": 1}, file)
        other = self.models(self.model("other"))
        log = self.succeed(["generate", *self.request(models=other), "--log-level", "info"]).stderr
        self.assertIn(f"filter: 1 of {LAYERS} layers", log)
        self.assertIn("filter model: ", log)
        expected = self.report(self.request("--filter-layer", 1, models=["--model", gemring_run.DEMO_MODEL]))
        self.assertEqual(self.report(self.request(models=other), 2)["kept_indices"], expected["kept_indices"])
        self.assert_fails(Run(gemring_run.command(["generate", *self.request("--filter-layer", LAYERS)], 0)), USAGE,
                          f"layer {LAYERS} is outside 0..{LAYERS - 1}")

    def test_requests_are_filtered_by_it(self):
        lines = "".join(json.dumps({"prompt": self.case["prompt"], "keep": keep, "keep_last": 21, "max_new_tokens": 12}) + "\n"
                        for keep in (153, 200, 5000))
        path = self.path("totals.json")
        run = Run(gemring_run.command(["generate", *self.models(), "--requests", "-", "--json", path], 3), stdin=lines).finish()
        self.assertEqual(run.code, 0, run.describe())
        for line, kept in zip(run.stdout.splitlines(), (153, 200, None)):
            result = json.loads(line)
            self.assertIn(self.case["answer"], result["text"])
            self.assertEqual(result["usage"]["kept_tokens"], kept or result["usage"]["prompt_tokens"])
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["filter_model"], self.filter)

    def test_weights_and_compute_count_for_both(self):
        expected = self.report(self.request("--weights", "q8_0", "--compute", "f32", models=["--model", gemring_run.DEMO_MODEL]))
        report = self.report(self.request("--weights", "q8_0", "--compute", "f32"), 2)
        self.assertEqual(report["kept_indices"], expected["kept_indices"])
        self.assertEqual(report["generated_ids"], expected["generated_ids"])

    def test_plan_counts_the_filter_group_from_it_and_a_job_is_given_it(self):
        words = ["--tokens", 8000, "--ranks", 3, "--json"]
        own, with_small = (json.loads(self.succeed(["plan", *models, *words]).stdout)["ranks"] for models in (
            ["--model", gemring_run.DEMO_MODEL],
            self.models(self.path("small.json", {**SHAPE, "num_hidden_layers": 3, "vocab_size": 2048}))))
        self.assertLess(with_small[0]["weights_bytes"], own[0]["weights_bytes"])
        self.assertEqual([rank["weights_bytes"] for rank in with_small[1:]], [rank["weights_bytes"] for rank in own[1:]])
        job = self.succeed(["launch", "slurm", *self.models(), "--prompt", "x"]).stdout
        self.assertIn(f"--filter-model {self.filter}", job)
        there = self.succeed(["launch", "kubernetes", *self.models(), "--prompt", "x", "--image", "i", "--model-there", "/m",
                              "--filter-model-there", "/f"]).stdout
        self.assertRegex(there, r'"--model"\s+- "/m"\s+- "--filter-model"\s+- "/f"')

    def test_bench_takes_shapes_too(self):
        shapes = [self.path(f"shape{layers}.json", {**SHAPE, "num_hidden_layers": layers, "vocab_size": 512}) for layers in (4, 2)]
        run = self.succeed(["bench", "gemfilter", "--random-weights", shapes[0], "--filter-model", shapes[1], "--tokens", 600,
                            "--keep", 80, "--repetitions", 1, "--warmup", 0, "--json"], 2)
        report = json.loads(run.stdout)
        self.assertEqual((report["filter_model"], report["filter_layer"], report["kept_tokens"]), (shapes[1], 1, 80))

    def test_the_prompt_may_be_as_long_as_the_filter_model_reads(self):
        short = self.model("short", num_hidden_layers=LAYERS, max_position_embeddings=512)
        prompt = self.request("--allow-extrapolation", models=self.models(short))
        self.assertEqual(self.report(prompt)["prompt_tokens"], self.report(self.request())["prompt_tokens"])
        self.assert_fails(Run(gemring_run.command(["generate", *prompt[:-1]], 0)), CONFIG, "the filter model's limit is 512 positions")
        reader = ["--model", self.model("reader", max_position_embeddings=512), "--filter-model", self.filter]
        self.assertIn(self.case["answer"], self.succeed(["generate", *self.request(models=reader)]).stdout)
        kept = [*self.request(models=reader), "--keep", 505]
        self.assert_fails(Run(gemring_run.command(["generate", *kept], 2)), CONFIG, "505 kept", "the model's limit is 512")

    def test_what_cannot_be_is_refused_by_name(self):
        def refused(code, words, arguments, ranks=(0, 2)):
            for number in ranks:
                with self.subTest(arguments=arguments, ranks=number):
                    self.assert_fails(Run(gemring_run.command(arguments, number)), code, "--filter-model", *words)

        refused(USAGE, ["--method full"], ["generate", *self.request("--method", "full")], (0,))
        refused(USAGE, ["bench gemfilter"], ["bench", "prefill", *self.models()], (0,))
        refused(USAGE, [], ["logits", *self.models(), "--prompt-ids", self.path("ids.json", [3]), "--output", self.path("l")], (0,))
        tiny = os.path.join(gemring_run.GOLDEN, "llama-3.1")
        refused(CONFIG, ["a vocabulary of 320 ids", "no tokenizer"],
                ["generate", "--model", gemring_run.DEMO_MODEL, "--filter-model", tiny, "--prompt", "x"])
        missing = ["generate", *self.request(models=self.models(self.path("nothing")))]
        self.assert_fails(Run(gemring_run.command(missing, 2)), MODEL_FILE, self.path("nothing"))


class AnotherVocabulary(WithFilterModel):
    def setUp(self):
        super().setUp()
        self.other = self.path("swapped")
        if not os.path.exists(self.other):
            shutil.copytree(self.filter, self.other)
            swap_tokens(self.other, 2000, 2001)

    def read(self, *words, ranks=0, keep=160):
        return self.report(self.request("--keep", keep, *words, models=self.models(self.other)), ranks)

    def test_keep_counts_what_the_model_reads_of_the_kept_text(self):
        report = self.read()
        self.assertIn(self.case["answer"], report["text"])
        self.assertLessEqual(report["read_tokens"], 160)
        self.assertGreater(report["read_tokens"], 150)
        own = len(report["kept_indices"])
        same_vocabulary = self.report(self.request("--keep", own))
        self.assertEqual(report["kept_indices"], same_vocabulary["kept_indices"])
        texts, same_texts = ([span["text"] for span in each["kept_spans"]] for each in (report, same_vocabulary))
        self.assertEqual(texts, same_texts)
        for ranks in (2, 3):
            other = self.read(ranks=ranks)
            for field in ("kept_indices", "generated_ids", "read_tokens"):
                self.assertEqual(other[field], report[field], field)

    def test_of_a_chat_the_markup_is_the_models_and_the_question_whole(self):
        asked = ["--model", gemring_run.DEMO_MODEL, "--filter-model", self.other, "--chat", "--user-file", self.prompt, "--question",
                 "Where?", "--keep", 120, "--keep-last", 40, "--max-new-tokens", 3]
        report = self.report(asked)
        self.assertLessEqual(report["read_tokens"], 120)
        self.assertIn("Where?", "".join(span["text"] for span in report["kept_spans"]))
        path = self.path("messages.json", [{"role": "system", "content": "Be brief."},
                                           {"role": "user", "content": self.case["prompt"]}])
        asked[4:9] = ["--chat", "--messages", path]
        self.assertLessEqual(self.report(asked, 2)["read_tokens"], 120)

    def test_requests_say_what_was_read_and_each_what_is_wrong_with_it(self):
        whole = {"prompt": "Alice was", "max_new_tokens": 2}
        cut = {"prompt": self.case["prompt"], "keep": 160, "keep_last": 21, "max_new_tokens": 12}
        lines = "".join(json.dumps(line) + "\n" for line in (cut, whole, {"prompt_ids": [3, 4]}, {**cut, "keep": 20}))
        run = Run(gemring_run.command(["generate", *self.models(self.other), "--requests", "-"], 2), stdin=lines).finish()
        first, second, ids, narrow = map(json.loads, run.stdout.splitlines())
        self.assertLessEqual(first["usage"]["kept_tokens"], 160)
        self.assertIn(self.case["answer"], first["text"])
        self.assertEqual(second["usage"]["kept_tokens"], second["usage"]["prompt_tokens"])
        self.assertEqual((ids["error"]["code"], narrow["error"]["code"]), (USAGE, USAGE))
        self.assertIn("another vocabulary", ids["error"]["message"])
        self.assertIn("--keep", narrow["error"]["message"])

    def test_eval_asks_the_same_cases_of_filters_with_any_vocabulary(self):
        methods = [f"filter-model={self.filter}", f"filter-model={self.other}"]
        asked = ["eval", "niah", "--model", gemring_run.DEMO_MODEL, "--no-calibrate", "--lengths", 700, "--depths", "50",
                 "--samples", 2, "--max-new-tokens", 4, "--keep", 300, "--methods", "full," + ",".join(methods)]
        answers = {}
        for ranks in (0, 3):
            folder = self.path(f"cases-{ranks}")
            self.succeed([*asked, "--output", folder], ranks)
            with open(os.path.join(folder, "cases.jsonl"), encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            self.assertEqual([line["id"] for line in lines[:2]] * 3, [line["id"] for line in lines])
            for full, same, other in zip(lines[:2], lines[2:4], lines[4:]):
                self.assertEqual(same["references"], other["references"])
                self.assertEqual((full["prompt_tokens"], full["recall"]), (same["prompt_tokens"], 1))
                self.assertEqual(same["kept"], 300)
                self.assertTrue(280 < other["kept"] <= 300, other)
                self.assertAlmostEqual(other["recall"], same["recall"], delta=0.5)
            answers[ranks] = [(line["answer"], line["recall"], line["kept"]) for line in lines]
        self.assertEqual(answers[0], answers[3])

    def test_ids_are_refused(self):
        ids = self.path("ids.json", list(range(3, 43)))
        asked = ["generate", *self.models(self.other), "--prompt-ids", ids]
        self.assert_fails(Run(gemring_run.command(asked, 2)), USAGE, "--prompt-ids", "another vocabulary")


if __name__ == "__main__":
    gemring_run.main()
