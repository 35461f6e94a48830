"""Results as pictures, PNG and SVG. python3-matplotlib draws them; without it tables are all there is,
and that is said."""

import importlib.util
import math
import os
import subprocess
import sys

from . import results as study_results
from .intervals import median, median_interval
from .rows import PHASES

SYSTEM_PYTHON = "/usr/bin/python3"  # where Debian's python3-matplotlib is, also where another Python comes first
MISSING = "no plots: matplotlib is not there (Debian: launch/tools/install-packages plots, or apt-get install python3-matplotlib)"
NAMES = ("speedup", "efficiency", "phases", "bytes")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # told apart by all eyes
PHASE_COLOURS = dict(zip(PHASES, ("#0072b2", "#000000", "#e69f00", "#009e73")))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":")


def python_with_matplotlib():
    """A Python that can draw: this one, or the system's. None: there is none."""
    if importlib.util.find_spec("matplotlib"):
        return sys.executable
    if os.access(SYSTEM_PYTHON, os.X_OK):
        probe = subprocess.run([SYSTEM_PYTHON, "-c", "import matplotlib"], capture_output=True, check=False)
        if probe.returncode == 0:
            return SYSTEM_PYTHON
    return None


def names(results):
    """Of the pictures that will be drawn."""
    chosen = NAMES if any(p.ranks > 1 for p in results.points) else NAMES[:3]
    return chosen if python_with_matplotlib() else ()


def draw(directory, results):
    """Draws all; what is to be told of it."""
    python = python_with_matplotlib()
    if python is None:
        return MISSING
    if python == sys.executable:
        draw_here(directory, results)
    else:
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        done = subprocess.run([python, "-B", "-m", "scaling_study.plots", directory], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": folder}, check=False)
        if done.returncode != 0:
            return f"no plots: {python} failed:\n{done.stderr}"
    return f"plots: {', '.join(os.path.join(directory, name + '.png') for name in names(results))}, and as .svg"


def draw_here(directory, results):
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False,
                                "axes.spines.right": False, "figure.dpi": 150, "svg.hashsalt": "scaling-study",
                                "legend.frameon": False})
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
    painters = {"speedup": speedup, "efficiency": efficiency, "phases": phases, "bytes": sent}
    for name in names(results):
        figure = painters[name](pyplot, results)
        for kind in ("png", "svg"):
            figure.savefig(os.path.join(directory, f"{name}.{kind}"), bbox_inches="tight",
                           metadata={"Date": None} if kind == "svg" else {"Software": None})
        pyplot.close(figure)


def panels(pyplot, results, rows=1, height=3.6):
    """A panel for each method, `rows` of them."""
    columns = len(results.methods)
    figure, axes = pyplot.subplots(rows, columns, figsize=(0.8 + 3.9 * columns, 0.9 + height * rows), squeeze=False)
    return figure, axes


def label_of(results, plan, threads, length, several_plans):
    words = [f"{length:,} tokens" + (" a rank" if results.weak and results.values_of("weak") == ["tokens_per_rank"] else "")]
    words.append(f"{threads} thread{'s' if threads > 1 else ''}")
    return ", ".join(words + ([plan] if several_plans else []))


def each_line(results, method):
    """(line's words, colour, marker, line style, points, hollow points) of every series of a method."""
    plans = results.plans(method)
    for number, length in enumerate(results.lengths(method)):
        threads_seen = sorted({p.threads for p in results.points if p.method == method})
        for plan, threads, points in results.series(method, length):
            yield (label_of(results, plan, threads, length, len(plans) > 1), COLOURS[number % len(COLOURS)],
                   MARKERS[threads_seen.index(threads) % len(MARKERS)],
                   LINES[plans.index(plan) % len(LINES)] if plan in plans else "-", points)


