"""What is kept of a prompt whatever its score, found in its text, and units that are kept whole: by every way in and on
any number of ranks."""

import json

import gemring_run
from gemring_run import EndToEnd, Run

USAGE = 2
MODEL = ["--model", gemring_run.DEMO_MODEL]
LINES = "".join(f"{word} went down the rabbit-hole and thought of number {number}.\n"
                for number, word in enumerate(("Alice", "The hare", "A cat", "The queen") * 12))
ASK = "Who went down the rabbit-hole, and which number did the hare think of when the cat was there?"
PROMPT = LINES + "\n" + ASK
CHAT_BEGIN, CHAT_END = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"


class Kept(EndToEnd):
    def tokens(self, *texts):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        run = self.succeed(["tokenize", *MODEL], stdin=lines.encode())
        return [json.loads(line) for line in run.stdout.splitlines()]

    def kept(self, words, ranks=0, **options):
        return self.report([*MODEL, "--max-new-tokens", 2, "--ignore-eos", *words], ranks, **options)["kept_indices"]

    def results(self, requests, ranks):
        lines = "".join(json.dumps({"max_new_tokens": 8, "ignore_eos": True, **one}) + "\n" for one in requests)
        run = self.succeed(["generate", *MODEL, "--log-level", "warn", "--requests", "-"], ranks, stdin=lines.encode())
        return [json.loads(line) for line in run.stdout.splitlines()]


class Questions(Kept):
    def test_the_last_paragraph_is_kept_whole_by_every_way_in(self):
        whole, asked = map(len, self.tokens(PROMPT, ASK))
        expected = self.kept(["--prompt", PROMPT, "--keep", 64])
        self.assertEqual(len(expected), 64)
        self.assertLess(asked, 64 - 4)
        self.assertEqual(expected[:4], [0, 1, 2, 3])
        self.assertEqual(expected[-asked:], list(range(whole - asked, whole)))
        file = self.path("prompt.txt", PROMPT)
        self.assertEqual(self.kept(["--prompt-file", file, "--keep", 64]), expected)
        self.assertEqual(self.kept(["--keep", 64], stdin=PROMPT.encode()), expected)
        self.assertEqual(self.kept(["--prompt", LINES, "--question", "\n" + ASK, "--keep", 64])[-asked:], expected[-asked:])
        for ranks in (1, 2, 3):
            self.assertEqual(self.kept(["--prompt-file", file, "--keep", 64], ranks), expected)

    def test_numbers_set_the_rule_aside(self):
        whole, = map(len, self.tokens(PROMPT))
        kept = self.kept(["--prompt", PROMPT, "--keep", 12, "--keep-first", 1, "--keep-last", 3])
        self.assertEqual((len(kept), kept[0], kept[-3:]), (12, 0, [whole - 3, whole - 2, whole - 1]))
        paper = self.kept(["--prompt", PROMPT, "--keep", 12, "--selection", "paper", "--keep-unit", "lines"])
        self.assertEqual(paper, self.kept(["--prompt", PROMPT, "--keep", 12, "--selection", "paper"]))

    def test_of_a_chat_form_and_question_are_kept(self):
        system = "Be short."
        words = ["--chat", "--system", system, "--keep", 80]
        kept = self.kept([*words, "--prompt", PROMPT])
        head, tail, whole = map(len, self.tokens(
            f"<|im_start|>system\n{system}<|im_end|>\n{CHAT_BEGIN}", ASK + CHAT_END,
            f"<|im_start|>system\n{system}<|im_end|>\n{CHAT_BEGIN}{PROMPT}{CHAT_END}"))
        self.assertEqual(kept[:head], list(range(head)))
        self.assertEqual(kept[-tail:], list(range(whole - tail, whole)))
        messages = [{"role": "system", "content": system}, {"role": "user", "content": PROMPT}]
        self.assertEqual(self.kept(["--chat", "--keep", 80, "--messages", self.path("messages.json", messages)]), kept)
        parts = [{"type": "text", "text": LINES}, {"type": "text", "text": ASK}]
        messages[1]["content"] = parts
        of_parts = self.kept(["--chat", "--keep", 80, "--messages", self.path("parts.json", messages)])
        self.assertEqual(of_parts[-tail:], [index for index in range(of_parts[-1] - tail + 1, of_parts[-1] + 1)])

    def test_the_last_turns_of_a_conversation_are_kept_whole(self):
        answer, more = "It was the hare, who thought of five.", "And what did she say?"
        messages = [{"role": "user", "content": LINES}, {"role": "assistant", "content": answer},
                    {"role": "user", "content": more}]
        kept = self.kept(["--chat", "--keep", 100, "--messages", self.path("turns.json", messages)])
        tail, = map(len, self.tokens(f"{answer}<|im_end|>\n{CHAT_BEGIN}{more}{CHAT_END}"))
        self.assertEqual(len(kept), 100)
        self.assertEqual(kept[-tail:], list(range(kept[-1] - tail + 1, kept[-1] + 1)))

    def test_keep_must_hold_what_is_forced(self):
        run = Run(gemring_run.command(["generate", *MODEL, "--prompt", PROMPT, "--keep", 9], 0))
        asked, = map(len, self.tokens(ASK))
        self.assert_fails(run, USAGE, "9 tokens are to be kept", f"{asked + 4} are forced", f"{asked} of the question")


