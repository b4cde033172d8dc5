"""Models: the weights of learned optimizers."""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path as FilePath
from typing import Any, Optional, Union

from numpy.typing import ArrayLike

from . import _data
from ._arrays import Reals, reals, view
from ._handle import Handle, Path, decode, encode, encode_path, make, number, require
from ._library import library
from ._structure import Structure

#: Kinds of optimizers that take a model, and the one that comes with libhop.
_NAMES = {"learned": "metals", "learned-continuous": "continuous"}


class Model:
    """
    The weights, the shapes that it knows and the card of a learned optimizer.

    `Model()` is untrained: the learned optimizer with it is the hand-made step that
    training starts from.
    """

    _handle: Handle

    def __init__(self) -> None:
        self._handle = make(library.hop_model_free, library.hop_model_new)

    @classmethod
    def _from_handle(cls, handle: Handle) -> Model:
        model = cls.__new__(cls)
        model._handle = handle
        return model

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model file; `FormatError` if it is none, `CorruptError` if damaged."""
        return cls._from_handle(
            make(library.hop_model_free, library.hop_model_load, encode_path(path))
        )

    @classmethod
    def pretrained(cls, name: str = "metals") -> Model:
        """
        A trained model that comes with libhop: "metals" for the kind "learned",
        "continuous" for "learned-continuous"; both were trained on metal clusters.
        """
        encode(name, "name")
        return cls.load(_data.find("models", name + ".h5"))

    def save(self, path: Path) -> None:
        """Write a model file; `path` is replaced only by a complete one."""
        self._handle.context.check(
            library.hop_model_save(self._handle.address, encode_path(path))
        )

    @classmethod
    def _from_bytes(cls, data: bytes) -> Model:
        with tempfile.TemporaryDirectory(prefix="hop-") as folder:
            path = FilePath(folder) / "model.h5"
            path.write_bytes(data)
            return cls.load(path)

    def __reduce__(self) -> Any:
        with tempfile.TemporaryDirectory(prefix="hop-") as folder:
            path = FilePath(folder) / "model.h5"
            self.save(path)
            return self._from_bytes, (path.read_bytes(),)

    @property
    def parameters(self) -> Reals:
        """The weights of the networks in place, a view: writing to it changes the model."""
        count = ctypes.c_size_t()
        address = library.hop_model_parameters(
            self._handle.address, ctypes.byref(count)
        )
        return view(self._handle, address, (count.value,))

    @parameters.setter
    def parameters(self, value: ArrayLike) -> None:
        weights = self.parameters
        weights[...] = reals(value, weights.shape, "parameters")

    @property
    def note(self) -> str:
        """The model's card: what it was trained on, how, seed."""
        return decode(library.hop_model_note(self._handle.address))

    @note.setter
    def note(self, text: str) -> None:
        self._handle.context.check(
            library.hop_model_set_note(self._handle.address, encode(text, "note"))
        )

    def add_shape(self, structure: Structure, value: float = 1.0) -> None:
        """
        Let searches with this model begin from the shape of a cluster, without its
        elements and its scale: 3 to 80 atoms, not periodic.

        `value`: how much it is worth, 1 being a shape that was the lowest of one system
        that the model was trained on.
        """
        require(structure, Structure, "structure")
        self._handle.context.check(
            library.hop_model_add_shape(
                self._handle.address, structure._handle.address, number(value, "value")
            )
        )

    @classmethod
    def _chosen(cls, model: Union[Model, Path, None], kind: str) -> Optional[Model]:
        """A model, one in a file, or the one that comes with libhop for this kind."""
        if model is None:
            return cls.pretrained(_NAMES[kind]) if kind in _NAMES else None
        return model if isinstance(model, Model) else cls.load(model)

    def __repr__(self) -> str:
        first: Optional[str] = next(iter(self.note.splitlines()), None)
        card = f": {first}" if first else ""
        return f"<hop.Model {self.parameters.size} parameters{card}>"
