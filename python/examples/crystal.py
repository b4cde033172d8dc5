"""
Relax a crystal with its cell under pressure: crystal.py POTENTIAL IN OUT [GPA]; files as
POSCAR, LAMMPS data or extended XYZ, by their names.
"""

import sys

import hop
import numpy as np

GPA = 0.00624150907  # eV/angstrom^3


def main(name: str, source: str, target: str, pressure: str = "0") -> None:
    known = name in hop.potentials()
    potential = hop.Potential.builtin(name) if known else hop.Potential.load(name)
    atoms = hop.Structure.read(source)
    optimizer = hop.Optimizer(
        "lbfgs", atoms, potential, cell=1, pressure=float(pressure) * GPA, fmax=1e-4, smax=1e-6
    )
    outcome = optimizer.run()
    atoms.write(target)
    lengths = np.linalg.norm(atoms.cell, axis=1)
    print(
        f"{outcome.text}: {atoms.energy:.6f} eV, vectors of"
        f" {lengths[0]:.5f} {lengths[1]:.5f} {lengths[2]:.5f} angstrom,"
        f" pressure {-atoms.stress[:3].mean() / GPA:.4f} GPa after"
        f" {optimizer.progress.evaluations} evaluations"
    )


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
