"""Relax the structure in a file: relax.py POTENTIAL IN.xyz OUT.xyz [FMAX]."""

import sys

import hop


def main(name: str, source: str, target: str, fmax: str = "0.01") -> None:
    known = name in hop.potentials()
    potential = hop.Potential.builtin(name) if known else hop.Potential.load(name)
    atoms = hop.Structure.read(source)
    optimizer = hop.Optimizer("lbfgs", atoms, potential, fmax=float(fmax))
    outcome = optimizer.run()
    atoms.write(target)
    print(
        f"{outcome.text}: {atoms.energy:.6f} eV, largest force "
        f"{optimizer.progress.fmax:.4f} eV/angstrom after "
        f"{optimizer.progress.evaluations} evaluations"
    )


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
