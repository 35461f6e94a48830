"""Errors as gemring's own: where, what is wrong, what to do, and the exit code."""

DONE, SOME_FAILED, USAGE, CONFIG, RESOURCE = 0, 1, 2, 3, 5


class StudyError(Exception):
    def __init__(self, where, problem, advice, code=CONFIG):
        super().__init__(f"scaling-study: {where}: {problem}\n  {advice}      (exit {code})")
        self.code = code
