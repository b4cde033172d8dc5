"""Reference energies, forces and stress (tests/data/oracle), read without libhop."""

import re
import unittest

import numpy as np
from support import DATA, ROOT, hop

ORACLE = DATA / "oracle"


def cases():
    for line in (ORACLE / "cases.txt").read_text().splitlines():
        name, potential = line.split()
        folder = ROOT / "potentials" if potential == "Si.sw" else ORACLE
        yield name, folder / potential


def reference(name):
    """symbols, positions, forces, and the second line's keys"""
    lines = (ORACLE / (name + ".xyz")).read_text().splitlines()
    keys = {
        key: quoted or bare
        for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', lines[1])
    }
    rows = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    numbers = np.array([[float(x) for x in row[1:]] for row in rows])
    return [row[0] for row in rows], numbers[:, :3], numbers[:, 3:6], keys


def structure_of(symbols, positions, keys):
    cell = [float(x) for x in keys["Lattice"].split()] if "Lattice" in keys else None
    pbc = [flag == "T" for flag in keys["pbc"].split()]
    return hop.Structure(symbols, positions, cell=cell, pbc=pbc)


class Oracle(unittest.TestCase):
    def test_energies_forces_stress(self):
        count = 0
        for name, parameters in cases():
            with self.subTest(name):
                symbols, positions, forces, keys = reference(name)
                structure = structure_of(symbols, positions, keys)
                energy = hop.Potential.load(parameters).evaluate(structure)
                expected = float(keys["energy"])
                self.assertLessEqual(abs(energy - expected), 1e-10 * abs(expected))
                np.testing.assert_allclose(structure.forces, forces, rtol=0, atol=1e-8)
                if structure.pbc.all():
                    volume = abs(np.linalg.det(structure.cell))
                    virial = np.array([float(x) for x in keys["virial"].split()])
                    np.testing.assert_allclose(
                        structure.stress, -virial / volume, rtol=0, atol=1e-8
                    )
                count += 1
        self.assertEqual(count, len(list(ORACLE.glob("*.xyz"))))

    def test_files_are_read_as_they_stand(self):
        for name, _ in cases():
            with self.subTest(name):
                symbols, positions, forces, keys = reference(name)
                structure = hop.Structure.read(ORACLE / (name + ".xyz"))
                self.assertEqual(structure.symbols, symbols)
                self.assertEqual(structure.positions.tobytes(), positions.tobytes())
                self.assertEqual(structure.forces.tobytes(), forces.tobytes())
                self.assertEqual(structure.energy, float(keys["energy"]))
                made = structure_of(symbols, positions, keys)
                self.assertEqual(structure.cell.tobytes(), made.cell.tobytes())
                self.assertEqual(structure.pbc.tolist(), made.pbc.tolist())


if __name__ == "__main__":
    unittest.main()
