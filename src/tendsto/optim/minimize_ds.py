"""minimize_ds: the difference of two submodular functions in one call, and what is certain of the answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim.modular_bounds import ModMod, SupSub
from tendsto.optim.settings import one_of
from tendsto.optim.submodular_dca import VARIANTS, SubmodularDCA, subsup
from tendsto.problems.set_function import Array, Mask, SetFunction
from tendsto.problems.submodular_difference import MOST, GivenDifference

METHODS = (*VARIANTS, "subsup", "supsub", "modmod")


@dataclass(frozen=True)
class DifferenceMinimum:
    """What `minimize_ds` found.

    members: the set, as a mask (n,). value: H(S). x: the last point of the relaxation, (n,). neighbour_gap: as
    `neighbour_gap` has it, at most 0 at a local minimum. evaluations: values of F and G that were asked for. values:
    h_L after each step (the first is that of the start). done: False where `max_iter` steps were not enough.
    """

    members: Mask
    value: float
    x: Array
    neighbour_gap: float
    evaluations: int
    values: Array
    done: bool


def minimize_ds(
    f: SetFunction, g: SetFunction, *, method: str = "dca", rho: float = 0.1, max_iter: int = 100, rng: int = 0
) -> DifferenceMinimum:
    """Minimise H(S) = F(S) - G(S), F and G submodular, over all subsets of {0, ..., n - 1}.

    method: "dca", "dcar", "adca", "cdca", "cdcar" (see `SubmodularDCA`), "subsup", "supsub" or "modmod". rho: the
    strong convexity that DCA adds. rng: a seed; it decides between equal entries alone.

    Raises:
        ValueError: an unknown method, a negative rho, fewer than 1 iterations, or functions of different sizes.

    Source: El Halabi, Orfanides, Hoheisel (2023, arXiv 2305.11046).

    >>> from tendsto.problems.set_function import Cut, Modular
    >>> edges = np.array([[0.0, 2.0, 0.0], [2.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> found = minimize_ds(Cut(edges), Modular(np.array([1.5, 1.5, 0.5])))
    >>> found.members.tolist(), found.value, found.neighbour_gap <= 0
    ([True, True, True], -3.5, True)
    """
    one_of("method", method, METHODS)
    if max_iter < 1:
        raise ValueError(f"max_iter = {max_iter} is no budget: use a whole number of at least 1")
    problem = GivenDifference.of(f, g)
    rules: dict[str, Method] = {"subsup": subsup(), "supsub": SupSub(), "modmod": ModMod()}
    rule = rules[method] if method in rules else SubmodularDCA(rho=rho, variant=method)
    source = Random(rng, backend="numpy")
    state = rule.init(Oracle(problem, source.fork("oracle")), source.fork("method"))
    values = [float(state["value"])]
    for step in range(1, max_iter + 1):
        at = source.at(step)
        state, _ = rule.step(state, Oracle(problem, at.fork("oracle")), at.fork("method"))
        values.append(float(state["value"]))
        if state["done"]:
            break
    members = state.get("set", state["x"] > 0.5)
    value, gap = f(members) - g(members), neighbour_gap(f, g, members)
    spent, done = int(state["evaluations"]), bool(state["done"])
    return DifferenceMinimum(members, value, state["x"], gap, spent, np.array(values), done)


def neighbour_gap(f: SetFunction, g: SetFunction, members: Mask) -> float:
    """Return H(S) less the least H of the sets that differ from S in one element; at most 0 at a local minimum.

    >>> from tendsto.problems.set_function import Modular
    >>> one, three = Modular(np.array([1.0, 1.0])), Modular(np.array([3.0, 0.0]))
    >>> neighbour_gap(one, three, np.array([False, False]))
    2.0
    """
    change = f.marginals(members) - g.marginals(members)
    return float(np.where(members, change, -change).max())


def comparable_gap(f: SetFunction, g: SetFunction, members: Mask) -> float:
    """Return H(S) less the least H of all its subsets and supersets, by trying each; 0 where none is better.

    It is what a strongly critical point, a limit of complete DCA, has as 0.

    Raises:
        ValueError: S or its complement has more than 14 elements.

    >>> from tendsto.problems.set_function import Modular
    >>> one, three = Modular(np.array([1.0, 1.0])), Modular(np.array([3.0, 2.0]))
    >>> comparable_gap(one, three, np.array([False, False]))
    3.0
    """
    inside, outside = np.flatnonzero(members), np.flatnonzero(~members)
    if max(len(inside), len(outside)) > MOST:
        raise ValueError(
            f"S has {len(inside)} elements and {len(outside)} are not in it: all sets are tried for {MOST} at most"
        )
    here, least = f(members) - g(members), np.inf
    for free, base in ((inside, np.zeros_like(members)), (outside, members)):
        for k in range(2 ** len(free)):
            other = base.copy()
            other[free] = (k >> np.arange(len(free))) % 2 == 1
            least = min(least, f(other) - g(other))
    return float(here - least)
