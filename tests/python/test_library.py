"""Loading the library; prototypes, structs and statuses against include/hop.h."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import header
from hop import _library
from support import ROOT, hop


def kind(declared):
    """What header.type_of() calls a ctypes type."""
    if declared is None:
        return None
    if declared is ctypes.c_char_p:
        return "text"
    if isinstance(declared, type) and issubclass(declared, ctypes._CFuncPtr):
        return "callback"
    if declared is ctypes.c_void_p or hasattr(declared, "contents"):
        return "pointer"
    return declared


class Prototypes(unittest.TestCase):
    def test_header_is_read(self):
        functions = header.functions()
        self.assertEqual(len(functions), len(set(functions)))
        declared = (ROOT / "include" / "hop.h").read_text().count("\nHOP_API")
        self.assertEqual(len(functions), declared)
        self.assertEqual(functions["hop_version"], (ctypes.c_int32, []))
        self.assertEqual(functions["hop_structure_random"][1][3], ctypes.c_uint64)

    def test_every_function_has_a_prototype(self):
        self.assertEqual(set(_library.PROTOTYPES), set(header.functions()))

    def test_arguments(self):
        for name, (result, arguments) in header.functions().items():
            with self.subTest(name):
                ours, theirs = _library.PROTOTYPES[name]
                self.assertEqual(kind(ours), result)
                self.assertEqual([kind(argument) for argument in theirs], arguments)

    def test_prototypes_are_applied(self):
        for name, (result, arguments) in _library.PROTOTYPES.items():
            function = getattr(_library.library, name)
            self.assertIs(function.restype, result)
            self.assertEqual(tuple(function.argtypes), arguments)

    def test_structs(self):
        structs = header.structs()
        for name, ours in (
            ("hop_structure_arrays", _library.StructureArrays),
            ("hop_provider", _library.Provider),
            ("hop_scales", _library.Scales),
            ("hop_option", _library.Option),
            ("hop_progress", _library.Progress),
            ("hop_training_progress", _library.TrainingProgress),
            ("hop_normal_modes", _library.NormalModes),
            ("hop_match", _library.Match),
            ("hop_minimum", _library.Minimum),
        ):
            with self.subTest(name):
                fields = [(field, kind(declared)) for field, declared in ours._fields_]
                self.assertEqual(fields, structs[name])

    def test_statuses(self):
        statuses = header.statuses()
        self.assertEqual({s.name: s.value for s in hop.Status}, statuses)
        for name, value in statuses.items():
            self.assertEqual(
                _library.library.hop_status_name(value).decode(), "HOP_" + name
            )
            self.assertTrue(hop.Status(value).text)

    def test_versions_agree(self):
        major, minor, patch = header.version()
        self.assertEqual(hop.__version__, f"{major}.{minor}.{patch}")
        project = (ROOT / "python" / "pyproject.toml").read_text()
        self.assertIn(f'version = "{hop.__version__}"', project)
        self.assertEqual(
            _library.library.hop_version(), 10000 * major + 100 * minor + patch
        )


class Loading(unittest.TestCase):
    """Each in a process of its own, with a copy of the package."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.package = self.folder / "somewhere" / "python" / "hop"
        shutil.copytree(ROOT / "python" / "hop", self.package)

    def load(self, code="print(hop.library_path)", **environment):
        full = {k: v for k, v in os.environ.items() if k != "HOP_LIBRARY"}
        full.update(environment, PYTHONPATH=str(self.package.parent))
        return subprocess.run(
            [sys.executable, "-c", "import hop; " + code],
            env=full,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    def test_environment(self):
        copy = self.folder / "mine.so"
        shutil.copy(hop.library_path, copy)
        shutil.copy(hop.library_path, self.package / _library.FILE_NAME)
        done = self.load(HOP_LIBRARY=str(copy))
        self.assertEqual(done.stdout.strip(), str(copy), done.stderr)

    def test_environment_is_the_only_place(self):
        shutil.copy(hop.library_path, self.package / _library.FILE_NAME)
        done = self.load(HOP_LIBRARY="/nowhere/libhop.so.0")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ImportError", done.stderr)
        self.assertIn("/nowhere/libhop.so.0", done.stderr)

    def test_bundled(self):
        bundled = self.package / _library.FILE_NAME
        shutil.copy(hop.library_path, bundled)
        done = self.load()
        self.assertEqual(done.stdout.strip(), str(bundled), done.stderr)

    def test_source_tree(self):
        build = self.package.parents[1] / "build"
        build.mkdir()
        shutil.copy(hop.library_path, build / _library.FILE_NAME)
        done = self.load()
        if done.stdout.strip() in (_library.FILE_NAME, "libhop.so"):
            self.skipTest("libhop is installed on this system and comes first")
        self.assertEqual(
            done.stdout.strip(), str(build / _library.FILE_NAME), done.stderr
        )

    def test_order(self):
        (self.package / _library.FILE_NAME).touch()
        code = "from hop import _library as l; print(*l._candidates(), sep='\\n')"
        done = self.load(
            "import ctypes.util; ctypes.util.find_library = lambda name: name + '!'; "
            + code,
            HOP_LIBRARY=hop.library_path,
        )
        self.assertEqual(
            done.stdout.split("\n")[:-1],
            [
                str(self.package / _library.FILE_NAME),
                "hop!",
                _library.FILE_NAME,
                str(self.package.parents[1] / "build" / _library.FILE_NAME),
            ],
            done.stderr,
        )

    def test_not_a_library(self):
        file = self.folder / "text.so"
        file.write_text("hello")
        done = self.load(HOP_LIBRARY=str(file))
        self.assertIn("ImportError", done.stderr)
        self.assertIn("HOP_LIBRARY", done.stderr)

    def test_another_library(self):
        libc = ctypes.util.find_library("c")
        done = self.load(HOP_LIBRARY=libc)
        self.assertIn("has no function hop_version", done.stderr)

    def test_prints_nothing(self):
        done = self.load("pass", HOP_LIBRARY=hop.library_path)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class Versions(unittest.TestCase):
    def open(self, number):
        library = mock.MagicMock()
        library.hop_version.return_value = number
        with mock.patch("ctypes.CDLL", return_value=library):
            return _library._open("libhop.so.0")

    def test_newer(self):
        for number in (100, 101, 200, 9999):
            self.open(number)

    def test_incompatible(self):
        for number, text in ((99, "got 0.0.99"), (10000, "got 1.0.0")):
            with self.assertRaisesRegex(OSError, text):
                self.open(number)

    def test_missing_function(self):
        library = mock.MagicMock()
        library.hop_version.return_value = 100
        del library.hop_optimizer_best
        with mock.patch("ctypes.CDLL", return_value=library):
            with self.assertRaisesRegex(OSError, "hop_optimizer_best"):
                _library._open("libhop.so.0")


if __name__ == "__main__":
    unittest.main()
