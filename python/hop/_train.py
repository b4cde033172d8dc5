"""A training in one call."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, Callable, NamedTuple, Optional, Union

from ._bar import bar
from ._errors import ArgumentError, Error
from ._handle import Path
from ._model import Model
from ._trainer import Trainer, TrainingProgress

#: (potential, formula, weight): weight a number or "validation".
Task = tuple[str, str, Union[float, str]]


class Training(NamedTuple):
    """What `train` made."""

    #: With the weights of the best validation.
    model: Model
    #: After each update.
    history: list[TrainingProgress]

    def __repr__(self) -> str:
        return f"<hop.Training {self.model!r}, {len(self.history)} updates>"


def _write(tasks: Sequence[Task], folder: str) -> FilePath:
    path = FilePath(folder) / "given.tasks"
    lines = []
    for task in tasks:
        if isinstance(task, str) or len(task) != 3:
            raise ArgumentError(
                "tasks: expected a file or (potential, formula, weight) for each, got"
                f" {task!r:.60}"
            )
        lines.append(" ".join(map(str, task)))
    path.write_text("\n".join(lines) + "\n")
    return path


def train(
    tasks: Union[Path, Sequence[Task]],
    *,
    updates: Optional[int] = None,
    method: str = "tbptt",
    model: Optional[Model] = None,
    threads: int = 1,
    checkpoint: Optional[Path] = None,
    every: int = 50,
    progress: Union[bool, Callable[[TrainingProgress], Any]] = False,
    **options: Any,
) -> Training:
    """
    Train a learned optimizer.

    >>> tasks = [("Cu.gupta", "Cu13", 1), ("Cu.gupta", "Cu19", "validation")]
    >>> model, history = train(tasks, updates=200)

    Parameters
    ----------
    tasks
        A task file, or (potential, formula, weight) for each task; the weight
        "validation" keeps one for the choice of the best weights.
    updates
        In all; None: the method's default.
    method
        "tbptt" teaches the descent, "policy" which hop to make, "abandon" which quench
        to end early; "recall" gathers the shapes from which searches begin again.
    model
        Where to begin; its other networks are kept.
    threads
        The result does not depend on it.
    checkpoint
        Written every so many updates (`every`) and at the end, be it by Ctrl-C; when it is
        there already, the training goes on from it, bit for bit as if never stopped.
    progress
        True: a bar, if tqdm is installed.  A function is called after each update; what
        is true ends the training.
    **options
        Every option of the method (`options(method)`).
    """
    if updates is not None:
        options["updates"] = updates
    with tempfile.TemporaryDirectory() as folder:
        if checkpoint is not None and os.path.exists(checkpoint):
            limit = {} if updates is None else {"updates": updates}
            trainer = Trainer.load(checkpoint, threads=threads, **limit)
            if trainer.method != method:
                raise ArgumentError(
                    f"{os.fsdecode(checkpoint)}: expected a checkpoint of {method}, got"
                    f" one of {trainer.method}"
                )
        else:
            if not isinstance(tasks, (str, bytes, os.PathLike)):
                tasks = _write(tasks, folder)
            trainer = Trainer(
                tasks, method=method, model=model, threads=threads, **options
            )
    return _steps(trainer, checkpoint, every, progress)


def _steps(
    trainer: Trainer, checkpoint: Optional[Path], every: int, progress: Any
) -> Training:
    history: list[TrainingProgress] = []
    begun = trainer.progress
    shown = bar(progress is True, begun.updates - begun.update, "updates")
    try:
        for now in trainer.iterate():
            history.append(now)
            shown.update(1)
            shown.set_postfix_str(f"loss {now.loss_average:.4f}", refresh=False)
            if checkpoint is not None and now.update % every == 0:
                trainer.save(checkpoint)
            if callable(progress) and progress(now):
                break
    except BaseException:
        if checkpoint is not None and history:
            with contextlib.suppress(Error):  # what went wrong before comes out
                trainer.save(checkpoint)
        raise
    finally:
        shown.close()
    if checkpoint is not None:
        trainer.save(checkpoint)
    return Training(trainer.model, history)
