"""hop.ase's optimizers over ASE's calculators, filters, constraints, bands."""

import io
import os
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
from support import hop

try:
    import ase.build
    import ase.calculators.lj
    import ase.cluster
    import ase.constraints
    import ase.io
    import ase.optimize
    from ase.calculators.calculator import Calculator
    from ase.calculators.emt import EMT
    from hop.ase import FIRE, LBFGS, Gupta, LearnedOptimizer
except ImportError:
    ase = None
else:
    try:
        from ase import filters
        from ase.mep import NEB
    except ImportError:  # before ASE 3.23
        from ase import constraints as filters
        from ase.neb import NEB
    KINDS = (LBFGS, FIRE, LearnedOptimizer)


def counting(calculator):
    """The calculator, which counts in `calls`."""
    evaluate = calculator.calculate
    calculator.calls = 0

    def calculate(*arguments, **keywords):
        calculator.calls += 1
        evaluate(*arguments, **keywords)

    calculator.calculate = calculate
    return calculator


def rattled(atoms, size=0.1, seed=1, calculator=None):
    atoms.rattle(size, seed=seed)
    atoms.calc = calculator or EMT()
    return atoms


def cluster(seed=1):
    return rattled(ase.cluster.Icosahedron("Cu", 2), 0.3, seed)


def crystal(seed=1):
    return rattled(ase.build.bulk("Cu", cubic=True) * 2, 0.1, seed)


def strained(seed=1):
    atoms = rattled(ase.build.bulk("Cu", cubic=True), 0.05, seed)
    strain = np.eye(3) + 0.03 * np.random.default_rng(seed).normal(size=(3, 3))
    atoms.set_cell(atoms.cell @ strain, scale_atoms=True)
    return atoms


def slab(seed=1):
    atoms = ase.build.fcc111("Al", (2, 2, 4), vacuum=8.0)
    ase.build.add_adsorbate(atoms, "Au", 1.7, "fcc")
    atoms.set_constraint(ase.constraints.FixAtoms(mask=atoms.positions[:, 2] < 11))
    return rattled(atoms, 0.1, seed)


def largest(target):
    return np.linalg.norm(target.get_forces(), axis=1).max()


