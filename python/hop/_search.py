"""A search in one call."""

from __future__ import annotations

import operator
from typing import Any, Callable, NamedTuple, Optional, Union

from ._bar import bar
from ._errors import ArgumentError, NonfiniteError, Status
from ._handle import require
from ._model import Model
from ._optimizer import Optimizer, Progress
from ._potential import Potential
from ._structure import Structure


class Run(NamedTuple):
    """One run of a search."""

    #: Its best structure, with energy and forces.
    structure: Structure
    #: Why it ended.
    outcome: Status
    #: Where it ended.
    progress: Progress
    #: (evaluations, energy in eV) at each new lowest energy.
    curve: list[tuple[int, float]]

    def __repr__(self) -> str:
        return (
            f"<hop.Run {self.structure.energy:.6f} eV,"
            f" {self.progress.evaluations} evaluations: {self.outcome.text}>"
        )


class SearchResult(NamedTuple):
    """What `search` found."""

    #: The best structure of all runs, with energy and forces.
    best: Structure
    #: In the order of the seeds.
    runs: list[Run]

    def __repr__(self) -> str:
        return f"<hop.SearchResult {self.best!r}, {len(self.runs)} runs>"


class _Curve:
    """Collects the lowest energies of one run, and passes the progress on."""

    def __init__(self, progress: Any, shown: Any) -> None:
        self.points: list[tuple[int, float]] = []
        self._progress = progress
        self._shown = shown
        self._before = 0

    def __call__(self, now: Progress) -> Any:
        if not self.points or now.best_energy < self.points[-1][1]:
            self.points.append((now.evaluations, now.best_energy))
            self._shown.set_postfix_str(f"{now.best_energy:.4f} eV", refresh=False)
        self._shown.update(now.evaluations - self._before)
        self._before = now.evaluations
        return self._progress(now) if self._progress is not None else False


def search(
    start: Union[str, Structure],
    potential: Potential,
    *,
    evaluations: int = 10000,
    runs: int = 1,
    seed: int = 1,
    kind: str = "learned",
    model: Optional[Model] = None,
    progress: Union[bool, Callable[[Progress], Any]] = False,
    **options: Any,
) -> SearchResult:
    """
    Search for the lowest-energy structure.

    >>> potential = Potential.builtin("AgAu.gupta")
    >>> found = search("Ag19Au19", potential, evaluations=5000, runs=4)
    >>> found.best.write("best.xyz")

    Parameters
    ----------
    start
        A formula - each run begins with a random cluster of its own - or a structure,
        with which all begin.
    potential
        Gives the energies.
    evaluations
        Of energy and forces, for each run.
    runs
        With seeds `seed`, `seed` + 1, ...
    kind
        "learned", "basin-hopping", or a local optimizer, which then restarts.
    model
        For "learned"; None takes `Model.pretrained()`.
    progress
        True: a bar, if tqdm is installed.  A function is called after each evaluation;
        what is true stops that run.
    **options
        Every option of the kind (`options(kind)`).

    An exception in `progress` or in an external potential, Ctrl-C too, comes out
    unchanged.
    """
    require(potential, Potential, "potential")
    if not isinstance(start, (str, Structure)):
        raise TypeError(f"start: expected a formula or a Structure, got {start!r:.60}")
    if operator.index(runs) < 1:
        raise ArgumentError(f"runs: expected 1 or more, got {runs}")
    if kind == "learned" and model is None:
        model = Model.pretrained()
    if kind not in ("learned", "basin-hopping"):
        options.setdefault("quenches", 0)
    found: list[Run] = []
    shown = bar(progress is True, runs * evaluations, "evaluations")
    try:
        for number in range(seed, seed + runs):
            if isinstance(start, str):
                atoms = Structure.random(start, potential, number)
            else:
                atoms = start.copy()
            optimizer = Optimizer(
                kind, atoms, potential, model, seed=number,
                max_evaluations=evaluations, **options,
            )  # fmt: skip
            curve = _Curve(progress if callable(progress) else None, shown)
            outcome = optimizer.run(curve)
            found.append(Run(atoms, outcome, optimizer.progress, curve.points))
    finally:
        shown.close()
    finite = [run for run in found if run.structure.energy < float("inf")]
    if not finite:
        raise NonfiniteError("search: no run came to a finite energy")
    best = min(finite, key=lambda run: run.structure.energy)
    return SearchResult(best.structure.copy(), found)
