"""What the rules of the house look for in the lines of a file: overlong ones, and paths of the project."""

import fnmatch
import io
import re
import tokenize

import cpp_source

COLUMNS = 120  # as .clang-format has it

_OURS = r"(?:proto|engine|distributed|launch|cluster-configs|tests|bench)"
_PATH = re.compile(rf"(?<![\w/.$}}@<-]){_OURS}/[\w./*-]*")
_MADE = re.compile(r"proto/\w+\.pb\.h|bench/results\.md|bench/bench_\w+")  # by a build or by a script


def is_python(path, text):
    return path.endswith(".py") or text.startswith("#!/usr/bin/env python3")


def overlong(path, text):
    """Numbers of lines that are too long. Of Python comments and texts in triple quotes alone; prose of .md, data and
    raw strings of C++ may be as long as they like, and so may a line with a URL."""
    if path.endswith((".md", ".json", ".svg")):
        return []
    lines = text.split("\n")
    found = {number for number, line in enumerate(lines, 1) if len(line) > COLUMNS and "://" not in line}
    if found and is_python(path, text):
        prose = set()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT or token.string.startswith('"""'):
                prose |= set(range(token.start[0], token.end[0] + 1))
        found &= prose
    elif found and path.endswith((".h", ".cpp", ".inl")):
        for number, literal in cpp_source.literals(text):
            if 'R"' in literal:
                found -= set(range(number, number + literal.count("\n") + 1))
    return sorted(found)


def missing_paths(path, text, known):
    """[(line number, path)] of what looks like a path of the project and is none of `known`: in comments, in prose and
    in messages. What stands for several (`*`) has to fit one. A path that a program puts together counts as missing:
    nobody can look for it."""
    found = []
    for match in _PATH.finditer(text):
        name = match[0].rstrip("./-")
        several = text.startswith("{", match.end())
        if several and path.endswith(".md"):
            continue
        there = name in known or _MADE.fullmatch(name) or ("*" in name and fnmatch.filter(known, name))
        if several or not there:
            found.append((text.count("\n", 0, match.start()) + 1, match[0] + "{" if several else name))
    return found
