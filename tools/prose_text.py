"""Finds the prose in a file: the paragraphs of Markdown, and the comments and messages of source code."""

import ast
import io
import re
import tokenize
from typing import NamedTuple


class Block(NamedTuple):
    """A paragraph, an item of a list, a cell of a table, a comment or a message."""

    line: int  # of its first word, from 1
    kind: str  # "heading", "paragraph", "cell", "comment" or "message"
    text: str


class Markdown(NamedTuple):
    """The parts of a page."""

    blocks: list  # of Block
    long_candidates: list  # (line, text): lines whose length counts
    links: list  # (line, target)
    anchors: set  # what a link can name after '#'
    code: list  # (line, language, list of lines): what stands between fences


LINK = re.compile(r"!?\[([^\]]*)\]\(([^()\s]+)\)")
LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+")
INDENTED_CODE = re.compile(r" {4,}\S")  # after an empty line
FENCE = re.compile(r"\s*(?:```|~~~)(.*)$")


def slug(heading):
    """The anchor that a heading gets on GitHub."""
    text = LINK.sub(r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def cells(row):
    """The cells of a row of a table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


class MarkdownReader:
    """Reads a page line by line."""

    def __init__(self):
        self.page = Markdown([], [], [], set(), [])
        self.paragraph = []  # lines of the block that is being read
        self.first_line = 0

    def finish_paragraph(self):
        if self.paragraph:
            self.page.blocks.append(Block(self.first_line, "paragraph", " ".join(self.paragraph)))
        self.paragraph = []

    def add_heading(self, number, text):
        self.finish_paragraph()
        self.page.blocks.append(Block(number, "heading", text))
        anchor = slug(text)
        count = sum(1 for known in self.page.anchors if re.fullmatch(re.escape(anchor) + r"(-\d+)?", known))
        self.page.anchors.add(f"{anchor}-{count}" if count else anchor)

    def add_text(self, number, line):
        if LIST_ITEM.match(line):
            self.finish_paragraph()
            line = LIST_ITEM.sub("", line, count=1)
        if not self.paragraph:
            self.first_line = number
        self.paragraph.append(line.strip())

    def add(self, number, line):
        """Takes a line that is not code."""
        without_code = re.sub(r"`[^`]*`", "``", line)
        self.page.links.extend((number, match.group(2)) for match in LINK.finditer(without_code))
        self.page.anchors.update(re.findall(r'<a (?:id|name)="([^"]+)"', line))
        is_table = line.lstrip().startswith("|")
        is_only_link = re.fullmatch(r"\s*(?:[-*+]\s+)?(?:\S*\[[^\]]*\]\(\S*|\[[^\]]+\]:\s*\S+|<?https?://\S+)\s*", line)
        if not is_table and not is_only_link:
            self.page.long_candidates.append((number, line))
        heading = re.match(r"#{1,6}\s+(.*)", line)
        if heading:
            self.add_heading(number, heading.group(1))
        elif is_table:
            self.finish_paragraph()
            self.page.blocks.extend(Block(number, "cell", cell) for cell in cells(line) if re.search(r"\w", cell))
        elif not line.strip() or re.fullmatch(r"\s*(?:-{3,}|<[^>]*>)\s*", line):
            self.finish_paragraph()
        else:
            self.add_text(number, line)


def read_markdown(content):
    """Reads a page."""
    reader = MarkdownReader()
    is_code = False
    for number, line in enumerate(content.splitlines(), 1):
        fence = FENCE.match(line)
        if fence:
            reader.finish_paragraph()
            is_code = not is_code
            if is_code:
                reader.page.code.append((number, fence.group(1).strip(), []))
        elif is_code:
            reader.page.code[-1][2].append(line)
        elif not reader.paragraph and INDENTED_CODE.match(line) and not LIST_ITEM.match(line):
            continue
        else:
            reader.add(number, line)
    reader.finish_paragraph()
    return reader.page


# A comment, a raw string, a string or a character of C++; assembly for GCC's preprocessor has the same.
TOKEN = re.compile(
    r'//(?P<line>[^\n]*)|/\*(?P<block>.*?)\*/|R"(?P<mark>\w*)\((?P<raw>.*?)\)(?P=mark)"'
    r"""|"(?P<string>(?:[^"\\\n]|\\.)*)"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'""", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(?:include|error)[^\n]*", re.MULTILINE)


