"""The rules that need a tool: every header compiles alone, clang-format, clang-tidy with the list of .clang-tidy.

The environment variable GEMRING_BUILD_DIR names a configured and built build directory (compile_commands.json).
"""

import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import cpp_source
import project

WORKERS = max(1, os.cpu_count() or 1)
FILES_AT_ONCE = 60  # clang-tidy looks at so many as at one: most of its time is the headers that they share


def compile_commands():
    """({path from the root: its command's words} of every file of ours that the build compiles, whether each alone)."""
    build = os.environ.get("GEMRING_BUILD_DIR", os.path.join(project.ROOT, "build", "release"))
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    found = {}
    alone = True
    for entry in entries:
        files = files_of(os.path.join(entry["directory"], entry["file"]))
        alone = alone and len(files) == 1
        for file in files:
            path = os.path.relpath(file, project.ROOT)
            if not path.startswith(("..", "build/")):
                found[path] = shlex.split(entry["command"])
    return found, alone


def files_of(file):
    """The file, or those that CMake compiles as this one."""
    if not os.path.basename(file).startswith("unity_"):
        return [file]
    with open(file, encoding="utf-8") as unity:
        return re.findall(r'^#include "(.*)"', unity.read(), re.MULTILINE)


def flags_of(words):
    """The flags of a compile command that matter to its headers: include directories, definitions, instruction sets."""
    kept = []
    for index, word in enumerate(words):
        if word == "-isystem":
            kept += [word, words[index + 1]]
        elif re.match(r"-(I|D|m|std=|fopenmp)", word):
            kept.append(word)
    return kept


def is_alone(path):
    """A kernel of one instruction set, or a program."""
    return re.match(r"engine/kernels/(?!attention/|linear/)\w+/|bench/|launch/main", path) is not None


def libraries_of(commands):
    """[(flags, files)] of what was compiled with the same flags into the same library, which keeps its files' own names
    apart."""
    libraries = {}
    for path, words in sorted(commands.items()):
        library = path if is_alone(path) else words[words.index("-o") + 1].split(".dir/")[0]
        libraries.setdefault((library, tuple(flags_of(words))), []).append(path)
    return [(flags, files) for (_, flags), files in libraries.items()]


def groups_of(libraries):
    """Lists of libraries to look at as one, the largest first: neighbours on one floor."""
    groups = []
    for flags, files in libraries:
        floor = "" if is_alone(files[0]) else files[0].split("/", 1)[0]
        if floor and groups and groups[-1][0] == floor and groups[-1][1] + len(files) <= FILES_AT_ONCE:
            groups[-1][1] += len(files)
            groups[-1][2].append((flags, files))
        else:
            groups.append([floor, len(files), [(flags, files)]])
    return [group for _, _, group in sorted(groups, key=lambda group: -group[1])]


def run_all(run, items):
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, items))


def tool(name):
    """Debian's name has the version; elsewhere the plain one may be another version, which may format differently."""
    return shutil.which(f"{name}-14")


class Tools(unittest.TestCase):
    def assert_nothing(self, problems, rule):
        if problems:
            self.fail(rule + ":\n" + "\n".join(problems))

    def test_every_header_compiles_alone(self):
        """Of the preset dev alone, which compiles each file by itself and so most headers: the others take minutes."""
        commands, alone = compile_commands()
        if not alone:
            self.skipTest("files are compiled together: launch/test dev")
        compiler = os.environ.get("CXX", "g++")

        def problem_of(header):
            folder = os.path.dirname(header)
            while folder and not any(os.path.dirname(path) == folder for path in commands):
                folder = os.path.dirname(folder)
            near = sorted(path for path in commands if os.path.dirname(path) == folder) or sorted(commands)
            words = [compiler, *flags_of(commands[near[0]]), "-fsyntax-only", "-x", "c++", "-include",
                     os.path.join(project.ROOT, header), os.devnull]
            result = subprocess.run(words, capture_output=True, text=True, check=False, cwd=project.ROOT)
            return "" if result.returncode == 0 else f"{header}:\n{result.stderr}"

        # What a file includes before anything else the build has compiled alone.
        of_files = [cpp_source.includes(project.read(path)) for path in commands]
        first_includes = {includes[0][1] for includes in of_files if includes}
        headers = [path for path in project.cpp_files() if path.endswith(".h") and path not in first_includes]
        self.assertTrue(headers)
        self.assert_nothing([problem for problem in run_all(problem_of, headers) if problem],
                            "a header includes all that it needs")

    def test_formatting(self):
        clang_format = tool("clang-format")
        if not clang_format:
            self.skipTest("no clang-format-14")
        result = subprocess.run([clang_format, "--dry-run", "-Werror", "--ferror-limit=3", *project.cpp_files()],
                                capture_output=True, text=True, check=False, cwd=project.ROOT)
        self.assertEqual(result.returncode, 0, "run clang-format-14 -i:\n" + result.stderr)

    def test_clang_tidy(self):
        clang_tidy = tool("clang-tidy")
        if not clang_tidy:
            self.skipTest("no clang-tidy-14")

        def problem_of(libraries):
            files = [file for _, files in libraries for file in files]
            flags = [flag for flags, _ in libraries for flag in flags]
            with tempfile.NamedTemporaryFile("w", suffix=".cpp") as together:
                together.writelines(f'#include "{os.path.join(project.ROOT, path)}"\n' for path in files)
                together.flush()
                result = subprocess.run([clang_tidy, "--quiet", f"--config-file={project.ROOT}/.clang-tidy", together.name, "--",
                                         *flags, "-Wno-everything"],
                                        capture_output=True, text=True, check=False, cwd=project.ROOT)
            if result.returncode == 0:
                return ""
            if len(libraries) > 1:  # perhaps two of them have the same names of their own, which they may
                return "".join(problem_of([library]) for library in libraries)
            return f"{', '.join(files)}:\n{result.stdout}{result.stderr}"

        ours = {path: words for path, words in compile_commands()[0].items() if not path.startswith("tests/")}
        self.assertTrue(ours)
        self.assert_nothing([problem for problem in run_all(problem_of, groups_of(libraries_of(ours))) if problem],
                            "clang-tidy, see .clang-tidy")


if __name__ == "__main__":
    unittest.main(verbosity=2)
