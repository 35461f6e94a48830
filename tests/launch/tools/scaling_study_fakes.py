"""A launcher and a program that answer launch/tools/scaling-study at once, so that tests need neither
mpirun nor gemring.

As a program it is told apart by its first word: `-n RANKS PROGRAM ...` is the launcher, anything else the program. What
the program does is told by variables:
    FAKE_FAIL      "METHOD TOKENS RANKS CODE": this point ends with CODE
    FAKE_SLEEP     seconds that every run takes
    FAKE_COUNTER   a file that gets a line for each run
"""

import json
import os
import stat
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def option(words, name, default=None):
    return words[words.index(name) + 1] if name in words else default


def phase(rank, name, seconds, waited, sent):
    """Messages are under way twice as long as is waited for them."""
    return {"rank": rank, "name": name, "seconds": seconds, "wait_seconds": waited, "bytes_sent": sent,
            "compute_seconds": seconds - waited, "transfer_seconds": 2 * waited, "exposed_seconds": waited}


def report(method, tokens, ranks, threads, warmups, repetitions, seconds=None):
    """As `gemring bench --json` writes it; the seconds of a repetition are tokens / (1000 cores)."""
    seconds = seconds or [tokens / 1000 / (ranks * threads)] * repetitions
    phases = []
    for rank in range(ranks):
        if method == "gemfilter" and rank == 0:
            phases.append(phase(0, "filter", 0.5 * seconds[0], 0.0, 0))
        phases.append(phase(rank, "select", 0.0 if rank == 0 else 0.5 * seconds[0], 0.0 if rank == 0 else 0.5 * seconds[0], 10 * rank))
        phases.append(phase(rank, "prefill", 0.5 * seconds[0], 0.1 * seconds[0] * rank, 1000))
        phases.append(phase(rank, "decode", seconds[0], 0.0, 1))
    runs = [{"warmup": True, "seconds": 99.0, "time_to_first_token_seconds": 99.0, "phases": phases}] * warmups
    runs += [{"warmup": False, "seconds": each, "time_to_first_token_seconds": each, "phases": phases} for each in seconds]
    kept = 64 if method == "gemfilter" else tokens
    return {
        "benchmark": method, "tokens": tokens, "seconds": seconds, "rate": 2.0, "weights": "bf16", "compute": "bf16",
        "isa": "avx2", "threads": threads, "kv_type": "bf16", "message_type": "f32", "kept_tokens": kept,
        "filter_layer": 1 if method == "gemfilter" else -1, "decode_tokens": 8 if method == "decode" else 0,
        "version": "0.1.0", "runs": runs,
        "ranks": [{"rank": rank, "host": "node1", "threads": threads, "peak_rss_bytes": 1e6 * (rank + 1)} for rank in range(ranks)],
        "machines": [{"rank": rank, "host": "node1", "processor": "Some CPU", "cores": [rank % 2], "pinned": True,
                      "blas_core": "Haswell"} for rank in range(ranks)]}


def program(words, ranks):
    if words == ["--version"]:
        print("gemring 0.1.0")
        return 0
    if words[:2] == ["plan", "--probe"]:
        if os.environ.get("FAKE_PROBE") == "fails":
            return 5
        print("a launcher's word")
        print(json.dumps({"machines": {"machines": [{"threads": int(option(words, "--threads"))}], "hosts": []}}, indent=1))
        return 0
    method, tokens = words[1], int(option(words, "--tokens"))
    if "FAKE_COUNTER" in os.environ:
        with open(os.environ["FAKE_COUNTER"], "a", encoding="utf-8") as file:
            file.write(f"{method} {tokens} {ranks}\n")
    time.sleep(float(os.environ.get("FAKE_SLEEP", "0")))
    failing = os.environ.get("FAKE_FAIL", "").split()
    if failing[:3] == [method, str(tokens), str(ranks)]:
        print("some chatter\ngemring: memory: 3 GiB are wanted, 2 GiB are there\n  take more ranks      (rank 0 on node1, exit "
              f"{failing[3]})\n------------\nmpirun detected something", file=sys.stderr)
        return int(failing[3])
    print("a launcher's word before the report")
    print(json.dumps(report(method, tokens, ranks, int(option(words, "--threads")), int(option(words, "--warmup")),
                            int(option(words, "--repetitions")))))
    return 0


def install(directory):
    """Paths of (launcher, program)."""
    paths = []
    for name in ("launcher", "program"):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nexec {sys.executable} -I -S -B {os.path.abspath(__file__)} \"$@\"\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        paths.append(path)
    return paths


def main(words):
    if words[:1] == ["-n"]:
        os.environ["FAKE_RANKS"] = words[1]
        os.execv(words[2], words[2:])
    return program(words, int(os.environ.get("FAKE_RANKS", "1")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
