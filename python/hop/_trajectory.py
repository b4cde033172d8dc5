"""Trajectories: frames of one system in a file."""

from __future__ import annotations

import os
from ctypes import byref, c_int64, c_void_p
from types import TracebackType
from typing import NamedTuple, Optional

from ._errors import StateError
from ._handle import Exclusive, Handle, Path, _release, encode_path, make, require, whole
from ._library import library
from ._rows import Rows
from ._structure import Structure

_LAST = 2**63 - 1
#: hop_trajectory_step() of an empty trajectory.
_NONE = -_LAST - 1


class Frame(NamedTuple):
    """One frame of a trajectory."""

    #: Such as the number of evaluations.
    step: int
    #: With what was known of energy, forces and virial.
    structure: Structure


class Trajectory(Rows[Frame]):
    """
    Frames of one system in a file; made by `create` or `open`.

    By its ending the file is H5MD (.h5md, .h5, .hdf5) or extended XYZ (.xyz, .extxyz).

    >>> with Trajectory.create("relax.h5md", atoms) as trajectory:
    ...     for progress in optimizer.iterate():
    ...         trajectory.append(atoms, progress.evaluations)
    >>> with Trajectory.open("relax.h5md") as trajectory:
    ...     energies = [frame.structure.energy for frame in trajectory]

    An extended XYZ file has every appended frame, whatever becomes of the process; H5MD is
    complete at any moment, but the last seconds' frames are in memory until `flush`.
    """

    _handle: Handle

    def __init__(self) -> None:
        raise TypeError("use Trajectory.create or Trajectory.open")

    @classmethod
    def _adopt(cls, handle: Handle, path: Path) -> Trajectory:
        trajectory = cls.__new__(cls)
        trajectory._handle = handle
        trajectory._path = os.fsdecode(path)
        trajectory._exclusive = Exclusive("trajectory")
        return trajectory

    _path: str
    _exclusive: Exclusive

    @classmethod
    def create(cls, path: Path, like: Structure) -> Trajectory:
        """
        Begin a file, which is replaced, for frames of the system `like`: its atoms,
        periodicity, fixed mask, and whether there is a cell.
        """
        require(like, Structure, "like")
        return cls._adopt(
            make(
                library.hop_trajectory_free,
                library.hop_trajectory_create,
                encode_path(path),
                like._handle.address,
            ),
            path,
        )

    @classmethod
    def open(cls, path: Path) -> Trajectory:
        """Read a file, H5MD of other programs too, and append to it if libhop made it."""
        return cls._adopt(
            make(
                library.hop_trajectory_free,
                library.hop_trajectory_open,
                encode_path(path),
            ),
            path,
        )

    # ---- writing ---------------------------------------------------------------------

    def append(self, structure: Structure, step: Optional[int] = None) -> None:
        """
        Add a frame.

        `step` is above that of the frame before; None: by one.  Per-atom energies are
        kept in extended XYZ only.
        """
        require(structure, Structure, "append")
        if step is None:
            last = self.step
            step = 0 if last is None else last + 1
        with self._exclusive:
            self._handle.context.check(
                library.hop_trajectory_append(
                    self._address(), whole(step, "step", -_LAST, _LAST), structure._handle.address
                )
            )

    def flush(self) -> None:
        """Write what is still in memory."""
        with self._exclusive:
            self._handle.context.check(library.hop_trajectory_flush(self._address()))

    def close(self) -> None:
        """Write what is still in memory, and give the file back."""
        if self._handle.address is not None:
            self.flush()
            _release(self._handle)

    def __enter__(self) -> Trajectory:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _address(self) -> int:
        if self._handle.address is None:
            raise StateError(f"{self._path}: the trajectory is closed")
        return self._handle.address

    # ---- reading ---------------------------------------------------------------------

    def __len__(self) -> int:
        return int(library.hop_trajectory_count(self._address()))

    @property
    def step(self) -> Optional[int]:
        """The step of the last frame; None without one."""
        step = int(library.hop_trajectory_step(self._address()))
        return None if step == _NONE else step

    def _no_row(self, index: int) -> str:
        return f"{self._path}: no frame {index}"

    def _row(self, place: int) -> Frame:
        step, out = c_int64(), c_void_p()
        with self._exclusive:
            self._handle.context.check(
                library.hop_trajectory_read(
                    self._address(), place, byref(step), byref(out)
                )
            )
        handle = Handle(self._handle.context, out.value, library.hop_structure_free)
        return Frame(step.value, Structure._from_handle(handle))

    def __repr__(self) -> str:
        if self._handle.address is None:
            return f"<hop.Trajectory {self._path}: closed>"
        return f"<hop.Trajectory {self._path}: {len(self)} frames>"
