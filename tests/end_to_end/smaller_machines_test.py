"""Processors with fewer instructions than this one: an emulator refuses what they do not have. Code that needs more and
runs unasked is found here only: on the machine that builds it, everything works."""

import json
import os
import shutil
import unittest

import gemring_run
from gemring_run import EndToEnd, Run

# Model of the emulator, OpenBLAS's core type of the same generation, the best set of kernels.
PROCESSORS = (("Nehalem", "Nehalem", "portable"), ("Haswell", "Haswell", "avx2"))


@unittest.skipUnless(shutil.which("qemu-x86_64"), "no qemu-x86_64 (Debian: qemu-user; launch/tools/install-packages optional)")
class SmallerMachines(EndToEnd):
    def test_every_set_of_kernels_answers_on_a_processor_that_has_no_more(self):
        ids = self.path("ids.json", [(7 * number) % 300 + 3 for number in range(97)])
        request = ["generate", "--model", os.path.join(gemring_run.GOLDEN, "llama-3.1"), "--prompt-ids", ids, "--filter-layer", 2,
                   "--keep", 24, "--keep-last", 5, "--max-new-tokens", 6, "--threads", 1]
        here = self.report([*request[1:], "--compute", "f32"])
        for model, core_type, kernels in PROCESSORS:
            for compute in ("auto", "f32"):
                with self.subTest(processor=model, compute=compute):
                    # The program starts itself again where these are not set, and that start would not be emulated.
                    environment = {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": core_type}
                    path = self.path(f"{model}-{compute}.json")
                    run = Run(["qemu-x86_64", "-cpu", model, gemring_run.GEMRING, *map(str, request), "--compute", compute,
                               "--log-level", "info", "--json", path], env=environment)
                    self.assertEqual(run.finish().code, 0, run.describe())
                    self.assertIn(kernels, run.stderr, run.describe())
                    with open(path, encoding="utf-8") as file:
                        report = json.load(file)
                    self.assertEqual(report["generated_ids"], here["generated_ids"])
                    self.assertEqual(report["kept_indices"], here["kept_indices"])


if __name__ == "__main__":
    gemring_run.main()
