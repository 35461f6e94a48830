"""The report of a run as rows of raw.csv: one for each repetition and phase, one for the whole of it."""

import os

# What people exchange (one row says all that a figure depends on), then what we add.
COMMON = ("run_id git_sha date host cpu nodes ranks threads_per_rank binding net model dtype kv_dtype ctx batch phase rep "
          "warmup seconds tokens tok_per_s bytes_sent comm_s compute_s rss_max freq_mhz blas_core seed").split()
# main: 1 in the row of a repetition that its figure is taken from. rows: of its run, so that a torn run is seen.
# rank_*: of every rank, separated by |.
OURS = ("kind weak base_ctx method plan point main rows kept_tokens filter_layer giga_work oversubscribed simulated hidden_share "
        "imbalance rank_seconds rank_compute_s rank_comm_s rank_bytes rank_rss hosts cores compute_type isa message_type "
        "version run_seconds load stolen_share").split()
COLUMNS = COMMON + OURS
PHASES = ("filter", "select", "prefill", "decode")
FIRST_TOKEN = "first_token"  # of a whole request: from the prompt to its first token


def number(value):
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def joined(values):
    return "|".join(number(value) for value in values)


class PhaseFigures:
    """One phase of one repetition (or several phases together), over the ranks."""

    def __init__(self, entries, ranks):
        self.seconds = [0.0] * ranks
        self.waited = [0.0] * ranks
        self.computed = [0.0] * ranks
        self.bytes = [0.0] * ranks
        self.transferred = self.exposed = 0.0  # seconds with messages under way, of these waiting; all ranks
        for entry in entries:
            rank = entry["rank"]
            self.seconds[rank] += entry["seconds"]
            self.waited[rank] += entry["wait_seconds"]
            self.computed[rank] += entry["compute_seconds"]
            self.bytes[rank] += entry["bytes_sent"]
            self.transferred += entry["transfer_seconds"]
            self.exposed += entry["exposed_seconds"]

    @property
    def busiest(self):
        return max(range(len(self.computed)), key=self.computed.__getitem__)

    @property
    def imbalance(self):
        """Longest compute time over the mean of the ranks that compute at all."""
        working = [seconds for seconds in self.computed if seconds > 0.01 * self.computed[self.busiest]]
        return max(working) / (sum(working) / len(working)) if working and max(working) > 0 else 1.0

    @property
    def hidden_share(self):
        """Of the time with messages under way, the share in which ranks computed; "" where nothing was sent."""
        return min(1.0, max(0.0, 1 - self.exposed / self.transferred)) if self.transferred > 0 else ""

    def columns(self):
        return {"hidden_share": self.hidden_share,
                "comm_s": self.waited[self.busiest], "compute_s": self.computed[self.busiest],
                "bytes_sent": sum(self.bytes), "imbalance": self.imbalance, "rank_seconds": joined(self.seconds),
                "rank_compute_s": joined(self.computed), "rank_comm_s": joined(self.waited),
                "rank_bytes": joined(self.bytes)}


def tokens_of(phase, report):
    return {"filter": report["tokens"], "select": report["tokens"], "prefill": report["kept_tokens"],
            "decode": report["decode_tokens"], FIRST_TOKEN: report["tokens"]}[phase]


def repetition_rows(report, run):
    """[columns that differ from phase to phase]: the phases in their order, then the whole. Seconds are those of rank
    0: its phases follow each other without a gap, and each ends when the slowest rank's part has come, so they are the
    longest of all ranks that take part. Of the phase decode in `bench decode` the tokens behind the first one count."""
    ranks = len(report["ranks"])
    decodes = report["benchmark"] == "decode"
    found = [phase for phase in PHASES if any(entry["name"] == phase for entry in run["phases"])]
    rows = []
    for phase in found + [FIRST_TOKEN]:
        whole = phase == FIRST_TOKEN
        names = [name for name in found if name != "decode"] if whole else [phase]
        figures = PhaseFigures([entry for entry in run["phases"] if entry["name"] in names], ranks)
        seconds = figures.seconds[0]
        if whole:
            seconds = run["time_to_first_token_seconds"]
        elif phase == "decode" and decodes:
            seconds = run["seconds"]
        tokens = tokens_of(phase, report)
        rows.append({"phase": phase, "main": int(phase == ("decode" if decodes else FIRST_TOKEN)), "seconds": seconds,
                     "tokens": tokens, "tok_per_s": tokens / seconds if tokens and seconds > 0 else "",
                     **figures.columns()})
    return rows


