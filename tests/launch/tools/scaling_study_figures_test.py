"""What launch/tools/scaling-study computes: intervals, speed-ups, fits, lengths of weak studies, rows of
raw.csv; figures by hand."""

import math
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scaling_study_fakes as fakes  # noqa: E402

sys.path.insert(0, os.path.join(fakes.ROOT, "launch", "tools"))
from scaling_study import intervals, points, rows, study_file  # noqa: E402


class Intervals(unittest.TestCase):
    def test_three_values_give_smallest_and_largest_with_their_true_coverage(self):
        # The median is outside only where all three fall on one side: 2 / 2^3.
        self.assertEqual(intervals.median_interval([3.0, 1.0, 2.0]), intervals.Interval(1.0, 3.0, 0.75))

    def test_six_values_are_the_fewest_with_95_percent(self):
        self.assertEqual(intervals.median_interval(range(5)).coverage, 1 - 2 / 32)
        self.assertEqual(intervals.median_interval(range(6)), intervals.Interval(0, 5, 1 - 2 / 64))

    def test_ten_values_leave_out_one_at_each_end(self):
        # 1 - 2 (1 + 10) / 1024 = 0.9785; leaving out two: 1 - 2 (1 + 10 + 45) / 1024 = 0.8906
        self.assertEqual(intervals.median_interval(range(1, 11)), intervals.Interval(2, 9, 1 - 22 / 1024))

    def test_twenty_values_leave_out_five(self):
        # The textbook's interval for n = 20: from the 6th to the 15th value, 95.9 %.
        interval = intervals.median_interval(range(1, 21))
        self.assertEqual((interval.low, interval.high), (6, 15))
        self.assertAlmostEqual(interval.coverage, 0.9586, 4)

    def test_one_value_covers_nothing(self):
        self.assertEqual(intervals.median_interval([4.0]), intervals.Interval(4.0, 4.0, 0.0))

    def test_the_width_counts_from_six_values_on(self):
        self.assertEqual(intervals.relative_width([1.0] * 5), math.inf)
        self.assertEqual(intervals.relative_width([9.0, 10.0, 10.0, 10.0, 10.0, 12.0]), 0.3)


class Scaling(unittest.TestCase):
    def test_a_speed_ups_bounds_are_the_far_ends_of_both_intervals(self):
        value, low, high = intervals.speed_up([8.0, 10.0, 12.0], [4.0, 5.0, 6.0])
        self.assertEqual((value, low, high), (2.0, 8.0 / 6.0, 3.0))

    def test_karp_flatt_of_a_speed_up_of_three_on_four_cores(self):
        self.assertAlmostEqual(intervals.karp_flatt(3.0, 4), (1 / 3 - 1 / 4) / (3 / 4))  # 1/9
        self.assertIsNone(intervals.karp_flatt(1.0, 1))

    def test_amdahls_fit_finds_the_parts_of_exact_figures(self):
        fit = intervals.fit_amdahl([(1, 10.0), (2, 5.5), (4, 3.25)])  # 1 + 9 / p
        self.assertAlmostEqual(fit.serial, 1.0)
        self.assertAlmostEqual(fit.parallel, 9.0)
        self.assertAlmostEqual(fit.serial_share, 0.1)

    def test_no_part_of_a_fit_is_negative_and_two_points_fit_nothing(self):
        fit = intervals.fit_amdahl([(1, 10.0), (2, 4.0), (4, 1.5)])  # better than ideal
        self.assertEqual(fit.serial, 0.0)
        self.assertGreater(fit.parallel, 0)
        self.assertIsNone(intervals.fit_amdahl([(1, 10.0), (2, 5.0), (2, 5.1)]))


