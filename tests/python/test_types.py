"""Types and documentation of the package."""

import inspect
import io
import pydoc
import subprocess
import sys
import unittest
from contextlib import redirect_stdout

from support import ROOT, hop

try:
    import mypy
except ImportError:
    mypy = None
try:
    import ase
    import hop.ase
except ImportError:
    ase = None


class Types(unittest.TestCase):
    @unittest.skipIf(mypy is None or ase is None, "mypy and ASE are not both installed")
    def test_strict(self):
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--no-incremental"]
            + ["--cache-dir=/dev/null", "hop", "examples"],
            cwd=ROOT / "python",
            capture_output=True,
            text=True,
        )
        self.assertIn("Success: no issues found", done.stdout, done.stdout + done.stderr)


class Documentation(unittest.TestCase):
    def modules(self):
        return [hop] + ([hop.ase] if ase else [])

    def test_everything_public_is_documented(self):
        for module in self.modules():
            self.assertEqual(module.__all__, sorted(module.__all__, key=str))
            for name in module.__all__:
                thing = getattr(module, name)
                if name in ("library_path", "Task"):
                    continue
                self.assertTrue(inspect.getdoc(thing), name)
                if not inspect.isclass(thing) or not issubclass(thing, object):
                    continue
                for member, value in vars(thing).items():
                    ours = inspect.isfunction(value) or isinstance(value, property)
                    if ours and not member.startswith("_"):
                        self.assertTrue(
                            inspect.getdoc(getattr(thing, member)), f"{name}.{member}"
                        )

    @unittest.skipIf(ase is None, "ASE is not installed")
    def test_options_are_in_the_help_of_what_takes_them(self):
        for kind in (hop.ase.BasinHopping, hop.ase.LearnedSearch):
            for option in hop.options(kind.kind):
                self.assertRegex(kind.__doc__, rf"(?m)^{option.name} = ", kind)
        for kind, names in (
            (hop.ase.LBFGS, "max_step memory max_rise"),
            (hop.ase.FIRE, "max_step dt dt_max alpha delay"),
            (hop.ase.LearnedOptimizer, "max_step memory max_rise descend handover"),
        ):
            for name in names.split():
                self.assertRegex(kind.__doc__, rf"(?m)^{name} = ", kind)
            for name in ("fmax", "cell", "max_time", "temperature", "abort", "hop", "recall"):
                self.assertNotRegex(kind.__doc__, rf"(?m)^{name} = ", kind)

    def test_help(self):
        for module in self.modules():
            for name in set(module.__all__) - {"library_path", "Task"}:
                out = io.StringIO()
                with redirect_stdout(out):
                    print(pydoc.render_doc(getattr(module, name), renderer=pydoc.plaintext))
                lines = out.getvalue().splitlines()
                self.assertGreater(len(lines), 3, name)


if __name__ == "__main__":
    unittest.main()
