"""Global searches of libhop over any ASE calculator."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Callable, NamedTuple, Optional, Union

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorError, PropertyNotImplementedError
from ase.io.trajectory import Trajectory

from .._errors import ArgumentError, FormatError, Status
from .._model import Model
from .._optimizer import Optimizer, Progress
from .._structure import Structure
from . import _scales
from ._restart import Log, pack, unpack

logger = logging.getLogger("hop")

File = Union[str, Path, None]


class Minimum(NamedTuple):
    """A minimum that a search came to."""

    #: eV, to within the search's `quench_fmax`.
    energy: float
    #: With this energy and the forces.
    atoms: Atoms
    #: How often the search came to it.
    visits: int
    #: The evaluation at which it was first found.
    evaluation: int


class Search:
    """
    What the searches share: a chain of quenches from the atoms' positions.

    >>> search = BasinHopping(atoms, seed=3, restart="search.log")
    >>> search.run(evaluations=2000)
    >>> search.best.get_potential_energy(), len(search.minima)

    Parameters
    ----------
    atoms
        Where to begin, with a calculator; constraints may be FixAtoms.  After `run` they
        are the best structure.
    seed
        Of all random numbers.  The same start, seed and calculator give the same search.
    restart
        A file to which every evaluation is appended; when it is there already, the
        search goes on from it exactly as if it had never stopped.
    logfile
        A line for each new lowest minimum; None for none.
    trajectory
        The minima in the order in which they are first found (not on a restart again).
    scales
        Natural units, as in the optimizers; None: from the elements.
    same
        Two minima are one when their energies are closer, eV, and their interatomic
        distances closer than 1% of the nearest-neighbour distance on average.
    **options
        Those of libhop's optimizer (`hop.options(kind)`); energies in binding energies
        per atom (e0) and lengths in nearest-neighbour distances (r0).
    """

    kind = ""

    def __init__(
        self,
        atoms: Atoms,
        *,
        seed: int = 1,
        restart: File = None,
        logfile: Union[IO[str], str, Path, None] = "-",
        trajectory: File = None,
        scales: Optional[tuple[float, float, float]] = None,
        same: float = 2e-3,
        **options: Any,
    ) -> None:
        self.atoms = atoms
        self._structure = Structure.from_ase(atoms)
        chosen = (
            _scales.of_elements(self._structure.numbers, atoms.calc)
            if scales is None
            else _scales.given(scales)
        )
        self.scales = chosen.scales
        self._optimizer = Optimizer(
            self.kind,
            self._structure,
            chosen.potential,
            self._model(),
            seed=seed,
            polish=0,
            **options,
        )
        self._logfile = logfile
        self._trajectory = None if trajectory is None else str(trajectory)
        self._same = same
        self._minima: list[tuple[Minimum, Any]] = []
        self._silent = False
        self._log = Log(restart)
        self._asked = self._optimizer.ask()
        if self._log.path is not None and self._log.path.exists():
            self._resume()
        elif self._log.path is not None:
            self._log.begin({"kind": self.kind, **self._identity()})

    def _model(self) -> Optional[Model]:
        return None

    # ---- restart ---------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        return {
            "atoms": self.atoms.get_chemical_formula(),
            "options": {
                name: value
                for name, value in self._optimizer.options.items()
                if name not in ("max_evaluations", "max_time", "target")
            },
            "start": pack(self._structure.positions),
        }

    def _resume(self) -> None:
        header, records = self._log.read()
        expected = {"kind": self.kind, **self._identity()}
        for name, value in expected.items():
            if header.get(name) != value:
                raise ArgumentError(
                    f"{self._log.path}: expected a search with {name} {value!s:.200},"
                    f" got {header.get(name)!s:.200}"
                )
        self._silent = True
        shape = (len(self._structure), 3)
        for number, record in enumerate(records, 2):
            if record["x"] != float(self._structure.positions.sum()):
                raise FormatError(
                    f"{self._log.path}:{number}: expected the evaluation that this libhop"
                    " asks for, got another: the file was written by another version"
                )
            forces = np.full(shape, np.nan) if record["f"] is None else unpack(
                record["f"], shape
            )
            energies = None if record["a"] is None else unpack(record["a"], shape[:1])
            energy = np.nan if record["e"] is None else record["e"]
            self._tell(energy, forces, energies)
        self._silent = False

    def _record(self, energy: float, forces: Any, energies: Any) -> None:
        known = bool(np.isfinite(energy))
        self._log.append(
            {
                "x": float(self._structure.positions.sum()),
                "e": energy if known else None,
                "f": pack(forces) if known else None,
                "a": None if energies is None or not known else pack(energies),
            }
        )

    # ---- the loop --------------------------------------------------------------------

    def irun(
        self, evaluations: Optional[int] = None, hops: Optional[int] = None
    ) -> Iterator[Progress]:
        """
        As `run`, yielding the progress after each evaluation; leave it when you like.
        """
        begun = self._optimizer.progress
        while self._asked:
            now = self._optimizer.progress
            if evaluations is not None:
                if now.evaluations - begun.evaluations >= evaluations:
                    return
            if hops is not None and now.quenches - begun.quenches >= hops:
                return
            energy, forces, energies = self._evaluate()
            if self._log.path is not None:
                self._record(energy, forces, energies)
            self._tell(energy, forces, energies)
            yield self._optimizer.progress

    def run(
        self,
        evaluations: Optional[int] = None,
        hops: Optional[int] = None,
        callback: Optional[Callable[[Progress], Any]] = None,
    ) -> float:
        """
        Search on for so many evaluations more, or so many quenches, or until an option's
        limit; the atoms receive the best structure.  Returns its energy, eV.

        `callback` is called after each evaluation; true stops the run.  What it or the
        calculator raises comes out unchanged, and the search can go on.
        """
        limited = any(self._optimizer.get(n) for n in ("max_evaluations", "max_time"))
        target = float(self._optimizer.get("target")) > -1e15
        if evaluations is None and hops is None and not (limited or target):
            raise ArgumentError(
                "run: expected evaluations, hops or one of the options max_evaluations,"
                " max_time, target; got no limit"
            )
        try:
            for progress in self.irun(evaluations, hops):
                if callback is not None and callback(progress):
                    break
        finally:
            if np.isfinite(self._optimizer.progress.best_energy):
                self.atoms.set_positions(
                    self._optimizer.best.positions, apply_constraint=False
                )
        return float(self._optimizer.progress.best_energy)

    def _evaluate(self) -> tuple[float, Any, Any]:
        atoms = self.atoms
        atoms.set_positions(self._structure.positions, apply_constraint=False)
        try:
            forces = atoms.get_forces(apply_constraint=False)
            energy = float(atoms.get_potential_energy())
        except CalculatorError as problem:
            if isinstance(problem, PropertyNotImplementedError):
                raise
            logger.info("the calculator failed, a nearer point is tried: %s", problem)
            return np.nan, np.full((len(atoms), 3), np.nan), None
        return energy, forces, atoms.calc.results.get("energies")

    def _tell(self, energy: float, forces: Any, energies: Any) -> None:
        structure, before = self._structure, self._optimizer.progress
        structure.energy = energy
        structure.forces[...] = forces
        if energies is not None:
            structure.energies[...] = energies
        where = structure.copy()
        self._optimizer.tell()
        now = self._optimizer.progress
        if now.quenches > before.quenches and np.isfinite(energy):
            self._keep(where, now)
        self._asked = self._optimizer.ask()

    # ---- minima ----------------------------------------------------------------------

    def _loose(self) -> float:
        scales = self.scales
        quench = float(self._optimizer.get("quench_fmax"))
        return quench * scales.energy / scales.length

    def _keep(self, found: Structure, now: Progress) -> None:
        """The end of a quench enters the list when it is a minimum."""
        free = found.forces[~found.fixed]
        if len(free) and np.linalg.norm(free, axis=1).max() > self._loose():
            return
        shape = _fingerprint(found)
        for k, (known, theirs) in enumerate(self._minima):
            if abs(known.energy - found.energy) > self._same:
                continue
            if np.abs(shape - theirs).mean() > 0.01 * self.scales.length:
                continue
            better = found.energy < known.energy
            self._minima[k] = (
                known._replace(
                    visits=known.visits + 1,
                    energy=found.energy if better else known.energy,
                    atoms=self._dress(found) if better else known.atoms,
                ),
                shape if better else theirs,
            )
            return
        lowest = all(found.energy < known.energy for known, _ in self._minima)
        fresh = Minimum(found.energy, self._dress(found), 1, now.evaluations)
        self._minima.append((fresh, shape))
        if not self._silent:
            self._announce(fresh, lowest)

    def _dress(self, found: Structure) -> Atoms:
        """The user's atoms - tags, info, constraints - with these positions."""
        from ase.calculators.singlepoint import SinglePointCalculator

        atoms = self.atoms.copy()
        atoms.set_positions(found.positions, apply_constraint=False)
        atoms.calc = SinglePointCalculator(
            atoms, energy=found.energy, forces=found.forces.copy()
        )
        return atoms

    def _announce(self, minimum: Minimum, lowest: bool) -> None:
        if self._trajectory is not None:
            with Trajectory(self._trajectory, "a") as file:
                file.write(minimum.atoms)
        if self._logfile is None or not lowest:
            return
        text = (
            f"{type(self).__name__}: {minimum.evaluation:8d} evaluations,"
            f" lowest {minimum.energy:15.6f} eV, {len(self._minima)} minima\n"
        )
        if not isinstance(self._logfile, (str, Path)):
            self._logfile.write(text)
        elif self._logfile == "-":
            sys.stdout.write(text)
        else:
            with open(self._logfile, "a") as file:
                file.write(text)

    @property
    def minima(self) -> list[Minimum]:
        """Different minima found so far, the lowest first."""
        return sorted((m for m, _ in self._minima), key=lambda minimum: minimum.energy)

    @property
    def best(self) -> Atoms:
        """The lowest point so far, with energy and forces; a copy."""
        return self._dress(self._optimizer.best)

    @property
    def progress(self) -> Progress:
        """Where the search stands."""
        return self._optimizer.progress

    @property
    def outcome(self) -> Optional[Status]:
        """Why no more can be searched; None when it can go on."""
        return self._optimizer.outcome

    def set(self, **limits: Any) -> None:
        """Change limits: max_evaluations, max_time, target."""
        self._optimizer.set(**limits)
        self._asked = self._optimizer.ask()


