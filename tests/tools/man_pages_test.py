"""Tests the manual pages that the program prints: mandoc has no complaint, and they have all that the help has.

usage: man_pages_test.py GATECRASH
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()


def output_of(*command, text=None):
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout


def page_of(*command):
    return output_of(PROGRAM, "man", *command, "--date", "2026-11-30")


def help_of(*command):
    return output_of(PROGRAM, *command, "--help")


COMMANDS = re.findall(r"^  ([a-z]+) ", help_of(), re.MULTILINE)


def complaints(page):
    """Returns the warnings and errors of mandoc about a page."""
    with tempfile.NamedTemporaryFile("w", suffix=".1") as file:
        file.write(page)
        file.flush()
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", file.name], check=False, capture_output=True,
                              text=True)
    return lint.stdout + lint.stderr


def words_of(text):
    return re.sub(r"\s+", " ", text.replace("`", ""))


def shown(page):
    """The text of a page, as one line."""
    return words_of(re.sub(".\x08", "", output_of("mandoc", "-T", "utf8", "-O", "width=500", text=page)))


class ManPages(unittest.TestCase):
    def test_pass_mandoc(self):
        for command in ([], *([name] for name in COMMANDS)):
            with self.subTest(command):
                self.assertEqual(complaints(page_of(*command)), "")
        self.assertIn("WARNING", complaints(page_of().replace("2026-11-30", "someday")))

    def test_have_what_the_help_has(self):
        for name in COMMANDS:
            page, text = shown(page_of(name)), help_of(name)
            with self.subTest(name):
                self.assertIn(f"gatecrash-{name} - ", page)
                usage, description, examples = re.fullmatch(
                    r"usage: (.*?)\n\n(.*)\nExamples:\n(.*)", text, re.DOTALL).groups()
                self.assertIn(words_of(usage), page)
                self.assertIn(words_of(examples).strip(), page)
                about, *groups = re.split(r"^Options of .*:\n", description, flags=re.MULTILINE)
                for sentence in re.split(r"(?<=\.)\s", words_of(about.partition("\n")[2]).strip()):
                    self.assertIn(sentence, page)
                for group in groups:
                    for option in re.split(r"^  (?=-)", group, flags=re.MULTILINE)[1:]:
                        option = re.sub(r"^(-\w) \[ (--\S+) \]", r"\1, \2", option)
                        self.assertIn(words_of(option).strip(), page)

    def test_begin_with_a_page_that_lists_all(self):
        page = shown(page_of())
        for name in COMMANDS:
            self.assertIn(f"gatecrash-{name}(1)", page)
        for code, meaning in (("0", "everything is as expected"), ("5", "the result of merge is partial")):
            self.assertIn(f"{code} {meaning}", page)

    def test_need_a_date_and_a_command(self):
        for words, message in ((["run"], "--date is missing"), (["frob", "--date", "x"], "no such command: 'frob'")):
            refused = subprocess.run([PROGRAM, "man", *words], check=False, capture_output=True, text=True)
            self.assertEqual(refused.returncode, 2)
            self.assertIn(message, refused.stderr)


if __name__ == "__main__":
    unittest.main()
