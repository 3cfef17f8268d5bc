"""Interval arithmetic encloses what exact arithmetic gives, and the normal law what mpmath gives."""

from __future__ import annotations

import doctest
import math
import operator
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tendsto.probability import interval
from tendsto.probability.interval import Interval, normal_cdf, normal_pdf

number = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6)


def test_examples_run():
    outcome = doctest.testmod(interval)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@given(number, number, number, st.sampled_from([operator.add, operator.sub, operator.mul, operator.truediv]))
def test_operations_enclose_the_exact_result(a, b, c, operation):
    if operation is operator.truediv and c == 0:
        return
    left = Interval.of(a) * b
    exact = Fraction(a) * Fraction(b)
    assert Fraction(float(left.low)) <= exact <= Fraction(float(left.high))
    found, exact = operation(left, c), operation(exact, Fraction(c))
    assert Fraction(float(found.low)) <= exact <= Fraction(float(found.high))
    assert float(found.high - found.low) <= 1e-14 * max(abs(float(exact)), abs(a * b), abs(c), 1e-300)


def test_mixed_operands_signs_and_roots():
    wide = Interval(np.array([-2.0, 1.0]), np.array([1.0, 4.0]))
    negated = np.array([1.0, 1.0]) - wide
    assert (negated.low <= [0, -3]).all()
    assert (negated.high >= [3, 0]).all()
    assert abs(wide).low.tolist() == [0.0, 1.0]
    assert abs(wide).high.tolist() == [2.0, 4.0]
    root = wide[1:].sqrt()
    assert root.low[0] <= 1 <= 2 <= root.high[0]
    assert (2.0 / wide[1:]).contains(0.5).all()
    product = wide * wide
    assert product.low[0] <= -2
    assert product.high[0] >= 4


@pytest.mark.parametrize("x", [*np.linspace(-7, 7, 57), 1 / 128, -3 / 128, 5.9999, 6.0, math.inf, -math.inf])
def test_normal_law_is_enclosed(x):
    with mpmath.workdps(40):
        cdf, pdf = mpmath.ncdf(x), mpmath.npdf(x) if math.isfinite(x) else mpmath.mpf(0)
    found, density = normal_cdf(float(x)), normal_pdf(float(x))
    assert mpmath.mpf(float(found.low)) <= cdf <= mpmath.mpf(float(found.high))
    assert mpmath.mpf(float(density.low)) <= pdf <= mpmath.mpf(float(density.high))
    assert found.high - found.low < (1e-12 if abs(x) <= 6 else 2e-9)
    assert density.high - density.low < 1e-8


def test_over_an_interval_the_ends_and_the_mode_count():
    both = Interval(np.array([-1.0]), np.array([2.0]))
    assert normal_pdf(both).high[0] >= 1 / math.sqrt(2 * math.pi)
    assert normal_pdf(both).low[0] <= math.exp(-2) / math.sqrt(2 * math.pi)
    assert normal_cdf(both).low[0] == normal_cdf(-1.0).low
    assert normal_cdf(both).high[0] == normal_cdf(2.0).high


def test_bad_intervals_are_named():
    with pytest.raises(ValueError, match="is no interval"):
        Interval(np.array(2.0), np.array(1.0))
    with pytest.raises(ValueError, match="holds 0"):
        Interval.of(1.0) / Interval(np.array(-1.0), np.array(1.0))
    with pytest.raises(ValueError, match=r"down to -1\.0"):
        Interval.of(-1.0).sqrt()
