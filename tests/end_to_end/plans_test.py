"""The same text, tokens and kept indices whoever does the work: every cluster file on 1 to 4 ranks, with and without
the filter; and what the commands promise of their output.
"""

import json
import os
import re

import gemring_run
from gemring_run import EndToEnd

RANKS = (1, 2, 3, 4)


class Plans(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = gemring_run.needle_cases()[0]  # ChatML, its fact at the beginning
        prompt, cls.question = cls.case["prompt"].rsplit("\n", 3)[0], "\n".join(cls.case["prompt"].rsplit("\n", 3)[1:])
        cls.prompt_file = os.path.join(cls.directory, "prompt.txt")
        with open(cls.prompt_file, "w", encoding="utf-8") as file:
            file.write(prompt)
        cls.request = ["--model", gemring_run.DEMO_MODEL, "--prompt-file", cls.prompt_file, "--question", cls.question,
                       "--keep", 167, "--max-new-tokens", 16]

    def check_same(self, method, numbers_of_ranks):
        request = [*self.request, "--method", method]
        alone = self.report(request)
        self.assertTrue(alone["text"].strip().startswith(self.case["answer"]), alone["text"])
        for ranks in numbers_of_ranks:
            for cluster in [None, *gemring_run.cluster_configs()]:
                name = os.path.basename(cluster) if cluster else "no file"
                with self.subTest(ranks=ranks, cluster=name):
                    report = self.report([*request, *(["--cluster", cluster] if cluster else [])], ranks)
                    for field in ("text", "generated_ids", "kept_indices", "kept_spans", "prompt_tokens"):
                        self.assertEqual(report[field], alone[field], field)
                    self.assertEqual(len(report["scores"]), len(alone["scores"]))
                    self.assertEqual([rank["rank"] for rank in report["ranks"]], list(range(ranks)))

    def test_logits_are_near_those_of_one_rank_by_every_ring_with_every_type_of_messages(self):
        ids = self.path("ids.json", [7 + 11 * position % 2000 for position in range(2107)])
        output = self.path("logits.safetensors")

        def logits(*options, ranks=0):
            self.succeed(["logits", "--model", gemring_run.DEMO_MODEL, "--prompt-ids", ids, "--last", 2, "--output", output,
                          "--log-level", "warn", *options], ranks)
            return gemring_run.read_safetensors(output)["logits"][1]

        alone = logits()
        spread = max(alone) - min(alone)
        cluster = os.path.join(gemring_run.CLUSTER_CONFIGS, "shared-filter-and-shards.json")
        rings = ("pass-kv", "pass-q", "token-ring", "all-gather")
        for message, share, some in (("f32", 0.02, rings),  # of keys and values in bf16
                                     ("bf16", 0.04, rings[::2]), ("int8", 0.1, rings[1::2])):
            for ring in some:
                with self.subTest(message=message, ring=ring):
                    got = logits("--cluster", cluster, "--ring", ring, "--message-type", message, ranks=2)
                    self.assertLess(max(abs(a - b) for a, b in zip(alone, got)), share * spread)

    def test_every_cluster_file_keeps_and_says_the_same_with_gemfilter(self):
        self.check_same("gemfilter", RANKS)

    def test_every_cluster_file_says_the_same_with_the_full_prompt(self):
        self.check_same("full", (3,))  # the others: with the filter, and all of them in the golden tests

    def test_the_number_of_threads_changes_nothing(self):
        for compute in ("f32", "auto"):
            request = [*self.request, "--compute", compute, "--threads"]
            alone = self.report([*request, 1])
            for threads in (2, 3):
                report = self.report([*request, threads])
                for field in ("text", "generated_ids", "kept_indices"):
                    self.assertEqual(report[field], alone[field], f"{compute}, {threads} threads: {field}")

    def test_a_report_fits_its_prompt(self):
        report = self.report(self.request, 2)
        self.assertEqual(report["prompt_tokens"], self.case["tokens"])
        self.assertEqual(len(report["kept_indices"]), 167)
        self.assertEqual(report["kept_indices"], sorted(set(report["kept_indices"])))
        self.assertEqual(len(report["scores"]), self.case["tokens"])
        question_tokens = self.case["question_tokens"] - 1  # the case counts the newline before the question
        last = list(range(self.case["tokens"] - question_tokens, self.case["tokens"]))
        self.assertEqual(report["kept_indices"][:4], [0, 1, 2, 3])
        self.assertEqual(report["kept_indices"][-len(last):], last, "the question's tokens stay")
        spans = [index for span in report["kept_spans"] for index in range(span["begin"], span["end"])]
        self.assertEqual(spans, report["kept_indices"])
        self.assertIn(self.case["needle"], " ".join(span["text"] for span in report["kept_spans"]))
        for name in ("time_to_first_token_seconds", "prefill_tokens_per_second", "decode_tokens_per_second"):
            self.assertGreater(report[name], 0, name)
        for rank in report["ranks"]:
            self.assertGreater(rank["peak_rss_bytes"], 1e6)
            self.assertGreaterEqual(rank["threads"], 1)
        self.assertLessEqual({"filter", "prefill", "decode"}, {phase["name"] for phase in report["phases"]})
        self.assertTrue(all(phase["seconds"] >= phase["wait_seconds"] >= 0 for phase in report["phases"]))

    def test_a_prompt_no_longer_than_keep_is_kept_whole_without_a_filter_pass(self):
        report = self.report([*self.request[:-4], "--keep", 5000, "--max-new-tokens", 4], 2)
        self.assertEqual(report["kept_indices"], list(range(report["prompt_tokens"])))
        self.assertEqual(report["scores"], [])
        self.assertNotIn("filter", {phase["name"] for phase in report["phases"]})

    def test_the_text_is_the_same_from_a_file_an_option_and_standard_input(self):
        with open(self.prompt_file, encoding="utf-8") as file:
            prompt = file.read()
        others = ["--question", self.question, "--keep", 167, "--max-new-tokens", 8, "--model", gemring_run.DEMO_MODEL]
        expected = self.succeed(["generate", "--prompt-file", self.prompt_file, *others]).stdout
        self.assertIn(self.case["answer"], expected)
        self.assertEqual(self.succeed(["generate", "--prompt", prompt, *others]).stdout, expected)
        for ranks in (0, 2):
            run = gemring_run.Run(gemring_run.command(["generate", *others], ranks), stdin=prompt.encode()).finish()
            self.assertEqual((run.code, run.stdout), (0, expected), run.describe())

    def test_sampling_draws_the_same_text_on_any_number_of_ranks(self):
        request = [*self.request, "--temperature", 3, "--top-p", 0.99, "--top-k", 100, "--ignore-eos", "--seed"]
        texts = {self.report([*request, 7], ranks)["text"] for ranks in RANKS}
        self.assertEqual(len(texts), 1, texts)
        self.assertNotEqual(texts, {self.report([*request, 8])["text"]})

    def test_ignore_eos_goes_on_to_the_limit_and_without_it_the_end_token_is_reported(self):
        ended = self.report([*self.request[:-1], 64])
        self.assertIn(ended["generated_ids"][-1], (0, 2))
        self.assertLess(len(ended["generated_ids"]), 64)
        self.assertEqual(len(self.report([*self.request[:-1], 64, "--ignore-eos"], 2)["generated_ids"]), 64)

    def test_an_idle_rank_is_named_and_does_no_harm(self):
        cluster = os.path.join(gemring_run.CLUSTER_CONFIGS, "one-rank.json")
        run = self.succeed(["generate", *self.request, "--cluster", cluster], 3)
        for rank in (1, 2):
            self.assertRegex(run.stderr, rf"rank {rank} on \S+ is idle")

    def test_more_ranks_than_layers_end_in_an_error_or_in_idle_ranks(self):
        model = os.path.join(gemring_run.GOLDEN, "llama-2")
        with open(os.path.join(model, "config.json"), encoding="utf-8") as file:
            layers = json.load(file)["num_hidden_layers"]
        ids = self.path("ids.json", [5, 6, 7, 8])
        run = gemring_run.Run(gemring_run.command(["generate", "--model", model, "--prompt-ids", ids, "--method", "full",
                                                   "--max-new-tokens", 3], layers + 2)).finish()
        if run.code == 0:
            self.assertIn("is idle", run.stderr)
        else:
            self.assert_fails(run, 3, "layers")

    def test_products_in_the_machines_fastest_types_still_answer(self):
        for ranks in (1, 4):
            report = self.report([*self.request, "--compute", "auto"], ranks)
            self.assertTrue(report["text"].strip().startswith(self.case["answer"]), f"{ranks} ranks: {report['text']}")

    def test_bf16_caches_and_messages_still_answer(self):
        report = self.report([*self.request, "--kv-type", "bf16", "--message-type", "bf16"], 4)
        self.assertTrue(report["text"].strip().startswith(self.case["answer"]), report["text"])


class Commands(EndToEnd):
    def test_plan_names_every_rank_with_bytes_and_flop(self):
        for cluster in gemring_run.cluster_configs():
            with self.subTest(cluster=os.path.basename(cluster)):
                text = self.succeed(["plan", "--model", gemring_run.DEMO_MODEL, "--ranks", 4, "--tokens", 50000, "--cluster",
                                     cluster]).stdout
                for rank in range(4):
                    self.assertRegex(text, rf"\b{rank}\b")
                self.assertRegex(text, r"FLOP")
                self.assertRegex(text, r"\b[MG]i?B\b")

    def test_plan_runs_on_ranks_too(self):
        self.assertIn("FLOP", self.succeed(["plan", "--model", gemring_run.DEMO_MODEL], 3).stdout)

    def test_inspect_says_what_is_in_a_model_directory(self):
        text = self.succeed(["inspect", "--model", gemring_run.DEMO_MODEL]).stdout
        for words in (r"llama", r"layers\s+8\b", r"hidden\s+128\b", r"bf16", r"65,?536", r"filter\s+layer 3\b", r"4,460,800"):
            self.assertRegex(text, words)

    def test_bench_limits_measures_every_rank(self):
        path = self.path("limits.json")
        output = self.succeed(["bench", "limits", "--threads", 1, "--json", path], 2).stdout
        limits = self.read_lines(path)
        self.assertEqual([rank["benchmark"] for rank in limits], ["limits", "limits"])
        self.assertEqual([(rank["rank"], rank["threads"]) for rank in limits], [(0, 1), (1, 1)])
        for rank in limits:
            self.assertGreater(rank["f32_gflops"], 0)
            self.assertGreater(rank["memory_read_gbs"], 0)
            self.assertEqual(rank["bf16_gflops"] > 0, rank["kernels"] in ("avx512bf16", "amx"))
        self.assertEqual(len(output.splitlines()), 3)

    def test_bench_reports_rates_of_a_model_made_in_memory(self):
        for benchmark in ("prefill", "decode", "gemfilter"):
            with self.subTest(benchmark=benchmark):
                path = self.path(f"{benchmark}.json")
                self.succeed(["bench", benchmark, "--random-weights", os.path.join(gemring_run.DEMO_MODEL, "config.json"),
                              "--tokens", 2048, "--repetitions", 2, "--compute", "f32", "--json", path], 2)
                [report] = self.read_lines(path)
                self.assertEqual((report["benchmark"], report["tokens"]), (benchmark, 2048))
                self.assertEqual(len(report["seconds"]), 2)
                self.assertGreater(report["tokens_per_second"], 0)
                self.assertGreater(report["peak_rss_bytes"], 1e6)
                self.assertEqual(len(report["ranks"]), 2)
                self.assertEqual((report["weights"], report["compute"]), ("bf16", "f32"))
                self.assertEqual(report["limit_name"],
                                 "memory read, GB/s" if benchmark == "decode" else "f32 products, GFLOP/s")
                self.assertGreater(report["limit"], 0)
                self.assertAlmostEqual(report["share_of_limit"], report["rate"] / report["limit"])
                self.assertAlmostEqual(sum(phase["share"] for phase in report["phases"]), 1)

    def test_bench_prints_json_instead_of_the_table_where_no_file_is_named(self):
        shape = ["--random-weights", os.path.join(gemring_run.DEMO_MODEL, "config.json")]
        for words in (["limits", "--json"], ["decode", *shape, "--tokens", 64, "--json", "-"],
                      ["kernels", "--kernels", "attention", "--tokens", 64, "--json"]):
            with self.subTest(words=words):
                output = self.succeed(["bench", *words, "--repetitions", 1]).stdout
                for line in output.splitlines():
                    self.assertEqual(json.loads(line)["benchmark"], words[0])

    def test_bench_kernels_writes_a_line_of_json_for_each_row_of_its_table(self):
        path = self.path("kernels.json")
        table = self.succeed(["bench", "kernels", "--kernels", "attention", "--tokens", 64, "--json", path]).stdout
        rates = self.read_lines(path)
        self.assertEqual(len(table.splitlines()), len(rates) + 2)
        for rate in rates:
            self.assertEqual((rate["kernel"], rate["tokens"], len(rate["seconds"])), ("attention", 64, 3))
            self.assertTrue(rate["limit_name"].startswith(rate["compute"]), rate)
            self.assertAlmostEqual(rate["share_of_limit"], rate["rate"] / rate["limit"])

    def test_bench_kernels_is_for_one_process(self):
        self.assert_fails(gemring_run.Run(gemring_run.command(["bench", "kernels"], 2)), 2, "without mpirun")

    @staticmethod
    def read_lines(path):
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_a_run_takes_the_memory_that_the_plan_says(self):
        shape = self.path("shape.json", {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 3, "hidden_size": 1024,
            "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 64, "intermediate_size": 4096,
            "vocab_size": 16000, "max_position_embeddings": 4096, "rope_theta": 10000.0, "rms_norm_eps": 1e-05,
            "hidden_act": "silu", "tie_word_embeddings": False})
        for weights in ("stored", "q8_0"):  # 157 and 84 MB
            for ranks in (0, 2):
                with self.subTest(weights=weights, ranks=ranks):
                    path = self.path("memory.json")
                    run = self.succeed(["bench", "prefill", "--random-weights", shape, "--weights", weights, "--tokens", 1500,
                                        "--threads", 1, "--repetitions", 1, "--warmup", 0, "--json", path, "--log-level", "info"], ranks)
                    with open(path, encoding="utf-8") as file:
                        peaks = [rank["peak_rss_bytes"] for rank in json.load(file)["ranks"]]
                    planned = [int(mib.replace(",", "")) * 2**20 for mib in re.findall(r"will need ([\d,]+) MiB", run.stderr)]
                    self.assertEqual(len(planned), len(peaks))
                    for plan, peak in zip(planned, peaks):  # the program itself: 14 MB alone, 24 MB under mpirun
                        self.assertLess(abs(plan - peak), 0.05 * peak + 10e6, f"{plan} planned, {peak} taken")

    def test_help_and_version_work_with_and_without_mpirun(self):
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                version = self.succeed(["--version"], ranks).stdout
                for word in ("gemring ", "g++", "Open MPI", "OpenBLAS", "core type", "instruction sets"):
                    self.assertEqual(version.count(word) > 0, True, word)
                for command in ("generate", "logits", "plan", "inspect", "bench"):
                    self.assertIn(command, self.succeed(["--help"], ranks).stdout)
                    self.assertIn("--model", self.succeed([command, "--help"], ranks).stdout)

    def test_the_log_can_be_json_and_standard_output_holds_the_result_alone(self):
        ids = self.path("ids.json", [5, 6, 7])
        run = self.succeed(["generate", "--model", gemring_run.DEMO_MODEL, "--prompt-ids", ids, "--max-new-tokens", 2,
                            "--log-format", "json", "--log-level", "info"], 2)
        lines = [json.loads(line) for line in run.stderr.splitlines() if line.startswith("{")]
        self.assertTrue(lines)
        for line in lines:
            self.assertLessEqual({"level", "rank", "host", "msg"}, set(line))
        self.assertNotIn("info", run.stdout)

    def test_an_option_may_come_from_the_environment(self):
        ids = self.path("ids.json", [5, 6, 7])
        report = self.report(["--model", gemring_run.DEMO_MODEL, "--prompt-ids", ids, "--ignore-eos"],
                             env={"GEMRING_MAX_NEW_TOKENS": "5"})
        self.assertEqual(len(report["generated_ids"]), 5)

    def test_threads_are_shared_out_among_the_ranks_of_a_node_unless_the_user_says_otherwise(self):
        ids = self.path("ids.json", list(range(5, 50)))
        cores = len(os.sched_getaffinity(0))
        request = ["--model", gemring_run.DEMO_MODEL, "--prompt-ids", ids, "--max-new-tokens", 2]
        self.assertEqual(self.report(request)["ranks"][0]["threads"], cores)
        shared = [rank["threads"] for rank in self.report(request, 2)["ranks"]]
        self.assertEqual(sum(shared), max(2, cores))
        self.assertEqual([rank["threads"] for rank in self.report([*request, "--threads", 1], 2)["ranks"]], [1, 1])
        # mpirun's default binds each of two ranks to one core: the node's cores are shared out all the same.
        words = ["mpirun", "--oversubscribe", "-n", "2", gemring_run.GEMRING, "generate", *map(str, request), "--log-level", "info"]
        run = gemring_run.Run(words).finish()
        self.assertEqual(run.code, 0, run.describe())
        self.assertTrue(re.search(r"OpenBLAS core type \w+", run.stderr), run.stderr)


if __name__ == "__main__":
    gemring_run.main()
