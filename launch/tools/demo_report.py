"""Prints what launch/demo's runs left behind.

usage: demo_report.py run DIRECTORY NAME            answer, kept text and a table of phases of one run
       demo_report.py compare DIRECTORY NAME...     all runs side by side; exit 1 if GemFilter's answer was wrong
"""

import json
import os
import re
import sys
import textwrap

TITLES = {
    "default": "GemFilter, rank 0 filters, the others share the layers",
    "shared-filter": "GemFilter, all ranks share the filter pass",
    "real": "SmolLM2-135M-Instruct, every token through every layer (--method full): so small a model finds nothing in long texts",
    "full": "every token through every layer (--method full)",
}
LONG = 32768     # tokens; the demo's model loses facts in longer texts
AROUND = 12      # kept pieces shown at the beginning, on either side of the answer and at the end
PIECE_TEXT = 60  # characters of each, unless it holds the answer
WIDTH = 110      # of a line
MARK = ("\033[1;32m", "\033[0m") if sys.stdout.isatty() else ("", "")


def load(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return json.load(file)


def amount(count):
    """1234567 -> 1.2 MB"""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000


def table(rows, numbers_from=1):
    """Lines with columns; the first row is the heading; columns from `numbers_from` on stand to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if column < numbers_from else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())


def is_right(report, facts):
    text = report["text"].strip()
    return text.startswith(facts["answer"]) if facts["begin"] else facts["answer"] in text


def shortened(text):
    text = " ".join(text.split())
    if len(text) <= PIECE_TEXT:
        return text
    return f"{text[:PIECE_TEXT // 2].rstrip()} ... {text[-PIECE_TEXT // 2:].lstrip()}"


def print_kept(report, facts):
    """The kept pieces of the prompt: the one with the answer's sentence in full, of the others a few, shortened."""
    pieces = [" ".join(span["text"].split()) for span in report["kept_spans"]]
    holders = [index for index, piece in enumerate(pieces) if facts["answer"] in piece]
    shown = set(range(AROUND)) | set(range(len(pieces) - AROUND, len(pieces)))
    for index in holders:
        shown |= set(range(index - AROUND, index + AROUND + 1))
    print(f"kept text: {len(pieces):,} pieces, between them the dots of what was dropped")
    words = []
    hidden = 0
    for index, piece in enumerate(pieces):
        if index not in shown:
            hidden += 1
            continue
        if hidden:
            words += ["...", f"[{hidden} more pieces]"]
        hidden = 0
        words += ["..."] if words else []
        words += (piece if index in holders else shortened(piece)).split()
    text = textwrap.fill(" ".join(words), WIDTH, initial_indent="  | ", subsequent_indent="  | ", break_on_hyphens=False)
    print(text if MARK[0] == "" else highlighted(text, facts["needle"]))
    if not any(facts["needle"] in piece for piece in pieces):
        print(f"  (the sentence \"{facts['needle']}\" was not kept whole)")


def highlighted(text, sentence):
    """`sentence` in colour wherever `text` has it, also across the ends of its lines."""
    pattern = r"(?:\s|\n  \| )+".join(re.escape(word) for word in sentence.split())
    return re.sub(pattern, lambda match: MARK[0] + match[0].replace("\n  | ", f"{MARK[1]}\n  | {MARK[0]}") + MARK[1], text)


def print_phases(report):
    rows = [["rank", "phase", "seconds", "waiting", "bytes sent"]]
    for phase in report["phases"]:
        rows.append([f"rank {phase['rank']}", phase["name"], f"{phase['seconds']:.2f}", f"{phase['wait_seconds']:.2f}",
                     amount(phase["bytes_sent"])])
    table(rows, numbers_from=2)
    rows = [["rank", "host", "threads", "peak memory"]]
    for rank in report["ranks"]:
        rows.append([f"rank {rank['rank']}", rank["host"], str(rank["threads"]), amount(rank["peak_rss_bytes"])])
    table(rows, numbers_from=2)


def print_run(directory, name):
    report = load(directory, f"{name}.json")
    facts = load(directory, "facts.json")
    kept = len(report["kept_indices"])
    prompt = report["prompt_tokens"]
    print(f"{TITLES[name]}")
    verdict = "right" if is_right(report, facts) else f"wrong, it is {facts['answer']}"
    print(f"answer: {facts['begin'] + ' ' if facts['begin'] else ''}{MARK[0]}{report['text'].strip()}{MARK[1]}   ({verdict})")
    if name == "full" and prompt >= LONG:
        print(f"  This small model is expected to be wrong here: it loses facts in texts of {LONG:,} tokens and more,")
        print(f"  and this one has {prompt:,}. GemFilter shows it only the part that matters.")
    print(f"kept: {kept:,} of {prompt:,} tokens ({kept / prompt:.1%})")
    if kept < prompt:
        print_kept(report, facts)
    print_phases(report)


def phase_seconds(report, name):
    """On rank 0, which takes part in every phase and sees the whole request; a dash where it had none of that name."""
    seconds = [phase["seconds"] for phase in report["phases"] if phase["name"] == name and phase["rank"] == 0]
    return f"{sum(seconds):.2f}" if seconds else "-"


def compare(directory, names):
    facts = load(directory, "facts.json")
    reports = {name: load(directory, f"{name}.json") for name in names}
    phases = []
    for report in reports.values():
        phases += [phase["name"] for phase in report["phases"]]
    phases = sorted(set(phases), key=["filter", "select", "prefill", "decode"].index)
    rows = [["", "answer", "kept", *phases, "first token", "sent", "peak memory"]]
    for name, report in reports.items():
        rows.append([name, "right" if is_right(report, facts) else "wrong", f"{len(report['kept_indices']):,}",
                     *[phase_seconds(report, phase) for phase in phases],
                     f"{report['time_to_first_token_seconds']:.2f}",
                     amount(sum(phase["bytes_sent"] for phase in report["phases"])),
                     amount(max(rank["peak_rss_bytes"] for rank in report["ranks"]))])
    print("\nside by side (seconds on rank 0; bytes sent by all ranks; peak memory of the largest)")
    table(rows)
    wrong = [name for name, report in reports.items() if name != "full" and not is_right(report, facts)]
    if wrong:
        print(f"unexpected: the answer was wrong with {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1] == "run":
        print_run(*sys.argv[2:])
    else:
        sys.exit(compare(sys.argv[2], sys.argv[3:]))
