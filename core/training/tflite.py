"""Quantised weights of a TensorFlow Lite file as float tensors: just enough of its format (flat buffers) for them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from core.errors import WeightsError

_T = TypeVar("_T")
_TYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<i4"), 9: np.dtype("i1")}  # int32 and int8 of the schema


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a flat buffer: its fields are found through a list of offsets that lies before it."""

    data: bytes
    at: int

    def _field(self, number: int) -> int | None:
        listed = self.at - _number(self.data, "<i", self.at)
        place = 4 + 2 * number
        offset = _number(self.data, "<H", listed + place) if place < _number(self.data, "<H", listed) else 0
        return self.at + offset if offset else None

    def whole(self, number: int, kind: str = "<I") -> int:
        """A number; 0 where the field is left out."""
        at = self._field(number)
        return 0 if at is None else _number(self.data, kind, at)

    def table(self, number: int) -> _Table | None:
        at = self._field(number)
        return None if at is None else _Table(self.data, _follow(self.data, at))

    def tables(self, number: int) -> list[_Table]:
        return self._vector(number, 4, lambda at: _Table(self.data, _follow(self.data, at)))

    def array(self, number: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
        """A vector of numbers; empty where the field is left out."""
        at = self._field(number)
        if at is None:
            return np.zeros(0, kind)
        start = _follow(self.data, at)
        return np.frombuffer(self.data, kind, _number(self.data, "<I", start), start + 4)

    def _vector(self, number: int, size: int, make: Callable[[int], _T]) -> list[_T]:
        at = self._field(number)
        if at is None:
            return []
        start = _follow(self.data, at)
        return [make(start + 4 + size * i) for i in range(_number(self.data, "<I", start))]


def _number(data: bytes, kind: str, at: int) -> int:
    return int(struct.unpack_from(kind, data, at)[0])


def _follow(data: bytes, at: int) -> int:
    return at + _number(data, "<I", at)


def read_layers(path: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weights and biases of every operator that has both, float32, in the order in which they are computed.

    Weights are as the file lays them out: [out, height, width, in] of a convolution, [1, height, width, out] of a
    depth-wise one, [out, in] of a matrix.

    Raises:
        WeightsError: it is no such file, or holds other types than int8 weights with int32 biases.
    """
    data = path.read_bytes()
    try:
        if data[4:8] != b"TFL3":
            raise ValueError("no such file")
        model = _Table(data, _follow(data, 0))
        (graph,) = model.tables(2)
        tensors, buffers = graph.tables(0), model.tables(4)
        known = [operator.array(1, np.dtype("<i4")).tolist() for operator in graph.tables(3)]
        return [
            (_values(tensors[inputs[1]], buffers), _values(tensors[inputs[2]], buffers))
            for inputs in known
            if len(inputs) == 3
        ]
    except (ValueError, IndexError, KeyError, struct.error) as exc:
        raise WeightsError(
            f"The file {path.name} cannot be read as a quantised TensorFlow Lite network.", hint="Fetch it again."
        ) from exc


def _values(tensor: _Table, buffers: list[_Table]) -> torch.Tensor:
    """(stored - zero point) * scale, each channel with its own scale where the tensor has several."""
    shape = tensor.array(0, np.dtype("<i4")).tolist()
    stored = buffers[tensor.whole(2)].array(0, np.dtype("u1")).view(_TYPES[tensor.whole(1, "<b")]).reshape(shape)
    rule = tensor.table(4)
    if rule is None:
        raise ValueError("not quantised")
    along = [1] * len(shape)
    scale, zero = rule.array(2, np.dtype("<f4")), rule.array(3, np.dtype("<i8"))
    if len(scale) > 1:
        along[rule.whole(6, "<i")] = len(scale)
    values = (stored.astype(np.float64) - zero.reshape(along)) * scale.astype(np.float64).reshape(along)
    return torch.from_numpy(values.astype(np.float32))
