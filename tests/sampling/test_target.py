import pytest
import torch

from tendsto.core.random import Random
from tendsto.sampling import Funnel, Gaussian, LogDensity

ROWS = ((2.0, 0.5, 0.0), (0.5, 1.0, 0.3), (0.0, 0.3, 0.7))
CENTRE = (1.0, -2.0, 0.5)


def points(*shape):
    return Random(3).normal("x", shape, torch.float64)


def test_gaussian_is_that_of_torch_up_to_a_constant():
    ours, law = Gaussian(CENTRE, ROWS), torch.distributions.MultivariateNormal
    theirs = law(torch.tensor(CENTRE, dtype=torch.float64), torch.tensor(ROWS, dtype=torch.float64))
    x = points(4, 5, 3)
    gap = ours.log_density(x) - theirs.log_prob(x)
    torch.testing.assert_close(gap, gap[0, 0].expand(4, 5), rtol=0, atol=1e-12)


def test_what_is_derived_equals_what_is_known():
    known = Gaussian(CENTRE, ROWS)
    derived = LogDensity(3, known.log_density)
    x = points(2, 5, 3)
    torch.testing.assert_close(derived.score(x), known.score(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(derived.hessian(x), known.hessian(x), rtol=0, atol=1e-12)


def test_draws_have_the_moments():
    target = Gaussian(CENTRE, ROWS)
    draws = target.draw(Random(0), 20_000)
    torch.testing.assert_close(draws.mean(0), target.mean(), rtol=0, atol=0.05)
    torch.testing.assert_close(draws.T.cov(), target.covariance(), rtol=0, atol=0.08)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: (x**2).sum(-1), "improper"),
        (lambda x: x.sum(-1), "improper"),
        (lambda x: 0 * x.sum(-1), r"r\^0, and its integral is infinite: it is improper"),
        (lambda x: -(x[..., 0] ** 2), "improper"),
        (lambda x: -0.4 * (1 + (x**2).sum(-1)).log(), r"r\^-0\.8"),
        (lambda x: x.sum(-1).log(), "must be finite"),
        (lambda x: -(x**2), "one number a point"),
    ],
)
def test_no_law_is_refused_with_the_reason(function, said):
    with pytest.raises(ValueError, match=said):
        LogDensity(2, function)


def test_heavy_tails_and_overflow_far_out_are_accepted():
    LogDensity(3, lambda x: -(1 + x**2).log().sum(-1))
    LogDensity(2, Funnel(3.0).log_density)


@pytest.mark.parametrize(
    ("rows", "said"),
    [(((1.0, 0.0),), "2 rows of 2"), (((1.0, 0.1), (0.0, 1.0)), "symmetric"), (((1.0, 1.0), (1.0, 1.0)), "eigenvalue")],
)
def test_no_covariance_is_refused_with_the_reason(rows, said):
    with pytest.raises(ValueError, match=said):
        Gaussian((0.0, 0.0), rows)
