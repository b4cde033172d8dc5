"""
Pictures of searches, trainings and clusters (needs matplotlib).

>>> found = hop.search("Ag19Au19", potential, runs=8)
>>> hop.plot.energies(found).savefig("energies.svg")

Every function draws into `axes`, or into a new figure, and returns the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ._arrays import Reals
from ._search import Run, SearchResult
from ._structure import Structure
from ._trainer import TrainingProgress

#: One part in so many of a search is its first descent, nearly.
DESCENT = 50

__all__ = ["calls", "energies", "structure", "training"]

#: (evaluations, energy) at each new lowest energy.
Curve = Sequence[tuple[int, float]]
Runs = Union[SearchResult, Sequence[Union[Run, Curve]]]


def _axes(axes: Optional[Axes], size: tuple[float, float] = (6.0, 4.0)) -> Axes:
    if axes is not None:
        return axes
    axes = Figure(figsize=size, layout="constrained").add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.6)
    return axes


def _figure(axes: Axes) -> Figure:
    figure = axes.figure
    while not isinstance(figure, Figure):
        figure = figure.figure
    return figure


def _curves(runs: Runs) -> list[Reals]:
    if isinstance(runs, SearchResult):
        runs = runs.runs
    curves = [run.curve if isinstance(run, Run) else run for run in runs]
    if not curves or not all(len(curve) for curve in curves):
        raise ValueError("energies: expected one run or more, each with a curve")
    return [np.asarray(curve, dtype=np.float64) for curve in curves]


def _lowest(curve: Reals, at: Reals) -> Reals:
    """The lowest energy after `at` evaluations; NaN before the first."""
    place = np.searchsorted(curve[:, 0], at, side="right") - 1
    return np.where(place < 0, np.nan, curve[np.maximum(place, 0), 1])


def energies(
    results: Union[SearchResult, Mapping[str, Runs]],
    *,
    reference: Optional[float] = None,
    axes: Optional[Axes] = None,
) -> Figure:
    """
    The lowest energy so far against evaluations: median of the runs, and a band from the
    best to the worst.

    Parameters
    ----------
    results
        What `hop.search` gave; or, for each name, that, its runs, or curves of
        (evaluations, energy).
    reference
        The lowest known energy, eV; energies are then drawn above it, logarithmically.
        None: as they are, beginning after the first descent.
    """
    axes = _axes(axes)
    named = {"": results} if isinstance(results, SearchResult) else results
    found = {name: _curves(runs) for name, runs in named.items()}
    end = max(curve[-1, 0] for curves in found.values() for curve in curves)
    at = np.unique(np.geomspace(1, end, 400).round())
    highest = -np.inf
    for name, curves in found.items():
        table = np.array([_lowest(curve, at) for curve in curves])
        known = ~np.isnan(table).any(axis=0)
        table = table[:, known] - (0.0 if reference is None else reference)
        (line,) = axes.plot(at[known], np.median(table, axis=0), label=name)
        if len(curves) > 1:
            axes.fill_between(
                at[known], table.min(axis=0), table.max(axis=0),
                color=line.get_color(), alpha=0.2, linewidth=0,
            )  # fmt: skip
        highest = max(highest, table[:, at[known] >= end / DESCENT].max(initial=-np.inf))
    axes.set_xscale("log")
    axes.set_xlabel("energy and force evaluations")
    if reference is None:
        lowest = min(curve[-1, 1] for curves in found.values() for curve in curves)
        margin = 0.05 * (highest - lowest) or 1.0
        axes.set_xlim(max(1.0, end / DESCENT), end)
        axes.set_ylim(lowest - margin, highest + margin)
        axes.set_ylabel("lowest energy (eV)")
    else:
        axes.set_yscale("log")
        axes.set_ylabel("above the lowest known (eV)")
    if named is results:
        axes.legend(frameon=False)
    return _figure(axes)


def training(
    history: Sequence[TrainingProgress], *, axes: Optional[Axes] = None
) -> Figure:
    """Meta-loss of each update, its running mean, and the validations."""
    if not history:
        raise ValueError("training: expected one update or more")
    axes = _axes(axes)
    updates = [progress.update for progress in history]
    axes.plot(updates, [p.loss for p in history], alpha=0.3, linewidth=1, label="loss")
    axes.plot(updates, [p.loss_average for p in history], label="running mean")
    made = [
        (now.update, now.validation)
        for before, now in zip([None, *history], history)
        if np.isfinite(now.validation)
        and (before is None or now.validation != before.validation)
    ]
    if made:
        axes.plot(*zip(*made), "o-", markersize=4, label="validation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("updates")
    axes.set_ylabel("meta-loss")
    axes.legend(frameon=False)
    return _figure(axes)


def calls(
    results: Mapping[str, Sequence[float]], *, axes: Optional[Axes] = None
) -> Figure:
    """
    Compare optimizers: evaluations until converged, a bar for each, the single runs as
    dots.  Runs that are not finite count as not converged, and the label says how many.
    """
    axes = _axes(axes)
    for place, numbers in enumerate(results.values()):
        values = np.asarray(numbers, dtype=np.float64)
        done = values[np.isfinite(values)]
        (bar,) = axes.barh(place, done.mean() if len(done) else 0.0, alpha=0.4)
        axes.scatter(
            done, np.full(len(done), place), s=22, color=bar.get_facecolor()[:3],
            alpha=0.8, edgecolors="white", linewidths=0.6,
        )  # fmt: skip
        if len(done) < len(values):
            axes.annotate(
                f"{len(values) - len(done)} not converged", (done.max(initial=0.0), place),
                (6, 0), textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(results)), labels=list(results))
    axes.invert_yaxis()
    axes.set_xlabel("energy and force evaluations until converged")
    return _figure(axes)


#: Colours of metals and what is often with them; others are grey.
_COLOURS = {
    "Ag": "#c0c8d0", "Al": "#b7a6a6", "Ar": "#80d1e3", "Au": "#ffc83d", "C": "#606060",
    "Cu": "#d98041", "H": "#f4f4f4", "Ir": "#2f6f9f", "N": "#4060e0", "Ni": "#59b359",
    "O": "#e03030", "Pb": "#6b6f78", "Pd": "#3a8fa0", "Pt": "#9a9fb8", "Rh": "#2f8f8f",
    "Si": "#e0c090", "X": "#8fb3d9",
}  # fmt: skip


#: Discs of a sphere, each smaller, brighter and nearer to the light than the one before.
_DISCS = np.linspace(0.0, 1.0, 12)


def _radius(atoms: Structure) -> float:
    """Half the distance of the nearest neighbour, nearly."""
    x = atoms.positions
    some = x[:: len(x) // 1000 + 1]
    d = np.linalg.norm(some[:, None] - x, axis=-1)
    d[d == 0.0] = np.inf
    return 0.5 * float(np.median(d.min(axis=1))) if len(x) > 1 else 1.0


def _spheres(x: Reals, symbols: Sequence[str], radius: float, axes: Axes) -> Any:
    """Discs, the nearer atoms after those behind, which are darker."""
    order = np.argsort(x[:, 2])
    depth = (x[order, 2] - x[:, 2].min()) / max(float(np.ptp(x[:, 2])), 1e-9)
    colours = to_rgba_array([_COLOURS.get(symbols[k], "#a0a0a0") for k in order])[:, :3]
    colours *= (0.55 + 0.45 * depth)[:, None]
    light = 0.75 * _DISCS[:, None] ** 2
    faces = 0.95 * colours[:, None] * (1 - light) + light
    centres = x[order, None, :2] + 0.4 * radius * _DISCS[:, None] * [-1, 1]
    sizes = np.tile(2 * radius * (1 - 0.95 * _DISCS), len(x))
    outline = np.where(_DISCS == 0.0, 0.6, 0.0)
    return EllipseCollection(
        sizes, sizes, np.zeros(len(sizes)), units="xy",
        offsets=centres.reshape(-1, 2), offset_transform=axes.transData,
        facecolors=faces.reshape(-1, 3), edgecolors="black",
        linewidths=np.tile(outline, len(x)),
    )  # fmt: skip


def structure(
    atoms: Any, *, axes: Optional[Axes] = None, view: tuple[float, float] = (20.0, 30.0)
) -> Figure:
    """
    A picture of a cluster: a sphere for each atom, the nearer ones in front.

    `atoms` is a `Structure` or ASE's Atoms; `view` turns it about the vertical and then
    the horizontal axis, degrees.
    """
    if not isinstance(atoms, Structure):
        atoms = Structure(atoms.numbers, atoms.positions)
    axes = _axes(axes, (4.0, 4.0))
    a, b = np.radians(view)
    about_y = [[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]]
    about_x = [[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]]
    x = (atoms.positions - atoms.positions.mean(axis=0)) @ about_y @ about_x
    radius = _radius(atoms)
    axes.add_collection(_spheres(x, atoms.symbols, radius, axes))
    reach = float(np.abs(x[:, :2]).max() + radius) * 1.05
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_axis_off()
    if np.isfinite(atoms.energy):
        axes.set_title(f"{atoms.energy:.4f} eV", fontsize=10)
    return _figure(axes)
