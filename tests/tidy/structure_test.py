"""The rules of the house that can be read from the files: sizes, directions of includes, MPI, BLAS and spdlog in their
one place, first lines, blanks. See ARCHITECTURE.md, "Rules"."""

import os
import re
import unittest

import cpp_source
import project
import text_lines

FILE_LINES = 400      # a file has fewer
FUNCTION_LINES = 70   # a function has fewer

# A system header and the files that may reach it, by themselves or through headers of ours.
CONFINED = {
    "mpi.h": r"(tests/)?distributed/comm/",
    "cblas.h": r"engine/kernels/",
    "hwloc": r"launch/start/topology\.cpp",
    "spdlog/": r"engine/base/log\.cpp$",
}
TEXT = re.compile(r"\.(h|cpp|inl|py|sh|cmake|proto|md|json|svg|sbatch|pbs|yaml|def)$|(^|/)(CMakeLists\.txt|Dockerfile)$|"
                  r"^(launch|launch/tools|bench)/[\w-]+$|^(launch/tools|cluster-configs/hostfiles)/[\w-]+\.txt$|^\.ci/run$")
DATA = re.compile(r"^(launch/demo-data|tests/data)/")


class Tidy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folders = project.Folders()
        cls.sources = {path: project.read(path) for path in project.cpp_files()}
        cls.texts = {path: project.read(path) for path in project.files() if TEXT.search(path) and not DATA.match(path)}

    def assert_nothing(self, problems, rule):
        if problems:
            self.fail(rule + ":\n  " + "\n  ".join(problems))

    def test_files_are_short(self):
        problems = []
        for path in project.files():
            if re.search(r"\.(h|cpp|inl|py)$", path):
                lines = project.read(path).count("\n")
                if lines >= FILE_LINES:
                    problems.append(f"{path}: {lines} lines")
        self.assert_nothing(problems, f"a file has fewer than {FILE_LINES} lines")

    def test_functions_are_short(self):
        problems = []
        for path, text in self.sources.items():
            for first, lines, words in cpp_source.functions(text):
                if lines >= FUNCTION_LINES:
                    problems.append(f"{path}:{first}: {lines} lines: {words[-100:]}")
        self.assert_nothing(problems, f"a function has fewer than {FUNCTION_LINES} lines")

    def test_functions_are_found_at_all(self):
        found = sum(len(cpp_source.functions(text)) for text in self.sources.values())
        self.assertGreater(found, len(self.sources))

    def test_includes_of_ours_exist_and_are_written_from_the_root(self):
        problems = []
        for path, text in self.sources.items():
            for line, included, is_system in cpp_source.includes(text):
                generated = included.startswith("proto/") and included.endswith(".pb.h")
                if not is_system and not generated and not os.path.isfile(os.path.join(project.ROOT, included)):
                    problems.append(f"{path}:{line}: {included}")
        self.assert_nothing(problems, "an #include in quotes is a path from the root")

    def test_folders_use_only_what_stands_above_them(self):
        problems = []
        for folder in self.folders.order:
            if folder in ("launch", "tests", "bench"):
                continue  # the roof: may use all
            floor = self.folders.order.index(folder)
            problems += [f"{folder}/CMakeLists.txt: uses {other}" for other in self.folders.uses[folder]
                         if self.folders.order.index(other) > floor]
        self.assert_nothing(problems, "a folder uses only folders above it in the root's CMakeLists.txt")

    def test_includes_follow_the_uses_of_the_folder(self):
        problems = []
        for path, text in self.sources.items():
            folder = self.folders.of(path)
            if folder is None or folder in ("launch", "tests", "bench"):
                continue
            allowed = self.folders.reachable(folder)
            for line, included, is_system in cpp_source.includes(text):
                if not is_system and self.folders.of(included) not in allowed:
                    problems.append(f"{path}:{line}: {included}; USES of {folder} leads to: {', '.join(sorted(allowed))}")
        self.assert_nothing(problems, "a file includes only what its folder's USES lead to")

    def test_tests_of_a_folder_include_only_it_and_what_it_may_use(self):
        problems = []
        for path, text in self.sources.items():
            folder = self.folders.of(path[len("tests/"):]) if path.startswith("tests/") else None
            if folder is None or folder == "launch":
                continue
            floor = self.folders.order.index(folder)
            allowed = self.folders.reachable(folder)
            uses = set(re.findall(r"\w+", project.read(os.path.join(os.path.dirname(path), "CMakeLists.txt"))))
            for line, included, is_system in cpp_source.includes(text):
                other = self.folders.of(included)
                if is_system or other in allowed or other == "tests":
                    continue
                named = other is not None and other.replace("/", "_") in uses
                if not named or self.folders.order.index(other) > floor:
                    problems.append(f"{path}:{line}: {included}")
        self.assert_nothing(problems, "the tests of a folder include it, what it may use, and no folder below it")

    def test_mpi_blas_hwloc_and_spdlog_stay_in_their_place(self):
        direct = {path: cpp_source.includes(text) for path, text in self.sources.items()}

        def reached(path, seen):
            """System headers that `path` includes, by itself or through headers of ours."""
            if path in seen or path not in direct:
                return
            seen.add(path)
            for _, included, is_system in direct[path]:
                if is_system:
                    yield included
                else:
                    yield from reached(included, seen)

        problems = []
        for path in direct:
            for header in set(reached(path, set())):
                for confined, allowed in CONFINED.items():
                    if header.startswith(confined) and not re.match(allowed, path):
                        problems.append(f"{path}: {header}")
        self.assert_nothing(problems, "mpi.h only in distributed/comm, cblas.h in engine/kernels, hwloc in topology.cpp, spdlog in log.cpp")

    def test_first_line_of_each_build_file_says_what_the_folder_promises(self):
        problems = [path for path in project.files() if os.path.basename(path) == "CMakeLists.txt" and
                    not re.match(r"# .{20,}", project.read(path))]
        self.assert_nothing(problems, "a CMakeLists.txt begins with a comment: what the folder promises")

    def test_headers_have_pragma_once(self):
        problems = [path for path, text in self.sources.items() if path.endswith(".h") and
                    not re.search(r"^#pragma once$", text, re.M)]
        self.assert_nothing(problems, "a header has #pragma once")

    def test_no_stray_blanks(self):
        problems = []
        for path, text in self.texts.items():
            for number, line in enumerate(text.split("\n"), 1):
                if line != line.rstrip() or "\t" in line:
                    problems.append(f"{path}:{number}: blank at the end, or a tab")
            if not text.endswith("\n") or text.endswith("\n\n"):
                problems.append(f"{path}: does not end in one newline")
        self.assert_nothing(problems, "no tabs, no blanks at line ends, one newline at the end")

    def test_lines_are_no_longer_than_a_screen_is_wide(self):
        problems = [f"{path}:{number}" for path, text in self.texts.items() for number in text_lines.overlong(path, text)]
        self.assert_nothing(problems, f"a line has at most {text_lines.COLUMNS} columns")

    def test_paths_that_are_named_exist(self):
        known = set(project.files())
        known |= {path[:slash.start()] for path in known for slash in re.finditer("/", path)}
        problems = [f"{path}:{number}: {name}" for path, text in self.texts.items() if not path.startswith("tests/tidy/")
                    for number, name in text_lines.missing_paths(path, text, known)]
        self.assert_nothing(problems, "a path of the project that is named exists, and is written whole")

    def test_no_placeholders(self):
        """Words that stand for what was to be written: in prose, a name in capitals that is no variable;
        anywhere, TODO and its kin."""
        variables = r"(?:GEMRING|MPI|OMPI|OMP|GOMP|OPENBLAS|SLURM|PBS|XDG|CMAKE|CUDA)_"
        problems = []
        for path, text in self.texts.items():
            if path.startswith("tests/tidy/"):
                continue
            for number, line in enumerate(text.split("\n"), 1):
                prose = path.endswith(".md") and not line.startswith("    ")
                words = re.sub(r"`[^`]*`", "", line) if prose else ""
                found = re.search(rf"\b(?!{variables})[A-Z][A-Z0-9]+_[A-Z]{{2,}}[A-Z0-9_]*\b|\?\?\?|<[A-Z ]+>", words) or \
                    re.search(r"\b(?:TODO|FIXME|TBD|XXX)\b", line)
                if found:
                    problems.append(f"{path}:{number}: {found[0]}")
        self.assert_nothing(problems, "no placeholders")

    def test_words_that_were_given_up_stay_away(self):
        """ARCHITECTURE.md's glossary has those of the field."""
        old = re.compile(r"first[ _-]?pass\b(?!\))|\bOwnWork|\bHangWatch|\bgoodbye|\btake_up\b|\bhand_out\b|\bsay_computed\b", re.I)
        problems = []
        for path, text in self.texts.items():
            if path == "tests/tidy/structure_test.py":
                continue
            for number, line in enumerate(text.splitlines(), 1):
                if old.search(line):
                    problems.append(f"{path}:{number}: {line.strip()[:100]}")
        self.assert_nothing(problems, "a filter pass, a step, a local queue, a watchdog, a shutdown")

    def test_no_paths_of_one_machine(self):
        problems = []
        for path, text in self.texts.items():
            for number, line in enumerate(text.split("\n"), 1):
                # The images' own user has a home that is written into them.
                if re.search(r"/(home/(?!mpiuser\b)|root/|work/|Users/)[\w.-]", line) and "re.search" not in line:
                    problems.append(f"{path}:{number}: {line.strip()}")
        self.assert_nothing(problems, "no path of somebody's machine")

    def test_literals_of_tokenizers_are_ascii(self):
        """Editors that normalise text change some letters (U+2126 into U+03A9): they are written as numbers."""
        problems = []
        for path, text in self.sources.items():
            if re.match(r"engine/text/(unicode|tokenizer)/", path):
                for line, literal in cpp_source.literals(text):
                    if not literal.isascii():
                        problems.append(f"{path}:{line}: {literal}")
        self.assert_nothing(problems, "patterns and literals of tokenizers are ASCII; other letters are numbers")


if __name__ == "__main__":
    unittest.main(verbosity=2)
