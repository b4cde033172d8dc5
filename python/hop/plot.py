"""
Pictures of searches, trainings and clusters (needs matplotlib).

>>> found = hop.search("Ag19Au19", potential, runs=8)
>>> hop.plot.energies({"learned": found.runs}).savefig("energies.svg")

Every function draws into `axes`, or into a new figure, and returns the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from ._arrays import Reals
from ._search import Run, SearchResult
from ._structure import Structure
from ._trainer import TrainingProgress

__all__ = ["calls", "energies", "structure", "training"]

#: (evaluations, energy) at each new lowest energy.
Curve = Sequence[tuple[int, float]]
Runs = Union[SearchResult, Sequence[Union[Run, Curve]]]


def _axes(axes: Optional[Axes], size: tuple[float, float] = (6.0, 4.0)) -> Axes:
    if axes is not None:
        return axes
    return Figure(figsize=size, layout="constrained").add_subplot()


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
    results: Mapping[str, Runs],
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
        A name, and what `hop.search` gave, its runs, or curves of (evaluations, energy).
    reference
        The lowest known energy, eV; energies are then drawn above it, logarithmically.
    """
    axes = _axes(axes)
    found = {name: _curves(runs) for name, runs in results.items()}
    end = max(curve[-1, 0] for curves in found.values() for curve in curves)
    at = np.unique(np.geomspace(1, end, 400).round())
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
    axes.set_xscale("log")
    axes.set_xlabel("energy and force evaluations")
    if reference is None:
        axes.set_ylabel("lowest energy (eV)")
    else:
        axes.set_yscale("log")
        axes.set_ylabel("above the lowest known (eV)")
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
        if len(done):
            axes.barh(place, done.mean(), alpha=0.5)
            axes.plot(done, np.full(len(done), place), "k.", markersize=4)
        if len(done) < len(values):
            axes.annotate(f" {len(values) - len(done)} not converged", (0, place))
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


def _radii(atoms: Structure) -> Reals:
    """Half the distance of the nearest neighbour, nearly."""
    x = atoms.positions
    d = np.linalg.norm(x[:, None] - x, axis=-1) if len(x) <= 2000 else np.ones((1, 1))
    np.fill_diagonal(d, np.inf)
    nearest = float(np.median(d.min(axis=1))) if np.isfinite(d).any() else 2.0
    return np.full(len(x), 0.5 * nearest)


def structure(
    atoms: Any, *, axes: Optional[Axes] = None, view: tuple[float, float] = (20.0, 30.0)
) -> Figure:
    """
    A picture of a cluster: a disc for each atom, the nearer ones in front.

    `atoms` is a `Structure` or ASE's Atoms; `view` turns it about the vertical and then
    the horizontal axis, degrees.
    """
    if not isinstance(atoms, Structure):
        atoms = Structure.from_ase(atoms)
    axes = _axes(axes, (4.0, 4.0))
    a, b = np.radians(view)
    about_y = [[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]]
    about_x = [[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]]
    x = (atoms.positions - atoms.positions.mean(axis=0)) @ about_y @ about_x
    order = np.argsort(x[:, 2])
    depth = (x[order, 2] - x[:, 2].min()) / max(float(np.ptp(x[:, 2])), 1e-9)
    radii = _radii(atoms)
    symbols = atoms.symbols
    colours = _shaded([_COLOURS.get(symbols[k], "#a0a0a0") for k in order], depth)
    axes.add_collection(
        EllipseCollection(
            2 * radii[order], 2 * radii[order], np.zeros(len(x)), units="xy",
            offsets=x[order, :2], offset_transform=axes.transData,
            facecolors=colours, edgecolors="black", linewidths=0.6,
        )  # fmt: skip
    )
    reach = float(np.abs(x[:, :2]).max() + radii.max()) * 1.05
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_axis_off()
    if np.isfinite(atoms.energy):
        axes.set_title(f"{atoms.energy:.4f} eV", fontsize=10)
    return _figure(axes)


def _shaded(colours: Sequence[str], depth: Reals) -> list[tuple[float, ...]]:
    """Darker where farther away."""
    from matplotlib.colors import to_rgb

    return [
        tuple((0.6 + 0.4 * d) * part for part in to_rgb(colour))
        for colour, d in zip(colours, depth)
    ]
