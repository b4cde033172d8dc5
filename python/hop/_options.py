"""Option tables: what the optimizers and the trainer can be told."""

from __future__ import annotations

import ctypes
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
    #: "" when dimensionless.
    unit: str
    #: float, int or bool.
    type: type
    minimum: Value
    maximum: Value
    #: The default.
    initial: Value
    doc: str


def options(kind: str) -> tuple[Option, ...]:
    """
    The options of an optimizer's kind (see `optimizers()`) or of a training method
    (see `training_methods()`).

    >>> for option in options("fire"):
    ...     print(option.name, option.initial, option.unit, option.doc)
    """
    encoded = encode(kind, "kind")
    table: list[Option] = []
    while True:
        row = _library.Option(size=ctypes.sizeof(_library.Option))
        status = library.hop_option_describe(encoded, len(table), ctypes.byref(row))
        if status == Status.END:
            return tuple(table)
        if status != Status.OK:
            known = ", ".join((*optimizers(), *training_methods()))
            raise ArgumentError(f"options: expected one of {known}, got {kind!r}")
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
    if kind is int and value != value or value in (float("inf"), float("-inf")):
        return value
    converted: Value = kind(value)
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
        for name, value in values.items():
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
