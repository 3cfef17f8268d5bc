"""What every guarantee inherits: bound, inverse, refusals, and laying it over a trace of any kind."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from tendsto.core.guarantee import Guarantee
from tendsto.core.trace import Array, End, Trace
from tendsto.theory import GDConvex, GDSmooth, GDStronglyConvexDistance, SGDStronglyConvex


@dataclass(frozen=True, kw_only=True)
class NewtonCertificate(Guarantee):
    """A certificate of one instance: Newton's method doubles its digits from here on."""

    first_step: float

    method = "newton"
    assumes = ()
    measure = "||x - x*||"
    statement = "||x_k - x*|| <= 2 (1/2)^(2^k - 1) ||x_1 - x_0||."
    proof = "an alpha-test at x_0."
    source = "made for this test"

    def formula(self, k: Array) -> Array:
        return 2 * self.first_step * 0.5 ** (2.0 ** np.minimum(k, 11) - 1)


@dataclass(frozen=True, kw_only=True)
class WidthLimit(Guarantee):
    """A limit theorem: the error is of the order of 1/sqrt(width), with no constant."""

    method = "network"
    assumes = ()
    measure = "error"
    along = "width"
    tightness = "order-only"
    mode = "expectation"
    statement, proof, source = "error = O(1/sqrt(width)).", "made for this test.", "made for this test"

    def formula(self, k: Array) -> Array:
        return 1 / np.sqrt(k)


@dataclass(frozen=True, kw_only=True)
class Tail(Guarantee):
    """A statement about all but a share of the runs."""

    share: float

    method = "clipped"
    assumes = ()
    mode = "high-probability"
    statement, proof, source = "P(gap > 1) <= share.", "made for this test.", "made for this test"

    @property
    def failure_probability(self) -> float:
        return self.share

    def formula(self, k: Array) -> Array:
        return np.ones_like(k)


def trace(values: dict[str, list[list[float]]], index: list[float] | None = None, **rest: object) -> Trace:
    arrays = {name: np.array(rows, float) for name, rows in values.items()}
    runs, points = next(iter(arrays.values())).shape
    told = {"ends": (End("budget", points - 1),) * runs, "optimum": 0.0, **rest}
    return Trace(
        np.arange(points, dtype=float) if index is None else np.array(index), arrays, seeds=tuple(range(runs)), **told
    )  # type: ignore[reportArgumentType]


def test_a_bound_is_asked_for_with_numbers_and_arrays() -> None:
    g = GDConvex(smooth=10.0, distance=2.0)
    assert isinstance(g.bound(3), float)
    assert g.bound(np.array([0, 3])).tolist() == [g.bound(0), g.bound(3)]
    with pytest.raises(ValueError, match="k = -1 is negative"):
        g.bound(-1)


def test_iterations_of_a_bound_that_falls_faster_than_any_power() -> None:
    g = NewtonCertificate(first_step=1.0)
    assert g.iterations(1e-100) == 9
    assert g.bound(9) <= 1e-100 < g.bound(8)


def test_an_accuracy_that_is_never_reached_is_refused_with_the_floor() -> None:
    g = SGDStronglyConvex(smooth_max=1.0, strongly_convex=1.0, noise=1.0, distance=1.0)
    with pytest.raises(ValueError, match=r"eps = 0.5 is never reached: .* above 1$"):
        g.iterations(0.5)
    with pytest.raises(ValueError, match="eps = 0 is no accuracy"):
        g.iterations(0)


def test_a_step_size_that_is_not_admitted_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^step size 0.5 exceeds 2/L = 0.2 for L = 10$"):
        GDConvex(smooth=10.0, step_size=0.5)
    with pytest.raises(ValueError, match=r"^step size -1 is not above 0 for L = 10$"):
        GDConvex(smooth=10.0, step_size=-1.0)
    with pytest.raises(ValueError, match=r"strongly_convex = 20 exceeds smooth = 10"):
        GDStronglyConvexDistance(smooth=10.0, strongly_convex=20.0)
    assert GDConvex(smooth=3.0, step_size=2 / 3.0).step_size == 2 / 3.0


