"""Structures: atoms in memory that C and NumPy share."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _library
from ._arrays import (
    FLAG,
    INTEGER,
    REAL,
    Flags,
    Integers,
    Reals,
    atomic_numbers,
    check_wrapped,
    lattice,
    reals,
    view,
    voigt,
)
from ._errors import ArgumentError, EndError
from ._handle import (
    Context,
    Handle,
    Path,
    derive,
    encode,
    encode_path,
    make,
    number,
    require,
    whole,
)
from ._library import library

if TYPE_CHECKING:
    from ._potential import Potential


class Structure:
    """
    Atoms: numbers, positions, cell, periodicity, fixed mask, energy, forces, virial.

    Angstrom, eV and eV/angstrom; forces are -dE/dx; Voigt order is xx yy zz yz xz xy.
    The arrays are views: libhop and NumPy see the same memory, nothing is copied, and a
    view stays valid when the structure itself is gone.

    Parameters
    ----------
    atoms
        Chemical symbols, atomic numbers, or a formula such as "Ag19Au19".
    positions
        (n, 3), angstrom; zeros when left out.
    cell
        Rows are the lattice vectors, angstrom: (3, 3), 9 numbers, or 3 for a
        rectangular box.
    pbc
        One or three flags; all True when there is a cell, all False when there is none.
    fixed
        n flags, True = never moved.
    """

    #: A misspelt `atoms.force = ...` is an error, not a new attribute.
    __slots__ = ("_handle", "_count", "_views", "__weakref__")

    def __init__(
        self,
        atoms: Union[str, Iterable[Union[str, int]]],
        positions: Optional[ArrayLike] = None,
        *,
        cell: Optional[ArrayLike] = None,
        pbc: Union[bool, Sequence[bool], Flags, None] = None,
        fixed: Optional[ArrayLike] = None,
    ) -> None:
        numbers = atomic_numbers(atoms)
        self._adopt(_new(len(numbers), numbers.ctypes.data))
        if positions is not None:
            self.positions = positions
        if cell is not None:
            self.cell = cell
        if pbc is not None or cell is not None:
            self.pbc = True if pbc is None else pbc
        if fixed is not None:
            self.fixed = fixed

    # ---- making ----------------------------------------------------------------------

    def _adopt(self, handle: Handle) -> None:
        self._handle = handle
        self._count = int(library.hop_structure_count(handle.address))
        self._views: dict[str, NDArray[Any]] = {}

    @classmethod
    def _from_handle(cls, handle: Handle) -> Structure:
        structure = cls.__new__(cls)
        structure._adopt(handle)
        return structure

    @classmethod
    def random(
        cls, formula: str, potential: Optional[Potential] = None, seed: int = 0
    ) -> Structure:
        """
        A compact random cluster, the usual start of a global search.

        The potential says how far atoms are apart; None takes covalent radii.  The same
        formula, potential and seed (0 to 2**64 - 1) give the same bits.
        """
        address = None if potential is None else _potential_address(potential)
        return cls._from_handle(
            make(
                library.hop_structure_free,
                library.hop_structure_random,
                encode(formula, "formula"),
                address,
                whole(seed, "seed", 0, 2**64 - 1),
            )
        )

    @classmethod
    def read(cls, path: Path, frame: int = 0) -> Structure:
        """
        One frame of an extended XYZ file (plain XYZ is accepted), a POSCAR, or LAMMPS data.

        Files named POSCAR* or CONTCAR*, or ending in .poscar or .vasp, are VASP's, those
        ending in .data or .lmp LAMMPS' (atom_style atomic); of others the first lines
        decide.  Frame 0 is the first, -1 the last; energy, forces, virial or stress that stand
        in the file are read too.  `EndError`, an IndexError, if there are fewer frames.
        """
        frame = operator.index(frame)
        if not -(2**63) <= frame < 2**63:
            raise EndError(f"{path!s}: no frame {frame}")
        try:
            return cls._from_handle(
                make(
                    library.hop_structure_free,
                    library.hop_structure_read,
                    encode_path(path),
                    frame,
                )
            )
        except EndError:
            raise EndError(f"{path!s}: no frame {frame}") from None

    @classmethod
    def wrap(
        cls,
        numbers: Integers,
        positions: Reals,
        *,
        cell: Optional[Reals] = None,
        pbc: Optional[Integers] = None,
        fixed: Optional[Integers] = None,
        energy: Optional[Reals] = None,
        forces: Optional[Reals] = None,
        virial: Optional[Reals] = None,
        energies: Optional[Reals] = None,
    ) -> Structure:
        """
        A structure in *your* arrays: nothing is copied, both sides see every change.

        numbers, pbc and fixed are int32, all others float64, all C-contiguous and
        writable; they are kept alive.  Those left out are libhop's own.
        """
        n = len(numbers)
        wanted: dict[str, tuple[Any, type, tuple[tuple[int, ...], ...]]] = {
            "numbers": (numbers, np.int32, ((n,),)),
            "positions": (positions, np.float64, ((n, 3), (3 * n,))),
            "cell": (cell, np.float64, ((3, 3), (9,))),
            "periodic": (pbc, np.int32, ((3,),)),
            "fixed": (fixed, np.int32, ((n,),)),
            "energy": (energy, np.float64, ((1,), ())),
            "forces": (forces, np.float64, ((n, 3), (3 * n,))),
            "virial": (virial, np.float64, ((6,),)),
            "energies": (energies, np.float64, ((n,),)),
        }
        arrays = _library.StructureArrays(size=ctypes.sizeof(_library.StructureArrays))
        arrays.count = n
        kept = []
        for name, (array, kind, shapes) in wanted.items():
            if array is None:
                continue
            check_wrapped(name, array, kind, shapes)
            pointer = ctypes.c_int32 if kind is np.int32 else ctypes.c_double
            setattr(arrays, name, array.ctypes.data_as(ctypes.POINTER(pointer)))
            kept.append(array)
        handle = make(
            library.hop_structure_free,
            library.hop_structure_wrap,
            ctypes.byref(arrays),
            keep=kept,
        )
        return cls._from_handle(handle)

    def copy(self) -> Structure:
        """An independent copy, results included."""
        return self._from_handle(
            derive(library.hop_structure_free, library.hop_structure_copy, self._handle)
        )

    def __copy__(self) -> Structure:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Structure:
        return self.copy()

    def __reduce__(self) -> Any:
        names = ("positions", "cell", "pbc", "fixed", "forces", "virial", "energies")
        arrays = {name: np.array(getattr(self, name)) for name in names}
        return _restore, (type(self), np.array(self.numbers), self.energy, arrays)

    def scatter(self, potential: Optional[Potential] = None, seed: int = 0) -> None:
        """
        Give the atoms random positions, the usual start of a search in a cell.

        Uniform in the cell of a periodic structure, none nearer to another or its images
        than 0.7 of the nearest-neighbour distance; without a cell a compact cluster.
        Energy, forces and virial are forgotten.
        """
        seed = operator.index(seed)
        if not 0 <= seed < 2**64:
            raise ArgumentError(f"seed: expected 0 to 2**64 - 1, got {seed}")
        address = None if potential is None else _potential_address(potential)
        self._handle.context.check(
            library.hop_structure_scatter(self._handle.address, address, seed)
        )

    # ---- looking ---------------------------------------------------------------------

    def _view(
        self, name: str, shape: tuple[int, ...], kind: str = REAL
    ) -> NDArray[Any]:
        array = self._views.get(name)
        if array is None:
            address = getattr(library, "hop_structure_" + name)(self._handle.address)
            array = self._views[name] = view(self._handle, address, shape, kind)
        return array

    def __len__(self) -> int:
        return self._count

    @property
    def numbers(self) -> Integers:
        """Atomic numbers, (n,) int32."""
        return self._view("numbers", (self._count,), INTEGER)

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols."""
        return [library.hop_element_symbol(number).decode() for number in self.numbers]

    @property
    def positions(self) -> Reals:
        """Positions, (n, 3), angstrom."""
        return self._view("positions", (self._count, 3))

    @positions.setter
    def positions(self, value: ArrayLike) -> None:
        self.positions[...] = reals(value, (self._count, 3), "positions")

    @property
    def cell(self) -> Reals:
        """Lattice vectors as rows, (3, 3), angstrom; zeros without a cell."""
        return self._view("cell", (3, 3))

    @cell.setter
    def cell(self, value: ArrayLike) -> None:
        self.cell[...] = lattice(value)

    @property
    def pbc(self) -> Flags:
        """Periodicity along the three lattice vectors, (3,) bool."""
        return self._view("periodic", (3,), FLAG)

    @pbc.setter
    def pbc(self, value: ArrayLike) -> None:
        flags = np.asarray(value)
        if flags.shape not in ((), (3,)) or flags.dtype.kind not in "biu":
            raise ArgumentError(f"pbc: expected one or three flags, got {value!r:.60}")
        self.pbc[...] = flags.astype(bool)

    @property
    def fixed(self) -> Flags:
        """True for atoms that are never moved, (n,) bool."""
        return self._view("fixed", (self._count,), FLAG)

    @fixed.setter
    def fixed(self, value: ArrayLike) -> None:
        flags = np.asarray(value)
        if flags.shape != (self._count,) or flags.dtype.kind not in "biu":
            raise ArgumentError(
                f"fixed: expected {self._count} flags, got shape {flags.shape}"
                f" of {flags.dtype}"
            )
        self.fixed[...] = flags.astype(bool)

    @property
    def energy(self) -> float:
        """Energy, eV; NaN before an evaluation."""
        return float(self._view("energy", ()))

    @energy.setter
    def energy(self, value: float) -> None:
        self._view("energy", ())[...] = number(value, "energy")

    @property
    def forces(self) -> Reals:
        """Forces -dE/dx, (n, 3), eV/angstrom."""
        return self._view("forces", (self._count, 3))

    @forces.setter
    def forces(self, value: ArrayLike) -> None:
        self.forces[...] = reals(value, (self._count, 3), "forces")

    @property
    def virial(self) -> Reals:
        """Virial in Voigt order, (6,), eV."""
        return self._view("virial", (6,))

    @virial.setter
    def virial(self, value: ArrayLike) -> None:
        self.virial[...] = voigt(value)

    @property
    def energies(self) -> Reals:
        """Energy of each atom, (n,), eV; NaN when the potential gives none."""
        return self._view("energies", (self._count,))

    @energies.setter
    def energies(self, value: ArrayLike) -> None:
        self.energies[...] = reals(value, (self._count,), "energies")

    @property
    def masses(self) -> Reals:
        """Standard atomic masses, u; 1 for element X.  A copy."""
        numbers = self.numbers.tolist()
        return np.array([library.hop_element_mass(number) for number in numbers])

    @property
    def stress(self) -> Reals:
        """
        Stress -virial/volume in Voigt order, eV/angstrom^3, tensile-positive.

        `StateError` unless the structure is periodic in all directions and evaluated.
        """
        stress = np.empty(6)
        self._handle.context.check(
            library.hop_structure_stress(self._handle.address, stress.ctypes.data)
        )
        return stress

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for symbol in self.symbols if self._count <= 10000 else []:
            counts[symbol] = counts.get(symbol, 0) + 1
        formula = "".join(f"{s}{n if n > 1 else ''}" for s, n in counts.items())
        text = f"<hop.Structure {formula or self._count}"
        if self.pbc.any():
            text += " periodic " + "".join("FT"[int(flag)] for flag in self.pbc)
        if np.isfinite(self.energy):
            text += f" energy={self.energy:.6f} eV"
        return text + ">"

    # ---- files and friends -----------------------------------------------------------

    def write(self, path: Path) -> None:
        """
        Write extended XYZ, or POSCAR or LAMMPS data when `path` is named like one (`read`).

        17 significant digits.  POSCAR puts atoms of one element together; LAMMPS data
        turns the cell until its first vector lies along x and its second in the xy plane.
        The file is replaced only when the new one is complete.
        """
        write(path, [self])

    def format(self) -> str:
        """The structure as one frame of extended XYZ."""
        length = ctypes.c_size_t()
        check = self._handle.context.check
        function, address = library.hop_structure_format, self._handle.address
        check(function(address, None, 0, ctypes.byref(length)))
        buffer = ctypes.create_string_buffer(length.value + 1)
        check(function(address, buffer, length.value + 1, ctypes.byref(length)))
        return buffer.value.decode(errors="surrogateescape")

    @classmethod
    def from_ase(cls, atoms: Any) -> Structure:
        """
        A structure from ASE's Atoms: numbers, positions, cell, pbc, FixAtoms.

        Other constraints are an `UnsupportedError`; a calculator's results are not
        taken.
        """
        from . import _ase

        return _ase.to_structure(cls, atoms)

    def to_ase(self) -> Any:
        """ASE's Atoms, with energy, forces and stress where they are known."""
        from . import _ase

        return _ase.to_atoms(self)


