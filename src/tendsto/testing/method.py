"""check_method and check_rule: what every method must satisfy before a race with it means anything."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from tendsto.core import registry, spec
from tendsto.core.cell import Cell, run_cells
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.rule import Rule
from tendsto.core.tree import leaves
from tendsto.testing.printed import check_printed, say

STEPS = 100
"""Over how many steps a lane must equal the run alone, to 1e-9 in float64."""


def check_method(method: Method, problem: Problem | None = None) -> None:
    """Check that `method` keeps its promises, on `problem` or on the first registered one that it does not decline.

    - It is a frozen dataclass whose printed form evaluates to an equal method with the same key.
    - It says what it is: a docstring with an example.
    - `declines` gives a reason or None, and asks for no more than it says.
    - `init` and `step` are pure: asked twice they answer the same, they change nothing that they were given, and they
      leave global generators alone.
    - The state has an entry "x", shaped as the problem's points; info holds scalars.
    - Lanes that differ in seed equal the runs alone, to 1e-9 relative over 100 steps in float64; one that is poisoned
      with NaN is marked, and its neighbours do not notice.

    Raises:
        AssertionError: one of these fails; the message is a sentence.
        ValueError: no registered problem fits.

    >>> from tendsto.optim import SGDRule
    >>> check_method(SGDRule(lr=0.01))
    """
    _check_specification(method)
    problem = sharpened(problem or fitting(method))
    with torch.no_grad():
        _check_purity(method, problem)
        if Cell(problem, method, 0, STEPS).lanes():
            _check_lanes(method, problem)


def fitting(method: Method) -> Problem:
    """Return the first registered problem, made small, that `method` does not decline."""
    reasons: dict[str, str] = {}
    # The quadratic comes first: everything about it is known.
    for name, problem in sorted(registry.problems().items(), key=lambda item: item[0] != "quadratic"):
        reason = method.declines(small(problem))
        if reason is None:
            return small(problem)
        reasons[name] = reason
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise ValueError(f"{type(method).__name__} declines every registered problem: {told}")


def small(problem: Problem) -> Problem:
    """Return the problem with the settings that make it small enough to be checked in a moment."""
    return spec.replace(problem, **problem.small) if problem.small else problem


def sharpened(problem: Problem) -> Problem:
    """Return the problem in float64, where it has a choice."""
    return spec.replace(problem, precision="float64") if hasattr(problem, "precision") else problem


def _check_specification(method: Method) -> None:
    check_printed(method)
    frozen = type(method).__dataclass_params__.frozen  # type: ignore[reportAttributeAccessIssue]
    say(method, frozen, "it is not frozen: write @dataclass(frozen=True)")
    say(method, ">>>" in (type(method).__doc__ or ""), "its docstring has no example: add one that starts with >>>")


def _once(method: Method, problem: Problem) -> tuple[Any, Any, Any]:
    rng = Random(7, backend=problem.backend)
    oracle = Oracle(problem, rng.fork("oracle"))
    first = method.init(oracle, rng.fork("method"))
    kept = copy.deepcopy(first)
    rng = rng.at(1)
    oracle = Oracle(problem, rng.fork("oracle"))
    second, info = method.step(first, oracle, rng.fork("method"))
    asked = set(oracle.calls)
    allowed = {*method.asks, "gradient"} if "value_and_gradient" in method.asks else set(method.asks)
    say(method, asked <= allowed, f"it asks for {sorted(asked - allowed)}, which its `asks` does not name")
    same = all(
        np.array_equal(_numbers(a), _numbers(b), equal_nan=True)
        for a, b in zip(leaves(kept), leaves(first), strict=True)
    )
    say(method, same, "a step changed the state that it was given: return a new one")
    return first, second, info


def _check_purity(method: Method, problem: Problem) -> None:
    reason = method.declines(problem)
    say(method, reason is None, f"it was given {type(problem).__name__}, which it declines: {reason}")
    torch_state, numpy_state = torch.get_rng_state(), _global_numpy_state()
    first, second, info = _once(method, problem)
    again = _once(method, problem)
    untouched = torch.equal(torch_state, torch.get_rng_state()) and numpy_state == _global_numpy_state()
    say(method, untouched, "it used a global generator: draw from rng")
    for name, one, two in (("init", first, again[0]), ("step", second, again[1])):
        pairs = zip(leaves(one), leaves(two), strict=True)
        equal = all(np.array_equal(_numbers(a), _numbers(b), equal_nan=True) for a, b in pairs)
        say(method, equal, f"{name} answered differently when asked again: it has hidden state")
    point = problem.init(Random(7, backend=problem.backend))
    for state in (first, second):
        shapes = [tuple(leaf.shape) for leaf in leaves(state["x"])]
        expected = [tuple(leaf.shape) for leaf in leaves(point)]
        say(method, shapes == expected, f"the point of its state has shapes {shapes}, the problem's {expected}")
    for name, value in info.items():
        say(method, np.ndim(_numbers(value)) == 0 or problem.lanes == "leading", f"info {name!r} is no scalar")


def _check_lanes(method: Method, problem: Problem) -> None:
    cells = [Cell(problem, method, seed, STEPS) for seed in range(3)]
    for lane, alone in zip(run_cells(cells), [run_cells([cell])[0] for cell in cells], strict=True):
        for name in alone.values:
            ours, single = lane[name], alone[name]
            size = np.nanmax(np.abs(single)) if np.isfinite(single).any() else 1.0
            close = np.allclose(ours, single, rtol=1e-9, atol=1e-9 * size, equal_nan=True)
            worst = np.nanmax(np.abs(ours - single)) if np.isfinite(ours).any() else np.nan
            say(method, close, f"as a lane its {name} differs from the run alone by {worst:.3g}")
        say(method, lane.ends == alone.ends, f"as a lane it ended {lane.ends}, alone {alone.ends}")


def check_rule(rule: Rule) -> None:
    """Check that `rule` keeps the promises of a rule, those of `check_method` included.

    - Slots have the shape of the parameter, or none; shapes and dtypes stay what they are.
    - An elementwise rule updates a tensor in pieces as it does whole, to rounding.
    - A zero learning rate moves nothing, where there is no weight decay.
    - A gradient that is not finite does not stay unseen.

    Raises:
        AssertionError: one of these fails; the message is a sentence.

    >>> from tendsto.optim import SGDRule
    >>> check_rule(SGDRule(lr=0.01))
    """
    check_method(rule)
    rng = Random(3)
    parameter, gradient = (rng.normal(name, (6, 4), torch.float64) for name in ("parameter", "gradient"))
    one = torch.ones((), dtype=torch.float64)
    new, slots = rule.update(parameter, gradient, rule.slots(parameter), one)
    say(rule, new.shape == parameter.shape and new.dtype == parameter.dtype, "update changed the shape or dtype")
    for name, slot in slots.items():
        before = rule.slots(parameter)[name]
        say(rule, slot.shape == before.shape and slot.dtype == before.dtype, f"slot {name!r} changed shape or dtype")
    if rule.elementwise:
        halves = [
            rule.update(p, g, rule.slots(p), one)[0] for p, g in zip(parameter.split(3), gradient.split(3), strict=True)
        ]
        apart = (torch.cat(halves) - new).abs().max()
        say(rule, apart <= 1e-14, f"it is elementwise, but in pieces it differs by {apart:.3g}")
    if "lr" in spec.fields_of(rule):
        # Not `replace`: some rules refuse a learning rate of 0, rightly.
        still = spec.substitute(rule, {"lr": 0.0})
        moved = (still.update(parameter, gradient, still.slots(parameter), one)[0] - parameter).abs().max()
        say(rule, moved == 0, f"with lr = 0 it moves by {moved:.3g}")
    poisoned = gradient.clone()
    poisoned[0, 0] = torch.nan
    seen = rule.update(parameter, poisoned, rule.slots(parameter), one)
    hidden = all(torch.isfinite(t).all() for t in [seen[0], *seen[1].values()])
    say(rule, not hidden, "a NaN in the gradient leaves no trace: neither the parameter nor a slot shows it")


def _global_numpy_state() -> bytes:
    """The state of the generator that code under test must not touch."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    return state["state"]["key"].tobytes() + bytes(str(state["state"]["pos"]), "ascii")


def _numbers(leaf: Any) -> np.ndarray[Any, Any]:
    return leaf.detach().numpy() if isinstance(leaf, torch.Tensor) else np.asarray(leaf)
