#!/usr/bin/python3
"""Sums up what the tests reported, names each failure, and ends with the line "N passed, N failed".

usage: sum_up.py [--part] REPORTS LOG...

LOG is the testlog.json of a `meson test`, renamed to LABEL.log; the GoogleTest reports of its programs are in
REPORTS/LABEL/. A program that crashed, timed out or left no report is a failure, and the last lines that it
printed are shown. A LOG that is missing is a failure, too. With --part, only a part of the tests was asked for (a shard,
or names), so a program may have run none of its tests.

Exit codes: 0 if some tests ran and all of them passed, 1 otherwise.
"""

import json
import pathlib
import re
import sys


def report_of(command):
    """The name of the report that a test's command leaves: that of its program, and of the shim of in-machine.sh."""
    words = [word for word in command if not word.startswith("--gtest_")]
    shim = "-with-" + words[words.index("--shim") + 1] if "--shim" in words else ""
    return pathlib.Path(words[-1]).name + shim


def is_one_test(label, test):
    """Returns whether a program leaves no GoogleTest report, so that it counts as one test: a fuzzer, and a tool."""
    return label == "fuzz" or re.search(r":(?:tools|coverage|matrix|cluster) / ", test["name"]) is not None


def last_words(test, count=30):
    """The last lines that a program printed, each after a line break and four spaces: why it has no report."""
    lines = (test.get("stdout", "") + test.get("stderr", "")).rstrip().splitlines()[-count:]
    return "".join(f"\n    {line}" for line in lines)


class Sum:
    """Tests that passed, and a line or more for each that failed."""

    def __init__(self):
        self.passed = 0
        self.failures = []

    def add_report(self, label, report):
        """Counts the test cases of one GoogleTest report; returns how many ran or skipped themselves."""
        count = 0
        for suite in report.get("testsuites", []):
            for case in suite["testsuite"]:
                if case.get("status") == "NOTRUN":
                    continue
                count += 1
                if case.get("result") == "SKIPPED":
                    continue
                if case.get("failures"):
                    why = case["failures"][0]["failure"].splitlines()[:12]
                    self.failures.append("\n    ".join([f"{label}: {suite['name']}.{case['name']}", *why]))
                else:
                    self.passed += 1
        return count

    def add_reports(self, reports):
        """Counts the reports in the folder `reports`; returns the number of test cases by (label, program)."""
        counts = {}
        for path in sorted(reports.glob("*/*.json")):
            label = path.parent.name
            try:
                report = json.loads(path.read_text())
            except ValueError:
                continue  # cut short by a crash: the log says that the program failed
            counts[label, path.stem] = self.add_report(label, report)
        return counts

    def add_program(self, label, test, counts, is_part):
        """Counts one line of a LOG: a failure that no report shows."""
        result = test["result"].lower()
        if is_one_test(label, test):
            if test["result"] == "OK":
                self.passed += 1
            elif test["result"] != "SKIP":
                saved = re.search(r"Test unit written to (\S+)", test.get("stdout", "") + test.get("stderr", ""))
                name = test["name"].split(" / ")[-1]
                self.failures.append(f"{label}: {name}: {saved.group(1) if saved else result}" + last_words(test))
            return
        program = report_of(test["command"])
        if (label, program) not in counts:
            self.failures.append(f"{test['name']}: {result}, without a report (status {test['returncode']})" + last_words(test))
        elif counts[label, program] == 0 and not is_part:
            self.failures.append(f"{test['name']}: it ran no test")
        elif test["result"] in ("OK", "SKIP", "EXPECTEDFAIL"):
            pass
        elif test["result"] == "FAIL" and test["returncode"] == 1 and "FAILED TEST" in test.get("stdout", ""):
            pass  # GoogleTest ends with 1 if a case failed, and the report has that case
        else:
            self.failures.append(f"{test['name']}: {result} (status {test['returncode']})" + last_words(test))

    def add_log(self, path, counts, is_part):
        """Counts all lines of a LOG."""
        if not path.exists():
            self.failures.append(f"no test ran for {path.stem}")
            return
        for line in path.read_text().splitlines():
            self.add_program(path.stem, json.loads(line), counts, is_part)


def sum_up(reports, logs, is_part=False):
    """Sums up the folder `reports` and the files `logs`."""
    total = Sum()
    counts = total.add_reports(reports)
    for log in logs:
        total.add_log(log, counts, is_part)
    if total.passed == 0 and not total.failures:
        total.failures.append("nothing was tested")
    return total


def main(arguments):
    is_part = arguments[:1] == ["--part"]
    paths = [pathlib.Path(argument) for argument in arguments[is_part:]]
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    total = sum_up(paths[0], paths[1:], is_part)
    for failure in total.failures:
        print(f"FAILED {failure}")
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
