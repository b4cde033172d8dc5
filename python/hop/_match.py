"""Are two structures the same?"""

from __future__ import annotations

import ctypes
from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from . import _library
from ._arrays import Reals
from ._handle import number, require
from ._library import library
from ._structure import Structure


class Match(NamedTuple):
    """How well structure a lies on structure b; `bool(match)` is `match.same`."""

    #: The largest distance of two atoms is within the tolerance.
    same: bool
    #: Largest distance of atoms that are laid on each other, angstrom; infinite when no
    #: way was found to do so.
    largest: float
    #: Root mean square of these distances.
    rms: float
    #: Which atom of b each atom of a is, (n,); None when `largest` is infinite.
    permutation: Optional[NDArray[np.int64]]
    #: b lies near a.positions @ rotation.T + shift; (3, 3).
    rotation: Reals
    #: (3,), angstrom.
    shift: Reals
    #: `rotation` turns left into right.
    mirrored: bool

    def __bool__(self) -> bool:
        return self.same

    def __repr__(self) -> str:
        same = "the same" if self.same else "different"
        return f"<hop.Match {same}, largest distance {self.largest:.3g} angstrom>"


def match(a: Structure, b: Structure, tolerance: float = 0.2) -> Match:
    """
    Are two structures the same up to where they are and which of equal atoms is which?

    Clusters are moved, turned and mirrored; periodic structures, whose cells must be the
    same, are moved only.  `tolerance` is the largest distance for which they are the same,
    angstrom, such as a tenth of the distance of neighbours.

    >>> match(found.best, known).same
    """
    require(a, Structure, "match")
    require(b, Structure, "match")
    found = _library.Match(size=ctypes.sizeof(_library.Match))
    permutation = np.empty(len(a), dtype=np.int64)
    a._handle.context.check(
        library.hop_structure_match(
            a._handle.address,
            b._handle.address,
            number(tolerance, "tolerance"),
            permutation.ctypes.data,
            ctypes.byref(found),
        )
    )
    return Match(
        bool(found.same),
        found.largest,
        found.rms,
        permutation if np.isfinite(found.largest) else None,
        np.array(found.rotation).reshape(3, 3),
        np.array(found.shift),
        bool(found.mirrored),
    )
