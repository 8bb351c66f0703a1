"""Tests examples/parallel: the merge of its shards is the whole sweep, also if one of them was killed.

usage: parallel_test.py GATECRASH
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
SWEEP = ROOT / "examples" / "parallel" / "sweep.sh"
WORDS = ["nested-nmi/flag-only", "--machine", "amd"]
# Kills itself in place of shard 2, once.
KILLED_ONCE = f"""#!/bin/bash
if [[ $* == *--shard\\ 2/2* && ! -e $TALLY ]]; then
    : >"$TALLY"
    kill -KILL $$
fi
exec {PROGRAM} "$@"
"""


class Parallel(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        (self.folder / "bin").mkdir()
        program = self.folder / "bin" / "gatecrash"
        program.write_text(KILLED_ONCE)
        program.chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": self.temporary.name,
                            "TALLY": str(self.folder / "tally")}

    def run_program(self, *command):
        return subprocess.run([str(word) for word in command], env=self.environment, check=False, capture_output=True,
                              text=True, timeout=600)

    def results(self, path):
        document = json.loads(path.read_text())
        for result in document["results"]:
            del result["seconds"], result["spent"]
        return document

    def test_completes_what_was_killed(self):
        whole = self.folder / "whole.json"
        self.assertEqual(self.run_program(PROGRAM, "explore", *WORDS, "--json", whole).returncode, 1)

        shared = self.folder / "a folder"
        sweep = [SWEEP, 2, 2, shared, "explore", *WORDS]
        first = self.run_program(*sweep)
        self.assertEqual(first.returncode, 5, first.stderr)
        self.assertIn("  2/2 has no FILE:\n", first.stderr)
        second = self.run_program(*sweep)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertEqual(self.results(shared / "merged.json"), self.results(whole))

    def test_says_how_to_use_it(self):
        for words in ([2], [1, 2, self.folder, "run"]):
            wrong = self.run_program(SWEEP, *words)
            self.assertEqual(wrong.returncode, 2)
            self.assertIn("usage: sweep.sh N SLOTS FOLDER COMMAND", wrong.stderr)


if __name__ == "__main__":
    unittest.main()
