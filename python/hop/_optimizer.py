"""Optimizers: state machines that are told energies and asked for positions."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple, Optional

from . import _library
from ._errors import NonfiniteError, StateError, Status
from ._handle import (
    Context,
    Exclusive,
    Handle,
    Path,
    call,
    callbacks,
    encode,
    encode_path,
    make,
    require,
)
from ._library import library
from ._model import Model
from ._options import Options, Value
from ._potential import Potential
from ._structure import Structure


class Progress(NamedTuple):
    """Where a run stands."""

    #: Energy-and-forces evaluations so far.
    evaluations: int
    #: Descents finished so far.
    quenches: int
    #: At the last point, eV; with a pressure the enthalpy.
    energy: float
    #: Largest force norm on a free atom there, eV/angstrom.
    fmax: float
    #: Lowest so far, eV.
    best_energy: float
    #: Since the first ask.
    seconds: float
    #: Largest principal stress left where the cell relaxes, eV/angstrom^3, else 0.
    smax: float


def _progress(found: Any) -> Progress:
    return Progress(
        found.evaluations,
        found.quenches,
        found.energy,
        found.fmax,
        found.best_energy,
        found.seconds,
        found.smax,
    )


class Optimizer:
    """
    An optimizer; see `optimizers()` for the kinds and `options(kind)` for the keywords.

    >>> potential = Potential.builtin("AgAu.gupta")
    >>> atoms = Structure.random("Ag19Au19", potential, seed=1)
    >>> Optimizer("lbfgs", atoms, potential, fmax=0.01).run()
    <Status.CONVERGED: 1>

    Parameters
    ----------
    kind
        Such as "lbfgs", "basin-hopping", "learned" or "learned-continuous".
    structure
        Where to begin.  It is also what `run`, `ask` and `tell` use unless they are
        given another one, so it receives the best point in the end.
    potential
        Gives energies and natural units.  None when the forces come from elsewhere:
        then use `ask` and `tell`.
    model
        The weights for the kinds "learned" and "learned-continuous", such as
        `Model.pretrained()`; None is the hand-made frame without networks.
    **options
        Every option of the kind.
    """

    def __init__(
        self,
        kind: str,
        structure: Structure,
        potential: Optional[Potential] = None,
        model: Optional[Model] = None,
        **options: Any,
    ) -> None:
        self._open(kind, structure, potential, model, options, None)

    def _open(
        self,
        kind: str,
        structure: Structure,
        potential: Optional[Potential],
        model: Optional[Model],
        options: dict[str, Any],
        context: Optional[Context],
    ) -> None:
        require(structure, Structure, "structure")
        if potential is not None:
            require(potential, Potential, "potential")
        if model is not None:
            require(model, Model, "model")
        self._kind = kind
        self._structure = structure
        self._potential = potential
        self._model = model
        self._outcome: Optional[Status] = None
        self._exclusive = Exclusive("optimizer")
        self._handle = make(
            library.hop_optimizer_free,
            library.hop_optimizer_new,
            encode(kind, "kind"),
            structure._handle.address,
            None if potential is None else potential._handle.address,
            context=context,
        )
        self._options = Options(
            self._handle, kind, library.hop_optimizer_set, library.hop_optimizer_get
        )
        if model is not None:
            self._handle.context.check(
                library.hop_optimizer_set_model(
                    self._handle.address, model._handle.address
                )
            )
        self.set(**options)

    @classmethod
    def _inside(
        cls,
        context: Context,
        kind: str,
        structure: Structure,
        potential: Potential,
        model: Optional[Model],
        options: dict[str, Any],
    ) -> Optimizer:
        """An optimizer in a context that is there already."""
        optimizer = cls.__new__(cls)
        optimizer._open(kind, structure, potential, model, options, context)
        return optimizer

    # ---- options ---------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """Such as "lbfgs"."""
        return self._kind

    def set(self, **options: Any) -> None:
        """Set options; once the run has begun only limits (max_*, target) can."""
        self._options.set(options)

    def get(self, name: str) -> Value:
        """Read one option."""
        return self._options.get(name)

    @property
    def options(self) -> dict[str, Value]:
        """All options and their values (a copy)."""
        return self._options.all()

    # ---- the loop, from outside ------------------------------------------------------

    @property
    def structure(self) -> Structure:
        """What `run`, `ask` and `tell` work on by default."""
        return self._structure

    def _target(self, structure: Optional[Structure]) -> Structure:
        if structure is None:
            return self._structure
        require(structure, Structure, "structure")
        return structure

    def ask(self, structure: Optional[Structure] = None) -> bool:
        """
        Write the next positions to evaluate into the structure.

        True: evaluate, then `tell`.  False: finished, `outcome` says how, and the
        structure holds the best point with its energy and forces.

        >>> while optimizer.ask():
        ...     potential.evaluate(atoms)
        ...     optimizer.tell()
        """
        target = self._target(structure)
        with self._exclusive:
            status = self._handle.context.check(
                self._call(library.hop_optimizer_ask, target._handle.address)
            )
        self._outcome = Status(status) if status else None
        return self._outcome is None

    def tell(self, structure: Optional[Structure] = None) -> None:
        """
        Tell the energy and forces at the positions that were asked for.

        An energy of NaN means "cannot evaluate here": the next question is nearer.
        """
        target = self._target(structure)
        with self._exclusive:
            self._handle.context.check(
                self._call(library.hop_optimizer_tell, target._handle.address)
            )

    def _call(self, function: Any, *arguments: Any) -> int:
        if self._on_minimum is None:
            return int(function(self._handle.address, *arguments))
        return call(function, self._handle.address, *arguments)

    def adjust(self, structure: Optional[Structure] = None) -> None:
        """
        Say where the atoms really are, when they could not go just where `ask` put them
        (a constraint); between `ask` and `tell`.
        """
        target = self._target(structure)
        with self._exclusive:
            self._handle.context.check(
                library.hop_optimizer_adjust(
                    self._handle.address, target._handle.address
                )
            )

    def iterate(self, structure: Optional[Structure] = None) -> Iterator[Progress]:
        """
        Ask, evaluate and tell, yielding the progress after each evaluation.

        Leave the loop whenever you like: `best` stays readable, and the next `iterate`
        or `run` goes on from there.
        """
        potential = self._potential
        if potential is None:
            raise StateError("iterate: the optimizer was made without a potential")
        target = self._target(structure)
        return self._iterate(potential, target)

    def _iterate(self, potential: Potential, target: Structure) -> Iterator[Progress]:
        while self.ask(target):
            try:
                potential.evaluate(target)
            except NonfiniteError:
                pass  # the energy is NaN, and so it is told
            self.tell(target)
            yield self.progress

    # ---- the loop, inside ------------------------------------------------------------

    def run(
        self,
        progress: Optional[Callable[[Progress], Any]] = None,
        structure: Optional[Structure] = None,
    ) -> Status:
        """
        Ask, evaluate and tell until finished; the structure receives the best point.

        `progress` is called after each evaluation; a true value returned from it stops
        the run (Status.STOPPED).  An exception in `progress` or in an external
        potential, Ctrl-C too, ends the run and comes out unchanged; `best` stays
        readable.
        """
        if progress is not None and not callable(progress):
            raise TypeError(f"progress: expected a callable, got {progress!r:.60}")
        if self._potential is None:
            raise StateError("run: the optimizer was made without a potential")
        target = self._target(structure)
        with self._exclusive, self._potential._exclusive:
            status = call(
                library.hop_optimizer_run,
                self._handle.address,
                target._handle.address,
                _watch(progress),
                None,
            )
            callbacks.refusal = None
            status = self._handle.context.check(status)
        self._outcome = Status(status)
        return self._outcome

    def cancel(self) -> None:
        """
        Ask the run to stop soon with Status.STOPPED; for other threads.

        The request stays until `resume`.
        """
        library.hop_cancel(self._handle.context.address)

    def resume(self) -> None:
        """Withdraw `cancel`."""
        library.hop_cancel_clear(self._handle.context.address)

    # ---- minima on the way -----------------------------------------------------------

    @property
    def on_minimum(self) -> Optional[Callable[[Structure, Progress], Any]]:
        """
        Called as on_minimum(structure, progress) with each minimum that a descent has
        reached, accepted or not; None is nobody.

        In searches minima are relaxed to the option `quench_fmax` only.  The structure is
        a copy with energy and forces; a true value that is returned stops the run.
        Exceptions come out unchanged.
        """
        return self._on_minimum

    @on_minimum.setter
    def on_minimum(
        self, function: Optional[Callable[[Structure, Progress], Any]]
    ) -> None:
        if function is not None and not callable(function):
            raise TypeError(f"on_minimum: expected a callable, got {function!r:.60}")
        shown = _show(function, self._handle.context)
        with self._exclusive:
            self._handle.context.check(
                library.hop_optimizer_set_minimum_function(
                    self._handle.address, shown, None
                )
            )
        self._handle.keep = shown  # as long as C may call it
        self._on_minimum = function

    _on_minimum: Optional[Callable[[Structure, Progress], Any]] = None

    # ---- results ---------------------------------------------------------------------

    @property
    def outcome(self) -> Optional[Status]:
        """How the run ended; None before that."""
        return self._outcome

    @property
    def best(self) -> Structure:
        """A copy of the best point so far, with energy and forces."""
        best = self._structure.copy()
        with self._exclusive:
            self._handle.context.check(
                library.hop_optimizer_best(self._handle.address, best._handle.address)
            )
        return best

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        found = _library.Progress(size=ctypes.sizeof(_library.Progress))
        self._handle.context.check(
            library.hop_optimizer_progress(self._handle.address, ctypes.byref(found))
        )
        return _progress(found)

    def save(self, path: Path) -> None:
        """
        Save the run, all that it remembers, once it has begun.

        The file is replaced only by a complete one.
        """
        with self._exclusive:
            self._handle.context.check(
                library.hop_optimizer_save(self._handle.address, encode_path(path))
            )

    def load(self, path: Path) -> None:
        """
        Go on with a saved run, bit for bit as if it had never stopped.

        For a new optimizer of the same kind, atoms, potential and model; the options
        are those of the saved run.
        """
        with self._exclusive:
            self._handle.context.check(
                library.hop_optimizer_load(self._handle.address, encode_path(path))
            )

    def __repr__(self) -> str:
        state = self._outcome.text if self._outcome is not None else "not finished"
        return f"<hop.Optimizer {self._kind}: {state}>"


def _watch(progress: Optional[Callable[[Progress], Any]]) -> Any:
    """
    The progress callback of one run.

    In the main thread there is always one, since Python sees Ctrl-C only where Python
    code runs; it costs about a microsecond per evaluation.
    """
    main = threading.current_thread() is threading.main_thread()
    if progress is None and not main:
        return _library.ProgressFunction()

    def _hop_callback_progress(_user: Any, found: Any) -> int:
        if callbacks.pending is not None:
            return 1
        try:
            return 1 if progress is not None and progress(_progress(found[0])) else 0
        except BaseException as problem:
            callbacks.pending = problem
            return 1

    return _library.ProgressFunction(_hop_callback_progress)


def _show(
    function: Optional[Callable[[Structure, Progress], Any]], context: Context
) -> Any:
    """The callback that shows minima."""
    if function is None:
        return _library.MinimumFunction()

    def _hop_callback_minimum(_user: Any, address: int, found: Any) -> int:
        if callbacks.pending is not None:
            return 1
        try:
            out = ctypes.c_void_p()
            context.check(library.hop_structure_copy(address, ctypes.byref(out)))
            handle = Handle(context, out.value, library.hop_structure_free)
            structure = Structure._from_handle(handle)
            return 1 if function(structure, _progress(found[0])) else 0
        except BaseException as problem:
            callbacks.pending = problem
            return 1

    return _library.MinimumFunction(_hop_callback_minimum)
