"""Points are tensors, arrays, or dicts of them; these few functions walk them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast


def tree_map(function: Callable[..., Any], tree: Any, *others: Any, name: str = "") -> Any:
    """Apply `function(name, leaf, ...)` to every leaf of `tree` and what stands in its place in `others`.

    Names of nested dicts are joined by dots; a bare leaf has the name "".

    >>> tree_map(lambda name, a, b: (name, a + b), {"u": 1, "v": {"w": 2}}, {"u": 10, "v": {"w": 20}})
    {'u': ('u', 11), 'v': {'w': ('v.w', 22)}}
    """
    if isinstance(tree, dict):
        prefix, branches = f"{name}." if name else "", cast("dict[str, Any]", tree)
        return {k: tree_map(function, v, *(o[k] for o in others), name=f"{prefix}{k}") for k, v in branches.items()}
    return function(name, tree, *others)


def tree_unzip(tree: Any, *, like: Any) -> tuple[Any, Any]:
    """Split a tree of pairs, shaped as `like`, into a pair of trees.

    >>> tree_unzip({"u": (1, 2)}, like={"u": 0})
    ({'u': 1}, {'u': 2})
    """

    def item(place: int) -> Any:
        def take(_: str, __: Any, pair: Any) -> Any:
            return pair[place]

        return tree_map(take, like, tree)

    return item(0), item(1)


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of `tree` in order.

    >>> leaves({"u": 1, "v": {"w": 2}})
    [1, 2]
    """
    found: list[Any] = []

    def keep(_: str, leaf: Any) -> None:
        found.append(leaf)

    tree_map(keep, tree)
    return found


def join(tree: Any) -> Any:
    """Return all tensors of `tree`, which share a dtype, as one flat tensor.

    >>> import torch
    >>> join({"u": torch.zeros(2, 3), "v": {"w": torch.ones(1)}}).shape
    torch.Size([7])
    """
    import torch

    return torch.cat([leaf.reshape(-1) for leaf in leaves(tree)])


def split(flat: Any, *, like: Any) -> Any:
    """Return a flat tensor as views shaped as the tensors of `like`: the inverse of `join`."""
    pieces = iter(flat.split([leaf.numel() for leaf in leaves(like)]))

    def shaped(_: str, leaf: Any) -> Any:
        return next(pieces).reshape(leaf.shape)

    return tree_map(shaped, like)
