"""Random clocks against their laws: Laplace transforms, moments, and the closed forms at β = 1/2."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from reference import clock as reference
from scipy import stats

from tendsto.probability import clock as module
from tendsto.probability import dkw_band, kolmogorov
from tendsto.probability.clock import InverseStable, InverseSubordinator, InverseTemperedStable, stable_increments


def test_examples_run():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("beta", [0.3, 0.5, 0.8, 0.95])
def test_increments_equal_the_formula_draw_by_draw(beta):
    rng = np.random.default_rng(3)
    u, w = math.pi * (1 - rng.random(50)), rng.exponential(size=50)
    expected = [reference.stable_increment(beta, 0.01, a, b) for a, b in zip(u, w, strict=True)]
    assert stable_increments(beta, 0.01, 50, np.random.default_rng(3)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("clock", [InverseStable(0.5), InverseStable(0.8), InverseTemperedStable(0.6, 3.0)])
@pytest.mark.parametrize("length", [0.05, 2.0])
def test_increments_have_their_laplace_transform(clock, length):
    jumps = clock.increments(length, 20_000, np.random.default_rng(0))
    for s in (0.5, 2.0, 10.0):
        values = np.exp(-s * jumps)
        error = abs(values.mean() - math.exp(-length * clock.exponent(s)))
        assert error < 4 * values.std() / math.sqrt(values.size)


def test_increments_of_one_half_are_levys():
    # E exp(-s D) = exp(-√s) is the law of 1 / (2 N²), Lévy's of scale 1/2.
    jumps = stable_increments(0.5, 1.0, 4000, np.random.default_rng(1))
    assert kolmogorov(jumps, stats.levy(scale=0.5).cdf) < dkw_band(4000)


def test_the_rounded_inverse_is_counted_step_by_step():
    class Drawn(InverseSubordinator):
        """One path at a time, its increments kept."""

        def increments(self, length, shape, rng):
            self.kept.append(stable_increments(0.7, length, shape, rng))
            return self.kept[-1]

    for seed in range(20):
        clock = Drawn()
        object.__setattr__(clock, "kept", [])
        found = clock.sample(0.5, 2**-8, 1, np.random.default_rng(seed))
        increments = np.concatenate(clock.kept)[:, 0]
        assert found == [reference.inverse_on_mesh(increments, 0.5, 2**-8)]


def test_the_clock_of_one_half_is_a_folded_normal():
    # E_T = |N(0, 2T)|, up to one mesh of rounding, here seen from its middle.
    sample = InverseStable(0.5).sample(1.0, 2**-7, 4000, np.random.default_rng(2)) + 2**-8
    assert kolmogorov(sample, stats.halfnorm(scale=math.sqrt(2)).cdf) < dkw_band(4000) + 2**-8


@pytest.mark.parametrize("clock", [InverseStable(0.6), InverseTemperedStable(0.6, 2.0)])
def test_sampled_moments_are_the_exact_ones(clock):
    mesh = 2**-9
    sample = clock.sample(0.5, mesh, 8000, np.random.default_rng(4)) + mesh / 2
    for k in (1, 2, 3):
        powers = sample**k
        assert abs(powers.mean() - clock.moment(k, 0.5)) < 4 * powers.std() / math.sqrt(powers.size)


def test_moments_by_inversion_meet_the_closed_form_and_mpmath():
    for k in (1, 2, 3):
        exact = InverseStable(0.8).moment(k, 0.5)
        assert InverseSubordinator.moment(InverseStable(0.8), k, 0.5) == pytest.approx(exact, rel=1e-8)
    import mpmath

    clock = InverseTemperedStable(0.7, 1.5)
    expected = mpmath.invertlaplace(lambda s: 1 / (s * ((s + 1.5) ** 0.7 - 1.5**0.7)), 0.8, method="talbot")
    assert clock.moment(1, 0.8) == pytest.approx(float(expected), rel=1e-8)
    # Hardly tempered, it is the stable clock; and late it is diffusive, E_t ~ t / (β θ^{β-1}).
    assert InverseTemperedStable(0.7, 1e-9).moment(2, 0.8) == pytest.approx(InverseStable(0.7).moment(2, 0.8), rel=1e-4)
    assert clock.moment(1, 1e4) == pytest.approx(1e4 / (0.7 * 1.5**-0.3), rel=1e-3)


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    questions = {
        "β = 1.0 gives no stable subordinator": lambda: InverseStable(1.0),
        "β = nan gives no": lambda: InverseTemperedStable(math.nan),
        "tempering 0.0 is not a positive number": lambda: InverseTemperedStable(0.5, 0.0),
        "mesh 0.3 does not divide horizon 0.5; 0.25 would": lambda: InverseStable().sample(0.5, 0.3, 2, rng),
        "mesh -1 and horizon 0.5 are no times": lambda: InverseStable().sample(0.5, -1, 2, rng),
        "0 paths hold no clock": lambda: InverseStable().sample(0.5, 0.1, 0, rng),
        "moment 1.5 at time 1.0": lambda: InverseStable().moment(1.5, 1.0),
        "moment 1 at time 0.0": lambda: InverseTemperedStable().moment(1, 0.0),
        "length 0.0 is no time": lambda: stable_increments(0.5, 0.0, 3, rng),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
