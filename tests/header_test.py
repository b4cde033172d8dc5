"""include/hop.h: every function is documented, and says how it can fail."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = (ROOT / "include" / "hop.h").read_text()
MAP = (ROOT / "lib" / "hop.map").read_text()

# A function: the comment that ends on the line before, the type, the name, the
# parameters, and a comment behind it.
FUNCTION = re.compile(
    r"(?P<before>/\*\*(?:(?!\*/).)*\*/\n)?"
    r"HOP_API (?P<type>[^;(]*?)(?P<name>hop_\w+)\((?P<parameters>[^;]*)\);"
    r"(?P<behind> */\*\*<[^\n]*\*/)?",
    re.S,
)
FUNCTIONS = [match.groupdict() for match in FUNCTION.finditer(HEADER)]


for function in FUNCTIONS:
    comment = (function["before"] or "") + (function["behind"] or "")
    function["comment"] = " ".join(comment.replace("\n *", "\n").split())


class Header(unittest.TestCase):
    maxDiff = None

    def none(self, wrong):
        """No function for which `wrong` is true."""
        self.assertEqual([f["name"] for f in FUNCTIONS if wrong(f)], [])

    def test_all_functions_are_seen(self):
        names = [function["name"] for function in FUNCTIONS]
        self.assertEqual(len(names), HEADER.count("HOP_API ") - HEADER.count("define HOP_API "))
        self.assertEqual(len(names), len(set(names)))

    def test_every_function_has_a_comment(self):
        self.none(lambda f: len(f["comment"]) < 9)

    def test_what_can_fail_says_how(self):
        says = re.compile(r"@retval|@return|HOP_[A-Z]+")
        self.none(lambda f: f["type"].strip() == "int" and not says.search(f["comment"]))

    def test_statuses_that_are_named_exist(self):
        known = set(re.findall(r"(?m)^    X\((\w+), ", HEADER))
        macros = set(re.findall(r"define HOP_(\w+)", HEADER)) | {"UNKNOWN"}
        used = re.compile(r"\bHOP_(\w+)")
        self.none(lambda f: set(used.findall(f["comment"])) - known - macros)

    def test_parameters_that_are_described_exist(self):
        described = re.compile(r"@param +(\w+)")
        self.none(
            lambda f: set(described.findall(f["comment"]))
            - set(re.findall(r"\w+", f["parameters"]))
        )

    def test_structs_have_their_size_first(self):
        """Transparent structs grow at their end; the size says which one the host knows."""
        structs = re.findall(r"typedef struct (\w+) \{\s*(\w+) (\w+);", HEADER)
        self.assertGreater(len(structs), 5)
        for name, kind, first in structs:
            self.assertEqual((kind, first), ("size_t", "size"), name)

    def test_types_that_cross_the_interface(self):
        unstable = re.compile(r"\b(bool|long|unsigned|short|float|FILE|va_list|enum)\b")
        self.none(lambda f: unstable.search(f["type"] + " " + f["parameters"]))

    def test_only_the_interface_is_exported(self):
        self.assertEqual(re.findall(r"global:(.*?);\s*local:(.*?);", MAP, re.S), [(" hop_*", " *")])


class Readme(unittest.TestCase):
    def test_the_snippet_of_the_header_is_the_loop_of_the_readme(self):
        readme = (ROOT / "README.md").read_text()
        for call in re.findall(r"hop_\w+(?=\()", HEADER.split("*/")[0]):
            if call.startswith("hop_X") or call in ("hop_cancel", "hop_error_message"):
                continue
            self.assertIn(call, readme)


if __name__ == "__main__":
    unittest.main(verbosity=2)
