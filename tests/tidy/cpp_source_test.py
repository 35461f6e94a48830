"""The readers behind `tidy`: of C++ on the constructs that trip brace counters, of lines on planted examples."""

import unittest

import cpp_source
import text_lines


class Literals(unittest.TestCase):
    def test_strings_and_characters_are_found_and_comments_are_not(self):
        text = 'a = "x\u2126"; // "no"\nb = R"(raw "\n)"; /* "no" */ c = \'d\';\n'
        self.assertEqual(cpp_source.literals(text), [(1, '"x\u2126"'), (2, 'R"(raw "\n)"'), (3, "'d'")])


class OverlongLines(unittest.TestCase):
    LONG = "a " * 61

    def test_comments_of_every_language_are_found(self):
        for path, comment in (("a.h", "// "), ("a.proto", "// "), ("a/CMakeLists.txt", "# "), ("a.sh", "# "), ("a.py", "# ")):
            with self.subTest(path):
                self.assertEqual(text_lines.overlong(path, f"\n{comment}{self.LONG}\n"), [2])
        self.assertEqual(text_lines.overlong("a.py", f'"""a\n{self.LONG}\nb"""\n'), [2])
        self.assertEqual(text_lines.overlong("bench/a", f"#!/usr/bin/env python3\n# {self.LONG}\n"), [2])

    def test_code_of_python_raw_strings_and_urls_may_be_long(self):
        self.assertEqual(text_lines.overlong("a.py", f"x = '{self.LONG}'\n"), [])
        self.assertEqual(text_lines.overlong("a.cpp", f'auto x = R"(\n{self.LONG}\n)";\n'), [])
        self.assertEqual(text_lines.overlong("a.cpp", f"// https://{self.LONG}\n"), [])
        self.assertEqual(text_lines.overlong("a.md", f"{self.LONG}\n"), [])


class MissingPaths(unittest.TestCase):
    KNOWN = {"launch", "launch/test", "launch/a.cpp", "engine/b.h"}

    def missing(self, text, path="a.cpp"):
        return text_lines.missing_paths(path, text, self.KNOWN)

    def test_a_path_that_is_not_there_is_found_in_comments_and_messages(self):
        self.assertEqual(self.missing("// as\n// launch/c.cpp."), [(2, "launch/c.cpp")])
        self.assertEqual(self.missing('"see engine/b.cpp, which"'), [(1, "engine/b.cpp")])
        self.assertEqual(self.missing("`launch/*.h`", "a.md"), [(1, "launch/*.h")])

    def test_a_path_in_pieces_is_found(self):
        self.assertEqual(self.missing('fmt::format("see launch/{}", name)'), [(1, "launch/{")])

    def test_what_is_there_or_is_made_or_is_no_path_of_ours_is_not(self):
        for text in ("launch/test.", "launch/*.cpp", "launch/", "proto/plan.pb.h", "build/launch/x", "../launch/x", "$launch/x"):
            self.assertEqual(self.missing(text), [], text)
        self.assertEqual(self.missing("engine/{a,b}", "a.md"), [])


class Functions(unittest.TestCase):
    def lengths(self, text):
        return [lines for _, lines, _ in cpp_source.functions(text)]

    def test_a_function_counts_from_its_signature_to_its_closing_brace(self):
        self.assertEqual(cpp_source.functions("int f(\n    int x) {\n  return x;\n}\n"), [(1, 4, "int f( int x)")])

    def test_functions_are_found_inside_namespaces_and_classes(self):
        text = "namespace a::b {\nstruct S : T {\n  void f() {\n  }\n  int g() const { return 1; }\n};\n}\n"
        self.assertEqual(self.lengths(text), [2, 1])

    def test_braces_in_literals_and_comments_do_not_count(self):
        text = 'void f() {\n  auto a = "{{{"; // {{\n  char c = \'{\'; /* {\n */\n  auto r = R"x({"{)x";\n}\nvoid g() {}\n'
        self.assertEqual(self.lengths(text), [6, 1])

    def test_digit_separators_are_no_character_literals(self):
        self.assertEqual(self.lengths("long f() {\n  return 1'000'000;\n}\nint g() { return 'a'; }\n"), [3, 1])

    def test_lambdas_inside_a_function_belong_to_it(self):
        self.assertEqual(self.lengths("void f() {\n  auto g = [](int x) {\n    return x;\n  };\n}\n"), [5])

    def test_initialisers_are_no_functions(self):
        self.assertEqual(self.lengths("constexpr int k[] = {\n  1,\n  2};\nenum class E : int { a, b };\n"), [])

    def test_templates_of_classes_are_scopes_and_of_functions_functions(self):
        text = "template <class T>\nclass A {\n  void f() {}\n};\ntemplate <class T, int N = (1 + 2)>\nT g(T x) {\n  return x;\n}\n"
        self.assertEqual(self.lengths(text), [1, 4])

    def test_macros_over_several_lines_do_not_count(self):
        self.assertEqual(self.lengths("#define M(x) \\\n  do { \\\n  } while (0\nvoid f() {}\n"), [1])


class Includes(unittest.TestCase):
    def test_includes_tell_system_from_ours(self):
        self.assertEqual(cpp_source.includes('#include <mpi.h>\n//#include "x.h"\n#include "a/b.h"\n'),
                         [(1, "mpi.h", True), (3, "a/b.h", False)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
