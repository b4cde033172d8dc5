"""libhop's potentials as ASE calculators."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols

from .. import _data
from .._errors import ArgumentError, Error
from .._potential import Potential, potentials
from .._structure import Structure

#: "Ag-Au": the numbers of one line of a parameter file.
Pairs = Mapping[str, Sequence[Any]]


class HopCalculator(Calculator):  # type: ignore[misc]
    """
    What the calculators of libhop share.

    Energy, free energy (the same), per-atom energies, forces; stress when there is a
    three-dimensional cell, tensile-positive, eV/angstrom^3, xx yy zz yz xz xy.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]
    nolabel = True
    #: What a periodic structure needs when the potential has no cut-off.
    cutoff_hint = ""
    #: Properties of Atoms that do not matter here.
    ignored_changes = {"initial_charges", "initial_magmoms"}

    def __init__(self, **parameters: Any) -> None:
        self._forget()
        super().__init__(**parameters)

    # ---- parameters ------------------------------------------------------------------

    def set(self, **parameters: Any) -> dict[str, Any]:
        """Change parameters; what was calculated with others is forgotten."""
        for name in parameters:
            if name not in self.default_parameters:
                known = ", ".join(self.default_parameters)
                raise TypeError(
                    f"{type(self).__name__}: expected one of {known}, got {name!r}"
                )
        changed: dict[str, Any] = super().set(**parameters)
        if changed:
            self.reset()
            self._forget()
        return changed

    def _forget(self) -> None:
        self._potential: Optional[Potential] = None
        self._structure: Optional[Structure] = None
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """Parameters and results; the rest is made anew where it is needed."""
        state = dict(self.__dict__)
        for name in ("_potential", "_structure", "_process"):
            state.pop(name)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in self.todict().items())
        return f"{type(self).__name__}({', '.join(given)})"

    # ---- what subclasses say ---------------------------------------------------------

    def _one_of(self, *names: str) -> None:
        """These exclude one another."""
        given = [name for name in names if self.parameters[name] is not None]
        if len(given) > 1:
            raise ArgumentError(
                f"{type(self).__name__}: expected {' or '.join(names)}, got"
                f" {' and '.join(given)}"
            )

    def _make(self, symbols: list[str]) -> Potential:
        raise NotImplementedError

    # ---- calculating -----------------------------------------------------------------

    @property
    def potential(self) -> Potential:
        """The potential, for what ASE does not ask: Hessian products, normal modes."""
        if self._potential is None or self._process != os.getpid():
            self._forget()
            symbols = sorted(set(self.atoms.symbols)) if self.atoms else []
            self._potential = self._make(symbols)
            self._potential.threads = self.parameters["threads"]
        return self._potential

    def _current(self, atoms: Atoms, changes: Iterable[str]) -> Structure:
        structure = self._structure
        if structure is None or "numbers" in changes or len(structure) != len(atoms):
            structure = self._structure = Structure(atoms.numbers)
        structure.positions[...] = atoms.positions
        structure.cell[...] = atoms.cell
        structure.pbc[...] = atoms.pbc
        return structure

    def calculate(
        self,
        atoms: Optional[Atoms] = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """All properties at once."""
        super().calculate(atoms, properties, system_changes)
        if self.parameters.get("potential", "") is None and "numbers" in system_changes:
            self._forget()  # it was chosen by the elements
        self.results = {}
        potential = self.potential
        if potential.cutoff == np.inf and self.atoms.pbc.any():
            raise ArgumentError(
                f"{type(self).__name__}: this potential has no cut-off, which periodic"
                f" atoms need: {self.cutoff_hint}"
            )
        structure = self._current(self.atoms, system_changes)
        with _Speaking(type(self).__name__):
            energy = potential.evaluate(structure)
        results: dict[str, Any] = {"energy": energy, "free_energy": energy}
        results["forces"] = structure.forces.copy()
        if np.isfinite(structure.energies).all():
            results["energies"] = structure.energies.copy()
        if self.atoms.cell.rank == 3:
            results["stress"] = -structure.virial / self.atoms.get_volume()
        self.results = results


class _Speaking:
    """Errors speak of the calculator, not of the file that was made for libhop to read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, problem: Any, traceback: Any) -> None:
        if isinstance(problem, Error) and _WRITTEN.search(str(problem)):
            raise type(problem)(_WRITTEN.sub(self._name, str(problem))) from None


_WRITTEN = re.compile(r"\S*/written-by-hop\.\w+(:\d+)?")


def _from_text(text: str, ending: str, name: str) -> Potential:
    with tempfile.TemporaryDirectory() as folder, _Speaking(name):
        path = Path(folder) / ("written-by-hop" + ending)
        path.write_text(text)
        return Potential.load(path)


def _built_in(name: str, ending: str) -> Optional[str]:
    """The whole name of a built-in potential; None: it must be a file."""
    known = [candidate for candidate in potentials() if candidate.endswith(ending)]
    for candidate in (name, name + ending):
        if candidate in known:
            return candidate
    if Path(name).exists():
        return None
    raise ArgumentError(
        f"potential: expected a file or one of"
        f" {', '.join(n[: -len(ending)] for n in known)}, got {name!r}"
    )


def _named(name: str, ending: str) -> Potential:
    """A built-in potential, with or without its ending, or a file."""
    known = _built_in(name, ending)
    return Potential.load(name) if known is None else Potential.builtin(known)


def _text_of(name: str, ending: str) -> str:
    """The parameter file of one."""
    known = _built_in(name, ending)
    path = Path(name) if known is None else _data.find("potentials", known)
    return path.read_text()


def _cut(text: str, columns: int, cutoff: Sequence[Any]) -> str:
    """The parameter file with other cut-offs behind the first columns."""
    kept = [line for line in text.splitlines() if line.startswith("#")]
    kept += [" ".join([*row[:columns], *map(str, cutoff)]) for row in _rows(text)]
    return "\n".join(kept) + "\n"


def _rows(text: str) -> list[list[str]]:
    rows = (line.split("#")[0].split() for line in text.splitlines())
    return [row for row in rows if row]


def _lines(pairs: Pairs) -> str:
    lines = ["# UNITS: metal"]
    for pair, numbers in pairs.items():
        elements = pair.replace("-", " ").split()
        if len(elements) != 2 or not set(elements) <= {*chemical_symbols}:
            raise ArgumentError(f"pairs: expected a key such as 'Ag-Au', got {pair!r}")
        lines.append(" ".join([*elements, *map(str, numbers)]))
    return "\n".join(lines) + "\n"


class Gupta(HopCalculator):
    """
    The second-moment approximation of tight binding (Gupta; Cleri and Rosato), for metals.

    >>> atoms.calc = Gupta("AgAu")

    Parameters
    ----------
    potential
        A built-in one, such as "AgAu" or "Ag" (`hop.potentials()` lists them), or a
        .gupta file.  None: the built-in one for the elements of the atoms.
    cutoff
        (start, end) in angstrom: between them all interactions go smoothly to zero.
        None: as in the file, mostly none, and then periodic structures are refused.
        "third": (sqrt 2, sqrt 3) of the shortest r0, so that third neighbours in fcc are
        the first without interaction, as in AgAu-cutoff.
    pairs
        Instead of `potential`: {"Ag-Au": (r0, p, q, A, xi)}, angstrom and eV, with
        cut-off start and end as further numbers if there are any.
    threads
        For many atoms; the result does not depend on it.
    """

    default_parameters = {
        "potential": None,
        "cutoff": None,
        "pairs": None,
        "threads": 1,
    }
    cutoff_hint = 'give cutoff="third", or cutoff=(start, end) in angstrom'

    def __init__(self, potential: Optional[str] = None, **parameters: Any) -> None:
        super().__init__(potential=potential, **parameters)

    def _make(self, symbols: list[str]) -> Potential:
        pairs, cutoff = self.parameters["pairs"], self.parameters["cutoff"]
        self._one_of("potential", "pairs")
        if pairs is not None:
            text = _lines(pairs)
        else:
            name = self.parameters["potential"] or _for_elements(symbols)
            if cutoff is None:
                return _named(name, ".gupta")
            text = _text_of(name, ".gupta")
        if cutoff is not None:
            text = _cut(text, 7, _start_and_end(text, cutoff))
        return _from_text(text, ".gupta", "Gupta")


def _for_elements(symbols: list[str]) -> str:
    """The built-in Gupta potential of one or two elements."""
    for order in itertools.permutations(symbols):
        name = "".join(order) + ".gupta"
        if name in potentials():
            return name
    known = ", ".join(n[:-6] for n in potentials() if n.endswith(".gupta"))
    raise ArgumentError(
        f"Gupta: expected elements of a built-in potential ({known}),"
        f" got {' '.join(symbols) or 'none'}; give `potential` or `pairs`"
    )


def _start_and_end(text: str, cutoff: Any) -> tuple[float, float]:
    if isinstance(cutoff, str) and cutoff == "third":
        shortest = min(float(row[2]) for row in _rows(text))
        return 2**0.5 * shortest, 3**0.5 * shortest
    try:
        start, end = (float(number) for number in cutoff)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"cutoff: expected (start, end) in angstrom or 'third', got {cutoff!r}"
        ) from None
    return start, end


class StillingerWeber(HopCalculator):
    """
    Stillinger-Weber, for silicon and its like.

    >>> atoms.calc = StillingerWeber()

    Parameters
    ----------
    potential
        "Si", the built-in one, or a .sw file as LAMMPS reads it.
    threads
        For many atoms; the result does not depend on it.
    """

    default_parameters = {"potential": "Si", "threads": 1}

    def __init__(self, potential: str = "Si", **parameters: Any) -> None:
        super().__init__(potential=potential, **parameters)

    def _make(self, symbols: list[str]) -> Potential:
        return _named(self.parameters["potential"], ".sw")


class LennardJones(HopCalculator):
    """
    Lennard-Jones, 4 epsilon ((sigma/r)^12 - (sigma/r)^6).

    >>> atoms.calc = LennardJones(epsilon=0.0104, sigma=3.40)
    >>> atoms.calc = LennardJones(pairs={"Ar-Ar": (0.0104, 3.40), "Ar-Kr": ...})

    Parameters
    ----------
    potential
        A built-in one ("Ar", the default), or a .lj file.
    epsilon, sigma
        Instead of it: eV and angstrom, the same for all elements.
    pairs
        Instead of both: {"Ar-Kr": (epsilon, sigma, cutoff, style)}, the last two may be
        left out.
    cutoff, style
        Of all pairs: cut-off in angstrom (None: as in the file or `pairs`, mostly none, and
        then periodic structures are refused), and "smooth", "shift" or "truncate".
    threads
        For many atoms; the result does not depend on it.
    """

    default_parameters = {
        "potential": None,
        "epsilon": None,
        "sigma": None,
        "pairs": None,
        "cutoff": None,
        "style": "smooth",
        "threads": 1,
    }
    cutoff_hint = "give `cutoff` in angstrom, such as 2.5 sigma"

    def __init__(self, potential: Optional[str] = None, **parameters: Any) -> None:
        super().__init__(potential=potential, **parameters)

    def _make(self, symbols: list[str]) -> Potential:
        p = self.parameters
        self._one_of("potential", "pairs", "epsilon")
        if (p["epsilon"] is None) != (p["sigma"] is None):
            raise ArgumentError("LennardJones: expected epsilon and sigma, got one")
        if p["pairs"] is not None:
            text = _lines(p["pairs"])
        elif p["epsilon"] is not None:
            pairs = itertools.combinations_with_replacement(symbols, 2)
            text = _lines({"-".join(pair): (p["epsilon"], p["sigma"]) for pair in pairs})
        elif p["cutoff"] is None:
            return _named(p["potential"] or "Ar", ".lj")
        else:
            text = _text_of(p["potential"] or "Ar", ".lj")
        if p["cutoff"] is not None:
            text = _cut(text, 4, (p["cutoff"], p["style"]))
        return _from_text(text, ".lj", "LennardJones")
