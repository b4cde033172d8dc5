"""Where parameter files and trained models are: in the package, installed, or in the tree."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ._errors import ArgumentError
from ._library import library_path


def _folders(kind: str) -> Iterator[Path]:
    package = Path(__file__).resolve().parent
    yield package / "data" / kind
    if package.parent.name == "python":
        yield package.parent.parent / kind
    library = Path(library_path)
    if library.is_absolute():  # PREFIX/lib/libhop.so.0, or PREFIX/lib/TRIPLET/
        above = library.resolve().parent.parent
        for prefix in (above, above.parent):
            yield prefix / "share" / "hop" / kind
    for prefix in map(Path, (sys.prefix, "/usr/local", "/usr")):
        yield prefix / "share" / "hop" / kind


def find(kind: str, name: str) -> Path:
    """The file `name` of `kind`, "models" or "potentials"."""
    tried = list(dict.fromkeys(_folders(kind)))
    for folder in tried:
        if (folder / name).is_file():
            return folder / name
    ending = Path(name).suffix
    known = sorted({file.stem for folder in tried for file in folder.glob("*" + ending)})
    raise ArgumentError(
        f"{kind}: expected one of {', '.join(known)}, got {Path(name).stem}"
        if known
        else f"{kind}: expected {name} in one of {', '.join(map(str, tried))}, found none"
    )
