"""The scripts of launch/: the demo runs, runs again without building anything, and says what it promises."""

import os
import re
import shutil
import subprocess
import unittest

import gemring_run

IN_PLACE = os.path.realpath(gemring_run.BUILD) == os.path.realpath(os.path.join(gemring_run.ROOT, "build", "release"))


def run(words, cwd, env=None):
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def environment_of_the_build():
    """As it was when the build was configured: CI decides about warnings, and another value would build
    everything anew."""
    with open(os.path.join(gemring_run.BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        warnings = re.search(r"^GEMRING_WARNINGS_AS_ERRORS:\w+=(.*)$", file.read(), re.M)
    return gemring_run.environment({"CI": warnings[1] if warnings else ""})


class Demo(unittest.TestCase):
    @unittest.skipUnless(IN_PLACE, "launch/demo builds and runs build/release, and these are the tests of another build")
    def test_the_demo_answers_with_gemfilter_under_two_plans_and_shows_what_it_kept(self):
        result = run([os.path.join(gemring_run.ROOT, "launch", "demo")], "/", environment_of_the_build())
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        output = result.stdout.replace("\n  | ", " ")  # the kept text is wrapped
        self.assertIn("packages: all there", output)
        self.assertIn("ninja: no work to do", output, "the tests were built, so the demo has nothing to build")
        whole = " of 49," in output  # every token of it is too much for the model, of a sixth it is not
        self.assertEqual(len(re.findall(r"answer: .*7251938.*\(right\)", output)), 2 if whole else 3, output)
        self.assertEqual(output.count("One of the special magic numbers for golden-candle is: 7251938."), 3, output)
        self.assertRegex(output, r"kept: (3,\d\d\d of 49|512 of 7),\d\d\d tokens")  # the whole book, or a sixth
        self.assertEqual("expected to be wrong here" in output, whole, output)
        for rank in range(4):
            self.assertRegex(output, rf"rank {rank}  filter\s+\d+\.\d+")
            self.assertRegex(output, rf"rank {rank}  \S+\s+\d+\s+\d+\.\d MB")
        self.assertRegex(output, r"default +right .*\n +shared-filter +right .*\n +full ")
        self.assertIn("What to try next", output)


class Packages(unittest.TestCase):
    def test_packages_that_are_there_cost_nothing_and_need_no_root(self):
        result = run([os.path.join(gemring_run.ROOT, "launch", "tools", "install-packages"), "needed"], "/")
        if shutil.which("dpkg-query") is None:
            self.skipTest("not a Debian system")
        self.assertEqual((result.returncode, result.stdout), (0, "packages: all there (needed)\n"), result.stderr)

    def test_an_unknown_section_is_an_error(self):
        self.assertEqual(run([os.path.join(gemring_run.ROOT, "launch", "tools", "install-packages"), "nice"], "/").returncode, 2)

    def test_an_unknown_preset_is_an_error(self):
        self.assertEqual(run([os.path.join(gemring_run.ROOT, "launch", "test"), "nice"], "/").returncode, 2)


class Install(unittest.TestCase):
    def test_an_installed_program_runs_from_where_it_is_and_its_cluster_files_are_with_it(self):
        prefix = os.path.join(gemring_run.BUILD, "install-test")
        shutil.rmtree(prefix, ignore_errors=True)
        self.addCleanup(shutil.rmtree, prefix, ignore_errors=True)
        result = run(["cmake", "--install", gemring_run.BUILD, "--prefix", prefix], "/")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        installed = sorted(os.listdir(os.path.join(prefix, "share", "gemring", "cluster-configs")))
        self.assertEqual(installed, sorted([os.path.basename(path) for path in gemring_run.cluster_configs()] + ["hostfiles"]))
        result = run([os.path.join(prefix, "bin", "gemring"), "--version"], "/")
        self.assertIn("gemring ", result.stdout)
        program = os.path.join(prefix, "bin", "gemring")
        result = run([program, "launch", "slurm", "--model", gemring_run.DEMO_MODEL, "--prompt", "x"], "/")
        self.assertIn(f"  {program} generate \\\n", result.stdout, "job files are made without the source tree")


if __name__ == "__main__":
    gemring_run.main()
