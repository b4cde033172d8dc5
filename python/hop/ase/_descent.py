"""A descent of libhop that is told positions, energies and forces by somebody else."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np

from .._arrays import Integers, Reals
from .._model import Model
from .._optimizer import Optimizer
from .._options import Option, options
from .._structure import Structure
from . import _scales
from ._scales import Chosen

#: After so many points the natural units are compared with what was seen,
LOOKS = (2, 8)
#: and replaced when stiffnesses differ by more than this factor: random starts look several
#: times as stiff as their minima, and are best descended from in the minima's units.
TOLERANCE = 16.0
#: Options with which a descent does not end: ASE decides when to stop.
ENDLESS = {"fmax": 1e-12, "patience": 0, "quenches": 1, "polish": 0}
#: The same of the options of a search, which the learned kind has.
ENDLESS_SEARCH = {"quench_steps": 1e15, "abort": 0, "abandon": 0}


def useful(kind: str) -> tuple[Option, ...]:
    """The options of a descent that ASE ends: none of limits, cells and searches."""
    names = {k: {option.name for option in options(k)} for k in ("fire", "lbfgs", kind)}
    common = names["fire"] & names["lbfgs"] - {"max_step"}
    wanted = names[kind] - common
    if kind == "learned":
        wanted &= names["lbfgs"] | {"descend", "handover"}
    return tuple(option for option in options(kind) if option.name in wanted)


class Point(NamedTuple):
    """One evaluation."""

    positions: Reals
    energy: float
    forces: Reals


class Descent:
    """
    From one point to the next.

    The optimizer in C cannot change its natural units; when they turn out wrong, another
    one is made and told again what has been seen.
    """

    def __init__(
        self,
        kind: str,
        numbers: Integers,
        chosen: Chosen,
        options: dict[str, Any],
        *,
        model: Optional[Model] = None,
        maxstep: Optional[float] = None,
        adaptive: bool = True,
    ) -> None:
        self.kind = kind
        self.numbers = numbers
        self.chosen = chosen
        self.options = options
        self.model = model
        self.maxstep = maxstep
        self.adaptive = adaptive
        self._seen: list[Point] = []
        self._optimizer: Optional[Optimizer] = None

    # ---- the optimizer in C ----------------------------------------------------------

    def _begin(self, positions: Reals) -> None:
        self._structure = Structure(self.numbers, positions)
        options = dict(ENDLESS)
        if self.kind == "learned":
            options.update(ENDLESS_SEARCH)
        options.update(self.options)
        if self.maxstep is not None:
            options["max_step"] = self.maxstep / self.chosen.scales.length
        self._optimizer = Optimizer(
            self.kind, self._structure, self.chosen.potential, self.model, **options
        )
        self._optimizer.ask()
        self._step = np.inf

    def _take(self, point: Point) -> bool:
        """Tell it; True when there is a next point, which the structure then holds."""
        optimizer, structure = self._optimizer, self._structure
        assert optimizer is not None
        if (structure.positions != point.positions).any():
            structure.positions[...] = point.positions
            optimizer.adjust()
        structure.energy = point.energy
        structure.forces[...] = point.forces
        optimizer.tell()
        going = optimizer.ask()
        self._step = _distance(structure.positions, point.positions)
        return going

    def _replay(self) -> bool:
        self._begin(self._seen[0].positions)
        return [self._take(point) for point in self._seen][-1]

    # ---- from outside ----------------------------------------------------------------

    def forget(self) -> None:
        """The next point begins a new descent."""
        self._optimizer = None
        self._seen = []

    def next(self, point: Point) -> Optional[Reals]:
        """Where to evaluate next; None: no step is possible."""
        if not len(point.positions):
            return None
        if self._optimizer is not None and self._elsewhere(point.positions):
            self.forget()
        if self._optimizer is None:
            self._begin(point.positions)
        going = self._take(point)
        if len(self._seen) < max(LOOKS):
            self._seen.append(point)
            if self.adaptive and len(self._seen) in LOOKS and self._look():
                going = self._replay()
        if not going:
            self.forget()
            self._begin(point.positions)
            going = self._take(point)
        return self._structure.positions.copy() if going else None

    def _elsewhere(self, positions: Reals) -> bool:
        """Somebody else moved the atoms: not a constraint on the way."""
        off = _distance(self._structure.positions, positions)
        return off > 0.5 * self._step + 1e-6 * self.chosen.scales.length

    def _look(self) -> bool:
        """New natural units, if those so far are far from what was seen."""
        seen = self._seen[len(self._seen) // 2 - 1 :]
        stiffest = max(
            _scales.curvature(a.positions, a.forces, b.positions, b.forces)
            for a, b in zip(seen, seen[1:])
        )
        scales = self.chosen.scales
        ratio = stiffest / (_scales.ALONG_FORCE * scales.stiffness)
        if not np.isfinite(ratio) or 1 / TOLERANCE < ratio < TOLERANCE:
            return False
        self.chosen = _scales.from_curvature(scales.length, stiffest)
        return True


def _distance(a: Reals, b: Reals) -> float:
    return float(np.linalg.norm(a - b))
