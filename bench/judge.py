#!/usr/bin/env python3
"""Learned searches and basin hopping on the same starts: the raw results, and the page.

    PYTHONPATH=python bench/judge.py run RESULTS [--model M.h5] [--runs 64] [--calls ...]
    bench/judge.py report RESULTS > docs/results.md
    bench/judge.py figures RESULTS
    PYTHONPATH=python bench/judge.py basins

`run` appends one line of JSON for each search to RESULTS and leaves out those that are there:
it can be killed at any time, and several processes can share the work (--part 0/2, 1/2).
Every method begins a run at the same random structure.  A search is stopped at each of
--calls, its best point is relaxed (charged, at most 60 evaluations), and it goes on.
Nothing is selected here: systems, seeds and methods stand below."""

import argparse
import collections
import itertools
import json
import math
import os
import random
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SYSTEMS = {
    "Ag19Au19": "AgAu.gupta",
    "Pd17Pt17": "PdPt.gupta",
    "Cu19Au19": "CuAu.gupta",
    "Pd38": "Pd.gupta",
    "Ag55": "Ag.gupta",
    "Ag38": "Ag.gupta",
}
# Lowest energies known when this was written, eV; lower ones found in the runs replace them.
KNOWN = {
    "Ag19Au19": -117.3132,
    "Pd17Pt17": -152.5603,
    "Cu19Au19": -122.9919,
    "Pd38": -131.7487,
    "Ag55": -142.0316,
    "Ag38": -95.7938,
}
METHODS = {
    "classical": (
        "basin-hopping",
        {
            "settle": 0,
            "insert_weight": 0,
            "reorder": 0,
            "swap_learn": 0,
            "kind_learn": 0,
            "repeat": 0,
            "temperature": 0.008,
            "shake": 0.4816,
            "shake_weight": 0.062,
            "twist_weight": 0.12,
            "relocate_weight": 0.4,
            "swap_weight": 1.2,
            "kick_onset": 9.352,
            "restart": 0.5747,
        },
    ),
    "basin hopping": ("basin-hopping", {}),
    "frame": ("learned", {"descend": 0, "hop": 0, "recall": 0}),
    "without recall": ("learned", {"descend": 0, "recall": 0}),
    "learned": ("learned", {"descend": 0}),
}
BASELINES = "classical", "basin hopping"
CALLS = [round(10 ** (k / 6)) for k in range(15, 31)]
SHOWN = 1000, 10000, 100000
SEED = 50001
HIT = 2e-3  # eV


def read(path):
    if not os.path.exists(path):
        return []
    results = []
    with open(path) as file:
        for line in file:
            try:
                results.append(json.loads(line))
            except ValueError:  # torn by a kill
                continue
    return results


def torn(path):
    """Does the last line lack its end?"""
    with open(path, "rb") as file:
        text = file.read()
    return bool(text) and not text.endswith(b"\n")


def measure(optimizer, calls):
    """Energies of the best point, relaxed, and processor seconds at each of `calls`."""
    energies, seconds, began = [], [], time.process_time()
    for limit in calls:
        optimizer.set(max_evaluations=limit)
        optimizer.run()
        energies.append(round(optimizer.best.energy, 6))
        seconds.append(round(time.process_time() - began, 4))
    return energies, seconds


def collect(options, first, systems, methods, calls, make):
    """Append a line for each search that is not in the file; make(system, method, seed)
    gives its optimizer."""
    share, shares = map(int, options.part.split("/"))
    done = {(r["system"], r["method"], r["seed"]) for r in read(options.results)}
    with open(options.results, "a") as file:
        if torn(options.results):
            file.write("\n")
        for number in range(share, options.runs, shares):
            for system, method in itertools.product(systems, methods):
                key = system, method, first + number
                if key in done:
                    continue
                energies, seconds = measure(make(*key), calls)
                line = dict(zip(("system", "method", "seed"), key))
                line.update(calls=calls, energy=energies, seconds=seconds)
                file.write(json.dumps(line) + "\n")
                file.flush()


