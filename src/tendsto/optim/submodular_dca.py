"""DCA for differences of submodular functions: the second one is linearised, and the first one is convex."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.minimum_norm_point import LovaszProx, lovasz_prox
from tendsto.optim.settings import at_least_zero, one_of
from tendsto.problems.set_function import Array, Mask, Order, SetFunction, descending, greedy

VARIANTS = ("dca", "dcar", "adca", "cdca", "cdcar")
WINDOW = 5
"""q: an extrapolated point is taken where h_L there is at most the largest of the last q + 1 values."""
MOST_FRANK_WOLFE, FRANK_WOLFE_GAP = 10, 1e-6


@dataclass(frozen=True)
class Asked(SetFunction):
    """F or G as a method sees it: each chain goes through the oracle, and is counted."""

    ask: Callable[[Order], Array]
    n: int
    spent: list[int]

    def size(self) -> int:
        return self.n

    def gains(self, order: Order) -> Array:
        self.spent[0] += len(order)
        return self.ask(order)


@register("submodular-dca")
@dataclass(frozen=True)
class SubmodularDCA(Method):
    """min f_L - g_L over [0,1]^n by x_{k+1} = argmin over [0,1]^n of f_L(x) + (rho/2) ||x||^2 - <y_k, x>, with y_k in
    rho x_k + the subdifferential of g_L at x_k. f_L and g_L are the Lovasz extensions of submodular F and G.

        variant    what it changes
        dca        nothing
        dcar       x_{k+1} is rounded to the best set {i : x_i >= t}
        adca       y_k from z = x_k + (t-1)/t' (x_k - x_{k-1}), where h_L(z) is not above the last 6 values
        cdca       y_k minimises <y, x_k> - f*(y) over that set, by at most 10 Frank-Wolfe steps: complete DCA
        cdcar      cdca with rounding

    The inner problem is solved through the minimum-norm point, to rounding; each starts with the vertices of the last
    one. Where entries of x_k are equal, three orders are tried and the best is kept: random, by decreasing G(S+i) -
    G(S-i), by decreasing H(S+i) - H(S-i). Where the value falls by at most `tolerance`, and `escape`, it jumps to the
    best set that differs from S in one element; where none is better it stays. rho = 0 with "dcar" is SubSup.

    h_L never rises, and falls by at least rho ||x_{k+1} - x_k||^2 ("dca", without a jump). A fixed point of exact
    complete DCA has no better subset or superset; Frank-Wolfe steps end at points that need not be one.

    Info: "evaluations", values of F and G so far; "gap", the largest duality gap of the
    step's inner problems; "movement", ||x_{k+1} - x_k||^2; "done". State: "set", "before", "recent", "vertices".

    Raises:
        ValueError: an unknown variant, a negative rho or tolerance.

    Source: El Halabi, Orfanides, Hoheisel, Difference of Submodular Minimization via DC Programming (2023, arXiv
    2305.11046), Algorithms 1 and 2 with the heuristics of the official code, which solves the inner problem by a
    subgradient method. That z is cut to [0,1]^n is ours.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.problems.submodular_difference import SelectionProblem
    >>> trace = iterate(SubmodularDCA(), SelectionProblem(elements=6), steps=6)
    >>> bool(abs(trace.gap()[0, -1]) < 1e-9)
    True
    """

    rho: float = 0.1
    variant: str = "dca"
    escape: bool = True
    tolerance: float = 1e-6

    asks = ("gains_f", "gains_g", "marginals_f", "marginals_g")
    lanes = None

    def __post_init__(self) -> None:
        one_of("variant", self.variant, VARIANTS)
        at_least_zero(rho=self.rho, tolerance=self.tolerance)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        f, g = asked(oracle)
        value = _extension(f, g, x)
        return {
            "x": x,
            "value": np.float64(value),
            "set": x > 0.5,
            "before": x,
            "momentum": np.float64(1.0),
            "recent": np.full(WINDOW + 1, value),
            "vertices": np.zeros((0, len(x))),
            "evaluations": np.float64(f.spent[0]),
            "done": np.float64(0.0),
        }

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        if state["done"]:
            return state, self._info(state, 0.0, 0.0)
        f, g = asked(oracle)
        x, rounds = state["x"], self.variant.endswith("r")
        near, momentum = self._extrapolated(state, f, g) if self.variant == "adca" else (x, state["momentum"])
        inner: list[LovaszProx] = []

        def solve(y: Array) -> LovaszProx:
            start = inner[-1].vertices if inner else state["vertices"]
            inner.append(lovasz_prox(f, y, self.rho, start=start))
            return inner[-1]

        slopes, gained = oracle.marginals_g(state["set"]), oracle.marginals_f(state["set"])
        f.spent[0] += 4 * len(x)
        orders = rng.uniform("ties", (len(x),)), slopes, gained - slopes
        starts = [self.rho * near + self.slope(g, near, ties) for ties in orders]
        reached = [solve(y) for y in starts]
        if self.variant.startswith("cdca"):
            best = min(range(3), key=lambda k: starts[k] @ near + reached[k].value)
            reached = [self._complete(near, starts[best], reached[best], solve, g)]
        outcomes = [(*best_set(f, g, r.x), r.x) for r in reached]
        # Rounded: H(S) is what falls. Otherwise h_L is.
        if rounds:
            value, chosen, _ = min(outcomes, key=lambda o: o[0])
            point = chosen.astype(np.float64)
        else:
            values = [_extension(f, g, o[2]) for o in outcomes]
            k = int(np.argmin(values))
            value, (_, chosen, point) = values[k], outcomes[k]
        old, done = float(state["value"]), 0.0
        if value > old:
            value, point, chosen = old, x, state["set"]
        if old - value <= self.tolerance:
            jumped = better_neighbour(chosen, oracle, f.spent) if self.escape else None
            if jumped is None:
                done = float(self.escape)
            else:
                chosen, point = jumped, jumped.astype(np.float64)
                value = _extension(f, g, point)
        moved = {
            "x": point,
            "value": np.float64(value),
            "set": chosen,
            "before": x,
            "momentum": momentum,
            "recent": np.append(state["recent"][1:], value),
            "vertices": inner[-1].vertices,
            "evaluations": state["evaluations"] + f.spent[0],
            "done": np.float64(done),
        }
        return moved, self._info(moved, max(r.gap for r in inner), float(((point - x) ** 2).sum()))

    def slope(self, g: SetFunction, x: Array, ties: Array) -> Array:
        """Return a subgradient of g_L at x, (n,)."""
        return greedy(g, x, ties)

    def _info(self, state: dict[str, Any], gap: float, movement: float) -> Info:
        return {"evaluations": state["evaluations"], "gap": gap, "movement": movement, "done": state["done"]}

    def _extrapolated(self, state: dict[str, Any], f: SetFunction, g: SetFunction) -> tuple[Array, Any]:
        t = state["momentum"]
        following = (1 + np.sqrt(1 + 4 * t * t)) / 2
        z = np.clip(state["x"] + (t - 1) / following * (state["x"] - state["before"]), 0, 1)
        return (z if _extension(f, g, z) <= state["recent"].max() else state["x"]), following

    def _complete(
        self, x: Array, y: Array, here: LovaszProx, solve: Callable[[Array], LovaszProx], g: SetFunction
    ) -> LovaszProx:
        """Frank-Wolfe with step 1 on the concave <y, x> - f*(y), whose gradient is x - argmax."""
        for _ in range(MOST_FRANK_WOLFE):
            slope = x - here.x
            vertex = self.rho * x + greedy(g, x, -slope)
            if slope @ (y - vertex) <= FRANK_WOLFE_GAP:
                break
            y, here = vertex, solve(vertex)
        return here


def asked(oracle: Oracle) -> tuple[Asked, Asked]:
    """Return F and G behind the oracle, with one count of their values."""
    n, spent = len(oracle.init()), [0]
    return Asked(oracle.gains_f, n, spent), Asked(oracle.gains_g, n, spent)


def _extension(f: SetFunction, g: SetFunction, x: Array) -> float:
    """h_L(x)."""
    order = descending(x)
    return float((f.gains(order) - g.gains(order)) @ x[order])


def best_set(f: SetFunction, g: SetFunction, x: Array) -> tuple[float, Mask]:
    """Return H of the best set along decreasing x, which is at most h_L(x), and that set as a mask (n,)."""
    order = descending(x)
    values = np.append(0.0, np.cumsum(f.gains(order) - g.gains(order)))
    k = int(values.argmin())
    members = np.zeros(len(x), bool)
    members[order[:k]] = True
    return float(values[k]), members


def better_neighbour(members: Mask, oracle: Oracle, spent: list[int]) -> Mask | None:
    """Return the best set that differs from S in one element, or None where none has a smaller H."""
    change = oracle.marginals_f(members) - oracle.marginals_g(members)
    spent[0] += 4 * len(members)
    change = np.where(members, -change, change)
    i = int(change.argmin())
    if change[i] >= -1e-9:
        return None
    other = members.copy()
    other[i] = not other[i]
    return other


@register("subsup")
def subsup() -> SubmodularDCA:
    """Return SubSup: G is bounded from below by a modular function, and F less that is minimised. DCA with rho = 0.

    Source: Narasimhan and Bilmes, A submodular-supermodular procedure (2005).

    >>> subsup().rho
    0.0
    """
    return SubmodularDCA(rho=0.0, variant="dcar")
