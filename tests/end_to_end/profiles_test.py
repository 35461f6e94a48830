"""Filter profiles: where they are looked for, what they do on any number of ranks, and what is refused."""

import json
import os
import shutil

import gemring_run
from gemring_run import EndToEnd, Run

# Every head of the bundled model's filter layer by itself: together they are GemFilter.
HEADS = [{"layer": 3, "head": head} for head in range(4)]


class Profiles(EndToEnd):
    def setUp(self):
        self.case = gemring_run.needle_cases()[4]
        self.prompt = self.path("prompt.txt", self.case["prompt"])

    def request(self, *words, model=gemring_run.DEMO_MODEL):
        return ["--model", model, "--prompt-file", self.prompt, "--keep", 153, "--keep-last", 21, "--max-new-tokens", 12, *words]

    def profile(self, name="profile.json", **fields):
        return self.path(name, fields)

    def model_with(self, profile):
        model = os.path.join(self.directory, "model")
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(gemring_run.DEMO_MODEL, model)
        with open(os.path.join(model, "gemring.json"), "w", encoding="utf-8") as file:
            json.dump(profile, file)
        return model

    def test_the_heads_of_the_filter_layer_keep_what_gemfilter_keeps_on_any_number_of_ranks(self):
        expected = self.report(self.request())
        path = self.profile(heads=HEADS)
        for ranks in (0, 1, 3):
            for cluster in (None, os.path.join(gemring_run.CLUSTER_CONFIGS, "shared-filter.json")):
                with self.subTest(ranks=ranks, cluster=cluster):
                    report = self.report(self.request("--filter-profile", path, *(["--cluster", cluster] if cluster else [])), ranks)
                    self.assertEqual(report["kept_indices"], expected["kept_indices"])
                    self.assertEqual(report["text"], expected["text"])

    def test_heads_of_several_layers_answer_alike_on_any_number_of_ranks(self):
        path = self.profile(heads=[{"layer": 2, "head": 1}, {"layer": 3, "head": 0}, {"layer": 3, "head": 3, "weight": 0.5}],
                            normalisation="z_score", pool=7, queries=9)
        alone = self.report(self.request("--filter-profile", path))
        self.assertNotEqual(alone["kept_indices"], self.report(self.request())["kept_indices"])
        for cluster in gemring_run.cluster_configs():
            with self.subTest(cluster=cluster):
                report = self.report(self.request("--filter-profile", path, "--cluster", cluster), 3)
                self.assertEqual(report["kept_indices"], alone["kept_indices"])
                self.assertEqual(report["generated_ids"], alone["generated_ids"])

    def test_every_command_that_filters_takes_one_and_a_job_is_given_it(self):
        path = self.profile(heads=HEADS)
        model = ["--model", gemring_run.DEMO_MODEL, "--filter-profile", path]
        line = json.dumps({"prompt": self.case["prompt"], "keep": 153, "keep_last": 21, "max_new_tokens": 12}) + "\n"
        run = Run(gemring_run.command(["generate", *model, "--requests", "-"], 2), stdin=line.encode()).finish()
        self.assertEqual(run.code, 0, run.describe())
        self.assertIn(self.case["answer"], json.loads(run.stdout)["text"])
        plan = json.loads(self.succeed(["plan", *model, "--tokens", 8000, "--json"]).stdout)
        self.assertEqual(plan["ranks"][0]["rank"], 0)
        self.succeed(["bench", "gemfilter", *model, "--tokens", 400, "--keep", 128, "--repetitions", 1])
        self.assertIn(f"--filter-profile {path}", self.succeed(["launch", "slurm", *model, "--prompt", "x"]).stdout)

    def test_standard_input_is_a_file_too(self):
        run = Run(gemring_run.command(["generate", *self.request("--filter-profile", "-")], 0),
                  stdin=json.dumps({"heads": HEADS}).encode()).finish()
        self.assertEqual(run.code, 0, run.describe())
        self.assertIn(self.case["answer"], run.stdout)

    def test_the_models_own_profile_is_found_and_an_option_goes_before_it(self):
        model = self.model_with({"heads": [{"layer": 4, "head": 2}], "normalisation": "z_score"})
        shown = self.succeed(["inspect", "--model", model]).stdout
        self.assertRegex(shown, r"filter +heads 4/2 \(z-score\) \(.*gemring.json\)")
        log = self.succeed(["generate", *self.request(model=model), "--log-level", "info"]).stderr
        self.assertIn("heads 4/2 (z-score)", log)
        for option in (["--filter-profile", self.profile(filter_layer=3)], ["--filter-layer", 3],
                       ["--filter-layer", 3, "--filter-profile", self.profile("other.json", filter_layer=5)]):
            with self.subTest(option=option):
                log = self.succeed(["generate", *self.request(*option, model=model), "--log-level", "info"], 2).stderr
                self.assertIn("filter: 3 of 8 layers", log)

    def test_another_models_profile_is_refused(self):
        for fields, word in (({"filter_layer": 8}, "layer 8 is outside 0..7"), ({"heads": [{"layer": 3, "head": 99}]}, "3/99"),
                             ({"filter_layer": 3, "layers": 8, "query_heads": 4, "vocab": 7}, "7 tokens"),
                             ({"filter_layr": 3}, "filter_layr"), ({}, "neither filter_layer nor heads")):
            for ranks in (0, 2):
                with self.subTest(fields=fields, ranks=ranks):
                    command = ["generate", *self.request("--filter-profile", self.profile(**fields))]
                    self.assert_fails(Run(gemring_run.command(command, ranks)), 3, "profile.json", word)
        command = ["generate", *self.request("--filter-profile", "/nowhere.json")]
        self.assert_fails(Run(gemring_run.command(command, 0)), 2, "--filter-profile", "/nowhere.json")
        command = ["generate", *self.request(model=self.model_with({"filter_layer": 8}))]
        self.assert_fails(Run(gemring_run.command(command, 0)), 3, "gemring.json", "outside")

    def test_other_weights_of_the_same_shape_are_warned_of(self):
        path = self.profile(filter_layer=3, fingerprint="0x0000000000000001")
        run = self.succeed(["generate", *self.request("--filter-profile", path)], 2)
        self.assertEqual(run.stderr.count("other weights of the same shape"), 1, run.stderr)


if __name__ == "__main__":
    gemring_run.main()
