"""The zoo of targets: scores by differentiation, draws by the density itself."""

import math

import pytest
import torch

from tendsto.core.random import Random
from tendsto.sampling import Banana, BreastCancerPosterior, Donut, Funnel, LogDensity, Mixture, Squiggle
from tendsto.sampling.target import Target

PLANE = [Mixture(), Mixture(((0.0, 1.0), (2.0, -1.0)), (0.2, 0.6), 0.5), Banana(), Squiggle(), Donut(), Funnel(1.5)]


@pytest.mark.parametrize("target", PLANE)
def test_scores_are_those_of_differentiation(target):
    x = 2 * Random(0).normal("x", (3, 5, 2), torch.float64)
    torch.testing.assert_close(target.score(x), Target.score(target, x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("target", PLANE)
def test_draws_have_the_density(target):
    """Shares of draws in cells of the plane against the density summed over a fine grid."""
    n, cells, fine = 40_000, 6, 40
    draws = target.draw(Random(0), n)
    low, high = draws.quantile(0.02, 0), draws.quantile(0.98, 0)
    # The mass in all of a wide box stands for 1.
    span = draws.amax(0) - draws.amin(0)
    wide = [
        torch.linspace(float(draws[:, i].min() - span[i]), float(draws[:, i].max() + span[i]), 1200).double()
        for i in (0, 1)
    ]
    whole = target.log_density(torch.cartesian_prod(*wide)).exp().sum() * math.prod(w[1] - w[0] for w in wide)
    steps = [(torch.arange(cells * fine) + 0.5) / (cells * fine) * (high[i] - low[i]) + low[i] for i in (0, 1)]
    area = math.prod(float(high[i] - low[i]) / (cells * fine) for i in (0, 1))
    mass = target.log_density(torch.cartesian_prod(*steps)).exp().reshape(cells, fine, cells, fine).sum((1, 3)) * area
    wanted = mass / whole
    at = ((draws - low) / (high - low) * cells).floor().long()
    inside = ((at >= 0) & (at < cells)).all(-1)
    seen = torch.bincount(at[inside] @ torch.tensor([cells, 1]), minlength=cells**2).reshape(cells, cells) / n
    band = 5 * (wanted * (1 - wanted) / n).sqrt() + 1e-3
    assert ((seen - wanted).abs() < band).all()


@pytest.mark.parametrize("target", PLANE)
def test_moments_are_those_of_draws(target):
    draws = target.draw(Random(1), 40_000)
    if target.mean() is not None:
        band = 5 * draws.std(0) / 200
        assert ((draws.mean(0) - target.mean()).abs() < band).all()
    if target.covariance() is not None:
        torch.testing.assert_close(draws.T.cov(), target.covariance(), rtol=0.1, atol=0.05)


def test_the_posterior_is_that_of_its_formula():
    target = BreastCancerPosterior(prior=2.0)
    x = 0.3 * Random(0).normal("x", (2, 31), torch.float64)
    torch.testing.assert_close(target.score(x), Target.score(target, x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(target.hessian(x), Target.hessian(target, x), rtol=1e-9, atol=1e-9)
    sklearn = pytest.importorskip("sklearn.linear_model")
    from tendsto.problems.data import breast_cancer

    features, labels = breast_cancer()
    train = torch.arange(569) % 5 != 4
    rows = torch.cat([features[train], torch.ones(456, 1, dtype=torch.float64)], 1)
    fit = sklearn.LogisticRegression(C=4.0, fit_intercept=False, tol=1e-10, max_iter=10_000)
    mode = torch.from_numpy(fit.fit(rows.numpy(), labels[train].numpy()).coef_[0])
    assert float(target.score(mode).abs().max()) < 1e-3
    assert 0.95 < float(target.accuracy(mode[None])) <= 1


def test_a_user_s_density_needs_no_draws():
    assert LogDensity(1, lambda x: -(x[..., 0] ** 4)).draw(Random(0), 3) is None


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: Mixture(((0.0,), (0.0, 1.0)), (1.0, 1.0)), "centres"),
        (lambda: Mixture(weights=(1.0,)), r"weights \(1.0,\)"),
        (lambda: Mixture(weights=(1.0, -1.0)), "above 0"),
        (lambda: Mixture(scale=0.0), "scale = 0"),
        (lambda: Banana(correlation=1.0), "correlation = 1"),
        (lambda: Squiggle(correlation=-2.0), "correlation = -2"),
        (lambda: Donut(radius=-1.0), "radius = -1"),
        (lambda: Funnel(spread=0.0), "spread = 0"),
        (lambda: BreastCancerPosterior(prior=0.0), "prior = 0"),
    ],
)
def test_bad_settings_are_refused(bad, said):
    with pytest.raises(ValueError, match=said):
        bad()
