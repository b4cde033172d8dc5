"""What is read from C one by one: minima of an archive, frames of a trajectory."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, overload

from ._errors import EndError

Row = TypeVar("Row")


class Rows(Generic[Row]):
    """A length, and copies of rows by their places."""

    def __len__(self) -> int:
        raise NotImplementedError

    def _row(self, place: int) -> Row:
        raise NotImplementedError

    def _no_row(self, index: int) -> str:
        """Of which there is none."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: Any) -> Any:
        """
        Number `index`, the last being -1, or a list of those in a slice; copies.

        `EndError`, an IndexError: there is none.
        """
        count = len(self)
        if isinstance(index, slice):
            return [self._row(place) for place in range(*index.indices(count))]
        place = operator.index(index)
        if not -count <= place < count:
            raise EndError(f"{self._no_row(place)} of {count}")
        return self._row(place % count)

    def __iter__(self) -> Iterator[Row]:
        for place in range(len(self)):
            yield self._row(place)
