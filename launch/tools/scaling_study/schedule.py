"""Which point is next, and how long the rest takes. Pure: knows figures, runs nothing.

Every point gets its repetitions first, in rounds: each point once, then each once again, in another order, so that
minutes in which the machine is slow fall on all points alike. What is left of the time budget goes to points whose
interval is too wide, again in rounds.
"""

import dataclasses
import random
import statistics

from .intervals import fit_line, relative_width
from .points import rough_work

ATTEMPTS = 2  # of a point that fails


@dataclasses.dataclass
class Progress:
    """What is known of a point so far."""
    seconds: list          # of each repetition
    run_seconds: list      # of each run, loading and probe included
    failures: int = 0      # since the last success


class Schedule:
    def __init__(self, study, points, progress):
        """progress: {point: Progress}; kept by the caller as runs end."""
        self.study = study
        self.points = points
        self.progress = progress

    def given_up(self, point):
        return self.progress[point].failures >= ATTEMPTS

    def order(self, number):
        """Of the points in a round: cheap ones first in the first, for estimates; then shuffled."""
        points = list(self.points)
        if number > 0:
            random.Random(f"{self.study.seed} {number}").shuffle(points)
        return points

    def wanting(self):
        """Points that do not have their repetitions."""
        return [point for point in self.points
                if len(self.progress[point].seconds) < self.study.repetitions and not self.given_up(point)]

    def unsure(self):
        """Points that have, and whose interval is too wide."""
        return [point for point in self.points
                if self.study.repetitions <= len(self.progress[point].seconds) < self.study.most_repetitions
                and not self.given_up(point)
                and 100 * relative_width(self.progress[point].seconds) > self.study.interval_percent]

    def next(self, spent):
        """The point to run; None: done, or the budget is. `spent`: seconds of all runs so far. The budget does not cut
        the first repetitions: a point of fewer has no figure."""
        wanting = self.wanting()
        if wanting:
            return self._first(wanting)
        left = 60 * self.study.minutes - spent
        fitting = [point for point in self.unsure() if (self.estimate(point) or 0) <= left]
        return self._first(fitting) if fitting and left > 0 else None

    def repetitions(self, point):
        """Of the point's next run."""
        most = self.study.most_repetitions - len(self.progress[point].seconds)
        return max(1, min(self.study.repetitions_per_run, most))

    def _first(self, points):
        number = min(len(self.progress[point].seconds) for point in points)
        row = [point for point in points if len(self.progress[point].seconds) == number]
        # Of two that failed as often, or not at all, the round's order decides.
        place = {point: position for position, point in enumerate(self.order(number))}
        return min(row, key=lambda point: (self.progress[point].failures, place[point]))

    def estimate(self, point):
        """Seconds of one more run: as before, else as those of other points tell; None as long as these are too few."""
        own = self.progress[point].run_seconds
        if own:
            return statistics.median(own)
        known = [(rough_work(other) / other.cores, statistics.median(progress.run_seconds))
                 for other, progress in self.progress.items() if progress.run_seconds]
        fit = fit_line(known)
        return fit[0] + fit[1] * rough_work(point) / point.cores if fit else None

    def seconds_of_the_first(self):
        """Until every point has its repetitions; None as long as nothing is known."""
        total = 0.0
        for point in self.wanting():
            estimate = self.estimate(point)
            if estimate is None:
                return None
            lacking = self.study.repetitions - len(self.progress[point].seconds)
            total += estimate * -(-lacking // self.study.repetitions_per_run)
        return total

    def seconds_left(self, spent):
        """Of the whole study: the first repetitions, and what the budget then leaves where points are unsure."""
        first = self.seconds_of_the_first()
        if first is None:
            return None
        more = max(0.0, 60 * self.study.minutes - spent - first)
        return first + (more if self.wanting() or self.unsure() else 0.0)
