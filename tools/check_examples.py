#!/usr/bin/python3
"""Checks the code and the commands that pages show.

usage: check_examples.py GATECRASH

GATECRASH is the program; its --help says which options it has. In every page:
- C++ is an excerpt of a file of this tree, or compiles: alone, or in a function that CONTEXTS gives it.
- C is an excerpt, and assembly is one or can be assembled.
- Code with a line `...` is not checked: it leaves out too much.
- A command line can be parsed. Each `gatecrash` and `./dev` has that command and those options. Each variant exists, and
  each script of this tree.
- Each option that text names is one of gatecrash or of ./dev.
Capitals stand for what the reader fills in, as in `gatecrash explore TARGET`.

Exit codes: 0 if all is well, 1 if not, 2 for wrong usage.
"""

import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the source folder stays as it is
import prose_text  # noqa: E402
from check_prose import MADE_BY_READERS, Fault, Tree  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Before and after code that does not compile alone.
CONTEXTS = [
    ("", ""),
    ("#include <gatecrash/gatecrash.hpp>\nusing namespace gatecrash;\nvoid show(GuestCode& code) {\n", "\n}\n"),
    ('#include "qualify/recording_code.hpp"\nnamespace gatecrash::qualify {\nAnswer show(Bench& bench) {\n', "\n}\n}\n"),
]
COMPILE = ["g++", "-std=c++20", "-fsyntax-only", "-I", "include", "-I", "harness", "-I", ".", "-x", "c++"]
ASSEMBLE = ["gcc", "-c", "-o", "/dev/null", "-x", "assembler-with-cpp"]
SHELLS = ("", "sh", "bash", "shell", "console", "text")
PROGRAM = r"(?:\./dev|(?:build/)?gatecrash)"
ASSEMBLY = re.compile(r"^\s+\.(?:globl|quad|long|byte|section|text|balign|weak)\b", re.MULTILINE)
# Options of other programs that pages name.
OTHER_OPTIONS = {"--destdir", "--stdin"}


class Program:
    """The help of a program: its commands and options."""

    def __init__(self, command):
        self.command = command
        self.options = {}  # by command

    def help_of(self, *arguments):
        ran = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False, timeout=60)
        return ran.stdout

    def options_of(self, *arguments):
        """The options that the help of a command names at the beginning of a line."""
        if arguments not in self.options:
            found = re.findall(r"^ +(?:(-\w) \[ )?(--[\w-]+)", self.help_of(*arguments), re.MULTILINE)
            self.options[arguments] = {name for pair in found for name in pair if name}
        return self.options[arguments]