def is_drawing(line):
    """True if a line of a comment is a part of a figure or a table."""
    return bool(re.match(r"\s{4,}\S", line) or re.search(r"--{2,}|\s\|\s|={3,}|\w {3,}\w", line))


class SourceReader:
    """Joins the lines of a comment, and the pieces of a message."""

    def __init__(self):
        self.blocks = []
        self.lines = []
        self.first_line = 0
        self.next_line = 0  # where a comment would go on

    def finish_comment(self):
        if self.lines:
            self.blocks.append(Block(self.first_line, "comment", " ".join(self.lines)))
        self.lines = []

    def add_comment_line(self, number, text):
        """Takes a line of a comment, without the mark that begins it."""
        text = text.lstrip("/!<*").rstrip()
        if number != self.next_line or not text.strip() or is_drawing(text) or LIST_ITEM.match(text):
            self.finish_comment()
        self.next_line = number + 1
        if not text.strip() or is_drawing(text):
            return
        if not self.lines:
            self.first_line = number
        item = LIST_ITEM.match(text)
        self.lines.append(text[item.end() if item else 0:].strip())

    def add_comment_after_code(self, number, text):
        """Takes a comment that follows code on its line."""
        self.finish_comment()
        self.add_comment_line(number, text)
        self.finish_comment()

    def add_string(self, number, text, is_continued):
        text = text.replace("\\n", " ").replace('\\"', '"')
        if is_continued:
            text = self.blocks.pop().text + text
        self.blocks.append(Block(number, "message", text))


def read_source(content):
    """Returns the comments and the messages of C++ or assembly as a list of Block."""
    content = DIRECTIVE.sub("", content)
    reader = SourceReader()
    end_of_string = None
    for match in TOKEN.finditer(content):
        number = content.count("\n", 0, match.start()) + 1
        if match.group("line") is not None:
            before = content[content.rfind("\n", 0, match.start()) + 1:match.start()]
            add = reader.add_comment_after_code if before.strip() else reader.add_comment_line
            add(number, match.group("line"))
        elif match.group("block") is not None:
            reader.finish_comment()
            for index, line in enumerate(match.group("block").split("\n")):
                reader.add_comment_line(number + index, re.sub(r"^\s*\* ?|\\$", "", line))
        else:
            text = match.group("raw") if match.group("raw") is not None else match.group("string")
            if text is not None and re.search(r"[A-Za-z] ", text):
                is_continued = end_of_string is not None and not content[end_of_string:match.start()].strip()
                reader.finish_comment()
                reader.add_string(number, text, is_continued)
                end_of_string = match.end()
    reader.finish_comment()
    return reader.blocks


FOR_TOOLS = re.compile(r"!|\s*(?:shellcheck|noqa)\b")  # the first line of a script, and settings of checkers


def start_of_comment(line):
    """The place of the # that begins a comment of a shell script. It is -1 if there is none."""
    quote = ""
    for place, character in enumerate(line):
        if quote:
            is_escaped = quote == '"' and line[place - 1] == "\\"
            if character == quote and not is_escaped:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == "#" and (place == 0 or line[place - 1].isspace()):
            return place
    return -1


def read_script(content):
    """Returns the comments of a shell script, a meson.build file or a YAML file as a list of Block."""
    reader = SourceReader()
    for number, line in enumerate(content.splitlines(), 1):
        start = start_of_comment(line)
        if start < 0 or FOR_TOOLS.match(line[start + 1:]):
            continue
        add = reader.add_comment_after_code if line[:start].strip() else reader.add_comment_line
        add(number, line[start + 1:])
    reader.finish_comment()
    return reader.blocks


def read_python(content):
    """Returns the comments and the docstrings of a Python program as a list of Block."""
    reader = SourceReader()
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type != tokenize.COMMENT or FOR_TOOLS.match(token.string[1:]):
            continue
        add = reader.add_comment_after_code if token.line[:token.start[1]].strip() else reader.add_comment_line
        add(token.start[0], token.string[1:])
    reader.finish_comment()
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            for index, line in enumerate(ast.get_docstring(node).splitlines()):
                reader.add_comment_line(node.body[0].lineno + index, line)
            reader.finish_comment()
    return sorted(reader.blocks)
