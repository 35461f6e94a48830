"""raw.csv as points, series, speed-ups and efficiencies. Nothing but raw.csv is needed; environment.json, study.json
and failures.jsonl tell more where they are there."""

import dataclasses
import json
import os

from . import intervals
from .errors import StudyError
from .rows import FIRST_TOKEN, PHASES
from .store import read_failures, read_rows


@dataclasses.dataclass
class PointResult:
    """The repetitions of a point, warm-ups left out."""
    name: str
    method: str
    tokens: int
    base_tokens: int
    ranks: int
    threads: int
    plan: str
    oversubscribed: bool
    rows: list             # of all phases

    @property
    def cores(self):
        return self.ranks * self.threads

    @property
    def layout(self):
        return f"{self.ranks} x {self.threads}" + ("*" if self.oversubscribed else "")

    def phase_rows(self, phase):
        return [row for row in self.rows if row["phase"] == phase]

    def main_rows(self):
        return [row for row in self.rows if row["main"] == "1"]

    @property
    def phases(self):
        """Those that say something of this method: the pass of `decode` behind the first token only there."""
        found = {row["phase"] for row in self.rows}
        return [phase for phase in PHASES if phase in found and (phase != "decode" or self.method == "decode")]

    def values(self, column, phase=None):
        chosen = self.main_rows() if phase is None else self.phase_rows(phase)
        return [float(row[column]) for row in chosen if row[column] != ""]

    def median(self, column, phase=None):
        found = self.values(column, phase)
        return intervals.median(found) if found else 0.0

    @property
    def seconds(self):
        return self.values("seconds")

    def most_of_each_rank(self, column):
        """Of all repetitions the largest value of each rank."""
        return [max(values) for values in zip(*([float(value) for value in row[column].split("|")]
                                                for row in self.main_rows()))]

    def communication_share(self):
        return intervals.median([float(row["comm_s"]) / float(row["seconds"]) for row in self.main_rows()])

    def first_token_seconds(self):
        return self.values("seconds", FIRST_TOKEN)


@dataclasses.dataclass
class Scaling:
    """A point against its base: the same work (strong) or the same work or tokens of each rank (weak)."""
    point: PointResult
    base: PointResult
    speedup: tuple         # (value, low, high)
    weak: bool

    @property
    def factor(self):
        return self.point.cores / self.base.cores

    @property
    def efficiency(self):
        """(value, low, high); weak: seconds of the base over those of the point."""
        return self.speedup if self.weak else tuple(value / self.factor for value in self.speedup)

    @property
    def work_efficiency(self):
        """Weak: FLOP (decode: bytes) per second and core against the base's."""
        grown = self.point.median("giga_work") / self.base.median("giga_work")
        return self.efficiency[0] * grown / self.factor

    @property
    def karp_flatt(self):
        return intervals.karp_flatt(self.speedup[0], self.factor) if self.factor > 1 else None


@dataclasses.dataclass
class Results:
    directory: str
    points: list
    environment: dict
    study: dict
    wanted: dict           # {name: words} of every point of the study; empty without study.json
    failures: list
    warmups: int = 0       # of a run

    @property
    def weak(self):
        return self.points[0].rows[0]["kind"] == "weak"

    @property
    def simulated(self):
        return any(row["simulated"] == "1" for point in self.points for row in point.rows[:1])

    @property
    def nodes(self):
        return max(int(row["nodes"]) for point in self.points for row in point.rows)

    def values_of(self, column):
        return sorted({row[column] for point in self.points for row in point.rows})

    @property
    def methods(self):
        return [method for method in ("gemfilter", "prefill", "decode") if any(p.method == method for p in self.points)]

    def lengths(self, method):
        """Of the base: of weak studies the tokens of one rank."""
        return sorted({point.base_tokens for point in self.points if point.method == method})

    def base_of(self, point):
        """Strong: the fewest cores, of these the fewest ranks. Weak: the fewest ranks of as many threads. A point of
        one rank stands for all plans. One with more threads than cores is base only where there is no other."""
        rivals = [other for other in self.points if other.method == point.method
                  and other.base_tokens == point.base_tokens and (other.plan == point.plan or other.ranks == 1)
                  and (not self.weak or other.threads == point.threads)]
        return min(rivals, key=lambda other: (other.oversubscribed, other.cores, other.ranks))

    def scaling(self, point):
        base = self.base_of(point)
        if base is point:
            return Scaling(point, base, (1.0, 1.0, 1.0), self.weak)
        return Scaling(point, base, intervals.speed_up(base.seconds, point.seconds), self.weak)

    def series(self, method, length):
        """[(plan, threads, points in order of cores)], each beginning with the base where that has one rank."""
        chosen = [p for p in self.points if p.method == method and p.base_tokens == length]
        found = []
        for plan in sorted({p.plan for p in chosen if p.ranks > 1} or {p.plan for p in chosen}):
            of_plan = [p for p in chosen if p.plan == plan or p.ranks == 1]
            for threads in sorted({p.threads for p in of_plan}):
                line = sorted((p for p in of_plan if p.threads == threads), key=lambda p: p.cores)
                found.append((plan, threads, line))
        return found

    def amdahl(self, method, length, plan):
        """Over all layouts that are not oversubscribed; None where there are too few numbers of cores."""
        if self.weak:
            return None
        return intervals.fit_amdahl([(p.cores, intervals.median(p.seconds)) for p in self.points
                                     if p.method == method and p.base_tokens == length and not p.oversubscribed
                                     and (p.plan == plan or p.ranks == 1)])

    def plans(self, method):
        """Of more than one rank; with one rank only, that one."""
        chosen = [p for p in self.points if p.method == method]
        return sorted({p.plan for p in chosen if p.ranks > 1} or {p.plan for p in chosen})


def read_json(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read(directory):
    path = os.path.join(directory, "raw.csv")
    try:
        rows, _ = read_rows(path)
    except OSError as error:
        raise StudyError(path, f"cannot be read: {error.strerror}", "give the output directory of a study") from error
    points, warmups = {}, {}
    for row in rows:
        if row["warmup"] == "1":
            warmups[row["run_id"]] = warmups.get(row["run_id"], 0) + int(row["main"])
            continue
        if row["point"] not in points:
            points[row["point"]] = PointResult(
                row["point"], row["method"], int(row["ctx"]), int(row["base_ctx"]), int(row["ranks"]),
                int(row["threads_per_rank"]), row["plan"], row["oversubscribed"] == "1", [])
        points[row["point"]].rows.append(row)
    if not points:
        raise StudyError(path, "holds no repetition", "see failures.jsonl and logs beside it")
    ordered = sorted(points.values(), key=lambda p: (p.method, p.base_tokens, p.cores, p.ranks, p.plan))
    identity = read_json(os.path.join(directory, "study.json"))
    return Results(directory, ordered, read_json(os.path.join(directory, "environment.json")), identity.get("study", {}),
                   identity.get("points", {}), read_failures(directory), max(warmups.values(), default=0))
