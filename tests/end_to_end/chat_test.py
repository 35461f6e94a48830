"""Text without weights: render, tokenize, detokenize; and generate --chat, which must be the same prompt as its markup
written out. Published templates and vocabularies are read from GEMRING_SHARED_DATA where it is set.
"""

import json
import os
import shutil
import struct

import gemring_run
from gemring_run import EndToEnd, Run

USAGE, CONFIG, MODEL_FILE = 2, 3, 4
SHARED = os.environ.get("GEMRING_SHARED_DATA")
CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def lines_of(values):
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def gguf_string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf(pairs):
    """A GGUF file without tensors; values are texts, numbers (u32) or lists of texts."""
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs))
    for key, value in pairs.items():
        data += gguf_string(key)
        if isinstance(value, str):
            data += struct.pack("<I", 8) + gguf_string(value)
        elif isinstance(value, int):
            data += struct.pack("<II", 4, value)
        else:
            data += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(gguf_string, value))
    return data


class TextCommands(EndToEnd):
    def answers(self, command, values, model=gemring_run.DEMO_MODEL, options=(), ranks=0):
        run = self.succeed([command, "--model", model, "--log-level", "warn", *options], ranks, stdin=lines_of(values))
        return [json.loads(line) for line in run.stdout.splitlines()]

    def model(self, name, files):
        path = self.path(name)
        os.mkdir(path)
        for file, content in files.items():
            self.path(os.path.join(name, file), content)
        return path

    # render

    def test_conversations_become_prompts_on_one_rank_and_on_two(self):
        requests = [{"messages": [{"role": "user", "content": "é\n"}], "add_generation_prompt": True},
                    {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": "<|im_end|>"}]},
                    {"messages": [], "add_generation_prompt": False}]
        texts = ["<|im_start|>user\né\n<|im_end|>\n<|im_start|>assistant\n",
                 "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n<|im_end|><|im_end|>\n", ""]
        self.assertEqual(self.answers("render", requests), texts)
        self.assertEqual(self.answers("render", requests, ranks=2), texts)

    def test_rendering_needs_no_weights_and_no_vocabulary(self):
        request = [{"messages": [{"role": "user", "content": "u"}]}]
        text = ["<|im_start|>user\nu<|im_end|>\n"]
        by_config = self.model("by-config", {"tokenizer_config.json": {"chat_template": CHATML}})
        by_file = self.model("by-file", {"chat_template.jinja": CHATML})
        self.assertEqual(self.answers("render", request, by_config), text)
        self.assertEqual(self.answers("render", request, by_file), text)
        without = self.model("without", {"tokenizer_config.json": {}})
        self.assertEqual(self.answers("render", request, without, ["--chat-template", by_file + "/chat_template.jinja"]), text)

    def test_a_gguf_file_brings_template_and_tokens(self):
        model = self.path("model.gguf", gguf({"general.architecture": "llama", "tokenizer.ggml.tokens": ["a", "<s>"],
                                              "tokenizer.ggml.bos_token_id": 1,
                                              "tokenizer.chat_template": "{{ bos_token }}" + CHATML}))
        self.assertEqual(self.answers("render", [{"messages": [{"role": "user", "content": "u"}]}], model),
                         ["<s><|im_start|>user\nu<|im_end|>\n"])

    def test_what_cannot_be_rendered_says_where_and_why(self):
        good = lines_of([{"messages": []}])
        for line, code, words in ((b"{", USAGE, ["line 2", "no valid JSON"]),
                                  (b'{"messages": [{"role": "user"}]}', USAGE, ["line 2", "message 1", "content"]),
                                  (b'{"messages": [], "tools": []}', USAGE, ["line 2", "tools"])):
            for ranks in (0, 2):
                run = Run(gemring_run.command(["render", "--model", gemring_run.DEMO_MODEL], ranks), stdin=good + line)
                self.assert_fails(run, code, *words)
                self.assertEqual(run.stdout, '""\n')
        unknown = self.model("unknown", {"chat_template.jinja": "{{ messages }}"})
        self.assert_fails(Run(gemring_run.command(["render", "--model", unknown], 0), stdin=good), CONFIG,
                          "chat_template.jinja", "none that gemring knows", "--prompt-file", "without --chat")
        self.assert_fails(Run(gemring_run.command(["render", "--model", self.path("nowhere")], 0), stdin=good), MODEL_FILE,
                          "nowhere")

    def test_published_templates_render_as_transformers_does(self):
        if SHARED is None:
            self.skipTest("GEMRING_SHARED_DATA is not set: no published templates")
        folder = os.path.join(SHARED, "chat-templates")
        cases = {}
        with open(os.path.join(folder, "golden.jsonl"), encoding="utf-8") as file:
            for line in file:
                case = json.loads(line)
                cases.setdefault(case["template"].removesuffix(".jinja"), []).append(case)
        for name, group in cases.items():
            with self.subTest(template=name):
                tokens = {key: group[0][key] for key in ("bos_token", "eos_token")}
                model = self.model(name, {"tokenizer_config.json": tokens})
                shutil.copy(os.path.join(folder, name + ".jinja"), os.path.join(model, "chat_template.jinja"))
                requests = {key: [{"messages": case["messages"], "add_generation_prompt": case["add_generation_prompt"]}
                                  for case in group if key in case] for key in ("text", "error")}
                self.assertEqual(self.answers("render", requests["text"], model, ["--date", "2024-07-26"]),
                                 [case["text"] for case in group if "text" in case])
                for request, case in zip(requests["error"], [case for case in group if "error" in case]):
                    run = Run(gemring_run.command(["render", "--model", model], 0), stdin=lines_of([request]))
                    self.assert_fails(run, USAGE, "line 1", "refuses the conversation", case["error"])

    # tokenize, detokenize

    def test_tokenize_and_detokenize_are_each_others_inverse(self):
        texts = [{"text": text} for text in ("", "Hello, world.\n\n  x", "é 日本 😀", "<|im_start|>user\n<|im_end|>", " ")]
        ids = self.answers("tokenize", texts)
        self.assertEqual([type(value) for value in ids], [list] * len(texts))
        self.assertEqual(ids[0], [])
        self.assertEqual(self.answers("detokenize", ids), texts)
        self.assertEqual(self.answers("tokenize", texts, os.path.join(gemring_run.DEMO_MODEL, "tokenizer.json"), ranks=2), ids)
        self.assertEqual(self.answers("tokenize", texts, options=["--special"]), ids, "the demo's tokenizer adds nothing")

    def test_special_adds_bos(self):
        model = self.model("bos", {})
        with open(os.path.join(gemring_run.DEMO_MODEL, "tokenizer_config.json"), encoding="utf-8") as file:
            config = json.load(file)
        config.update(add_bos_token=True, bos_token="<|im_start|>")
        self.path("bos/tokenizer_config.json", config)
        shutil.copy(os.path.join(gemring_run.DEMO_MODEL, "tokenizer.json"), model)
        plain, special = (self.answers("tokenize", [{"text": "a"}], model, options)[0] for options in ([], ["--special"]))
        bos = self.answers("tokenize", [{"text": "<|im_start|>"}], model)[0]
        self.assertEqual(special, bos + plain)

    def test_lines_that_are_no_texts_or_ids_are_named(self):
        for command, line in (("tokenize", b'{"text": 1}'), ("tokenize", b"[]"), ("detokenize", b"[1, -1]"),
                              ("detokenize", b"[99999999]"), ("detokenize", b"{}"), ("detokenize", b"[1")):
            run = Run(gemring_run.command([command, "--model", gemring_run.DEMO_MODEL], 0), stdin=b"\n" + line)
            self.assert_fails(run, USAGE, "line 2")

    def test_real_vocabularies(self):
        if SHARED is None:
            self.skipTest("GEMRING_SHARED_DATA is not set: no vocabularies")
        for name in ("llama-3", "qwen2", "llama-2", "phi-3", "smollm2", "tekken-small"):
            with self.subTest(vocabulary=name):
                model = os.path.join(SHARED, "tokenizers", name)
                with open(os.path.join(model, "vectors.jsonl"), encoding="utf-8") as file:
                    vectors = [json.loads(line) for line in file]
                self.assertEqual(self.answers("tokenize", vectors, model), [vector["ids"] for vector in vectors])
                self.assertEqual(self.answers("tokenize", vectors, model, ["--special"]),
                                 [vector["with_special"] for vector in vectors])
                self.assertEqual(self.answers("detokenize", [vector["ids"] for vector in vectors], model),
                                 [{"text": vector["decoded"]} for vector in vectors])


class GenerateChat(EndToEnd):
    def setUp(self):
        case = gemring_run.needle_cases()[0]
        begin, tail = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
        self.case, self.prompt = case, case["prompt"]
        self.assertTrue(self.prompt.startswith(begin) and self.prompt.count(tail) == 1)
        message, self.prefix = self.prompt.removeprefix(begin).split(tail)
        self.user, self.question = message.rsplit("\n", 1)
        self.options = ["--model", gemring_run.DEMO_MODEL, "--keep", 128, "--max-new-tokens", 8]

    def test_it_is_the_prompt_with_its_markup_written_out_and_the_questions_tokens_are_kept(self):
        tail = self.prompt[self.prompt.rindex(self.question):]
        run = self.succeed(["tokenize", "--model", gemring_run.DEMO_MODEL], stdin=json.dumps({"text": tail}).encode())
        written_out = self.report([*self.options, "--prompt-file", self.path("prompt.txt", self.prompt), "--keep-last",
                                   len(json.loads(run.stdout))])
        chat = [*self.options, "--chat", "--question", self.question, "--answer-prefix", self.prefix]
        for number, source in enumerate((["--user-file", self.path("user.txt", self.user)], ["--prompt", self.user])):
            report = self.report([*chat, *source], ranks=2 * number)
            for key in ("prompt_tokens", "kept_indices", "generated_ids"):
                self.assertEqual(report[key], written_out[key], key)
        report = self.report(chat, stdin=self.user.encode())
        self.assertEqual(report["generated_ids"], written_out["generated_ids"])
        self.assertTrue(report["text"].strip().startswith(self.case["answer"]), report["text"])

    def test_special_tokens_in_a_message_stay_text(self):
        first, last = (self.report([*self.options, "--chat", "--prompt", text])["prompt_tokens"]
                       for text in ("a", "a<|im_end|>"))
        self.assertGreater(last, first + 1)

    def test_a_model_without_a_template_tells_how_to_go_on(self):
        model = self.path("base")
        shutil.copytree(gemring_run.DEMO_MODEL, model)
        with open(os.path.join(model, "tokenizer_config.json"), encoding="utf-8") as file:
            config = json.load(file)
        del config["chat_template"]
        self.path("base/tokenizer_config.json", config)
        for ranks in (0, 2):
            self.assert_fails(Run(gemring_run.command(["generate", "--model", model, "--chat", "--prompt", "a"], ranks)), CONFIG,
                              "there is no chat template", "without --chat")


if __name__ == "__main__":
    gemring_run.main()
