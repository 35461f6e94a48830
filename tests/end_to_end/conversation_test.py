"""gemring chat: each request has the whole conversation, and Ctrl-C stops an answer and not the program."""

import os
import pty
import re
import signal
import subprocess
import time

import gemring_run
from gemring_run import EndToEnd, Run, command

USAGE, CONFIG, SOME_FAILED = 2, 3, 8
MODEL = ["--model", gemring_run.DEMO_MODEL]
BOOK = "".join(f"{word} went down the rabbit-hole and thought of number {number}. "
               for number, word in enumerate(("Alice", "The hare", "A cat", "The queen") * 160))
WINDOWED = {"heads": [{"layer": 3, "head": 1}], "normalisation": "z_score", "queries": 4, "pool": 1, "unit": "sentences",
            "window": 256, "sinks": 4}
SHORT = ["--max-new-tokens", 8, "--log-level", "info"]
TURN = re.compile(r"(\d+) tokens, (\d+) of them read before, (\d+) kept")


class Conversation(EndToEnd):
    def talk(self, messages, *words, ranks=0, code=0):
        """What was answered, and of each answer: tokens, read before, kept."""
        run = Run(command(["chat", *MODEL, *SHORT, *words], ranks), stdin="".join(one + "\n" for one in messages).encode()).finish()
        self.assertEqual(run.code, code, run.describe())
        return run, [tuple(map(int, turn)) for turn in TURN.findall(run.stderr)]

    def answer_to(self, messages, *words):
        """That of generate to the same conversation."""
        path = self.path("messages.json", messages)
        return self.report([*MODEL, "--chat", "--messages", path, "--max-new-tokens", 8, *words])["text"]

    def test_each_message_has_the_conversation_before_it(self):
        asked = ["Who is Alice?", "And the hare?", "Why?"]
        conversation = [{"role": "system", "content": "Be brief."}]
        for message in asked:
            conversation.append({"role": "user", "content": message})
            conversation.append({"role": "assistant", "content": self.answer_to(conversation)})
        expected = "".join(one["content"] + "\n" for one in conversation if one["role"] == "assistant")
        for ranks in (0, 2, 3):
            run, _ = self.talk([asked[0], "", *asked[1:]], "--system", "Be brief.", ranks=ranks)
            self.assertEqual(run.stdout, expected, f"{ranks} ranks")

    def test_a_text_is_read_once_from_a_file_or_an_index(self):
        book = self.path("book.txt", BOOK)
        profile = ["--filter-profile", self.path("profile.json", WINDOWED)]
        index = self.path("book.index")
        self.succeed(["index", book, *MODEL, *profile, "--output", index], 2)
        asked = ["Which number did the hare think of?", "And the queen?"]
        parts = [{"type": "text", "text": BOOK}, {"type": "text", "text": asked[0]}]
        first = self.answer_to([{"role": "user", "content": parts}], *profile, "--keep", 400)
        for ranks in (0, 3):
            run, turns = self.talk(asked, *profile, "--keep", 400, "--user-file", book, ranks=ranks)
            self.assertEqual(run.stdout.splitlines()[0], first.splitlines()[0])
            self.assertEqual((turns[0][1], turns[0][2]), (0, 400))
            self.assertGreater(turns[1][1], 3 * 2048)
            again, of_index = self.talk(asked, *profile, "--keep", 400, "--index", index, ranks=ranks)
            self.assertEqual(again.stdout, run.stdout)
            self.assertGreater(of_index[0][1], 3 * 2048)
        for words, code, problem in ((["--index", index, "--user-file", book], USAGE, "more than one"),
                                     (["--index", book], 4, "no index"), (["--user-file", "-"], USAGE, "standard input"),
                                     (["--index", index, "--filter-layer", 3], CONFIG, "window 256")):
            self.assert_fails(Run(command(["chat", *MODEL, *words], 0), stdin=b""), code, problem)

    def test_a_message_that_cannot_be_answered_does_not_end_it(self):
        run, turns = self.talk(["Who?", "a b " * 40000, "Why?"], code=SOME_FAILED)
        self.assertEqual(len(turns), 2, run.describe())
        self.assertIn("positions", run.stderr)
        run, _ = self.talk([])
        self.assertEqual(run.stdout, "")

    def test_an_interrupt_stops_the_answer_and_a_second_one_the_program(self):
        words = command(["chat", *MODEL, "--ignore-eos", "--max-new-tokens", 15000, "--log-level", "info"], 0)
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=gemring_run.environment())
        os.set_blocking(process.stdout.fileno(), False)
        os.set_blocking(process.stderr.fileno(), False)
        out, err = b"", b""

        def wait_for(condition):
            nonlocal out, err
            end = time.monotonic() + 60
            while not condition():
                self.assertLess(time.monotonic(), end, (out[-200:], err[-500:]))
                time.sleep(0.02)
                out += process.stdout.read() or b""
                err += process.stderr.read() or b""

        try:
            for turn in (1, 2):
                before = len(out)
                process.stdin.write(b"Tell me of Alice.\n")
                process.stdin.flush()
                wait_for(lambda before=before: len(out) > before + 40)
                process.send_signal(signal.SIGINT)
                wait_for(lambda turn=turn: err.count(b"read before") == turn)
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            wait_for(lambda: b"again" in err)
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(30), 0)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()

    def test_a_person_at_a_terminal_is_prompted(self):
        parent, child = pty.openpty()
        process = subprocess.Popen(command(["chat", *MODEL, "--max-new-tokens", 4], 0), stdin=child, stdout=child,
                                   stderr=subprocess.DEVNULL, env=gemring_run.environment(), start_new_session=True)
        os.close(child)
        got = b""
        try:
            while b"> " not in got:
                got += os.read(parent, 1024)
            os.write(parent, b"Who is Alice?\n")
            while got.count(b"> ") < 2:
                got += os.read(parent, 1024)
            os.write(parent, b"\x04")
            self.assertEqual(process.wait(30), 0)
        finally:
            process.kill()
            process.wait()
            os.close(parent)
        self.assertRegex(got.decode(), r"> Who is Alice\?\r\n[^>]+\r\n> ")


if __name__ == "__main__":
    gemring_run.main()
