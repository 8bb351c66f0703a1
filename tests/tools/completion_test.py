"""Tests completion in bash and zsh: types command lines in a terminal, and reads what the shell makes of them.

usage: completion_test.py GATECRASH
"""

import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ROOT / "harness" / "cli" / "completion"
PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
PATIENCE = 60  # seconds
# Both shells ask for one more line when they list candidates, and mark the end of a listing with their prompt.
PROMPT = "ready> "


class Shell:
    """A shell in a terminal of its own, with completion for gatecrash."""

    def __init__(self, folder, arguments, commands):
        environment = {"PATH": f"{PROGRAM.parent}:/usr/bin:/bin", "TERM": "dumb", "HOME": folder, "LC_ALL": "C.UTF-8",
                       "COLUMNS": "200"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(arguments[0], arguments, environment)
        self.output = ""
        for command in commands:
            self.send(command + "\n")
        self.send("PS1='rea''dy> '\n")
        self.wait_for(PROMPT)

    def send(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, text):
        """Reads until the output contains `text`."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.output:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise AssertionError(f"no {text!r} in {self.output!r}")
            self.output += os.read(self.terminal, 65536).decode(errors="replace")

    def complete(self, line, keys="\t", shown=()):
        """Types `line` and `keys`, and waits for all texts of `shown`. Returns the words that a command of the line gets.
        """
        self.output = ""
        self.send(f"gatecrash {line}{keys}")
        for text in shown:
            self.wait_for(text)
        # The shell runs `show` with the words of the line, which it has completed by then.
        self.send("\x01show \n")  # Ctrl-A: to the beginning of the line
        self.wait_for("end.")
        words = re.search(r"begin:(.*?):end\.", self.output, re.DOTALL).group(1)
        self.wait_for(PROMPT)
        return words

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


SHOW = """show() { shift; local IFS='|'; printf 'beg''in:%s:en''d.\\n' "$*"; }"""


class Completion:
    """The tests of every shell."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        (pathlib.Path(self.folder.name) / "guest file.elf").touch()
        (pathlib.Path(self.folder.name) / "project").mkdir()
        self.shell = self.start(self.folder.name)

    def tearDown(self):
        self.shell.close()
        self.folder.cleanup()

    def test_completes_what_is_typed(self):
        for typed, completed in (
                ("expla", "explain"),
                ("help repl", "help|replay"),
                ("run --max", "run|--max-findings"),
                ("run --machine in", "run|--machine|intel"),
                ("run --machine=in", "run|--machine=intel"),
                ("kernel --steppe", "kernel|--stepper"),
                ("linux --events nmi,d", "linux|--events|nmi,db"),
                ("run nested-nmi/flag-o", "run|nested-nmi/flag-only"),
                ("replay nested-nmi/flag-o", "replay|nested-nmi/flag-only@"),
                ("explore gue", "explore|guest file.elf"),
                ("merge --json gue", "merge|--json|guest file.elf"),
                ("new pro", "new|project"),
                ("bench syscall-i", "bench|syscall-iret"),
                ("list no-such", "list|no-such"),
                ("worke", "worke"),
        ):
            with self.subTest(typed):
                # zsh takes the slash after a folder away again.
                self.assertEqual(self.shell.complete(typed).rstrip("/"), completed)

    def test_lists_what_fits(self):
        self.shell.complete("explain I1", "\t\t", ["I10", "I16"])
        self.assertNotIn("I2", self.shell.output)


class Bash(Completion, unittest.TestCase):
    def start(self, folder):
        return Shell(folder, ["/bin/bash", "--norc", "--noprofile", "-i"],
                     [f"source {FILES}/gatecrash.bash", "bind 'set enable-bracketed-paste off'", SHOW])

    def test_fills_the_variable_that_bash_reads(self):
        script = f"source {FILES}/gatecrash.bash; COMP_WORDS=({PROGRAM} run --machine = a); COMP_CWORD=4; _gatecrash; " \
                 "printf '%s\\n' \"${COMPREPLY[@]}\""
        found = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
        self.assertEqual(found.stderr, "")
        self.assertLessEqual({"auto", "amd", "all"}, set(found.stdout.split()))
        self.assertNotIn("intel", found.stdout)


class Zsh(Completion, unittest.TestCase):
    def start(self, folder):
        return Shell(folder, ["/bin/zsh", "-f", "-i"],
                     [f"fpath=({FILES} $fpath)", "autoload -Uz compinit && compinit -D -u", "setopt no_always_last_prompt",
                      "bindkey -e", SHOW])

    def test_has_no_wrong_syntax(self):
        subprocess.run(["zsh", "-n", FILES / "_gatecrash"], check=True)

    def test_describes_options(self):
        self.shell.complete("run --s", "\t\t", ["sweep part I of N", "how to step"])


if __name__ == "__main__":
    unittest.main()
