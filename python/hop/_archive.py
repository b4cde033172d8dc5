"""Archives: the lowest distinct minima of one system."""

from __future__ import annotations

import ctypes
from typing import NamedTuple, Optional

from . import _library
from ._handle import Exclusive, Handle, Path, encode_path, make, number, require, whole
from ._library import library
from ._rows import Rows
from ._structure import Structure


class Minimum(NamedTuple):
    """One minimum of an archive."""

    #: eV
    energy: float
    #: A copy.
    structure: Structure
    #: How often it was added.
    seen: int
    #: Of its search, when it was first added.
    evaluation: int
    #: Of that search.
    seed: int


class Archive(Rows[Minimum]):
    """
    The lowest distinct minima of one system, the lowest first.

    >>> archive = Archive(capacity=50)
    >>> def keep(minimum, progress):
    ...     archive.add(minimum, progress.evaluations)
    >>> optimizer.on_minimum = keep
    >>> optimizer.run()
    >>> archive[0].energy, archive[0].seen, [minimum.energy for minimum in archive[:5]]

    Two minima are the same when their energies differ by at most `energy_tolerance` (eV) and
    `match` finds them the same within `distance_tolerance` (angstrom).
    """

    _handle: Handle

    def __init__(
        self,
        capacity: int = 100,
        *,
        energy_tolerance: float = 1e-3,
        distance_tolerance: float = 0.25,
    ) -> None:
        self._adopt(
            make(
                library.hop_archive_free,
                library.hop_archive_new,
                whole(capacity, "capacity", 1, 10**6),
                number(energy_tolerance, "energy_tolerance"),
                number(distance_tolerance, "distance_tolerance"),
            )
        )

    def _adopt(self, handle: Handle) -> None:
        self._handle = handle
        self._exclusive = Exclusive("archive")

    @classmethod
    def load(cls, path: Path, like: Optional[Structure] = None) -> Archive:
        """
        Read an archive, with the capacity and tolerances it was made with.

        `like` is the system that is expected; of another one: `ArgumentError`.
        """
        if like is not None:
            require(like, Structure, "like")
        archive = cls.__new__(cls)
        archive._adopt(
            make(
                library.hop_archive_free,
                library.hop_archive_load,
                encode_path(path),
                None if like is None else like._handle.address,
            )
        )
        return archive

    def save(self, path: Path) -> None:
        """
        Write extended XYZ, the lowest minimum first; `path` is replaced only by a complete
        file.
        """
        with self._exclusive:
            self._handle.context.check(
                library.hop_archive_save(self._handle.address, encode_path(path))
            )

    def add(self, structure: Structure, evaluation: int = 0, seed: int = 0) -> bool:
        """
        Add a minimum, with its energy, or count one that is there; true when it is new.

        `evaluation` and `seed` are those of the search.
        """
        require(structure, Structure, "add")
        evaluation, seed = whole(evaluation, "evaluation"), whole(seed, "seed", 0, 2**63 - 1)
        fresh = ctypes.c_int32()
        with self._exclusive:
            self._handle.context.check(
                library.hop_archive_add(
                    self._handle.address,
                    structure._handle.address,
                    evaluation,
                    seed,
                    ctypes.byref(fresh),
                )
            )
        return bool(fresh.value)

    @property
    def seen(self) -> int:
        """How many minima were added in all."""
        return int(library.hop_archive_seen(self._handle.address))

    def __len__(self) -> int:
        return int(library.hop_archive_count(self._handle.address))

    def _no_row(self, index: int) -> str:
        return f"archive: no minimum {index}"

    def _row(self, place: int) -> Minimum:
        about = _library.Minimum(size=ctypes.sizeof(_library.Minimum))
        out = ctypes.c_void_p()
        with self._exclusive:
            self._handle.context.check(
                library.hop_archive_minimum(
                    self._handle.address, place, ctypes.byref(about), ctypes.byref(out)
                )
            )
        handle = Handle(self._handle.context, out.value, library.hop_structure_free)
        return Minimum(
            about.energy,
            Structure._from_handle(handle),
            about.seen,
            about.evaluation,
            about.seed,
        )

    def __repr__(self) -> str:
        lowest = f", lowest {self[0].energy:.6f} eV" if len(self) else ""
        return f"<hop.Archive {len(self)} minima{lowest}>"
