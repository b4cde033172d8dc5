"""Potentials: energy, forces, virial, Hessian-vector products."""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import os
import weakref
from collections.abc import Iterable
from ctypes import byref, memmove
from typing import Any, Callable, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import ArrayLike

from . import _library
from ._arrays import Reals, atomic_number, reals, view, voigt
from ._errors import ArgumentError, CannotEvaluate, NonfiniteError, Status
from ._handle import (
    Context,
    Exclusive,
    Handle,
    Path,
    call,
    callbacks,
    decode,
    encode,
    encode_path,
    make,
    names,
    number,
    require,
    whole,
)
from ._library import library
from ._structure import Structure, snapshot

Result = Union[tuple[float, ArrayLike], tuple[float, ArrayLike, ArrayLike]]


class Scales(NamedTuple):
    """The natural units of one element in a potential."""

    #: Nearest-neighbour distance, angstrom.
    length: float
    #: Binding energy per atom, eV.
    energy: float
    #: Bond stiffness, eV/angstrom^2.
    stiffness: float


class NormalModes(NamedTuple):
    """Small vibrations about a structure."""

    #: Rising, 1/cm; imaginary ones as negative numbers.
    frequencies: Reals
    #: (modes, n, 3), orthonormal, weighted with masses; an atom moves along its part
    #: divided by sqrt(mass).
    vectors: Reals
    #: How many are imaginary: 0 at a minimum, 1 at a saddle.
    negative: int
    #: How many meet no resistance: 6 at the minimum of a free cluster, 3 in a crystal.
    zero: int
    #: A |frequency| up to this counts as zero, 1/cm.
    tolerance: float

    def __repr__(self) -> str:
        return (
            f"<hop.NormalModes {len(self.frequencies)} modes, {self.zero} zero, "
            f"{self.negative} negative>"
        )


