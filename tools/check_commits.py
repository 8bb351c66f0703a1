#!/usr/bin/python3
"""Checks the subjects of commits: `area: imperative summary`, at most 72 columns.

usage: check_commits.py [BASE]

Checks the commits after BASE up to HEAD, except merges. Where git does not have BASE, as in a shallow clone or without
git, there is nothing to check.

Exit codes: 0 if all subjects are sound, 1 if one is not, 2 for wrong usage, 77 if there is nothing to check.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
# The last commit before this rule was checked.
BASE = "9361f3e"
MAX_COLUMNS = 72
SKIPPED = 77  # meson counts a test that ends so as skipped

AREA = re.compile(r"[a-z.][\w./-]*(?:, [a-z.][\w./-]*)*: ")
# Words that end like a past or a progressive form, and are neither.
NO_FORMS = {"bring", "embed", "exceed", "feed", "need", "proceed", "ring", "seed", "shed", "speed", "string"}
THIRD_PERSON = {"adds", "changes", "checks", "fixes", "makes", "mends", "moves", "removes", "renames", "says", "uses"}


def fault(subject):
    """Returns what is wrong with a subject, or "" if nothing is."""
    if len(subject) > MAX_COLUMNS:
        return f"{len(subject)} columns, of at most {MAX_COLUMNS}"
    area = AREA.match(subject)
    if not area:
        return "does not begin with 'area: '"
    summary = subject[area.end():]
    word = re.match(r"[a-z]*", summary).group()
    if not word:
        return "the summary does not begin with a verb in lower case"
    if word in THIRD_PERSON or (word not in NO_FORMS and re.search(r"(?:ed|ing)$", word)):
        return f"'{word}' is no imperative"
    if summary.endswith("."):
        return "ends with a full stop"
    return ""


def git(*arguments):
    """The output of a git command, or None if it fails."""
    try:
        ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return ran.stdout if ran.returncode == 0 else None


def main(arguments):
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(__doc__, file=sys.stderr)
        return 2
    base = arguments[0] if arguments else BASE
    if git("cat-file", "-e", base + "^{commit}") is None:
        print(f"git does not have {base}: nothing to check")
        return SKIPPED
    log = git("log", "--no-merges", "--format=%h %s", f"{base}..HEAD").splitlines()
    bad = 0
    for commit, subject in (line.split(" ", 1) for line in log):
        if fault(subject):
            print(f"{commit} {subject}: {fault(subject)}")
            bad += 1
    print(f"{len(log)} commits since {base}, {bad} with a bad subject")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
