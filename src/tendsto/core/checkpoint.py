"""Checkpoints: how far a batch of long runs came, kept as data, so that a kill costs seconds and not hours."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tendsto.core import spec
from tendsto.store import Record, Store

EVERY = 10.0
"""Seconds between two checkpoints of a batch. Work that takes less is not worth the disk."""

SHARE = 0.05
"""The most of a batch's time that saving may take: a large state is saved less often."""

Arrays = dict[str, npt.NDArray[Any]]


class Saved:
    """The place where one batch, known by the keys of its cells in their order, keeps its state.

    A state that is no tree of tensors, arrays and plain numbers is not saved, and its batch starts over.
    """

    def __init__(self, store: Store, keys: list[str]):
        self.keys, self.key = keys, spec.key(["checkpoint", keys])
        self.place = store.checkpoint(self.key)
        self.last, self.cost, self.refused = time.monotonic(), 0.0, False

    def due(self) -> bool:
        """Whether it is time to save again."""
        return not self.refused and time.monotonic() - self.last >= max(EVERY, self.cost / SHARE)

    def save(self, state: Any, meta: Mapping[str, Any], arrays: Arrays) -> None:
        """Replace what is saved; once this returns it is on the disk."""
        begun = time.monotonic()
        try:
            tree, leaves = pack(state)
        except TypeError:
            self.refused = True
            return
        self.place.put({**meta, "cells": self.keys, "state": tree}, {**arrays, **leaves})
        self.last = time.monotonic()
        self.cost = self.last - begun

    def load(self) -> tuple[Any, Record] | None:
        """Return the state last saved, and the record that it came in; None where there is none."""
        record = self.place.get()
        return None if record is None else (unpack(record.meta["state"], record.arrays), record)

    def drop(self) -> None:
        """Forget what is saved, as a batch should whose cells are kept."""
        self.place.delete()


def pack(tree: Any) -> tuple[Any, Arrays]:
    """Return a tree as plain data and the arrays that the data refers to; `unpack` is the inverse, to the bit.

    A tree is a tensor, an array, a number, a string, None, or a dict, list or tuple of trees.

    Raises:
        TypeError: the tree holds something else.

    >>> data, arrays = pack({"x": np.zeros(2), "step": 3})
    >>> data
    ['dict', [['x', ['array', 'state.0', 'float64', [2], [0]]], ['step', ['plain', 3]]]]
    >>> unpack(data, arrays)
    {'x': array([0., 0.]), 'step': 3}
    """
    arrays: Arrays = {}
    return _pack(tree, arrays), arrays


def _pack(tree: Any, arrays: Arrays) -> Any:
    import torch

    kind = cast("type[Any]", type(tree))
    if tree is None or kind in (bool, int, float, str):
        return ["plain", tree]
    if kind is dict and all(isinstance(name, str) for name in tree):
        # Pairs, as their order is part of the tree.
        return ["dict", [[name, _pack(branch, arrays)] for name, branch in tree.items()]]
    if kind in (list, tuple):
        return [kind.__name__, [_pack(branch, arrays) for branch in tree]]
    name = f"state.{len(arrays)}"
    # Bytes, as not every dtype is one of a record's; and the order of axes in memory, on which last bits may depend.
    if kind is torch.Tensor and tree.layout == torch.strided and tree.device.type == "cpu":
        order = _order(tree.stride())
        arrays[name] = tree.detach().permute(order).contiguous().reshape(-1).view(torch.uint8).numpy().copy()
        return ["tensor", name, str(tree.dtype).removeprefix("torch."), list(tree.shape), order]
    if kind is np.ndarray or issubclass(kind, np.generic):
        array: npt.NDArray[Any] = np.asarray(tree)
        if array.dtype.kind in "biufc" and array.dtype.isnative:
            order = _order(array.strides)
            arrays[name] = np.frombuffer(array.transpose(order).tobytes(), np.uint8)
            return ["array" if kind is np.ndarray else "number", name, array.dtype.name, list(array.shape), order]
    raise TypeError(f"a state with {kind.__name__} in it cannot be saved: use tensors, arrays and numbers")


def unpack(data: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Return the tree that `pack` made data and arrays of."""
    kind, content = data[:2]
    if kind == "plain":
        return content
    if kind == "dict":
        return {name: unpack(branch, arrays) for name, branch in content}
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(unpack(branch, arrays) for branch in content)
    dtype, shape, order = data[2:]
    inner, back = [shape[axis] for axis in order], [order.index(axis) for axis in range(len(order))]
    if kind == "tensor":
        import torch

        # Memory of torch's own is aligned as the state's was.
        tensor = torch.empty(inner, dtype=getattr(torch, dtype))
        tensor.reshape(-1).view(torch.uint8).copy_(torch.tensor(arrays[content]))
        return tensor.permute(back)
    array = np.frombuffer(arrays[content].tobytes(), dtype).reshape(inner).copy().transpose(back)
    return array[()] if kind == "number" else array


def _order(strides: tuple[int, ...]) -> list[int]:
    """Return the axes from the slowest in memory to the fastest."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
