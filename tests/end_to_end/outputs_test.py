"""Every option that names a file to be written, with everything that a path can lead to: regular and new files, links,
pipes, devices, open descriptors, directories. What is no regular file is written and stays what it is.
"""

import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import threading
import unittest

import gemring_run
from gemring_run import EndToEnd, Run, command

USAGE, RESOURCES = 2, 5
MODEL = ["--model", gemring_run.DEMO_MODEL, "--log-level", "warn"]
SHORT = ["--prompt", "Alice was", "--max-new-tokens", 2]


def is_report(data):
    return "generated_ids" in json.loads(data)


def is_requests_report(data):
    return json.loads(data)["requests"] == 1


def is_trace(data):
    return len(json.loads(data)["traceEvents"]) > 0


def is_lines(data):
    lines = data.decode().splitlines()
    return len(lines) > 0 and all(isinstance(json.loads(line), dict) for line in lines)


def is_object(data):
    return isinstance(json.loads(data), dict)


def is_logits(data):
    length = struct.unpack("<Q", data[:8])[0]
    return "logits" in json.loads(data[8:8 + length])


def is_svg(data):
    return data.startswith(b"<svg") and data.endswith(b"</svg>\n")


def is_job_file(data):
    return data.startswith(b"#!") and b"gemring" in data


def is_index(data):
    return data.startswith(b"gemring index 1\n")


