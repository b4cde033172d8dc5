"""Structures to and from ASE, and its calculators as potentials."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from ._errors import CannotEvaluate, UnsupportedError

if TYPE_CHECKING:
    from ._structure import Structure


def _ase(name: str) -> Any:
    return importlib.import_module(name)


def to_structure(kind: type[Structure], atoms: Any) -> Structure:
    if not isinstance(atoms, _ase("ase").Atoms):
        raise TypeError(f"from_ase: expected ase.Atoms, got {type(atoms).__name__}")
    fixed = np.zeros(len(atoms), dtype=bool)
    for constraint in atoms.constraints:
        name = type(constraint).__name__
        if name != "FixAtoms":
            raise UnsupportedError(
                f"from_ase: expected FixAtoms constraints, got {name}"
            )
        fixed[constraint.index] = True
    return kind(
        atoms.get_atomic_numbers(),
        atoms.get_positions(),
        cell=np.asarray(atoms.get_cell()),
        pbc=atoms.get_pbc(),
        fixed=fixed,
    )


def _bare(structure: Structure) -> Any:
    """Atoms without constraints and results."""
    return _ase("ase").Atoms(
        numbers=structure.numbers,
        positions=structure.positions,
        cell=structure.cell,
        pbc=structure.pbc,
    )


def to_atoms(structure: Structure) -> Any:
    atoms = _bare(structure)
    if structure.fixed.any():
        atoms.set_constraint(
            _ase("ase.constraints").FixAtoms(mask=structure.fixed.copy())
        )
    results: dict[str, Any] = {}
    if np.isfinite(structure.energy):
        results["energy"] = structure.energy
    for name in ("forces", "energies"):
        array = getattr(structure, name)
        if np.isfinite(array).all():
            results[name] = array.copy()
    if structure.pbc.all() and np.isfinite(structure.virial).all():
        results["stress"] = structure.stress
    if results:
        module = _ase("ase.calculators.singlepoint")
        atoms.calc = module.SinglePointCalculator(atoms, **results)
    return atoms


def evaluator(calculator: Any) -> Callable[[Structure], Any]:
    """Energy, forces and virial by an ASE calculator, for `Potential.external`."""
    no_object = isinstance(calculator, type) or hasattr(calculator, "calc")  # EMT, atoms
    if no_object or not hasattr(calculator, "get_forces"):
        raise TypeError(f"from_ase: expected an ASE calculator, got {calculator!r:.60}")
    periodic = "stress" in getattr(calculator, "implemented_properties", ())
    failed = _ase("ase.calculators.calculator").CalculatorError

    def evaluate(structure: Structure) -> Any:
        atoms = _bare(structure)
        atoms.calc = calculator
        try:
            forces, energy = atoms.get_forces(), atoms.get_potential_energy()
            if not (periodic and structure.pbc.all()):
                return energy, forces
            return energy, forces, -atoms.get_stress() * atoms.get_volume()
        except failed as problem:
            raise CannotEvaluate(str(problem)) from problem

    return evaluate
