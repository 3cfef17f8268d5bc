"""Any method as a torch optimizer, in a training loop that hands over its loss as a closure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Declined
from tendsto.core.random import Random
from tendsto.optim.closure_problem import ClosureProblem
from tendsto.optim.compiled import Compiled
from tendsto.optim.constructor import MadeOptimizer
from tendsto.optim.eager import Item, advance
from tendsto.optim.entrywise import EntrywiseMethod, compilable, slots_of
from tendsto.optim.torch_optimizer import _plain, settings_of

_OPTIONS = {"maximize": False, "seed": 0}


class MethodOptimizer(MadeOptimizer):
    """A `Method` as an ordinary torch optimizer: what needs more than the gradient takes the loss as a closure.

        optimizer.step(lambda: loss_fn(model(x), y))

    is a whole step: the closure returns the loss with its graph and does not call backward; `zero_grad` is not needed
    and `p.grad` not looked at. The closure is called once, and again where the method asks for another point on the
    same batch. `optimizer.calls` counts what the method asked for.

    State is kept as torch keeps it: what the method's state holds for each parameter in `state[p]`, everything else in
    the first group's "shared", so `state_dict` resumes bitwise. Random draws are a function of seed and step, and those
    that `tendsto.iterate` makes with the same seed. All groups share their settings, which schedulers may move.

    Args:
        params: a module, tensors, (name, tensor) pairs, or groups of either.
        method: the method; subclasses make it of their arguments.
        seed: another number gives other draws.
        maximize: ascend instead of descend.
        compiled: compile the update after the oracle's answers into one fused pass over memory, in place, for methods
            that have such an update; what the oracle costs stays. The first step then takes some seconds.

    Raises:
        TypeError: `method` is no Method; no closure, or one that returns no tensor.
        ValueError: groups differ in a setting; a loss without graph; `compiled` of a method without such an update.
        Declined: the method asks for what a closure cannot answer.

    >>> from tendsto.optim import Nesterov
    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = MethodOptimizer(model, Nesterov(lr=0.1))
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    >>> dict(optimizer.calls)
    {'gradient': 1}
    """

    problem: ClassVar[type[ClosureProblem]] = ClosureProblem
    """What answers the oracles; a subclass with more of them has its own."""

    def __init__(
        self, params: Any, method: Method, *, seed: int = 0, maximize: bool = False, compiled: bool = False
    ) -> None:
        if not isinstance(method, Method):
            raise TypeError(f"{method!r} is no Method: use one such as tendsto.optim.AdaHessian.method()")
        Random(seed)  # says what is wrong with a bad seed
        if compiled:
            compilable(method)  # says so if it is not
        self._method, self.calls = method, Counter[str]()
        self._compiled = Compiled() if compiled else None
        self.module = params if isinstance(params, torch.nn.Module) else None
        if isinstance(params, torch.nn.Module):
            params = list(params.named_parameters())
        super().__init__(params, {**settings_of(method), "maximize": maximize, "seed": seed})  # type: ignore[arg-type]
        self.param_groups[0] |= {"steps": 0, "shared": {}}

    def __init_subclass__(cls, method: Callable[[], Method] | None = None, **kwargs: Any) -> None:
        """Give a subclass the constructor of its method: `class OASIS(MethodOptimizer, method=OASISMethod)`."""
        super().__init_subclass__(**kwargs)
        if method is not None:
            options = {"seed": 0, "maximize": False}
            options |= {"compiled": False} if isinstance(method(), EntrywiseMethod) else {}
            cls._give_constructor(MethodOptimizer, "method", method, options)

    @classmethod
    def method(cls, **settings: Any) -> Any:
        """Return the method of this optimizer with some settings replaced, to be raced or run as lanes."""
        return cls._make("method", settings)

    def __getstate__(self) -> dict[str, Any]:
        own = {"_method": self._method, "_compiled": self._compiled, "calls": self.calls, "module": self.module}
        return {**super().__getstate__(), **own}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; their settings must be those of the groups that are there."""
        super().add_param_group(param_group)
        try:
            self._now()
        except ValueError:
            self.param_groups.pop()
            raise

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step; `closure` returns the loss with its graph. Returns the loss at its first evaluation."""
        if closure is None:
            raise TypeError(
                f"{type(self).__name__} needs the loss as a closure: optimizer.step(lambda: loss_fn(model(x), y))"
            )
        method, first = self._now(), self.param_groups[0]
        parameters = self._parameters()
        problem = self.problem(
            closure,
            parameters,
            asker=type(self).__name__,
            maximize=first["maximize"],
            module=self.module,
            # A compiled update writes into the parameters, and keeps no point.
            copy=self._compiled is None,
            keep_graph=not {"value", "gradient"}.issuperset(method.asks),
        )
        reason = method.declines(problem)
        if reason:
            raise Declined(f"{type(method).__name__} declines the loss of a closure: {reason}")
        state = self._state(method, problem, parameters)
        oracle, rng = self._asked(problem, first["steps"] + 1)
        state = {"x": problem.start, **state}
        if self._compiled is not None:
            self._advance(self._compiled, method, state, oracle, rng)
            first["steps"] += 1
            return problem.first
        state, _ = method.step(state, oracle, rng)
        first["steps"] += 1
        self._keep(state, parameters, parameters)
        for name, place in problem.places.items():
            place.copy_(state["x"][name])
        return problem.first

    def _advance(self, compiled: Compiled, method: Method, state: dict[str, Any], oracle: Oracle, rng: Random) -> None:
        """Update the parameters and the slots of a state in place, and keep what else is new."""
        rule, step, problem = compilable(method), float(state["step"]) + 1, cast("ClosureProblem", oracle.problem)
        answers = cast("EntrywiseMethod", method).ask(state, oracle, rng)
        slots, items = slots_of(state, answers), list[Item]()
        for slot, tree in answers.inputs.items():
            # What is compiled takes no tensor that has one number for many entries, such as a block's mean.
            slots[slot] = {name: tensor.contiguous() for name, tensor in tree.items()}
        for name, place in problem.places.items():
            items.append((place, answers.gradient[name], {slot: tree[name] for slot, tree in slots.items()}))
        left = compiled.advance(rule, step, items)
        advance(rule, left, rule.scalars(step))
        shared = {**self.param_groups[0]["shared"], "step": state["step"] + 1}
        for entry, value in answers.kept.items():
            if entry in shared:
                shared[entry] = value
            else:
                for name, p in problem.parameters.items():
                    self.state[p][entry] = value[name]
        self.param_groups[0]["shared"] = shared

    def _now(self) -> Method:
        """Return the method with the settings of this moment."""
        first, *others = self.param_groups
        known = {n: v for n, v in settings_of(self._method).items() if n in first}  # type: ignore[arg-type]
        for other in others:
            for name in [*known, *_OPTIONS]:
                if other[name] != first[name]:
                    raise ValueError(
                        f"{type(self).__name__} takes one step of all parameters together, but {name} = "
                        f"{other[name]!r} in one group and {first[name]!r} in another: give all groups the same"
                    )
        return spec.substitute(self._method, {n: _plain(first[n], v) for n, v in known.items()})

    def _parameters(self) -> dict[str, Tensor]:
        """Return the parameters that are trained, by name; by number where they have none."""
        found: dict[str, Tensor] = {}
        for group in self.param_groups:
            names = group.get("param_names", [None] * len(group["params"]))
            for name, p in zip(names, group["params"], strict=True):
                key = str(len(found)) if name is None else name
                found[key] = p
        return {name: p for name, p in found.items() if p.requires_grad}

    def _asked(self, problem: ClosureProblem, step: int) -> tuple[Oracle, Random]:
        rng = Random(self.param_groups[0]["seed"], step)
        return Oracle(problem, rng.fork("oracle"), sample=None, calls=self.calls), rng.fork("method")

    def _state(self, method: Method, problem: ClosureProblem, parameters: dict[str, Tensor]) -> dict[str, Any]:
        """Return the method's state without its point; parameters that are new start as the method starts."""
        new = {name: p for name, p in parameters.items() if p not in self.state}
        if new:
            steps = self.param_groups[0]["steps"]
            self._keep(method.init(*self._asked(problem, steps)), new, parameters)
        kept = {name: self.state[p] for name, p in parameters.items()}
        names = next(iter(kept.values()), {})
        each = {entry: {name: own[entry] for name, own in kept.items()} for entry in names}
        return {**each, **self.param_groups[0]["shared"]}

    def _keep(self, state: dict[str, Any], into: dict[str, Tensor], parameters: dict[str, Tensor]) -> None:
        """Keep a method's state, each entry with the parameters where it has one for each, else in the first group."""
        each = {n for n, v in state.items() if n != "x" and isinstance(v, dict) and v.keys() == parameters.keys()}
        for name, p in into.items():
            self.state[p] = {entry: state[entry][name] for entry in state if entry in each}
        shared = {n: v for n, v in state.items() if n != "x" and n not in each}
        if into is parameters or not self.param_groups[0]["shared"]:
            self.param_groups[0]["shared"] = shared
