"""Tests tools/check_prose.py: finds each kind of fault exactly once where one is planted, and none in sound text."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # the source folder stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_prose  # noqa: E402

WORDS = "word " * 20
LONG_SENTENCE = "A sentence that goes on and on, with one clause after another, and another, and another, and " \
    "another, and another, which is more than one can keep in mind."
SOUND_PAGE = f"""# The page

A paragraph names `behind`, [a file](other.md), [a heading](other.md#two-words) and docs/other.md.
It has two lines, e.g. this one.

| a table may be as wide as it needs | {WORDS} | {WORDS} |
|---|---|---|

```
code may be as wide as it needs {WORDS}{WORDS}, and behind
```

- [a line that is only a link may be long, too](https://example.org/{"long/" * 30})
- This is one. This is two. This is three.
- This is four. This is five. This is six.
"""
SOUND_SOURCE = """// Restores the state. KVM forgets it, so the harness saves it.
#include "behind.hpp"
int behind = 1;  // one of several
int other = 2;   // another one
// As KVM forgets the rest, the harness saves it.
//
//     a drawing --- behind
const char* text = "two pieces of "
                   "a message";
"""
SOUND_SCRIPT = r"""#!/bin/bash
# Prints a word.
echo '# Whether in quotes' "${#word} # \" # behind" $# a#behind
# shellcheck disable=SC2086  # behind
"""
# Sentences that begin with a small letter.
SECOND_SENTENCES = ["gatecrash boots it", "user_start lays it out", "abi.h has it", "iopl(3) would do it", "libFuzzer needs it"]
# Describes a fault to plant: kind, file, text, and the line where it is found.
PLANTED = [
    ("line", "docs/page.md", f"A line, {'long ' * 19} it is.\n", 1),
    ("sentence in pages", "docs/page.md", LONG_SENTENCE.replace(", ", ",\n") + "\n", 1),
    ("sentence in pages", "docs/page.md", f"| a | {LONG_SENTENCE} |\n", 1),
    ("sentence in comments", "code.cpp", "int a;\n// A\n// " + LONG_SENTENCE.replace("on, ", "on,\n// ") + "\n", 2),
    ("sentence in comments", "code.S", f"/* {LONG_SENTENCE} */\n", 1),
    ("paragraph", "docs/page.md", "\n" + "It is so. " * 6 + "\n", 2),
    ("fragment", "code.hpp", "/// What the guest did.\nint a;\n", 1),
    ("fragment", "code.hpp", "int a;  // whether\n\n/// Whether it did. As said.\n", 3),
    ("fragment", "code.S", "nop // Of the handler.\n", 1),
    ("link", "docs/page.md", "See [that](missing.md).\n", 1),
    ("link", "docs/page.md", "See [that](other.md#three-words).\n", 1),
    ("link", "docs/page.md", "See [that](#nowhere).\n", 1),
    ("path", "docs/page.md", "It is in docs/missing.md, or in docs/NAME.md, or in cases/my_case/a.cpp.\n", 1),
    ("path", "docs/page.md", "It is in `missing.md`.\n", 1),
    ("path", "code.cpp", "// See gone.hpp.\n", 1),
    ("is told", "code.cpp", 'print("the worker is "\n      "told that it ends");\n', 2),
    ("behind", "code.cpp", "// Runs behind it. \"no text\"\nint behind;\n", 1),
    ("behind", "code.cpp", 'auto text = R"(a word behind it)";\n', 1),
    ("behind", "meson.build", "x = 'a'  # behind it\n", 1),
    ("behind", "dev", "echo $#\n# It runs\n# behind it.\n", 2),
    ("behind", ".github/ci.yml", "# behind it\n", 1),
    ("behind", "tool.py", "a = '# behind'  # It is behind it.\n", 1),
    ("fragment", "run.sh", "#!/bin/sh\n# What the guest did.\n", 2),
    ("fragment", "tool.py", 'def a():\n    """Whether it did."""\n', 2),
    ("sentence in comments", "tool.py", f'"""Sound text.\n\n{LONG_SENTENCE}\n"""\n', 3),
]
PHRASES = {
    "behind": "It runs behind that.", "is told": "Nobody is told.", "is to be": "A guest is to be saved.",
    "for good": "It is gone for good.", "how-manieth": "The how-manieth it is.",
    "to say": "That is for who asks to say.",
    "for want of": "It ends for want of memory.", "whole of": "It makes a whole of them.",
    "gone on with": "It can be gone on with.", "by whatever": "It ends by whatever cause.",
    "silicon": "It does as silicon does.", "did not get to": "It did not get to that.",
    "but for": "It is equal but for one.", "a way into": "It is a way into the kernel and back.",
    "is had": "It is had there.", "is wanted": "That is wanted.", "whereupon": "Whereupon it ends.",
}


class CheckProse(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.limits = self.root / "limits.json"
        self.limits.write_text("{}")
        self.write("docs/other.md", "# Other\n\n## Two words\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(exist_ok=True)
        (self.root / path).write_text(text)

    def faults(self):
        found = check_prose.Checker(check_prose.Tree(self.root)).check()
        return [(fault.kind, fault.path, fault.line) for fault in found]

    def run_main(self, *arguments):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = check_prose.main(list(arguments), self.root, self.limits)
        return code, printed.getvalue()

    def test_finds_nothing_in_sound_text(self):
        self.write("docs/page.md", SOUND_PAGE)
        self.write("code.cpp", SOUND_SOURCE)
        self.assertEqual(self.faults(), [])

    def test_finds_nothing_in_sound_scripts(self):
        self.write("run.sh", SOUND_SCRIPT)
        self.write("tool.py", '"""Prints `behind`."""\n\nprint("# Whether behind")\n')
        self.assertEqual(self.faults(), [])

    def test_knows_where_sentences_end(self):
        for second in SECOND_SENTENCES:
            with self.subTest(second=second):
                self.assertEqual(len(check_prose.sentences(f"It is long. {second}.")), 2)
        self.write("code.cpp", f"// It is at CPL 0. {'word ' * 20}\n")
        self.assertEqual(self.faults(), [])

    def test_reads_no_indented_code(self):
        self.write("docs/page.md", f"It shows:\n\n    {WORDS}{WORDS} behind\n\n- item\n\n    - behind\n")
        self.assertEqual(self.faults(), [("behind", "docs/page.md", 7)])

    def test_finds_each_planted_fault_once(self):
        for kind, path, text, line in PLANTED:
            with self.subTest(kind=kind, text=text):
                self.write(path, text)
                self.assertEqual(self.faults(), [(kind, path, line)])
                (self.root / path).unlink()

    def test_finds_each_phrase_once(self):
        self.assertEqual(set(PHRASES), set(check_prose.PHRASES))
        for kind, text in PHRASES.items():
            for path, mark in (("docs/page.md", ""), ("code.S", "// ")):
                with self.subTest(kind=kind, path=path):
                    self.write(path, mark + text + "\n")
                    self.assertEqual(self.faults(), [(kind, path, 1)])
                    (self.root / path).unlink()

    def test_plants_every_kind(self):
        planted = {kind for kind, *_ in PLANTED} | set(PHRASES)
        self.assertEqual(planted, set(check_prose.REMEDIES))

    def test_fails_above_a_limit_only(self):
        self.write("code.cpp", "// Runs behind it.\n")
        code, printed = self.run_main()
        self.assertEqual(code, 1)
        self.assertIn("code.cpp:1: behind: ", printed)
        self.assertIn("behind: 1 of at most 0  too many: write 'after'", printed)
        self.limits.write_text('{"behind": 1}')
        self.assertEqual(self.run_main(), (0, "behind: 1 of at most 1\n"))

    def test_update_lowers_limits_and_raises_none(self):
        self.write("code.cpp", "// Runs behind it. Nobody is told. It is told. It is to be.\n")
        self.limits.write_text('{"behind": 5, "is told": 1, "for good": 2}')
        self.assertEqual(self.run_main("--update")[0], 1)
        self.assertEqual(json.loads(self.limits.read_text()), {"behind": 1, "is told": 1})

    def test_list_prints_the_faults_of_a_kind(self):
        self.write("code.cpp", "// Runs behind it. Nobody is told.\n")
        code, printed = self.run_main("--list", "is told")
        self.assertEqual((code, printed.count("\n")), (0, 1))
        self.assertEqual(self.run_main("--list")[1].count("\n"), 2)

    def test_refuses_wrong_usage(self):
        for arguments in (["--wrong"], ["--list", "wrong"], ["--update", "behind"]):
            self.assertEqual(self.run_main(*arguments)[0], 2)


if __name__ == "__main__":
    unittest.main()
