"""Names of methods, problems and guarantees, filled by discovery: to be known, a file only has to exist."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from tendsto.core.guarantee import Guarantee
from tendsto.core.method import Method
from tendsto.core.problem import Problem

F = TypeVar("F", bound=Callable[..., Any])

_FAMILIES = (
    "problems",
    "optim",
    "bilevel",
    "games",
    "federated",
    "rl",
    "sampling",
    "generative",
    "inverse",
    "limits",
    "representation",
    "networks",
    "estimators",
    "probability",
    "mathematics",
    "theory",
)

_factories: dict[str, Callable[..., Any]] = {}
_discovered: set[str] = set()


def register(name: str) -> Callable[[F], F]:
    """Enrol a class, or a function without required arguments, that makes a method or a problem under `name`.

    A guarantee is enrolled as its class: it cannot be made without the constants that it needs.

    What is enrolled is listed, raced, tested and documented without any further line.

    Raises:
        ValueError: the name is taken.
    """

    def enrol(factory: F) -> F:
        taken = _factories.get(name)
        if taken is not None and (taken.__module__, taken.__qualname__) != (factory.__module__, factory.__qualname__):
            raise ValueError(f"the name {name!r} is taken by {taken.__module__}.{taken.__qualname__}")
        _factories[name] = factory
        return factory

    return enrol


def discover(families: tuple[str, ...] = _FAMILIES) -> None:
    """Import every module of these families, so that all their names are known."""
    for family in families:
        if family in _discovered:
            continue
        try:
            package = importlib.import_module(f"tendsto.{family}")
        except ModuleNotFoundError as error:
            if error.name != f"tendsto.{family}":
                raise
            continue
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
        _discovered.add(family)


def make(name: str, **settings: Any) -> Any:
    """Return the method, problem or guarantee called `name`, with some of its settings replaced.

    Raises:
        ValueError: no such name; the nearest ones are given.

    >>> make("quadratic", dimension=3).dimension
    3
    """
    discover()
    if name not in _factories:
        import difflib

        near = difflib.get_close_matches(name, _factories, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(sorted(_factories))}"
        raise ValueError(f"nothing is called {name!r}; {hint}")
    factory = _factories[name]
    if _is_guarantee(factory):
        return factory(**settings)
    made = factory()
    if settings:
        from tendsto.core.spec import replace

        made = replace(made, **settings)
    return made


def methods() -> dict[str, Method]:
    """Return every method by name, with its default settings."""
    return {name: made for name, made in _all().items() if isinstance(made, Method)}


def problems() -> dict[str, Problem]:
    """Return every problem by name, with its default settings."""
    return {name: made for name, made in _all().items() if isinstance(made, Problem)}


def guarantees() -> dict[str, type[Guarantee]]:
    """Return every theorem by name, as the class that its constants make a guarantee of.

    Theorems live in `tendsto.theory`, which needs no torch: to ask for a bound costs no second.
    """
    discover(("theory",))
    return {name: cls for name, cls in sorted(_factories.items()) if _is_guarantee(cls)}  # type: ignore[reportReturnType]


def _is_guarantee(factory: Callable[..., Any]) -> bool:
    return isinstance(factory, type) and issubclass(factory, Guarantee)


def _all() -> dict[str, Any]:
    discover()
    return {name: factory() for name, factory in sorted(_factories.items()) if not _is_guarantee(factory)}


def require(module: str, *, extra: str) -> ModuleType:
    """Import a module that an extra of this package brings.

    Raises:
        ImportError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{package} is not installed: pip install 'tendsto[{extra}]'") from error
