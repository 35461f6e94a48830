"""launch/tools/scaling-study: what it was asked."""

import argparse
import os
import shlex
import sys

from . import runs
from .errors import RESOURCE, StudyError
from .points import points_of
from .study import Asked, run_study, say, write_results
from .study_file import read_study

DESCRIPTION = """Runs gemring over ranks x threads x lengths x methods as STUDY.json says, and writes raw figures (CSV),
a summary (Markdown) and plots. Goes on where it was interrupted. The fields of STUDY.json: cluster-configs/README.md;
examples: bench/studies."""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="launch/tools/scaling-study", description=DESCRIPTION)
    parser.add_argument("study", nargs="?", metavar="STUDY.json")
    parser.add_argument("--output", metavar="DIR", help="where the results go (default: STUDY-results here)")
    parser.add_argument("--restart", action="store_true", help="put earlier results aside and begin anew")
    parser.add_argument("--gemring", metavar="PROGRAM", help="the program (default: the study's, else build/release/gemring)")
    parser.add_argument("--dry-run", action="store_true", help="only print the command of every point")
    parser.add_argument("--report", metavar="DIR", help="only make summary and plots again, from DIR/raw.csv")
    parser.add_argument("--no-plots", action="store_true", help="tables only")
    given = parser.parse_args(arguments)
    if bool(given.study) == bool(given.report):
        parser.error("give a study file, or --report DIR")
    if given.report and (given.output or given.restart or given.gemring or given.dry_run):
        parser.error("--report goes alone")
    return given


def main(arguments):
    given = parse(arguments)
    try:
        if given.report:
            write_results(given.report, not given.no_plots)
            return 0
        study = read_study(given.study, given.gemring)
        if given.dry_run:
            for point in points_of(study):
                print(shlex.join(runs.command(study, point, study.warmups, study.repetitions_per_run)))
            return 0
        stem = os.path.splitext(os.path.basename(given.study))[0]
        output = given.output or f"{stem}-results"
        return run_study(study, Asked(given.study, output, given.restart, given.gemring, not given.no_plots))
    except StudyError as error:
        say(str(error))
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read standard output (`--dry-run | head`) has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, mostly; what was measured before is kept
        say(f"scaling-study: {error.filename or 'results'}: {error.strerror}\n  make room, then start the same command again"
            f"      (exit {RESOURCE})")
        return RESOURCE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
