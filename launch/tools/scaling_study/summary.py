"""Results as Markdown."""

from . import intervals

UNIT = {"gemfilter": "time to first token", "prefill": "time to first token", "decode": "tokens behind the first"}


def digits(value):
    """Three that count: 0.0123, 1.23, 12.3, 123, 1,234."""
    if value == 0:
        return "0"
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4 if size >= 0.01 else 6
    return f"{value:,.{places}f}"


def with_interval(values):
    interval = intervals.median_interval(values)
    return f"{digits(intervals.median(values))} [{digits(interval.low)}, {digits(interval.high)}]"


def ratio(three):
    return f"{three[0]:.2f} [{three[1]:.2f}, {three[2]:.2f}]"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def coverage(values):
    return f"{100 * intervals.median_interval(values).coverage:.0f} %"


def rate_of(point):
    """What people compare: prompt tokens a second, or milliseconds a token."""
    if point.method == "decode":
        return f"{1000 * intervals.median(point.seconds) / float(point.main_rows()[0]['tokens']):.2f} ms"
    return digits(point.median("tok_per_s"))


def scaling_head(results, method):
    rate = "a token" if method == "decode" else "prompt tokens/s"
    gains = ["seconds of the base / seconds", "the same per work"] if results.weak else ["speed-up", "efficiency", "Karp-Flatt"]
    return ["tokens", "plan", "ranks x threads", "n", "coverage", "seconds", *gains, rate, "waiting", "imbalance", "stolen"]


def scaling_row(results, point):
    scaling = results.scaling(point)
    base = scaling.base is point
    if results.weak:
        gains = ["base", "base"] if base else [ratio(scaling.efficiency), f"{scaling.work_efficiency:.2f}"]
    else:
        serial = scaling.karp_flatt
        gains = ["base", "1", "-"] if base else [ratio(scaling.speedup), f"{scaling.efficiency[0]:.2f}",
                                                 "-" if serial is None else f"{serial:.3f}"]
    return [f"{point.tokens:,}", point.plan if point.ranks > 1 else "-", point.layout, len(point.seconds),
            coverage(point.seconds), with_interval(point.seconds), *gains, rate_of(point),
            f"{100 * point.communication_share():.1f} %", f"{point.median('imbalance'):.2f}",
            f"{100 * point.median('stolen_share'):.1f} %"]


def scaling_section(results, method):
    points = [p for p in results.points if p.method == method]
    text = f"## {'Weak' if results.weak else 'Strong'} scaling: {method} ({UNIT[method]})\n\n"
    bases = {results.base_of(p).name: results.base_of(p) for p in points}.values()
    text += "Base: " + "; ".join(f"{b.tokens:,} tokens on {b.layout}: {digits(intervals.median(b.seconds))} s"
                                 for b in bases) + ".\n\n"
    text += table(scaling_head(results, method), [scaling_row(results, p) for p in points])
    fits = []
    for length in results.lengths(method):
        for plan in results.plans(method):
            fit = results.amdahl(method, length, plan)
            if fit:
                fits.append(f"{length:,} tokens, plan {plan}: serial {digits(fit.serial)} s + {digits(fit.parallel)} s / cores "
                            f"(serial share {100 * fit.serial_share:.1f} %)")
    if fits:
        text += "\nAmdahl's law, least squares of relative errors, without oversubscribed points: " + "; ".join(fits) + ".\n"
    return text


def phase_section(results):
    rows = []
    for point in results.points:
        for phase in point.phases:
            found = point.phase_rows(phase)
            rows.append([point.method, f"{point.tokens:,}", point.plan if point.ranks > 1 else "-", point.layout, phase,
                         digits(point.median("seconds", phase)), digits(point.median("compute_s", phase)),
                         digits(point.median("comm_s", phase)), hidden(found),
                         digits(point.median("bytes_sent", phase) / 1e6)])
    return ("## Phases\n\nMedians. Seconds: of the phase in the job. Computing and waiting: of the rank that computes longest "
            "in it. Hidden: of the time with messages under way the share in which ranks computed, all ranks together.\n\n" +
            table(["method", "tokens", "plan", "ranks x threads", "phase", "seconds", "computing", "waiting", "hidden",
                   "MB sent, all ranks"], rows))


def hidden(rows):
    known = [float(row["hidden_share"]) for row in rows if row["hidden_share"] != ""]
    return f"{100 * intervals.median(known):.0f} %" if known else "-"


def memory_section(results):
    rows = [[p.method, f"{p.tokens:,}", p.plan if p.ranks > 1 else "-", p.layout, digits(max(p.values("rss_max")) / 1e6),
             " ".join(digits(value / 1e6) for value in p.most_of_each_rank("rank_rss")),
             digits(max(p.most_of_each_rank("rank_bytes")) / 1e6)] for p in results.points]
    return ("## Memory and messages of a rank\n\nPeak resident set, weights included, largest of all repetitions; bytes that a "
            "rank sends in what is timed.\n\n" +
            table(["method", "tokens", "plan", "ranks x threads", "peak MB, largest rank", "of each rank", "MB sent, most of a rank"],
                  rows))


