"""Meta-training: makes models."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from . import _library
from ._errors import Status
from ._handle import (
    Context,
    Exclusive,
    Handle,
    Path,
    decode,
    derive,
    encode,
    encode_path,
    make,
    require,
    whole,
)
from ._library import library
from ._model import Model
from ._options import Options, Value


class TrainingProgress(NamedTuple):
    """Where a training stands."""

    #: Meta-updates done.
    update: int
    #: Meta-updates in all.
    updates: int
    #: Energy-and-forces evaluations, Hessian products included.
    evaluations: int
    #: Meta-loss of the last update.
    loss: float
    #: Its running mean.
    loss_average: float
    #: Norm of the last meta-gradient before clipping.
    gradient: float
    #: Steps, or hops, that an update is backpropagated through.
    window: int
    #: Score of the last validation; infinite: none yet.
    validation: float
    #: The lowest score; its weights make the model.
    best: float


class Trainer:
    """
    Meta-training from a task file (lines of potential, formula and weight).

    >>> trainer = Trainer("metals.tasks", updates=2000, seed=1, threads=2)
    >>> for progress in trainer.iterate():
    ...     print(progress.update, progress.loss_average)
    >>> trainer.model.save("metals.h5")

    `method` is one of `training_methods()`: "tbptt" teaches the descent, "policy" which
    hop to make; `options(method)` lists the keywords.  `model` is where to begin: its
    other networks are kept.  The result does not depend on `threads`.
    """

    _handle: Handle

    def __init__(
        self,
        tasks: Path,
        *,
        method: str = "tbptt",
        model: Optional[Model] = None,
        threads: int = 1,
        **options: Any,
    ) -> None:
        if model is not None:
            require(model, Model, "model")
        begin = None if model is None else model._handle.address
        self._open(
            library.hop_trainer_new,
            (encode(method, "method"), encode_path(tasks), begin),
            threads,
        )
        self.set(**options)

    def _open(self, function: Any, arguments: tuple[Any, ...], threads: int) -> None:
        context = Context()
        threads = whole(threads, "threads", 1, 1024)
        context.check(library.hop_context_set_threads(context.address, threads))
        self._exclusive = Exclusive("trainer")
        self._handle = make(
            library.hop_trainer_free, function, *arguments, context=context
        )
        self._options = Options(
            self._handle, self.method, library.hop_trainer_set, library.hop_trainer_get
        )

    @property
    def method(self) -> str:
        """The training method."""
        return decode(library.hop_trainer_method_of(self._handle.address))

    @classmethod
    def load(cls, checkpoint: Path, *, threads: int = 1, **options: Any) -> Trainer:
        """Continue from a checkpoint, bit for bit as if never stopped."""
        trainer = cls.__new__(cls)
        trainer._open(library.hop_trainer_load, (encode_path(checkpoint),), threads)
        trainer.set(**options)
        return trainer

    def save(self, path: Path) -> None:
        """Write a checkpoint; `path` is replaced only by a complete file."""
        with self._exclusive:
            self._handle.context.check(
                library.hop_trainer_save(self._handle.address, encode_path(path))
            )

    def set(self, **options: Any) -> None:
        """Set options, before the first step ("updates" at any time)."""
        self._options.set(options)

    def get(self, name: str) -> Value:
        """Read one option."""
        return self._options.get(name)

    @property
    def options(self) -> dict[str, Value]:
        """All options and their values (a copy)."""
        return self._options.all()

    def step(self) -> Status:
        """
        One meta-update.

        Status.OK (which is false): made.  Status.END: all updates were done before.
        Status.STOPPED: cancelled, the update was not made.
        """
        with self._exclusive:
            return Status(
                self._handle.context.check(
                    library.hop_trainer_step(self._handle.address)
                )
            )

    def iterate(self) -> Iterator[TrainingProgress]:
        """Step until all updates are done, yielding the progress after each."""
        while self.step() == Status.OK:
            yield self.progress

    def cancel(self) -> None:
        """Ask the step that runs to stop; for other threads.  Stays until `resume`."""
        library.hop_cancel(self._handle.context.address)

    def resume(self) -> None:
        """Withdraw `cancel`."""
        library.hop_cancel_clear(self._handle.context.address)

    @property
    def progress(self) -> TrainingProgress:
        """Where the training stands now."""
        found = _library.TrainingProgress(size=ctypes.sizeof(_library.TrainingProgress))
        self._handle.context.check(
            library.hop_trainer_progress(self._handle.address, ctypes.byref(found))
        )
        return TrainingProgress(
            found.update,
            found.updates,
            found.evaluations,
            found.loss,
            found.loss_average,
            found.gradient,
            found.window,
            found.validation,
            found.best,
        )

    @property
    def model(self) -> Model:
        """A copy of the model as it is now."""
        return Model._from_handle(
            derive(library.hop_model_free, library.hop_trainer_model, self._handle)
        )

    def __repr__(self) -> str:
        progress = self.progress
        return f"<hop.Trainer update {progress.update} of {progress.updates}>"