@unittest.skipIf(ase is None, "ASE is not installed")
class Relaxing(unittest.TestCase):
    def relax(self, kind, target, fmax=0.01, steps=600, **keywords):
        optimizer = kind(target, logfile=None, **keywords)
        self.assertTrue(optimizer.run(fmax=fmax, steps=steps), kind.__name__)
        self.assertLess(largest(target), fmax)
        return optimizer

    def test_crystal(self):
        perfect = ase.build.bulk("Cu", cubic=True) * 2
        perfect.calc = EMT()
        for kind in KINDS:
            atoms = crystal()
            self.relax(kind, atoms)
            error = atoms.get_potential_energy() - perfect.get_potential_energy()
            self.assertLess(abs(error), 1.75e-5 * len(atoms))

    def test_cluster(self):
        for kind in KINDS:
            atoms = cluster()
            self.relax(kind, atoms, fmax=1e-4)
            lowest = ase.cluster.Icosahedron("Cu", 2)
            lowest.calc = EMT()
            self.relax(LBFGS, lowest, fmax=1e-4)
            self.assertAlmostEqual(
                atoms.get_potential_energy(), lowest.get_potential_energy(), 5
            )

    def test_fixed_atoms(self):
        for kind in KINDS:
            atoms = slab()
            before = atoms.positions.copy()
            self.relax(kind, atoms)
            held = atoms.constraints[0].index
            self.assertTrue((atoms.positions[held] == before[held]).all())
            self.assertEqual(len(atoms), 17)

    def test_cell_filters(self):
        names = ["UnitCellFilter", "FrechetCellFilter", "StrainFilter"]
        if not hasattr(filters, "FrechetCellFilter"):  # which took its place
            names[1] = "ExpCellFilter"
        for kind in KINDS:
            # FIRE's many steps would spend half a minute in the matrix exponentials
            for name in names if kind is not FIRE else (names[0], names[2]):
                with self.subTest(f"{kind.__name__} {name}"):
                    atoms = strained()
                    if name == "StrainFilter":
                        atoms.set_scaled_positions(
                            ase.build.bulk("Cu", cubic=True).get_scaled_positions()
                        )
                    target = getattr(filters, name)(atoms)
                    self.relax(kind, target, fmax=0.002)
                    self.assertLess(abs(atoms.get_stress()).max(), 2e-3)
                    lengths = atoms.cell.lengths()
                    np.testing.assert_allclose(lengths, 3.59, atol=0.01)

    def test_cell_filter_over_fixed_atoms_and_part_of_the_atoms(self):
        for kind in KINDS:
            atoms = strained()
            atoms.set_constraint(ase.constraints.FixAtoms([0]))
            self.relax(kind, filters.UnitCellFilter(atoms))
            atoms = cluster()
            before = atoms.positions.copy()
            self.relax(kind, filters.Filter(atoms, indices=[2, 5, 7]))
            moved = (atoms.positions != before).any(axis=1)
            self.assertEqual(np.flatnonzero(moved).tolist(), [2, 5, 7])

    def test_constraints(self):
        for kind in KINDS:
            for make in (
                lambda: ase.constraints.FixBondLength(0, 1),
                lambda: ase.constraints.FixedPlane(0, (1, 1, 0)),
                lambda: ase.constraints.FixedLine(3, (0, 1, 0)),
                lambda: ase.constraints.FixCom(),
            ):
                constraint = make()
                with self.subTest(f"{kind.__name__} {type(constraint).__name__}"):
                    atoms = cluster(3)
                    atoms.set_constraint(constraint)
                    length = atoms.get_distance(0, 1)
                    centre = atoms.get_center_of_mass()
                    self.relax(kind, atoms, fmax=0.02)
                    if isinstance(constraint, ase.constraints.FixCom):
                        np.testing.assert_allclose(
                            atoms.get_center_of_mass(), centre, atol=1e-9
                        )
                    elif "Bond" in type(constraint).__name__:
                        self.assertAlmostEqual(atoms.get_distance(0, 1), length, 6)

    def test_band(self):
        for kind in KINDS:
            first = ase.build.fcc100("Al", (2, 2, 2), vacuum=8.0)
            ase.build.add_adsorbate(first, "Au", 1.7, "hollow")
            first.set_constraint(ase.constraints.FixAtoms(mask=first.positions[:, 2] < 11))
            last = first.copy()
            last.positions[-1, 0] += last.cell[0, 0] / 2
            for end in (first, last):
                end.calc = EMT()
                self.relax(LBFGS, end, fmax=0.02)
            images = [first, *(first.copy() for _ in range(3)), last]
            for image in images[1:-1]:
                image.calc = EMT()
            band = NEB(images)
            band.interpolate()
            optimizer = kind(band, logfile=None)
            self.assertTrue(optimizer.run(fmax=0.05, steps=300), kind.__name__)
            barrier = images[2].get_potential_energy() - first.get_potential_energy()
            self.assertTrue(0.1 < barrier < 1.0, barrier)

    def test_molecule(self):
        for kind in KINDS:
            atoms = rattled(ase.build.molecule("CH3CH2OH"), 0.1)
            self.relax(kind, atoms)

    def test_alien_units(self):
        """Energies a hundred times smaller, and larger, than of any metal."""
        for kind in KINDS:
            for epsilon in (1e-2, 1.0, 100.0):
                atoms = ase.cluster.Icosahedron("Ar", 3)
                atoms.positions *= 1.05
                calculator = ase.calculators.lj.LennardJones(
                    epsilon=epsilon, sigma=3.4, rc=30.0
                )
                rattled(atoms, 0.3, calculator=counting(calculator))
                self.relax(kind, atoms, fmax=1e-2 * epsilon)
                limit = 220 if kind is FIRE else 60
                self.assertLess(calculator.calls, limit, f"{kind.__name__} {epsilon}")

    def test_scales_are_taken(self):
        atoms = cluster()
        optimizer = self.relax(LBFGS, atoms, scales=(2.5, 3.0, 2.0))
        self.assertEqual(optimizer.scales, (2.5, 3.0, 2.0))
        atoms = hop.Structure.random("Ag13", seed=1).to_ase()
        atoms.calc = Gupta("Ag")
        atoms.get_potential_energy()
        theirs = Gupta("Ag")
        theirs.atoms = atoms
        self.assertEqual(
            LBFGS(atoms, logfile=None).scales, atoms.calc.potential.scales("Ag")
        )
        for scales in ((1, 2), (1, 2, 0), "abc", (1, 2, np.nan)):
            with self.assertRaisesRegex(hop.ArgumentError, "scales"):
                LBFGS(atoms, logfile=None, scales=scales)

    def test_maxstep(self):
        for kind in (LBFGS, FIRE):
            atoms = cluster()
            optimizer = kind(atoms, logfile=None, maxstep=0.03)
            for _ in optimizer.irun(fmax=0.01, steps=20):
                before = atoms.positions.copy()
                optimizer.step()
                moves = np.linalg.norm(atoms.positions - before, axis=1)
                self.assertLess(moves.max(), 0.03 + 1e-9)


