"""Tests docs/reference/command-line.md: it has every command and every option that the program's help has, and no other.

usage: command_line_page_test.py GATECRASH
"""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "command-line.md").read_text()
PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()


def help_of(*command):
    return subprocess.run([PROGRAM, *command, "--help"], check=True, capture_output=True, text=True).stdout


def options_of(text):
    """The options that a help text describes: {"--machine NAME", "--quiet", ...}."""
    rows = re.findall(r"^  (?:-\w \[ )?--([\w-]+)(?: \])? ([A-Z/.]+)?", text, re.MULTILINE)
    return {f"--{name} {value}".rstrip() for name, value in rows}


def sections():
    """The page's sections by their titles."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def options_in(section):
    """The options in a section's table: those in the first column of a row."""
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(--[^`]+)`", row)}


class CommandLinePage(unittest.TestCase):
    def setUp(self):
        self.sections = sections()
        self.common = options_in(self.sections["Every command"])
        self.commands = re.findall(r"^  (\w+)  ", help_of(), re.MULTILINE)
        self.assertIn("explore", self.commands)

    def test_has_every_command_and_no_other(self):
        named = re.findall(r"^\| \[`(\w+)`\]\(#\w+\) \|", PAGE, re.MULTILINE)
        self.assertEqual(named, self.commands)
        titles = [title for title in self.sections if title not in ("Every command", "Options of sweeps")]
        self.assertEqual(titles, self.commands)

    def test_has_every_option_and_no_other(self):
        for command in self.commands:
            with self.subTest(command):
                section = self.sections[command]
                documented = self.common | options_in(section)
                if "has the [options of sweeps]" in re.sub(r"\s+", " ", section):
                    documented |= options_in(self.sections["Options of sweeps"])
                self.assertEqual(documented, options_of(help_of(command)))

    def test_has_the_usage_and_the_examples(self):
        for command in self.commands:
            with self.subTest(command):
                text = help_of(command)
                usage = re.search(r"^usage: (.+)$", text, re.MULTILINE).group(1)
                self.assertIn(f"    {usage}\n", self.sections[command])
                for example in re.findall(r"^  (gatecrash .+?)(?:   .*)?$", text[text.index("Examples:"):], re.MULTILINE):
                    self.assertRegex(self.sections[command], rf"(?m)^    {re.escape(example)}(  +#.*)?$")


if __name__ == "__main__":
    unittest.main()
