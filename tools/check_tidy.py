#!/usr/bin/python3
"""Runs clang-tidy, with the settings of .clang-tidy, over the C++ files of a build folder.

usage: check_tidy.py [--list] BUILD

BUILD is a folder that meson configured with -Dunity=on, and that is built: some source files are made by the build. A
library is one file then, so clang parses the large headers once a library. That takes a tenth of the time:
7 to 9 minutes of one CPU for all files, instead of an hour file by file.

GoogleTest's variables GTEST_SHARD_INDEX and GTEST_TOTAL_SHARDS choose a shard, as for the slow tests. Shards have the
files of the program only: those of tests take most of the time, and are checked when there is one shard. `--list`
prints the files of the shard instead.

These checks of .clang-tidy do not run here:
- clang-analyzer-*: it skips the functions of included files, which are all of them in a unity build.
- bugprone-suspicious-include: a unity build includes .cpp files.

Exit codes: 0 if clang-tidy finds nothing, 1 if it does, 2 for wrong usage.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
CHECKS = "-clang-analyzer-*,-bugprone-suspicious-include"
# GCC knows more attributes than clang, and macros of guests contain assembly with `$`.
EXTRA = ["-Wno-unknown-attributes", "-Wno-dollar-in-identifier-extension", "-Wno-unknown-warning-option"]
# Precompiled headers are GCC's.
PRECOMPILED = {"tests.hpp", "cases.hpp"}


def for_clang(command):
    """The arguments of a compiler command, without what only GCC understands."""
    kept = []
    arguments = iter(shlex.split(command))
    for argument in arguments:
        if argument == "-include":
            header = next(arguments)
            if header not in PRECOMPILED:
                kept += [argument, header]
        elif argument not in ("ccache", "-fpch-preprocess", "-Werror"):
            kept.append(argument)
    return ["clang++", *kept[1:], *EXTRA]


def included_files(path):
    """How many files a unity file includes, or 1 for another file: how long clang-tidy takes, roughly."""
    if "-unity" not in path.name or not path.exists():
        return 1
    return path.read_text().count("#include")


def database(build):
    """The compile commands of the C++ files, one for each file: a guest's file is compiled once for each variant."""
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.suffix == ".cpp":
            entries.setdefault(path, {"directory": entry["directory"], "file": str(path),
                                      "arguments": for_clang(entry["command"])})
    return entries


def shard(paths, index, total):
    """Shard `index`, from 0, of `total`: deals the files out, those that take longest first."""
    by_size = sorted(paths, key=lambda path: (-included_files(path), str(path)))
    return by_size[index::total]


def main(arguments):
    only_list = arguments[:1] == ["--list"]
    arguments = arguments[only_list:]
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    entries = database(pathlib.Path(arguments[0]))
    index = int(os.environ.get("GTEST_SHARD_INDEX", 0))
    total = int(os.environ.get("GTEST_TOTAL_SHARDS", 1))
    build = pathlib.Path(arguments[0]).resolve()
    tests = [build / "tests", ROOT / "tests"]
    paths = [path for path in entries if total == 1 or not any(map(path.is_relative_to, tests))]
    files = [str(path) for path in shard(paths, index, total)]
    if only_list:
        print("\n".join(files))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "compile_commands.json").write_text(json.dumps(list(entries.values())))
        command = ["clang-tidy", "-p", folder, f"--config-file={ROOT / '.clang-tidy'}", f"--checks={CHECKS}", "--quiet"]
        ran = subprocess.run(command + files, cwd=ROOT, capture_output=True, text=True, check=False)
    print(ran.stdout, end="")
    if ran.returncode != 0 and "error:" not in ran.stdout:
        print(ran.stderr, file=sys.stderr)
    return 1 if ran.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