def _fingerprint(structure: Structure) -> Any:
    """All distances, sorted: the same for mirror images and exchanged like atoms."""
    x = structure.positions
    if len(x) < 2:
        return np.zeros(1)
    if not structure.pbc.any():
        d = np.linalg.norm(x[:, None] - x, axis=-1)
    else:
        from ase.geometry import get_distances

        d = get_distances(x, cell=np.array(structure.cell), pbc=structure.pbc)[1]
    upper = d[np.triu_indices(len(x), 1)]
    return np.sort(upper)


class BasinHopping(Search):
    """
    Basin hopping (Wales and Doye 1997): shakes, relocations of surface atoms, exchanges of
    unlike atoms, each quenched by L-BFGS and judged by the Metropolis rule.
    """

    kind = "basin-hopping"


BasinHopping.__doc__ = f"{BasinHopping.__doc__}\n{Search.__doc__}"


class LearnedSearch(Search):
    """
    The learned optimizer's search: networks choose hops and descend.

    `model` is a `hop.Model` or a file; None takes the one for metals that comes with
    libhop.  All else is as in `BasinHopping`.
    """

    kind = "learned"

    def __init__(
        self,
        atoms: Atoms,
        *,
        model: Union[Model, str, Path, None] = None,
        **keywords: Any,
    ) -> None:
        if model is None:
            model = Model.pretrained()
        self._weights = model if isinstance(model, Model) else Model.load(model)
        super().__init__(atoms, **keywords)

    def _model(self) -> Optional[Model]:
        return self._weights
