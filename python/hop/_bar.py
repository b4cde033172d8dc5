"""Progress on a terminal: tqdm where it is installed, otherwise nothing."""

from __future__ import annotations

import importlib
from typing import Any, Protocol


class Bar(Protocol):
    """What is used of tqdm."""

    def update(self, count: int) -> Any:
        """So many more."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> Any:
        """What stands behind the bar."""

    def close(self) -> Any:
        """The end."""


class _Nothing:
    def update(self, count: int) -> None:
        pass

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        pass

    def close(self) -> None:
        pass


def bar(wanted: bool, total: int, unit: str) -> Bar:
    """A progress bar on stderr."""
    if not wanted:
        return _Nothing()
    try:
        tqdm: Any = importlib.import_module("tqdm.auto").tqdm
    except ImportError:
        return _Nothing()
    made: Bar = tqdm(total=total, unit=" " + unit, smoothing=0.05, mininterval=0.2)
    return made
