"""The theorem's hypotheses against a search over points and pairs."""

from __future__ import annotations

import doctest
import math
import re

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from reference import strong_order as reference

from tendsto.probability import strong_order as module
from tendsto.probability.strong_order import MilsteinOrder


def test_examples_run():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def answers(theorem):
    return [assumption.answer for assumption in theorem.assumptions()]


def constant(assumption):
    return float(re.match(r"K = ([-+.e\d]+)", assumption.witness).group(1))


@pytest.mark.parametrize(
    ("drift", "diffusion"), [((0, 1, 0, 0, 0, -2), (0, 0, 0.7)), ((1, 3, 0, -1), (2, 0.5)), ((0, -1), (2, 0.4))]
)
@pytest.mark.parametrize("p", [2.0, 6.0])
def test_constants_equal_those_of_a_search(drift, diffusion, p):
    growth, differences, _ = MilsteinOrder(drift, diffusion, p=p).assumptions()
    f, g = Polynomial(drift), Polynomial(diffusion)
    assert constant(growth) == pytest.approx(reference.khasminskii_constant(f, g, p, 4, 4001), abs=5e-3)
    assert constant(differences) == pytest.approx(reference.monotone_constant(f, g, p, 4, 160), abs=0.05)


def test_each_hypothesis_can_fail_alone():
    # An even drift explodes to one side; x² noise against a cubic drift is a matter of p.
    assert answers(MilsteinOrder((0, 0, 1), (0,))) == ["fails", "fails", "holds"]
    assert answers(MilsteinOrder((0, 0, 0, -1), (0, 0, 1))) == ["holds", "holds", "holds"]
    assert answers(MilsteinOrder((0, 0, 0, -1), (0, 0, 1), p=4)) == ["fails", "fails", "holds"]
    # x f + g²/2 = -x⁴/2, but f' + g'²/2 = -3x² + 2·1.6 x²: growth is fine, differences are not.
    assert answers(MilsteinOrder((0, 0, 0, -1), (0, 0, 1.3))) == ["holds", "fails", "holds"]


def test_the_witness_shows_the_failure():
    theorem = MilsteinOrder((0, 0, 1), (0,))
    with pytest.raises(ValueError, match=r"not apply: Khasminskii's condition fails: at x = 1000 .* x\^3"):
        theorem.order()
    assert pytest.approx(1e3, rel=1e-3) == (1e3) ** 3 / (1 + 1e6)
    assert "at x = -1000" in MilsteinOrder((0, 0, -1), (0,)).assumptions()[0].witness


def test_order_is_the_least_exponent():
    assert MilsteinOrder((0, -1), (1,), time_drift=0.5).order() == 0.5
    assert MilsteinOrder((0, -1), (1,), time_diffusion=0.3).order() == 0.3


def test_functions_are_refuted_but_never_proved():
    assert answers(MilsteinOrder(lambda x: x - 2 * x**5, lambda x: 0.7 * x**2)) == ["unknown", "unknown", "holds"]
    assert answers(MilsteinOrder(lambda x: x + 2 * x**5, lambda x: 0.7 * x**2)) == ["fails", "fails", "holds"]
    assert answers(MilsteinOrder(lambda x: -(x**2), (0,))) == ["fails", "fails", "holds"]
    assert MilsteinOrder(lambda x: np.sin(x), (1,)).order() == 1.0


def test_bad_input_is_named():
    questions = {
        "drift .* has no finite coefficients": lambda: MilsteinOrder((), (1,)),
        "diffusion .* has no finite coefficients": lambda: MilsteinOrder((1,), (math.inf,)),
        r"Hölder exponents \(0, 1.0\)": lambda: MilsteinOrder((1,), (1,), time_drift=0),
        "p = 1.0 is no moment": lambda: MilsteinOrder((1,), (1,), p=1.0),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
