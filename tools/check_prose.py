#!/usr/bin/python3
"""Checks the prose of this tree: pages, comments, messages.

usage: check_prose.py [--update | --list [KIND]]

Counts faults by kind. A kind may have as many faults as tools/prose_limits.json says, which is none if it says nothing.
A limit is the figure of an earlier day and may only fall: `--update` lowers limits to the figures of today and raises
none. `--list` prints every fault, or those of one kind.

Exit codes: 0 if no kind exceeds its limit, 1 otherwise, 2 for wrong usage.
"""

import json
import os
import pathlib
import re
import sys
from typing import NamedTuple

sys.dont_write_bytecode = True  # the source folder stays as it is
import prose_text  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIMITS = pathlib.Path(__file__).resolve().with_name("prose_limits.json")
MAX_COLUMNS = 100
MAX_WORDS = 25
MAX_SENTENCES = 5
READERS = {
    **dict.fromkeys((".cpp", ".hpp", ".h", ".S", ".def", ".in"), prose_text.read_source),
    **dict.fromkeys((".sh", ".build", ".yml"), prose_text.read_script),
    ".py": prose_text.read_python,
}
SCRIPTS = {"dev", ".ci/run", "meson_options.txt"}  # of shell or meson, without a suffix that says so
READ_HIDDEN = {".ci", ".github"}

# kind: (pattern, remedy)
PHRASES = {
    "behind": (r"\b(?:behind|in front of)\b", "write 'after' or 'before' for time; 'behind' is for places"),
    "is told": (r"\b(?:is|are|was|were|be|been|being) told\b", "say who says it: 'gatecrash reports'"),
    "is to be": (r"\b(?:is|are|was|were) to be\b", "say who acts, or write 'must'"),
    "for good": (r"\bfor good\b(?! reason)", "write 'permanently', or what cannot be undone"),
    "how-manieth": (r"\bhow.manieth\b", "write 'which occurrence, counting from 1'"),
    "to say": (r"\b(?:for|asks) (?:who\b.{0,20}|whom.{0,20}|you )?to say\b", "say who decides"),
    "for want of": (r"\bfor want of\b", "write 'because there is no'"),
    "whole of": (r"\bwhole of\b", "write 'all of', or 'combine'"),
    "gone on with": (r"\bgone on with\b|\bbroken off\b", "write 'resumes' or 'interrupted'"),
    "by whatever": (r"\bby whatever\b", "name the causes, or leave it out"),
    "silicon": (r"\bas silicon\b|\bhas not as\b", "write 'real hardware'"),
    "did not get to": (r"\bdid not get to\b", "write 'did not reach'"),
    "but for": (r"\bbut for\b(?! (?:a|this|that) reason)", "write 'except'"),
    "a way into": (r"\bways? into? (?:the kernel )?and back\b", "write 'entering and leaving the kernel'"),
    "is had": (r"\b(?:is|are|be) had\b", "say who has it"),
    "is wanted": (r"\bis wanted\b", "say who needs it"),
    "whereupon": (r"\b(?:whereupon|thereupon|whatsoever|therein|thereof)\b", "use two sentences"),
}
PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, (pattern, _) in PHRASES.items()}
REMEDIES = {
    "line": f"Markdown lines have at most {MAX_COLUMNS} columns",
    "sentence in pages": f"sentences have at most {MAX_WORDS} words",
    "sentence in comments": f"sentences have at most {MAX_WORDS} words",
    "paragraph": f"paragraphs have at most {MAX_SENTENCES} sentences",
    "fragment": "begin a comment with a verb or a reason, not with What, Of, As, Whether",
    "link": "links name files and headings that exist",
    "path": "paths name files that exist",
    **{kind: remedy for kind, (_, remedy) in PHRASES.items()},
}

# A sentence begins with a capital, a digit, the name of this program, or a name such as user_start, abi.h,
# corpus/ or iopl(3).
SENTENCE_START = r"\s+[\"'(]?(?:[A-Z0-9#]|gatecrash\b|clang\b|[a-z]+[A-Z]|\w+[_.]\w|\w+[(/])"
SENTENCE_END = re.compile(rf"(?<=[.!?])(?=[)\"']?{SENTENCE_START})|(?<=[.!?][)\"'])(?={SENTENCE_START})")
ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|cf|Vol|vol|No|Sec|sec|Fig|approx)\.$")
FRAGMENT = re.compile(r"(?:What|Whether)\b|(?:Of|As)\b(?!.*,)")
# Files and folders that the readers of a tutorial make.
MADE_BY_READERS = re.compile(r"\b(?:my[-_]|red[-_]zone)")
FOLDERS = "docs|cases|harness|guest|include|tests|tools|examples"
PATH = re.compile(rf"(?<![\w/.<-])((?:(?:{FOLDERS})/[\w./-]*)?[\w-]+\.(?:md|cpp|hpp|S|py|sh|def|lds))\b(?![/\w(])")


class Fault(NamedTuple):
    """A place that breaks a rule."""

    path: str
    line: int
    kind: str
    text: str


def plain(text):
    """Text as words: what is code is one word, and of a link only the words stay."""
    text = re.sub(r"``.*?``|`[^`]*`", "Code", text)
    text = prose_text.LINK.sub(r"\1", text)
    return re.sub(r"(?<!\w)[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}(?!\w)", "", text)


def sentences(text):
    """The sentences of a block."""
    result = [""]
    for piece in SENTENCE_END.split(plain(text)):
        result[-1] += piece
        if not ABBREVIATION.search(piece):
            result.append("")
    return [sentence.strip() for sentence in result if re.search(r"\w", sentence)]


def count_words(sentence):
    return sum(1 for word in sentence.split() if re.search(r"[A-Za-z0-9]", word))


