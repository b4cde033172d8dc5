"""
Saved searches: one file that holds the optimizer's saved run, the archive of minima and what
they were made from, replaced only by a complete one.

It is a zip archive, uncompressed: `search.json`, `run.h5` (of `Optimizer.save`) and, when
there are minima, `minima.xyz` (of `Archive.save`), which any program can take out of it.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any, Optional, Union

from .._archive import Archive
from .._errors import CorruptError, FileError, FormatError
from .._optimizer import Optimizer

FORMAT = "hop-search-1"
#: Saving takes at most one part in so many of a search's time, unless it ends.
SELDOM = 50.0


class Saved:
    """The file of a search; with no path it does nothing."""

    def __init__(self, path: Union[str, Path, None], write: bool = True) -> None:
        self.path = None if path is None else Path(path)
        self._write = write and path is not None
        self._last = -float("inf")
        self._cost = 0.0

    def exists(self) -> bool:
        """Is there a file to go on from?"""
        return self.path is not None and self.path.exists()

    # ---- writing ---------------------------------------------------------------------

    def due(self) -> bool:
        """Has enough time passed?  After every evaluation, if these take long."""
        return self._write and time.monotonic() - self._last >= SELDOM * self._cost

    def save(
        self, header: dict[str, Any], optimizer: Optimizer, archive: Archive
    ) -> None:
        """Replace the file."""
        if not self._write:
            return
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hop-") as name:
            folder = Path(name)
            text = json.dumps({"format": FORMAT, **header})
            (folder / "search.json").write_text(text)
            optimizer.save(folder / "run.h5")
            if len(archive):
                archive.save(folder / "minima.xyz")
            self._replace(sorted(folder.iterdir()))
        self._last = time.monotonic()
        self._cost = self._last - begin

    def _replace(self, members: list[Path]) -> None:
        target = os.path.realpath(str(self.path))
        parent = os.path.dirname(target)
        temporary = f"{target}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                with zipfile.ZipFile(file, "w") as archive:
                    for member in members:
                        archive.write(member, member.name)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except OSError as problem:
            raise FileError(
                f"{self.path}: the search could not be saved: {problem}"
            ) from problem
        finally:
            if os.path.exists(temporary):
                os.remove(temporary)
        _sync(parent)

    # ---- reading ---------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        """
        What the search was made from.

        `FormatError`: the file is none of ours; `CorruptError`: it is damaged.
        """
        try:
            found = json.loads(self._member("search.json"))
            if found["format"] != FORMAT:
                raise ValueError(found["format"])
        except (CorruptError, FormatError):
            raise
        except (KeyError, TypeError, ValueError) as problem:
            raise FormatError(
                f"{self.path}: expected a saved search of libhop ({FORMAT}),"
                f" got something else ({problem})"
            ) from None
        assert isinstance(found, dict)
        return found

    def load(self, optimizer: Optimizer) -> Optional[Archive]:
        """The new optimizer becomes the saved one; returns the archive of its minima."""
        with tempfile.TemporaryDirectory(prefix="hop-") as name:
            run, minima = Path(name) / "run.h5", Path(name) / "minima.xyz"
            run.write_bytes(self._member(run.name))
            optimizer.load(run)
            try:
                minima.write_bytes(self._member(minima.name))
            except KeyError:
                return None
            return Archive.load(minima, optimizer.structure)

    def _member(self, name: str) -> bytes:
        """`KeyError`: there is no such part."""
        path = str(self.path)
        with open(path, "rb") as file:
            if file.read(2) != b"PK":
                raise FormatError(
                    f"{path}: expected a saved search of libhop ({FORMAT}), got"
                    " something else"
                )
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.read(name)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as problem:
            raise CorruptError(
                f"{path}: the saved search is truncated or was altered ({problem})"
            ) from None


def _sync(folder: str) -> None:
    """The new name is on disk, where folders can be synchronized."""
    try:
        descriptor = os.open(folder or ".", os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
