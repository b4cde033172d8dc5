"""Global searches of libhop over any ASE calculator."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Callable, NamedTuple, Optional, Union

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorError
from ase.io.trajectory import Trajectory
from ase.parallel import world

from .._archive import Archive
from .._errors import ArgumentError, Error, FileError, NonfiniteError, Status
from .._model import Model
from .._optimizer import Optimizer, Progress
from .._options import document, options as hop_options
from .._structure import Structure
from . import _scales
from ._restart import pack
from ._saved import Saved

logger = logging.getLogger("hop")

File = Union[str, Path, None]

#: What may be another on a restart.
LIMITS = ("max_evaluations", "max_time", "target")


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

    >>> search = BasinHopping(atoms, seed=3, restart="copper.search")
    >>> search.run(evaluations=2000)
    >>> search.best.get_potential_energy(), len(search.minima)

    Parameters
    ----------
    atoms
        Where to begin, with a calculator; constraints may be FixAtoms.  After `run` they
        are the best structure.  With the option `cell` the cell relaxes in each quench.
    seed
        Of all random numbers.  The same start, seed and calculator give the same search.
    restart
        A file that holds the search, replaced now and then - after each evaluation, where
        these take long - and when `run` ends.  When it is there already, the search goes
        on from it exactly as if it had never stopped.  It is as large after a million
        evaluations as after a thousand.
    logfile
        A line for each new lowest minimum; None for none.
    trajectory
        The minima in the order in which they are first found.  A file that is there is
        replaced, or goes on when the search does.
    scales
        Natural units, as in the optimizers; None: from the elements.
    same
        Two minima are one when their energies differ by no more, eV, and one lies on the
        other (`hop.match`) within a tenth of the nearest-neighbour distance.
    capacity
        So many of the lowest minima are kept.
    **options
        Those of libhop's optimizer.  Mind the units: temperature and the like count
        binding energies per atom (e0), lengths nearest-neighbour distances (r0):
        `search.scales` says what these are in eV and angstrom.
    """

    #: Its name in libhop.
    kind = ""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Options are documented where they are keywords."""
        super().__init_subclass__(**keywords)
        if "kind" in vars(cls):
            document(cls, Search, hop_options(cls.kind))

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
        capacity: int = 200,
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
            **{"seed": seed, "polish": 0, **options},
        )
        self._logfile = logfile
        self._trajectory = None if trajectory is None else str(trajectory)
        self._writes = world.rank == 0
        self._archive = Archive(
            capacity,
            energy_tolerance=same,
            distance_tolerance=_distance_tolerance(atoms, self.scales.length),
        )
        self._saved = Saved(restart, self._writes)
        self._unsaved = False
        self._frames = self._skip = 0
        self._origin = self._identity()
        if self._saved.exists():
            self._resume()
        self._optimizer.on_minimum = self._keep

    def _model(self) -> Optional[Model]:
        return None

    # ---- restart ---------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "atoms": self.atoms.get_chemical_formula(),
            "start": pack(np.vstack([self._structure.positions, self._structure.cell])),
            "options": {
                name: value
                for name, value in self._optimizer.options.items()
                if name not in LIMITS
            },
        }

    def _resume(self) -> None:
        """Becomes the search of the restart file, with the limits that were given now."""
        header, path = self._saved.header(), self._saved.path
        limits = {name: self._optimizer.get(name) for name in LIMITS}
        for name, value in self._origin.items():
            if header.get(name) != value:
                raise ArgumentError(f"{path}: {_difference(name, value, header.get(name))}")
        archive = self._saved.load(self._optimizer)
        if archive is not None:
            self._archive = archive
        self._optimizer.set(**limits)
        if self._trajectory is not None and Path(self._trajectory).exists():
            with Trajectory(self._trajectory) as file:
                frames = len(file)
            # those that were written after the file was saved are not written again
            self._skip = max(0, frames - int(header.get("frames", 0)))
            self._frames = frames - self._skip

    def _save(self) -> None:
        header = {**self._origin, "frames": self._frames}
        self._saved.save(header, self._optimizer, self._archive)
        self._unsaved = False

    # ---- the loop --------------------------------------------------------------------

    def irun(
        self, evaluations: Optional[int] = None, hops: Optional[int] = None
    ) -> Iterator[Progress]:
        """
        As `run`, yielding the progress after each evaluation; leave it when you like.
        The atoms are the point that was evaluated; `best` is the best.
        """
        begun = self._optimizer.progress
        try:
            while self._optimizer.ask():
                now = self._optimizer.progress
                if evaluations is not None:
                    if now.evaluations - begun.evaluations >= evaluations:
                        break
                if hops is not None and now.quenches - begun.quenches >= hops:
                    break
                self._evaluate()
                self._unsaved = True
                self._optimizer.tell()
                if self._saved.due():
                    self._save()
                yield self._optimizer.progress
        except FileError:
            raise
        except BaseException:
            self._save_in_trouble()
            raise
        if self._unsaved:
            self._save()

    def _save_in_trouble(self) -> None:
        """What has gone wrong comes out, not what goes wrong now."""
        try:
            if self._unsaved:
                self._save()
        except (Error, OSError) as problem:
            logger.warning("%s", problem)

    def run(
        self,
        evaluations: Optional[int] = None,
        hops: Optional[int] = None,
        callback: Optional[Callable[[Progress], Any]] = None,
    ) -> float:
        """
        Search on for so many evaluations more, or so many quenches, or until an option's
        limit; the atoms receive the best structure.  Returns its energy, eV; where the
        cell relaxes under a pressure, its enthalpy.

        `callback` is called after each evaluation; true stops the run.  What it or the
        calculator raises comes out unchanged, and the search can go on.
        """
        for name, most in (("evaluations", evaluations), ("hops", hops)):
            if most is not None and not most >= 0:
                raise ArgumentError(f"{name}: expected 0 or more, got {most}")
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
                _place(self.atoms, self._optimizer.best)
        return float(self._optimizer.progress.best_energy)

    def _evaluate(self) -> None:
        """Energy, forces and, where the cell relaxes, virial of what the optimizer asks."""
        atoms, structure = self.atoms, self._structure
        _place(atoms, structure)
        structure.energy = np.nan  # until all went well
        try:
            structure.forces[...] = atoms.get_forces(apply_constraint=False)
            if self._optimizer.get("cell"):
                stress = atoms.get_stress(apply_constraint=False)
                structure.virial[...] = -stress * atoms.get_volume()
            energies = atoms.calc.results.get("energies")
            if energies is not None:
                structure.energies[...] = energies
            structure.energy = float(atoms.get_potential_energy())
        except (CalculatorError, NonfiniteError) as problem:
            logger.info("the calculator failed, a nearer point is tried: %s", problem)

    # ---- minima ----------------------------------------------------------------------

    def _keep(self, found: Structure, now: Progress) -> None:
        archive = self._archive
        lowest = not len(archive) or found.energy < archive[0].energy
        fresh = archive.add(found, now.evaluations, int(self._optimizer.get("seed")))
        if fresh and found.energy <= archive[-1].energy:
            self._announce(found, now, lowest)

    def _dress(self, found: Structure) -> Atoms:
        """The user's atoms - tags, info, constraints - with these positions."""
        from ase.calculators.singlepoint import SinglePointCalculator

        atoms = self.atoms.copy()
        _place(atoms, found)
        atoms.calc = SinglePointCalculator(
            atoms, energy=found.energy, forces=found.forces.copy()
        )
        return atoms

    def _announce(self, found: Structure, now: Progress, lowest: bool) -> None:
        if not self._writes:
            return
        if self._trajectory is not None:
            if self._skip > 0:
                self._skip -= 1
            else:
                with Trajectory(self._trajectory, "a" if self._frames else "w") as file:
                    file.write(self._dress(found))
            self._frames += 1
        if self._logfile is None or not lowest:
            return
        text = (
            f"{type(self).__name__}: {now.evaluations:8d} evaluations,"
            f" lowest {found.energy:15.6f} eV, {len(self._archive)} minima\n"
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
        return [
            Minimum(m.energy, self._dress(m.structure), m.seen, m.evaluation)
            for m in self._archive
        ]

    @property
    def archive(self) -> Archive:
        """The same minima as a `hop.Archive`, such as to save them."""
        return self._archive

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

    def __repr__(self) -> str:
        now = self._optimizer.progress
        return (
            f"<hop.ase.{type(self).__name__} {self.atoms.get_chemical_formula()}:"
            f" {now.evaluations} evaluations, {len(self._archive)} minima,"
            f" lowest {now.best_energy:.6f} eV>"
        )

    def set(self, **limits: Any) -> None:
        """Change limits: max_evaluations, max_time, target."""
        self._optimizer.set(**limits)


def _place(atoms: Atoms, structure: Structure) -> None:
    atoms.set_cell(structure.cell)
    atoms.set_positions(structure.positions, apply_constraint=False)


def _difference(name: str, ours: Any, theirs: Any) -> str:
    """What of a saved search is not as it should be."""
    if name == "start":
        return "start: expected the atoms where the search began, got others"
    if isinstance(ours, dict) and isinstance(theirs, dict):
        others = [option for option in ours if ours[option] != theirs.get(option)]
        ours = ", ".join(f"{option} = {ours[option]}" for option in others)
        theirs = ", ".join(f"{option} = {theirs.get(option)}" for option in others)
    return f"{name}: expected {ours!s:.200}, got {theirs!s:.200}"


def _distance_tolerance(atoms: Atoms, length: float) -> float:
    """A tenth of the distance of neighbours, and less than small cells can tell apart."""
    inverse = np.linalg.inv(np.array(atoms.cell.complete()))
    heights = 1.0 / np.linalg.norm(inverse, axis=0)[np.asarray(atoms.pbc)]
    return float(min([0.1 * length, *(0.2 * heights)]))


class BasinHopping(Search):
    """
    Basin hopping (Wales and Doye 1997): shakes, relocations of surface atoms, exchanges of
    unlike atoms, each quenched by L-BFGS and judged by the Metropolis rule.
    """

    kind = "basin-hopping"


class LearnedSearch(Search):
    """
    The learned optimizer's search: networks choose hops and descend.

    `model` is a `hop.Model` or a file; None takes the one for metals that comes with
    libhop.
    """

    kind = "learned"

    def __init__(
        self,
        atoms: Atoms,
        *,
        model: Union[Model, str, Path, None] = None,
        **keywords: Any,
    ) -> None:
        self._weights = Model._chosen(model, self.kind)
        super().__init__(atoms, **keywords)

    def _model(self) -> Optional[Model]:
        return self._weights
