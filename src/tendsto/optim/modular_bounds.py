"""SupSub and ModMod: the difference of submodular functions, with modular bounds in place of one or of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.submodular_dca import Asked, asked, better_neighbour
from tendsto.problems.set_function import Array, Mask, greedy


class _Bounds(Method):
    """S is replaced by the best proposal; where it stays, by its best neighbour; where that is no better it is done."""

    asks = ("gains_f", "gains_g", "marginals_f", "marginals_g")
    lanes = None

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x, (f, _) = oracle.init(), asked(oracle)
        every = np.ones(len(x), bool)
        alone = np.array([f([i]) for i in range(len(x))])
        zero = np.float64(0)
        # F({i}), and F(V) - F(V - i), for both upper bounds.
        last = oracle.marginals_f(every)
        spent = np.float64(f.spent[0] + 2 * len(x))
        return {"x": x, "value": zero, "alone": alone, "last": last, "evaluations": spent, "done": zero}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        if state["done"]:
            return state, {"evaluations": state["evaluations"], "done": state["done"]}
        f, g = asked(oracle)
        members = state["x"] > 0.5
        n, marginals = len(members), oracle.marginals_f(members)
        f.spent[0] += 2 * n
        bounds = [
            np.where(members, marginals, state["alone"]),
            np.where(members, state["last"], marginals),
        ]
        found = [
            (f(s) - g(s), s) for bound in bounds for s in self.proposals(members, bound, marginals, oracle, g, rng)
        ]
        value, chosen = min(found, key=lambda pair: pair[0])
        done = 0.0
        if value >= state["value"] - 1e-9:
            jumped = better_neighbour(members, oracle, f.spent)
            done = float(jumped is None)
            chosen = members if jumped is None else jumped
            value = state["value"] if jumped is None else f(jumped) - g(jumped)
        new = {
            "x": chosen.astype(np.float64),
            "value": np.float64(value),
            "evaluations": state["evaluations"] + f.spent[0],
            "done": np.float64(done),
        }
        return state | new, {"evaluations": new["evaluations"], "done": new["done"]}

    def proposals(
        self, members: Mask, bound: Array, marginals: Array, oracle: Oracle, g: Asked, rng: Random
    ) -> list[Mask]:
        """Return sets for the modular upper bound F(A) <= F(S) + bound(A) - bound(S)."""
        raise NotImplementedError


@register("supsub")
@dataclass(frozen=True)
class SupSub(_Bounds):
    """F is bounded from above by modular functions that touch it at S; G less each is maximised by double greedy.

    The two bounds of F(A) at S: for i in S, F(S) - F(S - i), or F(V) - F(V - i); for i outside, F({i}), or F(S + i) -
    F(S). Info: "evaluations", values of F and G so far; "done".

    Source: Iyer and Bilmes, Algorithms for approximate minimization of the difference between submodular functions
    (2012); double greedy, deterministic: Buchbinder, Feldman, Naor, Schwartz (2012). As in the official code of El
    Halabi et al. (2023).

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.problems.submodular_difference import SelectionProblem
    >>> trace = iterate(SupSub(), SelectionProblem(elements=6), steps=6)
    >>> bool(trace["H(S)"][0, -1] < 0)
    True
    """

    def proposals(
        self, members: Mask, bound: Array, marginals: Array, oracle: Oracle, g: Asked, rng: Random
    ) -> list[Mask]:
        small, large = np.zeros(len(members), bool), np.ones(len(members), bool)
        value_small, value_large = 0.0, g(large)
        for i in range(len(members)):
            more, less = small.copy(), large.copy()
            more[i], less[i] = True, False
            value_more, value_less = g(more), g(less)
            if value_more - value_small - bound[i] >= value_less - value_large + bound[i]:
                small, value_small = more, value_more
            else:
                large, value_large = less, value_less
        return [small]


@register("modmod")
@dataclass(frozen=True)
class ModMod(_Bounds):
    """F is bounded from above as in `SupSub`, G from below by its greedy subgradient at S: both modular, so that the
    minimum is where they differ by less than 0.

    The subgradient's order lists S first, and within and after it goes by each of the three heuristics of
    `SubmodularDCA`. Info: "evaluations", values of F and G so far; "done".

    Source: Iyer and Bilmes (2012), as in the official code of El Halabi et al. (2023).

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.problems.submodular_difference import SelectionProblem
    >>> trace = iterate(ModMod(), SelectionProblem(elements=6), steps=6)
    >>> bool(trace["H(S)"][0, -1] < 0)
    True
    """

    def proposals(
        self, members: Mask, bound: Array, marginals: Array, oracle: Oracle, g: Asked, rng: Random
    ) -> list[Mask]:
        slopes, x = oracle.marginals_g(members), members.astype(np.float64)
        g.spent[0] += 2 * len(members)
        orders = rng.uniform("ties", (len(members),)), slopes, marginals - slopes
        return [bound - greedy(g, x, ties) < 0 for ties in orders]