class Tree:
    """The files of a source tree, for looking up what a text names."""

    def __init__(self, root):
        self.root = root
        self.paths = sorted(self.walk())
        self.names = {pathlib.PurePosixPath(path).name for path in self.paths}

    def walk(self):
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name in READ_HIDDEN or not name.startswith((".", "build"))]
            for name in files:
                yield (pathlib.Path(folder) / name).relative_to(self.root).as_posix()

    def read(self, path):
        return (self.root / path).read_text()

    def has(self, path):
        return (self.root / path).exists()

    def has_named(self, named):
        """True if the tree has a file of that path, or of that name if it has no folder. A build makes some of them."""
        candidates = (named, named + ".S", named + ".in")
        if "/" in named:
            return any(self.has(prefix + name) for prefix in ("", "harness/", "include/") for name in candidates)
        return any(name in self.names for name in candidates)


class Checker:
    """Collects the faults of a tree."""

    def __init__(self, tree):
        self.tree = tree
        self.faults = []
        self.pages = {path: prose_text.read_markdown(tree.read(path)) for path in tree.paths if path.endswith(".md")}

    def add(self, path, line, kind, text):
        self.faults.append(Fault(path, line, kind, text))

    def check(self):
        for path, page in self.pages.items():
            self.check_page(path, page)
        for path in self.tree.paths:
            read = prose_text.read_script if path in SCRIPTS else READERS.get(pathlib.PurePosixPath(path).suffix)
            if read:
                self.check_source(path, read(self.tree.read(path)))
        return self.faults

    def check_page(self, path, page):
        for line, text in page.long_candidates:
            if len(text) > MAX_COLUMNS:
                self.add(path, line, "line", f"{len(text)} columns")
        for line, target in page.links:
            self.check_link(path, line, target)
        for block in page.blocks:
            self.check_phrases(path, block)
            self.check_paths(path, block)
            if block.kind != "heading":
                self.check_sentences(path, block, "sentence in pages")
            if block.kind == "paragraph" and len(sentences(block.text)) > MAX_SENTENCES:
                self.add(path, block.line, "paragraph", f"{len(sentences(block.text))} sentences")

    def check_source(self, path, blocks):
        for block in blocks:
            self.check_phrases(path, block)
            if block.kind != "comment":
                continue
            self.check_paths(path, block)
            self.check_sentences(path, block, "sentence in comments")
            first = (sentences(block.text) or [""])[0]
            if FRAGMENT.match(first):
                self.add(path, block.line, "fragment", first)

    def check_sentences(self, path, block, kind):
        for sentence in sentences(block.text):
            if count_words(sentence) > MAX_WORDS:
                self.add(path, block.line, kind, f"{count_words(sentence)} words: {sentence}")

    def check_phrases(self, path, block):
        text = plain(block.text)
        for kind, pattern in PATTERNS.items():
            for match in pattern.finditer(text):
                around = text[max(0, match.start() - 30):match.end() + 30]
                self.add(path, block.line, kind, f".. {around} ..")

    def check_paths(self, path, block):
        """Checks that the files exist that a text names, except links, and files of others that a page names."""
        for match in PATH.finditer(prose_text.LINK.sub(" ", block.text)):
            named = match.group(1)
            nearby = (pathlib.PurePosixPath(path).parent / named).as_posix()
            is_placeholder = re.search(r"[A-Z]{2}", named) or MADE_BY_READERS.search(named)
            is_of_others = path.endswith(".md") and "/" not in named and not named.endswith(".md")
            if not (is_placeholder or is_of_others or self.tree.has_named(named) or self.tree.has(nearby)):
                self.add(path, block.line, "path", f"no file {named}")

    def check_link(self, path, line, target):
        if re.match(r"[a-z]+:", target):
            return
        name, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not self.tree.has(file):
            self.add(path, line, "link", f"no file {target}")
        elif anchor and file in self.pages and anchor not in self.pages[file].anchors:
            self.add(path, line, "link", f"no heading {target}")


def figures(faults):
    """The number of faults of each kind that has any."""
    kinds = [fault.kind for fault in faults]
    return {kind: kinds.count(kind) for kind in REMEDIES if kind in kinds}


def lowered(limits, now):
    """The limits, each lowered to the figure of now."""
    return {kind: min(limit, now.get(kind, 0)) for kind, limit in limits.items() if now.get(kind, 0) > 0}


def print_faults(faults, kind):
    for fault in faults:
        if fault.kind == kind:
            print(f"{fault.path}:{fault.line}: {fault.kind}: {fault.text}")


def main(arguments, root=ROOT, limits_path=LIMITS):
    """Runs the command."""
    mode = arguments[0] if arguments else ""
    kinds = arguments[1:] or list(REMEDIES)
    if mode not in ("", "--update", "--list") or len(arguments) > 1 + (mode == "--list") or kinds[0] not in REMEDIES:
        print(__doc__, file=sys.stderr)
        return 2
    faults = Checker(Tree(root)).check()
    now = figures(faults)
    if mode == "--list":
        for kind in kinds:
            print_faults(faults, kind)
        return 0
    limits = json.loads(limits_path.read_text())
    if mode == "--update":
        limits = lowered(limits, now)
        limits_path.write_text(json.dumps(limits, indent=4) + "\n")
    over = [kind for kind in now if now[kind] > limits.get(kind, 0)]
    for kind in over:
        print_faults(faults, kind)
    for kind in REMEDIES:
        if kind in now or kind in limits:
            remark = f"  too many: {REMEDIES[kind]}" if kind in over else ""
            print(f"{kind}: {now.get(kind, 0)} of at most {limits.get(kind, 0)}{remark}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
