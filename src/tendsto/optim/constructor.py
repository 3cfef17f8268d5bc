"""What torch optimizers that run a rule or a method share: a constructor of its settings, and state kept as saved."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core import spec


class MadeOptimizer(torch.optim.Optimizer):
    """A torch optimizer made of a frozen dataclass of settings, which says what a step is."""

    factory: ClassVar[Callable[[], Any] | None] = None
    """Returns what a subclass is made of, with its defaults."""

    @classmethod
    def _make(cls, kind: str, settings: dict[str, Any]) -> Any:
        """Return what `factory` makes with some settings replaced."""
        factory: Callable[[], Any] | None = getattr(cls, "factory", None)
        if factory is None:
            raise TypeError(f"{cls.__name__} has no {kind} of its own: give one to its constructor")
        return spec.replace(factory(), **settings)

    @classmethod
    def _give_constructor(cls, base: type, kind: str, factory: Callable[[], Any], options: dict[str, Any]) -> None:
        """Give the class a constructor of params, the settings of `factory()` and keyword `options`.

        It calls `base.__init__(self, params, made, **options)`. A class that has its own keeps it.
        """
        cls.factory = staticmethod(factory)  # type: ignore[assignment]
        kinds, made = inspect.Parameter, factory()
        fields = [f.name for f in dataclasses.fields(made)]
        signature = inspect.Signature(
            [
                kinds("params", kinds.POSITIONAL_OR_KEYWORD, annotation="ParamsT"),
                *(kinds(f, kinds.POSITIONAL_OR_KEYWORD, default=getattr(made, f)) for f in fields),
                *(kinds(name, kinds.KEYWORD_ONLY, default=value) for name, value in options.items()),
            ]
        )

        def init(self: Any, params: Any, *args: Any, **settings: Any) -> None:
            if len(args) > len(fields):
                raise TypeError(f"{cls.__name__} takes params and at most {len(fields)} settings: {signature}")
            given = {name: settings.pop(name) for name in options if name in settings}
            settings = {**dict(zip(fields, args, strict=False)), **settings}
            base.__init__(self, params, cls._make(kind, settings), **given)

        cls.__signature__ = signature  # type: ignore[attr-defined]
        if "__init__" not in cls.__dict__:
            cls.__init__ = init  # type: ignore[misc]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` returned; state keeps the dtype in which it was saved."""
        loaded: dict[str, Any] = {}
        handle = self.register_load_state_dict_pre_hook(lambda _, d: loaded.update(d))
        try:
            # The hook returns None, so that what other hooks have made of the dict is what is loaded.
            super().load_state_dict(state_dict)
        finally:
            handle.remove()
        indices = [i for group in loaded["param_groups"] for i in group["params"]]
        tensors = [p for group in self.param_groups for p in group["params"]]
        for index, p in zip(indices, tensors, strict=True):
            if index in loaded["state"]:
                self.state[p] = _as_saved(self.state[p], loaded["state"][index])


def _as_saved(cast: Any, saved: Any) -> Any:
    """Undo torch's cast of state to the dtype of the parameter, which loses float32 state of a bfloat16 one."""
    if isinstance(saved, dict):
        return {name: _as_saved(cast[name], value) for name, value in saved.items()}
    return saved.detach().clone().to(cast.device) if isinstance(saved, Tensor) else cast
