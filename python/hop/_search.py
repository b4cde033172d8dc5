"""A search in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional, Union

from ._archive import Archive
from ._bar import bar
from ._chains import APART, Chains
from ._errors import ArgumentError, NonfiniteError, Status
from ._handle import Path, require, whole
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


def _keep(archive: Archive, potential: Potential, seed: int) -> Any:
    """What puts minima into the archive; quenches end early, so they are relaxed first."""

    def keep(minimum: Structure, progress: Progress) -> None:
        scales = [potential.scales(int(element)) for element in set(minimum.numbers)]
        relaxed = Optimizer(
            "lbfgs",
            minimum,
            potential,
            fmax=1e-4 * min(s.energy for s in scales) / min(s.length for s in scales),
            max_evaluations=1000,
        )
        if relaxed.run() == Status.CONVERGED:
            archive.add(minimum, progress.evaluations, seed)

    return keep


def search(
    start: Union[str, Structure],
    potential: Potential,
    *,
    evaluations: int = 10000,
    runs: int = 1,
    seed: int = 1,
    kind: str = "learned",
    model: Union[Model, Path, None] = None,
    temperatures: Optional[Sequence[float]] = None,
    archive: Optional[Archive] = None,
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
        Of energy and forces, for each run; 0 is no limit, where something else is.
    runs
        With seeds `seed`, `seed` + 1, ...
    kind
        "learned", "basin-hopping", "learned-continuous", or a local optimizer, which
        then restarts.
    model
        For the learned kinds, a `Model` or a file; None takes the one that comes with
        libhop (`Model.pretrained`).
    temperatures
        Each run is a set of chains at these temperatures, in binding energies per atom
        and rising, that share its evaluations and exchange their minima (`Chains`).
    archive
        Receives all minima, relaxed by L-BFGS first, which is not counted.
    progress
        True: a bar, if tqdm is installed.  A function is called after each evaluation, of
        chains after each round; what is true stops that run.
    **options
        Every option of the kind (`options(kind)`).

    An exception in `progress` or in an external potential, Ctrl-C too, comes out
    unchanged.
    """
    require(potential, Potential, "potential")
    if not isinstance(start, (str, Structure)):
        raise TypeError(f"start: expected a formula or a Structure, got {start!r:.60}")
    if archive is not None:
        require(archive, Archive, "archive")
    evaluations = whole(evaluations, "evaluations")
    runs, seed = whole(runs, "runs", 1), whole(seed, "seed")
    limits = {"max_time", "target", "quenches"} & options.keys()
    if evaluations == 0 and not limits and not callable(progress):
        raise ArgumentError(
            "evaluations: expected 1 or more, or max_time, target, quenches or a progress"
            " that stops the search; got no limit"
        )
    model = Model._chosen(model, kind)
    if kind not in ("learned", "basin-hopping"):
        options.setdefault("quenches", 0)
    found: list[Run] = []
    shown = bar(progress is True, runs * evaluations, "evaluations")
    try:
        for number in range(seed, seed + runs):
            run = _make(
                kind, start, potential, model, number, evaluations, temperatures, options
            )
            for chain in run.optimizers if isinstance(run, Chains) else (run,):
                if archive is not None:
                    chain.on_minimum = _keep(archive, potential, number)
            curve = _Curve(progress if callable(progress) else None, shown)
            outcome = run.run(curve)
            found.append(Run(run.structure, outcome, run.progress, curve.points))
    finally:
        shown.close()
    finite = [run for run in found if run.structure.energy < float("inf")]
    if not finite:
        raise NonfiniteError("search: no run came to a finite energy")
    best = min(finite, key=lambda run: run.structure.energy)
    return SearchResult(best.structure.copy(), found)


def _make(
    kind: str,
    start: Union[str, Structure],
    potential: Potential,
    model: Optional[Model],
    seed: int,
    evaluations: int,
    temperatures: Optional[Sequence[float]],
    options: dict[str, Any],
) -> Union[Optimizer, Chains]:
    """The optimizer of one run, or its chains."""
    count = 1 if temperatures is None else len(temperatures)
    starts = [
        Structure.random(start, potential, seed + k * APART)
        if isinstance(start, str)
        else start.copy()
        for k in range(count)
    ]
    options = {"seed": seed, "max_evaluations": evaluations // max(count, 1), **options}
    if temperatures is None:
        return Optimizer(kind, starts[0], potential, model, **options)
    return Chains(kind, starts, potential, model, temperatures=temperatures, **options)