class Units(Kept):
    def test_lines_are_kept_whole(self):
        ends, total = [], 0
        for count in map(len, self.tokens(*LINES.splitlines(True))):
            total += count
            ends.append(total)
        lines = [range(begin, end) for begin, end in zip([0, *ends], ends)]
        whole, asked = map(len, self.tokens(PROMPT, ASK))
        kept = self.kept(["--prompt", PROMPT, "--keep", asked + 4 + 70, "--keep-unit", "lines"])
        self.assertEqual(len(kept), asked + 4 + 70)
        of_text = {index for index in kept if 4 <= index < whole - asked}
        parts = [line for line in lines if 0 < len(of_text & set(line)) < len(set(line) - set(range(4)))]
        self.assertLessEqual(len(parts), 1, "at most the last line to go in is kept in part")
        self.assertGreaterEqual(sum(set(line) <= of_text for line in lines), 3)

    def test_units_keep_alike_on_any_number_of_ranks_and_by_request_lines(self):
        expected = {}
        for unit in ("tokens", "chunks", "lines", "sentences"):
            expected[unit] = self.report([*MODEL, "--max-new-tokens", 8, "--ignore-eos", "--prompt", PROMPT, "--keep", 100,
                                          "--keep-unit", unit])
            self.assertEqual(len(expected[unit]["kept_indices"]), 100)
            kept = self.kept(["--prompt", PROMPT, "--keep", 100, "--keep-unit", unit], 2)
            self.assertEqual(kept, expected[unit]["kept_indices"], unit)
        self.assertEqual(len({str(report["kept_indices"]) for report in expected.values()}), 4)
        for ranks in (0, 3):
            requests = [{"prompt": PROMPT, "keep": 100, "keep_unit": unit} for unit in expected]
            for result, report in zip(self.results(requests, ranks), expected.values(), strict=True):
                self.assertEqual(result["generated_ids"], report["generated_ids"])
                self.assertEqual(result["usage"]["kept_tokens"], 100)

    def test_a_profile_says_the_unit_and_the_option_comes_before_it(self):
        profile = self.path("profile.json", {"filter_layer": 3, "unit": "chunks"})
        words = ["--prompt", PROMPT, "--keep", 100]
        chunks, tokens = (self.kept([*words, "--keep-unit", unit]) for unit in ("chunks", "tokens"))
        self.assertNotEqual(chunks, tokens)
        for ranks in (0, 2):
            self.assertEqual(self.kept([*words, "--filter-profile", profile], ranks), chunks)
            self.assertEqual(self.kept([*words, "--filter-profile", profile, "--keep-unit", "tokens"], ranks), tokens)

    def test_token_ids_have_no_lines(self):
        ids = self.path("ids.json", list(range(20, 300)))
        words = ["generate", *MODEL, "--prompt-ids", ids, "--keep", 100, "--max-new-tokens", 2]
        for unit in ("lines", "sentences"):
            for ranks in (0, 2):
                self.assert_fails(Run(gemring_run.command([*words, "--keep-unit", unit], ranks)), USAGE, "--keep-unit", unit,
                                  "token ids")
        self.succeed([*words, "--keep-unit", "chunks"])
        line = json.dumps({"prompt_ids": list(range(20, 300)), "keep": 100, "keep_unit": "lines"})
        run = Run(gemring_run.command(["generate", *MODEL, "--requests", "-"], 0), stdin=line.encode()).finish()
        self.assertEqual(run.code, 8, run.describe())
        self.assertIn("token ids", json.loads(run.stdout)["error"]["message"])

    def test_a_unit_that_is_none_is_named(self):
        self.assert_fails(Run(gemring_run.command(["generate", *MODEL, "--prompt", "a", "--keep-unit", "words"], 0)), USAGE,
                          "--keep-unit", "sentences")


if __name__ == "__main__":
    gemring_run.main()