class WeakLengths(unittest.TestCase):
    work = points.Work(linear=100.0, pair=2.0)  # 100 n + n (n + 1)

    def test_work_of_a_shape_by_hand(self):
        shape = {"hidden_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 2, "intermediate_size": 16}
        # q and o 8 x 8 each, k and v 8 x 4 each, three of 8 x 16: 64 + 64 + 32 + 32 + 384 = 576 products, twice as
        # many FLOP; attention: q k and p v of 4 heads of 2, for each pair of tokens 2 x 2 x 8
        self.assertEqual(points.work_of_shape(shape), points.Work(1152.0, 32.0))

    def test_heads_and_head_dim_follow_where_they_are_left_out(self):
        shape = {"hidden_size": 8, "num_attention_heads": 4, "intermediate_size": 16}
        self.assertEqual(points.work_of_shape(shape).linear, 2 * (4 * 64 + 3 * 128))

    def test_tokens_of_twice_the_work(self):
        # 100 n + n (n + 1): n = 100 takes 20,100, twice that is 40,200; n = 156 takes 40,092, 157 takes 40,506
        self.assertEqual(self.work.flop(100), 20100)
        self.assertEqual(self.work.tokens(2 * self.work.flop(100)), 156)

    def test_tokens_are_the_inverse_of_work(self):
        for n in (1, 2, 17, 1000, 1_000_000):
            self.assertEqual(self.work.tokens(self.work.flop(n)), n)


class Rows(unittest.TestCase):
    def setUp(self):
        self.study = study_of(self, {"lengths": [1000], "ranks": [2], "methods": ["gemfilter", "decode"]})
        self.facts = {"run_id": "00007", "date": "2026-01-01T00:00:00+00:00", "git_sha": "abc", "freq_mhz": 2700.0,
                      "run_seconds": 3.5, "load": 0.25, "stolen_share": 0.01}

    def rows(self, method="gemfilter", ranks=2, threads=1, earlier=4, repetitions=1):
        point = points.Point(method, 1000, 1000, ranks, threads, "")
        report = fakes.report(method, 1000, ranks, threads, 1, repetitions)
        return rows.rows_of(self.study, point, report, self.facts, earlier)

    def test_the_columns_that_people_exchange_come_first_and_in_their_order(self):
        self.assertEqual(rows.COLUMNS[:28], [
            "run_id", "git_sha", "date", "host", "cpu", "nodes", "ranks", "threads_per_rank", "binding", "net", "model",
            "dtype", "kv_dtype", "ctx", "batch", "phase", "rep", "warmup", "seconds", "tokens", "tok_per_s", "bytes_sent",
            "comm_s", "compute_s", "rss_max", "freq_mhz", "blas_core", "seed"])
        self.assertEqual(len(set(rows.COLUMNS)), len(rows.COLUMNS))

    def test_a_row_for_each_phase_and_one_for_the_whole_of_warm_ups_too(self):
        found = [(row["phase"], row["rep"], row["warmup"], row["main"]) for row in self.rows()]
        phases = ["filter", "select", "prefill", "decode"]
        self.assertEqual(found, [(phase, "0", "1", "0") for phase in phases] + [("first_token", "0", "1", "1")] +
                         [(phase, "5", "0", "0") for phase in phases] + [("first_token", "5", "0", "1")])
        self.assertEqual({row["rows"] for row in self.rows()}, {"10"})

    def test_the_busiest_rank_counts_and_waiting_is_its_own(self):
        # 0.5 s in all. prefill: rank 0 0.25 s without waiting, rank 1 0.25 s of which 0.05 waiting; 1,000 bytes each
        prefill = [row for row in self.rows() if row["phase"] == "prefill" and row["warmup"] == "0"][0]
        self.assertEqual([prefill[name] for name in ("seconds", "compute_s", "comm_s", "bytes_sent", "tokens", "tok_per_s")],
                         ["0.25", "0.25", "0", "2000", "64", "256"])
        self.assertEqual(prefill["rank_compute_s"], "0.25|0.2")
        self.assertEqual(prefill["hidden_share"], "0.5")
        self.assertEqual(prefill["rank_comm_s"], "0|0.05")
        self.assertEqual(float(prefill["imbalance"]), round(0.25 / 0.225, 8))

    def test_where_nothing_is_sent_nothing_is_hidden(self):
        self.assertEqual({row["hidden_share"] for row in self.rows("decode", ranks=1)}, {""})

    def test_the_whole_takes_the_programs_own_seconds_and_the_largest_rank(self):
        whole = self.rows()[-1]
        self.assertEqual([whole[name] for name in ("seconds", "tokens", "tok_per_s", "rss_max", "rank_rss", "bytes_sent")],
                         ["0.5", "1000", "2000", "2000000", "1000000|2000000", "2010"])
        self.assertEqual([whole[name] for name in ("host", "cpu", "nodes", "binding", "net", "blas_core", "freq_mhz", "seed")],
                         ["node1", "Some CPU", "1", "pinned", "shared memory", "Haswell", "2700", "1"])
        self.assertEqual(whole["giga_work"], "1")  # 2 per second in half a second

    def test_decode_is_measured_by_the_tokens_behind_the_first(self):
        main = [row for row in self.rows("decode") if row["main"] == "1" and row["warmup"] == "0"]
        self.assertEqual([(row["phase"], row["seconds"], row["tokens"]) for row in main], [("decode", "0.5", "8")])

    def test_more_threads_on_a_host_than_cores_is_marked(self):
        self.assertEqual(self.rows(ranks=2, threads=1)[0]["oversubscribed"], "0")
        self.assertEqual(self.rows(ranks=2, threads=2)[0]["oversubscribed"], "1")

    def test_simulated_hosts_are_one_machine(self):
        report = fakes.report("prefill", 10, 2, 2, 0, 1)
        for rank, machine in enumerate(report["machines"]):
            machine.update(host=f"host{rank}", cores=[0, 1])
        self.assertFalse(rows.oversubscribed(report, None))
        self.assertTrue(rows.oversubscribed(report, study_file.SimulatedHosts("1gbit", 1)))

    def test_a_report_of_something_else_is_no_repetition(self):
        point = points.Point("prefill", 10, 10, 2, 1, "")
        self.assertEqual(rows.check(point, fakes.report("prefill", 10, 2, 1, 0, 1)), "")
        self.assertIn("1 ranks ran instead of 2", rows.check(point, fakes.report("prefill", 10, 1, 1, 0, 1)))
        self.assertIn("2 threads instead of 1", rows.check(point, fakes.report("prefill", 10, 2, 2, 0, 1)))
        self.assertIn("11 tokens", rows.check(point, fakes.report("prefill", 11, 2, 1, 0, 1)))


def study_of(test, fields):
    """A study with these fields beside the least that one needs."""
    import json  # pylint: disable=import-outside-toplevel
    import tempfile  # pylint: disable=import-outside-toplevel
    directory = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
    test.addCleanup(directory.cleanup)
    path = os.path.join(directory.name, "study.json")
    shape = os.path.join(fakes.ROOT, "bench", "four_layers.json")
    values = {"random_weights": shape, "methods": ["prefill"], "ranks": [1], "lengths": [100], **fields}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file)
    return study_file.read_study(path, fakes.install(directory.name)[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