def missing_section(results):
    wanted = results.wanted or {p.name: p.name for p in results.points}
    measured = {p.name: len(p.seconds) for p in results.points}
    least = results.study.get("repetitions", 0)
    lines = []
    for name, point in wanted.items():
        failures = [failure for failure in results.failures if failure["point"] == name]
        if measured.get(name, 0) >= least and not failures:
            continue
        lines.append(f"* {point}: {measured.get(name, 0)} of {least} repetitions" +
                     "".join(f"; {failure['date']}: {failure['reason']} ({failure['log']})" for failure in failures))
        if failures and failures[-1]["last_lines"]:
            lines += ["", "      " + "\n      ".join(failures[-1]["last_lines"][-4:]), ""]
    return "## Failed, or not finished\n\n" + ("\n".join(lines) if lines else "None.") + "\n"


def what_it_shows(results):
    if results.simulated:
        return ("**The hosts are network namespaces of one machine: they share its processors, caches and memory. Such figures show "
                "that messages arrive, how many bytes travel and what a link's rate costs; they show no scaling over machines.**")
    if results.nodes == 1:
        return ("All ranks run on one machine and share its memory: these figures say nothing of a network, and where memory or "
                "shared caches limit, ranks and threads share the limit.")
    return f"Up to {results.nodes} machines; network: {', '.join(results.values_of('net'))}."


def weak_statement(results):
    if not results.weak:
        return "Strong scaling: the prompt stays the same."
    kind = results.values_of("weak")[0]
    if kind == "tokens_per_rank":
        return ("Weak scaling, the tokens of a rank stay the same: causal attention grows with the square of the prompt, so the work "
                "of a rank grows; \"per work\" takes that out.")
    return ("Weak scaling, the work of a rank stays the same: the prompt is chosen so that the FLOP of a whole prefill (linear layers "
            "and causal attention) grow as the ranks do. What does not grow so (the compressed prefill of gemfilter, decode) shows "
            "as efficiency above it; \"per work\" takes that out.")


def machine_lines(results):
    facts = results.environment
    lines = [f"* ranks ran on: {', '.join(results.values_of('cpu'))}; kernels {', '.join(results.values_of('isa'))}; OpenBLAS "
             f"core type {', '.join(results.values_of('blas_core'))}; products in {', '.join(results.values_of('compute_type'))}; "
             f"weights {', '.join(results.values_of('dtype'))}; KV cache {', '.join(results.values_of('kv_dtype'))}",
             f"* gemring {', '.join(results.values_of('version'))}, checkout {', '.join(results.values_of('git_sha'))}; model "
             f"{', '.join(results.values_of('model'))}; network: {', '.join(results.values_of('net'))}; threads "
             f"{', '.join(results.values_of('binding'))}"]
    if facts:
        lines.append(f"* started on {facts['host']}: {facts['physical_cores']} cores, {facts['memory_kib'] / 2**20:.1f} GiB, "
                     f"{facts['system']}, Linux {facts['kernel']}, {facts['launcher_version']}, frequency governor: "
                     f"{facts['governor']}")
    rows = [row for point in results.points for row in point.main_rows()]
    stolen = [100 * float(row["stolen_share"]) for row in rows]
    load = [float(row["load"]) for row in rows]
    lines.append(f"* meanwhile: load average before a run {min(load):.1f} to {max(load):.1f}; processor time that the host gave to "
                 f"others: median {intervals.median(stolen):.1f} %, at most {max(stolen):.1f} %")
    return "\n".join(lines)


METHOD = """{runs}, points in turns. Seconds are wall time (steady clock) on rank 0, whose phases follow each other
without a gap and end when the slowest rank's part has come. Medians; in brackets an interval of the median that assumes
no distribution (order statistics): of at least 95 % from six repetitions on, with fewer the smallest and largest value
with the coverage that stands beside it. Stolen: processor time that the host of a virtual machine gave to others
meanwhile, on the machine that starts the study. Speed-ups are ratios of medians, their brackets the far ends of both
intervals. Warm-ups do not count. `*`: more threads than cores; such points are no measure of scaling."""


def runs_in_words(results):
    """How many repetitions a process has, behind how many warm-ups."""
    counts = {}
    for row in (row for point in results.points for row in point.main_rows()):
        counts[row["run_id"]] = counts.get(row["run_id"], 0) + 1
    most, warmups = max(counts.values()), results.warmups
    behind = f" behind {warmups} warm-up{'s' if warmups > 1 else ''}" if warmups else ", without warm-up"
    return f"A process of its own for {'each repetition' if most == 1 else f'up to {most} repetitions'}{behind}"


def text(results, pictures):
    name = results.study.get("name", results.directory)
    parts = [f"# {name}\n", what_it_shows(results) + "\n", weak_statement(results) + "\n", machine_lines(results) + "\n",
             METHOD.format(runs=runs_in_words(results)) + "\n"]
    parts += [f"![{picture}]({picture}.png)" for picture in pictures] + [""] if pictures else []
    parts += [scaling_section(results, method) for method in results.methods]
    parts += [phase_section(results), memory_section(results), missing_section(results)]
    parts.append("Every figure comes from raw.csv: `launch/tools/scaling-study --report DIR` makes tables and pictures again.\n")
    return "\n".join(parts)
