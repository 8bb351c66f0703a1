"""Tests tools/machine_matrix.py: what the page says, and what counts as expected."""

import argparse
import json
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True  # keeps the source folder unchanged
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import machine_matrix  # noqa: E402

AMD = {"name": "amd", "like": "amd", "summary": "the first one"}
NEW = {"name": "new", "like": "amd", "summary": "a new one"}


def variant(name, status="ok", schedules=10, seconds=1.2):
    return {"case": "nmi", "variant": name, "status": status, "boundaries": 3, "schedules": schedules, "findings": 0,
            "seconds": seconds}


class MachineMatrix(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def doctor(self, machine, answers, fit=True):
        """Writes a document. An answer that begins with '!' is not as the manuals say, nor as any real machine's. One
        that begins with '?' is as some real machine's."""
        behaviours = {name: answer[0] not in "!?" for name, answer in answers.items()}
        other = [name for name, answer in answers.items() if answer[0] == "?"]
        answers = {name: answer.lstrip("!?") for name, answer in answers.items()}
        here = {"name": machine["name"], "kernel": "6.1", "behaviours": behaviours, "answers": answers, "other": other}
        document = {"machine": here, "machines": [{**here, "fit": fit}]}
        (self.folder / f"{machine['name']}.doctor.json").write_text(json.dumps(document))

    def results(self, machine, *variants, kind="run"):
        (self.folder / f"{machine['name']}.{kind}.json").write_text(json.dumps({"results": variants}))

    def row(self, machine, doctor_only=False):
        """The cells of a machine's row from "fit" to "Linux", and whether it is as expected."""
        (line, is_expected), = machine_matrix.rows([machine], self.folder, doctor_only)
        return *line.strip("| ").split(" | ")[2:-1], is_expected

    def test_what_differs_from_the_first_machine_has_a_mark(self):
        self.doctor(AMD, {"a": "x", "b": "x", "c": "!x", "d": "!x", "e": "x"})
        self.doctor(NEW, {"a": "x", "b": "!y", "c": "y", "d": "!y", "e": "y"})
        self.assertEqual(self.row(NEW, doctor_only=True), ("yes", "`-b`, `+c`, `~d`, `~e`", "-", "-", True))

    def test_what_was_skipped_and_what_counts_otherwise_is_named(self):
        for machine in (AMD, NEW):
            self.doctor(machine, {"a": "x"})
        self.results(AMD, variant("one"), variant("two"), variant("three"))
        self.results(NEW, variant("one"), variant("two", schedules=11), variant("three", "skip"))
        self.results(NEW, variant("getpid"), kind="linux")
        others = "2 of 3; skipped: nmi/three; other counts: nmi/two"
        self.assertEqual(self.row(NEW), ("yes", "nothing", others, "1 of 1", True))

    def test_the_last_cell_has_the_seconds_of_both_runs(self):
        self.doctor(AMD, {"a": "x"})
        self.results(AMD, variant("one", seconds=1.4), variant("two", seconds=20.2))
        for sweeps, times in (((), "22 + -"), ((variant("getpid", seconds=7.6),), "22 + 8")):
            if sweeps:
                self.results(AMD, *sweeps, kind="linux")
            (line, _), = machine_matrix.rows([AMD], self.folder, False)
            self.assertTrue(line.endswith(f" | {times} |"), line)

    def test_answers_that_are_not_alike_are_side_by_side(self):
        same, other, absent = ({"name": name} for name in ("same", "other", "absent"))
        self.doctor(AMD, {"a": "x", "b": "x", "c": "x", "d": "x"})
        self.doctor(same, {"a": "x", "b": "x", "c": "x", "d": "x"})
        self.doctor(NEW, {"a": "x", "b": "!y", "c": "?x", "d": "z"})
        self.doctor(other, {"a": "x", "b": "x", "c": "x"})
        text = machine_matrix.answers([AMD, same, NEW, other, absent], self.folder)
        self.assertEqual(text.splitlines(), [
            "| column | machines |", "|---|---|", "| `amd` | `amd`, `same` |", "| `new` | `new` |", "| `other` | `other` |",
            "", "| behaviour | answer | `amd` | `new` | `other` |", "|---|---|---|---|---|",
            "| `b` | `x` | + |  | + |", "|  | `y` |  | - |  |",
            "| `c` | `x` | + | o | + |",
            "| `d` | `x` | + |  |  |", "|  | `z` |  | + |  |", "|  | `not measured` |  |  | - |"])

    def test_a_verdict_that_is_not_the_expected_one_is_a_failure(self):
        self.doctor(AMD, {"a": "x"})
        for status in ("unexpected", "error", "finding"):
            good, bad = (variant("one"),), (variant("one"), variant("two", status))
            for runs, sweeps in ((good, bad), (bad, good)):
                self.results(AMD, *runs)
                self.results(AMD, *sweeps, kind="linux")
                texts = ["1 of 1" if variants == good else "1 of 2; **not as expected**: nmi/two"
                         for variants in (runs, sweeps)]
                self.assertEqual(self.row(AMD), ("yes", "-", *texts, False))

    def test_a_missing_document_is_a_failure(self):
        self.assertEqual(self.row(AMD), ("**no answer**", "-", "-", "-", False))
        self.doctor(AMD, {"a": "x"})
        self.assertEqual(self.row(AMD), ("yes", "-", "-", "-", False))
        self.results(AMD, variant("one"))
        self.assertEqual(self.row(AMD), ("yes", "-", "1 of 1", "-", False))

    def test_a_machine_that_is_not_fit_is_a_failure(self):
        self.doctor(AMD, {"a": "!x"}, fit=False)
        for kind in ("run", "linux"):
            self.results(AMD, variant("one"), kind=kind)
        self.assertEqual(self.row(AMD), ("no", "-", "1 of 1", "1 of 1", False))

    def test_a_case_that_others_skip_runs_where_it_can(self):
        commands = []
        arguments = argparse.Namespace(gatecrash="gatecrash", doctor_only=False)
        with unittest.mock.patch.object(machine_matrix, "run", lambda command, _: commands.append(command)):
            for name in ("amd", "intel-tigerlake"):
                machine_matrix.examine({"name": name, "summary": ""}, arguments, self.folder)
        swept = {command[-1]: "shadow-stack" in command for command in commands if command[1] == "run"}
        self.assertEqual(swept, {"amd": False, "intel-tigerlake": True})

    def test_a_machine_that_must_be_unfit_is_refused_with_reason_and_remedy(self):
        (name, (behaviour, remedy)), = machine_matrix.UNFIT.items()
        machine = {"name": name, "like": "intel", "summary": "without"}
        refusal = self.folder / f"{name}.refused.txt"
        because = "gatecrash: the machine cannot be used:"
        for text in (None, f"{because} int3: wrong\n  use {remedy}", f"{because} {behaviour}: wrong\n  use another"):
            if text:
                refusal.write_text(text)
            self.assertFalse(self.row(machine)[-1])
        refusal.write_text(f"{because} {behaviour}: wrong\n  use {remedy}")
        self.assertEqual(self.row(machine), ("no", f"`-{behaviour}`", "-", "-", True))


if __name__ == "__main__":
    unittest.main()
