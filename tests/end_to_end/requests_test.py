"""gemring generate --requests: results in order, bad lines in their place, the same answers as alone,
through files and pipes."""

import itertools
import json
import os

import gemring_run
from gemring_run import EndToEnd, Run

MODEL = ["--model", gemring_run.DEMO_MODEL]
QUIET = ["--log-level", "warn"]
TEXT = "The rabbit-hole went straight on like a tunnel for some way, and then dipped suddenly down. " * 6


def lines_of(*requests):
    """Objects as JSON lines; texts as they are."""
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in requests)


def results(run):
    return [json.loads(line) for line in run.stdout.splitlines()]


REQUESTS = [
    {"id": "filtered", "prompt": TEXT, "keep": 40, "keep_last": 8, "max_new_tokens": 7},
    {"id": "short", "prompt": "Alice", "max_new_tokens": 12, "ignore_eos": True},
    {"id": "drawn", "prompt": TEXT, "keep": 48, "question": "Who?", "temperature": 0.9, "seed": 3, "max_new_tokens": 9},
    {"id": "ids", "prompt_ids": [(7 * number) % 300 + 3 for number in range(97)], "keep": 24, "keep_last": 5,
     "max_new_tokens": 5},
]


class Requests(EndToEnd):
    def alone(self, request):
        """The report of `gemring generate` for what a line says."""
        options, request = [], dict(request)
        del request["id"]
        if request.pop("ignore_eos", False):
            options.append("--ignore-eos")
        if "prompt_ids" in request:
            request["prompt_ids"] = self.path("ids.json", request["prompt_ids"])
        for name, value in request.items():
            options += ["--" + name.replace("_", "-"), value]
        return self.report([*MODEL, *options])

    def test_each_answers_what_it_answers_alone_on_any_number_of_ranks(self):
        file = self.path("good.jsonl", lines_of(*REQUESTS))
        expected = [self.alone(request) for request in REQUESTS]
        for ranks, more in ((0, []), (0, ["--parallel", 1]), (3, [])):
            with self.subTest(ranks=ranks, more=more):
                run = self.succeed(["generate", *MODEL, *QUIET, "--requests", file, *more], ranks)
                got = results(run)
                self.assertEqual([one["id"] for one in got], [one["id"] for one in REQUESTS])
                for number, (one, report) in enumerate(zip(got, expected)):
                    self.assertEqual(one["index"], number)
                    self.assertEqual(one["generated_ids"], report["generated_ids"], one["id"])
                    self.assertEqual(one["text"], report["text"])
                    self.assertEqual(one["usage"]["prompt_tokens"], report["prompt_tokens"])
                    self.assertEqual(one["usage"]["kept_tokens"], len(report["kept_indices"]))
                    self.assertIn(one["finish_reason"], ("stop", "length"))

    def test_bad_lines_have_an_error_in_their_place_and_stop_nothing(self):
        long = {"id": "long", "prompt_ids": [5] * 70000, "keep": 100}
        huge = {"id": "huge", "prompt": "x", "max_new_tokens": 70000}
        file = self.path("bad.jsonl", lines_of(REQUESTS[1], "", "{broken", {"id": "typo", "prompt": "p", "max_tokens": 1},
                                               long, {"id": "empty", "prompt": ""}, REQUESTS[0],
                                               {"id": "nofile", "prompt_file": "/nowhere"}, huge))
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                report = self.path("bad-report.json")
                run = Run(gemring_run.command(["generate", *MODEL, *QUIET, "--requests", file, "--parallel", 2,
                                               "--json", report], ranks)).finish()
                self.assertEqual(run.code, 8, run.describe())
                got = results(run)
                self.assertEqual([one["line"] for one in got], [1, 3, 4, 5, 6, 7, 8, 9], run.describe())
                self.assertEqual([one.get("error", {}).get("code") for one in got], [None, 2, 2, 3, 2, None, 2, 3])
                self.assertIn("max_tokens", got[2]["error"]["message"])
                self.assertEqual(got[2]["id"], "typo")
                self.assertIn("70,000 tokens", got[3]["error"]["message"])
                self.assertIn(f"{file} line 3: request: is not valid JSON", run.stderr)
                with open(report, encoding="utf-8") as opened:
                    totals = json.load(opened)
                self.assertEqual((totals["requests"], totals["failed"], totals["parallel"]), (8, 6, 2))

    def test_every_order_of_good_and_bad_lines_ends(self):
        """From a file and through a pipe that is written late, on 0 (no mpirun) to 3 ranks."""
        good, bad = {"prompt": "Alice", "max_new_tokens": 2, "ignore_eos": True}, '{"messages": 1}'
        orders = [kinds for count in (1, 2, 3) for kinds in itertools.product((good, bad), repeat=count)]
        orders.append((good, bad, bad, bad, bad, bad, bad, bad))  # more than are read ahead
        few = [(bad,), (good, bad), (bad, good), (bad, bad, bad)]
        for ranks, kinds in [(0, kinds) for kinds in orders] + [(ranks, kinds) for ranks in (2, 3) for kinds in few]:
            for piped in (False, True) if kinds in few else (False,):
                with self.subTest(ranks=ranks, kinds=[one is good for one in kinds], piped=piped):
                    lines = lines_of(*kinds)
                    file = "-" if piped else self.path("order.jsonl", lines)
                    run = Run(gemring_run.command(["generate", *MODEL, *QUIET, "--requests", file], ranks),
                              **({"stdin": b"", "keep_open": True} if piped else {}))
                    for number, line in enumerate(lines.splitlines(True) if piped else ()):
                        run.say(line)
                        run.wait_until(lambda number=number: run.stdout.count("\n") > number)
                    if piped:
                        run.close_stdin()
                    run.finish(60)
                    self.assertEqual(run.code, 8 if bad in kinds else 0, run.describe())
                    self.assertEqual([one["finish_reason"] for one in results(run)],
                                     ["length" if one is good else "error" for one in kinds], run.describe())

    def test_a_pipe_is_answered_while_it_is_written(self):
        for ranks in (0, 3):
            run = Run(gemring_run.command(["generate", *MODEL, *QUIET, "--requests", "-"], ranks), stdin=b"", keep_open=True)
            for number, request in enumerate(REQUESTS[:3]):
                run.say(lines_of(request))
                run.wait_until(lambda number=number: run.stdout.count("\n") > number)
            run.close_stdin()
            run.finish()
            self.assertEqual(run.code, 0, run.describe())
            self.assertEqual([one["id"] for one in results(run)], ["filtered", "short", "drawn"])

    def test_the_command_line_says_what_lines_do_not(self):
        book = self.path("book.txt", TEXT)
        file = self.path("questions.jsonl", lines_of({"id": "1", "question": "Who?"}, {"id": "2", "question": "Where to?"}))
        run = self.succeed(["generate", *MODEL, *QUIET, "--chat", "--user-file", book, "--keep", 64, "--keep-first", 2,
                            "--max-new-tokens", 3, "--requests", file])
        for one, question in zip(results(run), ("Who?", "Where to?")):
            report = self.report([*MODEL, "--chat", "--user-file", book, "--keep", 64, "--keep-first", 2, "--max-new-tokens",
                                  3, "--question", question])
            self.assertEqual(one["generated_ids"], report["generated_ids"])

    def test_a_prompt_of_the_command_line_that_no_line_wants_is_warned_of(self):
        words = ["generate", *MODEL, *QUIET, "--max-new-tokens", 1, "--prompt", "Alice", "--requests", "-"]
        with_own, without = {"prompt": "Who?"}, {"max_new_tokens": 2}
        warning = "--prompt: was not used, for every line of standard input has its own prompt"
        self.assertIn(warning, self.succeed(words, stdin=lines_of(with_own, with_own)).stderr)
        self.assertNotIn(warning, self.succeed(words, stdin=lines_of(with_own, without)).stderr)

    def test_no_requests_are_no_results(self):
        for content in ("", "\n \n"):
            run = self.succeed(["generate", *MODEL, *QUIET, "--requests", self.path("empty.jsonl", content)])
            self.assertEqual(run.stdout, "")

    def test_what_the_whole_job_cannot_do_is_one_error(self):
        def fails(code, *words, more=()):
            self.assert_fails(Run(gemring_run.command(["generate", *MODEL, *more], 2)), code, *words)

        fails(2, "--requests", "nowhere.jsonl", more=["--requests", "/nowhere.jsonl"])
        fails(2, "--parallel", "without --requests", more=["--prompt", "p", "--parallel", 2])
        one = self.path("one.jsonl", lines_of(REQUESTS[1]))
        fails(2, "--parallel", "65,536 at most", more=["--requests", one, "--parallel", 100000000])
        if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 25_000_000_000:  # what as many caches take
            fails(5, "lower --parallel", more=["--requests", one, "--parallel", 65536])
        self.assertTrue(os.path.isdir(self.directory))
        fails(2, "Is a directory", more=["--requests", self.directory])

    def test_too_many_at_a_time_for_the_memory_is_the_lines_error(self):
        file = self.path("wide.jsonl", lines_of({"prompt_ids": [5] * 60000, "keep": 59000, "keep_last": 8,
                                                 "max_new_tokens": 1}, REQUESTS[1]))
        run = Run(gemring_run.command(["generate", *MODEL, *QUIET, "--requests", file, "--parallel", 2000], 1)).finish()
        self.assertEqual(run.code, 8, run.describe())
        wide, short = results(run)
        self.assertEqual(wide["error"]["code"], 5)
        self.assertIn("lower --parallel", wide["error"]["advice"])
        self.assertEqual(short["finish_reason"], "length")


if __name__ == "__main__":
    gemring_run.main()
