"""What is kept of a prompt whatever its score, found in its text: by every way in and on any number of ranks."""

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
        paper = self.kept(["--prompt", PROMPT, "--keep", 12, "--selection", "paper"])
        self.assertEqual(len(paper), 12)

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


if __name__ == "__main__":
    gemring_run.main()