def with_bars(axis, xs, triples, points, style):
    """A line through all points, error bars, hollow markers where there are more threads than cores."""
    label, colour, marker, line = style
    ys = [triple[0] for triple in triples]
    axis.plot(xs, ys, linestyle=line, color=colour, linewidth=1.2, alpha=0.7)
    spans = [[y - triple[1] for y, triple in zip(ys, triples)], [triple[2] - y for y, triple in zip(ys, triples)]]
    axis.errorbar(xs, ys, yerr=[[max(0.0, span) for span in side] for side in spans], fmt="none", ecolor=colour,
                  elinewidth=1, capsize=3)
    for x, y, point in zip(xs, ys, points):
        axis.plot([x], [y], marker=marker, color=colour, markersize=6, linestyle="none",
                  markerfacecolor="white" if point.oversubscribed else colour)
    axis.plot([], [], linestyle=line, color=colour, marker=marker, label=label)


def spread(index, count):
    """Lines that meet at the same number of cores stand side by side."""
    return 2 ** (min(0.04, 0.2 / count) * (index - (count - 1) / 2))


def core_axis(axis, points, log=True):
    cores = sorted({p.cores for p in points})
    if log:
        axis.set_xscale("log", base=2)
    axis.set_xticks(cores)
    axis.set_xticks([], minor=True)
    axis.set_xticklabels([str(number) for number in cores])
    axis.set_xlim(cores[0] / 1.25, cores[-1] * 1.25)
    axis.set_xlabel("ranks x threads (hollow: more threads than cores)" if any(p.oversubscribed for p in points)
                    else "ranks x threads")


def scaling_panels(pyplot, results, value, title, ideal):
    figure, axes = panels(pyplot, results)
    for axis, method in zip(axes[0], results.methods):
        chosen = [p for p in results.points if p.method == method]
        lines = list(each_line(results, method))
        for index, (label, colour, marker, line, points) in enumerate(lines):
            xs = [point.cores * spread(index, len(lines)) for point in points]
            with_bars(axis, xs, [value(results.scaling(point)) for point in points], points, (label, colour, marker, line))
        core_axis(axis, chosen)
        ideal(axis, chosen)
        axis.set_title(f"{method}: {title}")
    figure.tight_layout()
    common_legend(figure, axes)
    return figure


def common_legend(figure, axes):
    """Below all panels; what stands in several of them once."""
    handles = {label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="upper center", ncol=min(4, len(handles)), fontsize=8, handlelength=3.5,
                  bbox_to_anchor=(0.5, 0.02))


def speedup(pyplot, results):
    least = min(results.base_of(p).cores for p in results.points)

    def ideal(axis, points):
        cores = sorted({p.cores for p in points})
        axis.plot(cores, [1.0 if results.weak else number / least for number in cores], color="grey", linestyle=":",
                  label="ideal", zorder=0)
        axis.set_yscale("log", base=2)
        low, high = axis.get_ylim()
        low, high = min(low, 0.45), max(high, 2.2)
        axis.set_ylim(low, high)
        ticks = [2.0**power for power in range(-6, 12) if low <= 2.0**power <= high] or [1.0]
        axis.set_yticks(ticks)
        axis.set_yticks([], minor=True)
        axis.set_yticklabels([f"{tick:g}" for tick in ticks])
        axis.set_ylabel("seconds of the base / seconds")
    title = "weak scaling" if results.weak else "speed-up"
    return scaling_panels(pyplot, results, lambda scaling: scaling.speedup, title, ideal)


def efficiency(pyplot, results):
    def ideal(axis, points):
        cores = sorted({p.cores for p in points})
        axis.plot(cores, [1.0] * len(cores), color="grey", linestyle=":", label="ideal", zorder=0)
        axis.set_ylim(0, max(1.1, axis.get_ylim()[1]))
        axis.set_ylabel("rate of work per core / the base's" if results.weak else "speed-up / cores")

    def value(scaling):
        if not results.weak:
            return scaling.efficiency
        scale = scaling.work_efficiency / scaling.efficiency[0]
        return tuple(scale * each for each in scaling.efficiency)
    return scaling_panels(pyplot, results, value, "efficiency", ideal)


