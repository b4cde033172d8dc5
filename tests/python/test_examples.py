"""The examples of the package, run as a user runs them; the README's Python."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from support import ROOT, hop

EXAMPLES = ROOT / "python" / "examples"


class Examples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_example(self, name, *arguments):
        environment = dict(os.environ, PYTHONPATH=str(ROOT / "python"))
        environment["HOP_LIBRARY"] = os.path.abspath(hop.library_path)
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def test_all_are_tested(self):
        self.assertEqual(
            sorted(path.name for path in EXAMPLES.glob("*.py")),
            ["own_forces.py", "relax.py", "search.py"],
        )

    def test_relax(self):
        potential = hop.Potential.builtin("AgAu.gupta")
        hop.Structure.random("Ag6Au7", potential, 1).write(self.folder / "in.xyz")
        text = self.run_example("relax.py", "AgAu.gupta", "in.xyz", "out.xyz", 1e-4)
        self.assertIn("converged", text)
        relaxed = hop.Structure.read(self.folder / "out.xyz")
        self.assertAlmostEqual(potential.evaluate(relaxed.copy()), relaxed.energy, 9)
        self.assertIn(f"{relaxed.energy:.6f}", text)

    def test_search(self):
        text = self.run_example("search.py", "Ag6Au7", 1500)
        best = hop.Structure.read(self.folder / "best.xyz")
        lowest = min(float(e) for e in re.findall(r"(-[\d.]+) eV in the end", text))
        self.assertAlmostEqual(best.energy, lowest, 5)

    def test_own_forces(self):
        text = self.run_example("own_forces.py")
        # M13 at rho = 6: Doye and Wales, J. Chem. Soc., Faraday Trans. 93, 4233 (1997)
        self.assertIn("-42.439863", text)
        self.assertIn("relaxation: converged", text)

    def test_readme_begins_with_code_that_runs(self):
        text = (ROOT / "python" / "README.md").read_text()
        code = re.findall(r"```python\n(.*?)```", text, flags=re.S)[0]
        (self.folder / "first.py").write_text(code)
        done = subprocess.run(
            [sys.executable, "first.py"],
            env=dict(
                os.environ,
                PYTHONPATH=str(ROOT / "python"),
                HOP_LIBRARY=os.path.abspath(hop.library_path),
            ),
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("evaluation limit reached -1", done.stdout)
        best = hop.Structure.read(self.folder / "best.xyz")
        self.assertIn(str(best.energy), done.stdout)


if __name__ == "__main__":
    unittest.main()