class Outputs(EndToEnd):
    """`options`: (name, words before the path, what its contents must satisfy)."""

    def test_every_option_that_writes_a_file_is_looked_at(self):
        """Names are these four (tests/launch/options/option_table_test.cpp); launch/README.md has all of them."""
        with open(os.path.join(gemring_run.ROOT, "launch", "README.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| `(--json|--trace|--output|--picture)`[^|]*\|[^|]*\|[^|]*\| ([^|]*) \|", file.read(), re.M)
        wanted = {(command, option) for option, commands in rows for command in commands.split(", ")}
        self.assertGreater(len(wanted), 10)
        looked_at = {(words[0], words[-1]) for _, words, _ in self.options}
        named_alone = {("launch", "--json"), ("launch", "--trace"),  # in the job that launch writes
                       ("eval", "--output")}  # a directory: eval_test.py
        self.assertEqual(wanted - looked_at - named_alone, set())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.measured = os.path.join(cls.directory, "measured.json")
        subprocess.run(command(["plan", "--probe", *MODEL, "--output", cls.measured], 0), check=True,
                       stdout=subprocess.DEVNULL, env=gemring_run.environment())

    def setUp(self):
        ids = self.path("ids.json", [5, 6, 7])
        requests = self.path("requests.jsonl", json.dumps({"prompt": "Alice", "max_new_tokens": 2}) + "\n")
        config = os.path.join(gemring_run.DEMO_MODEL, "config.json")
        generate = ["generate", *MODEL, *SHORT]
        logits = ["logits", *MODEL, "--prompt-ids", ids, "--output"]
        calibrate = ["calibrate", *MODEL, "--lengths", 256, "--samples", 1, "--target", 0.01]
        bench = ["bench", "prefill", "--random-weights", config, "--tokens", 16, "--repetitions", 1, "--warmup", 0,
                 "--log-level", "warn"]
        windowed = ["--filter-profile", self.path("windowed.json", {"heads": [{"layer": 1, "head": 1}], "window": 256,
                                                                    "sinks": 4})]
        index = ["index", self.path("book.txt", "Alice went down the rabbit-hole. " * 600), *MODEL, *windowed]
        if not os.path.exists(self.path("book.index")):
            self.succeed([*index, "--output", self.path("book.index")])
        ask = ["ask", self.path("book.index"), *MODEL, *windowed, "--question", "Who?", "--max-new-tokens", 1]
        self.options = [
            ("generate --json", [*generate, "--json"], is_report),
            ("generate --trace", [*generate, "--trace"], is_trace),
            ("--requests --json", ["generate", *MODEL, "--requests", requests, "--json"], is_requests_report),
            ("plan --json", ["plan", *MODEL, "--tokens", 100, "--json"], is_lines),
            ("logits --output", logits, is_logits),
            ("launch --output", ["launch", "slurm", *MODEL, "--nodes", 1, *SHORT, "--output"], is_job_file),
            ("logits --trace", [*logits, self.path("logits"), "--trace"], is_trace),
            ("inspect --json", ["inspect", *MODEL, "--json"], is_lines),
            ("simulate --json", ["simulate", "--random-weights", config, "--tokens", 100, "--ranks", "2", "--cluster",
                                 self.measured, "--json"], is_lines),
            ("bench --json", [*bench, "--json"], is_lines),
            ("bench --trace", [*bench, "--trace"], is_trace),
            ("eval --trace", ["eval", "niah", *MODEL, "--lengths", 512, "--depths", 0, "--samples", 1, "--max-new-tokens", 1,
                              "--methods", "full", "--output", self.path("eval"), "--trace"], is_trace),
            ("calibrate --output", [*calibrate, "--output"], is_object),
            ("calibrate --picture", [*calibrate, "--output", self.path("profile"), "--picture"], is_svg),
            ("calibrate --trace", [*calibrate, "--output", self.path("profile"), "--trace"], is_trace),
            ("index --output", [*index, "--output"], is_index),
            ("index --trace", [*index, "--output", self.path("traced.index"), "--trace"], is_trace),
            ("chat --trace", ["chat", *MODEL, "--trace"], is_trace),  # of no message
            ("ask --json", [*ask, "--json"], is_report),
            ("ask --trace", [*ask, "--trace"], is_trace),
            ("plan --probe --output", ["plan", "--probe", "--log-level", "warn", "--output"], is_object),
        ]
        self.quick = self.options[:9]  # the others measure for seconds, or compute long
        self.number = 0

    def fresh(self):
        """A directory of one case's own."""
        self.number += 1
        path = self.path(f"case-{self.id().rsplit('.', 1)[1]}-{self.number}")
        os.mkdir(path)
        return path

    def each(self, options=None):
        for _, words, right in options or self.options:
            yield words, right, self.fresh()  # no subTest: it cannot stand round a yield; failures tell the words

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def test_new_files_and_files_that_are_replaced_with_a_strangers_part_beside_them(self):
        for words, right, directory in self.each():
            path = os.path.join(directory, "out")
            stranger = path + ".part"
            with open(stranger, "w", encoding="utf-8") as file:
                file.write("a stranger's")
            self.succeed([*words, path])
            self.assertTrue(right(self.read(path)))
            with open(path, "w", encoding="utf-8") as file:
                file.write("old" * 100000)
            os.chmod(path, 0o640)
            self.succeed([*words, path])
            self.assertTrue(right(self.read(path)))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
            self.assertEqual(self.read(stranger), b"a stranger's")
            self.assertEqual(sorted(os.listdir(directory)), ["out", "out.part"])

    def test_of_a_link_the_target_is_replaced(self):
        for words, right, directory in self.each(self.quick):
            os.mkdir(os.path.join(directory, "there"))
            target = os.path.join(directory, "there", "out")
            link = os.path.join(directory, "link")
            os.symlink("there/out", link)
            for _ in range(2):  # to nothing, and to a file
                self.succeed([*words, link])
                self.assertTrue(os.path.islink(link))
                self.assertTrue(right(self.read(target)))
            self.assertEqual(os.listdir(os.path.join(directory, "there")), ["out"])

    def test_a_pipe_is_written_and_stays(self):
        for words, right, directory in self.each():
            pipe = os.path.join(directory, "pipe")
            os.mkfifo(pipe)
            got = []
            reader = threading.Thread(target=lambda: got.append(self.read(pipe)), daemon=True)
            reader.start()
            self.succeed([*words, pipe])
            reader.join(10)
            self.assertTrue(right(got[0]))
            self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode))
            self.assertEqual(os.listdir(directory), ["pipe"])

    def test_a_pipe_that_nobody_reads_is_said_and_waited_for(self):
        for words, right, directory in self.each(self.quick):
            pipe = os.path.join(directory, "pipe")
            os.mkfifo(pipe)
            run = Run(command([*words, pipe], 0))
            run.wait_until(lambda: f"{pipe} is a FIFO that nobody reads" in run.stderr)
            self.assertTrue(right(self.read(pipe)))
            self.assertEqual(run.finish().code, 0, run.describe())
            self.assertEqual(run.stderr.count("nobody reads"), 1, run.describe())

    def test_an_interrupt_ends_the_wait_for_a_reader(self):
        long_answer = ["--max-new-tokens", 100000, "--ignore-eos", "--allow-extrapolation"]
        for more, has_come in ((SHORT[2:], lambda run: "nobody reads" in run.stderr), (long_answer, lambda run: len(run.out) > 20)):
            pipe = os.path.join(self.fresh(), "pipe")
            os.mkfifo(pipe)
            run = Run(command(["generate", *MODEL, *SHORT[:2], *more, "--json", pipe], 0))
            run.wait_until(lambda: has_come(run))
            run.process.send_signal(signal.SIGINT)
            self.assertIn(run.finish(20).code, (-signal.SIGINT, 128 + signal.SIGINT), run.describe())

    def test_an_output_that_is_an_input_is_refused_before_anything_runs(self):
        text = self.path("clash.txt", "Alice was")
        ids = self.path("clash.json", [5, 6, 7])
        requests = self.path("clash.jsonl", json.dumps({"prompt": "Alice", "max_new_tokens": 2}) + "\n")
        model = os.path.join(self.fresh(), "model")
        shutil.copytree(gemring_run.DEMO_MODEL, model)
        config = os.path.join(model, "config.json")
        link = os.path.join(self.fresh(), "link")
        os.symlink(text, link)
        for words, read, both in (
                (["generate", *MODEL, "--prompt-file", text, "--json", text], text, ("--prompt-file", "--json")),
                (["generate", *MODEL, "--prompt-file", text, "--trace", link], text, ("--prompt-file", "--trace")),
                (["generate", "--model", model, *SHORT, "--json", config], config, ("--model", "--json")),
                (["plan", "--model", model, "--tokens", 100, "--json", config], config, ("--model", "--json")),
                (["generate", *MODEL, "--requests", requests, "--json", requests], requests, ("--requests", "--json")),
                (["logits", *MODEL, "--prompt-ids", ids, "--output", ids], ids, ("--prompt-ids", "--output"))):
            before = self.read(read)
            run = Run(command(words, 0))
            self.assert_fails(run, USAGE, *both)
            self.assertEqual(run.stdout, "")
            self.assertEqual(self.read(read), before)

    def test_what_standard_input_is_redirected_from_is_an_input(self):
        text = self.path("redirected.txt", "Alice was")
        for more in ([], ["--prompt-file", "-"]):
            with open(text, "rb") as file:
                done = subprocess.run(command(["generate", *MODEL, *more, "--json", text], 0), stdin=file, check=False,
                                      capture_output=True, env=gemring_run.environment())
            self.assertEqual(done.returncode, USAGE, done.stderr)
            self.assertIn(b"as standard input", done.stderr)
            self.assertEqual(self.read(text), b"Alice was")

    @unittest.skipUnless(os.geteuid() == 0, "only root makes devices")
    def test_a_device_is_written_and_stays(self):
        for words, _, directory in self.each(self.quick):
            device = os.path.join(directory, "null")
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            link = os.path.join(directory, "link")
            os.symlink(device, link)
            for path in (device, link):
                self.succeed([*words, path])
                status = os.lstat(device)
                self.assertTrue(stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3))
            self.assertEqual(sorted(os.listdir(directory)), ["link", "null"])

    def test_standard_output_by_all_its_names(self):
        for words, right, directory in self.each(self.quick):
            for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
                for kind in ("pipe", "file"):  # to a file: it must keep what was written before
                    if kind == "pipe":
                        out = self.succeed([*words, name]).out
                    else:
                        path = os.path.join(directory, "redirected")
                        with open(path, "wb") as file:
                            file.write(b"before\n")
                            file.flush()
                            subprocess.run(command([*words, name], 0), stdout=file, stderr=subprocess.PIPE, check=True,
                                           env=gemring_run.environment())
                        out = self.read(path)
                        self.assertTrue(out.startswith(b"before\n"))
                    self.assertTrue(self.holds(bytes(out), right), f"{name} {kind}: {bytes(out)[:300]}")

    @staticmethod
    def holds(out, right):
        """Whether some end of the output, from a line's begin on, is right: the answer or a table may
        stand before it."""
        begins = [0] + [at + 1 for at, byte in enumerate(out) if byte == ord("\n")]
        for begin in begins:
            try:
                if out[begin:] and right(out[begin:]):
                    return True
            except (ValueError, KeyError, TypeError, struct.error):
                pass
        return False

    def test_standard_error_and_other_descriptors(self):
        for words, right, directory in self.each(self.quick):
            run = self.succeed([*words, "/dev/stderr"])
            self.assertTrue(self.holds(bytes(run.err), right), run.describe())
            read, write = os.pipe()
            with os.fdopen(read, "rb") as pipe:
                subprocess.run(command([*words, f"/dev/fd/{write}"], 0), pass_fds=[write], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=gemring_run.environment())
                os.close(write)
                self.assertTrue(right(pipe.read()))
            path = os.path.join(directory, "substituted")
            line = " ".join(f"'{word}'" for word in command(words, 0)) + f" >(cat > {path}); wait $!"
            subprocess.run(["bash", "-c", line], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           env=gemring_run.environment())
            self.assertTrue(right(self.read(path)))

    def test_what_cannot_be_written_is_refused_before_the_work(self):
        for words, _, directory in self.each():
            for path in (directory, directory + "/", os.path.join(directory, "no", "out"), "", "/dev/fd/77"):
                if path == "" and words[-1] == "--json" and words[0] in ("bench", "plan", "inspect", "simulate"):
                    continue  # --json without a file: standard output
                with self.subTest(path=path):
                    run = Run(command([*words, path], 0))
                    self.assert_fails(run, USAGE, words[-1])
                    self.assertEqual(run.stdout, "")

    def test_a_full_device_is_a_resource_error(self):
        for words, _, _ in self.each(self.quick):
            self.assert_fails(Run(command([*words, "/dev/full"], 0)), RESOURCES, "/dev/full", "No space left")

    def test_a_reader_that_is_gone_is_a_resource_error(self):
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                read, write = os.pipe()
                os.close(read)
                run = subprocess.run(command(["generate", *MODEL, *SHORT], ranks), stdout=write, stderr=subprocess.PIPE,
                                     env=gemring_run.environment(), check=False)
                os.close(write)
                if ranks == 0:  # mpirun reads what ranks say
                    self.assertEqual(run.returncode, RESOURCES, run.stderr)
                    self.assertEqual(run.stderr.count(b"gemring: standard output: cannot be written: Broken pipe"), 1)

    def test_two_jobs_with_one_path_do_not_break_each_other(self):
        path = self.path("both.json")
        words = ["generate", *MODEL, *SHORT, "--json", path]
        runs = [Run(command(words, 0)) for _ in range(4)]
        for run in runs:
            run.finish()
            self.assertEqual(run.code, 0, run.describe())
        self.assertTrue(is_report(self.read(path)))

    def test_under_mpirun(self):
        for words, right, directory in self.each(self.options[:5]):
            target, link = os.path.join(directory, "out"), os.path.join(directory, "link")
            os.symlink("out", link)
            self.succeed([*words, link], 2)
            self.assertTrue(right(self.read(target)))
            self.assertTrue(os.path.islink(link))


if __name__ == "__main__":
    gemring_run.main()