class Potential:
    """
    An energy function; made by `builtin`, `load`, `external` or `from_ase`.

    One thread at a time may use a potential: load one for each thread.  It can be pickled,
    and so given to other processes, if its callables can.
    """

    _handle: Handle

    def __init__(self) -> None:
        raise TypeError("use Potential.builtin, .load, .external or .from_ase")

    @classmethod
    def _make(cls, again: Any, function: Any, argument: Any) -> Potential:
        """`again` is what pickle calls: function and arguments."""
        potential = cls.__new__(cls)
        potential._handle = make(library.hop_potential_free, function, argument)
        potential._exclusive = Exclusive("potential")
        potential._again = again
        return potential

    _exclusive: Exclusive
    _again: Any

    def __reduce__(self) -> Any:
        return self._again

    @classmethod
    def builtin(cls, name: str) -> Potential:
        """A potential inside the library, such as "AgAu.gupta"; see `potentials()`."""
        again = cls.builtin, (name,)
        return cls._make(again, library.hop_potential_builtin, encode(name, "name"))

    @classmethod
    def load(cls, path: Path) -> Potential:
        """A parameter file; its ending (.gupta, .sw, .lj) says which kind."""
        again = cls.load, (os.path.abspath(path),)
        return cls._make(again, library.hop_potential_load, encode_path(path))

    @classmethod
    def external(
        cls,
        evaluate: Callable[[Structure], Result],
        *,
        hessian_vector: Optional[Callable[[Structure, Reals], ArrayLike]] = None,
        length: float = 0.0,
        energy: float = 0.0,
        stiffness: float = 0.0,
    ) -> Potential:
        """
        Anybody's forces as a potential.

        Parameters
        ----------
        evaluate
            Called as evaluate(structure); returns (energy, forces) or (energy, forces,
            virial) in eV, eV/angstrom and eV; the virial as 6 Voigt numbers or (3, 3).
            The structure is a copy that may be kept; per-atom energies may be written
            into its `energies`.  Raising `CannotEvaluate` makes the optimizer come
            nearer; any other exception ends the run and comes out of it unchanged.
        hessian_vector
            Called as hessian_vector(structure, v), returns H v, (n, 3); None takes
            central differences of the forces.
        length, energy, stiffness
            Nearest-neighbour distance (angstrom), binding energy per atom (eV) and bond
            stiffness (eV/angstrom^2); 0 = from covalent radii, 3 eV, 5 energy/length^2.
        """
        if not callable(evaluate):
            raise TypeError(f"evaluate: expected a callable, got {evaluate!r:.60}")
        if hessian_vector is not None and not callable(hessian_vector):
            raise TypeError(
                f"hessian_vector: expected a callable, got {hessian_vector!r:.60}"
            )
        provider = _Provider(evaluate, hessian_vector)
        arrays = _library.Provider(
            size=ctypes.sizeof(_library.Provider),
            evaluate=_evaluate,
            user=provider.number,
            length=_scale(length, "length"),
            energy=_scale(energy, "energy"),
            stiffness=_scale(stiffness, "stiffness"),
        )
        if hessian_vector is not None:
            arrays.hessian_vector = _hessian_vector
        again = functools.partial(
            cls.external,
            hessian_vector=hessian_vector,
            length=length,
            energy=energy,
            stiffness=stiffness,
        )
        potential = cls._make(
            (again, (evaluate,)), library.hop_potential_external, byref(arrays)
        )
        potential._provider = provider
        return potential

    _provider: Optional[_Provider] = None

    @classmethod
    def from_ase(
        cls,
        calculator: Any,
        *,
        length: float = 0.0,
        energy: float = 0.0,
        stiffness: float = 0.0,
    ) -> Potential:
        """
        Any ASE calculator as a potential, its stress included.

        >>> potential = Potential.from_ase(EMT())
        >>> found = search("Cu13", potential, evaluations=2000)

        `length`, `energy` and `stiffness` are those of `external`.  A CalculatorError makes
        the optimizer come nearer.  `hop.ase` has searches and optimizers for ASE's Atoms.
        """
        from . import _ase

        return cls.external(
            _ase.evaluator(calculator), length=length, energy=energy, stiffness=stiffness
        )

    def evaluate(self, structure: Structure) -> float:
        """
        Evaluate energy, forces, virial and per-atom energies into the structure.

        Returns the energy in eV.  `ArgumentError`: an element or pair the potential
        lacks, a singular cell; `NonfiniteError`: coincident atoms, a result that is not
        finite.
        """
        require(structure, Structure, "evaluate")
        with self._exclusive:
            self._check(
                self._call(library.hop_potential_evaluate, structure._handle.address)
            )
        return structure.energy

    def evaluate_many(self, structures: Iterable[Structure]) -> Reals:
        """
        Evaluate each structure as `evaluate` does; returns the energies, eV.

        They are shared out over `threads` threads, unless the potential is external.
        Each structure is evaluated whatever becomes of the others; then the first error
        is raised, its message beginning with the structure's place, and the structures
        that failed have energy NaN.
        """
        batch = list(structures)
        for structure in batch:
            require(structure, Structure, "evaluate_many")
        addresses = (ctypes.c_void_p * len(batch))(*(s._handle.address for s in batch))
        with self._exclusive:
            self._check(
                self._call(
                    library.hop_potential_evaluate_many, addresses, len(batch), None
                )
            )
        return np.array([structure.energy for structure in batch], dtype=np.float64)

    @property
    def threads(self) -> int:
        """
        Threads that `evaluate_many` and evaluations of large systems may use, 1 to 1024;
        1 at first.  Results do not depend on it.
        """
        return self._threads

    @threads.setter
    def threads(self, threads: int) -> None:
        threads = whole(threads, "threads", 1, 1024)
        context = self._handle.context
        with self._exclusive:
            context.check(library.hop_context_set_threads(context.address, threads))
        self._threads = threads

    _threads: int = 1

    def hessian_vector(self, structure: Structure, v: ArrayLike) -> Reals:
        """H v, (n, 3), with H = d2E/dx2 at the positions, the cell held fixed."""
        require(structure, Structure, "hessian_vector")
        vector = reals(v, (len(structure), 3), "v")
        product = np.empty_like(vector)
        with self._exclusive:
            self._check(
                self._call(
                    library.hop_potential_hessian_vector,
                    structure._handle.address,
                    vector.ctypes.data,
                    product.ctypes.data,
                )
            )
        return product

    def normal_modes(self, structure: Structure) -> NormalModes:
        """
        Frequencies and eigenvectors of small vibrations, the cell held fixed.

        Weighted with `structure.masses`; fixed atoms have no modes.  Relax the structure
        first, to 1e-4 eV/angstrom or better: no negative mode then proves a minimum.
        """
        require(structure, Structure, "normal_modes")
        count = 3 * int(len(structure) - structure.fixed.sum())
        frequencies = np.empty(count)
        vectors = np.empty((count, len(structure), 3))
        found = _library.NormalModes(size=ctypes.sizeof(_library.NormalModes))
        with self._exclusive:
            self._check(
                self._call(
                    library.hop_potential_normal_modes,
                    structure._handle.address,
                    frequencies.ctypes.data,
                    vectors.ctypes.data,
                    byref(found),
                )
            )
        return NormalModes(
            frequencies, vectors, found.negative, found.zero, found.tolerance
        )

    def _call(self, function: Any, *arguments: Any) -> int:
        if self._provider is None:
            return int(function(self._handle.address, *arguments))
        return call(function, self._handle.address, *arguments)

    def _check(self, status: int) -> None:
        refusal, callbacks.refusal = callbacks.refusal, None
        try:
            self._handle.context.check(status)
        except NonfiniteError as error:
            if self._provider is None or refusal is None:
                raise
            raise error from refusal

    def scales(self, element: Union[str, int]) -> Scales:
        """The natural units of an element, a symbol or an atomic number."""
        atom = atomic_number(element)
        if not 0 <= atom <= 118:
            raise ArgumentError(f"expected an atomic number from 0 to 118, got {atom}")
        found = _library.Scales(size=ctypes.sizeof(_library.Scales))
        self._handle.context.check(
            library.hop_potential_scales(self._handle.address, atom, byref(found))
        )
        return Scales(found.length, found.energy, found.stiffness)

    @property
    def cutoff(self) -> float:
        """Largest interaction distance, angstrom; inf without cut-off, NaN unknown."""
        return float(library.hop_potential_cutoff(self._handle.address))

    @property
    def kind(self) -> str:
        """ "gupta", "stillinger-weber", "lennard-jones" or "external"."""
        return decode(library.hop_potential_kind(self._handle.address))

    def __repr__(self) -> str:
        return f"<hop.Potential {self.kind}, cutoff {self.cutoff:g} angstrom>"


