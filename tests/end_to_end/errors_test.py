"""Every error that a user can cause: one message that says what, where, which rank and host, and what to
do; the documented exit code (launch/README.md, "Exit codes"); every process gone within five seconds. Each is tried
alone and on three ranks.
"""

import json
import math
import os
import shutil
import struct

import gemring_run
from gemring_run import EndToEnd, Run

USAGE, CONFIG, MODEL_FILE, RESOURCES, INTERNAL = 2, 3, 4, 5, 7
LLAMA = os.path.join(gemring_run.GOLDEN, "llama-2")
SHARDED = os.path.join(gemring_run.GOLDEN, "llama-3.1")


class Errors(EndToEnd):
    def setUp(self):
        self.ids = self.path("ids.json", list(range(3, 43)))

    def check(self, code, words, arguments, ranks=(0, 3), **options):
        for number in ranks:
            with self.subTest(ranks=number):
                self.assert_fails(Run(gemring_run.command(arguments, number), **options), code, *words)

    def generate(self, *options, model=LLAMA):
        return ["generate", "--model", model, "--prompt-ids", self.ids, "--max-new-tokens", 2, "--keep", 16,
                "--keep-last", 4, "--filter-layer", 1, *options]

    def model(self, name, source=LLAMA, config=None, drop=()):
        """A copy of a model directory, with changes to its config.json."""
        copy = self.path(name)
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("golden*", "gemfilter*", "config.v5.json", *drop))
        if config is not None:
            self.change_json(os.path.join(copy, "config.json"), lambda values: values.update(config))
        return copy

    def change_json(self, path, change):
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        change(values)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(values, file)

    def change_header(self, path, change):
        """Rewrites the header of a safetensors file; the data stay."""
        with open(path, "rb") as file:
            data = file.read()
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + length])
        change(header)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data[8 + length:])

    def change_tensor(self, path, name, value):
        """Every number of a tensor of f32 or bf16 becomes this one."""
        with open(path, "rb") as file:
            data = bytearray(file.read())
        length, = struct.unpack("<Q", data[:8])
        info = json.loads(data[8:8 + length])[name]
        begin, end = (8 + length + offset for offset in info["data_offsets"])
        size = {"F32": 4, "BF16": 2}[info["dtype"]]
        data[begin:end] = struct.pack("<f", value)[4 - size:] * ((end - begin) // size)
        with open(path, "wb") as file:
            file.write(data)

    # Model files

    def test_a_model_directory_that_is_not_there(self):
        self.check(MODEL_FILE, ["/nowhere"], self.generate(model="/nowhere"))

    def test_a_directory_without_config_json(self):
        self.check(MODEL_FILE, ["config.json"], self.generate(model=self.model("no-config", drop=["config.json"])))

    def test_a_directory_without_weights(self):
        model = self.model("no-weights", drop=["*.safetensors"])
        self.check(MODEL_FILE, ["model.safetensors"], self.generate(model=model))

    def test_a_shard_that_is_missing(self):
        model = self.model("no-shard", SHARDED, drop=["model-00002*"])
        self.check(MODEL_FILE, ["model-00002-of-00004.safetensors"], self.generate(model=model))

    def test_a_weights_file_that_is_cut_short(self):
        model = self.model("cut-short")
        path = os.path.join(model, "model.safetensors")
        os.truncate(path, os.path.getsize(path) * 2 // 3)
        self.check(MODEL_FILE, ["model.safetensors", "download"], self.generate(model=model))

    def test_a_weights_file_that_is_cut_inside_its_header(self):
        model = self.model("cut-header")
        os.truncate(os.path.join(model, "model.safetensors"), 100)
        self.check(MODEL_FILE, ["model.safetensors"], self.generate(model=model))

    def test_a_tensor_of_the_wrong_shape(self):
        model = self.model("wrong-shape")

        def transpose(header):
            header["model.layers.1.mlp.up_proj.weight"]["shape"].reverse()

        self.change_header(os.path.join(model, "model.safetensors"), transpose)
        self.check(MODEL_FILE, ["model.layers.1.mlp.up_proj.weight", "shape"], self.generate(model=model))

    def test_a_tensor_of_a_type_that_is_not_for_weights(self):
        model = self.model("wrong-type")

        def integers(header):
            header["model.layers.0.self_attn.q_proj.weight"]["dtype"] = "I32"

        self.change_header(os.path.join(model, "model.safetensors"), integers)
        self.check(MODEL_FILE, ["model.layers.0.self_attn.q_proj.weight", "I32"], self.generate(model=model))

    def test_a_tensor_that_is_missing(self):
        model = self.model("no-tensor")
        self.change_json(os.path.join(model, "config.json"),
                         lambda values: values.update(num_hidden_layers=values["num_hidden_layers"] + 1))
        self.check(MODEL_FILE, ["is missing"], self.generate(model=model))

    def test_a_family_that_is_not_supported_is_named(self):
        model = self.model("family", config={"model_type": "mamba", "architectures": ["MambaForCausalLM"]})
        self.check(CONFIG, ["amba"], self.generate(model=model))

    def test_a_text_prompt_for_a_model_without_tokenizer(self):
        self.check(USAGE, ["tokenizer.json", "--prompt-ids"], ["generate", "--model", LLAMA, "--prompt", "Hello"])

    # Prompts

    def test_a_prompt_longer_than_the_models_limit(self):
        with open(os.path.join(LLAMA, "config.json"), encoding="utf-8") as file:
            limit = json.load(file)["max_position_embeddings"]
        self.ids = self.path("long.json", [5] * (limit + 1))
        self.check(CONFIG, ["prompt", "limit", f"{limit + 1:,}", f"{limit:,}"], self.generate())

    def test_an_empty_prompt(self):
        self.check(USAGE, ["prompt", "empty"], ["generate", "--model", gemring_run.DEMO_MODEL, "--prompt", ""])
        self.check(USAGE, ["prompt", "empty"], ["generate", "--model", gemring_run.DEMO_MODEL], stdin=b"")
        self.ids = self.path("none.json", [])
        self.check(USAGE, ["prompt", "empty"], self.generate())

    def test_a_prompt_that_is_no_utf_8(self):
        path = self.path("latin.txt", b"caf\xe9 au lait")
        self.check(USAGE, ["UTF-8", "3"], ["generate", "--model", gemring_run.DEMO_MODEL, "--prompt-file", path])

    def test_a_prompt_file_that_is_not_there(self):
        self.check(USAGE, ["/nowhere.txt"], ["generate", "--model", gemring_run.DEMO_MODEL, "--prompt-file", "/nowhere.txt"])

    def test_ids_beyond_the_vocabulary(self):
        for name, ids in (("beyond", [1, 2, 320]), ("negative", [1, -1])):
            self.ids = self.path(f"{name}.json", ids)
            self.check(USAGE, [str(ids[-1]), "319"], self.generate(), ranks=(3,))

    def test_a_file_of_ids_that_is_none(self):
        for name, content in (("text", "hello"), ("object", {"ids": [1]}), ("words", ["a"]), ("fraction", [1.5])):
            self.ids = self.path(f"{name}.json", content)
            self.check(USAGE, [f"{name}.json"], self.generate(), ranks=(0,))

    def test_a_question_goes_with_text_only(self):
        self.check(USAGE, ["--question"], self.generate("--question", "Where?"))

    # Options

    def test_keeping_nothing(self):
        for keep in ("0", "-3"):
            arguments = self.generate()
            arguments[arguments.index("--keep") + 1] = keep
            self.check(USAGE, ["--keep", keep], arguments)

    def test_forced_tokens_that_do_not_fit_into_keep(self):
        arguments = self.generate("--keep-first", "13")
        self.check(USAGE, ["--keep"], arguments)

    def test_a_filter_layer_that_the_model_does_not_have(self):
        with open(os.path.join(LLAMA, "config.json"), encoding="utf-8") as file:
            layers = json.load(file)["num_hidden_layers"]
        for layer in (layers, -1):
            arguments = self.generate()
            arguments[arguments.index("--filter-layer") + 1] = layer
            self.check(USAGE, ["--filter-layer", str(layer)], arguments)

    def test_an_even_pool(self):
        self.check(USAGE, ["--pool", "4"], self.generate("--pool", "4"), ranks=(0,))

    def test_unknown_options_commands_and_values(self):
        for arguments in (["generate", "--no-such-option"], ["no-such-command"], [], self.generate("--method", "magic"),
                          self.generate("--threads", "0"), self.generate("--kv-type", "int3"), ["generate"]):
            with self.subTest(arguments=arguments):
                self.check(USAGE, [], arguments, ranks=(0,))
        self.check(USAGE, ["--no-such-option"], ["generate", "--no-such-option"], ranks=(3,))

    def test_logits_that_are_no_numbers(self):
        model = self.model("damaged")
        self.change_tensor(os.path.join(model, "model.safetensors"), "model.norm.weight", 3e38)  # the logits overflow
        output = self.path("logits.safetensors")
        self.check(INTERNAL, ["logits", "is NaN", "--compute f32"],
                   ["logits", "--model", model, "--prompt-ids", self.ids, "--last", 2, "--output", output])
        self.assertFalse(os.path.exists(output))

    def test_logits_of_more_positions_than_the_prompt_has(self):
        self.check(USAGE, ["--last", "41"], ["logits", "--model", LLAMA, "--prompt-ids", self.ids, "--last", 41, "--output",
                                             self.path("logits.safetensors")])

    def test_a_report_that_cannot_be_written(self):
        self.check(USAGE, ["/nowhere/report.json"], self.generate("--json", "/nowhere/report.json"))

    # Cluster files

    def check_cluster(self, cluster, words, ranks=3):
        path = self.path("cluster.json", cluster)
        self.check(CONFIG, ["cluster.json", *words], self.generate("--cluster", path), ranks=(ranks,))

    def test_a_rank_twice_in_one_group(self):
        self.check_cluster({"filter": {"symbol": "first"}, "stages": [{"group": {"ranks": [1, 2, 1]}, "cut": 1}]}, ["1", "twice"])
        self.check_cluster({"filter": {"ranks": [0, 1, 1]}, "stages": [{"group": {"symbol": "all"}}]}, ["1", "twice"])

    def test_a_rank_in_two_stages(self):
        self.check_cluster({"stages": [{"group": {"ranks": [1, 2]}, "cut": 1}, {"group": {"ranks": [2]}, "cut": 1}]}, ["2"])

    def test_a_rank_beyond_the_ranks_of_the_job(self):
        self.check_cluster({"stages": [{"group": {"ranks": [1, 3]}, "cut": 1}]}, ["3"])
        self.check_cluster({"filter": {"ranks": [0, 7]}, "stages": [{"group": {"symbol": "all"}}]}, ["7"])

    def test_an_unknown_field_in_a_cluster_file(self):
        self.check_cluster({"stages": [{"group": {"symbol": "all"}, "layer": 3}]}, ["layer"])

    def test_an_unknown_symbol_in_a_cluster_file(self):
        self.check_cluster({"stages": [{"group": {"symbol": "everyone"}}]}, ["everyone"])

    def test_a_cluster_file_that_is_no_json_or_not_there(self):
        self.check_cluster("{ not json", [])
        for ranks in (0, 3):
            run = Run(gemring_run.command(self.generate("--cluster", "/nowhere.json"), ranks))
            run.finish()
            self.assertIn(run.code, (USAGE, CONFIG), run.describe())
            self.assert_fails(run, run.code, "/nowhere.json")

    # Memory

    def huge_config(self):
        """The shape of a model that no machine for tests can hold: a terabyte and more."""
        with open(os.path.join(gemring_run.DEMO_MODEL, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        config.update(hidden_size=16384, intermediate_size=65536, num_hidden_layers=200, num_attention_heads=128,
                      num_key_value_heads=16, head_dim=128, vocab_size=32000)
        return config

    def huge_model(self):
        """A checkpoint of that shape whose file is a hole: nothing on disk but the header."""
        config = self.huge_config()
        hidden, ffn, kv = config["hidden_size"], config["intermediate_size"], 16 * 128
        shapes = {"model.embed_tokens.weight": [32000, hidden], "model.norm.weight": [hidden]}
        for layer in range(config["num_hidden_layers"]):
            for name, shape in (("input_layernorm", [hidden]), ("post_attention_layernorm", [hidden]),
                                ("self_attn.q_proj", [hidden, hidden]), ("self_attn.k_proj", [kv, hidden]),
                                ("self_attn.v_proj", [kv, hidden]), ("self_attn.o_proj", [hidden, hidden]),
                                ("mlp.gate_proj", [ffn, hidden]), ("mlp.up_proj", [ffn, hidden]),
                                ("mlp.down_proj", [hidden, ffn])):
                shapes[f"model.layers.{layer}.{name}.weight"] = shape
        header, end = {}, 0
        for name, shape in shapes.items():
            begin, end = end, end + 2 * math.prod(shape)
            header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        directory = self.path("huge")
        os.mkdir(directory)
        self.path("huge/config.json", config)
        os.truncate(self.path("huge/model.safetensors", struct.pack("<Q", len(text)) + text), 8 + len(text) + end)
        return directory

    def test_not_enough_memory_is_told_before_anything_is_loaded(self):
        for command in (["bench", "prefill", "--tokens", 4096], ["bench", "gemfilter", "--tokens", 4096, "--filter-layer", 90]):
            with self.subTest(command=command):
                self.check(RESOURCES, ["memory"], [*command, "--random-weights", self.path("huge.json", self.huge_config())])
        model = self.huge_model()
        self.check(RESOURCES, ["memory"], self.generate("--method", "full", model=model))
        self.check(RESOURCES, ["memory"], self.generate(model=model)[:-1] + [150])

    def test_plan_refuses_what_cannot_fit(self):
        self.check(RESOURCES, ["memory"], ["plan", "--model", gemring_run.DEMO_MODEL, "--ranks", 4, "--memory", 0.01])


if __name__ == "__main__":
    gemring_run.main()
