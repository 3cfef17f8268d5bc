"""Every theorem: what it must satisfy, on measured runs, and that a wrong constant in it is noticed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tendsto.core.guarantee import Guarantee
from tendsto.core.iterate import iterate
from tendsto.core.problem import Problem
from tendsto.core.registry import guarantees, make
from tendsto.core.trace import Array
from tendsto.optim.spectral_problem import SpectralRisk
from tendsto.problems import AbsoluteRegression, Bilinear, GivenDifference, LeastSquares, Modular, Quadratic, WorstGD
from tendsto.sampling import Gaussian, GaussianApproximation, NodeMeasure, SineNetwork
from tendsto.testing.guarantee import check_guarantee, check_scaling, example
from tendsto.theory import (
    AdaGradNormSmooth,
    AdaHessianExact,
    ClippedExtragradientMonotone,
    ClippedSSTMConvex,
    CoinBettingRegret,
    DCADecrease,
    DCAMovement,
    FBGVIContraction,
    FBGVISublinear,
    FictitiousPlayConstant,
    FictitiousPlayDecreasing,
    FrankWolfeSelfConcordant,
    FrankWolfeSmooth,
    GDConvex,
    GDPolyakLojasiewicz,
    GDSmooth,
    GDSmoothExact,
    GDStronglyConvex,
    GDStronglyConvexDistance,
    LastIterateLipschitz,
    LastIterateSmooth,
    NesterovConvex,
    NesterovStronglyConvex,
    OASISFixedPolyakLojasiewicz,
    OASISFixedSmooth,
    PolyakLipschitz,
    PolyakSmooth,
    ProjectedSubgradientBounded,
    ProjectedSubgradientStronglyConvex,
    ProspectLinear,
    ProximalGradientConvex,
    ProximalGradientSmooth,
    ProximalGradientStronglyConvex,
    ProximalPointConstant,
    ProximalPointDecreasing,
    ProximalPointStronglyConvex,
    SGDConvex,
    SGDConvexDecreasing,
    SGDConvexDecreasingLonger,
    SGDConvexLonger,
    SGDMomentum,
    SGDNormTestSmooth,
    SGDPolyakLojasiewicz,
    SGDSmooth,
    SGDStronglyConvex,
    SGDSwitching,
    StochasticProximalGradientConvex,
    StochasticProximalGradientDecreasing,
    StochasticProximalGradientStronglyConvex,
    SubgradientConstant,
    SubgradientDecreasing,
)
from tendsto.theory.stochastic_gradient import harmonic_sum, inverse_sqrt_sum

from .instances import Corners, Interval, OneBettor, Slope, SlopeTwice, SlopeWithZero, TwoTargets, WithZero

THEOREMS = guarantees()
each_theorem = pytest.mark.parametrize("name", THEOREMS)


@each_theorem
def test_conformance(name: str) -> None:
    check_guarantee(THEOREMS[name])


@each_theorem
@settings(max_examples=15)
@given(value=st.floats(1e-3, 1e3), length=st.floats(1e-3, 1e3))
def test_units_do_not_matter(name: str, value: float, length: float) -> None:
    check_scaling(example(THEOREMS[name]), value, length)


@each_theorem
@settings(max_examples=25)
@given(share=st.floats(0.001, 0.999))
def test_iterations_is_the_inverse_of_bound(name: str, share: float) -> None:
    g = example(THEOREMS[name])
    first, last = g.bound(1), g.bound(10**6)
    eps = last + share * (first - last)
    k = g.iterations(eps)
    assert g.bound(k) <= eps
    assert k == 0 or g.bound(k - 1) > eps


@each_theorem
def test_the_method_of_a_theorem_has_its_step(name: str) -> None:
    g = example(THEOREMS[name])
    method = g.method_for()
    if hasattr(g, "step_size"):
        assert getattr(method, "lr", None) == g.step_size or method.base.lr == g.step_size


SLOPE = 1 / (2 * 50 + 1)
GENTLE = Quadratic(dimension=2, smallest=0.5, largest=1.0, start="flattest")
NOISY = {"smooth_max": 1.0, "noise": 1.0, "distance": 1.0}
ROUGH = {"smooth": 1.0, "smooth_max": 1.0, "gap": 0.5}
FIRM = {"smooth": 1.0, "strongly_convex": 1.0, "distance": 1.0}
POINT = Quadratic(dimension=1)
COMPOSITE = {"smooth_max": 1.0, "noise": 0.0, "distance": 1.0, "gap": 0.255}
VALLEY = AbsoluteRegression(terms=1, dimension=1, spread=1.0, noise=0.0)
CERTAIN = {"smooth": 1.0, "distance": 1.0, "noise_power": 2.0, "noise_scale": 0.0, "beta": 0.5}
SLOW = {"lipschitz": 1.0, "noise_max": 0.0, "distance": 1.0}
EASY = {"smooth": 1.0, "noise_max": 0.0, "distance": 1.0}
HULL = {"smooth": 1.0, "diameter": 2**0.5}
FLAT = {"gap": 0.5, "self_concordance": 1e-9, "self_concordance_order": 3.0}
FLATTER = GaussianApproximation(Gaussian((30.0, 0.0), ((1.0, 0.0), (0.0, 100.0))), start=30.0)
LONELY = SpectralRisk(terms=1, dimension=1, l2=100.0)
DRIFT = GivenDifference.of(Modular(np.array([-1.0])), Modular(np.array([0.0])))
FAR = NodeMeasure(start=-6.0, spread=0.05)
COLD = NodeMeasure(SineNetwork(temperature=0.001, decay=0.001))
KNOWN = LeastSquares(terms=20, dimension=20, spread=1.0, noise=0.0)

# Theorem, an instance it is sharp on, steps, seeds, and a factor: divided by it, the theorem is to be refuted there.
SHARP: list[tuple[Guarantee, Problem, int, int, float]] = [
    (GDConvex(smooth=1.0, distance=1.0), Slope(SLOPE), 50, 1, 1.01),
    (GDStronglyConvex(smooth=1.0, strongly_convex=0.5, gap=0.25), GENTLE, 20, 1, 1.01),
    (GDStronglyConvexDistance(smooth=1.0, strongly_convex=0.5, distance=1.0), GENTLE, 20, 1, 1.01),
    (GDPolyakLojasiewicz(smooth=1.0, polyak_lojasiewicz=0.5, gap=0.25, step_size=0.01), GENTLE, 20, 1, 1.1),
    (GDSmooth(smooth=1.0), Slope(1 / 61), 60, 1, 2.5),
    (GDSmoothExact(smooth=1.0, step_size=1.0), Slope(1 / 61), 60, 1, 1.5),
    (NesterovConvex(smooth=1.0, distance=1.0), Slope(0.002), 50, 1, 1.2),
    (NesterovStronglyConvex(smooth=1.0, strongly_convex=0.5, step_size=1e-4), GENTLE, 20, 1, 4.0),
    (CoinBettingRegret(lipschitz=1.0, distance=1.0, wealth=0.01), OneBettor(), 60, 1, 1.6),
    (SGDConvex(smooth_max=1.0, noise=0.0, distance=1.0), Slope(0.05), 80, 5, 3.0),
    (SGDConvexDecreasing(smooth_max=1.0, noise=0.0, distance=1.0), Slope(0.2), 80, 5, 3.0),
    (SGDStronglyConvex(**NOISY, strongly_convex=1.0), TwoTargets(), 40, 200, 4.0),
    (SGDPolyakLojasiewicz(**ROUGH, polyak_lojasiewicz=1.0, function_noise=0.5), TwoTargets(), 40, 200, 1.1),
    (SGDSmooth(smooth=1.0, smooth_max=1.0, function_noise=0.0, step_size=0.02), Slope(0.5), 50, 5, 2.0),
    (SGDConvexLonger(smooth_max=1.0, noise=0.0, distance=1.0, step_size=0.05), Slope(0.1), 80, 2, 2.0),
    (SGDConvexDecreasingLonger(smooth_max=1.0, noise=0.0, distance=1.0, step_size=0.1), Slope(0.2), 80, 2, 2.5),
    (SGDSwitching(**NOISY, strongly_convex=1.0), TwoTargets(), 40, 1000, 8.0),
    (SGDMomentum(smooth_max=1.0, noise=0.0, distance=1.0), Slope(0.05), 80, 2, 3.0),
    (LastIterateLipschitz(**SLOW, schedule="constant", horizon=400, step_size=0.025), VALLEY, 400, 2, 2.5),
    (LastIterateSmooth(**EASY, schedule="constant", horizon=50), Slope(1 / 51), 50, 2, 2.1),
    (ClippedSSTMConvex(**CERTAIN, horizon=4000), Slope(0.1), 4000, 12, 25.0),
    (ClippedExtragradientMonotone(**CERTAIN, horizon=2000), Bilinear(), 2000, 12, 4.5),
    (FrankWolfeSmooth(**HULL), Corners(), 40, 1, 8.0),
    (FrankWolfeSelfConcordant(**HULL, **FLAT), Corners(), 40, 1, 16.0),
    (FBGVIContraction(smooth=1.0, strongly_convex=0.01), FLATTER, 20, 1, 1.1),
    (FBGVISublinear(smooth=1.0), FLATTER, 100, 1, 6.0),
    (ProspectLinear(smooth_max=1.0, strongly_convex=100.0, terms=1, top_weight=1.0), LONELY, 40, 2, 5.0),
    (DCADecrease(rho=40.0, gap=1.0), DRIFT, 40, 1, 1.01),
    (DCAMovement(rho=40.0, gap=1.0), DRIFT, 40, 1, 1.01),
    (FictitiousPlayConstant(smooth=1.0, diameter=4.0, lr=0.005), FAR, 40, 1, 1.05),
    (FictitiousPlayDecreasing(smooth=1.0, diameter=4.0), COLD, 100, 1, 25.0),
    (PolyakLipschitz(lipschitz=1.0, distance=1.0), VALLEY, 20, 2, 2.5),
    (PolyakSmooth(smooth_max=1.0, function_noise=0.0, distance=1.0), KNOWN, 60, 50, 8.0),
    (SubgradientConstant(lipschitz=1.0, distance=1.0, horizon=40), VALLEY, 40, 2, 1.05),
    (SubgradientDecreasing(lipschitz=1.0, distance=1.0, step_size=0.2), VALLEY, 60, 2, 1.01),
    (ProjectedSubgradientBounded(lipschitz=1.0, distance=1.0), VALLEY, 60, 2, 8.0),
    (ProjectedSubgradientStronglyConvex(lipschitz=1.4, strongly_convex=1.0), Interval(distance=0.4), 80, 1000, 10.0),
    (ProximalGradientConvex(smooth=1.0, distance=1.0), SlopeWithZero(0.02), 80, 1, 2.1),
    (ProximalGradientSmooth(smooth=1.0), SlopeWithZero(1 / 61), 60, 1, 2.5),
    (ProximalGradientStronglyConvex(**FIRM, step_size=0.1), SlopeWithZero(1.0), 20, 1, 1.01),
    (StochasticProximalGradientConvex(**COMPOSITE, step_size=0.03), SlopeWithZero(0.3), 80, 2, 2.0),
    (StochasticProximalGradientDecreasing(**COMPOSITE, step_size=0.1), SlopeWithZero(0.3), 80, 2, 2.5),
    (StochasticProximalGradientStronglyConvex(**NOISY, strongly_convex=1.0), WithZero(), 40, 400, 4.0),
    (ProximalPointStronglyConvex(strongly_convex_min=1.0, noise=1.0, distance=1.0), WithZero(), 40, 1000, 1.3),
    (ProximalPointConstant(lipschitz=1.0, distance=1.0, horizon=40), VALLEY, 40, 2, 1.05),
    (AdaGradNormSmooth(smooth=1.0, gap=1 / 61 - 0.5 / 61**2), Slope(1 / 61), 120, 1, 4.0),
    (SGDNormTestSmooth(smooth=1.0, eta=0.1), SlopeTwice(1 / 61), 60, 2, 2.5),
    (ProximalPointDecreasing(lipschitz=1.0, distance=1.0, step_size=0.2), VALLEY, 60, 2, 1.01),
    (AdaHessianExact(smooth=1.0, strongly_convex=1.0, lr=0.01), POINT, 20, 1, 1.1),
    (OASISFixedPolyakLojasiewicz(smooth=1.0, polyak_lojasiewicz=1.0, floor=0.01), POINT, 20, 1, 1.1),
    (OASISFixedSmooth(smooth=1.0, floor=1.0), Slope(1 / 61), 60, 1, 2.5),
]


def mutated(g: Guarantee, factor: float) -> Guarantee:
    """The theorem with its bound divided by `factor` from k = 5 on, where it is no matter of the initial point."""

    def formula(self: Guarantee, k: Array) -> Array:
        return np.where(k < 5, type(g).formula(self, k), type(g).formula(self, k) / factor)

    fields = {f.name: getattr(g, f.name) for f in dataclasses.fields(g)}
    return type("Mutated", (type(g),), {"formula": formula})(**fields)


@pytest.mark.parametrize(("g", "problem", "steps", "seeds", "factor"), SHARP, ids=lambda v: type(v).__name__)
def test_a_theorem_holds_where_it_is_sharp_and_a_wrong_constant_is_noticed(
    g: Guarantee, problem: Problem, steps: int, seeds: int, factor: float
) -> None:
    trace = iterate(g.method_for(), problem, steps=steps, seeds=seeds, record=steps + 1)
    check = g.check(trace)
    assert check.holds, check.sentence
    assert not mutated(g, factor).check(trace).holds


def test_every_theorem_has_a_sharp_instance() -> None:
    # What holds up to constants alone cannot be refuted by a value; the orders are measured in the cards.
    here = {cls for cls in THEOREMS.values() if cls.__module__.startswith("tendsto.theory.")}
    here = {cls for cls in here if cls.tightness not in ("order-only", "asymptotic")}
    assert {type(row[0]) for row in SHARP} == here


@pytest.mark.parametrize("step_size", [0.3, 1.0])
@pytest.mark.parametrize("k", [1, 10, 200])
def test_gradient_descent_attains_its_bound_on_the_huber_function(k: int, step_size: float) -> None:
    g = GDConvex(smooth=1.0, distance=1.0, step_size=step_size)
    trace = iterate(g.method_for(), WorstGD(horizon=k, step_size=step_size), steps=k)
    assert trace.gap()[0, -1] == pytest.approx(g.bound(k), rel=1e-9)


@pytest.mark.parametrize("step_size", [0.1, 0.9, 2 / 1.1, 1.9])
def test_gradient_descent_attains_its_strongly_convex_bounds_on_quadratics(step_size: float) -> None:
    ends = [Quadratic(dimension=1, smallest=0.1 if h < 1 else 1.0, largest=h) for h in (0.1, 1.0)]
    g = GDStronglyConvexDistance(smooth=1.0, strongly_convex=0.1, distance=1.0, step_size=step_size)
    last = [iterate(g.method_for(), q, steps=30)["||x - x*||^2"][0, -1] for q in ends]
    assert max(last) == pytest.approx(g.bound(30), rel=1e-10)


def test_too_long_steps_are_refused_for_a_reason() -> None:
    with pytest.raises(ValueError, match=r"^step size 2.1 exceeds 2/L = 2 for L = 1$"):
        GDConvex(smooth=1.0, step_size=2.1)
    trace = iterate(make("gd", lr=2.1), Quadratic(dimension=1, smallest=1.0), steps=100)
    assert trace.gap()[0, -1] > 1e4 * trace.gap()[0, 0]


def test_stationary_variance_is_the_stated_share_of_its_bound() -> None:
    """On f_i = (x - a_i)^2 / 2 the exact variance is lr sigma^2 / (2 - lr), against 2 lr sigma^2: 1/3 at lr = 1/2."""
    g = SGDStronglyConvex(**NOISY, strongly_convex=1.0)
    trace = iterate(g.method_for(), TwoTargets(), steps=30, seeds=2000, record=31)
    assert trace["||x - x*||^2"][:, -1].mean() / g.bound(30) == pytest.approx(1 / 3, rel=0.05)


def test_noisy_averages_stay_below_their_bounds() -> None:
    for g in (SGDConvex(**NOISY), SGDConvexDecreasing(**NOISY)):
        check = g.check(iterate(g.method_for(), TwoTargets(), steps=60, seeds=300, record=61))
        assert check.holds, check.sentence
        assert 0.05 < check.tightness < 1


@pytest.mark.parametrize("noise", [0.0, 0.3, 10.0])
def test_a_horizon_gives_the_square_root_rate(noise: float) -> None:
    """min(1/(4 L_max), D / sqrt(2 sigma^2 T)) gives at most 4 L_max D^2 / T + 2 sqrt(2) D sigma / sqrt(T)."""
    for horizon in (1, 100, 10**6):
        g = SGDConvex(smooth_max=3.0, noise=noise, distance=2.0, horizon=horizon)
        stated = 4 * 3.0 * 4.0 / horizon + 2 * np.sqrt(2 * noise) * 2.0 / np.sqrt(horizon)
        assert g.bound(horizon) <= stated * (1 + 1e-12)


def test_decreasing_steps_are_below_the_simplified_statement() -> None:
    g = SGDConvexDecreasing(smooth_max=3.0, noise=0.7, distance=2.0)
    k = np.unique(np.geomspace(1, 1e9, 200).round())
    lr = g.step_size
    stated = 5 * 4.0 / (4 * lr * np.sqrt(k)) + 5 * lr * 0.7 * np.log(k + 1) / np.sqrt(k)
    assert (g.bound(k) <= stated).all()


def test_sums_are_exact() -> None:
    k = np.arange(1, 2001, dtype=float)
    np.testing.assert_allclose(inverse_sqrt_sum(k), np.cumsum(k**-0.5), rtol=1e-12)
    np.testing.assert_allclose(harmonic_sum(k), np.cumsum(1 / k), rtol=1e-12)
