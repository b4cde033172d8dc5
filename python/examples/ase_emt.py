"""
Any ASE calculator as the source of energies, here EMT: relax a cluster with libhop's
optimizers and ASE's BFGS, then search: ase_emt.py [FORMULA] [EVALUATIONS].
"""

import sys
from typing import Any

import hop
from ase.calculators.emt import EMT
from ase.optimize import BFGS
from hop.ase import FIRE, LBFGS, LearnedOptimizer, LearnedSearch


def cluster(formula: str) -> Any:
    """A random cluster as ASE's Atoms."""
    atoms = hop.Structure.random(formula, seed=1).to_ase()
    atoms.calc = EMT()
    return atoms


def main(formula: str = "Cu13", evaluations: str = "1000") -> None:
    for kind in (LearnedOptimizer, LBFGS, FIRE, BFGS):
        atoms = cluster(formula)
        optimizer = kind(atoms, logfile=None)
        optimizer.run(fmax=0.01, steps=1000)
        name = f"{kind.__module__.split('.')[0]} {kind.__name__}"
        print(
            f"{name:20s} {optimizer.nsteps + 1:4d} force calls,"
            f" {atoms.get_potential_energy():.4f} eV"
        )

    # killed and started again, it goes on where it was
    atoms = cluster(formula)
    search = LearnedSearch(atoms, seed=1, restart="emt.search", logfile=None)
    best = search.run(evaluations=int(evaluations))
    print(f"search: {best:.4f} eV, {len(search.minima)} different minima")
    atoms.write("emt.xyz")


if __name__ == "__main__":
    main(*sys.argv[1:])
