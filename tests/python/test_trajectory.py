"""Trajectories: create, append, read, kill."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from hop import Optimizer, Potential, Structure, Trajectory
from support import hop


class Trajectories(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.potential = Potential.builtin("AgAu.gupta")

    def relax(self, name):
        """A relaxation that is written, and what should be in the file."""
        atoms = Structure.random("Ag6Au7", self.potential, 1)
        atoms.fixed[2] = True
        optimizer = Optimizer("lbfgs", atoms, self.potential, fmax=0.1)
        expected = []
        with Trajectory.create(self.folder / name, atoms) as trajectory:
            self.assertEqual((len(trajectory), trajectory.step), (0, None))
            for progress in optimizer.iterate():
                trajectory.append(atoms, 2 * progress.evaluations)
                expected.append((2 * progress.evaluations, atoms.copy()))
            self.assertEqual(trajectory.step, expected[-1][0])
        self.assertGreater(len(expected), 5)
        return expected

    def test_both_formats(self):
        for name in ("a.h5md", "a.xyz"):
            expected = self.relax(name)
            with Trajectory.open(self.folder / name) as trajectory:
                self.assertEqual(len(trajectory), len(expected))
                for (step, atoms), (known, other) in zip(trajectory, expected):
                    self.assertEqual((step, atoms.energy), (known, other.energy))
                    self.assertTrue((atoms.positions == other.positions).all())
                    if name == "a.xyz":  # H5MD: where something is periodic
                        self.assertTrue((atoms.virial == other.virial).all())
                    self.assertTrue((atoms.fixed == other.fixed).all())
                    np.testing.assert_allclose(atoms.forces, other.forces, rtol=1e-15)
                steps = [frame.step for frame in trajectory[1::3]]
                self.assertEqual(steps, [step for step, _ in expected[1::3]])
                last = trajectory[-1]
                self.assertEqual(last.step, expected[-1][0])
                last.structure.positions[...] = 0  # a copy
                self.assertTrue(trajectory[-1].structure.positions.any())
                for outside in (len(trajectory), -len(trajectory) - 1, 10**30):
                    with self.assertRaises(IndexError):
                        trajectory[outside]
            # a frame outlives the file
            np.testing.assert_array_equal(atoms.positions, other.positions)

    def test_appending_later(self):
        for name in ("a.h5md", "a.xyz"):
            expected = self.relax(name)
            atoms = expected[0][1]
            with Trajectory.open(self.folder / name) as trajectory:
                trajectory.append(atoms)
                self.assertEqual(trajectory.step, expected[-1][0] + 1)
                with self.assertRaisesRegex(hop.ArgumentError, "step"):
                    trajectory.append(atoms, 3)
            with Trajectory.open(self.folder / name) as trajectory:
                self.assertEqual(len(trajectory), len(expected) + 1)
                self.assertEqual(trajectory[-1].structure.energy, atoms.energy)

    def test_cells(self):
        atoms = Structure("Si2", [[0, 0, 0], [1.3, 1.4, 1.36]], cell=2.72 * (1 - np.eye(3)))
        optimizer = Optimizer("lbfgs", atoms, Potential.builtin("Si.sw"), cell=1)
        cells = []
        with Trajectory.create(self.folder / "a.h5md", atoms) as trajectory:
            for _ in optimizer.iterate():
                trajectory.append(atoms)
                cells.append(atoms.cell.copy())
            found = [frame.structure.cell for frame in trajectory]
        np.testing.assert_array_equal(found, cells)
        self.assertFalse((cells[0] == cells[-1]).all())

    def test_killed(self):
        """What was appended to extended XYZ, or flushed, is there."""
        code = (
            "import hop, os; t = hop.Trajectory.create({0!r}, a := hop.Structure('Cu2'));"
            " a.positions[1] = 2.5; t.append(a); t.flush(); t.append(a); os._exit(1)"
        )
        for name, count in (("a.xyz", (2,)), ("a.h5md", (1, 2))):
            path = str(self.folder / name)
            subprocess.run([sys.executable, "-c", "import support; " + code.format(path)],
                           cwd=Path(__file__).parent)  # fmt: skip
            with Trajectory.open(path) as trajectory:
                self.assertIn(len(trajectory), count)
                self.assertEqual(trajectory[0].structure.positions[1, 2], 2.5)

    def test_errors(self):
        atoms = Structure("Cu2", [[0, 0, 0], [2.5, 0, 0]])
        with self.assertRaises(TypeError):
            Trajectory()
        with self.assertRaisesRegex(hop.UnsupportedError, "abc"):
            Trajectory.create(self.folder / "a.abc", atoms)
        with self.assertRaises(hop.FileError):
            Trajectory.open(self.folder / "nowhere.xyz")
        (self.folder / "text.h5md").write_text("hello")
        with self.assertRaises(hop.FormatError):
            Trajectory.open(self.folder / "text.h5md")
        with Trajectory.create(self.folder / "a.xyz", atoms) as trajectory:
            with self.assertRaises(hop.ArgumentError):
                trajectory.append(Structure("Cu3"))
            with self.assertRaises(TypeError):
                trajectory.append("Cu2")
            atoms.positions[0] = np.nan
            with self.assertRaises(hop.NonfiniteError):
                trajectory.append(atoms)
        trajectory.close()  # again
        for action in (trajectory.flush, lambda: len(trajectory), lambda: trajectory[0],
                       lambda: trajectory.append(Structure("Cu2"))):  # fmt: skip
            with self.assertRaisesRegex(hop.StateError, "closed"):
                action()
        self.assertIn("closed", repr(trajectory))


if __name__ == "__main__":
    unittest.main()
