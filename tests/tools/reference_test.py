"""Tests the reference entries: each defect and each design replaces something, and a variant uses it."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRIES = [ROOT / "cases" / "reference", ROOT / "cases" / "reference32"]


def replacements(entry):
    """The files of a reference entry that replace steps, by the names that meson.build knows them by."""
    files = sorted(entry.glob("defects/*.h")) + sorted(entry.glob("designs/*.h"))
    return {f"{file.parent.name}/{file.name}": file.read_text() for file in files}


class Reference(unittest.TestCase):
    def test_each_replacement_says_why(self):
        for entry in ENTRIES:
            for name, content in replacements(entry).items():
                self.assertRegex(content, r"\A/\* [A-Z]", name)

    def test_each_replaces_a_step_or_is_asked_for(self):
        patterns = ("**/*.S", "**/*.h", "**/*.cpp", "**/*.hpp")
        sources = (file for pattern in patterns for file in (ROOT / "cases").glob(pattern))
        texts = (file.read_text() for file in sources if file.parent.name != "defects")
        asked = {name for text in texts for name in re.findall(r"(?:#ifn?def |defined\()(\w+)", text)}
        for entry in ENTRIES:
            for name, content in replacements(entry).items():
                defined = set(re.findall(r"(?m)^#define (\w+)", content))
                self.assertTrue(defined, name)
                self.assertEqual(defined - asked, set(), name)

    def test_a_variant_uses_each(self):
        builds = [*(ROOT / "cases").glob("*/meson.build"), ROOT / "tests" / "meson.build"]
        named = "\n".join(file.read_text() for file in builds)
        for entry in ENTRIES:
            files = replacements(entry)
            for name in files:
                is_included = any(f'#include "{name}"' in content for content in files.values())
                self.assertTrue(f"'{name}'" in named or is_included, name)

    def test_the_page_has_each_design(self):
        for entry in ENTRIES:
            page = (entry / "README.md").read_text()
            for name in replacements(entry):
                if name.startswith("designs/"):
                    self.assertIn(f"`{pathlib.Path(name).stem}`", page)

    def test_the_entries_have_no_defect(self):
        for entry in ENTRIES:
            for file in entry.glob("*.*"):
                if file.suffix != ".md":
                    self.assertNotIn("DEFECT", file.read_text(), file)


if __name__ == "__main__":
    unittest.main()