def run(options):
    import hop

    calls = [int(c) for c in options.calls.split(",")] if options.calls else CALLS
    model = hop.Model.load(options.model)

    def make(system, method, seed):
        potential = hop.Potential.builtin(SYSTEMS[system])
        start = hop.Structure.random(system, potential, seed=seed)
        kind, settings = METHODS[method]
        extra = {"model": model} if kind == "learned" and method != "frame" else {}
        return hop.Optimizer(kind, start, potential, seed=seed, **settings, **extra)

    collect(options, SEED, SYSTEMS, options.methods.split(","), calls, make)


def mean(values):
    return sum(values) / len(values)


def ratio(a, b):
    return mean(a) / max(mean(b), 1e-9)


def interval(function, *samples, draws=1000):
    """95 % bootstrap interval; the samples are paired by their seeds."""
    generator, count = random.Random(1), len(samples[0])
    found = []
    for _ in range(draws):
        chosen = [generator.randrange(count) for _ in range(count)]
        found.append(function(*[[s[k] for k in chosen] for s in samples]))
    found.sort()
    return found[int(0.025 * draws)], found[int(0.975 * draws) - 1]


class Curves:
    """What is in RESULTS: energies above the lowest known and seconds, for each system,
    method and stop a value for each seed."""

    def __init__(self, results):
        self.known = dict(KNOWN)
        for r in results:
            self.known[r["system"]] = min(self.known[r["system"]], *r["energy"])
        self.gap = collections.defaultdict(dict)
        self.seconds = collections.defaultdict(dict)
        for r in results:
            for limit, energy, seconds in zip(r["calls"], r["energy"], r["seconds"]):
                key = r["system"], r["method"], limit
                self.gap[key][r["seed"]] = energy - self.known[r["system"]]
                self.seconds[key][r["seed"]] = seconds
        self.methods = [m for m in METHODS if any(r["method"] == m for r in results)]
        self.systems = [s for s in SYSTEMS if any(r["system"] == s for r in results)]
        self.calls = sorted({c for _, _, c in self.gap})

    def seeds(self, system, calls):
        """Those of all methods that were stopped there."""
        found = [set(self.gap[system, m, calls]) for m in self.methods]
        return sorted(set.intersection(*filter(None, found)))

    def gaps(self, system, method, calls):
        return [self.gap[system, method, calls][s] for s in self.seeds(system, calls)]

    def mean_seconds(self, system, method, calls):
        seconds = self.seconds[system, method, calls]
        return mean([seconds[s] for s in self.seeds(system, calls)])

    def after_seconds(self, system, method, seconds):
        """Gaps after so many seconds on average, between two stops; None: not known."""
        stops = [c for c in self.calls if self.gap[system, method, c]]
        times = [self.mean_seconds(system, method, c) for c in stops]
        for k in range(1, len(times)):
            if times[k - 1] <= seconds <= times[k]:
                part = math.log(seconds / times[k - 1]) / math.log(times[k] / times[k - 1])
                pairs = zip(*[self.gaps(system, method, c) for c in stops[k - 1 : k + 1]])
                return [(1 - part) * a + part * b for a, b in pairs]
        return None

    def calls_to(self, system, method, gap):
        """Evaluations after which the mean gap is that low; None: never."""
        before = None
        for c in [c for c in self.calls if self.gap[system, method, c]]:
            now = mean(self.gaps(system, method, c))
            if now <= gap:
                if before is None:
                    return f"< {c}"
                part = (before[1] - gap) / max(before[1] - now, 1e-12)
                return f"{before[0] * (c / before[0]) ** part:.0f}"
            before = c, now
        return None


def standard_error(values):
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else math.nan