def binding(machines):
    pinned = {machine["pinned"] for machine in machines}
    return {frozenset([True]): "pinned", frozenset([False]): "free"}.get(frozenset(pinned), "mixed")


def oversubscribed(report, simulated):
    """More threads on a host than cores for them. Simulated hosts are one machine."""
    threads, cores = {}, {}
    for rank, machine in zip(report["ranks"], report["machines"]):
        host = "" if simulated else machine["host"]
        threads[host] = threads.get(host, 0) + rank["threads"]
        cores.setdefault(host, set()).update(machine["cores"])
    return any(threads[host] > len(cores[host]) for host in threads)


def net_of(study, nodes):
    if study.net:
        return study.net
    if study.simulated_hosts:
        return f"simulated {study.simulated_hosts.rate}".strip()
    return "shared memory" if nodes == 1 else "not told"


def model_name(study, method):
    """With the model that filters, where another one does."""
    own = path_name(study.model or study.random_weights) + (" (random weights)" if study.random_weights else "")
    filtered = method == "gemfilter" and study.filter_model
    return f"{own}, filtered by {path_name(study.filter_model)}" if filtered else own


def path_name(path):
    if os.path.basename(path) == "config.json":
        path = os.path.dirname(path)
    return os.path.basename(path)


def repetition_numbers(runs, earlier):
    """(rep, warmup) of each run of a process: repetitions go on where the point's earlier ones ended;
    warm-ups are 0."""
    numbers, last = [], earlier
    for run in runs:
        last += 0 if run["warmup"] else 1
        numbers.append((0 if run["warmup"] else last, int(run["warmup"])))
    return numbers


def rows_of(study, point, report, facts, earlier=0):
    """facts: run_id, date, git_sha, freq_mhz, run_seconds, load, stolen_share of the run; earlier: repetitions of the
    point before it."""
    machines = report["machines"]
    hosts = [machine["host"] for machine in machines]
    seconds = sorted(report["seconds"])
    middle = (seconds[(len(seconds) - 1) // 2] + seconds[len(seconds) // 2]) / 2
    rss = [rank["peak_rss_bytes"] for rank in report["ranks"]]
    shared = {
        **facts, "host": hosts[0], "cpu": machines[0]["processor"], "nodes": len(set(hosts)), "ranks": point.ranks,
        "threads_per_rank": point.threads, "binding": binding(machines), "net": net_of(study, len(set(hosts))),
        "model": model_name(study, point.method), "dtype": report["weights"],
        "kv_dtype": report["kv_type"], "ctx": report["tokens"], "batch": 1, "rss_max": max(rss),
        "blas_core": machines[0]["blas_core"], "seed": study.seed, "kind": study.kind, "weak": study.weak,
        "base_ctx": point.base_tokens, "method": point.method, "plan": point.plan, "point": point.name,
        "kept_tokens": report["kept_tokens"],
        "filter_layer": report["filter_layer"] if point.method == "gemfilter" else "",
        "giga_work": report["rate"] * middle, "oversubscribed": int(oversubscribed(report, study.simulated_hosts)),
        "simulated": int(study.simulated_hosts is not None), "rank_rss": joined(rss), "hosts": "|".join(hosts),
        "cores": "|".join(" ".join(map(str, machine["cores"])) for machine in machines),
        "compute_type": report["compute"], "isa": report["isa"], "message_type": report["message_type"],
        "version": report["version"]}
    rows = []
    for run, (rep, warmup) in zip(report["runs"], repetition_numbers(report["runs"], earlier)):
        rows += [{**shared, **row, "rep": rep, "warmup": warmup} for row in repetition_rows(report, run)]
    for row in rows:
        row["rows"] = len(rows)
    return [{column: number(row[column]) for column in COLUMNS} for row in rows]


def check(point, report):
    """What a report must say of the point that was asked for; the problem, or ""."""
    if len(report["ranks"]) != point.ranks:
        return f"{len(report['ranks'])} ranks ran instead of {point.ranks}: the launcher's words do not start one job of them"
    if report["tokens"] != point.tokens or report["benchmark"] != point.method:
        return f"{report['benchmark']} of {report['tokens']} tokens was measured"
    threads = sorted({rank["threads"] for rank in report["ranks"]})
    if threads != [point.threads]:
        return f"ranks had {', '.join(map(str, threads))} threads instead of {point.threads}"
    return ""
