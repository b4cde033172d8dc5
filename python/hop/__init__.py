"""
libhop: learned optimizers for atomic structures.

>>> import hop
>>> potential = hop.Potential.builtin("AgAu.gupta")
>>> atoms = hop.Structure.random("Ag19Au19", potential, seed=1)
>>> hop.Optimizer("lbfgs", atoms, potential, fmax=0.01).run()
<Status.CONVERGED: 1>
>>> atoms.write("best.xyz")

`search` and `train` do in one call what most people want.  `hop.ase` has calculators,
optimizers and searches for ASE, `hop.plot` pictures; both are imported by themselves.

Units are angstrom, eV and eV/angstrom; forces are -dE/dx; a cell's rows are the lattice
vectors; Voigt order is xx yy zz yz xz xy; stress is tensile-positive.

Every error is a `hop.Error` and also the built-in exception one expects.  Different
objects may be used from different threads at once; one object belongs to one thread at
a time.  What the library has to tell goes to logging.getLogger("hop").
"""

from ._archive import Archive, Minimum
from ._chains import Chains
from ._errors import (
    ArgumentError,
    CannotEvaluate,
    CorruptError,
    EndError,
    Error,
    FileError,
    FormatError,
    NonfiniteError,
    OutOfMemoryError,
    ProviderError,
    RangeError,
    StateError,
    Status,
    UnsupportedError,
    VersionError,
)
from ._library import library_path
from ._match import Match, match
from ._model import Model
from ._optimizer import Optimizer, Progress
from ._options import Option, OptionTable, optimizers, options, training_methods
from ._potential import NormalModes, Potential, Scales, potentials
from ._search import Run, SearchResult, search
from ._structure import Structure, write
from ._train import Task, Training, train
from ._trainer import Trainer, TrainingProgress
from ._trajectory import Frame, Trajectory

__version__ = "0.1.0"

__all__ = [
    "Archive",
    "ArgumentError",
    "CannotEvaluate",
    "Chains",
    "CorruptError",
    "EndError",
    "Error",
    "FileError",
    "FormatError",
    "Frame",
    "Match",
    "Minimum",
    "Model",
    "NonfiniteError",
    "NormalModes",
    "Optimizer",
    "Option",
    "OptionTable",
    "OutOfMemoryError",
    "Potential",
    "Progress",
    "ProviderError",
    "RangeError",
    "Run",
    "Scales",
    "SearchResult",
    "StateError",
    "Status",
    "Structure",
    "Task",
    "Trainer",
    "Training",
    "TrainingProgress",
    "Trajectory",
    "UnsupportedError",
    "VersionError",
    "library_path",
    "match",
    "optimizers",
    "options",
    "potentials",
    "search",
    "train",
    "training_methods",
    "write",
]