def cell(values, used=None):
    error = standard_error(values)
    hits = sum(x < HIT for x in values)
    note = f"; {used:.1f} µs" if used else ""
    return f"{mean(values):.3f} ± {error:.3f} ({hits}{note})"


def compared(values, others):
    if mean(others) < HIT / 2 and mean(values) < HIT / 2:
        return "both hit"
    low, high = interval(ratio, values, others)
    return f"{ratio(values, others):.2f} ({low:.2f} to {high:.2f})"


def row(cells):
    print("| " + " | ".join(cells) + " |")


def header(cells):
    row(cells)
    print("|" + "---|" * len(cells))


def table_of(curves, system):
    print(f"\n## {system}\n\nLowest known: {curves.known[system]:.4f} eV.\n")
    header(["calls", *curves.methods, *[f"learned / {peer}" for peer in BASELINES]])
    for calls in SHOWN:
        gaps = {m: curves.gaps(system, m, calls) for m in curves.methods}
        used = {m: 1e6 * curves.mean_seconds(system, m, calls) / calls for m in gaps}
        row(
            [str(calls)]
            + [cell(gaps[m], used[m]) for m in curves.methods]
            + [compared(gaps["learned"], gaps[peer]) for peer in BASELINES]
        )


def table_of_seconds(curves):
    print(SECONDS)
    header(["system", "calls", *BASELINES, *[f"learned, as long as {p}" for p in BASELINES]])
    for system in curves.systems:
        for calls in SHOWN:
            peers = [curves.gaps(system, p, calls) for p in BASELINES]
            times = [curves.mean_seconds(system, p, calls) for p in BASELINES]
            ours = [curves.after_seconds(system, "learned", t) for t in times]
            cells = [f"{mean(p):.3f}" for p in peers]
            for gaps, peer in zip(ours, peers):
                cells.append(
                    f"{mean(gaps):.3f}; {compared(gaps, peer)}" if gaps else "not known"
                )
            row([system, str(calls), *cells])


def table_of_calls(curves):
    print(REACHED)
    header(["system", *[f"{p}: mean at {SHOWN[-1]}" for p in BASELINES], "learned", "learned"])
    for system in curves.systems:
        goals = [mean(curves.gaps(system, p, SHOWN[-1])) for p in BASELINES]
        reached = [curves.calls_to(system, "learned", goal) or "not reached" for goal in goals]
        row([system, *[f"{goal:.3f}" for goal in goals], *reached])


def report(options):
    curves = Curves(read(options.results))
    runs = len(curves.seeds(curves.systems[0], SHOWN[-1]))
    print(PAGE.format(runs=runs, first=SEED))
    for system in curves.systems:
        table_of(curves, system)
    table_of_seconds(curves)
    table_of_calls(curves)
    print(FIGURES)


