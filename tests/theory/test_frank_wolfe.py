"""The bounds on Frank-Wolfe: the constants that the induction rests on, and runs below them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from tendsto.core.iterate import iterate
from tendsto.problems import L1Logistic, LogPortfolio, Polytope, SetConstants
from tendsto.testing.guarantee import check_scaling
from tendsto.theory import FrankWolfeSelfConcordant, FrankWolfeSmooth, find, missing


def omega(nu: float, d: float) -> float:
    """The factor of ||y - x||_x^2 in the upper model of f: the Hessian grows by (1 - d)^(-2/(nu-2)), e^d for nu = 2."""
    grown = (lambda s: math.exp(s * d)) if nu == 2 else (lambda s: (1 - s * d) ** (-2 / (nu - 2)))
    return quad(lambda s: (1 - s) * grown(s), 0, 1)[0]


def distance(problem: Polytope, x: torch.Tensor, y: torch.Tensor) -> float:
    """d_nu(x, y)."""
    known, v = problem.constants(), y - x
    assert isinstance(known, SetConstants)
    assert known.self_concordance
    local = float(v @ problem.hvp(x, v)) ** 0.5
    return known.self_concordance * (float(v.norm()) if known.self_concordance_order == 2 else local / 2)


@pytest.mark.parametrize("problem", [L1Logistic(3.0), LogPortfolio(8, 30), LogPortfolio(8, 60, ruin=0.1)], ids=str)
def test_the_upper_model_is_one_for_the_stated_constants(problem: Polytope) -> None:
    """f(y) <= f(x) + <grad, y - x> + omega_nu(d) ||y - x||_x^2 for d < 1."""
    nu = problem.constants().known()["self_concordance_order"]
    rng = np.random.default_rng(0)
    vertices = problem.vertices()
    for _ in range(150):
        x, y = (torch.from_numpy(rng.dirichlet(np.full(len(vertices), 0.3))) @ vertices for _ in range(2))
        if nu == 3:
            # A part of the way that is in the unit ball of the Hessian's norm.
            y = x + float(rng.uniform(0.1, 0.95)) * (y - x) / max(distance(problem, x, y), 1e-9)
        d = distance(problem, x, y)
        square = float((y - x) @ problem.hvp(x, y - x))
        above = float(problem.value(y) - problem.value(x) - problem.gradient(x) @ (y - x))
        assert above <= omega(nu, d) * square * (1 + 1e-9) + 1e-12


def test_omega_is_at_most_one_where_the_induction_uses_it() -> None:
    """Between nu = 2 and 8/3 it is not, at distance 1/2."""
    assert omega(2, 0.5) == pytest.approx((math.exp(0.5) - 1.5) / 0.25)
    assert omega(3, 0.5) == pytest.approx((math.log(2) - 0.5) / 0.25)
    assert max(omega(nu, 0.5) for nu in (2, *np.linspace(8 / 3, 10, 100))) <= 1 + 1e-9
    assert min(omega(nu, 0.5) for nu in np.linspace(2.1, 2.66, 20)) > 1


@pytest.mark.parametrize("problem", [L1Logistic(1.0), LogPortfolio(8, 30)], ids=str)
def test_runs_stay_below(problem: Polytope) -> None:
    for theorem, steps in [(FrankWolfeSmooth, 300), (FrankWolfeSelfConcordant, 300)]:
        known = problem.constants().known()
        row = theorem(**{name: known[name] for name in theorem.assumes if name != "convex"})
        trace = iterate(row.method_for(), problem, steps=steps, record=steps + 1)
        check = row.check(trace)
        assert check.holds, check.sentence


def test_the_burn_in_is_what_is_written() -> None:
    common = {"smooth": 4.0, "diameter": 3.0, "gap": 1.0}
    for order, m, expected in [(2.0, 5.0, 58), (3.0, 2.0, 22), (4.0, 2.0, 94), (2.0, 1e-9, 0)]:
        row = FrankWolfeSelfConcordant(**common, self_concordance=m, self_concordance_order=order)
        assert row.burn_in == expected
    later = FrankWolfeSelfConcordant(**common, self_concordance=5.0, self_concordance_order=2.0)
    assert later.bound(10**6) == pytest.approx(4 * 59 / (10**6 + 1) * 36)


def test_units_do_not_matter_for_logistic_functions() -> None:
    """M scales with the length for nu = 2, so it is put into the units by hand."""
    row = FrankWolfeSelfConcordant(smooth=4.0, diameter=3.0, gap=1.0, self_concordance=5.0, self_concordance_order=2.0)
    scaled = FrankWolfeSelfConcordant(
        smooth=4.0 * 7 / 0.25**2, diameter=0.75, gap=7.0, self_concordance=20.0, self_concordance_order=2.0
    )
    assert scaled.burn_in == row.burn_in
    assert scaled.bound(10**6) == pytest.approx(7 * row.bound(10**6))
    check_scaling(FrankWolfeSmooth(smooth=4.0, diameter=3.0), 2.0, 0.5)


@pytest.mark.parametrize("order", [1.5, 2.5])
def test_orders_that_the_proof_does_not_reach_are_refused(order: float) -> None:
    with pytest.raises(ValueError, match=f"self_concordance_order = {order} is not covered"):
        FrankWolfeSelfConcordant(smooth=1.0, diameter=1.0, gap=1.0, self_concordance=1.0, self_concordance_order=order)


def test_a_problem_finds_its_theorems() -> None:
    rows = find("frank-wolfe", problem=L1Logistic(1.0))
    assert [type(row) for row in rows] == [FrankWolfeSmooth, FrankWolfeSelfConcordant]
    assert [type(row) for row in find("frank-wolfe", problem=LogPortfolio(8, 60, ruin=0.1))] == []
    assert "needs smooth" in missing("frank-wolfe", problem=LogPortfolio(8, 60, ruin=0.1))["frank-wolfe-smooth"]
