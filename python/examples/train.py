"""
Train a learned optimizer in five minutes, and compare it with the one it began as:
train.py [UPDATES] [MODEL.h5].
"""

import sys

import hop
import numpy as np

TASKS: list[hop.Task] = [
    ("Ag.gupta", "Ag13", 1),
    ("Cu.gupta", "Cu19", 1),
    ("Ni.gupta", "Ni30", 1),
    ("Pt.gupta", "Pt22", 1),
    ("Pd.gupta", "Pd26", "validation"),
]


def calls(model: hop.Model, formula: str, starts: int = 20) -> list[float]:
    """Evaluations until the largest force is below 0.02 eV/angstrom."""
    potential = hop.Potential.builtin("AgAu.gupta")
    found = []
    for seed in range(starts):
        atoms = hop.Structure.random(formula, potential, seed)
        optimizer = hop.Optimizer(
            "learned", atoms, potential, model, quenches=1, polish=0, fmax=0.02
        )
        done = optimizer.run() == hop.Status.CONVERGED
        found.append(float(optimizer.progress.evaluations) if done else np.inf)
    return found


def main(updates: str = "1000", target: str = "trained.h5") -> None:
    trained = hop.train(TASKS, updates=int(updates), threads=2, seed=1, progress=True)
    trained.model.note = f"train.py, {updates} updates"
    trained.model.save(target)
    print(f"{target}: validation {trained.history[-1].best:.3f}")

    results = {
        "as it began": calls(hop.Model(), "Ag19Au19"),
        "trained": calls(hop.Model.load(target), "Ag19Au19"),
    }
    for name, numbers in results.items():
        print(f"{name}: {np.mean(numbers):.1f} evaluations to relax Ag19Au19")
    try:
        from hop import plot
    except ImportError:
        return  # no matplotlib
    plot.training(trained.history).savefig("training.svg")
    plot.calls(results).savefig("calls.svg")


if __name__ == "__main__":
    main(*sys.argv[1:])