def phases(pyplot, results):
    """Rows: lengths; columns: methods; a bar for each layout, from the left: what each phase computes,
    what it waits."""
    lengths = sorted({p.base_tokens for p in results.points})
    columns = len(results.methods)
    bars = max(len([p for p in results.points if p.method == m and p.base_tokens == n])
               for m in results.methods for n in lengths)
    figure, axes = pyplot.subplots(len(lengths), columns, figsize=(0.8 + 3.9 * columns, 0.8 + len(lengths) * (0.75 + 0.3 * bars)),
                                   squeeze=False)
    for row, length in zip(axes, lengths):
        for axis, method in zip(row, results.methods):
            points = [p for p in results.points if p.method == method and p.base_tokens == length]
            for position, point in enumerate(points):
                stack(axis, -position, point)
            axis.set_yticks([-position for position in range(len(points))])
            axis.set_ylim(-bars + 0.5, 0.5)
            axis.set_yticklabels([bar_label(results, p) for p in points])
            axis.grid(axis="y", visible=False)
            axis.set_title(f"{method}, {length:,} tokens" + (" for one rank" if results.weak else ""))
            axis.set_xlabel("seconds")
            axis.locator_params(axis="x", nbins=6)
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=PHASE_COLOURS[phase]) for phase in PHASES]
    handles.append(pyplot.Rectangle((0, 0), 1, 1, facecolor="white", edgecolor="grey", hatch="////"))
    figure.tight_layout()
    figure.legend(handles, [*PHASES, "waiting (of the busiest rank), and other"], loc="lower center", ncol=5, fontsize=8,
                  bbox_to_anchor=(0.5, -0.3 / figure.get_figheight()))
    return figure


def bar_label(results, point):
    words = [point.layout] + ([f"{point.tokens:,} tokens"] if results.weak else [])
    return ", ".join(words + ([point.plan] if len(results.plans(point.method)) > 1 and point.ranks > 1 else []))


def stack(axis, height, point):
    left = 0.0
    for phase in point.phases:
        whole, computed = point.median("seconds", phase), point.median("compute_s", phase)
        computed = min(computed, whole)
        colour = PHASE_COLOURS[phase]
        axis.barh(height, computed, left=left, color=colour, height=0.7)
        axis.barh(height, whole - computed, left=left + computed, facecolor="white", edgecolor=colour, hatch="////", height=0.7,
                  linewidth=0.6)
        left += whole
    interval = median_interval(point.first_token_seconds()) if point.method != "decode" else None
    if interval:
        middle = median(point.first_token_seconds())
        axis.errorbar([middle], [height], xerr=[[middle - interval.low], [interval.high - middle]], fmt="none", ecolor="#555555",
                      elinewidth=1, capsize=3)


def sent(pyplot, results):
    """Bytes that the rank that sends most sends in what is timed, against the prompt's length; threads
    change nothing."""
    figure, axes = panels(pyplot, results)
    ranks_seen = sorted({p.ranks for p in results.points if p.ranks > 1})
    for axis, method in zip(axes[0], results.methods):
        plans = results.plans(method)
        for number, ranks in enumerate(ranks_seen):
            for plan in plans:
                heights = {p.tokens: max(p.most_of_each_rank("rank_bytes")) / 1e6 for p in results.points
                           if p.method == method and p.ranks == ranks and p.plan == plan}
                axis.plot(list(heights), list(heights.values()), label=f"{ranks} ranks" + (f", {plan}" if len(plans) > 1 else ""),
                          color=COLOURS[number % len(COLOURS)], marker=MARKERS[plans.index(plan) % len(MARKERS)],
                          linestyle=LINES[plans.index(plan) % len(LINES)])
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        ticks = sorted({p.tokens for p in results.points if p.method == method and p.ranks > 1})
        axis.set_xticks(ticks)
        axis.set_xticks([], minor=True)
        axis.set_xticklabels([f"{tick:,}" for tick in ticks])
        low, high = axis.get_ylim()
        axis.set_ylim(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)))
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
        axis.set_xlabel("tokens")
        axis.set_ylabel("MB sent by the rank that sends most")
        axis.set_title(f"{method}: messages")
    figure.tight_layout()
    common_legend(figure, axes)
    return figure


if __name__ == "__main__":
    draw_here(sys.argv[1], study_results.read(sys.argv[1]))
