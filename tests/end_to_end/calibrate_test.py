"""gemring calibrate: the layers and heads that find answers, on any number of ranks; its profile, and who takes it."""

import json
import os
import re
import signal

import gemring_run
from gemring_run import EndToEnd, Run, command

SHORT = ["calibrate", "--model", gemring_run.DEMO_MODEL, "--lengths", "512", "--samples", "2", "--compute", "f32",
         "--windows", "0", "--log-level", "warn"]


def without_seconds(table):
    return re.sub(r", here about \S+ s for 16,384 tokens", "", table)


class Calibrate(EndToEnd):
    def without_profile(self):
        """The bundled model, without the profile that lies with it."""
        folder = self.path("model")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            for name in os.listdir(gemring_run.DEMO_MODEL):
                if name != "gemring.json":
                    os.symlink(os.path.join(gemring_run.DEMO_MODEL, name), os.path.join(folder, name))
        return folder

    def test_any_number_of_ranks_finds_the_same_which_generate_takes(self):
        tables, profiles = [], []
        for ranks in (0, 3):
            path = self.path(f"profile-{ranks}.json")
            run = self.succeed([*SHORT, "--target", "0.6", "--output", path], ranks)
            self.assertRegex(run.stdout, r"chosen .*, here about \S+ s for 16,384 tokens; recall")
            tables.append(without_seconds(run.stdout.replace(path, "PATH")))
            with open(path, encoding="utf-8") as file:
                profile = json.load(file)
            found = profile.pop("found")
            self.assertRegex(found, r"^\d{4}-\d\d-\d\dT.* by gemring .*: 14 prompts of 512 tokens in the bundled book; recall")
            profiles.append(profile)
        self.assertEqual(tables[1:], tables[:1])
        self.assertEqual(profiles[1:], profiles[:1])
        self.assertRegex(tables[0], r"^layers see everything\nlayer   all heads   best head\n    0 ")
        self.assertIn("chosen     ", tables[0])
        run = self.succeed(["generate", "--model", self.without_profile(), "--prompt", "Alice", "--max-new-tokens", 2,
                            "--filter-profile", path, "--log-level", "info"])
        self.assertIn(path, run.stderr)

    def test_windows_are_compared_and_the_cheapest_is_taken(self):
        path = self.path("windowed.json")
        run = self.succeed([*SHORT, "--windows", "128,0", "--target", "0.1", "--output", path], 2)
        self.assertRegex(run.stdout, r"^layers see 4 sink tokens and a window of 128\nlayer ")
        self.assertIn("\nlayers see everything\n", run.stdout)
        self.assertRegex(run.stdout, r"\nchosen     .*window 128 \+ 4 sinks.*: .*\nrunner-up  .*\notherwise  ")
        with open(path, encoding="utf-8") as file:
            profile = json.load(file)
        self.assertEqual((profile["window"], profile["sinks"]), (128, 4))

    def test_a_model_that_nobody_has_measured_is_measured_once(self):
        words = ["generate", "--model", self.without_profile(), "--prompt", "Alice", "--max-new-tokens", 1, "--log-level", "info"]
        env = {"XDG_CACHE_HOME": self.path("cache")}
        left = self.succeed([*words, "--no-calibrate"], env=env)
        self.assertIn("only a rule of thumb", left.stderr)
        self.assertFalse(os.path.exists(env["XDG_CACHE_HOME"]))
        first = self.succeed(words, 2, env=env)
        self.assertIn("nobody has measured how this model filters", first.stderr)
        (name,) = os.listdir(os.path.join(env["XDG_CACHE_HOME"], "gemring", "profiles"))
        with open(os.path.join(env["XDG_CACHE_HOME"], "gemring", "profiles", name), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["window"], 1024)
        second = self.succeed(words, env=env)
        self.assertNotIn("nobody has measured", second.stderr)
        self.assertIn(name, second.stderr)

    def test_the_cache_is_where_others_look(self):
        folder = self.without_profile()
        env = {"XDG_CACHE_HOME": self.path("cache")}
        words = [*SHORT, "--target", "0.5"]
        words[2] = folder
        self.assertIn("written to " + env["XDG_CACHE_HOME"], self.succeed(words, env=env).stdout)
        inspected = json.loads(self.succeed(["inspect", "--model", folder, "--json"], env=env).stdout)
        self.assertTrue(inspected["filter_layer_source"].startswith(env["XDG_CACHE_HOME"]), inspected)
        run = self.succeed([*words], env={"XDG_CACHE_HOME": "/proc/nowhere"})
        self.assertIn("the profile is kept nowhere", run.stderr)

    def test_below_the_target_the_best_is_written_with_exit_8_and_warned_of(self):
        path = self.path("weak.json")
        run = Run(command([*SHORT, "--target", "1", "--output", path], 0)).finish()
        self.assertEqual(run.code, 8, run.describe())
        self.assertIn("nothing keeps 1.000", run.stdout)
        run = self.succeed(["generate", "--model", gemring_run.DEMO_MODEL, "--prompt", "Alice", "--max-new-tokens", 1,
                            "--filter-profile", path])
        self.assertIn("not as good as was wanted", run.stderr)

    def test_an_interrupted_calibration_goes_on_where_it_was(self):
        env = {"XDG_CACHE_HOME": self.path("cache")}
        words = [*SHORT[:-2], "--target", "0.5", "--log-level", "info"]
        whole = self.succeed([*words, "--output", self.path("whole.json")], 2, env=env).stdout
        run = Run(command([*words[:-1], "debug", "--output", self.path("rest.json")], 0), env=env)
        run.wait_until(lambda: "prompt 3 of 14" in run.stderr)
        os.kill(run.process.pid, signal.SIGKILL)
        run.finish()
        (name,) = os.listdir(os.path.join(env["XDG_CACHE_HOME"], "gemring", "calibrations"))
        self.assertTrue(name.endswith(".part"))
        rest = self.succeed([*words, "--output", self.path("rest.json")], 2, env=env)
        self.assertRegex(rest.stderr, r"\b[2-9] passes are there of a calibration that was interrupted")
        self.assertEqual(without_seconds(rest.stdout.replace("rest.json", "whole.json")), without_seconds(whole))
        self.assertEqual(os.listdir(os.path.join(env["XDG_CACHE_HOME"], "gemring", "calibrations")), [])

    def test_what_cannot_be_is_refused(self):
        for words, code, said in (
                (["--lengths", "12"], 2, "is no list of lengths"),
                (["--lengths", "512,x"], 2, "is no list of lengths"),
                (["--lengths", "100000"], 3, "positions"),
                (["--texts", self.path("nowhere")], 2, "--texts"),
                (["--questions", self.path("bad.jsonl", "{}\n")], 2, "line 1"),
                (["--windows", "512,9999"], 2, "is no list of windows"),
                (["--target", "0"], 2, "--target")):
            with self.subTest(words=words):
                self.assert_fails(Run(command(["calibrate", "--model", gemring_run.DEMO_MODEL, "--log-level", "error", *words], 0)),
                                  code, said)


if __name__ == "__main__":
    gemring_run.main()
