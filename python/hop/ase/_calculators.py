"""libhop's potentials as ASE calculators."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols

from .. import _data
from .._errors import ArgumentError
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

    # ---- what subclasses say ---------------------------------------------------------

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
        potential = self.potential
        structure = self._current(self.atoms, system_changes)
        self.results = {}
        energy = potential.evaluate(structure)
        results: dict[str, Any] = {"energy": energy, "free_energy": energy}
        results["forces"] = structure.forces.copy()
        if np.isfinite(structure.energies).all():
            results["energies"] = structure.energies.copy()
        if self.atoms.cell.rank == 3:
            results["stress"] = -structure.virial / self.atoms.get_volume()
        self.results = results


def _named(name: str, ending: str) -> Potential:
    """A built-in potential, with or without its ending, or a file."""
    for candidate in (name, name + ending):
        if candidate in potentials():
            return Potential.builtin(candidate)
    return Potential.load(name)


def _text_of(name: str, ending: str) -> str:
    for candidate in (name, name + ending):
        if candidate in potentials():
            return _data.find("potentials", candidate).read_text()
    return Path(name).read_text()


def _from_text(text: str, ending: str) -> Potential:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("parameters" + ending)
        path.write_text(text)
        return Potential.load(path)


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

    def __init__(self, potential: Optional[str] = None, **parameters: Any) -> None:
        super().__init__(potential=potential, **parameters)

    def _make(self, symbols: list[str]) -> Potential:
        pairs, cutoff = self.parameters["pairs"], self.parameters["cutoff"]
        name = self.parameters["potential"]
        if pairs is not None:
            text = _lines(pairs)
        elif cutoff is None:
            return _named(name or _for_elements(symbols), ".gupta")
        else:
            text = _text_of(name or _for_elements(symbols), ".gupta")
        return _from_text(text if cutoff is None else _cut(text, cutoff), ".gupta")


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


def _cut(text: str, cutoff: Any) -> str:
    """The parameter file with other cut-offs."""
    kept = [line for line in text.splitlines() if line.startswith("#")]
    rows = [line.split("#")[0].split() for line in text.splitlines()]
    rows = [row for row in rows if row]
    if cutoff == "third":
        shortest = min(float(row[2]) for row in rows)
        cutoff = (2**0.5 * shortest, 3**0.5 * shortest)
    try:
        start, end = (float(number) for number in cutoff)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"cutoff: expected (start, end) or 'third', got {cutoff!r}"
        ) from None
    kept += [" ".join([*row[:7], repr(start), repr(end)]) for row in rows]
    return "\n".join(kept) + "\n"


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
        A built-in one ("Ar"), or a .lj file.
    epsilon, sigma
        Instead of it: eV and angstrom, the same for all elements.
    cutoff, style
        With `epsilon` and `sigma`: cut-off in angstrom (None: none, and periodic
        structures are refused), and "smooth", "shift" or "truncate".
    pairs
        Instead of all these: {"Ar-Kr": (epsilon, sigma, cutoff, style)}, the last two
        may be left out.
    threads
        For many atoms; the result does not depend on it.
    """

    default_parameters = {
        "potential": None,
        "epsilon": None,
        "sigma": None,
        "cutoff": None,
        "style": "smooth",
        "pairs": None,
        "threads": 1,
    }

    def __init__(self, potential: Optional[str] = None, **parameters: Any) -> None:
        super().__init__(potential=potential, **parameters)

    def _make(self, symbols: list[str]) -> Potential:
        p = self.parameters
        if p["pairs"] is not None:
            return _from_text(_lines(p["pairs"]), ".lj")
        if p["epsilon"] is None and p["sigma"] is None:
            return _named(p["potential"] or "Ar", ".lj")
        if p["epsilon"] is None or p["sigma"] is None:
            raise ArgumentError("LennardJones: expected epsilon and sigma, got one")
        numbers = [p["epsilon"], p["sigma"]]
        if p["cutoff"] is not None:
            numbers += [p["cutoff"], p["style"]]
        pairs = itertools.combinations_with_replacement(symbols, 2)
        return _from_text(_lines({"-".join(pair): numbers for pair in pairs}), ".lj")