def test_a_trace_below_the_bound_holds_and_one_above_is_violated_where_it_is_above() -> None:
    g = GDConvex(smooth=1.0, distance=1.0)
    bound = g.bound(np.arange(5))
    good = g.check(trace({"f": [list(0.9 * bound)]}))
    assert good.holds is True
    assert good.at is None
    assert good.tightness == pytest.approx(0.9)
    bad = g.check(trace({"f": [list(bound), list(bound * np.array([1, 1, 1, 1.5, 1]))]}))
    assert (bad.holds, bad.at) == (False, 3.0)
    assert bad.slack == pytest.approx(-0.5)
    assert bad.sentence == "GDConvex's bound on gap is violated at iteration 3: measured 1.5 times the bound"


def test_a_run_that_diverged_violates() -> None:
    g = GDConvex(smooth=1.0, distance=1.0)
    values = [[0.1, 0.1, np.nan, np.nan]]
    assert g.check(trace({"f": values}, ends=(End("diverged", 2),))).at == 2.0
    assert g.check(trace({"f": values}, ends=(End("target", 1),))).holds


def test_what_is_lost_in_rounding_is_no_violation() -> None:
    g = GDStronglyConvexDistance(smooth=1.0, strongly_convex=0.9, distance=1.0)
    rounded = trace({"f": [[0.5, 0.0]], "||x - x*||^2": [[1.0, 1e-16]]}, index=[0.0, 20.0])
    assert g.check(rounded).holds
    assert not g.check(rounded, resolution=0.0).holds


def test_an_initial_distance_that_was_left_out_is_taken_from_the_trace() -> None:
    g = GDConvex(smooth=1.0)
    values = {"f": [[2.0, 0.6]], "||x - x*||^2": [[4.0, 1.0]]}
    assert g.check(trace(values)).tightness == pytest.approx(1.0)
    assert g.check(trace(values)).tightness == dataclasses.replace(g, distance=2.0).check(trace(values)).tightness
    with pytest.raises(ValueError, match=r"distance is not known \('\|\|x - x\*\|\|\^2' was not recorded"):
        g.check(trace({"f": [[2.0, 0.6]]}))
    with pytest.raises(ValueError, match="the trace does not begin at 0"):
        g.check(trace(values, index=[1.0, 2.0]))


def test_an_unknown_optimum_is_named() -> None:
    with pytest.raises(ValueError, match="the optimum of 'f' is not known"):
        GDConvex(smooth=1.0, distance=1.0).check(trace({"f": [[0.1, 0.1]]}, optimum=None))


def test_the_best_so_far_needs_every_index_only_where_it_matters() -> None:
    g = GDSmooth(smooth=1.0, gap=1.0)
    rising = {"f": [[1.0, 1.0, 1.0]], "||grad f||^2": [[0.1, 5.0, 5.0]]}
    assert g.check(trace(rising)).holds
    above = {"f": [[1.0, 1.0]], "||grad f||^2": [[1.0, 1.0]]}
    assert g.check(trace(above, index=[0.0, 1.0])).holds
    with pytest.raises(ValueError, match=r"use record = steps \+ 1"):
        g.check(trace(above, index=[0.0, 9.0]))


def test_an_order_is_never_violated_by_a_value_and_is_bound_to_its_index() -> None:
    t = trace({"error": [[5.0, 4.0], [5.0, 4.1]]}, index=[64.0, 128.0], along="width")
    assert WidthLimit().check(t).holds is None
    with pytest.raises(ValueError, match="along width, the trace was recorded along iteration"):
        WidthLimit().check(dataclasses.replace(t, along="iteration"))


@pytest.mark.parametrize(("above", "holds"), [(2, True), (60, False)])
def test_a_statement_in_probability_allows_its_share_of_failures(above: int, holds: bool) -> None:
    values = [[2.0 if run < above else 0.5] * 4 for run in range(200)]
    assert Tail(share=0.05).check(trace({"f": values})).holds is holds


def test_a_statement_in_expectation_needs_more_than_one_run() -> None:
    g = SGDStronglyConvex(smooth_max=1.0, strongly_convex=1.0, noise=1.0, distance=1.0)
    high = [1.0, 3.0, 3.0, 3.0]
    one = trace({"f": [high], "||x - x*||^2": [high]})
    many = trace({"f": [high] * 5, "||x - x*||^2": [high] * 5})
    assert g.check(one).holds
    assert not g.check(many).holds


def test_explain_names_assumptions_settings_and_source() -> None:
    text = GDConvex(smooth=10.0, distance=2.0).explain()
    for word in ("smooth and convex", "L = 10", "D = 2", "step_size = 0.1", "tight", "Drori"):
        assert word in text
