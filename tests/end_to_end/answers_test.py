"""What people see of gemring generate: the answer and nothing else, a log that never runs into it, a report that says
how it came about, and what is left where somebody interrupts it.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import time

import gemring_run
from gemring_run import EndToEnd, LongRuns, Run, command

MODEL = ["--model", gemring_run.DEMO_MODEL]
SHORT = [*MODEL, "--prompt", "Alice was beginning", "--max-new-tokens", 6, "--ignore-eos"]


class WhatIsSeen(EndToEnd):
    def test_by_default_the_answer_comes_alone(self):
        run = self.succeed(["generate", *SHORT])
        self.assertEqual(run.stderr, "")
        self.assertTrue(run.stdout.endswith("\n") and run.stdout.strip())
        self.assertNotIn(" info ", self.succeed(["generate", *SHORT], 2).stderr)
        told = self.succeed(["generate", *SHORT, "--log-level", "info"]).stderr
        for word in ("fingerprint", "filter: 3 of 8 layers", "first token after"):
            self.assertIn(word, told)

    def test_the_answer_and_the_log_never_share_a_line(self):
        answer = self.succeed(["generate", *SHORT]).stdout  # mpirun's two pipes have no common order: alone
        both = subprocess.run(command(["generate", *SHORT, "--log-level", "info"], 0), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=True, text=True, env=gemring_run.environment()).stdout
        self.assertIn("\n" + answer, both)
        for line in both.splitlines():
            self.assertIsNone(re.search(r"\S\d{4}-\d\d-\d\dT", line), line)

    def test_an_answer_that_an_error_cuts_off_ends_its_line(self):
        read, write = os.pipe()
        process = subprocess.Popen(command(["generate", *SHORT, "--json", "/dev/full"], 0), stdout=write,
                                   stderr=subprocess.STDOUT, env=gemring_run.environment())
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            both = pipe.read().decode()
        self.assertEqual(process.wait(), 5, both)
        self.assertIn("\ngemring: /dev/full", both)

    def test_the_report_says_how_the_answer_came_about(self):
        version = self.succeed(["--version"]).stdout.split()[1]
        report = self.report([*SHORT, "--temperature", "0.8", "--seed", "12345"])
        self.assertEqual((report["finish_reason"], report["model"], report["seed"], report["version"]),
                         ("length", gemring_run.DEMO_MODEL, 12345, version))
        requests = self.path("requests.jsonl", json.dumps({"prompt": "Alice", "max_new_tokens": 3, "seed": 9}) + "\n")
        path = self.path("requests.json")
        run = self.succeed(["generate", *MODEL, "--requests", requests, "--json", path])
        self.assertEqual(json.loads(run.stdout)["seed"], 9)
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual((report["finish_reason"], report["model"], report["version"]),
                         ("done", gemring_run.DEMO_MODEL, version))


class Interrupted(LongRuns):
    def interrupt(self, run, number=signal.SIGINT):
        os.kill(run.process.pid, number)
        run.finish(30)
        self.assertEqual(run.left_over(), [], run.describe())

    def check_report(self, path, run, tokens):
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual(report["finish_reason"], "interrupted")
        self.assertEqual(report["prompt_tokens"], self.TOKENS)
        self.assertEqual(len(report["generated_ids"]) > 0, tokens, run.describe())
        if tokens:
            self.assertTrue(run.stdout.endswith("\n"))
            self.assertTrue(report["text"].startswith(run.stdout[:20]))

    def test_alone_in_each_phase_by_each_signal(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for phase in ("filter", "decode"):
                with self.subTest(signal=number, phase=phase):
                    path = self.path(f"{phase}-{code}.json")
                    run = Run(command(self.generate("--json", path), 0))
                    self.wait_for(run, phase)
                    self.interrupt(run, number)
                    self.assertEqual(run.code, code, run.describe())
                    self.assertNotIn("gemring: ", run.stderr)
                    self.check_report(path, run, phase == "decode")

    def test_under_mpirun_which_leaves_its_ranks_a_second(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                path = self.path(f"ranks-{number}.json")
                run = Run(command(self.generate("--json", path), 2))
                self.wait_for(run, "decode")
                self.interrupt(run, number)
                self.assertNotEqual(run.code, 0)
                with open(path, encoding="utf-8") as file:
                    report = json.load(file)
                self.assertEqual(report["finish_reason"], "interrupted")
                self.assertGreater(len(report["generated_ids"]), 0)

    def interrupt_unread(self, seconds, *options):
        """After so many seconds in which nobody reads its standard output."""
        with subprocess.Popen(command(self.generate(*options), 0), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=gemring_run.environment(), pipesize=4096) as process:
            try:
                time.sleep(seconds)
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.wait(20), 130)
            finally:
                process.kill()

    def test_a_reader_that_does_not_read_holds_nothing_up(self):
        path = self.path("stuck.json")
        self.interrupt_unread(1, "--json", path, "--stall-timeout", 0)
        self.assertTrue(os.path.exists(path))

    def test_a_reader_of_the_report_that_does_not_read_does_not_keep_the_run_alive(self):
        fifo = self.path("report.fifo")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        for report in ("-", fifo):
            with self.subTest(report=report):
                self.interrupt_unread(2, "--json", report)

    def test_of_many_requests_whole_lines_and_a_report_are_left(self):
        line = json.dumps({"prompt": "Alice", "max_new_tokens": 3, "ignore_eos": True}) + "\n"
        path = self.path("many.json")
        run = Run(command(["generate", *MODEL, "--requests", "-", "--json", path], 0), stdin=line * 3, keep_open=True)
        run.wait_until(lambda: run.stdout.count("\n") == 3)
        self.interrupt(run)
        self.assertEqual(run.code, 130)
        for text in run.stdout.splitlines():
            self.assertEqual(json.loads(text)["finish_reason"], "length")
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual((report["finish_reason"], report["requests"]), ("interrupted", 3))

    def test_a_job_in_the_background_ignores_what_it_is_told_to_ignore(self):
        words = " ".join(f"'{word}'" for word in command(["generate", *MODEL, "--requests", "-"], 0))
        run = Run(["bash", "-c", f"trap '' INT; exec {words}"], stdin="", keep_open=True)
        time.sleep(0.7)
        os.kill(run.process.pid, signal.SIGINT)
        run.say(json.dumps({"prompt": "Alice", "max_new_tokens": 3}) + "\n")
        run.close_stdin()
        run.finish(30)
        self.assertEqual(run.code, 0, run.describe())
        self.assertEqual(run.stdout.count("\n"), 1)


if __name__ == "__main__":
    gemring_run.main()
