"""Medians, intervals that assume no distribution, and fits of scaling laws."""

import dataclasses
import math
import statistics


@dataclasses.dataclass(frozen=True)
class Interval:
    """Of the median. `coverage`: the probability that an interval made like this holds it, whatever the
    distribution."""
    low: float
    high: float
    coverage: float


def below_rank(n, k):
    """P(fewer than k of n values lie below the median)."""
    return sum(math.comb(n, i) for i in range(k)) / 2**n


def median_interval(values, wanted=0.95):
    """From the k-th smallest to the k-th largest value, k as large as `wanted` allows: the median lies outside where
    fewer than k values fall on one side of it, 2 P(B(n, 1/2) < k). With less than six values not even smallest and
    largest reach 95 %: they are the interval then, with the coverage that they have (n = 3: 75 %)."""
    ordered = sorted(values)
    n = len(ordered)
    k = 1
    while k + 1 <= (n + 1) // 2 and 1 - 2 * below_rank(n, k + 1) >= wanted:
        k += 1
    return Interval(ordered[k - 1], ordered[n - k], max(0.0, 1 - 2 * below_rank(n, k)))


def median(values):
    return statistics.median(values)


def relative_width(values):
    """Of the interval, as a share of the median; infinite where there is no interval of 95 %."""
    interval = median_interval(values)
    if interval.coverage < 0.95:
        return math.inf
    return (interval.high - interval.low) / median(values)


def speed_up(base, values):
    """(ratio of the medians, lowest, highest): both intervals at their far ends, so at least as wide as
    it should be."""
    first, second = median_interval(base), median_interval(values)
    return median(base) / median(values), first.low / second.high, first.high / second.low


def karp_flatt(speedup, factor):
    """The serial share that explains a speed-up on `factor` times the cores. Below 0: better than ideal."""
    if factor <= 1:
        return None
    return (1 / speedup - 1 / factor) / (1 - 1 / factor)


@dataclasses.dataclass(frozen=True)
class Amdahl:
    serial: float      # seconds
    parallel: float    # seconds on one core

    @property
    def serial_share(self):
        return self.serial / (self.serial + self.parallel)


def fit_line(points):
    """(constant, slope) of seconds = constant + slope * x, least squares of relative errors, neither below 0; points:
    (x, seconds). None with fewer than three different x: two points fit always."""
    if len({x for x, _ in points}) < 3:
        return None
    rows = [(1 / seconds, x / seconds) for x, seconds in points]  # times (constant, slope) is to be 1
    aa, ab, bb = sum(a * a for a, _ in rows), sum(a * b for a, b in rows), sum(b * b for _, b in rows)
    sa, sb = sum(a for a, _ in rows), sum(b for _, b in rows)
    determinant = aa * bb - ab * ab
    constant, slope = (sa * bb - sb * ab) / determinant, (sb * aa - sa * ab) / determinant
    if constant < 0:
        return 0.0, sb / bb
    if slope < 0:
        return sa / aa, 0.0
    return constant, slope


def fit_amdahl(points):
    """serial + parallel / cores; points: (cores, seconds). None with fewer than three numbers of cores."""
    fit = fit_line([(1 / cores, seconds) for cores, seconds in points])
    return Amdahl(*fit) if fit else None