def potentials() -> tuple[str, ...]:
    """The names of the built-in potentials."""
    return names(library.hop_potential_builtin_name)


def _scale(value: float, what: str) -> float:
    scale = number(value, what)
    if not 0.0 <= scale < math.inf:
        raise ArgumentError(f"{what}: expected 0 or a positive number, got {value!r}")
    return scale


# ---- callbacks -----------------------------------------------------------------------
# C knows a provider by its number.  The numbers are looked up weakly: the Python
# potential owns its provider, and every Python object that uses the C potential owns
# the Python potential, so a callable that refers to its own potential is an ordinary
# cycle, which Python's collector finds.

_numbers = itertools.count(1)


class _Provider:
    """The functions of one external potential."""

    def __init__(self, evaluate: Any, hessian_vector: Any) -> None:
        self.evaluate = evaluate
        self.hessian_vector = hessian_vector
        self.context = Context()
        self.number = next(_numbers)
        _providers[self.number] = self


_providers: weakref.WeakValueDictionary[int, _Provider] = weakref.WeakValueDictionary()


def _store(address: int, structure: Structure, result: Any) -> None:
    if not isinstance(result, (tuple, list)) or len(result) not in (2, 3):
        raise TypeError(
            "an external potential returns (energy, forces) or"
            f" (energy, forces, virial), got {result!r:.80}"
        )
    n = len(structure)
    energy = np.array([number(result[0], "energy")])
    forces = reals(result[1], (n, 3), "forces")
    memmove(library.hop_structure_forces(address), forces.ctypes.data, forces.nbytes)
    if len(result) == 3 and result[2] is not None:
        virial = voigt(result[2])
        memmove(
            library.hop_structure_virial(address), virial.ctypes.data, virial.nbytes
        )
    energies = structure.energies
    if not np.isnan(energies).all():
        target = library.hop_structure_energies(address)
        memmove(target, energies.ctypes.data, energies.nbytes)
    memmove(library.hop_structure_energy(address), energy.ctypes.data, energy.nbytes)


def _guarded(action: Callable[[_Provider], None], user: int) -> int:
    if callbacks.pending is not None:
        return -1
    try:
        action(_providers[user])
        return 0
    except CannotEvaluate as refusal:
        callbacks.refusal = refusal
        return 1
    except BaseException as problem:
        callbacks.pending = problem
        return int(Status.ERROR_PROVIDER)


def _hop_callback_evaluate(user: int, address: int) -> int:
    def evaluate(provider: _Provider) -> None:
        structure = snapshot(provider.context, address)
        _store(address, structure, provider.evaluate(structure))

    return _guarded(evaluate, user)


_evaluate = _library.EvaluateFunction(_hop_callback_evaluate)


def _hop_callback_hessian_vector(user: int, address: int, v: Any, hv: Any) -> int:
    def multiply(provider: _Provider) -> None:
        structure = snapshot(provider.context, address)
        shape = (len(structure), 3)
        vector = np.array(view(None, ctypes.cast(v, ctypes.c_void_p).value or 0, shape))
        product = reals(provider.hessian_vector(structure, vector), shape, "H v")
        memmove(hv, product.ctypes.data, product.nbytes)

    return _guarded(multiply, user)


_hessian_vector = _library.HessianVectorFunction(_hop_callback_hessian_vector)
