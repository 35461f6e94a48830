"""What becomes of the others: ranks that do not fit together (of different versions: tests/launch), a model file that
shrinks under a run, a rank that is killed in each phase. One message or, where the cause lies outside, none that is
false; every process gone within five seconds.
"""

import json
import os
import shutil
import signal
import time

import gemring_run
from gemring_run import EndToEnd, LongRuns, Run

MODEL_FILE, PEER = 4, 6
KILLED = 137  # mpirun's code where a rank died by SIGKILL
RANKS = 3
LLAMA = os.path.join(gemring_run.GOLDEN, "llama-2")


def apart(*parts):
    """One mpirun whose ranks have command lines of their own: each part is (mpirun's options, program, arguments)."""
    words = list(gemring_run.MPIRUN)
    for number, (options, program, arguments) in enumerate(parts):
        words += [":"] if number else []
        words += ["-n", "1", *options, program, *map(str, arguments)]
    return words


class Disagreement(EndToEnd):
    def setUp(self):
        self.request = ["generate", "--prompt-ids", self.path("ids.json", list(range(3, 43))), "--max-new-tokens", 2,
                        "--keep", 16, "--keep-last", 4, "--filter-layer", 1, "--model"]

    def test_an_mpi_that_lets_one_thread_call_only(self):
        shim = os.path.join(gemring_run.BUILD, "tests", "end_to_end", "libtest_funneled_mpi.so")
        self.assertTrue(os.path.exists(shim), f"{shim} is not built")
        words = [*gemring_run.MPIRUN, "-n", "2", "-x", f"LD_PRELOAD={shim}", gemring_run.GEMRING, "--version"]
        self.assert_fails(Run(words), 6, "MPI_Init_thread: this MPI offers MPI_THREAD_FUNNELED", "MPI_THREAD_SERIALIZED")

    def test_ranks_with_different_command_lines(self):
        run = Run(apart(([], gemring_run.GEMRING, [*self.request, LLAMA]),
                        ([], gemring_run.GEMRING, [*self.request, LLAMA, "--pool", "3"])))
        self.assert_fails(run, PEER, "command line", "rank 1", "--pool 3")

    def test_ranks_with_different_checkpoints_under_the_same_name(self):
        for name in ("here", "there"):
            shutil.copytree(LLAMA, self.path(f"{name}/model"))
        weights = self.path("there/model/model.safetensors")
        with open(weights, "rb") as file:
            data = file.read()
        length = int.from_bytes(data[:8], "little")
        header = json.dumps({**json.loads(data[8:8 + length]), "__metadata__": {"format": "another one"}}).encode()
        with open(weights, "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header + data[8 + length:])
        for models, words in ((["model"], ["checkpoint fingerprint"]),
                              ([LLAMA, "--filter-model", "model"], ["filter model: checkpoint fingerprint"])):
            parts = [(["--wdir", self.path(name)], gemring_run.GEMRING, [*self.request, *models]) for name in ("here", "there")]
            self.assert_fails(Run(apart(*parts)), PEER, *words, "rank 1")


class Deaths(LongRuns):
    def start(self, phase, ranks=RANKS, **options):
        """A run that is in the middle of `phase`."""
        method = "full" if phase == "prefill" else "gemfilter"
        run = Run(gemring_run.command(self.generate("--method", method, **options), ranks))
        self.wait_for(run, phase)
        return run

    def check_death(self, phase, rank):
        run = self.start(phase)
        pids = run.ranks()
        self.assertEqual(sorted(pids), list(range(RANKS)), run.describe())
        killed = time.monotonic()
        os.kill(pids[rank], signal.SIGKILL)
        run.finish(30)
        self.assertEqual(run.code, KILLED, run.describe())
        self.assertLess(run.finished - killed, gemring_run.SECONDS_TO_VANISH, run.describe())
        self.assertEqual(run.left_over(), [], run.describe())
        self.assertNotIn("gemring: ", run.stderr, "a survivor blames something")
        self.assertNotIn(" error ", run.stderr)

    def check_phase(self, phase):
        for rank in range(RANKS):
            with self.subTest(phase=phase, rank=rank):
                self.check_death(phase, rank)

    def test_a_rank_killed_in_the_filter_pass(self):
        self.check_phase("filter")

    def test_a_rank_killed_in_prefill(self):
        self.check_phase("prefill")

    def test_a_rank_killed_in_decode(self):
        self.check_phase("decode")

    def test_an_interrupted_mpirun_leaves_nobody(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            run = self.start("filter")
            with self.subTest(signal=number):
                run.process.send_signal(number)
                run.finish(30)
                self.assertNotEqual(run.code, 0)
                self.assertEqual(run.left_over(), [], run.describe())

    def test_a_model_file_that_shrinks_under_the_run(self):
        for ranks in (0, RANKS):
            for phase in ("prefill", "decode"):
                with self.subTest(ranks=ranks, phase=phase):
                    model = self.path(f"shrinking-{ranks}-{phase}")
                    shutil.copytree(gemring_run.DEMO_MODEL, model)
                    run = self.start(phase, ranks, model=model)
                    os.truncate(os.path.join(model, "model.safetensors"), 8192)
                    self.assert_fails(run, MODEL_FILE, "model.safetensors")


if __name__ == "__main__":
    gemring_run.main()
