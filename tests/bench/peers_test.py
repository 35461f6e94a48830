"""bench/peers with invented figures: commands, ratios, the table; and the GGUF files it writes. No peer is run."""

import argparse
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import struct
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
sys.dont_write_bytecode = True
import peer_builds  # noqa: E402
import random_gguf  # noqa: E402


def load_script(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(ROOT, "bench", name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


peers = load_script("peers")
TINY = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
        "vocab_size": 300, "num_hidden_layers": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "max_position_embeddings": 4096}


def prefill(tokens=512):
    return peers.Task("prefill", tokens, "m.gguf", f"prefill {tokens}")


class Ratios(unittest.TestCase):
    def test_the_ratio_is_that_of_medians_to_the_fastest_peer_with_the_rounds_extremes(self):
        row = peers.row(prefill(), {"gemring": [300.0, 200.0, 400.0], "mainline": [100.0, 110.0, 90.0],
                                    "ik": [150.0, 160.0, 100.0]}, ["mainline", "ik"])
        # medians 300, 100, 150; rounds against ik: 300/150, 200/160, 400/100
        self.assertEqual(row, ["prefill 512", "300.0", "100.0", "150.0", "ik", "**2.00** (1.25-4.00)"])

    def test_llama_benchs_rate_is_the_median_of_its_samples(self):
        output = """[{"build_commit": "abc", "n_prompt": 512, "n_gen": 0, "samples_ts": [3.0, 9.0, 4.0]}]"""
        self.assertEqual(peers.llama_rate(output, prefill()), (4.0, "abc"))

    def test_a_build_that_knows_no_commit_is_named_by_its_archive_or_path(self):
        given = argparse.Namespace(ik_bench=None, ik_source="/a/ik-1.tar.xz", llama_bench="/b/llama-bench", build_dir="/b")
        self.assertEqual(peers.version("ik", "unknown", given), "ik-1.tar.xz")
        self.assertEqual(peers.version("mainline", "unknown", given), "/b/llama-bench")
        self.assertEqual(peers.version("mainline", "abc", given), "abc")

    def test_a_result_of_another_length_is_refused(self):
        with self.assertRaises(ValueError):
            peers.llama_rate("""[{"n_prompt": 128, "n_gen": 0, "samples_ts": [3.0]}]""", prefill())


class Commands(unittest.TestCase):
    given = peers.parse_options(["--gemring", "gemring", "--threads", "2", "--", "--kv-type", "bf16"])

    def test_short_work_is_warmed_up_and_repeated_long_work_is_not(self):
        self.assertEqual(peers.runs_of(prefill(512), self.given), (5, 1))
        self.assertEqual(peers.runs_of(prefill(2048), self.given), (1, 1))
        self.assertEqual(peers.runs_of(prefill(4096), self.given), (1, 0))

    def test_all_programs_get_the_same_work(self):
        task = prefill(8192)
        self.assertEqual(peers.llama_words("b", "mainline", task, self.given),
                         "b -m m.gguf -t 2 -p 8192 -n 0 -r 1 -fa 1 -o json --no-warmup".split())
        self.assertEqual(peers.llama_words("b", "ik -rtr", task, self.given),
                         "b -m m.gguf -t 2 -p 8192 -n 0 -r 1 -fa 1 -o json -w 0 -rtr 1".split())
        self.assertEqual(peers.gemring_words(task, self.given),
                         "gemring bench prefill --model m.gguf --tokens 8192 --threads 2 --repetitions 1 --warmup 0 "
                         "--compute auto --kv-type bf16".split())

    def test_decode_is_generated_behind_almost_nothing(self):
        task = peers.Task("decode", 32, "m.gguf", "decode")
        self.assertEqual(peers.llama_words("b", "ik", task, self.given),
                         "b -m m.gguf -t 2 -p 0 -n 32 -r 3 -fa 1 -o json".split())
        self.assertIn("--tokens 1 --max-new-tokens 32 --threads 2 --repetitions 3 --warmup 1",
                      " ".join(peers.gemring_words(task, self.given)))

    def test_all_work_is_done_on_a_model_that_is_given(self):
        given = peers.parse_options(["--model", "models/m.gguf", "--types", "q8_0,q4_0", "--lengths", "64", "--filter-layer", "3"])
        found = list(peers.tasks(given))
        self.assertEqual([task.name for task in found],
                         ["prefill 64, m.gguf", "decode, m.gguf", "GemFilter 16384, r=3, k=1024, m.gguf"])
        self.assertEqual({task.model for task in found}, {"models/m.gguf"})

    def test_unknown_words_are_refused(self):
        for words in (["--types", "q8_0,q9"], ["--work", "sleep"], ["--lengths", "0"], ["--peers", "another"]):
            with self.subTest(words=words), contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as end:
                peers.parse_options(words)
            self.assertEqual(end.exception.code, 2)

    def test_lists_are_separated_by_commas(self):
        given = peers.parse_options(["--types", "q8_0,f16", "--lengths", "64,128"])
        self.assertEqual((given.types, given.lengths), (["q8_0", "f16"], [64, 128]))

    def test_without_any_peer_the_script_says_so(self):
        given = argparse.Namespace(peers=["ik"], ik_bench=None, ik_source=None)
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaisesRegex(SystemExit, "no peer"):
            peers.programs(given)


class Tables(unittest.TestCase):
    def test_the_whole_table_from_invented_programs(self):
        """gemring and both llama-bench are scripts that print figures."""
        with tempfile.TemporaryDirectory() as directory:
            def script(name, text):
                path = os.path.join(directory, name)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f"#!{sys.executable}\n{text}\n")
                os.chmod(path, 0o755)
                return path

            gemring = script("gemring", "import sys; open(sys.argv[sys.argv.index('--json') + 1], 'w').write("
                                        "'{\"tokens_per_second\": 60.0}')")
            bench = "import sys; print('[{\"build_commit\": \"%s\", \"n_prompt\": 64, \"n_gen\": 0, \"samples_ts\": [%s]}]')"
            shape = os.path.join(directory, "tiny.json")
            with open(shape, "w", encoding="utf-8") as file:
                file.write(str(TINY).replace("'", '"'))
            output = io.StringIO()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
                peers.main(["--gemring", gemring, "--llama-bench", script("mainline", bench % ("aaa", "20.0")),
                            "--ik-bench", script("ik", bench % ("bbb", "40.0")), "--build-dir", directory, "--shape", shape,
                            "--layers", "1", "--work", "prefill", "--lengths", "64", "--threads", "2"])
        lines = output.getvalue().splitlines()
        self.assertEqual(lines[0], "| work, tokens/s | gemring | mainline | ik | ik -rtr | fastest peer | "
                                   "gemring / it (lowest-highest) |")
        self.assertEqual(lines[2], "| prefill 64, q8_0, 1 layers | 60.0 | 20.0 | 40.0 | 40.0 | ik | **1.50** (1.50-1.50) |")
        self.assertIn("2 thread(s), 3 round(s), mainline at aaa, ik at bbb", lines[4])


