"""
Force calls of hop.ase's optimizers and of ASE's own, over ASE's EMT:
ase_optimizers.py [FMAX [SEEDS [OPTIMIZERS [SYSTEMS]]]], the last two separated by commas;
systems by how their names begin.

Systems that the learned optimizer was not trained on, with a potential it was not trained
on: rattled bulk, a slab with fixed atoms, clusters, cells that relax.  Every optimizer with
its defaults; a force call is an evaluation by the calculator.  Means over the seeds; "-"
when one of them did not converge in 1000 calls.
"""

import sys
import warnings

import ase.optimize as theirs
import hop
import hop.ase as ours
import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111
from ase.calculators.emt import EMT
from ase.cluster import Icosahedron, Octahedron
from ase.constraints import FixAtoms
from ase.filters import FrechetCellFilter, UnitCellFilter

LIMIT = 1000


class Enough(Exception):
    pass


class Counting(EMT):
    calls = 0

    def calculate(self, *arguments, **keywords):
        self.calls += 1
        if self.calls > LIMIT:
            raise Enough
        super().calculate(*arguments, **keywords)


def alloy(atoms, element, seed):
    order = np.random.default_rng(seed).permutation(len(atoms))
    atoms.numbers[order[: len(atoms) // 2]] = Atoms(element).numbers[0]
    return atoms


def rattled(atoms, size, seed):
    atoms.rattle(size, rng=np.random.RandomState(seed))
    return atoms


def random_cluster(formula, seed):
    return hop.Structure.random(formula, seed=seed).to_ase()


def slab(seed):
    atoms = fcc111("Al", (3, 3, 4), vacuum=8.0)
    add_adsorbate(atoms, "Au", 1.7, "fcc")
    atoms.set_constraint(FixAtoms(mask=atoms.positions[:, 2] < 11))
    return rattled(atoms, 0.15, seed)


def cell(seed, kind):
    atoms = rattled(bulk("Cu", cubic=True) * 2, 0.1, seed)
    strain = np.eye(3) + 0.03 * np.random.default_rng(seed).normal(size=(3, 3))
    atoms.set_cell(atoms.cell @ strain, scale_atoms=True)
    return kind(atoms)


SYSTEMS = {
    "cluster Cu85 rattled": lambda s: rattled(Octahedron("Cu", 5), 0.3, s),
    "cluster Pt55 rattled": lambda s: rattled(Icosahedron("Pt", 3), 0.3, s),
    "cluster Pd38 random": lambda s: random_cluster("Pd38", s),
    "cluster Ag19Au19 random": lambda s: random_cluster("Ag19Au19", s),
    "cluster Al13 random": lambda s: random_cluster("Al13", s),
    "bulk Cu32 rattled": lambda s: rattled(bulk("Cu", cubic=True) * 2, 0.2, s),
    "bulk Cu54Au54 rattled": lambda s: rattled(
        alloy(bulk("Cu", "fcc", 3.85, cubic=True) * 3, "Au", s), 0.1, s
    ),
    "slab Al36Au fixed": slab,
    "cell Cu32 UnitCellFilter": lambda s: cell(s, UnitCellFilter),
    "cell Cu32 FrechetCellFilter": lambda s: cell(s, FrechetCellFilter),
}
THEIRS = (
    "BFGS",
    "LBFGS",
    "BFGSLineSearch",
    "LBFGSLineSearch",
    "FIRE",
    "FIRE2",
    "GPMin",
    "MDMin",
    "GoodOldQuasiNewton",
)
OURS = ("LearnedOptimizer", "LBFGS", "FIRE")


def calls(kind, make, seed, fmax, **keywords):
    target = make(seed)
    atoms = getattr(target, "atoms", target)
    atoms.calc = Counting()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = kind(target, logfile=None, **keywords).run(fmax=fmax, steps=LIMIT)
    except Enough:
        return np.inf
    except Exception as problem:
        print(f"{kind.__name__}: {problem!r:.100}", file=sys.stderr)
        return np.inf
    return atoms.calc.calls if done else np.inf


def main(fmax=0.01, seeds=5, only="", systems=""):
    kinds = {"hop " + name: getattr(ours, name) for name in OURS}
    kinds.update({name: getattr(theirs, name) for name in THEIRS})
    kinds = {n: k for n, k in kinds.items() if not only or n in only.split(",")}
    print("| system | " + " | ".join(kinds) + " | learned / best of ASE |")
    print("|---" * (len(kinds) + 2) + "|")
    for name, make in SYSTEMS.items():
        if systems and not name.startswith(tuple(systems.split(","))):
            continue
        found = {
            kind: np.mean([calls(kinds[kind], make, s, fmax) for s in range(seeds)])
            for kind in kinds
        }
        best = min([found[kind] for kind in THEIRS if kind in found], default=np.nan)
        row = [f"{x:.1f}" if np.isfinite(x) else "-" for x in found.values()]
        ratio = found["hop LearnedOptimizer"] / best
        print("| " + " | ".join([name, *row, f"{ratio:.2f}"]) + " |", flush=True)


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((float, int, str, str), sys.argv[1:])))
