"""Anything that ASE optimizes - atoms, filters, bands - as rows of positions and forces."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.constraints import FixAtoms

from .._arrays import Integers, Reals

try:
    from ase.filters import Filter, StrainFilter
except ImportError:  # before ASE 3.23
    from ase.constraints import Filter, StrainFilter


class Flat:
    """An `Optimizable` of ASE that is nothing but a flat vector."""

    def __init__(self, optimizable: Any) -> None:
        self._optimizable = optimizable

    def __len__(self) -> int:
        return int(self._optimizable.ndofs()) // 3

    def get_positions(self) -> Reals:
        return np.array(self._optimizable.get_x()).reshape(-1, 3)

    def set_positions(self, positions: Reals) -> None:
        self._optimizable.set_x(positions.ravel())

    def get_forces(self) -> Reals:
        gradient = np.array(self._optimizable.get_gradient()).reshape(-1, 3)
        return _sign() * gradient


def _sign() -> float:
    """What turns get_gradient() into forces: one ASE returned forces by that name."""
    from ase.optimize.optimize import OptimizableAtoms

    class Ones:
        def get_forces(self) -> Reals:
            return np.ones((1, 3))

    return float(np.sign(OptimizableAtoms(Ones()).get_gradient().ravel()[0]))


def unwrap(target: Any) -> Any:
    """What has get_positions, set_positions and get_forces."""
    for name in ("atoms", "filterobj", "neb", "dimeratoms"):
        if not hasattr(target, "get_positions") and hasattr(target, name):
            target = getattr(target, name)
    if hasattr(target, "get_positions"):
        return target
    if not hasattr(target, "get_x"):
        raise TypeError(f"expected atoms, a filter or a band, got {target!r:.60}")
    return Flat(target)


class Surface:
    """
    The rows that can move, with a unit of length for each kind.

    Rows are atoms, atoms of images, or, in the cell filters, the last three rows of the
    deformation, and the rows of a strain, which are scaled so that they are as stiff as an
    atom: strains then come as lengths times the square root of the number of atoms.
    """

    def __init__(self, target: Any) -> None:
        self.target = unwrap(target)
        self.count = len(self.target)
        self.atoms: Optional[Atoms] = _atoms_of(self.target)
        extra = 0
        if self.atoms is not None and isinstance(self.target, Filter):
            extra = 3 if self.count == len(self.atoms) + 3 else 0
        self.extra = extra
        self.rows = np.flatnonzero(~self._fixed())
        self.factor = self._factor()
        self._consistent: Optional[bool] = None
        self._work: Optional[tuple[Reals, Reals, float]] = None

    def _fixed(self) -> Any:
        """Rows of FixAtoms: they have no force and take part in nothing."""
        fixed = np.zeros(self.count, dtype=bool)
        whole = isinstance(self.target, Atoms) or self.extra
        if self.atoms is None or not whole:
            return fixed
        for constraint in self.atoms.constraints:
            if isinstance(constraint, FixAtoms):
                fixed[np.arange(len(self.atoms))[constraint.index]] = True
        return fixed

    def _factor(self) -> Reals:
        """Internal rows are rows divided by it."""
        factor = np.ones((self.count, 1))
        strain = isinstance(self.target, StrainFilter)
        if self.atoms is not None and (self.extra or strain):
            given = getattr(self.target, "exp_cell_factor", None)
            if given is None:
                given = getattr(self.target, "cell_factor", 1.0)
            length = float(np.cbrt(self.atoms.get_volume() / len(self.atoms)))
            factor[-3:] = given / (np.sqrt(len(self.atoms)) * length)
        return factor[self.rows]

    def numbers(self) -> Integers:
        """An atomic number for each row; the commonest for a row that is no atom."""
        found = _numbers_of(self.target, self.atoms)
        numbers = np.full(self.count, np.bincount(found).argmax(), dtype=np.int32)
        if self.count % len(found) == 0:  # the images of a band
            found = np.tile(found, self.count // len(found))
        if len(found) <= self.count:
            numbers[: len(found)] = found
        return numbers[self.rows]

    # ---- rows ------------------------------------------------------------------------

    def positions(self) -> Reals:
        """Positions of the rows that move."""
        everything = np.asarray(self.target.get_positions(), dtype=np.float64)
        return np.ascontiguousarray(everything[self.rows] / self.factor)

    def move(self, positions: Reals) -> None:
        """Put the rows that move there, as far as constraints allow."""
        everything = np.array(self.target.get_positions(), dtype=np.float64)
        everything[self.rows] = positions * self.factor
        self.target.set_positions(everything)

    def forces(self) -> Reals:
        """Forces on the rows that move."""
        forces = np.asarray(self.target.get_forces(), dtype=np.float64)
        return np.ascontiguousarray(forces[self.rows] * self.factor)

    def energy(self, positions: Reals, forces: Reals) -> float:
        """
        The energy, consistent with the forces where the calculator has one.

        A band or a dimer has none that its forces are the slope of: then it is the work
        done so far.
        """
        if isinstance(self.target, (Atoms, Filter)):
            return self._potential_energy()
        if self._work is None:
            self._work = positions, forces, 0.0
        before, last, energy = self._work
        energy -= 0.5 * float(np.vdot(positions - before, forces + last))
        self._work = positions, forces, energy
        return energy

    def _potential_energy(self) -> float:
        if self._consistent is not False:
            try:
                energy = self.target.get_potential_energy(force_consistent=True)
                self._consistent = True
                return float(energy)
            except (PropertyNotImplementedError, TypeError):
                if self._consistent:
                    raise
                self._consistent = False
        try:
            return float(self.target.get_potential_energy(force_consistent=False))
        except TypeError:
            return float(self.target.get_potential_energy())


def _numbers_of(target: Any, atoms: Optional[Atoms]) -> Any:
    images = getattr(target, "images", None)
    if images:
        return np.asarray(images[0].numbers)
    try:
        return np.asarray(target.get_atomic_numbers(), dtype=int)
    except (AttributeError, IndexError, NotImplementedError):
        return np.zeros(1, dtype=int) if atoms is None else np.asarray(atoms.numbers)


def _atoms_of(target: Any) -> Optional[Atoms]:
    while isinstance(target, Filter):
        target = target.atoms
    return target if isinstance(target, Atoms) else None
