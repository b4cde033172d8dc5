"""Several searches side by side that exchange their minima."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

from ._errors import ArgumentError, NonfiniteError, StateError, Status
from ._handle import call, callbacks, number, require, whole
from ._library import library
from ._model import Model
from ._optimizer import Optimizer, Progress, _watch
from ._potential import Potential
from ._structure import Structure

#: Between the seeds of the chains, so that seeds of runs do not meet those of chains.
APART = 2**40


class Chains:
    """
    Chains of minima at several temperatures that exchange the minima from which they move,
    by the rule of replica exchange.

    >>> chains = Chains("basin-hopping", atoms, potential, temperatures=(0.01, 0.02, 0.04),
    ...                 max_evaluations=5000)
    >>> chains.run()
    >>> atoms.energy, chains.optimizers[2].progress.quenches

    They run in rounds of `interval` evaluations each, over `potential.threads` threads;
    the result does not depend on that number.

    Parameters
    ----------
    kind
        "basin-hopping" or "learned".
    structure
        Where all begin, or one for each chain (the same atoms).  It, or the first,
        receives the best point of all.
    potential
        Gives the energies.  It is of the chains' context: `cancel` holds for it too.
    model
        The weights for the kind "learned".
    temperatures
        The option `temperature` of each chain, in binding energies per atom, rising.
        Equal ones: independent chains.
    seed
        Of the first chain; that of chain k is higher by k * 2**40, modulo 2**53.
    interval
        Evaluations of each chain between exchanges.
    **options
        Every option of the kind; limits such as `max_evaluations` are each chain's own.
    """

    def __init__(
        self,
        kind: str,
        structure: Union[Structure, Sequence[Structure]],
        potential: Potential,
        model: Optional[Model] = None,
        *,
        temperatures: Sequence[float],
        seed: int = 1,
        interval: int = 200,
        **options: Any,
    ) -> None:
        require(potential, Potential, "potential")
        rising = [number(t, "temperatures") for t in temperatures]
        if not rising:
            raise ArgumentError("temperatures: expected one or more, got none")
        if isinstance(structure, Structure):
            starts = [structure] * len(rising)
        else:
            starts = list(structure)
        if len(starts) != len(rising):
            raise ArgumentError(
                f"structure: expected one or {len(rising)}, got {len(starts)}"
            )
        seed = whole(seed, "seed")
        self._interval = whole(interval, "interval", 1)
        self._potential = potential
        self._structure = starts[0]
        self._optimizers = tuple(
            Optimizer._inside(
                potential._handle.context,
                kind,
                start,
                potential,
                model,
                dict(  # which takes no temperature twice
                    seed=(seed + k * APART) % 2**53, temperature=temperature, **options
                ),
            )
            for k, (start, temperature) in enumerate(zip(starts, rising))
        )
        self._outcome: Optional[Status] = None

    @property
    def optimizers(self) -> tuple[Optimizer, ...]:
        """The chains, to look at, to `save` and to `load`."""
        return self._optimizers

    @property
    def structure(self) -> Structure:
        """What receives the best point."""
        return self._structure

    def run(self, progress: Optional[Callable[[Progress], Any]] = None) -> Status:
        """
        Run until all chains have ended or one has reached the target; the structure
        receives the best point of all.

        `progress` is called after each round with the sums over the chains; a true value
        returned from it stops the run, which can go on later.  Exceptions come out
        unchanged.
        """
        if progress is not None and not callable(progress):
            raise TypeError(f"progress: expected a callable, got {progress!r:.60}")
        shown = any(chain.on_minimum is not None for chain in self._optimizers)
        if shown and self._potential.threads > 1:
            raise StateError("run: on_minimum needs potential.threads = 1")
        addresses = [chain._handle.address for chain in self._optimizers]
        with contextlib.ExitStack() as stack:
            for chain in self._optimizers:
                stack.enter_context(chain._exclusive)
            stack.enter_context(self._potential._exclusive)
            status = call(
                library.hop_chains_run,
                (ctypes.c_void_p * len(addresses))(*addresses),
                len(addresses),
                self._interval,
                self._structure._handle.address,
                _watch(progress),
                None,
            )
            callbacks.refusal = None
            status = self._potential._handle.context.check(status)
        self._outcome = Status(status)
        return self._outcome

    def cancel(self) -> None:
        """Ask the run to stop soon; for other threads.  Stays until `resume`."""
        self._optimizers[0].cancel()

    def resume(self) -> None:
        """Withdraw `cancel`."""
        self._optimizers[0].resume()

    @property
    def outcome(self) -> Optional[Status]:
        """How the run ended; None before that."""
        return self._outcome

    @property
    def progress(self) -> Progress:
        """The sums over the chains; energies are those of the best."""
        all_of = [chain.progress for chain in self._optimizers]
        best = min(all_of, key=lambda progress: progress.best_energy)
        return best._replace(
            evaluations=sum(progress.evaluations for progress in all_of),
            quenches=sum(progress.quenches for progress in all_of),
            seconds=max(progress.seconds for progress in all_of),
        )

    @property
    def best(self) -> Structure:
        """A copy of the best point so far of all chains."""
        finite = [
            chain
            for chain in self._optimizers
            if chain.progress.best_energy < float("inf")
        ]
        if not finite:
            raise NonfiniteError("chains: nothing finite was found yet")
        return min(finite, key=lambda chain: chain.progress.best_energy).best

    def __repr__(self) -> str:
        state = self._outcome.text if self._outcome is not None else "not finished"
        kind = self._optimizers[0].kind
        return f"<hop.Chains {len(self._optimizers)} of {kind}: {state}>"
