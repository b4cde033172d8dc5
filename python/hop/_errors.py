"""Statuses and exceptions."""

from __future__ import annotations

import enum
from typing import Any, Optional

from ._library import library


class Status(enum.IntEnum):
    """What a call came to: 0 is success, negative an error, positive an outcome."""

    OK = 0
    ERROR_ARGUMENT = -1
    ERROR_MEMORY = -2
    ERROR_IO = -3
    ERROR_FORMAT = -4
    ERROR_CORRUPT = -5
    ERROR_VERSION = -6
    ERROR_RANGE = -7
    ERROR_UNSUPPORTED = -8
    ERROR_PROVIDER = -9
    ERROR_NONFINITE = -10
    ERROR_STATE = -11
    CONVERGED = 1
    MAX_STEPS = 2
    MAX_EVALUATIONS = 3
    MAX_TIME = 4
    STOPPED = 5
    STALLED = 6
    TARGET = 7
    END = 8

    @property
    def text(self) -> str:
        """A short English text."""
        text: bytes = library.hop_status_text(int(self))
        return text.decode()


class Error(Exception):
    """
    A call of libhop failed.

    Every error is an `Error`; each kind has a subclass that is also the built-in
    exception a Python programmer expects, such as ValueError for `ArgumentError`.
    """

    #: The `Status`, or the bare number when this package does not know it.
    status: int = 0
    #: Where, what was expected and what was found.
    message: str

    def __init__(self, message: str, status: Optional[int] = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status

    @property
    def name(self) -> str:
        """The status's name in C, such as "HOP_ERROR_IO"."""
        name: bytes = library.hop_status_name(int(self.status))
        return name.decode()

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.status)


class ArgumentError(Error, ValueError):
    """Invalid argument."""

    status = Status.ERROR_ARGUMENT


class OutOfMemoryError(Error, MemoryError):
    """Out of memory."""

    status = Status.ERROR_MEMORY


class FileError(Error, OSError):
    """A file could not be read or written."""

    status = Status.ERROR_IO


class FormatError(Error, ValueError):
    """A file is not in the expected format; the message begins with file and line."""

    status = Status.ERROR_FORMAT


class CorruptError(Error, ValueError):
    """A file is truncated or was altered."""

    status = Status.ERROR_CORRUPT


class VersionError(Error, ValueError):
    """A file was made by an incompatible version."""

    status = Status.ERROR_VERSION


class RangeError(Error, OverflowError):
    """A size limit was exceeded."""

    status = Status.ERROR_RANGE


class UnsupportedError(Error, NotImplementedError):
    """Not supported."""

    status = Status.ERROR_UNSUPPORTED


class ProviderError(Error, RuntimeError):
    """An external potential failed for good."""

    status = Status.ERROR_PROVIDER


class NonfiniteError(Error, ArithmeticError):
    """Energy or forces are not finite, or cannot be evaluated at these positions."""

    status = Status.ERROR_NONFINITE


class StateError(Error, RuntimeError):
    """The call is not allowed in this state."""

    status = Status.ERROR_STATE


class EndError(Error, IndexError):
    """There is no such frame in the file."""

    status = Status.END


class CannotEvaluate(Exception):
    """
    Raised *by the callable* of `Potential.external` when these positions cannot be
    evaluated but nearer ones may: the optimizer shortens its step.
    """


_CLASSES: dict[int, type[Error]] = {
    int(kind.status): kind
    for kind in (
        ArgumentError,
        OutOfMemoryError,
        FileError,
        FormatError,
        CorruptError,
        VersionError,
        RangeError,
        UnsupportedError,
        ProviderError,
        NonfiniteError,
        StateError,
        EndError,
    )
}


def error(status: int, message: str) -> Error:
    """The exception for a status."""
    message = message or library.hop_status_text(status).decode()
    kind = _CLASSES.get(status)
    return Error(message, status) if kind is None else kind(message)
