"""Reads C++ just well enough to measure it: comments and literals removed, functions found by their braces."""

import re

# What has to be skipped before braces can be counted. Raw strings first: they may hold anything.
_NOISE = re.compile(
    r'(?P<raw>\b(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")'
    r"|(?P<comment>//(?:[^\\\n]|\\.)*|/\*.*?\*/)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?<![0-9A-Za-z_])(?P<char>(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+')",
    re.S)
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\\\n]|\\.)*", re.M | re.S)
_TEMPLATE = re.compile(r"\btemplate\s*<[^{};]*?>\s*(?=class|struct|union|enum|inline|constexpr|auto|[\w:\[])")
_SCOPE = re.compile(r"\b(?:namespace|extern)\b|^(?:\[\[[^\]]*\]\]\s*|typedef\s+)*(?:class|struct|union|enum)\b")


def _blank(match):
    """The same number of lines and no braces."""
    text = match[0]
    keep = '""' if match.lastgroup in ("raw", "tag", "string") else " "
    return keep + "\n" * text.count("\n")


def strip(text):
    """`text` without comments, literals and preprocessor lines; line numbers stay."""
    text = _NOISE.sub(_blank, text)
    return _PREPROCESSOR.sub(lambda match: "\n" * match[0].count("\n"), text)


def literals(text):
    """[(line number, text)] of the strings and characters outside comments."""
    return [(text.count("\n", 0, match.start()) + 1, match[0]) for match in _NOISE.finditer(text)
            if match.lastgroup != "comment"]


def includes(text):
    """[(line number, path, is_system)] of the #include lines outside comments."""
    found = []
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', text, re.M):
        found.append((text.count("\n", 0, match.start()) + 1, match[2], match[1] == "<"))
    return found


def functions(text):
    """[(first line, number of lines, words before the brace)] of every function and lambda outside a function."""
    code = strip(text)
    found = []
    scopes = []       # for each open brace: True if it is a namespace or a class, whose insides hold functions
    header_start = 0  # where the words before the next brace begin
    for match in re.finditer(r"[{};]", code):
        position = match.start()
        outside_functions = all(scopes_entry is True for scopes_entry in scopes)
        if match[0] == "{":
            header = code[header_start:position].strip()
            bare = re.sub(r"^\s*(?:public|private|protected)\s*:\s*", "", _TEMPLATE.sub("", header)).strip()
            if not outside_functions:
                scopes.append(None)
            elif _SCOPE.search(bare):
                scopes.append(True)
            elif "(" in bare:
                first = code.count("\n", 0, header_start + len(code[header_start:position]) -
                                   len(code[header_start:position].lstrip())) + 1
                scopes.append((first, bare))
            else:
                scopes.append(None)
        elif match[0] == "}" and scopes:
            opened = scopes.pop()
            if isinstance(opened, tuple):
                last = code.count("\n", 0, position) + 1
                found.append((opened[0], last - opened[0] + 1, " ".join(opened[1].split())))
        header_start = match.end()
    return found
