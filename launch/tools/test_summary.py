"""Counts what ctest's JUnit reports hold, case by case, and prints the closing line of launch/test.

A ctest test is a whole GoogleTest binary or a Python script of many cases, so the cases are read from its output. A
test that says nothing of cases counts as one; a test that ctest calls failed counts at least one failure (a crash, a
timeout); a report that is missing (the build failed) counts as one failure.

usage: test_summary.py REPORT.xml...
"""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree


class Counts:
    def __init__(self, passed=0, failed=0, skipped=()):
        self.passed = passed
        self.failed = failed
        self.skipped = list(skipped)  # (case, reason)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def googletest_counts(output):
    """From "[  PASSED  ] 12 tests." and its kin; None where the output is not GoogleTest's."""
    passed = re.search(r"^\[  PASSED  \] (\d+) tests?\.", output, re.M)
    if not passed:
        return None
    failed = re.search(r"^\[  FAILED  \] (\d+) tests?, listed below", output, re.M)
    counts = Counts(int(passed[1]), int(failed[1]) if failed else 0)
    # A skipped case prints "FILE:LINE: Skipped", the reason, a blank line and "[  SKIPPED ] Suite.Case (0 ms)".
    for skipped in re.finditer(r"^\[ RUN      \] (\S+)\n(.*?)^\[  SKIPPED \] \1 \(", output, re.M | re.S):
        reason = re.search(r"Skipped\n(.*)", skipped[2], re.S)
        counts.skipped.append((skipped[1], " ".join((reason[1] if reason else "no reason given").split())))
    return counts


def unittest_counts(output):
    """From "Ran 7 tests in 1.2s", "FAILED (failures=1, errors=1, skipped=2)"; None where it is not unittest's."""
    ran = re.search(r"^Ran (\d+) tests? in ", output, re.M)
    if not ran:
        return None
    result = re.search(r"^(?:OK|FAILED)(?: \((.*)\))?$", output[ran.end():], re.M)
    numbers = dict(re.findall(r"(\w+)=(\d+)", result[1] or "")) if result else {}
    failed = int(numbers.get("failures", 0)) + int(numbers.get("errors", 0))
    skipped = re.findall(r"^(\w+) \(\S*\)(?:\n.*)? \.\.\. skipped ['\"](.*)['\"]$", output, re.M)
    return Counts(max(0, int(ran[1]) - failed - int(numbers.get("skipped", 0))), failed, skipped)


def case_counts(case):
    """Counts of one <testcase> of ctest."""
    output = case.findtext("system-out") or ""
    name = case.get("name")
    if case.get("status") == "notrun" or case.find("skipped") is not None:
        reasons = [line for line in output.splitlines() if line.strip()] or ["no reason given"]
        return Counts(skipped=[(name, reasons[-1].strip())])
    counts = googletest_counts(output) or unittest_counts(output)
    failed = case.get("status") == "fail"
    if counts is None:
        return Counts(failed=1) if failed else Counts(passed=1)
    if failed and counts.failed == 0:
        counts.failed = 1
    counts.skipped = [(f"{name}: {case_name}", reason) for case_name, reason in counts.skipped]
    return counts


def report_counts(path, failures):
    """Prints the line of one preset; appends the names of its failed tests to `failures`."""
    preset = os.path.splitext(os.path.basename(path))[0]
    if not os.path.exists(path):
        print(f"{preset}: not built or not run")
        failures.append(f"{preset}: the build")
        return Counts(failed=1)
    root = ElementTree.parse(path).getroot()
    total = Counts()
    seconds = 0.0
    for case in root.iter("testcase"):
        counts = case_counts(case)
        seconds += float(case.get("time") or 0)
        if counts.failed:
            failures.append(f"{preset}: {case.get('name')}")
        total.add(counts)
    print(f"{preset}: {total.passed} cases passed, {total.failed} failed, {len(total.skipped)} skipped "
          f"in {len(root.findall('testcase'))} tests ({seconds:.0f} s of test time)")
    return total


def main(paths):
    total = Counts()
    failures = []
    print("== result")
    for path in paths:
        total.add(report_counts(path, failures))
    for name, reason in total.skipped:
        print(f"skipped: {name}: {reason}")
    for name in failures:
        print(f"failed: {name}")
    print(f"{total.passed} passed, {total.failed} failed, {len(total.skipped)} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
