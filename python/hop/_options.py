"""Option tables: what the optimizers and the trainer can be told."""

from __future__ import annotations

import ctypes
import difflib
import functools
import inspect
import math
import textwrap
from collections.abc import Iterable
from typing import Any, NamedTuple, Union

from . import _library
from ._errors import ArgumentError, Status
from ._handle import Handle, decode, encode, names, number
from ._library import library

Value = Union[bool, int, float]

_TYPES: tuple[type, ...] = (float, int, bool)


class Option(NamedTuple):
    """One option of an optimizer or of the trainer."""

    name: str
    #: "" when dimensionless; r0, e0 and k0 are the potential's natural length, energy and
    #: stiffness (`Potential.scales`), A is angstrom.
    unit: str
    #: float, int or bool.
    type: type
    minimum: Value
    maximum: Value
    #: The default.
    initial: Value
    doc: str


class OptionTable(tuple[Option, ...]):
    """Options, which print as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return described(self)


def described(table: Iterable[Option]) -> str:
    """Name, default and unit, and what each option means."""
    lines = []
    for option in table:
        value = f"{option.initial:g}" if option.type is float else str(option.initial)
        lines.append(f"{option.name} = {value} {option.unit}".rstrip())
        lines += textwrap.wrap(option.doc, 84, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def document(kind: type, base: type, table: Iterable[Option]) -> None:
    """Add to the documentation of a class that of its base, but for its title, and options."""
    if kind.__doc__ and base.__doc__:
        own, shared = map(inspect.cleandoc, (kind.__doc__, base.__doc__))
        title = "Options of libhop\n-----------------\n"
        kind.__doc__ = "\n\n".join([own, shared.split("\n\n", 1)[1], title + described(table)])


def options(kind: str) -> OptionTable:
    """
    The options of an optimizer's kind (see `optimizers()`) or of a training method
    (see `training_methods()`): each a keyword.

    >>> options("fire")                        # prints as a table
    >>> for option in options("fire"):
    ...     print(option.name, option.initial, option.unit, option.doc)

    Units are angstrom (A) and eV, or the potential's own: r0 is its nearest-neighbour
    distance, e0 its binding energy per atom, k0 the stiffness of a bond (`Potential.scales`).
    """
    return _table(encode(kind, "kind"))


@functools.lru_cache(None)
def _table(kind: bytes) -> OptionTable:
    table: list[Option] = []
    while True:
        row = _library.Option(size=ctypes.sizeof(_library.Option))
        status = library.hop_option_describe(kind, len(table), ctypes.byref(row))
        if status == Status.END:
            return OptionTable(table)
        if status != Status.OK:
            known = ", ".join((*optimizers(), *training_methods()))
            raise ArgumentError(f"options: expected one of {known}, got {decode(kind)!r}")
        table.append(_option(row))


def _option(row: Any) -> Option:
    kind = _TYPES[row.type]
    return Option(
        decode(row.name),
        decode(row.unit),
        kind,
        _convert(kind, row.minimum),
        _convert(kind, row.maximum),
        _convert(kind, row.initial),
        decode(row.doc),
    )


def _convert(kind: type, value: float) -> Value:
    converted: Value = kind(value) if math.isfinite(value) else value
    return converted


def optimizers() -> tuple[str, ...]:
    """The kinds of optimizers, such as "fire", "lbfgs", "learned" and "learned-continuous"."""
    return names(library.hop_optimizer_kind)


def training_methods() -> tuple[str, ...]:
    """The methods of training, such as "tbptt"."""
    return names(library.hop_trainer_method)


class Options:
    """The options of one optimizer or trainer, by name."""

    __slots__ = ("_handle", "_set", "_get", "_kind")

    def __init__(self, handle: Handle, kind: str, setter: Any, getter: Any) -> None:
        self._handle = handle
        self._kind = kind
        self._set = setter
        self._get = getter

    def set(self, values: dict[str, Any]) -> None:
        known = [option.name for option in options(self._kind)]
        for name, value in values.items():
            meant = difflib.get_close_matches(name, known, 1)
            if meant and name not in known:
                raise ArgumentError(
                    f"{self._kind} has no option {name!r}; did you mean {meant[0]}?"
                )
            self._handle.context.check(
                self._set(
                    self._handle.address,
                    encode(name, "option"),
                    number(value, f"option {name}"),
                )
            )

    def get(self, name: str) -> Value:
        value = ctypes.c_double()
        self._handle.context.check(
            self._get(self._handle.address, encode(name, "option"), ctypes.byref(value))
        )
        types = {option.name: option.type for option in options(self._kind)}
        return _convert(types[name], value.value)

    def all(self) -> dict[str, Value]:
        return {option.name: self.get(option.name) for option in options(self._kind)}
