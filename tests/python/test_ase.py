"""Structures to and from ASE."""

import unittest

import numpy as np
from support import cluster, hop

try:
    import ase.build
    import ase.constraints
    import ase.units
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


if __name__ == "__main__":
    unittest.main()
