"""Tests tools/check_commits.py: which subjects it accepts, and what it says of others."""

import contextlib
import io
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True  # the source folder stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_commits  # noqa: E402


class CheckCommits(unittest.TestCase):
    def test_accepts_sound_subjects(self):
        for subject in ("docs: sort the pages by who reads them", "harness, cases: say who acts", "dev: embed the page",
                        ".ci: run the gates", "tests/tools: plant faults", "vm: " + "a" * 68):
            self.assertEqual(check_commits.fault(subject), "", subject)

    def test_says_what_is_wrong(self):
        for subject, expected in (
                ("vm: " + "a" * 69, "73 columns, of at most 72"),
                ("Sort the pages", "does not begin with 'area: '"),
                ("Docs: sort the pages", "does not begin with 'area: '"),
                ("docs: Sort the pages", "the summary does not begin with a verb in lower case"),
                ("docs: sorted the pages", "'sorted' is no imperative"),
                ("docs: sorting the pages", "'sorting' is no imperative"),
                ("docs: adds a page", "'adds' is no imperative"),
                ("docs: add a page.", "ends with a full stop")):
            self.assertEqual(check_commits.fault(subject), expected)

    def test_skips_without_history(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(check_commits.main(["0" * 40]), 77)

    def test_refuses_wrong_usage(self):
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(check_commits.main(["--wrong"]), 2)


if __name__ == "__main__":
    unittest.main()
