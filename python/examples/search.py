"""
Search for the lowest-energy structure of a nanoparticle, by the learned optimizer and by
basin hopping: search.py [FORMULA] [EVALUATIONS] [RUNS].
"""

import sys

import hop


def main(
    formula: str = "Ag19Au19", evaluations: str = "20000", runs: str = "3"
) -> None:
    potential = hop.Potential.builtin("AgAu.gupta")
    found = {
        kind: hop.search(
            formula,
            potential,
            kind=kind,
            evaluations=int(evaluations),
            runs=int(runs),
            progress=True,
        )
        for kind in ("learned", "basin-hopping")
    }
    for kind, result in found.items():
        for seed, run in enumerate(result.runs, 1):
            print(
                f"{kind}, seed {seed}: {run.structure.energy:.6f} eV, reached after"
                f" {run.curve[-1][0]} evaluations"
            )
    best = min((result.best for result in found.values()), key=lambda s: s.energy)
    best.write("best.xyz")
    print(f"best.xyz: {best}")
    try:
        from hop import plot
    except ImportError:
        return  # no matplotlib
    plot.energies(found).savefig("energies.svg")
    plot.structure(best).savefig("best.svg")


if __name__ == "__main__":
    main(*sys.argv[1:])