def without_space(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


class Checker:
    """Collects the faults of a tree."""

    def __init__(self, tree, gatecrash):
        self.tree = tree
        self.faults = []
        self.gatecrash = Program([gatecrash])
        self.commands = set(re.findall(r"^  ([a-z]+) ", self.gatecrash.help_of("--help"), re.MULTILINE))
        self.all_options = set.union(set(), *(self.gatecrash.options_of(name, "--help") for name in self.commands))
        self.variants = self.read_variants()
        dev = (tree.root / "dev").read_text()
        self.dev_commands = set(re.findall(r"\./dev ([a-z]+)", dev))
        self.dev_options = set(re.findall(r"^ {11}(--[a-z]+)", dev, re.MULTILINE))
        self.sources = None

    def read_variants(self):
        """The names of the variants of each case, and of the workloads of `linux`."""
        variants = {}
        init = self.tree.root / "guest" / "linux" / "init.c"
        if init.exists():
            variants["linux"] = set(re.findall(r'^ +\{"([a-z0-9-]+)", ', init.read_text(), re.MULTILINE))
        for line in self.gatecrash.help_of("list").splitlines():
            case = re.match(r"([a-z0-9-]+): ", line)
            variant = re.match(r"  ([a-z0-9-]+)$", line)
            if case:
                current = variants.setdefault(case.group(1), set())
            elif variant and variants:
                current.add(variant.group(1))
        return variants

    def check(self):
        for path in self.tree.paths:
            if path.endswith(".md"):
                page = prose_text.read_markdown(self.tree.read(path))
                for line, language, code in page.code:
                    for fault in self.faults_of_code(language, code):
                        self.faults.append(Fault(path, line, "code", fault))
                for block in page.blocks:
                    found = [self.faults_of_span(span) for span in re.findall(r"`([^`]+)`", block.text)]
                    self.faults += [Fault(path, block.line, "command", fault) for faults in found for fault in faults]
        return self.faults

    def faults_of_code(self, language, lines):
        text = "\n".join(lines) + "\n"
        is_assembly = language in ("asm", "S", "gas") or (not language and ASSEMBLY.search(text))
        is_cut = any(line.strip() in ("...", "// ...", "/* ... */") for line in lines)
        if is_cut and language:
            return []
        if language in ("c", "cpp", "c++") or is_assembly:
            if self.is_excerpt(text) or (is_assembly and self.assembles(text)):
                return []
            if language != "c" and not is_assembly:
                if any(self.passes(COMPILE, before + text + after) for before, after in CONTEXTS):
                    return []
            return [f"is no excerpt of a file, and does not compile: {lines[0] if lines else ''}"]
        if language not in SHELLS:
            return []
        faults = []
        for line in text.replace("\\\n", " ").splitlines():
            command = re.match(rf"\$ (.*)|({PROGRAM} .*)", line)
            # Figures name programs, too.
            if command and not re.search(r" {2,}[a-z]+ {2,}| / ", line.split("#")[0]):
                faults += self.faults_of_command(command.group(1) or command.group(2))
        return faults

    def faults_of_span(self, span):
        if re.match(rf"{PROGRAM} ", span):
            return self.faults_of_command(span.replace("\\|", "|"))
        option = re.match(r"--[a-z][a-z-]*", span)
        if option and option.group() not in self.all_options | self.dev_options | OTHER_OPTIONS:
            return [f"no command has the option {option.group()}"]
        return []

    def is_excerpt(self, text):
        """Returns whether a file has the same lines one after the other, without a look at white space."""
        if self.sources is None:
            paths = (path for path in self.tree.paths if re.search(r"\.(c|cpp|hpp|h|S)$", path))
            self.sources = ["\n".join(without_space(self.tree.read(path))) + "\n" for path in paths]
        excerpt = "\n".join(without_space(text)) + "\n"
        return any(excerpt in source for source in self.sources)

    def assembles(self, text):
        """Returns whether the assembler takes a text that may include the headers of the installed SDK."""
        with tempfile.TemporaryDirectory() as folder:
            installed = pathlib.Path(folder) / "gatecrash"
            installed.mkdir()
            for header in [*self.tree.root.glob("include/gatecrash/*.h"), *self.tree.root.glob("guest/*.h")]:
                (installed / header.name).symlink_to(header)
            return self.passes([*ASSEMBLE, "-I", folder, "-I", str(installed)], text)

    def passes(self, compiler, text):
        """Returns whether a compiler takes a text."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(text)
            file.flush()
            ran = subprocess.run([*compiler, file.name], cwd=self.tree.root, capture_output=True, check=False)
        return ran.returncode == 0

    def faults_of_command(self, line):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            return [f"{line}: {error}"]
        faults = []
        command = []
        for word in [*words, "&&"]:
            if word in ("&&", "|", ";", "||"):
                faults += [f"{line}: {fault}" for fault in self.faults_of_words(command)]
                command = []
            elif command or not re.match(r"[A-Z_]+=", word):
                command.append(word)
        return faults

    def faults_of_words(self, words):
        if not words:
            return []
        program, arguments = words[0], words[1:]
        name = arguments[0] if arguments else "--help"
        options = {word.split("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
        if program == "./dev":
            if name not in self.dev_commands | {"help", "-h", "--help"}:
                return [f"./dev has no command {name}"]
            if name != "run":
                return [f"./dev has no option {option}" for option in options - self.dev_options]
            name = "run"
        elif pathlib.PurePosixPath(program).name != "gatecrash":
            is_script = re.match(r"(?:\./)?(?:tools|tests)/", program)
            return [f"no file {program}"] if is_script and not self.tree.has(program) else []
        if name == "help" and len(arguments) > 1:
            name = arguments[1]
        if name in ("--help", "--version", "-h", "help") or re.fullmatch(r"[A-Z]+", name):
            return []
        # The help leaves out what only gatecrash itself calls.
        if name not in self.commands and not self.gatecrash.help_of(name, "--help").startswith("usage:"):
            return [f"gatecrash has no command {name}"]
        unknown = options - self.gatecrash.options_of(name, "--help")
        faults = [f"gatecrash {name} has no option {option}" for option in sorted(unknown)]
        return faults + self.faults_of_targets(arguments)

    def faults_of_targets(self, arguments):
        """Checks CASE/VARIANT."""
        faults = []
        for word in arguments:
            target = re.fullmatch(r"([a-z0-9-]+)/([a-z0-9-]+)(?:@.*)?", word)
            if target and not MADE_BY_READERS.match(word):
                if target.group(2) not in self.variants.get(target.group(1), set()):
                    faults.append(f"no variant {target.group(1)}/{target.group(2)}")
        return faults


def main(arguments, root=ROOT):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    faults = Checker(Tree(root), arguments[0]).check()
    for fault in faults:
        print(f"{fault.path}:{fault.line}: {fault.kind}: {fault.text}")
    print(f"{len(faults)} examples with a fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
