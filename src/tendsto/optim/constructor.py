"""The constructor of a torch optimizer, made of the settings of the method that it runs."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any


def give_constructor(cls: type, base: type, make: Callable[..., Any], options: dict[str, Any]) -> None:
    """Give `cls` a constructor of params, the settings of `make()` and keyword `options`, and its signature.

    It calls `base.__init__(self, params, make(**settings), **options)`. A class that has its own keeps it.
    """
    kinds, made = inspect.Parameter, make()
    fields = [f.name for f in dataclasses.fields(made)]
    signature = inspect.Signature(
        [
            kinds("params", kinds.POSITIONAL_OR_KEYWORD),
            *(kinds(f, kinds.POSITIONAL_OR_KEYWORD, default=getattr(made, f)) for f in fields),
            *(kinds(name, kinds.KEYWORD_ONLY, default=value) for name, value in options.items()),
        ]
    )

    def init(self: Any, params: Any, *args: Any, **settings: Any) -> None:
        if len(args) > len(fields):
            raise TypeError(f"{cls.__name__} takes params and at most {len(fields)} settings: {signature}")
        given = {name: settings.pop(name) for name in options if name in settings}
        base.__init__(self, params, make(**dict(zip(fields, args, strict=False)), **settings), **given)

    cls.__signature__ = signature  # type: ignore[attr-defined]
    if "__init__" not in cls.__dict__:
        cls.__init__ = init  # type: ignore[misc]
