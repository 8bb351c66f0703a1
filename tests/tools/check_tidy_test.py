"""Tests tools/check_tidy.py: which files it takes, with which arguments, and that a fault fails."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True  # the source folder stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_tidy  # noqa: E402


class CheckTidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name).resolve()

    def compile_commands(self, *commands):
        """Makes BUILD/compile_commands.json of (file, command)."""
        entries = [{"directory": str(self.build), "file": file, "command": command} for file, command in commands]
        (self.build / "compile_commands.json").write_text(json.dumps(entries))

    def run_main(self, *arguments, **environment):
        printed = io.StringIO()
        with mock.patch.dict(os.environ, environment), contextlib.redirect_stdout(printed), \
                contextlib.redirect_stderr(printed):
            code = check_tidy.main([*arguments, str(self.build)])
        return code, printed.getvalue()

    def test_leaves_out_what_only_gcc_understands(self):
        command = "ccache c++ -Ia -fpch-preprocess -include tests.hpp -include defects/a.h -Werror '-DA=\"b c\"' -c a.cpp"
        self.assertEqual(check_tidy.for_clang(command),
                         ["clang++", "-Ia", "-include", "defects/a.h", '-DA="b c"', "-c", "a.cpp", *check_tidy.EXTRA])

    def test_takes_each_cpp_file_once(self):
        self.compile_commands(("a.cpp", "c++ -DA a.cpp"), ("a.cpp", "c++ -DB a.cpp"), ("b.S", "cc b.S"))
        entries = check_tidy.database(self.build)
        self.assertEqual([path.name for path in entries], ["a.cpp"])
        self.assertIn("-DA", entries[self.build / "a.cpp"]["arguments"])

    def test_each_file_is_in_one_shard(self):
        names = [f"{name}.cpp" for name in "abcdefg"]
        self.compile_commands(*((name, f"c++ {name}") for name in names))
        lists = [self.run_main("--list", GTEST_SHARD_INDEX=str(index), GTEST_TOTAL_SHARDS="3")[1].split()
                 for index in range(3)]
        self.assertEqual([len(files) for files in lists], [3, 2, 2])
        self.assertEqual(sorted(pathlib.Path(file).name for files in lists for file in files), names)

    def test_tests_are_in_no_shard(self):
        self.compile_commands(("a.cpp", "c++ a.cpp"), ("tests/b.cpp", "c++ tests/b.cpp"))
        self.assertEqual(self.run_main("--list", GTEST_SHARD_INDEX="0", GTEST_TOTAL_SHARDS="1")[1].count("b.cpp"), 1)
        lists = [self.run_main("--list", GTEST_SHARD_INDEX=str(index), GTEST_TOTAL_SHARDS="2")[1] for index in range(2)]
        self.assertEqual("".join(lists).split(), [str(self.build / "a.cpp")])

    def test_a_wrong_name_fails(self):
        whole = {"GTEST_SHARD_INDEX": "0", "GTEST_TOTAL_SHARDS": "1"}
        self.compile_commands(("a.cpp", "c++ -std=c++20 -c a.cpp"))
        (self.build / "a.cpp").write_text("struct Sound {\n    int member;\n};\nint function();\n")
        self.assertEqual(self.run_main(**whole), (0, ""))
        for fault in ("int wrongName();", "struct wrong_name {};", "class Sound {\n    int member;\n};",
                      "int syntax"):
            with self.subTest(fault=fault):
                (self.build / "a.cpp").write_text(fault + "\n")
                code, printed = self.run_main(**whole)
                self.assertEqual((code, printed.count(" error: ")), (1, 1))


if __name__ == "__main__":
    unittest.main()
