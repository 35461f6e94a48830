"""What a study measures: its points, and how much work each of them is."""

import dataclasses
import json
import math
import os

from .errors import StudyError
from .study_file import plan_label


@dataclasses.dataclass(frozen=True)
class Point:
    method: str
    tokens: int        # length of the prompt
    base_tokens: int   # of weak studies the length for one rank; else tokens
    ranks: int
    threads: int
    cluster: str       # path; "" is the default plan

    @property
    def cores(self):
        return self.ranks * self.threads

    @property
    def plan(self):
        return plan_label(self.cluster)

    @property
    def name(self):
        return f"{self.method}-{self.tokens}-{self.ranks}x{self.threads}" + (f"-{self.plan}" if self.cluster else "")

    def __str__(self):
        return f"{self.method}, {self.tokens:,} tokens, {self.ranks} x {self.threads}" + (
            f", {self.plan}" if self.cluster else "")


@dataclasses.dataclass(frozen=True)
class Work:
    """FLOP of a causal pass over n tokens: linear * n + pair * n (n + 1) / 2."""
    linear: float
    pair: float

    def flop(self, tokens):
        return self.linear * tokens + self.pair * tokens * (tokens + 1) / 2

    def tokens(self, flop):
        """The largest whole number of tokens that takes no more than `flop`, at least one."""
        b = self.linear + self.pair / 2
        root = 2 * flop / (b + math.sqrt(b * b + 2 * self.pair * flop))
        near = max(1, math.floor(root) - 1)
        while self.flop(near + 1) <= flop:
            near += 1
        return near


def work_of_shape(config):
    """Of one layer: the share of attention is the same for any number of them."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or hidden // heads
    linear = 2 * hidden * (2 * heads * head_dim + 2 * kv_heads * head_dim + 3 * config["intermediate_size"])
    return Work(float(linear), float(4 * heads * head_dim))


def read_work(study):
    path = study.random_weights or os.path.join(study.model, "config.json")
    try:
        with open(path, encoding="utf-8") as file:
            return work_of_shape(json.load(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(path, f"does not tell the model's shape ({error})",
                         "\"weak\": \"work_per_rank\" wants a config.json; take tokens_per_rank for a GGUF file") from error


def tokens_of(study, work, base, ranks):
    if study.kind == "strong":
        return base
    if study.weak == "tokens_per_rank":
        return base * ranks
    return work.tokens(ranks * work.flop(base))


def points_of(study):
    """Every combination, cheap ones first. With one rank every plan is the same: only the first is run then."""
    work = read_work(study) if study.weak == "work_per_rank" else None
    points = []
    for method in study.methods:
        for base in study.lengths:
            for ranks, threads in study.layouts:
                for cluster in study.clusters[:1] if ranks == 1 else study.clusters:
                    points.append(Point(method, tokens_of(study, work, base, ranks), base, ranks, threads, cluster))
    return sorted(points, key=lambda point: rough_work(point) / point.cores)


def rough_work(point):
    """Grows about as seconds do; for the order of points, and for the time of those not yet run."""
    factor = {"gemfilter": 0.5, "prefill": 1.0, "decode": 1.1}[point.method]
    return factor * point.tokens * (1 + point.tokens / 50000)