class Builds(unittest.TestCase):
    def test_the_tile_configuration_is_written_before_it_is_loaded_and_only_once(self):
        with tempfile.TemporaryDirectory() as source:
            path = os.path.join(source, peer_builds.TILES)
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="utf-8") as file:
                file.write("    tc.rows[7] = 16;\n    _tile_loadconfig(&tc);\n    done = true;\n")
            self.assertTrue(peer_builds.mend_tiles(source))
            self.assertFalse(peer_builds.mend_tiles(source))
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertIn('"memory"', lines[1])
            self.assertEqual(lines[2:], ["    _tile_loadconfig(&tc);", "    done = true;"])

    def test_a_tree_without_that_code_is_left_alone(self):
        with tempfile.TemporaryDirectory() as source:
            self.assertFalse(peer_builds.mend_tiles(source))


class Files(unittest.TestCase):
    def sizes(self, kind):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "m.gguf")
            random_gguf.write(path, TINY, kind)
            with open(path, "rb") as file:
                return file.read()

    def test_every_type_has_the_bytes_of_its_blocks(self):
        # elements of the matrices: 2 x 300 x 256, and 256 x 256 x 2 + 256 x 128 x 2 + 256 x 512 x 3 of the layer
        elements = 153_600 + 131_072 + 65_536 + 393_216
        norms = 3 * 256 * 4
        for kind, bits in (("f16", 16), ("bf16", 16), ("q8_0", 8.5), ("q4_0", 4.5), ("q4_k", 4.5)):
            with self.subTest(kind=kind):
                head, data = random_gguf.header(TINY, kind)
                self.assertEqual(data, elements * bits / 8 + norms)
                self.assertEqual(len(self.sizes(kind)), len(head) + data)

    def test_the_header_counts_tensors_and_metadata(self):
        magic, version, tensors, keys = struct.unpack_from("<4sIQQ", self.sizes("q8_0"))
        self.assertEqual((magic, version, tensors, keys), (b"GGUF", 3, 3 + 9, len(random_gguf.metadata(TINY, "q8_0"))))

    def test_values_are_small_numbers(self):
        for kind, scale in (("q8_0", struct.pack("<e", 3e-4)), ("q4_0", struct.pack("<e", 4e-3))):
            block = random_gguf.TYPES[kind][3]
            head, _ = random_gguf.header(TINY, kind)
            data = self.sizes(kind)[len(head):]
            self.assertEqual({data[at:at + 2] for at in range(0, 100 * block, block)}, {scale})
        head, _ = random_gguf.header(TINY, "f16")
        values = struct.unpack_from("<1000e", self.sizes("f16"), len(head))
        self.assertTrue(all(2**-7 <= abs(value) < 2**-5 for value in values))
        self.assertTrue(min(values) < 0 < max(values))

    def test_a_file_that_is_there_is_not_written_again(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "m.gguf")
            random_gguf.write(path, TINY, "q4_0")
            before = os.stat(path).st_mtime_ns
            random_gguf.write(path, TINY, "q4_0")
            self.assertEqual(os.stat(path).st_mtime_ns, before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
