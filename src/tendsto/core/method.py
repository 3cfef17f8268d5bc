"""Method: a frozen dataclass of hyperparameters with `init` and `step`. Pure: no hidden state, no global generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random

Info = Mapping[str, Any]


class Method:
    """An iterative method. Subclasses are frozen dataclasses of its hyperparameters.

    `init(oracle, rng)` returns the state, `step(state, oracle, rng)` the next state and info. The state is a dict (or
    another container of arrays) that holds what the next step needs; its entry "x" is the current answer. Info is
    a dict of scalars for a person or a diagnosis; what a step cost beyond counted calls goes there too.

    Hyperparameters that are floats may be replaced by tensors that stand for many values at once, so `step` must not
    branch on them; checks of their range belong in `__post_init__`.

    Class attributes:
        asks: names of the oracles that it needs.
        lanes: "vmap", "leading" or None, as for problems.
        family: the family that it belongs to.
    """

    asks: ClassVar[tuple[str, ...]] = ("gradient",)
    lanes: ClassVar[str | None] = "vmap"
    family: ClassVar[str] = "optim"

    def init(self, oracle: Oracle, rng: Random) -> Any:
        """Return the initial state."""
        return {"x": oracle.init()}

    def step(self, state: Any, oracle: Oracle, rng: Random) -> tuple[Any, Info]:
        """Return the next state and info."""
        raise NotImplementedError(f"{type(self).__name__} has no step: define step(state, oracle, rng)")

    def declines(self, problem: Problem) -> str | None:
        """Return the reason why this method does not fit `problem`, or None where it does."""
        missing = [name for name in self.asks if name not in problem.offers()]
        if missing:
            return f"it needs {' and '.join(missing)}, which {type(problem).__name__} does not offer"
        return None
