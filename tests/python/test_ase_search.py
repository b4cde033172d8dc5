"""hop.ase's searches over ASE's calculators."""

import io
import os
import tempfile
import unittest

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
                self.assertLessEqual(largest, search._loose())
                again = minimum.atoms.copy()
                again.calc = EMT()
                self.assertAlmostEqual(again.get_potential_energy(), minimum.energy, 9)
            self.assertEqual(len(ase.io.read(path, ":", format="traj")), len(minima))
            self.assertIn("lowest", log.getvalue())

    def test_restart_is_exact(self):
        for kind in KINDS:
            whole = kind(start(), seed=5, logfile=None)
            whole.run(evaluations=300)
            path = os.path.join(self.folder, kind.__name__)
            for evaluations in (1, 57, 142, 100):
                search = kind(start(), seed=5, logfile=None, restart=path)
                search.run(evaluations=evaluations)
                with open(path, "a") as file:
                    file.write('{"x": 1.5, "e":')  # killed while writing
            self.assertEqual(search.progress.evaluations, 300)
            self.assertEqual(
                search.best.positions.tobytes(), whole.best.positions.tobytes()
            )
            self.assertEqual(
                [(m.energy, m.visits) for m in search.minima],
                [(m.energy, m.visits) for m in whole.minima],
            )
            for keywords in ({"seed": 6}, {"seed": 5, "temperature": 0.1}):
                with self.assertRaisesRegex(hop.ArgumentError, "options"):
                    kind(start(), logfile=None, restart=path, **keywords)
            with self.assertRaisesRegex(hop.ArgumentError, "Cu4Au3|start|atoms"):
                kind(start(3), seed=5, logfile=None, restart=path)

    def test_same_seed_same_search(self):
        for kind in KINDS:
            bests = []
            for seed in (1, 1, 2):
                search = kind(start(), seed=seed, logfile=None)
                search.run(hops=4)
                self.assertEqual(search.progress.quenches, 4)
                bests.append(search.best.positions.tobytes())
            self.assertEqual(bests[0], bests[1])
            self.assertNotEqual(bests[0], bests[2])

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

    def test_limits(self):
        with self.assertRaisesRegex(hop.ArgumentError, "no limit"):
            BasinHopping(start(), logfile=None).run()
        search = BasinHopping(start(), logfile=None, max_evaluations=50)
        search.run()
        self.assertEqual(search.progress.evaluations, 50)
        self.assertEqual(search.outcome, hop.Status.MAX_EVALUATIONS)
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

        search = BasinHopping(start(calculator=Sometimes()), logfile=None)
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
