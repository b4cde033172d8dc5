"""The shared library: finding it, loading it, and the prototype of every function."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Iterator
from ctypes import (
    POINTER,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any

FILE_NAME = "libhop.so.0"
#: Oldest library that this package works with; a newer one of the same major version
#: (the soname) does as well.
REQUIRED_VERSION = (0, 1, 0)

LogFunction = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
EvaluateFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)
HessianVectorFunction = ctypes.CFUNCTYPE(
    c_int, c_void_p, c_void_p, POINTER(c_double), POINTER(c_double)
)
FreeFunction = ctypes.CFUNCTYPE(None, c_void_p)


class StructureArrays(ctypes.Structure):
    """hop_structure_arrays"""

    _fields_ = [
        ("size", c_size_t),
        ("count", c_size_t),
        ("numbers", POINTER(c_int32)),
        ("positions", POINTER(c_double)),
        ("cell", POINTER(c_double)),
        ("periodic", POINTER(c_int32)),
        ("fixed", POINTER(c_int32)),
        ("energy", POINTER(c_double)),
        ("forces", POINTER(c_double)),
        ("virial", POINTER(c_double)),
        ("energies", POINTER(c_double)),
    ]


class Provider(ctypes.Structure):
    """hop_provider"""

    _fields_ = [
        ("size", c_size_t),
        ("evaluate", EvaluateFunction),
        ("hessian_vector", HessianVectorFunction),
        ("free", FreeFunction),
        ("user", c_void_p),
        ("length", c_double),
        ("energy", c_double),
        ("stiffness", c_double),
    ]


class Scales(ctypes.Structure):
    """hop_scales"""

    _fields_ = [
        ("size", c_size_t),
        ("length", c_double),
        ("energy", c_double),
        ("stiffness", c_double),
    ]


class NormalModes(ctypes.Structure):
    """hop_normal_modes"""

    _fields_ = [
        ("size", c_size_t),
        ("count", c_size_t),
        ("negative", c_size_t),
        ("zero", c_size_t),
        ("tolerance", c_double),
    ]


class Option(ctypes.Structure):
    """hop_option"""

    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("unit", c_char_p),
        ("type", c_int32),
        ("minimum", c_double),
        ("maximum", c_double),
        ("initial", c_double),
        ("doc", c_char_p),
    ]


class Progress(ctypes.Structure):
    """hop_progress"""

    _fields_ = [
        ("size", c_size_t),
        ("evaluations", c_int64),
        ("quenches", c_int64),
        ("energy", c_double),
        ("fmax", c_double),
        ("best_energy", c_double),
        ("seconds", c_double),
        ("smax", c_double),
    ]


class TrainingProgress(ctypes.Structure):
    """hop_training_progress"""

    _fields_ = [
        ("size", c_size_t),
        ("update", c_int64),
        ("updates", c_int64),
        ("evaluations", c_int64),
        ("loss", c_double),
        ("loss_average", c_double),
        ("gradient", c_double),
        ("window", c_int32),
        ("validation", c_double),
        ("best", c_double),
    ]


class Match(ctypes.Structure):
    """hop_match"""

    _fields_ = [
        ("size", c_size_t),
        ("largest", c_double),
        ("rms", c_double),
        ("rotation", c_double * 9),
        ("shift", c_double * 3),
        ("same", c_int32),
        ("mirrored", c_int32),
    ]


class Minimum(ctypes.Structure):
    """hop_minimum"""

    _fields_ = [
        ("size", c_size_t),
        ("energy", c_double),
        ("seen", c_int64),
        ("evaluation", c_int64),
        ("seed", c_uint64),
    ]


MinimumFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(Progress))
ProgressFunction = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Progress))

_OUT = POINTER(c_void_p)
_REALS = POINTER(c_double)
_ARRAY = c_void_p
_OBJECT = c_void_p

#: name: (result, arguments); handles and arrays of the structure travel as addresses.
PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "hop_version": (c_int32, ()),
    "hop_status_name": (c_char_p, (c_int,)),
    "hop_status_text": (c_char_p, (c_int,)),
    "hop_context_new": (c_int, (c_void_p, _OUT)),
    "hop_context_free": (None, (_OBJECT,)),
    "hop_error_message": (c_char_p, (_OBJECT,)),
    "hop_context_set_log": (None, (_OBJECT, LogFunction, c_void_p)),
    "hop_context_set_threads": (c_int, (_OBJECT, c_int32)),
    "hop_cancel": (None, (_OBJECT,)),
    "hop_cancel_clear": (None, (_OBJECT,)),
    "hop_structure_new": (c_int, (_OBJECT, c_size_t, _ARRAY, _OUT)),
    "hop_structure_wrap": (c_int, (_OBJECT, POINTER(StructureArrays), _OUT)),
    "hop_structure_copy": (c_int, (_OBJECT, _OUT)),
    "hop_structure_free": (None, (_OBJECT,)),
    "hop_structure_random": (c_int, (_OBJECT, c_char_p, _OBJECT, c_uint64, _OUT)),
    "hop_structure_scatter": (c_int, (_OBJECT, _OBJECT, c_uint64)),
    "hop_structure_count": (c_size_t, (_OBJECT,)),
    "hop_structure_numbers": (c_void_p, (_OBJECT,)),
    "hop_structure_positions": (c_void_p, (_OBJECT,)),
    "hop_structure_cell": (c_void_p, (_OBJECT,)),
    "hop_structure_periodic": (c_void_p, (_OBJECT,)),
    "hop_structure_fixed": (c_void_p, (_OBJECT,)),
    "hop_structure_energy": (c_void_p, (_OBJECT,)),
    "hop_structure_forces": (c_void_p, (_OBJECT,)),
    "hop_structure_virial": (c_void_p, (_OBJECT,)),
    "hop_structure_energies": (c_void_p, (_OBJECT,)),
    "hop_structure_stress": (c_int, (_OBJECT, _ARRAY)),
    "hop_element_symbol": (c_char_p, (c_int32,)),
    "hop_element_mass": (c_double, (c_int32,)),
    "hop_element_number": (c_int32, (c_char_p,)),
    "hop_structure_read": (c_int, (_OBJECT, c_char_p, c_int64, _OUT)),
    "hop_structure_write": (c_int, (_OUT, c_size_t, c_char_p)),
    "hop_structure_format": (c_int, (_OBJECT, c_void_p, c_size_t, POINTER(c_size_t))),
    "hop_potential_load": (c_int, (_OBJECT, c_char_p, _OUT)),
    "hop_potential_builtin": (c_int, (_OBJECT, c_char_p, _OUT)),
    "hop_potential_builtin_name": (c_char_p, (c_size_t,)),
    "hop_potential_external": (c_int, (_OBJECT, POINTER(Provider), _OUT)),
    "hop_potential_free": (None, (_OBJECT,)),
    "hop_potential_evaluate": (c_int, (_OBJECT, _OBJECT)),
    "hop_potential_evaluate_many": (c_int, (_OBJECT, _ARRAY, c_size_t, _ARRAY)),
    "hop_potential_normal_modes": (
        c_int,
        (_OBJECT, _OBJECT, _ARRAY, _ARRAY, POINTER(NormalModes)),
    ),
    "hop_potential_hessian_vector": (c_int, (_OBJECT, _OBJECT, _ARRAY, _ARRAY)),
    "hop_potential_scales": (c_int, (_OBJECT, c_int32, POINTER(Scales))),
    "hop_potential_cutoff": (c_double, (_OBJECT,)),
    "hop_potential_kind": (c_char_p, (_OBJECT,)),
    "hop_option_describe": (c_int, (c_char_p, c_size_t, POINTER(Option))),
    "hop_model_new": (c_int, (_OBJECT, _OUT)),
    "hop_model_load": (c_int, (_OBJECT, c_char_p, _OUT)),
    "hop_model_save": (c_int, (_OBJECT, c_char_p)),
    "hop_model_free": (None, (_OBJECT,)),
    "hop_model_parameters": (c_void_p, (_OBJECT, POINTER(c_size_t))),
    "hop_model_note": (c_char_p, (_OBJECT,)),
    "hop_model_set_note": (c_int, (_OBJECT, c_char_p)),
    "hop_model_add_shape": (c_int, (_OBJECT, _OBJECT, c_double)),
    "hop_optimizer_new": (c_int, (_OBJECT, c_char_p, _OBJECT, _OBJECT, _OUT)),
    "hop_optimizer_free": (None, (_OBJECT,)),
    "hop_optimizer_kind": (c_char_p, (c_size_t,)),
    "hop_optimizer_set": (c_int, (_OBJECT, c_char_p, c_double)),
    "hop_optimizer_get": (c_int, (_OBJECT, c_char_p, _REALS)),
    "hop_optimizer_set_model": (c_int, (_OBJECT, _OBJECT)),
    "hop_optimizer_ask": (c_int, (_OBJECT, _OBJECT)),
    "hop_optimizer_tell": (c_int, (_OBJECT, _OBJECT)),
    "hop_optimizer_adjust": (c_int, (_OBJECT, _OBJECT)),
    "hop_optimizer_run": (c_int, (_OBJECT, _OBJECT, ProgressFunction, c_void_p)),
    "hop_optimizer_best": (c_int, (_OBJECT, _OBJECT)),
    "hop_optimizer_save": (c_int, (_OBJECT, c_char_p)),
    "hop_optimizer_load": (c_int, (_OBJECT, c_char_p)),
    "hop_optimizer_progress": (c_int, (_OBJECT, POINTER(Progress))),
    "hop_chains_run": (
        c_int,
        (POINTER(_OBJECT), c_size_t, c_int64, _OBJECT, ProgressFunction, c_void_p),
    ),
    "hop_optimizer_set_minimum_function": (
        c_int,
        (_OBJECT, MinimumFunction, c_void_p),
    ),
    "hop_structure_match": (
        c_int,
        (_OBJECT, _OBJECT, c_double, _ARRAY, POINTER(Match)),
    ),
    "hop_trajectory_create": (c_int, (_OBJECT, c_char_p, _OBJECT, _OUT)),
    "hop_trajectory_open": (c_int, (_OBJECT, c_char_p, _OUT)),
    "hop_trajectory_append": (c_int, (_OBJECT, c_int64, _OBJECT)),
    "hop_trajectory_flush": (c_int, (_OBJECT,)),
    "hop_trajectory_count": (c_int64, (_OBJECT,)),
    "hop_trajectory_step": (c_int64, (_OBJECT,)),
    "hop_trajectory_read": (c_int, (_OBJECT, c_int64, POINTER(c_int64), _OUT)),
    "hop_trajectory_free": (None, (_OBJECT,)),
    "hop_archive_new": (c_int, (_OBJECT, c_size_t, c_double, c_double, _OUT)),
    "hop_archive_load": (c_int, (_OBJECT, c_char_p, _OBJECT, _OUT)),
    "hop_archive_save": (c_int, (_OBJECT, c_char_p)),
    "hop_archive_free": (None, (_OBJECT,)),
    "hop_archive_add": (c_int, (_OBJECT, _OBJECT, c_int64, c_uint64, POINTER(c_int32))),
    "hop_archive_count": (c_size_t, (_OBJECT,)),
    "hop_archive_seen": (c_int64, (_OBJECT,)),
    "hop_archive_minimum": (c_int, (_OBJECT, c_size_t, POINTER(Minimum), _OUT)),
    "hop_trainer_new": (c_int, (_OBJECT, c_char_p, c_char_p, _OBJECT, _OUT)),
    "hop_trainer_method": (c_char_p, (c_size_t,)),
    "hop_trainer_method_of": (c_char_p, (_OBJECT,)),
    "hop_trainer_load": (c_int, (_OBJECT, c_char_p, _OUT)),
    "hop_trainer_save": (c_int, (_OBJECT, c_char_p)),
    "hop_trainer_free": (None, (_OBJECT,)),
    "hop_trainer_set": (c_int, (_OBJECT, c_char_p, c_double)),
    "hop_trainer_get": (c_int, (_OBJECT, c_char_p, _REALS)),
    "hop_trainer_step": (c_int, (_OBJECT,)),
    "hop_trainer_progress": (c_int, (_OBJECT, POINTER(TrainingProgress))),
    "hop_trainer_model": (c_int, (_OBJECT, _OUT)),
}


def _candidates() -> Iterator[str]:
    here = Path(__file__).resolve().parent
    bundled = here / FILE_NAME
    if bundled.exists():
        yield str(bundled)
    installed = ctypes.util.find_library("hop")
    if installed:
        yield installed
    yield FILE_NAME
    yield str(here.parent.parent / "build" / FILE_NAME)


def _version_text(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def _open(path: str) -> ctypes.CDLL:
    """Load one candidate and check that it is the library; OSError says why not."""
    library = ctypes.CDLL(path)
    if not hasattr(library, "hop_version"):
        raise OSError(f"{path} is not libhop: it has no function hop_version")
    number = library.hop_version()
    found = (number // 10000, number // 100 % 100, number % 100)
    if found[0] != REQUIRED_VERSION[0] or found < REQUIRED_VERSION:
        raise OSError(
            f"{path}: expected libhop {_version_text(REQUIRED_VERSION)} or a newer one"
            f" of version {REQUIRED_VERSION[0]}, got {_version_text(found)}"
        )
    for name, (result, arguments) in PROTOTYPES.items():
        if not hasattr(library, name):
            raise OSError(f"{path}: expected a function {name}, found none")
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def load() -> tuple[ctypes.CDLL, str]:
    """
    The library and where it was found.

    $HOP_LIBRARY, when set, is the only place; otherwise: next to this file, where the
    system's linker knows "hop", libhop.so.0, and build/ of a source tree.
    """
    named = os.environ.get("HOP_LIBRARY")
    reasons = []
    for path in [named] if named else _candidates():
        try:
            return _open(path), path
        except OSError as error:
            reasons.append(f"  {error}")
    tried = "$HOP_LIBRARY:\n" if named else ""
    raise ImportError(
        "hop: libhop was not found; set HOP_LIBRARY to the path of "
        + FILE_NAME
        + ".\n"
        + tried
        + "\n".join(reasons)
    )


library, library_path = load()
