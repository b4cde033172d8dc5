"""Natural units for a calculator that is not libhop's."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np

from .._arrays import Integers, Reals
from .._errors import ArgumentError
from .._library import library
from .._potential import Potential, Scales, potentials
from ._calculators import HopCalculator

#: Curvature along a force, in bond stiffnesses: of metal clusters and crystals.
ALONG_FORCE = 4.0
#: A bond's energy is stiffness * length^2 / BOND, as libhop assumes of unknown potentials.
BOND = 5.0


class Chosen(NamedTuple):
    """Natural units, and the potential that carries them to an optimizer."""

    scales: Scales
    potential: Potential


def _unused(_structure: Any) -> Any:
    raise RuntimeError("this potential is there for its natural units only")


def given(scales: Any) -> Chosen:
    """(length, energy, stiffness), the same for all atoms."""
    try:
        found = Scales(*(float(number) for number in scales))
        if not (min(found) > 0 and np.isfinite(found).all()):
            raise ValueError
    except (TypeError, ValueError):
        raise ArgumentError(
            "scales: expected (length, energy, stiffness), positive, in angstrom, eV and"
            f" eV/angstrom^2, got {scales!r}"
        ) from None
    return Chosen(found, Potential.external(_unused, **found._asdict()))


def _mean(potential: Potential, numbers: Integers) -> Scales:
    kinds, counts = np.unique(numbers, return_counts=True)
    rows = np.array([potential.scales(int(kind)) for kind in kinds])
    return Scales(*(float(x) for x in np.average(rows, axis=0, weights=counts)))


def _knows(name: str, symbols: set[str]) -> Optional[Potential]:
    potential = Potential.builtin(name)
    try:
        for symbol in symbols:
            potential.scales(symbol)
    except ArgumentError:
        return None
    return potential


def of_elements(numbers: Integers, calculator: Any = None) -> Chosen:
    """
    Before anything is known: libhop's own potential, or a built-in one of these
    elements, or radii and usual bonds.
    """
    if not len(numbers):
        numbers = np.zeros(1, dtype=np.int32)  # all atoms are fixed
    if isinstance(calculator, HopCalculator) and calculator.atoms is not None:
        try:
            return Chosen(_mean(calculator.potential, numbers), calculator.potential)
        except ArgumentError:
            pass
    symbols = {library.hop_element_symbol(int(n)).decode() for n in set(numbers)}
    names = [n for n in potentials() if all(symbol in n for symbol in symbols)]
    for name in sorted(names, key=len):
        potential = _knows(name, symbols)
        if potential is not None:
            return Chosen(_mean(potential, numbers), potential)
    potential = Potential.external(_unused)
    return Chosen(_mean(potential, numbers), potential)


def from_curvature(length: float, curvature: float) -> Chosen:
    """From the curvature along a force, eV/angstrom^2."""
    stiffness = curvature / ALONG_FORCE
    return given((length, stiffness * length**2 / BOND, stiffness))


def curvature(before: Reals, f0: Reals, after: Reals, f1: Reals) -> float:
    """How stiff the surface was along a step: |change of force| / |step|."""
    step = float(np.linalg.norm(after - before))
    return float(np.linalg.norm(f1 - f0)) / step if step > 0 else np.nan
