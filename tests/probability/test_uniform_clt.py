"""Families of standardised sums and their uniform central limit theorem, against literal sums and forty digits."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from reference import lattice_means as lattice_reference
from reference import uniform_clt as reference
from reference import uniform_family as family_reference

from tendsto.probability import lattice_means, uniform_clt, uniform_family
from tendsto.probability.lattice_enclosure import box_bounds
from tendsto.probability.lattice_means import LatticeMeans
from tendsto.probability.uniform_clt import UniformCLT, certify_uniform_clt, lindeberg, sup_kolmogorov
from tendsto.probability.uniform_family import BernoulliMeans, PoissonMeans


def test_examples_run():
    for module in (uniform_family, lattice_means, uniform_clt):
        outcome = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
        assert outcome.attempted > 0
        assert outcome.failed == 0


@pytest.mark.parametrize("n", [1, 7, 60])
@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.9])
def test_bernoulli_family_equals_literal_sums(n, p):
    family, summand = BernoulliMeans(0.01, 0.95), [1 - p, p]
    masses = family_reference.binomial(n, p)
    assert family.law(n, p).masses == pytest.approx(masses, rel=1e-9, abs=1e-300)
    assert family.kolmogorov(n, p) == pytest.approx(family_reference.kolmogorov(masses), abs=1e-13)
    for eps in (0.1, 0.5, 1.0):
        assert family.lindeberg_at(n, p, eps) == pytest.approx(family_reference.lindeberg(summand, n, eps), abs=1e-12)
    lattice = LatticeMeans(0.01, 0.95, masses=lambda t: [1 - t, t])
    assert lattice.law(n, p).masses == pytest.approx(masses, abs=1e-14)
    assert lattice.third_moment(p) == pytest.approx(family.third_moment(p), rel=1e-12)
    assert lattice.lindeberg_at(n, p, 0.5) == pytest.approx(family.lindeberg_at(n, p, 0.5), abs=1e-12)


@pytest.mark.parametrize(("n", "mean"), [(1, 0.5), (20, 0.7), (50, 2.0)])
def test_poisson_family_equals_literal_sums(n, mean):
    family = PoissonMeans(0.5, 2.0)
    masses = family_reference.poisson(n * mean, 300)
    assert family.kolmogorov(n, mean) == pytest.approx(family_reference.kolmogorov(masses), abs=1e-12)
    one = family_reference.poisson(mean, 80)
    for eps in (0.13, 0.47):
        assert family.lindeberg_at(n, mean, eps) == pytest.approx(family_reference.lindeberg(one, n, eps), abs=1e-10)
    third = sum(abs(k - mean) ** 3 * m for k, m in enumerate(one)) / mean**1.5
    assert family.third_moment(mean) == pytest.approx(third, rel=1e-10)
    assert third <= math.sqrt(3 + 1 / mean)


def test_transform_equals_convolution_by_definition():
    summand = [0.2, 0.0, 0.5, 0.3]
    family = LatticeMeans(0.0, 1.0, masses=lambda t: summand)
    assert family.law(9, 0.5).masses == pytest.approx(lattice_reference.convolved(summand, 9), abs=1e-15)
    assert family.kolmogorov(9, 0.5) == pytest.approx(
        family_reference.kolmogorov(lattice_reference.convolved(summand, 9)), abs=1e-13
    )


@pytest.mark.parametrize("n", [5, 30])
def test_enclosure_holds_the_supremum(n):
    family = BernoulliMeans(0.1, 0.5)
    found = certify_uniform_clt(family, n, tolerance=1e-3)
    assert reference.largest_on_grid(n, 0.1, 0.5, 200)[0] <= found.high
    # At `at` forty digits confirm the lower bound; the heuristic search finds no more than the upper one.
    assert found.low <= float(reference.exactly(n, found.at)) <= found.high
    assert found.low * (1 - 1e-3) <= sup_kolmogorov(family, n).value <= found.high
    assert found.width <= 1e-3 * found.low


@pytest.mark.parametrize("family", [BernoulliMeans(0.1, 0.5), BernoulliMeans(0.0, 0.5), PoissonMeans(0.5, 2.0)])
def test_every_box_bounds_all_that_lies_in_it(family):
    rng = np.random.default_rng(0)
    for n in (3, 40):
        for width in (1e-4, 1e-2, 0.3):
            a = float(rng.uniform(family.low, family.high - width))
            a, b = (0.0, width) if family.low == 0 else (a, a + width)
            attained, bound, where = box_bounds(family, n, a, b)
            inside = [family.kolmogorov(n, float(t)) for t in np.linspace(max(a, 1e-9), b, 40)]
            assert max(inside) <= bound
            assert attained <= family.kolmogorov(n, where) + 1e-13
            if width == 1e-4 and a > 0:
                # Second order in the width: close to the truth on a small box.
                assert bound - max(inside) < 2e-3


def test_supremum_of_the_dossier_and_its_envelope():
    family = BernoulliMeans(0.1, 0.5)
    found = certify_uniform_clt(family, 100)
    assert found.low <= 0.083203 <= found.high
    assert UniformCLT(family).bound(100) == pytest.approx(reference.berry_esseen(100, [0.1, 0.2, 0.35, 0.5]))
    assert found.high < UniformCLT(family).bound(100)


def test_without_the_lower_end_the_supremum_stays():
    family = BernoulliMeans(0.0, 0.5)
    for n in (10, 1000):
        found = certify_uniform_clt(family, n, tolerance=1e-2)
        assert 0.53 <= found.low <= found.high < 0.55
        assert lindeberg(family, n, 0.5).value == 1
    assert BernoulliMeans(0.1, 0.5).kolmogorov(1000, 0.1) < 0.03
    assert lindeberg(PoissonMeans(0.0, 1.0), 1000, 0.5).value > 0.9


def test_lindeberg_supremum_is_no_less_than_any_value():
    for family in (BernoulliMeans(0.02, 0.7), BernoulliMeans(0.3, 0.99)):
        for n in (2, 10, 100):
            largest = lindeberg(family, n, 0.4)
            values = [family.lindeberg_at(n, float(p), 0.4) for p in np.linspace(family.low, family.high, 99)]
            assert max(values) <= largest.value
            assert family.lindeberg_at(n, largest.at, 0.4) == largest.value


def test_a_theorem_whose_hypothesis_fails_is_refused_and_an_unknown_one_is_shown():
    for family in (BernoulliMeans(0.0, 0.5), PoissonMeans(0.0, 1.0)):
        assert [a.answer for a in UniformCLT(family).assumptions()] == ["holds", "fails"]
        with pytest.raises(ValueError, match=r"uniform Lindeberg condition fails: at .* 1/n"):
            UniformCLT(family).bound(100)
    singular = UniformCLT(LatticeMeans(0.0, 0.5, masses=lambda p: [1 - p, p]))
    with pytest.raises(ValueError, match=r"variance bounded below fails: at 0.0 all mass is on one point"):
        singular.bound(100)
    unknown = UniformCLT(LatticeMeans(0.1, 0.5, masses=lambda p: [1 - p, p]))
    assert unknown.assumptions()[1].answer == "unknown"
    assert unknown.bound(100) == pytest.approx(UniformCLT(BernoulliMeans(0.1, 0.5)).bound(100))
    assert UniformCLT(PoissonMeans(0.5, 2.0)).assumptions()[1].answer == "holds"


def test_bad_questions_are_named():
    family = BernoulliMeans(0.1, 0.5)
    questions = {
        "p from 0.5 to 0.1 is no range": lambda: BernoulliMeans(0.5, 0.1),
        "p from 0.1 to 1.0 is no range": lambda: BernoulliMeans(0.1, 1.0),
        "means from -1.0 to 2.0 are no range": lambda: PoissonMeans(-1.0, 2.0),
        "parameters from 1.0 to 0.0 are no range": lambda: LatticeMeans(1.0, 0.0, masses=lambda p: [1.0]),
        "are no law: a vector": lambda: LatticeMeans(0.0, 1.0, masses=lambda p: [0.5, 0.6]).law(3, 0.5),
        r"parameter 0.05 is outside the family's \[0.1, 0.5\]": lambda: family.kolmogorov(10, 0.05),
        r"parameter 0.0 is outside the family's \(0, 0.5\]": lambda: BernoulliMeans(0.0, 0.5).kolmogorov(10, 0.0),
        "parameter 2.0 is outside": lambda: LatticeMeans(0.0, 1.0, masses=lambda p: [0.5, 0.5]).law(3, 2.0),
        "n = 0 is no number of summands": lambda: family.kolmogorov(0, 0.2),
        "n = 1.5 is no number of summands": lambda: UniformCLT(family).bound(1.5),
        "eps = 0 is no threshold": lambda: lindeberg(family, 10, 0),
        "a grid of 1 points": lambda: sup_kolmogorov(family, 10, points=1),
        "tolerance = 0: use": lambda: certify_uniform_clt(family, 10, tolerance=0),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
    with pytest.raises(TypeError, match="LatticeMeans has no interval form"):
        certify_uniform_clt(LatticeMeans(0.1, 0.5, masses=lambda p: [1 - p, p]), 10)  # type: ignore[arg-type]
    with pytest.raises(ArithmeticError, match="boxes did not reach tolerance"):
        certify_uniform_clt(family, 100, most_boxes=4)