def _new(count: int, numbers: int, context: Optional[Context] = None) -> Handle:
    return make(
        library.hop_structure_free,
        library.hop_structure_new,
        count,
        numbers,
        context=context,
    )


def _restore(
    kind: type[Structure], numbers: Integers, energy: float, arrays: dict[str, Any]
) -> Structure:
    structure = kind._from_handle(_new(len(numbers), numbers.ctypes.data))
    structure.energy = energy
    for name, array in arrays.items():
        getattr(structure, name)[...] = array
    return structure


def _potential_address(potential: Any) -> Any:
    from ._potential import Potential

    require(potential, Potential, "potential")
    return potential._handle.address


def snapshot(context: Context, address: int) -> Structure:
    """A copy of the atoms of a structure that belongs to C."""
    count = library.hop_structure_count(address)
    handle = _new(count, library.hop_structure_numbers(address), context)
    for getter, size in (
        (library.hop_structure_positions, 24 * count),
        (library.hop_structure_cell, 72),
        (library.hop_structure_periodic, 12),
        (library.hop_structure_fixed, 4 * count),
    ):
        ctypes.memmove(getter(handle.address), getter(address), size)
    return Structure._from_handle(handle)


def write(path: Path, structures: Iterable[Structure]) -> None:
    """
    Write structures to one extended XYZ file, a frame each, with 17 significant digits.

    The file is replaced only when the new one is complete.
    """
    frames = list(structures)
    for structure in frames:
        require(structure, Structure, "write")
    if not frames:
        raise ArgumentError("write: expected one structure or more, got none")
    handles = [structure._handle for structure in frames]
    addresses = (ctypes.c_void_p * len(handles))(*[h.address for h in handles])
    handles[0].context.check(
        library.hop_structure_write(addresses, len(handles), encode_path(path))
    )
