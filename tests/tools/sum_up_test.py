"""Tests tools/sum_up.py: what counts as passed, what as failed."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # keeps the source folder unchanged
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import sum_up  # noqa: E402

PASSES = {"name": "Passes", "status": "RUN", "result": "COMPLETED"}
SKIPS = {"name": "Skips", "status": "RUN", "result": "SKIPPED"}
DISABLED = {"name": "Disabled", "status": "NOTRUN", "result": "SUPPRESSED"}
FAILS = {"name": "Fails", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "file:1\nreason"}]}


def ran(name, result="OK", returncode=0, stdout="", suite="cli"):
    """A line of meson's log."""
    return {"name": f"gatecrash:{suite} / {name}", "result": result, "returncode": returncode, "stdout": stdout,
            "command": ["in-machine.sh", "machine-run", f"/build/tests/{name}-tests"]}


class SumUp(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.reports = pathlib.Path(folder.name)

    def report(self, program, *cases, label="normal"):
        path = self.reports / label / f"{program}-tests.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"testsuites": [{"name": "Suite", "testsuite": list(cases)}]}))

    def log(self, *lines, label="normal"):
        path = self.reports / f"{label}.log"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    def summed(self, *logs, part=False):
        """The lines that the command prints, and its exit code last."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = sum_up.main(["--part"] * part + [str(self.reports), *map(str, logs)])
        return [*printed.getvalue().splitlines(), code]

    def test_cases_that_passed_are_counted(self):
        self.report("unit", PASSES, PASSES, SKIPS, DISABLED)
        self.assertEqual(self.summed(self.log(ran("unit"))), ["2 passed, 0 failed", 0])

    def test_a_case_that_failed_is_named_and_counted_once(self):
        self.report("unit", PASSES, FAILS)
        log = self.log(ran("unit", "FAIL", 1, "1 FAILED TEST"))
        self.assertEqual(self.summed(log), ["FAILED normal: Suite.Fails", "    file:1", "    reason",
                                            "1 passed, 1 failed", 1])

    def test_a_run_with_a_shim_has_a_report_of_its_own(self):
        line = ran("unit")
        line["command"] = ["in-machine.sh", "--shim", "late", *line["command"][1:], "--gtest_filter=Suite*"]
        self.report("unit", PASSES)
        self.assertEqual(self.summed(self.log(line))[-1], 1)
        (self.reports / "normal" / "unit-tests.json").rename(self.reports / "normal" / "unit-tests-with-late.json")
        self.assertEqual(self.summed(self.log(line)), ["1 passed, 0 failed", 0])

    def test_a_program_without_a_report_is_a_failure(self):
        for result, status in (("OK", 0), ("TIMEOUT", -9), ("FAIL", 3)):
            for part in (False, True):
                with self.subTest(result=result, part=part):
                    expected = f"FAILED gatecrash:cli / usage: {result.lower()}, without a report (status {status})"
                    log = self.log(ran("usage", result, status))
                    self.assertEqual(self.summed(log, part=part), [expected, "0 passed, 1 failed", 1])

    def test_a_program_that_crashed_is_shown_with_its_last_lines(self):
        line = ran("unit", "FAIL", -6, "first\n" + "more\n" * 28 + "[ RUN      ] Suite.Crashes\n")
        line["stderr"] = "terminate called\n"
        failure, *shown = self.summed(self.log(line))[:-2]
        self.assertEqual(failure, "FAILED gatecrash:cli / unit: fail, without a report (status -6)")
        self.assertEqual(shown, ["    more"] * 28 + ["    [ RUN      ] Suite.Crashes", "    terminate called"])

    def test_a_report_of_another_label_does_not_count(self):
        self.report("usage", PASSES, label="other")
        self.assertEqual(self.summed(self.log(ran("usage")))[-2:], ["1 passed, 1 failed", 1])

    def test_a_report_that_was_cut_short_counts_as_none(self):
        self.report("usage", PASSES)
        path = self.reports / "normal" / "usage-tests.json"
        path.write_text(path.read_text()[:20])
        self.assertEqual(self.summed(self.log(ran("usage", "FAIL", -11)))[-2:], ["0 passed, 1 failed", 1])

    def test_a_program_that_crashed_after_its_report_is_a_failure(self):
        self.report("usage", PASSES)
        for result, status in (("FAIL", -11), ("FAIL", 1), ("ERROR", 99), ("TIMEOUT", -15)):
            with self.subTest(result=result, status=status):
                self.assertEqual(self.summed(self.log(ran("usage", result, status)))[-2:], ["1 passed, 1 failed", 1])

    def test_a_fuzzer_is_one_test(self):
        image = {**ran("image"), "name": "image"}  # meson leaves out the suite where there is only one
        schedule = ran("schedule", "FAIL", 77, "Test unit written to ./crash-1")
        log = self.log(image, schedule, label="fuzz")
        self.assertEqual(self.summed(log), ["FAILED fuzz: schedule: ./crash-1", "    Test unit written to ./crash-1",
                                            "1 passed, 1 failed", 1])

    def test_a_test_of_a_tool_is_one_test(self):
        log = self.log(ran("sum-up", suite="tools"), ran("other", "FAIL", 1, suite="tools"),
                       ran("commits", "SKIP", 77, suite="tools"))
        self.assertEqual(self.summed(log), ["FAILED normal: other: fail", "1 passed, 1 failed", 1])

    def test_the_coverage_is_one_test(self):
        self.assertEqual(self.summed(self.log(ran("every-machine", suite="matrix"))), ["1 passed, 0 failed", 0])
        log = self.log(ran("coverage", "FAIL", 2, suite="coverage"), label="sanitized")
        self.assertEqual(self.summed(log), ["FAILED sanitized: coverage: fail", "0 passed, 1 failed", 1])

    def test_a_log_that_is_missing_is_a_failure(self):
        self.report("unit", PASSES, label="sanitized")
        log = self.log(ran("unit"), label="sanitized")
        for part in (False, True):
            self.assertEqual(self.summed(log, self.reports / "fuzz.log", part=part),
                             ["FAILED no test ran for fuzz", "1 passed, 1 failed", 1])

    def test_nothing_tested_is_a_failure(self):
        expected = ["FAILED nothing was tested", "0 passed, 1 failed", 1]
        self.assertEqual(self.summed(), expected)
        self.report("intel", SKIPS)
        self.assertEqual(self.summed(self.log(ran("intel"))), expected)

    def test_a_program_may_run_nothing_only_in_a_part(self):
        self.report("unit", PASSES)
        self.report("usage", DISABLED)
        log = self.log(ran("unit"), ran("usage"))
        self.assertEqual(self.summed(log, part=True), ["1 passed, 0 failed", 0])
        self.assertEqual(self.summed(log),
                         ["FAILED gatecrash:cli / usage: it ran no test", "1 passed, 1 failed", 1])

    def test_a_program_that_skips_all_of_its_tests_ran(self):
        self.report("unit", PASSES)
        self.report("intel", SKIPS)
        self.assertEqual(self.summed(self.log(ran("unit"), ran("intel"))), ["1 passed, 0 failed", 0])


if __name__ == "__main__":
    unittest.main()
