"""
Handles: what owns a C object, and calls into C that may call back.

Every Python object has a C context of its own, so different objects may be used from
different threads at once.  `__del__` of a handle gives the C object back; NumPy views
keep the handle, never the Python object, alive, so there are no reference cycles.
"""

from __future__ import annotations

import logging
import operator
import os
import sys
import threading
from ctypes import byref, c_void_p
from types import TracebackType
from typing import Any, Callable, Optional, Union

from . import _library
from ._errors import ArgumentError, CannotEvaluate, StateError, Status, error
from ._library import library

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

logger = logging.getLogger("hop")


class _Callbacks(threading.local):
    """What Python code called by C left behind in this thread."""

    #: Raised inside a callback; comes out of the C call unchanged.
    pending: Optional[BaseException] = None
    #: The last "cannot evaluate here"; the cause of the error that may follow.
    refusal: Optional[CannotEvaluate] = None


callbacks = _Callbacks()


def _hop_callback_log(_user: Any, message: bytes) -> None:
    try:
        logger.info("%s", message.decode(errors="replace"))
    except BaseException as problem:
        callbacks.pending = problem


_log = _library.LogFunction(_hop_callback_log)


def _release(owner: Any) -> None:
    """Give the C object back, once; a half-made owner has none."""
    address = getattr(owner, "address", None)
    if address is not None:
        owner.address = None
        owner._free(address)


def _no_pickle() -> TypeError:
    return TypeError("this object of libhop cannot be pickled or deeply copied")


class Context:
    """A C context: error messages, cancel flag, threads."""

    __slots__ = ("address", "_free")

    def __init__(self) -> None:
        self._free = library.hop_context_free
        self.address: Optional[int] = None
        out = c_void_p()
        status = library.hop_context_new(None, byref(out))
        if status != Status.OK:
            raise error(status, "no memory for a context")
        self.address = out.value
        library.hop_context_set_log(self.address, _log, None)

    def __del__(self) -> None:
        _release(self)

    def check(self, status: int) -> int:
        """Raise what a callback raised, or the error of a failed call."""
        if callbacks.pending is not None:
            problem, callbacks.pending = callbacks.pending, None
            try:
                raise problem
            finally:
                del problem  # else a cycle: the traceback holds this frame
        if status < 0:
            text = library.hop_error_message(self.address).decode(errors="replace")
            raise error(status, text)
        return status

    def __reduce__(self) -> Any:
        raise _no_pickle()


class Handle:
    """Owns one C object; `keep` is what must live as long as it does."""

    __slots__ = ("address", "context", "keep", "_free")

    def __init__(
        self, context: Context, address: Optional[int], free: Any, keep: Any = None
    ) -> None:
        self._free = free
        self.context = context
        self.keep = keep
        self.address = address

    def __del__(self) -> None:
        _release(self)

    def __reduce__(self) -> Any:
        raise _no_pickle()


def make(
    free: Any,
    function: Any,
    *arguments: Any,
    context: Optional[Context] = None,
    keep: Any = None,
) -> Handle:
    """Call `function(context, *arguments, out)`; whatever comes out is owned."""
    if context is None:
        context = Context()
    out = c_void_p()
    status = context.check(function(context.address, *arguments, byref(out)))
    if status != Status.OK:
        raise error(status, Status(status).text)
    return Handle(context, out.value, free, keep)


def derive(free: Any, function: Any, source: Handle) -> Handle:
    """Call `function(source, out)`; what comes out shares the source's context."""
    out = c_void_p()
    source.context.check(function(source.address, byref(out)))
    return Handle(source.context, out.value, free)


def call(function: Any, *arguments: Any) -> int:
    """
    Call C code that may call back into Python.

    Callbacks catch every exception themselves, but one that a signal handler raises
    (Ctrl-C) can strike on entry to the callback, before its `try`, or in a `__del__`
    there.  Python then hands the exception to sys.unraisablehook, where it is caught,
    and ctypes returns an arbitrary number to C, which is harmless: results that were
    not written are NaN.  Signal handlers run in the main thread only.

    The hook passes on all that is not ours, so it does no harm if a signal keeps it
    from being taken away, which Python before 3.11 allows.
    """
    callbacks.pending = None
    callbacks.refusal = None
    if threading.current_thread() is not threading.main_thread():
        return int(function(*arguments))
    previous = sys.unraisablehook
    if previous is _hook:
        return int(function(*arguments))
    global _outer_hook
    _outer_hook = previous
    try:
        sys.unraisablehook = _hook
        return int(function(*arguments))
    finally:
        sys.unraisablehook = previous


_outer_hook: Any = sys.__unraisablehook__


def _hook(unraisable: Any, /) -> None:
    if not _is_ours(unraisable):
        _outer_hook(unraisable)
    elif callbacks.pending is None:
        callbacks.pending = unraisable.exc_value


def _is_ours(unraisable: Any) -> bool:
    """Whether it happened in one of our functions, inside `call`."""
    text = f"{unraisable.err_msg} {unraisable.object!r}"
    if unraisable.object not in (Context.__del__, Handle.__del__) and not (
        "ctypes callback" in text and "_hop_callback" in text
    ):
        return False
    frame = sys._getframe()
    while frame is not None and frame.f_code is not call.__code__:
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None


class Exclusive:
    """A block for one thread at a time; nothing waits, so nothing hangs."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.RLock()

    def __reduce__(self) -> Any:
        raise _no_pickle()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise StateError(
                f"this {self._what} is in use by another thread;"
                " make one for each thread"
            )

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._lock.release()


def encode(text: Any, what: str) -> bytes:
    """Text for C: UTF-8, and free of NUL."""
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected str, got {type(text).__name__}")
    return _without_nul(text.encode(errors="surrogateescape"), what)


def encode_path(path: Path) -> bytes:
    return _without_nul(os.fsencode(path), "file name")


def _without_nul(data: bytes, what: str) -> bytes:
    if b"\0" in data:
        raise ValueError(f"{what}: expected no NUL character, got {data!r}")
    return data


def number(value: Any, what: str) -> float:
    """A real number, or a TypeError that says which one is not."""
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"{what}: expected a number, got {value!r}")
    try:
        return float(value)
    except TypeError:
        raise TypeError(
            f"{what}: expected a number, got {type(value).__name__}"
        ) from None


def whole(value: Any, what: str, low: int = 0, high: int = 2**53) -> int:
    """A whole number from `low` to `high`, or an error that says which one is not."""
    try:
        found = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{what}: expected a whole number, got {value!r:.60}"
        ) from None
    if not low <= found <= high:
        raise ArgumentError(f"{what}: expected {low} to {high}, got {found}")
    return found


def decode(text: Optional[bytes]) -> str:
    return "" if text is None else text.decode(errors="replace")


def names(function: Callable[[int], Optional[bytes]]) -> tuple[str, ...]:
    """function(0), function(1), ... until NULL."""
    found: list[str] = []
    while True:
        name = function(len(found))
        if name is None:
            return tuple(found)
        found.append(name.decode())


def require(value: Any, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{what}: expected {kind.__name__}, got {type(value).__name__}")
