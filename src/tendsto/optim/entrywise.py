"""Methods whose step is answers of the oracle and then an update in which no entry looks at another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.rule import Rule, Slots
from tendsto.core.tree import tree_map, tree_unzip


@dataclass(frozen=True)
class Answers:
    """What the oracle answered: the value, the gradient, and further trees shaped as the point, `inputs`.

    Inputs are slots of the rule that it reads and does not return. kept: entries of the next state that are not slots.
    """

    value: Any
    gradient: Any
    inputs: dict[str, Any]
    kept: dict[str, Any]


class EntrywiseMethod(Method):
    """A method that gives `ask` and, as a rule, its `entrywise` update; `step` follows, and compiled in place too.

    The state's entries that are slots of the rule have their names, each a tree shaped as the point; "step" counts.
    """

    def entrywise(self) -> Rule | None:
        """Return the update as a rule, with the settings of this method; None where an entry looks at others."""
        raise NotImplementedError(f"{type(self).__name__} has no entrywise update: define entrywise(), or step whole")

    def ask(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> Answers:
        """Return what the oracle answers at the state's point."""
        raise NotImplementedError(f"{type(self).__name__} asks for nothing: define ask(state, oracle, rng)")

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        answers, rule = self.ask(state, oracle, rng), self.entrywise()
        assert rule is not None
        step = state["step"] + 1
        columns, scalars = slots_of(state, answers), rule.scalars(step)

        def update(_: str, p: Tensor, g: Tensor, *slots: Tensor) -> tuple[Tensor, Slots]:
            return rule.apply(p, g, dict(zip(columns, slots, strict=True)), scalars)

        updated = tree_map(update, state["x"], answers.gradient, *columns.values())
        x, slots = tree_unzip(updated, like=state["x"])
        names = [name for name in columns if name not in answers.inputs]
        new = {name: tree_map(lambda _, __, s, name=name: s[name], state["x"], slots) for name in names}
        return {**state, "x": x, **new, **answers.kept, "step": step}, {"value": answers.value}


def slots_of(state: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """Return the slots of a step by name: the state's, and what was answered."""
    own = {name: tree for name, tree in state.items() if name not in ("x", "step", *answers.kept)}
    return {**own, **answers.inputs}


def compilable(method: Method) -> Rule:
    """Return the entrywise update of a method.

    Raises:
        ValueError: it has none.
    """
    rule = method.entrywise() if isinstance(method, EntrywiseMethod) else None
    if rule is None:
        raise ValueError(
            f"compiled = True has nothing to compile: in a step of {method!r} entries look at one another; use "
            "compiled=False, or a fixed lr for OASIS"
        )
    return rule
