"""Tests tools/check_examples.py: finds each kind of broken example exactly once, and none in sound pages."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # the source folder stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_examples  # noqa: E402
from check_prose import Tree  # noqa: E402

GATECRASH = r"""#!/bin/sh
case $* in
    --help) printf '  run   the job\n  list   cases\n  explore   one\n' ;;
    list) printf 'nested-nmi: Is it?\n\n  flag-only\n      a flag\n' ;;
    'explore --help') printf '  --depth N   how deep\n  -h [ --help ]   this\n' ;;
    'worker --help') echo 'usage: gatecrash worker' ;;
    'run --help') printf '  --json FILE   document\n' ;;
esac
"""
DEV = """
usage: ./dev run [ARG...]   run
       ./dev test [OPTION]  test
           --all            all
"""
SOUND = """# Page

Use `gatecrash worker` or `gatecrash help run`.

Use `gatecrash explore TARGET --depth 2`, `gatecrash COMMAND --help`, `./dev test --all` or `--json FILE`.

```
$ CC=gcc ./dev run --json a.json && build/gatecrash explore 'nested-nmi/flag-only@nmi:a+0x1' --depth=2  # it's
gatecrash run my-case/bad build/a.elf
$ ninja --anything; tests/in-machine.sh
   gatecrash --wrong in a figure
```

```cpp
int alone;
```

```cpp
int cut = ;
...
```

```c
#define taken \\
    from a file
```

```asm
#include <gatecrash/abi.h>
        .quad some_symbol, ONE
```

```
        .globl other
other:
```

```json
{"gatecrash": VERSION}
```
"""
# Text of a page, and what is found: kind and words.
PLANTED = [
    ("Use `gatecrash explore --wrong`.", "command", "gatecrash explore has no option --wrong"),
    ("Use `build/gatecrash wrong`.", "command", "gatecrash has no command wrong"),
    ("Use `gatecrash run\nnested-nmi/wrong`.", "command", "no variant nested-nmi/wrong"),
    ("Use `gatecrash help wrong`.", "command", "gatecrash has no command wrong"),
    ("Use `./dev wrong`.", "command", "./dev has no command wrong"),
    ("Use `./dev test --wrong`.", "command", "./dev has no option --wrong"),
    ("Use `--wrong N`.", "command", "no command has the option --wrong"),
    ("```\n$ gatecrash explore 'a/b\n```", "code", "No closing quotation"),
    ("```sh\n$ tools/wrong.sh\n```", "code", "no file tools/wrong.sh"),
    ("```\n$ gatecrash explore \\\n    --wrong-one\n```", "code", "--wrong-one"),
    ("```\n./dev run --wrong\n```", "code", "gatecrash run has no option --wrong"),
    ("```cpp\nint wrong = ;\n```", "code", "is no excerpt of a file, and does not compile: int wrong = ;"),
    ("```c\n#define taken \\\n    from elsewhere\n```", "code", "is no excerpt"),
    ("```asm\n        .wrong 1\n```", "code", "is no excerpt"),
    ("```\n        .globl wrong\n        wrong wrong\n```", "code", "is no excerpt"),
]


class CheckExamples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "dev").write_text(DEV)
        (self.root / "a.h").write_text("int b;\n#define taken \\\n  from a file\n")
        (self.root / "include" / "gatecrash").mkdir(parents=True)
        (self.root / "include" / "gatecrash" / "abi.h").write_text("#define ONE 1\n")
        (self.root / "tests").mkdir()
        (self.root / "tests" / "in-machine.sh").write_text("")
        self.program = self.root / "gatecrash"
        self.program.write_text(GATECRASH)
        self.program.chmod(0o755)

    def faults(self, page):
        (self.root / "page.md").write_text(page)
        return check_examples.Checker(Tree(self.root), str(self.program)).check()

    def test_finds_nothing_in_sound_pages(self):
        self.assertEqual(self.faults(SOUND), [])

    def test_finds_each_planted_fault_once(self):
        for page, kind, text in PLANTED:
            with self.subTest(page=page):
                faults = self.faults(page + "\n")
                self.assertEqual([(fault.kind, fault.line) for fault in faults], [(kind, 1)])
                self.assertIn(text, faults[0].text)


if __name__ == "__main__":
    unittest.main()
