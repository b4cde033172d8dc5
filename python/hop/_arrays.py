"""Arrays: views of C memory, and what the caller gives turned into what C takes."""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._errors import ArgumentError
from ._handle import encode, require
from ._library import library

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int32]


class _View:
    """An array in C memory; NumPy keeps this object, and so the owner, alive."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(
        self, owner: Any, address: int, shape: tuple[int, ...], kind: str
    ) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": kind,
            "data": (address, False),
            "strides": None if kind != "|b1" else (4,),
        }


_ORDER = "<" if sys.byteorder == "little" else ">"
REAL = _ORDER + "f8"
INTEGER = _ORDER + "i4"
#: An int32 that is 0 or 1 is a bool at its low byte.
FLAG = "|b1"
_LOW_BYTE = 0 if sys.byteorder == "little" else 3


def view(
    owner: Any, address: int, shape: tuple[int, ...], kind: str = REAL
) -> NDArray[Any]:
    """The memory at `address` as an array that keeps `owner` alive."""
    if kind == FLAG:
        address += _LOW_BYTE
    return np.asarray(_View(owner, address, shape, kind))


def reals(value: ArrayLike, shape: tuple[int, ...], what: str) -> Reals:
    """`value` as contiguous float64 of just this shape."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{what}: expected real numbers, got {array.dtype} {value!r:.60}"
        )
    if array.shape != shape:
        raise ArgumentError(f"{what}: expected shape {shape}, got {array.shape}")
    return np.ascontiguousarray(array, dtype=np.float64)


def lattice(value: ArrayLike) -> Reals:
    array = np.asarray(value)
    if array.shape == (3,):
        return np.diag(reals(array, (3,), "cell"))
    if array.shape == (9,):
        array = array.reshape(3, 3)
    return reals(array, (3, 3), "cell")


def atomic_number(element: Union[str, int]) -> int:
    """The atomic number of a symbol such as "Ag"; 0 for "X"."""
    if not isinstance(element, str):
        return operator.index(element)
    found: int = library.hop_element_number(encode(element, "element"))
    if found < 0:
        raise ArgumentError(f"expected a chemical symbol, got {element!r}")
    return found


def _from_formula(formula: str) -> Iterator[str]:
    if not re.fullmatch(r"([A-Z][a-z]?[0-9]*)+", formula):
        raise ArgumentError(f"expected a formula such as 'Ag19Au19', got {formula!r}")
    for symbol, count in re.findall(r"([A-Z][a-z]?)([0-9]*)", formula):
        for _ in range(int(count or 1)):
            yield symbol


def atomic_numbers(atoms: Union[str, Iterable[Union[str, int]]]) -> Integers:
    if isinstance(atoms, str):
        atoms = list(_from_formula(atoms))
    elif not isinstance(atoms, Iterable):
        raise TypeError(
            f"atoms: expected symbols, numbers or a formula, got {atoms!r:.60}"
        )
    elif not isinstance(atoms, (Sequence, np.ndarray)):
        atoms = list(atoms)
    if len(atoms) and isinstance(atoms[0], str):
        numbers = np.array([atomic_number(element) for element in atoms])
    else:
        numbers = np.asarray(atoms)
        if numbers.ndim != 1:
            raise ArgumentError(
                f"numbers: expected one dimension, got shape {numbers.shape}"
            )
        if numbers.size and numbers.dtype.kind not in "iu":
            raise TypeError(
                f"numbers: expected integers or symbols, got {numbers.dtype}"
            )
    if numbers.size and (numbers.min() < 0 or numbers.max() > 118):
        worst = int(np.flatnonzero((numbers < 0) | (numbers > 118))[0])
        raise ArgumentError(
            f"atom {worst}: expected an atomic number from 0 to 118,"
            f" got {numbers[worst]}"
        )
    return np.ascontiguousarray(numbers, dtype=np.int32)


def voigt(value: ArrayLike) -> Reals:
    """A virial as 6 Voigt numbers; accepts the symmetric (3, 3) matrix too."""
    array = np.asarray(value)
    if array.shape == (3, 3):
        full = reals(array, (3, 3), "virial")
        scale = max(1.0, float(np.abs(full).max()))
        if np.abs(full - full.T).max() > 1e-6 * scale:
            raise ArgumentError(f"virial: expected a symmetric matrix, got {value!r}")
        return np.array([full[i, j] for i, j in _VOIGT])
    return reals(array, (6,), "virial")


_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def check_wrapped(
    name: str, array: Any, kind: type, shapes: tuple[tuple[int, ...], ...]
) -> None:
    require(array, np.ndarray, name)
    if array.dtype != kind or array.shape not in shapes:
        expected = " or ".join(str(shape) for shape in shapes)
        raise ArgumentError(
            f"{name}: expected {np.dtype(kind).name} of shape {expected},"
            f" got {array.dtype} of shape {array.shape}"
        )
    if not (array.flags.c_contiguous and array.flags.writeable and array.flags.aligned):
        raise ArgumentError(
            f"{name}: expected a C-contiguous, aligned and writable array"
        )
