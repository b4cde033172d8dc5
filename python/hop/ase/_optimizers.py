"""libhop's optimizers in ASE's place for them: over any calculator, filters included."""

from __future__ import annotations

import functools
import inspect
import warnings
from pathlib import Path
from typing import IO, Any, Optional, Union

import numpy as np
from ase.optimize.optimize import Optimizer
from ase.parallel import world

from .._errors import ArgumentError
from .._model import Model
from .._options import document, options
from . import _scales
from ._descent import Descent, Point, useful
from ._restart import Log, pack, unpack
from ._surface import Surface

File = Union[str, Path, None]


class HopOptimizer(Optimizer):  # type: ignore[misc]
    """
    What the optimizers share; they are used as those of `ase.optimize`.

    One evaluation of energy and forces for each step.  Everything that has positions and
    forces can be optimized: atoms, with constraints, the cell filters, a band.

    Parameters
    ----------
    atoms
        Atoms with a calculator, or a filter around them.
    restart
        A file to which every evaluation is appended; when it is there already, the
        optimizer goes on from it exactly as if it had never stopped.
    logfile, trajectory
        As in ASE.
    maxstep
        The farthest that an atom may move in a step, angstrom; None: the optimizer's own
        share of the nearest-neighbour distance (its option `max_step`).
    scales
        Natural units (nearest-neighbour distance in angstrom, binding energy per atom in
        eV, bond stiffness in eV/angstrom^2).  None: from the elements, and from the
        first steps where they turn out different.
    **keywords
        The options of libhop's optimizer, and what else ASE's optimizers take, such as
        `append_trajectory` or `master`.
    """

    #: Its name in libhop.
    kind = ""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Options are documented where they are keywords."""
        super().__init_subclass__(**keywords)
        if "kind" in vars(cls):
            document(cls, HopOptimizer, useful(cls.kind))

    def __init__(
        self,
        atoms: Any,
        restart: File = None,
        logfile: Union[IO[str], File] = "-",
        trajectory: Any = None,
        maxstep: Optional[float] = None,
        *,
        scales: Optional[tuple[float, float, float]] = None,
        **keywords: Any,
    ) -> None:
        self.maxstep = maxstep
        self._options = self._take_options(keywords)
        self._surface = Surface(atoms)
        self._scales = scales
        self._log = Log(restart, world.rank == 0)
        # ASE's constructor calls initialize() or read()
        super().__init__(
            atoms, restart=restart, logfile=logfile, trajectory=trajectory, **keywords
        )

    def _take_options(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """Those of libhop out of all keywords; the others must be ASE's."""
        ours = [option.name for option in options(self.kind)]
        taken = {name: keywords.pop(name) for name in ours if name in keywords}
        known = [option.name for option in useful(self.kind)]
        for name in taken:
            if name not in known:
                raise ArgumentError(
                    f"{type(self).__name__}: {name} is for runs of libhop alone; here ASE"
                    " decides when to stop, and its filters relax cells"
                )
        for name in set(keywords) - _ase_keywords():
            raise TypeError(
                f"{type(self).__name__}: expected an option of {self.kind}"
                f" ({', '.join(known)}) or of ASE's Optimizer, got {name!r}"
            )
        return taken

    # ---- state -----------------------------------------------------------------------

    def _model(self) -> Optional[Model]:
        return None

    def initialize(self) -> None:
        """A fresh state."""
        surface = self._surface
        numbers = surface.numbers()
        if self._scales is not None:
            chosen = _scales.given(self._scales)
        else:
            calculator = None if surface.atoms is None else surface.atoms.calc
            chosen = _scales.of_elements(numbers, calculator)
        self._descent = Descent(
            self.kind,
            numbers,
            chosen,
            self._options,
            model=self._model(),
            maxstep=self.maxstep,
            adaptive=self._scales is None,
        )
        self._begun = False

    def read(self) -> None:
        """The state of the restart file."""
        header, records = self._log.read()
        self.initialize()
        if not header:
            return  # it was killed before it began
        self._begun = True
        shape = (len(self._surface.rows), 3)
        if header.get("kind") != self.kind or header.get("rows") != shape[0]:
            raise ArgumentError(
                f"{self._log.path}: expected a restart file of {self.kind} with"
                f" {shape[0]} rows, got {header.get('kind')} with {header.get('rows')}"
            )
        if header.get("cell") is not None and hasattr(self._surface.target, "orig_cell"):
            # generalized positions count from that cell
            self._surface.target.orig_cell = unpack(header["cell"], (3, 3))
            self._surface.factor = unpack(header["factor"], (shape[0], 1))
        for record in records:
            x, f = unpack(record["x"], shape), unpack(record["f"], shape)
            self._descent.next(Point(x, record["e"], f))

    def _record(self, point: Point) -> None:
        if not self._begun:
            cell = getattr(self._surface.target, "orig_cell", None)
            header = {"kind": self.kind, "rows": len(self._surface.rows)}
            if cell is not None:
                header["cell"] = pack(np.array(cell))
                header["factor"] = pack(self._surface.factor)
            self._log.begin(header)
            self._begun = True
        self._log.append(
            {"e": point.energy, "x": pack(point.positions), "f": pack(point.forces)}
        )

    # ---- steps -----------------------------------------------------------------------

    def step(self, forces: Any = None) -> None:
        """One step: the forces where the atoms are, and the atoms moved."""
        surface = self._surface
        x, f = surface.positions(), surface.forces()
        point = Point(x, surface.energy(x, f), f)
        if self.restart is not None:
            self._record(point)
        target = self._descent.next(point)
        if target is None:
            warnings.warn(
                f"{type(self).__name__}: no further progress is possible; the forces are"
                " as small as rounding allows, or not those of the energy",
                stacklevel=2,
            )
            self.max_steps = self.nsteps  # ends the run
            self._ended = True
            return
        surface.move(target)

    def irun(self, *arguments: Any, **keywords: Any) -> Any:
        """As in ASE."""
        self._allow_steps()
        return super().irun(*arguments, **keywords)

    def run(self, *arguments: Any, **keywords: Any) -> Any:
        """As in ASE: `run(fmax=0.05, steps=...)`; true when converged."""
        self._allow_steps()
        return super().run(*arguments, **keywords)

    def _allow_steps(self) -> None:
        """ASE before 3.23 keeps the last run's limit, and so that of one without steps."""
        if self._ended:
            self.max_steps, self._ended = 100_000_000, False

    _ended = False

    @property
    def scales(self) -> Any:
        """The natural units in use: length, energy and stiffness (`hop.Scales`)."""
        return self._descent.chosen.scales

    def _replay_trajectory(self, trajectory: Any) -> None:
        """ASE's `replay_trajectory`: as if these images had been evaluated one by one."""
        self.initialize()
        current = self._surface.atoms
        if current is None or self._surface.target is not current:
            raise TypeError("replay_trajectory: expected atoms, not a filter")
        for image in trajectory:
            surface = Surface(image)
            surface.rows = self._surface.rows
            x, f = image.get_positions(), image.get_forces()
            x, f = (np.ascontiguousarray(array[surface.rows]) for array in (x, f))
            self._descent.next(Point(x, surface.energy(x, f), f))

    def todict(self) -> dict[str, Any]:
        """What trajectories and databases keep of the optimizer."""
        found: dict[str, Any] = super().todict()
        found.update(self._options)
        return found


