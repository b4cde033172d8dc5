"""What the tests of the Python package share."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
if (ROOT / "build" / "libhop.so.0").exists():  # rather than an installed one
    os.environ.setdefault("HOP_LIBRARY", str(ROOT / "build" / "libhop.so.0"))

import hop
import numpy as np

DATA = ROOT / "tests" / "data"


def morse(structure: hop.Structure) -> tuple[float, Any]:
    """sum over pairs of (1 - exp(r0 - r))^2 - 1: energy and forces."""
    x = np.array(structure.positions)
    d = x[:, None] - x[None]
    r = np.sqrt((d * d).sum(-1)) + np.eye(len(x))
    e = np.exp(2.5 - r)
    pair = (1 - e) ** 2 - 1
    slope = 2 * (1 - e) * e
    np.fill_diagonal(pair, 0)
    np.fill_diagonal(slope, 0)
    return 0.5 * float(pair.sum()), -((slope / r)[..., None] * d).sum(1)


def cluster(count: int = 8, seed: int = 1) -> hop.Structure:
    return hop.Structure.random(f"Ag{count}", seed=seed)


def resident() -> int:
    """Bytes of memory in use by this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(action: Callable[[], Any], warm: int, count: int) -> int:
    """By how much memory grows when `action` is repeated."""
    for _ in range(warm):
        action()
    gc.collect()
    before = resident()
    for _ in range(count):
        action()
    gc.collect()
    return resident() - before
