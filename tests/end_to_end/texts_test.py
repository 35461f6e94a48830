"""What goes in as text and what ends an answer: whole conversations, stop strings, texts that are no UTF-8, files that
are none; on the command line and in lines of --requests alike."""

import json

import gemring_run
from gemring_run import EndToEnd, Run, command

MODEL = ["--model", gemring_run.DEMO_MODEL]
TURNS = [{"role": "user", "content": "Alice was beginning to get very tired."}, {"role": "assistant", "content": "Why?"},
         {"role": "user", "content": "Of sitting by her sister."}]
USAGE = 2


class Texts(EndToEnd):
    def one_line(self, request, options=(), ranks=0):
        run = self.succeed(["generate", *MODEL, *options, "--requests", "-"], ranks, stdin=json.dumps(request) + "\n")
        return json.loads(run.stdout)

    def test_a_conversation_answers_as_its_rendering_does_on_any_number_of_ranks(self):
        file = self.path("turns.json", {"messages": TURNS})
        bare = self.path("bare.json", TURNS)
        rendered = self.succeed(["render", *MODEL], stdin=json.dumps({"messages": TURNS, "add_generation_prompt": True}) + "\n")
        prompt = self.path("rendered.txt", json.loads(rendered.stdout))
        limits = ["--max-new-tokens", 8, "--ignore-eos"]
        expected = self.report([*MODEL, "--prompt-file", prompt, *limits])
        for ranks in (0, 2, 3):
            for given in (file, bare):
                got = self.report([*MODEL, "--chat", "--messages", given, *limits], ranks)
                self.assertEqual(got["generated_ids"], expected["generated_ids"])
                self.assertEqual(got["prompt_tokens"], expected["prompt_tokens"])
            line = self.one_line({"messages": TURNS, "max_new_tokens": 8, "ignore_eos": True}, ["--chat"], ranks)
            self.assertEqual(line["generated_ids"], expected["generated_ids"])
        piped = self.succeed(["generate", *MODEL, "--chat", "--messages", "-", *limits], stdin=json.dumps(TURNS)).stdout
        self.assertEqual(piped, expected["text"] + "\n")

    def test_what_is_no_conversation_is_refused(self):
        for name, content in (("deep", "[" * 100000), ("assistant", TURNS[:2]), ("none", []), ("text", "hello"),
                              ("keys", [{"role": "user"}])):
            path = self.path(name + ".json", content)
            with self.subTest(name):
                self.assert_fails(Run(command(["generate", *MODEL, "--chat", "--messages", path], 0)), USAGE, path)
        file = self.path("turns.json", TURNS)
        self.assert_fails(Run(command(["generate", *MODEL, "--messages", file], 0)), USAGE, "--messages", "--chat")

    def test_a_stop_string_ends_the_answer_and_is_no_part_of_it(self):
        words = [*MODEL, "--prompt", "Alice was beginning", "--max-new-tokens", 24, "--ignore-eos"]
        whole = self.report(words)["text"]
        self.assertGreater(len(whole), 12)
        for begin, end in ((3, 6), (5, 12), (0, 2), (len(whole) - 3, len(whole) - 1)):
            stop = whole[begin:end]
            text = whole[:whole.index(stop)]
            for ranks in (0, 2):
                with self.subTest(stop=stop, ranks=ranks):
                    path = self.path("stop.json")
                    run = self.succeed(["generate", *words, "--stop", "never there", f"--stop={stop}", "--json", path], ranks)
                    self.assertEqual(run.stdout, text + "\n")
                    with open(path, encoding="utf-8") as file:
                        report = json.load(file)
                    self.assertEqual((report["text"], report["finish_reason"]), (text, "stop"))
            line = self.one_line({"prompt": "Alice was beginning", "max_new_tokens": 24, "ignore_eos": True,
                                  "stop": ["never there", stop]})
            self.assertEqual((line["text"], line["finish_reason"]), (text, "stop"))

    def test_text_that_is_no_utf_8_is_named_or_replaced(self):
        path = self.path("latin.txt", b"one\ntwo caf\xe9\n")
        words = ["generate", *MODEL, "--max-new-tokens", 2]
        self.assert_fails(Run(command([*words, "--prompt-file", path], 0)), USAGE, f"--prompt-file {path}", "line 2", "0xE9")
        self.assert_fails(Run(command([*words, "--chat", "--user-file", path], 0)), USAGE, "--user-file", "line 2")
        self.assert_fails(Run(command(words, 0), stdin=b"\xff"), USAGE, "standard input", "line 1")
        replaced = self.report([*MODEL, "--prompt-file", path, "--invalid-utf8", "replace", "--max-new-tokens", 2])
        good = self.path("good.txt", "one\ntwo caf\ufffd\n")
        self.assertEqual(replaced["generated_ids"],
                         self.report([*MODEL, "--prompt-file", good, "--max-new-tokens", 2])["generated_ids"])
        run = self.succeed([*words, "--prompt-file", path, "--invalid-utf8", "replace"])
        self.assertIn("became U+FFFD", run.stderr)
        run = Run(command(["generate", *MODEL, "--requests", "-"], 0),
                  stdin=json.dumps({"prompt_file": path}) + "\n").finish()
        self.assertEqual(run.code, 8)
        self.assertIn("line 2", json.loads(run.stdout)["error"]["message"])

    def test_every_text_of_the_command_line_is_named_or_replaced(self):
        words = ["generate", *MODEL, "--prompt", "hi", "--chat", "--max-new-tokens", 2]
        for option in ("--system", "--answer-prefix", "--stop", "--question"):
            bad = [*words, option, "h\udcff"]  # the byte FF, as Python has it
            with self.subTest(option):
                self.assert_fails(Run(command(bad, 0)), USAGE, f"{option}: line 1: byte 1 (0xFF)")
                replaced = self.succeed([*bad, "--invalid-utf8", "replace"])
                self.assertIn(f"{option}: 1 place that is no UTF-8 became U+FFFD", replaced.stderr)
                self.assertEqual(replaced.stdout, self.succeed([*words, option, "h\ufffd"]).stdout)

    def test_a_line_that_is_no_utf_8_is_refused_or_replaced(self):
        words = ["generate", *MODEL, "--requests", "-", "--max-new-tokens", 3]
        bad = b'{"prompt": "h\xffi"}\n'
        refused = Run(command(words, 0), stdin=bad).finish()
        self.assertEqual(refused.code, 8)
        self.assertIn("--invalid-utf8 replace", json.loads(refused.stdout)["error"]["advice"])
        replaced = self.succeed([*words, "--invalid-utf8", "replace"], stdin=bad)
        self.assertIn("standard input line 1: the line: 1 place that is no UTF-8 became U+FFFD", replaced.stderr)
        good = self.one_line({"prompt": "h\ufffdi"}, ["--max-new-tokens", 3])
        self.assertEqual(json.loads(replaced.stdout)["generated_ids"], good["generated_ids"])
        zero = self.succeed(words, stdin=json.dumps({"prompt": "a\0b"}) + "\n")
        self.assertIn("standard input line 1: prompt holds 1 zero byte", zero.stderr)

    def test_marks_and_zero_bytes_are_warned_of(self):
        for name, data, word in (("bom", b"\xef\xbb\xbfAlice", "byte order mark"), ("zero", b"Al\0ice", "1 zero byte")):
            run = self.succeed(["generate", *MODEL, "--prompt-file", self.path(name, data), "--max-new-tokens", 1])
            self.assertIn(word, run.stderr)

    def test_a_directory_is_no_prompt(self):
        run = Run(command(["generate", *MODEL, "--prompt-file", self.directory], 0))
        self.assert_fails(run, USAGE, "--prompt-file", self.directory, "Is a directory")

    def test_what_is_wrong_with_standard_input_is_said_of_standard_input(self):
        shape = ["--random-weights", gemring_run.DEMO_MODEL + "/config.json"]
        for words, text in ((["generate", *MODEL, "--chat", "--prompt", "p", "--chat-template", "-"], "{{ unknown }}"),
                            (["render", *MODEL, "--chat-template", "-"], "{{ unknown }}"),
                            (["generate", *MODEL, "--prompt-ids", "-"], "[]"),
                            (["generate", *MODEL, "--prompt-ids", "-"], "{}"),
                            (["plan", *shape, "--ranks", 2, "--cluster", "-"], "[]"),
                            (["simulate", *shape, "--cluster", "-"], "{}")):
            with self.subTest(words=words[-2:], text=text):
                run = Run(command(words, 0), stdin=text).finish()
                self.assertIn(run.code, (2, 3), run.describe())
                self.assertIn("gemring: standard input: ", run.stderr)

    def test_inspect_says_in_json_what_it_says_to_people(self):
        found = json.loads(self.succeed(["inspect", *MODEL, "--json"]).stdout)
        people = self.succeed(["inspect", *MODEL]).stdout
        self.assertEqual((found["family"], found["layers"], found["hidden"], found["filter_layer"]), ("llama", 8, 128, 3))
        self.assertEqual(found["chat_template_problem"], "")
        self.assertTrue(found["end_tokens"])
        for token in found["end_tokens"]:
            self.assertIn(f"{token['id']} \"{token['text']}\"", people)

    def test_the_report_says_which_options_counted(self):
        report = self.report([*MODEL, "--prompt", "Alice", "--max-new-tokens", 2, "--keep", 77])
        options = {option["name"]: option["value"] for option in report["options"]}
        self.assertEqual((options["--keep"], options["--max-new-tokens"], options["--method"]), ("77", "2", "gemfilter"))


if __name__ == "__main__":
    gemring_run.main()