@functools.lru_cache(None)
def _ase_keywords() -> frozenset[str]:
    """What constructors of ASE's Optimizer take, of this version of ASE."""
    names: set[str] = set()
    for kind in Optimizer.__mro__:
        if "__init__" in vars(kind):
            names.update(inspect.signature(vars(kind)["__init__"]).parameters)
    return frozenset(names - {"self", "atoms", "restart", "logfile", "trajectory"})


class LBFGS(HopOptimizer):
    """
    L-BFGS as libhop has it: no line search; a step that raises the energy is taken back
    and shortened.
    """

    kind = "lbfgs"


class FIRE(HopOptimizer):
    """
    FIRE, rule for rule as in ASE, with time steps in natural units and a cap on the
    largest move of an atom instead of the norm of all.
    """

    kind = "fire"


class LearnedOptimizer(HopOptimizer):
    """
    The learned descent: an LSTM of 16 cells on every atom decides how to combine
    quasi-Newton step, force and momentum.

    `model` is a `hop.Model` or a file; None takes the one for metals that comes with
    libhop.
    """

    kind = "learned"

    def __init__(
        self,
        atoms: Any,
        restart: File = None,
        logfile: Union[IO[str], File] = "-",
        trajectory: Any = None,
        maxstep: Optional[float] = None,
        *,
        model: Union[Model, str, Path, None] = None,
        **keywords: Any,
    ) -> None:
        self._given = model
        super().__init__(atoms, restart, logfile, trajectory, maxstep, **keywords)

    def _model(self) -> Optional[Model]:
        self._given = Model._chosen(self._given, self.kind)
        return self._given
