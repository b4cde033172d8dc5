#!/usr/bin/env python3
"""Disordered silicon: searches in a periodic cell on the same starts, raw results and page.

    PYTHONPATH=python bench/judge_silicon.py run RESULTS [--model M.h5] [--runs 64] ...
    PYTHONPATH=python bench/judge_silicon.py report RESULTS > docs/results_silicon.md

As bench/judge.py, whose protocol it follows: one line of JSON for each search, what is there
is left out, --part shares the work.  Every method begins a run at the same random structure
in a cube of 64 atoms.  Nothing is selected here: systems, seeds and methods stand below."""

import argparse
import collections
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hop
from judge import collect, interval, mean, read, standard_error

ATOMS = 64
CRYSTAL = 5.43095  # edge of the cubic cell of eight atoms at the minimum, angstrom
SYSTEMS = {
    "density of the crystal": 1.0,
    "2.5 % denser": 1.0 / 1.025,
    "2.5 % less dense": 1.025,
}
SETTINGS = {
    "temperature": 0.01,
    "shake": 0.5,
    "range": 1.8,
    "abort": 0,
    "kind_learn": 0,
    "shake_weight": 0.3,
    "relocate_weight": 0.05,
    "swap_weight": 0.1,
    "insert_weight": 0.03,
    "twist_weight": 1,
    "repeat_bias": 30,
    "kick": 0.3,
    "restart": 1,
    "kick_onset": 0.2,
    "kick_slope": 4,
}
NO_HALVES = {**SETTINGS, "twist_weight": 0, "kick_onset": 1}
ALL_ATOMS = {
    "range": 0,
    "relocate_weight": 0,
    "swap_weight": 0,
    "insert_weight": 0,
    "twist_weight": 0,
}
METHODS = {
    "FIRE restarts": ("fire", {"quenches": 0}),
    "L-BFGS restarts": ("lbfgs", {"quenches": 0}),
    "basin hopping, all atoms": ("basin-hopping", ALL_ATOMS),
    "basin hopping, no halves": ("basin-hopping", NO_HALVES),
    "learned, no halves": ("learned", {"descend": 0, "hop": 1, **NO_HALVES}),
    "basin hopping": ("basin-hopping", SETTINGS),
    "frame": ("learned", {"descend": 0, "hop": 0, **SETTINGS}),
    "learned": ("learned", {"descend": 0, "hop": 1, **SETTINGS}),
}
PAIRS = (
    ("learned", "basin hopping"),
    ("learned", "frame"),
    ("learned, no halves", "basin hopping, no halves"),
)
SEED = 60001
HIT = 1e-3  # eV for each atom


def start(system, potential, seed):
    edge = 2.0 * CRYSTAL * SYSTEMS[system] ** (1 / 3)
    structure = hop.Structure(f"Si{ATOMS}", cell=[edge] * 3)
    structure.scatter(potential, seed=seed)
    return structure


def run(options):
    model = hop.Model.load(options.model) if options.model else None
    systems = list(SYSTEMS)[: options.systems]
    methods = [m for m in METHODS if model or not METHODS[m][1].get("hop")]
    calls = [int(c) for c in options.calls.split(",")]

    def make(system, method, seed):
        potential = hop.Potential.builtin("Si.sw")
        kind, settings = METHODS[method]
        extra = {"model": model} if settings.get("hop") else {}
        where = start(system, potential, seed)
        return hop.Optimizer(kind, where, potential, seed=seed, **settings, **extra)

    collect(options, SEED, systems, methods, calls, make)


def difference(a, b):
    return 1e3 * (mean(a) - mean(b))


def crystal(system):
    """The energy of the crystal in that cell, eV for each atom."""
    potential = hop.Potential.builtin("Si.sw")
    corners = [(0, 0, 0), (0, 2, 2), (2, 0, 2), (2, 2, 0)]
    edge = CRYSTAL * SYSTEMS[system] ** (1 / 3)
    atoms = [
        [edge * 0.25 * (s + shift) for s in site] for site in corners for shift in (0, 1)
    ]
    return potential.evaluate(hop.Structure("Si8", atoms, cell=[edge] * 3)) / 8


def report(options):
    results = read(options.results)
    energy, times = collections.defaultdict(dict), collections.defaultdict(list)
    for r in results:
        for limit, value, seconds in zip(r["calls"], r["energy"], r["seconds"]):
            energy[r["system"], limit, r["method"]][r["seed"]] = value / ATOMS
            times[r["system"], limit, r["method"]].append(seconds)
    print(PAGE.format(runs=len({r["seed"] for r in results}), first=SEED))
    for system in SYSTEMS:
        limits = sorted({c for s, c, _ in energy if s == system})
        if not limits:
            continue
        best = crystal(system)
        print(f"\n## {system[0].upper()}{system[1:]}\n\nCrystal: {best:.4f} eV.\n")
        head = [f"{c} calls" for c in limits]
        print("| | " + " | ".join(head) + " |\n|" + "---|" * (1 + len(head)))
        for method in METHODS:
            cells = [method]
            for limit in limits:
                v = list(energy[system, limit, method].values())
                if not v:
                    break
                hits = sum(x < best + HIT for x in v)
                used = 1e6 * mean(times[system, limit, method]) / limit
                cells.append(
                    f"{mean(v):.4f} ± {standard_error(v):.4f} ({hits} of {len(v)}; {used:.0f} µs)"
                )
            else:
                print("| " + " | ".join(cells) + " |")
        print("\n| meV for each atom | " + " | ".join(head) + " |")
        print("|" + "---|" * (1 + len(head)))
        for a, b in PAIRS:
            cells = [f"{a} - {b}"]
            for limit in limits:
                one, other = energy[system, limit, a], energy[system, limit, b]
                seeds = sorted(set(one) & set(other))
                if not seeds:
                    break
                pair = [one[s] for s in seeds], [other[s] for s in seeds]
                low, high = interval(difference, *pair)
                cells.append(f"{difference(*pair):.1f} ({low:.1f} to {high:.1f})")
            else:
                print("| " + " | ".join(cells) + " |")


PAGE = """# Results: disordered silicon

Made by `bench/judge_silicon.py report bench/judge_silicon.jsonl > docs/results_silicon.md` from
the raw results of `bench/judge_silicon.py run`. 64 atoms of silicon (Stillinger-Weber) in a cube
of fixed edge: mean energy for each atom, eV, ± standard error over {runs} runs from the same
random starts (seeds {first} and on); in brackets the runs that came to the crystal, within 1 meV
for each atom, and the processor time of an evaluation with all that belongs to it (a shared
machine: ratios within a column count). Below each table differences of means with their 95 %
intervals (bootstrap over the starts).

*All atoms* is basin hopping with its defaults that shakes all atoms, all that it could do in a
cell before; *basin hopping* has the moves for periodic systems (docs/design.md), *frame* is the
learned optimizer without its network, *learned* with it; these three have the same settings.
*No halves* leaves out the move that makes half of the cell a copy of the other half and
restarts that repeat themselves, and restarts later: the halves find the crystal, the others stay
disordered. The model
was trained on cells of 48, 56 and 72 atoms, never on 64 (`models/silicon.md`)."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("results")
    parser.add_argument(
        "--model", default="models/silicon.h5", help="empty: leave out what needs one"
    )
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--systems", type=int, default=3, help="the first so many")
    parser.add_argument("--calls", default="1000,10000")
    parser.add_argument("--part", default="0/1", help="share of the runs: 0/2, 1/2, ...")
    options = parser.parse_args()
    run(options) if options.what == "run" else report(options)


if __name__ == "__main__":
    main()
