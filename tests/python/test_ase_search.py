"""hop.ase's searches over ASE's calculators."""

import io
import os
import shutil
import tempfile
import unittest
import zipfile
from itertools import zip_longest
from unittest import mock

import numpy as np
from support import hop

try:
    import ase.build
    import ase.constraints
    import ase.io
    from ase.calculators.calculator import CalculationFailed
    from ase.calculators.emt import EMT
    from hop.ase import BasinHopping, Gupta, LearnedSearch
except ImportError:
    ase = None
else:
    KINDS = (BasinHopping, LearnedSearch)


def start(seed=2, calculator=None, formula="Cu4Au3"):
    atoms = hop.Structure.random(formula, seed=seed).to_ase()
    atoms.calc = calculator or EMT()
    return atoms


@unittest.skipIf(ase is None, "ASE is not installed")
class Searches(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_searches_as_libhop_alone_does(self):
        potential = hop.Potential.builtin("AgAu.gupta")
        for kind in KINDS:
            begin = hop.Structure.random("Ag7Au6", seed=1)
            alone = hop.search(
                begin, potential, kind=kind.kind, evaluations=1500, seed=3, polish=0
            )
            atoms = begin.to_ase()
            atoms.calc = Gupta("AgAu")
            atoms.get_potential_energy()  # now it knows its elements
            search = kind(atoms, seed=3, logfile=None)
            self.assertEqual(search.run(evaluations=1500), alone.best.energy)
            self.assertEqual(atoms.positions.tobytes(), alone.best.positions.tobytes())

    def test_minima(self):
        for kind in KINDS:
            path, log = os.path.join(self.folder, kind.__name__), io.StringIO()
            atoms = start()
            search = kind(atoms, seed=3, logfile=log, trajectory=path)
            best = search.run(evaluations=400)
            self.assertEqual(best, search.progress.best_energy)
            self.assertEqual(best, search.best.get_potential_energy())
            self.assertAlmostEqual(atoms.get_potential_energy(), best, 9)
            minima = search.minima
            energies = [minimum.energy for minimum in minima]
            self.assertEqual(energies, sorted(energies))
            self.assertGreater(len(minima), 2)
            self.assertLessEqual(best, energies[0])
            self.assertLess(energies[0] - best, 5e-3, "quenched loosely")
            quenches = search.progress.quenches
            self.assertLessEqual(sum(m.visits for m in minima), quenches)
            self.assertGreater(sum(m.visits for m in minima), quenches // 3)
            for minimum in minima:
                forces = minimum.atoms.get_forces()
                largest = np.linalg.norm(forces, axis=1).max()
                loose = search._optimizer.get("quench_fmax") * search.scales.energy
                self.assertLessEqual(largest, loose / search.scales.length)
                again = minimum.atoms.copy()
                again.calc = EMT()
                self.assertAlmostEqual(again.get_potential_energy(), minimum.energy, 9)
            self.assertEqual(len(ase.io.read(path, ":", format="traj")), len(minima))
            self.assertIn("lowest", log.getvalue())

    def assert_same_search(self, one, other):
        self.assertEqual(one.progress.evaluations, other.progress.evaluations)
        self.assertEqual(one.best.positions.tobytes(), other.best.positions.tobytes())
        for found, expected in zip_longest(one.minima, other.minima):
            self.assertEqual(found[0], expected[0])
            self.assertEqual(found[2:], expected[2:])
            for array in ("get_positions", "get_forces"):
                self.assertEqual(
                    getattr(found.atoms, array)().tobytes(),
                    getattr(expected.atoms, array)().tobytes(),
                )

    def test_restart_is_exact(self):
        for kind in KINDS:
            frames = os.path.join(self.folder, kind.__name__ + ".traj")
            whole = kind(start(), seed=5, logfile=None, trajectory=frames)
            whole.run(evaluations=300)
            path = os.path.join(self.folder, kind.__name__)
            for evaluations in (1, 57, 142, 100):
                search = kind(start(), seed=5, logfile=None, restart=path)
                search.run(evaluations=evaluations)
            self.assert_same_search(search, whole)
            for keywords in ({"seed": 6}, {"seed": 5, "temperature": 0.1}):
                with self.assertRaisesRegex(
                    hop.ArgumentError, "options: expected (seed = 6|temperature = 0.1)"
                ):
                    kind(start(), logfile=None, restart=path, **keywords)
            with self.assertRaisesRegex(hop.ArgumentError, "start: expected the atoms where"):
                kind(start(3), seed=5, logfile=None, restart=path)
            with self.assertRaisesRegex(hop.ArgumentError, "atoms: expected Au2Cu5, got Au3Cu4"):
                kind(start(formula="Cu5Au2"), seed=5, logfile=None, restart=path)
            again = kind(
                start(), seed=5, logfile=None, restart=path, max_evaluations=310
            )
            again.run()
            self.assertEqual(again.progress.evaluations, 310)
            self.assertEqual(again.outcome, hop.Status.MAX_EVALUATIONS)

    def test_restart_after_a_kill(self):
        """The file is older than the trajectory; both come out as if nothing had been."""
        for kind in KINDS:
            names = [
                os.path.join(self.folder, kind.__name__ + end)
                for end in (".search", ".old", ".traj", ".whole.traj")
            ]
            path, old, frames, all_frames = names
            whole = kind(start(), seed=4, logfile=None, trajectory=all_frames)
            whole.run(evaluations=400)
            keywords = {"seed": 4, "logfile": None, "trajectory": frames}
            search = kind(start(), restart=path, **keywords)
            search.run(evaluations=100)
            shutil.copy(path, old)
            search.run(evaluations=150)
            del search
            os.replace(old, path)
            search = kind(start(), restart=path, **keywords)
            self.assertEqual(search.progress.evaluations, 100)
            search.run(evaluations=300)
            self.assert_same_search(search, whole)
            energies = [
                [image.get_potential_energy() for image in ase.io.read(name, ":")]
                for name in (frames, all_frames)
            ]
            self.assertEqual(energies[0], energies[1])
            self.assertGreater(len(energies[0]), 3)

    def test_trajectory_of_another_search_is_replaced(self):
        path = os.path.join(self.folder, "minima.traj")
        for _ in range(2):
            search = BasinHopping(start(), logfile=None, trajectory=path)
            search.run(evaluations=200)
            self.assertEqual(len(ase.io.read(path, ":")), len(search.minima))

    def test_restart_is_bounded(self):
        path = os.path.join(self.folder, "search")
        sizes = []
        search = BasinHopping(start(), logfile=None, restart=path, capacity=3)
        # how many steps L-BFGS remembers differs from moment to moment
        for first in (300, 2000):
            search.run(evaluations=first)
            most = 0
            for _ in range(40):
                search.run(evaluations=3)
                most = max(most, os.path.getsize(path))
            self.assertEqual(len(search.minima), 3)
            self.assertEqual(len(search.archive), 3)
            sizes.append(most)
        self.assertLess(sizes[1] - sizes[0], 200, "digits of the counters")
        with zipfile.ZipFile(path) as parts:
            parts.extract("minima.xyz", self.folder)
        images = ase.io.read(os.path.join(self.folder, "minima.xyz"), ":")
        self.assertEqual(
            [image.get_potential_energy() for image in images],
            [minimum.energy for minimum in search.minima],
        )
        self.assertEqual(sorted(os.listdir(self.folder)), ["minima.xyz", "search"])

    def test_dear_evaluations_are_saved_one_by_one(self):
        path = os.path.join(self.folder, "search")
        search = BasinHopping(start(), logfile=None, restart=path)
        saved = []
        for seldom in (0.0, 1e9):
            with mock.patch("hop.ase._saved.SELDOM", seldom):
                for _ in search.irun(evaluations=20):
                    again = BasinHopping(start(), logfile=None, restart=path)
                    saved.append(again.progress.evaluations)
        self.assertEqual(saved, [*range(1, 21), *[20] * 20])
        again = BasinHopping(start(), logfile=None, restart=path)
        self.assertEqual(again.progress.evaluations, 40, "saved when it ends")

    def test_restart_files_that_are_none(self):
        path = os.path.join(self.folder, "search")
        BasinHopping(start(), logfile=None, restart=path).run(evaluations=60)
        with open(path, "rb") as file:
            good = file.read()
        run = good.index(b"run.h5")
        bad = [
            (b"", hop.FormatError),
            (b'{"format": "hop-evaluations-1"}\n', hop.FormatError),
            (good[: len(good) // 2], hop.CorruptError),
            (good[:-1], hop.CorruptError),
            (good[: run + 3000] + b"x" + good[run + 3001 :], hop.CorruptError),
        ]
        for data, problem in bad:
            with open(path, "wb") as file:
                file.write(data)
            with self.assertRaisesRegex(problem, path) as caught:
                BasinHopping(start(), logfile=None, restart=path)
            self.assertEqual(str(caught.exception).count(path), 1)
        with zipfile.ZipFile(path, "w") as parts:
            parts.writestr("other", "text")
        with self.assertRaisesRegex(hop.FormatError, path):
            BasinHopping(start(), logfile=None, restart=path)
        with open(path, "wb") as file:
            file.write(good)
        search = BasinHopping(start(), logfile=None, restart=path)
        self.assertEqual(search.progress.evaluations, 60)

    def test_restart_file_cannot_be_written(self):
        path = os.path.join(self.folder, "nowhere", "search")
        search = BasinHopping(start(), logfile=None, restart=path)
        with self.assertRaisesRegex(hop.FileError, "nowhere"):
            search.run(evaluations=5)
        os.mkdir(os.path.dirname(path))
        search.run(evaluations=4)
        self.assertEqual(os.listdir(os.path.dirname(path)), ["search"])
        whole = BasinHopping(start(), logfile=None)
        whole.run(evaluations=search.progress.evaluations)
        self.assert_same_search(search, whole)
        os.remove(path)
        os.rmdir(os.path.dirname(path))
        with self.assertLogs("hop", "WARNING") as logs:
            with self.assertRaisesRegex(ZeroDivisionError, "mine"):
                with mock.patch("hop.ase._saved.SELDOM", 1e9):
                    search.run(evaluations=5, callback=self.fail_with_mine)
        self.assertIn("nowhere", logs.output[0])

    def test_same_seed_same_search(self):
        for kind in KINDS:
            ends = []
            for seed in (1, 1, 2):
                search = kind(start(), seed=seed, logfile=None)
                search.run(hops=4)
                now = search.progress
                self.assertEqual(now.quenches, 4)
                ends.append((search.best.positions.tobytes(), now.evaluations))
            self.assertEqual(ends[0], ends[1])
            # both may have found the same minimum, not on the same way
            self.assertNotEqual(ends[0], ends[2])

    def test_slab_with_fixed_atoms(self):
        slab = ase.build.fcc111("Pt", (2, 2, 2), vacuum=6.0)
        ase.build.add_adsorbate(slab, "Cu", 2.0, "ontop")
        slab.set_constraint(ase.constraints.FixAtoms(range(8)))
        slab.calc = EMT()
        before = slab.positions.copy()
        search = BasinHopping(slab, logfile=None)
        search.run(evaluations=150)
        self.assertTrue((slab.positions[:8] == before[:8]).all())
        self.assertFalse((slab.positions[8] == before[8]).all())
        self.assertTrue(search.minima)

    def test_cell_that_relaxes(self):
        crystal = hop.Structure.from_ase(ase.build.bulk("Ag", cubic=True, a=4.3))
        crystal.positions[...] += np.random.default_rng(1).normal(0, 0.05, (4, 3))
        potential = hop.Potential.builtin("AgAu-cutoff.gupta")
        # of all atoms: ASE does not tell their energies, by which some would be chosen
        moves = {"range": 0, "relocate_weight": 0, "insert_weight": 0, "twist_weight": 0}
        options = {"cell": 1, "pressure": 0.02, "smax": 1e-5, "seed": 3, **moves}
        alone = hop.Optimizer(
            "basin-hopping", crystal.copy(), potential, max_evaluations=120, polish=0, **options
        )
        alone.run()
        atoms = crystal.to_ase()
        atoms.calc = Gupta("AgAu-cutoff")
        atoms.get_potential_energy()
        search = BasinHopping(atoms, logfile=None, **options)
        self.assertAlmostEqual(search.run(evaluations=120), alone.progress.best_energy, 6)
        self.assertLess(atoms.get_volume(), 4.15**3, "it was 4.3 wide")
        np.testing.assert_allclose(search.best.cell, alone.best.cell, atol=1e-4)
        np.testing.assert_array_equal(search.best.cell, atoms.cell)
        for minimum in search.minima[:3]:
            again = minimum.atoms.copy()
            again.calc = Gupta("AgAu-cutoff")
            self.assertAlmostEqual(again.get_potential_energy(), minimum.energy, 9)
            self.assertNotEqual(again.cell.lengths()[0], 4.3)

    def test_limits(self):
        with self.assertRaisesRegex(hop.ArgumentError, "no limit"):
            BasinHopping(start(), logfile=None).run()
        for keywords in ({"evaluations": -5}, {"hops": -1}):
            with self.assertRaisesRegex(hop.ArgumentError, "expected 0 or more, got -"):
                BasinHopping(start(), logfile=None).run(**keywords)
        search = BasinHopping(start(), logfile=None, max_evaluations=50)
        search.run()
        self.assertRegex(repr(search), "BasinHopping Au3Cu4: 50 evaluations, .* minima")
        self.assertEqual(search.progress.evaluations, 50)
        self.assertEqual(search.outcome, hop.Status.MAX_EVALUATIONS)
        polished = BasinHopping(start(), logfile=None, max_evaluations=50, polish=20)
        polished.run()
        self.assertEqual(polished.outcome, hop.Status.MAX_EVALUATIONS)
        search.set(max_evaluations=60)
        search.run()
        self.assertEqual(search.progress.evaluations, 60)
        search = BasinHopping(start(), logfile=None, target=100.0)
        search.run()
        self.assertEqual(search.outcome, hop.Status.TARGET)
        with self.assertRaisesRegex(hop.ArgumentError, "nothing"):
            BasinHopping(start(), logfile=None, nothing=1)
        with self.assertRaises(hop.UnsupportedError):
            atoms = start()
            atoms.set_constraint(ase.constraints.FixBondLength(0, 1))
            BasinHopping(atoms)

    def test_exceptions(self):
        class Sometimes(EMT):
            calls, what = 0, CalculationFailed("no convergence")

            def calculate(self, *arguments, **keywords):
                self.calls += 1
                if self.calls % 20 == 10:
                    raise self.what
                super().calculate(*arguments, **keywords)

        for what in (Sometimes.what, hop.NonfiniteError("atoms 0 and 1 are 0 apart")):
            atoms = start(calculator=Sometimes())
            atoms.calc.what = what
            search = BasinHopping(atoms, logfile=None)
            search.run(evaluations=100)
            self.assertEqual(search.progress.evaluations, 100)
            self.assertTrue(search.minima)
        atoms = start(calculator=Sometimes())
        atoms.calc.what = KeyboardInterrupt("by the user")
        search = BasinHopping(atoms, logfile=None)
        for _ in range(3):
            with self.assertRaisesRegex(KeyboardInterrupt, "by the user"):
                search.run(evaluations=100)
            self.assertTrue(np.isfinite(atoms.positions).all())
        whole = BasinHopping(start(), logfile=None)
        whole.run(evaluations=search.progress.evaluations)
        self.assertEqual(
            whole.best.positions.tobytes(), search.best.positions.tobytes()
        )
        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            search.run(evaluations=5, callback=self.fail_with_mine)

    @staticmethod
    def fail_with_mine(_progress):
        raise ZeroDivisionError("mine")

    def test_irun(self):
        seen = []
        for progress in LearnedSearch(start(), logfile=None).irun(evaluations=30):
            seen.append(progress.evaluations)
        self.assertEqual(seen, list(range(1, 31)))


if __name__ == "__main__":
    unittest.main()
