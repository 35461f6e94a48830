"""--trace FILE: one file with what every rank did when, that adds up and changes no result."""

import json
import os
import re

import gemring_run
from gemring_run import EndToEnd, Run

USAGE = 2
RANKS = 3


class Trace(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(os.path.join(gemring_run.DEMO_MODEL, "config.json"), encoding="utf-8") as file:
            cls.layers = json.load(file)["num_hidden_layers"]

    def setUp(self):
        self.ids = self.path("ids.json", [3 + i % 200 for i in range(600)])
        self.request = ["--model", gemring_run.DEMO_MODEL, "--prompt-ids", self.ids, "--keep", 128, "--keep-last", 16,
                        "--filter-layer", 1, "--max-new-tokens", 4, "--ignore-eos"]

    def trace(self, arguments, ranks):
        path = self.path(f"trace-{ranks}.json")
        run = self.succeed([*arguments, "--log-level", "info", "--trace", path], ranks)
        with open(path, encoding="utf-8") as file:
            return json.load(file), run

    def cluster(self, name):
        return ["--cluster", os.path.join(gemring_run.CLUSTER_CONFIGS, name)]

    def events(self, trace, **fields):
        return [event for event in trace["traceEvents"] if event["ph"] == "X"
                and all(event[name] == value for name, value in fields.items())]

    def check_times(self, trace):
        """Phases of a rank do not overlap; every span is inside a phase or between two, and inside of
        another or beside it."""
        for rank in {event["pid"] for event in self.events(trace)}:
            own = self.events(trace, pid=rank)
            self.assertEqual({event["tid"] for event in own}, {0})
            open_ends = []
            for event in sorted(own, key=lambda event: (event["ts"], -event["dur"])):
                begin, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)  # ns
                self.assertGreaterEqual(begin, 0)
                while open_ends and open_ends[-1] <= begin:
                    open_ends.pop()
                if open_ends:
                    self.assertLessEqual(end, open_ends[-1], f"reaches beyond what it is inside of: {event}")
                    self.assertNotEqual(event["cat"], "phase", f"a phase inside of something: {event}")
                open_ends.append(end)

    def check_shares(self, trace):
        for phase in trace["otherData"]["phases"]:
            runs = self.events(trace, pid=phase["rank"], cat="phase", name=phase["phase"])
            self.assertEqual(len(runs), phase["runs"])
            self.assertAlmostEqual(sum(run["dur"] for run in runs) / 1e6, phase["seconds"], delta=1e-8)
            self.assertAlmostEqual(sum(phase["seconds_of_kind"].values()), phase["seconds"], delta=1e-7)
            shares = [phase[name] for name in ("products", "attention", "waiting", "rest")]
            self.assertTrue(all(0 <= share <= 1 for share in shares), phase)
            self.assertAlmostEqual(sum(shares), 1, delta=1e-5)
            for kind in ("wait", "send", "norm", "rope", "embedding", "kv_write"):  # these have nothing inside
                spans = [event for event in self.events(trace, pid=phase["rank"], cat=kind)
                         if any(run["ts"] <= event["ts"] < run["ts"] + run["dur"] for run in runs)]
                self.assertAlmostEqual(sum(event["dur"] for event in spans) / 1e6, phase["seconds_of_kind"][kind],
                                       delta=1e-6, msg=f"{kind} of {phase}")

    def test_three_ranks_are_in_one_file_with_their_phases_and_kinds(self):
        trace, run = self.trace(["generate", *self.request, *self.cluster("shared-filter-and-shards.json")], RANKS)
        self.assertEqual(trace["displayTimeUnit"], "ms")
        names = {event["pid"]: event["args"]["name"] for event in trace["traceEvents"]
                 if event["ph"] == "M" and event["name"] == "process_name"}
        self.assertEqual(sorted(names), list(range(RANKS)))
        for rank in range(RANKS):
            self.assertRegex(names[rank], rf"^rank {rank} \(.+\)$")
            phases = [event["name"] for event in self.events(trace, pid=rank, cat="phase")]
            selects = ["select"] if rank == 0 else []
            self.assertEqual(phases, ["filter", *selects, "prefill", "decode"])
            kinds = {event["cat"] for event in self.events(trace, pid=rank)}
            self.assertLessEqual({"product", "attention", "wait", "send", "norm", "rope", "embedding", "kv_write",
                                  "set_up"}, kinds, f"rank {rank}")
            products = {event["name"] for event in self.events(trace, pid=rank, cat="product")}
            self.assertLessEqual({"q", "k", "v", "o", "gate, up", "down"}, products, f"rank {rank}")
            layers = {event["args"]["layer"] for event in self.events(trace, pid=rank, cat="product")
                      if "layer" in event["args"]}
            self.assertEqual(layers, set(range(self.layers)))
            self.assertTrue(all(event["args"]["tokens"] > 0 for event in self.events(trace, pid=rank, cat="product")))
            self.assertRegex(run.stderr, rf"rank {rank} prefill .* s: products [0-9.]+ %, attention [0-9.]+ %, "
                                         r"waiting [0-9.]+ %, rest [0-9.]+ %")
        self.assertEqual([(rank["rank"], rank["dropped_spans"]) for rank in trace["otherData"]["ranks"]],
                         [(rank, 0) for rank in range(RANKS)])
        self.check_times(trace)
        self.check_shares(trace)

    def test_the_answer_is_that_without_a_trace(self):
        without = self.succeed(["generate", *self.request]).stdout
        for ranks in (0, 2, RANKS):
            with self.subTest(ranks=ranks):
                trace, run = self.trace(["generate", *self.request], ranks)
                self.assertEqual(run.stdout, without)
                self.check_times(trace)
                self.check_shares(trace)

    def test_a_bench_is_traced_without_its_warm_up(self):
        model = ["--model", gemring_run.DEMO_MODEL, "--tokens", 200, "--repetitions", 2, "--warmup", 1]
        for benchmark, phases in (("prefill", ["prefill"]), ("decode", ["prefill", "decode"]),
                                  ("gemfilter", ["filter", "select", "prefill"])):  # one token needs no step of decode
            keep = ["--keep", 100] if benchmark == "gemfilter" else []
            with self.subTest(benchmark=benchmark):
                trace, _ = self.trace(["bench", benchmark, *model, *keep], 0)
                self.assertEqual([event["name"] for event in self.events(trace, cat="phase")], 2 * phases)
                self.assertEqual([(phase["phase"], phase["runs"]) for phase in trace["otherData"]["phases"]],
                                 [(phase, 2) for phase in phases])
                self.check_times(trace)
                self.check_shares(trace)

    def test_logits_are_traced(self):
        output = self.path("logits.safetensors")
        for ranks in (0, 2):
            trace, _ = self.trace(["logits", "--model", gemring_run.DEMO_MODEL, "--prompt-ids", self.ids, "--output",
                                   output], ranks)
            self.assertEqual(len(self.events(trace, name="logits")), 1)
            self.assertEqual(self.events(trace, name="logits")[0]["cat"], "product")
            self.check_times(trace)
            self.check_shares(trace)

    def test_a_path_that_cannot_be_written_is_refused_before_the_run(self):
        output = self.path("logits.safetensors")
        bench = ["bench", "prefill", "--model", gemring_run.DEMO_MODEL, "--tokens", 50]
        logits = ["logits", "--model", gemring_run.DEMO_MODEL, "--prompt-ids", self.ids, "--output", output]
        for arguments in (["generate", *self.request], bench, logits):
            for path in ("/nowhere/trace.json", self.directory):
                for ranks in (0, RANKS):
                    with self.subTest(command=arguments[0], path=path, ranks=ranks):
                        run = Run(gemring_run.command([*arguments, "--log-level", "info", "--trace", path], ranks))
                        self.assert_fails(run, USAGE, "--trace", path)
                        self.assertEqual(run.stdout, "")
                        self.assertNotIn("took", run.stderr)
        self.assertFalse(os.path.exists(output))

    def test_a_trace_means_nothing_for_limits_and_wants_a_file_of_its_own(self):
        path = self.path("one.json")
        self.assert_fails(Run(gemring_run.command(["bench", "limits", "--trace", path], 0)), USAGE, "--trace")
        self.assert_fails(Run(gemring_run.command(["generate", *self.request, "--trace", path, "--json", path], 0)),
                          USAGE, "--trace", "--json")
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    gemring_run.main()
