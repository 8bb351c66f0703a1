"""Tests tools/machine_matrix.py: what the page says, and what counts as expected."""

import argparse
import contextlib
import fnmatch
import io
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
        cells, faults = machine_matrix.row(machine, self.folder, doctor_only)
        return *cells[1:-1], not faults

    def explain(self, *rows):
        """Lets other counts have these causes: machines, variants, causes."""
        patch = unittest.mock.patch.object(machine_matrix, "COUNTS", list(rows))
        patch.start()
        self.addCleanup(patch.stop)

    def test_what_differs_from_the_first_machine_has_a_mark(self):
        self.doctor(AMD, {"a": "x", "b": "x", "c": "!x", "d": "!x", "e": "x"})
        self.doctor(NEW, {"a": "x", "b": "!y", "c": "y", "d": "!y", "e": "y"})
        self.assertEqual(self.row(NEW, doctor_only=True), ("yes", "`-b`, `+c`, `~d`, `~e`", "-", "-", True))

    def test_what_was_skipped_is_named(self):
        for machine in (AMD, NEW):
            self.doctor(machine, {"a": "x"})
        self.results(AMD, variant("one"), variant("three"))
        self.results(NEW, variant("one"), variant("three", "skip", schedules=0))
        self.results(NEW, variant("getpid"), kind="linux")
        self.assertEqual(self.row(NEW), ("yes", "nothing", "1 of 2; skipped: nmi/three", "1 of 1", True))

    def test_other_counts_need_a_cause_that_is_true_there(self):
        self.doctor(AMD, {"a": "x", "b": "x", "c": "x"})
        self.doctor(NEW, {"a": "!y", "b": "x", "c": "!y"})
        self.results(AMD, variant("one"), variant("two"), variant("three"))
        self.results(NEW, variant("one"), variant("two", schedules=11), variant("three"))
        self.results(NEW, variant("getpid"), kind="linux")
        for machines, variants, causes, text in (
                ("ne?", "nmi/tw*", ["a"], "`a`"), ("new", "nmi/two", ["a", "c"], "`a`, `c`"),
                ("new", "nmi/two", ["b"], None), ("new", "nmi/two", ["a", "b"], None),
                ("new", "nmi/one", ["a"], None), ("old", "nmi/two", ["a"], None)):
            self.explain((machines, [variants], causes))
            self.assertEqual(self.row(NEW), ("yes", "`-a`, `-c`", "3 of 3; 1 with other counts", "1 of 1", text is not None))
            self.assertEqual(machine_matrix.counts([AMD, NEW], self.folder),
                             f"| `new` | {text or '**unknown**'} | `nmi/two` |\n")

    def test_other_counts_without_a_cause_end_with_a_line_and_exit_code_1(self):
        self.explain(("new", ["nmi/two"], ["a"]))
        for machine, answer in ((AMD, "x"), (NEW, "y")):
            self.doctor(machine, {"a": answer})
            self.results(machine, variant("getpid"), kind="linux")
        self.results(AMD, variant("one"), variant("two"))
        arguments = ["machine_matrix.py", "gatecrash", str(self.folder), "new"]
        for last, code in ((variant("two", schedules=11), 0), (variant("one", schedules=11), 1)):
            self.results(NEW, last)
            with unittest.mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(io.StringIO()) as out, \
                    unittest.mock.patch.object(machine_matrix, "TABLE", [AMD, NEW]):
                self.assertEqual(machine_matrix.main(), code)
            line = "new: other counts, and COUNTS has no cause that is true there: nmi/one\n"
            self.assertEqual(out.getvalue(), "new: a new one\n" + (line if code else ""))

    def test_a_recorded_cause_that_explains_nothing_is_a_failure(self):
        for machine, answer in ((AMD, "x"), (NEW, "!y")):
            self.doctor(machine, {"a": answer})
            self.results(machine, variant("getpid"), kind="linux")
        self.results(AMD, variant("one"), variant("two"), variant("three"), variant("skipped", "skip"))
        self.results(NEW, variant("one"), variant("two", schedules=11), variant("three", "skip"), variant("skipped"))
        for pattern, is_stale in (("nmi/two", False), ("nmi/t*", False), ("nmi/*", False), ("nmi/one", True),
                                  ("nmi/three", False), ("nmi/on*", True), ("nmi/gone", True), ("nmi/skipped", False)):
            self.explain(("new", ["nmi/two"], ["a"]), ("new", [pattern], ["a"]), ("old", ["nmi/one"], ["a"]))
            _, faults = machine_matrix.row(NEW, self.folder, False)
            self.assertEqual(faults, [f"COUNTS explains other counts, and there are none: {pattern}"] * is_stale)

    def test_recorded_causes_name_what_exists(self):
        root = pathlib.Path(machine_matrix.__file__).parents[1]
        behaviours = (root / "harness/vm/behaviours.def").read_text()
        machines = json.loads((root / "tools/machines.json").read_text())["machines"]
        for pattern, _, causes in machine_matrix.COUNTS:
            self.assertTrue(fnmatch.filter([each["name"] for each in machines], pattern), pattern)
            for cause in causes:
                self.assertIn(f'"{cause}"', behaviours)

    def test_the_last_cell_has_the_seconds_of_both_runs(self):
        self.doctor(AMD, {"a": "x"})
        self.results(AMD, variant("one", seconds=1.4), variant("two", seconds=20.2))
        for sweeps, times in (((), "22 + -"), ((variant("getpid", seconds=7.6),), "22 + 8")):
            if sweeps:
                self.results(AMD, *sweeps, kind="linux")
            cells, _ = machine_matrix.row(AMD, self.folder, False)
            self.assertEqual(cells[-1], times)

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
        (name, (behaviour, remedy, last)), = machine_matrix.UNFIT.items()
        machine = {"name": name, "like": "intel", "summary": "without"}
        refusal = self.folder / f"{name}.refused.txt"
        because = "gatecrash: the machine cannot be used:"
        measures = "[   10.6] gatecrash: this machine is not fit. Next it measures"
        diagnosis = self.folder / f"{name}.doctor.txt"
        diagnosis.write_text(f"  differs  {behaviour} (basic)\n{measures} triple-fault\n{measures} {last}\n")
        for text in (None, f"{because} int3: wrong\n  use {remedy}", f"{because} {behaviour}: wrong\n  use another"):
            if text:
                refusal.write_text(text)
            self.assertFalse(self.row(machine)[-1])
        refusal.write_text(f"{because} {behaviour}: wrong\n  use {remedy}")
        self.assertEqual(self.row(machine), ("no", f"`-{behaviour}`", "-", "-", True))
        for text in (f"  ok       {behaviour}\n{measures} {last}\n", f"  differs  {behaviour} (basic)\n",
                     f"  differs  {behaviour} (basic)\n{measures} {last}\n{measures} triple-fault\n"):
            diagnosis.write_text(text)
            self.assertFalse(self.row(machine)[-1])


if __name__ == "__main__":
    unittest.main()
