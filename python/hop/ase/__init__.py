"""
libhop for ASE.

>>> from ase.cluster import Octahedron
>>> from hop.ase import Gupta, LearnedOptimizer
>>> atoms = Octahedron("Ag", 5)
>>> atoms.rattle(0.3, seed=1)
>>> atoms.calc = Gupta("Ag")
>>> LearnedOptimizer(atoms).run(fmax=0.01)

Calculators: `Gupta`, `StillingerWeber`, `LennardJones`.  Optimizers, over any calculator:
`LearnedOptimizer`, `LBFGS`, `FIRE`.  Global searches, over any calculator: `BasinHopping`,
`LearnedSearch`.  Units are ASE's: angstrom, eV, eV/angstrom.
"""

from ._calculators import Gupta, HopCalculator, LennardJones, StillingerWeber
from ._optimizers import FIRE, LBFGS, HopOptimizer, LearnedOptimizer
from ._search import BasinHopping, LearnedSearch, Minimum, Search

__all__ = [
    "BasinHopping",
    "FIRE",
    "Gupta",
    "HopCalculator",
    "HopOptimizer",
    "LBFGS",
    "LearnedOptimizer",
    "LearnedSearch",
    "LennardJones",
    "Minimum",
    "Search",
    "StillingerWeber",
]
