"""
Search for the lowest-energy structure of a nanoparticle:
search.py [FORMULA] [EVALUATIONS] [MODEL.h5].
"""

import sys
from typing import Optional

import hop


def main(
    formula: str = "Ag19Au19", evaluations: str = "20000", model: Optional[str] = None
) -> None:
    potential = hop.Potential.builtin("AgAu.gupta")
    weights = hop.Model.load(model) if model else None
    best = None
    for seed in range(1, 4):
        atoms = hop.Structure.random(formula, potential, seed)
        optimizer = hop.Optimizer(
            "learned" if weights else "basin-hopping",
            atoms,
            potential,
            weights,
            max_evaluations=int(evaluations),
            seed=seed,
        )
        for progress in optimizer.iterate():
            if progress.evaluations % 5000 == 0:
                print(
                    f"seed {seed}: {progress.best_energy:.4f} eV after "
                    f"{progress.evaluations} evaluations, {progress.quenches} quenches"
                )
        print(f"seed {seed}: {atoms.energy:.6f} eV in the end")
        if best is None or atoms.energy < best.energy:
            best = atoms
    assert best is not None
    best.write("best.xyz")
    print(f"best.xyz: {best}")


if __name__ == "__main__":
    main(*sys.argv[1:])
