"""
Restart files: a line of JSON for each evaluation, appended.

A kill can only tear the last line, which is then left out; what was told before is told
again to a new optimizer, which thereby is in the same state, bit for bit.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

import numpy as np

from .._arrays import Reals
from .._errors import FormatError

FORMAT = "hop-evaluations-1"
_BEGINNING = f'{{"format": "{FORMAT}"'.encode()


def pack(array: Reals) -> str:
    """Float64, little-endian, base64: exact and short."""
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f8").data).decode()


def unpack(text: str, shape: tuple[int, ...]) -> Reals:
    """The array that `pack` was given."""
    return np.frombuffer(base64.b64decode(text), dtype="<f8").reshape(shape).copy()


class Log:
    """A restart file; with no path it does nothing.  It is open only while it is written."""

    def __init__(self, path: Union[str, Path, None], write: bool = True) -> None:
        self.path = None if path is None else Path(path)
        self._write = write

    def begin(self, header: dict[str, Any]) -> None:
        """A new file with this header."""
        self._put({"format": FORMAT, **header}, "w")

    def append(self, record: dict[str, Any]) -> None:
        """One line, complete on disk as far as this process is concerned."""
        self._put(record, "a")

    def _put(self, record: dict[str, Any], mode: str) -> None:
        if self.path is not None and self._write:
            with open(self.path, mode) as file:
                file.write(json.dumps(record) + "\n")

    def read(self) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
        """
        The header and the records; a torn last line is cut off the file.  The header is
        empty if it was torn itself.

        `FormatError`: the file is none of ours, and stays as it is.
        """
        assert self.path is not None
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and _BEGINNING.startswith(data[: len(_BEGINNING)]):
            return {}, iter(())
        lines = whole.decode(errors="replace").splitlines()
        try:
            header = json.loads(lines[0])
            if header["format"] != FORMAT:
                raise ValueError(header["format"])
        except (IndexError, KeyError, TypeError, ValueError) as problem:
            raise FormatError(
                f"{self.path}: expected a restart file of libhop ({FORMAT}), got"
                " something else"
            ) from problem
        if self._write and len(whole) < len(data):
            os.truncate(self.path, len(whole))
        return header, self._records(lines[1:])

    def _records(self, lines: list[str]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(lines, 2):
            try:
                record = json.loads(line)
            except ValueError:
                raise FormatError(
                    f"{self.path}:{number}: expected a record, got {line[:40]!r}"
                ) from None
            yield record
