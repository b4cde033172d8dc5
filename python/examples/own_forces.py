"""Forces of one's own: a Morse cluster in NumPy, as a potential and as a loop."""

import hop
import numpy as np


def morse(atoms: hop.Structure, rho: float = 6.0) -> tuple[float, np.ndarray]:
    """E = sum over pairs of (1 - exp(rho (1 - r)))^2 - 1, lengths in pair distances."""
    difference = atoms.positions[:, None] - atoms.positions
    r = np.linalg.norm(difference, axis=-1)
    np.fill_diagonal(r, np.inf)
    if r.min() < 0.3:
        raise hop.CannotEvaluate(f"two particles are {r.min():.2f} apart")
    e = np.exp(rho * (1.0 - r))
    energy = 0.5 * (e * (e - 2.0)).sum()
    slope = 2.0 * rho * e * (1.0 - e)
    return energy, -((slope / r)[..., None] * difference).sum(axis=1)


def main() -> None:
    start = hop.Structure.random("X13", hop.Potential.builtin("LJ.lj"), seed=3)

    atoms = start.copy()
    potential = hop.Potential.external(morse, length=1.0, energy=6.0, stiffness=72.0)
    outcome = hop.Optimizer(
        "basin-hopping", atoms, potential, max_evaluations=5000, fmax=1e-3, seed=1
    ).run()
    print(f"search: {outcome.text}, {atoms.energy:.6f}")

    atoms = start.copy()
    optimizer = hop.Optimizer("lbfgs", atoms, fmax=1e-4)
    while optimizer.ask():
        try:
            atoms.energy, atoms.forces = morse(atoms)
        except hop.CannotEvaluate:
            atoms.energy = np.nan
        optimizer.tell()
    assert optimizer.outcome is not None
    print(f"relaxation: {optimizer.outcome.text}, {atoms.energy:.6f}")


if __name__ == "__main__":
    main()
