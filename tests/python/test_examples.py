"""The examples of the package, run as a user runs them; the README's Python."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path

import numpy as np
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
        self.assertEqual(done.returncode, 0, done.stderr)
        bar = re.compile(r"[^\r\n]*(evaluations|updates)(/s|\b)[^\r\n]*[\r\n]*")
        self.assertEqual(bar.sub("", done.stderr).strip(), "", "but for progress")
        return done.stdout

    def test_all_are_tested(self):
        self.assertEqual(
            sorted(path.name for path in EXAMPLES.glob("*.py")),
            ["ase_emt.py", "crystal.py", "own_forces.py", "relax.py", "search.py", "train.py"],
        )

    def test_crystal(self):
        half = 2.75 * (1 - np.eye(3))
        atoms = hop.Structure("Si2", [[0, 0, 0], [1.4, 1.3, 1.4]], cell=half)
        atoms.write(self.folder / "in.vasp")
        text = self.run_example("crystal.py", "Si.sw", "in.vasp", "out.data", 5)
        self.assertRegex(text, r"^converged: .*, pressure 5\.000\d GPa")
        relaxed = hop.Structure.read(self.folder / "out.data")
        # by a scan of the volume: the enthalpy is stationary
        def enthalpy(scale):
            copy = relaxed.copy()
            copy.cell *= scale
            copy.positions *= scale
            energy = hop.Potential.builtin("Si.sw").evaluate(copy)
            return energy + 5 * 0.00624150907 * np.linalg.det(copy.cell)

        self.assertLess(enthalpy(1.0), min(enthalpy(0.999), enthalpy(1.001)))

    def test_relax(self):
        potential = hop.Potential.builtin("AgAu.gupta")
        hop.Structure.random("Ag6Au7", potential, 1).write(self.folder / "in.xyz")
        text = self.run_example("relax.py", "AgAu.gupta", "in.xyz", "out.xyz", 1e-4)
        self.assertIn("converged", text)
        relaxed = hop.Structure.read(self.folder / "out.xyz")
        self.assertAlmostEqual(potential.evaluate(relaxed.copy()), relaxed.energy, 9)
        self.assertIn(f"{relaxed.energy:.6f}", text)

    def test_search(self):
        text = self.run_example("search.py", "Ag6Au7", 1500, 2)
        best = hop.Structure.read(self.folder / "best.xyz")
        found = [float(e) for e in re.findall(r"seed \d: (-[\d.]+) eV", text)]
        self.assertEqual(len(found), 4)
        self.assertAlmostEqual(best.energy, min(found), 5)
        self.pictures("energies.svg", "best.svg")

    def test_train(self):
        text = self.run_example("train.py", 10, "mine.h5")
        self.assertIn("train.py, 10 updates", hop.Model.load(self.folder / "mine.h5").note)
        found = re.findall(r": ([\d.]+) evaluations to relax", text)
        self.assertEqual(len(found), 2)
        self.assertNotEqual(*found)
        self.pictures("training.svg", "calls.svg")

    @unittest.skipIf(find_spec("ase") is None, "ASE is not installed")
    def test_ase(self):
        text = self.run_example("ase_emt.py", "Cu7", 150)
        for name in ("hop LearnedOptimizer", "hop LBFGS", "hop FIRE", "ase BFGS"):
            self.assertRegex(text, name + r" +\d+ force calls")
        self.assertRegex(text, r"search: [\d.]+ eV, [1-9]")
        again = self.run_example("ase_emt.py", "Cu7", 150)
        best, later = (float(re.findall(r"search: ([\d.]+)", t)[0]) for t in (text, again))
        self.assertLessEqual(later, best, "went on")

    def pictures(self, *names):
        for name in names if find_spec("matplotlib") else ():
            self.assertIn("<svg", (self.folder / name).read_text()[:1000])

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
