"""Structures to and from ASE."""

import tempfile
import unittest

import numpy as np
from support import cluster, hop

try:
    import ase.build
    import ase.calculators.calculator
    import ase.constraints
    import ase.data
    import ase.units
    import ase.vibrations
    from ase.calculators.emt import EMT
except ImportError:
    ase = None


@unittest.skipIf(ase is None, "ASE is not installed")
class Ase(unittest.TestCase):
    def test_round_trip(self):
        atoms = ase.build.bulk("Si", cubic=True)
        atoms.pbc = [True, True, False]
        atoms.rattle(0.1)
        atoms.set_constraint(ase.constraints.FixAtoms([1, 3]))
        structure = hop.Structure.from_ase(atoms)
        self.assertEqual(structure.symbols, atoms.get_chemical_symbols())
        self.assertTrue((structure.positions == atoms.positions).all())
        self.assertTrue((structure.cell == atoms.cell.array).all())
        self.assertEqual(structure.pbc.tolist(), [True, True, False])
        self.assertEqual(np.flatnonzero(structure.fixed).tolist(), [1, 3])
        again = structure.to_ase()
        self.assertEqual(again, atoms)
        self.assertEqual(again.constraints[0].index.tolist(), [1, 3])
        self.assertIsNone(again.calc)

    def test_results(self):
        atoms = ase.build.bulk("Si", cubic=True)
        atoms.rattle(0.1)
        structure = hop.Structure.from_ase(atoms)
        hop.Potential.builtin("Si.sw").evaluate(structure)
        again = structure.to_ase()
        self.assertEqual(again.get_potential_energy(), structure.energy)
        self.assertTrue((again.get_forces() == structure.forces).all())
        self.assertTrue((again.get_stress() == structure.stress).all())

    def test_stress_has_ase_sign_and_order(self):
        potential = hop.Potential.builtin("Si.sw")
        atoms = ase.build.bulk("Si", cubic=True)
        atoms.rattle(0.1)
        stress = self.evaluate(potential, atoms).stress
        h = 1e-5
        voigt = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
        for k, (i, j) in enumerate(voigt):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[i, j] += 0.5 * sign * h
                strain[j, i] += 0.5 * sign * h
                strained = atoms.copy()
                strained.set_cell(atoms.cell.array @ strain, scale_atoms=True)
                energies.append(self.evaluate(potential, strained).energy)
            slope = (energies[0] - energies[1]) / (2 * h * atoms.get_volume())
            self.assertAlmostEqual(stress[k], slope, delta=1e-7)

    def evaluate(self, potential, atoms):
        structure = hop.Structure.from_ase(atoms)
        potential.evaluate(structure)
        return structure

    def test_something_else(self):
        with self.assertRaisesRegex(TypeError, "expected ase.Atoms, got str"):
            hop.Structure.from_ase("Ag13.xyz")

    def test_other_constraints(self):
        atoms = ase.build.molecule("H2O")
        atoms.set_constraint(ase.constraints.FixBondLength(0, 1))
        with self.assertRaisesRegex(hop.UnsupportedError, "FixBondLength"):
            hop.Structure.from_ase(atoms)

    def test_cluster_has_no_cell(self):
        atoms = cluster(5).to_ase()
        self.assertFalse(atoms.pbc.any())
        self.assertEqual(atoms.cell.rank, 0)
        self.assertFalse(hop.Structure.from_ase(atoms).pbc.any())

    def test_calculators_are_potentials(self):
        potential = hop.Potential.from_ase(EMT())
        atoms = ase.build.bulk("Cu", cubic=True, a=3.8)
        atoms.rattle(0.05, seed=1)
        structure = self.evaluate(potential, atoms)
        atoms.calc = EMT()
        self.assertEqual(structure.energy, atoms.get_potential_energy())
        self.assertTrue((structure.forces == atoms.get_forces()).all())
        np.testing.assert_allclose(structure.stress, atoms.get_stress(), atol=1e-15)
        hop.Optimizer("lbfgs", structure, potential, cell=1, fmax=1e-4, smax=1e-6).run()
        np.testing.assert_allclose(structure.cell, 3.5896 * np.eye(3), atol=1e-3)
        alone = cluster(7)
        self.assertTrue(np.isfinite(potential.evaluate(alone)))
        self.assertTrue(np.isnan(alone.virial).all())
        found = hop.search("Cu7", potential, kind="basin-hopping", evaluations=300)
        self.assertAlmostEqual(found.best.energy, 6.5876, 3)
        units = {"length": 2.5, "energy": 3.0, "stiffness": 2.0}
        scales = hop.Potential.from_ase(EMT(), **units).scales("Cu")
        self.assertEqual(scales._asdict(), units)

    def test_what_calculators_raise(self):
        class Failing(EMT):
            what, calls = None, 0

            def calculate(self, *arguments, **keywords):
                self.calls += 1
                if self.calls % 10 == 5:
                    raise self.what
                super().calculate(*arguments, **keywords)

        calculator = Failing()
        calculator.what = ase.calculators.calculator.CalculationFailed("no convergence")
        potential = hop.Potential.from_ase(calculator)
        found = hop.search("Cu7", potential, kind="basin-hopping", evaluations=100)
        self.assertGreater(calculator.calls, 20)
        self.assertTrue(np.isfinite(found.best.energy))
        calculator.what = KeyboardInterrupt("by the user")
        with self.assertRaisesRegex(KeyboardInterrupt, "by the user"):
            hop.search("Cu7", potential, kind="basin-hopping", evaluations=100)
        for other in (cluster(3).to_ase(), "EMT", EMT):
            with self.assertRaisesRegex(TypeError, "expected an ASE calculator"):
                hop.Potential.from_ase(other)

    def test_masses(self):
        theirs = ase.data.atomic_masses
        for number in range(1, 93):
            if number in (43, 61) or 84 <= number <= 89:
                continue  # no stable isotope
            ours = hop.Structure([number]).masses[0]
            self.assertLess(abs(ours / theirs[number] - 1), 2e-4, number)

    def vibrations(self, atoms, potential, fixed=()):
        """The frequencies of ASE's finite differences, 1/cm, imaginary ones negative."""

        class Forces(ase.calculators.calculator.Calculator):
            implemented_properties = ["energy", "forces"]

            def calculate(self, atoms=None, properties=None, system_changes=None):
                super().calculate(atoms, properties, system_changes)
                structure = hop.Structure.from_ase(self.atoms)
                potential.evaluate(structure)
                forces = structure.forces.copy()
                self.results = {"energy": structure.energy, "forces": forces}

        atoms.calc = Forces()
        free = [k for k in range(len(atoms)) if k not in fixed]

        def hessian(delta):
            with tempfile.TemporaryDirectory() as folder:
                vibrations = ase.vibrations.Vibrations(
                    atoms, indices=free, delta=delta, nfree=4, name=folder + "/modes"
                )
                vibrations.run()
                return vibrations.get_vibrations().get_hessian_2d()

        # the error of four points falls as delta^4: half the step takes it away
        full, half = hessian(0.012), hessian(0.006)
        data = ase.vibrations.VibrationsData.from_2d(
            atoms, (16 * half - full) / 15, indices=free
        )
        found = data.get_frequencies()
        return np.sort(found.real - found.imag)

    def test_vibrations(self):
        for name, formula, fixed in (
            ("AgAu.gupta", "Ag19Au19", ()),
            ("AgAu.gupta", "Au38", ()),
            ("AgAu.gupta", "Ag10Au9", (0, 5, 7)),
            ("Si.sw", "Si11", ()),
        ):
            with self.subTest(formula):
                potential = hop.Potential.builtin(name)
                structure = hop.Structure.random(formula, potential, seed=5)
                hop.Optimizer("lbfgs", structure, potential, fmax=1e-9).run()
                structure.fixed[list(fixed)] = True
                modes = potential.normal_modes(structure)
                self.assertEqual(modes.zero, 0 if fixed else 6)
                self.assertEqual(modes.negative, 0)
                atoms = structure.to_ase()
                atoms.set_masses(structure.masses)
                theirs = self.vibrations(atoms, potential, fixed)
                self.assertEqual(len(theirs), len(modes.frequencies))
                np.testing.assert_allclose(
                    modes.frequencies[modes.zero :], theirs[modes.zero :], rtol=1e-6
                )
                np.testing.assert_array_less(abs(theirs[: modes.zero]), 0.1)


if __name__ == "__main__":
    unittest.main()