@unittest.skipIf(ase is None, "ASE is not installed")
class Manners(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_one_evaluation_for_each_step(self):
        for kind in KINDS:
            atoms = cluster()
            atoms.calc = counting(EMT())
            optimizer = kind(atoms, logfile=None)
            optimizer.run(fmax=0.01)
            self.assertEqual(atoms.calc.calls, optimizer.nsteps + 1)

    def test_irun_log_and_trajectory(self):
        for kind in KINDS:
            atoms, log = cluster(), io.StringIO()
            path = self.path(kind.__name__ + ".traj")
            optimizer = kind(atoms, logfile=log, trajectory=path)
            seen = list(optimizer.irun(fmax=0.05))
            self.assertTrue(seen[-1])
            frames = ase.io.read(path, ":")
            self.assertEqual(len(frames), optimizer.nsteps + 1)
            self.assertEqual(
                frames[-1].get_potential_energy(), atoms.get_potential_energy()
            )
            lines = [line for line in log.getvalue().splitlines() if kind.__name__ in line]
            self.assertEqual(len(lines), optimizer.nsteps + 1)
            with ase.io.Trajectory(path) as file:
                self.assertEqual(file.description["optimizer"], kind.__name__)
            self.assertFalse(kind(cluster(), logfile=None).run(fmax=1e-9, steps=3))

    def test_options_are_keywords(self):
        optimizer = LBFGS(cluster(), logfile=None, memory=5, max_rise=0.1)
        self.assertEqual(optimizer.todict()["memory"], 5)
        optimizer.run(fmax=0.01)
        optimizer = FIRE(cluster(), logfile=None, dt=0.2, append_trajectory=True)
        optimizer.run(fmax=0.05)
        with self.assertRaisesRegex(TypeError, "memroy"):
            LBFGS(cluster(), logfile=None, memroy=5)
        for name in ("quenches", "fmax", "max_evaluations", "target", "cell", "seed"):
            with self.assertRaisesRegex(hop.ArgumentError, name + " is for runs of libhop"):
                LBFGS(cluster(), logfile=None, **{name: 1})
        with self.assertRaisesRegex(hop.ArgumentError, "abort"):
            LearnedOptimizer(cluster(), logfile=None, abort=1)
        with self.assertRaisesRegex(hop.ArgumentError, "memory"):
            LBFGS(cluster(), logfile=None, memory=-1).run()

    def test_model(self):
        steps = []
        for model in (None, hop.Model(), hop.Model.pretrained(), None):
            atoms = cluster()
            optimizer = LearnedOptimizer(atoms, logfile=None, model=model)
            optimizer.run(fmax=0.001)
            steps.append((optimizer.nsteps, atoms.positions.tobytes()))
        self.assertEqual(steps[0], steps[2])
        self.assertEqual(steps[0], steps[3])
        self.assertNotEqual(steps[0][1], steps[1][1])

    def test_restart_goes_on_as_if_never_stopped(self):
        for kind in KINDS:
            whole = cluster()
            kind(whole, logfile=None).run(fmax=1e-4)
            path = self.path(kind.__name__ + ".restart")
            atoms, steps = cluster(), 0
            while True:
                optimizer = kind(atoms, restart=path, logfile=None)
                if optimizer.run(fmax=1e-4, steps=7):
                    break
                steps += 1
                with open(path, "a") as file:
                    file.write('{"e": 1.0, "x": "AAAA')  # killed while writing
                again = atoms.copy()
                again.calc = EMT()
                atoms = again
            self.assertGreater(steps, 1)
            self.assertEqual(atoms.positions.tobytes(), whole.positions.tobytes())

    def test_restart_of_a_cell(self):
        for kind in KINDS:
            whole = strained()
            kind(filters.UnitCellFilter(whole), logfile=None).run(fmax=1e-3)
            atoms, path = strained(), self.path(kind.__name__)
            for _ in range(200):
                target = filters.UnitCellFilter(atoms)
                optimizer = kind(target, restart=path, logfile=None)
                if optimizer.run(fmax=1e-3, steps=5):
                    break
                again = atoms.copy()
                again.calc = EMT()
                atoms = again
            np.testing.assert_allclose(atoms.positions, whole.positions, atol=1e-6)
            np.testing.assert_allclose(atoms.cell, whole.cell, atol=1e-6)

    def test_what_is_no_restart_file_stays_as_it_is(self):
        path = self.path("other")
        ase.optimize.BFGS(cluster(), restart=path, logfile=None).run(fmax=0.5)
        for data in (Path(path).read_bytes(), b"one line\nand half"):
            Path(path).write_bytes(data)
            with self.assertRaisesRegex(hop.FormatError, path + ": expected a restart"):
                LBFGS(cluster(), restart=path, logfile=None)
            self.assertEqual(Path(path).read_bytes(), data)

    def test_restart_file_that_was_never_begun(self):
        whole, path = cluster(), self.path("torn")
        LBFGS(whole, logfile=None).run(fmax=0.01)
        for data in (b"", b'{"form', b'{"format": "hop-evaluations-1", "kin'):
            Path(path).write_bytes(data)
            atoms = cluster()
            LBFGS(atoms, restart=path, logfile=None).run(fmax=0.01)
            self.assertEqual(atoms.positions.tobytes(), whole.positions.tobytes())

    def test_restart_of_something_else(self):
        path = self.path("other")
        LBFGS(cluster(), restart=path, logfile=None).run(fmax=0.5)
        with self.assertRaisesRegex(hop.ArgumentError, "lbfgs"):
            FIRE(cluster(), restart=path, logfile=None)
        with self.assertRaisesRegex(hop.ArgumentError, "32 rows"):
            LBFGS(crystal(), restart=path, logfile=None)
        with open(path, "w") as file:
            file.write("[1, 2]\n")
        with self.assertRaisesRegex(hop.FormatError, "restart file"):
            LBFGS(cluster(), restart=path, logfile=None)

    def test_replay_trajectory(self):
        if not hasattr(ase.optimize.optimize.Optimizer, "replay_trajectory"):
            self.skipTest("this ASE replays in BFGS only")
        whole, path = cluster(), self.path("run.traj")
        LBFGS(whole, logfile=None, trajectory=path).run(fmax=1e-3, steps=12)
        atoms = ase.io.read(path, -1)
        atoms.calc = EMT()
        optimizer = LBFGS(atoms, logfile=None)
        optimizer.replay_trajectory(path)
        optimizer.run(fmax=1e-5)
        LBFGS(whole, logfile=None).run(fmax=1e-5)
        self.assertAlmostEqual(
            atoms.get_potential_energy(), whole.get_potential_energy(), 6
        )

    def test_nothing_to_move(self):
        for kind in KINDS:
            atoms = cluster()
            atoms.set_constraint(ase.constraints.FixAtoms(range(len(atoms))))
            before = atoms.positions.copy()
            optimizer = kind(atoms, logfile=None)
            self.assertTrue(optimizer.run(fmax=0.01, steps=3))
            with self.assertWarnsRegex(UserWarning, "no further progress"):
                optimizer.run(fmax=0.0, steps=3)
            self.assertTrue((atoms.positions == before).all())
        with self.assertRaisesRegex(TypeError, "expected atoms, a filter or a band, got 'Cu'"):
            LBFGS("Cu")

    def test_atoms_moved_by_somebody_else(self):
        for kind in KINDS:
            atoms = cluster()
            optimizer = kind(atoms, logfile=None)
            self.assertTrue(optimizer.run(fmax=0.01))
            for seed in range(2, 5):
                atoms.rattle(0.2, seed=seed)
                self.assertTrue(optimizer.run(fmax=0.01, steps=500))
                self.assertLess(largest(atoms), 0.01)

    def test_no_further_progress(self):
        for kind in KINDS:
            atoms = ase.build.molecule("N2")
            atoms.calc = EMT()
            optimizer = kind(atoms, logfile=None)
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                done = optimizer.run(fmax=1e-30, steps=20000)
            if not done:
                self.assertIn("no further progress", str(seen[-1].message))
            self.assertLess(optimizer.nsteps, 20000)

    def test_what_the_calculator_raises(self):
        class Failing(EMT):
            def calculate(self, *arguments, **keywords):
                raise KeyboardInterrupt("by the user")

        for kind in KINDS:
            atoms = cluster()
            optimizer = kind(atoms, logfile=None)
            optimizer.run(fmax=0.01, steps=3)
            atoms.calc = Failing()
            with self.assertRaisesRegex(KeyboardInterrupt, "by the user"):
                optimizer.run(fmax=0.01)
            atoms.calc = EMT()
            self.assertTrue(optimizer.run(fmax=0.01, steps=500))

    def test_nan_comes_nearer(self):
        class Hole(Calculator):
            """A harmonic well that cannot be evaluated far to the left."""

            implemented_properties = ["energy", "forces"]

            def calculate(self, *arguments, **keywords):
                super().calculate(*arguments, **keywords)
                x = self.atoms.positions
                bad = x.min() < -0.01
                energy = np.nan if bad else 50 * (x**2).sum()
                self.results = {
                    "energy": energy,
                    "forces": np.full_like(x, np.nan) if bad else -100 * x,
                }

        for kind in KINDS:
            atoms = ase.Atoms("Cu", positions=[[0.5, 0.3, 0.2]])
            atoms.calc = Hole()
            self.assertTrue(kind(atoms, logfile=None).run(fmax=0.05, steps=500))


if __name__ == "__main__":
    unittest.main()
