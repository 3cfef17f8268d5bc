"""What is computed once and kept: data, optima. Safe to touch first inside a `torch.func` transform."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def apart(function: Callable[..., T], *arguments: Any) -> T:
    """Return `function(*arguments)`, computed outside of any transform that the caller is in.

    Tensors made under `grad` or `vmap` are wrapped, and useless once the transform is over: kept in a cache they would
    break every later use. Transforms belong to a thread, so another thread is free of them.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


def once(function: Callable[..., T]) -> Callable[..., T]:
    """Like `functools.cache`, computed apart from transforms.

    >>> import torch
    >>> ones = once(lambda n: torch.ones(n) * 1.0)
    >>> float(torch.func.grad(lambda x: (x * ones(2)).sum())(torch.zeros(2)).sum() + ones(2).sum())
    4.0
    """
    return functools.cache(functools.wraps(function)(functools.partial(apart, function)))


class once_property(Generic[T]):
    """Like `functools.cached_property`, computed apart from transforms. It works on frozen dataclasses."""

    def __init__(self, function: Callable[[Any], T]):
        self.function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        if instance is None:
            return self  # type: ignore[reportReturnType]
        return instance.__dict__.setdefault(self.name, apart(self.function, instance))