def figures(options):
    """Pictures beside the page: mean gap and hits against evaluations."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = Curves(read(options.results))
    for name, label, value in (
        ("gap", "mean energy above the lowest known / eV", mean),
        ("hits", "share of runs at the lowest known", lambda v: mean([x < HIT for x in v])),
    ):
        figure, axes = plt.subplots(2, 3, figsize=(10, 6), sharex=True, layout="constrained")
        for system, ax in zip(curves.systems, axes.flat):
            for method in curves.methods:
                stops = [c for c in curves.calls if curves.gap[system, method, c]]
                lines = [value(curves.gaps(system, method, c)) for c in stops]
                wide = 2.4 if method == "learned" else 1.2
                ax.plot(stops, lines, label=method, linewidth=wide)
            ax.set(xscale="log", title=system)
            if name == "gap":
                ax.set(yscale="log", ylim=(2e-3, 2))
            ax.spines[["top", "right"]].set_visible(False)
        axes[0, 0].legend(frameon=False, fontsize=8)
        figure.supxlabel("evaluations")
        figure.supylabel(label)
        figure.savefig(os.path.join(options.figures, f"results_{name}.svg"))
        plt.close(figure)


def basins(options):
    """A picture of the minima that a run passes, for some methods."""
    import matplotlib

    import hop

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    system, model = "Ag19Au19", hop.Model.load(options.model)
    methods = {"FIRE, restarted": ("fire", {"quenches": 0})}
    methods |= {m: METHODS[m] for m in (*BASELINES, "learned")}
    figure, axes = plt.subplots(1, len(methods), figsize=(12, 3), sharey=True, layout="constrained")
    for ax, (name, (kind, settings)) in zip(axes, methods.items()):
        potential = hop.Potential.builtin(SYSTEMS[system])
        start = hop.Structure.random(system, potential, seed=SEED)
        extra = {"model": model} if kind == "learned" else {}
        optimizer = hop.Optimizer(kind, start, potential, seed=SEED, **settings, **extra)
        optimizer.set(max_evaluations=5000)
        seen = []
        optimizer.on_minimum = lambda s, now: seen.append((now.evaluations, s.energy))  # noqa: B023
        optimizer.run()
        calls, energies = zip(*seen)
        gaps = [e - KNOWN[system] for e in energies]
        ax.plot(calls, gaps, ".", markersize=3)
        ax.set(title=f"{name}: {len(seen)} minima", ylim=(-0.1, 4))
        ax.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("evaluations")
    axes[0].set_ylabel("minima above the\nlowest known / eV")
    figure.savefig(os.path.join(options.figures, "results_basins.svg"))


PAGE = """# Results: learned searches beside basin hopping

Made by `bench/judge.py report bench/judge.jsonl > docs/results.md` from the raw results of
`bench/judge.py run`. Mean energy above the lowest known, eV, ± standard error over {runs} runs
from the same random starts (seeds {first} and on); in brackets the runs that came within 2 meV
of the lowest known, and the processor time of an evaluation with all that belongs to it (a
shared machine: ratios within a row count). In the last columns ratios of the means with their
95 % intervals (bootstrap over the starts).

The model never saw Pd alone, nor the pairs Ag-Au, Pd-Pt and Cu-Au; of Ag55 it does not know the
size. Ag38 was trained on.

* *Classical*: basin hopping without settling, insertions and what it learns during a run. Its
  settings are the best of 156 trials on training systems.
* *Basin hopping*: the library's, as it is; its settings were chosen by trials on training
  systems (`bench/tune_search.results.md`).
* *Frame*: the learned optimizer without its model. *Without recall*: with its networks, but
  no shapes. *Learned*: with both. All of them quench by L-BFGS."""

SECONDS = """
## At equal seconds

Mean energy above the lowest known when the learned optimizer runs as long as the other needs
for so many calls (processor time, averaged over the runs; between two stops interpolated).
"""

REACHED = """
## Evaluations to what the others reach

Evaluations after which the learned optimizer's mean is as low as that of the others after
1e5.
"""

FIGURES = """
![Mean energy above the lowest known against evaluations](figures/results_gap.svg)

![Share of runs at the lowest known against evaluations](figures/results_hits.svg)

The minima that one run on Ag19Au19 passes (`bench/judge.py basins`):

![Minima of a run against evaluations](figures/results_basins.svg)"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "report", "figures", "basins"))
    parser.add_argument("results", nargs="?", help="of run, report and figures")
    parser.add_argument("--model", default="models/metals.h5")
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--calls", help="of each stop; six in a decade when left out")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--part", default="0/1", help="share of the runs: 0/2, 1/2, ...")
    parser.add_argument("--figures", default="docs/figures", help="folder of the pictures")
    options = parser.parse_args()
    for method in options.methods.split(","):
        if method not in METHODS:
            parser.error(f"--methods: there is no {method!r}; there are {', '.join(METHODS)}")
    commands = {"run": run, "report": report, "figures": figures, "basins": basins}
    commands[options.what](options)


if __name__ == "__main__":
    main()
