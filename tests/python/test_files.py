"""POSCAR and LAMMPS data as ASE reads and writes them."""

import inspect
import tempfile
import unittest
from pathlib import Path

import numpy as np
from support import hop

try:
    import ase.build
    import ase.constraints
    import ase.io
    import ase.io.lammpsdata
except ImportError:
    ase = None


def takes(function, keyword):
    return keyword in inspect.signature(function).parameters


@unittest.skipIf(ase is None, "ASE is not installed")
class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def alloy(self):
        """A triclinic cell that stands anyhow."""
        atoms = ase.build.bulk("Ag", "fcc", a=4.1) * (2, 2, 2)
        atoms.numbers[:3] = 79
        atoms.rattle(0.1, seed=1)
        atoms.set_cell(atoms.cell @ np.array([[1, 0.1, 0], [0.2, 1, 0.1], [0, 0, 1.1]]))
        return atoms

    def energy(self, structure):
        hop.Potential.builtin("AgAu-cutoff.gupta").evaluate(structure)
        return structure.energy

    def check(self, structure, atoms, delta=1e-8):
        self.assertAlmostEqual(
            self.energy(structure),
            self.energy(hop.Structure.from_ase(atoms)),
            delta=delta,
        )

    def test_poscar_of_ase(self):
        for direct in (True, False):
            atoms = self.alloy()
            atoms.set_constraint(ase.constraints.FixAtoms([0, 5]))
            path = self.folder / "POSCAR"
            ase.io.write(path, atoms, format="vasp", direct=direct)
            structure = hop.Structure.read(path)
            self.assertEqual(structure.symbols, atoms.get_chemical_symbols())
            np.testing.assert_allclose(structure.positions, atoms.positions, atol=1e-9)
            np.testing.assert_allclose(structure.cell, atoms.cell.array, atol=1e-9)
            self.assertEqual(np.flatnonzero(structure.fixed).tolist(), [0, 5])

    def test_poscar_for_ase(self):
        structure = hop.Structure.from_ase(self.alloy())
        structure.fixed[2] = True
        path = self.folder / "CONTCAR"
        structure.write(path)
        atoms = ase.io.read(path, format="vasp")
        self.assertEqual(atoms.get_chemical_symbols(), structure.symbols)
        np.testing.assert_allclose(atoms.positions, structure.positions, atol=1e-12)
        np.testing.assert_allclose(atoms.cell.array, structure.cell, atol=1e-12)
        self.assertEqual(atoms.constraints[0].index.tolist(), [2])

    def test_lammps_of_ase(self):
        if not takes(ase.io.lammpsdata.write_lammps_data, "masses"):
            self.skipTest("this ASE writes no masses, which say the elements")
        atoms = self.alloy()
        path = self.folder / "a.data"
        ase.io.lammpsdata.write_lammps_data(
            path, atoms, specorder=["Ag", "Au"], masses=True, atom_style="atomic"
        )
        structure = hop.Structure.read(path)
        self.assertEqual(structure.symbols, atoms.get_chemical_symbols())
        self.check(structure, atoms)

    def test_lammps_for_ase(self):
        structure = hop.Structure.from_ase(self.alloy())
        path = self.folder / "a.data"
        structure.write(path)
        keywords = {"atom_style": "atomic"}
        if not takes(ase.io.lammpsdata.read_lammps_data, "atom_style"):  # ASE 3.22
            keywords = {"style": "atomic", "sort_by_id": True, "Z_of_type": {1: 47, 2: 79}}
        atoms = ase.io.read(path, format="lammps-data", **keywords)
        self.assertEqual(atoms.get_chemical_symbols(), structure.symbols)
        self.check(structure, atoms)
        again = hop.Structure.read(path)
        np.testing.assert_allclose(again.positions, atoms.positions, atol=1e-12)
        np.testing.assert_allclose(again.cell, atoms.cell.array, atol=1e-12)


if __name__ == "__main__":
    unittest.main()
