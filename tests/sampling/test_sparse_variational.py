"""Sparse variational networks against their literal form, exact enumeration, and scikit-learn's own checks."""

from __future__ import annotations

import doctest
import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from reference import sparse_bound as bound_reference
from reference import sparse_variational as reference
from sklearn.datasets import make_regression
from sklearn.utils.estimator_checks import check_estimator

from tendsto.core.trace import End, Trace
from tendsto.sampling import (
    SparseNetworkBound,
    SparseVariationalRegressor,
    sparse_bound,
    sparse_network,
    sparse_variational,
)
from tendsto.sampling.sparse_network import SpikeSlab, count, fit_spike_slabs, forward, relaxed_loss, sizes
from tendsto.sampling.sparse_variational import noise_by_ridge

D, L, WIDTH = 2, 3, 4
SHAPES = tuple(sizes(D, L, WIDTH))
TOTAL = count(SHAPES)


@pytest.mark.parametrize("module", [sparse_bound, sparse_network, sparse_variational])
def test_examples_run(module):
    assert doctest.testmod(module).failed == 0


def problem(n=12):
    generator = np.random.default_rng(5)
    x = generator.uniform(-1, 1, (n, D))
    return x, np.sin(3 * x[:, 0]) + 0.1 * generator.standard_normal(n), generator


def tensors(*arrays):
    return [torch.from_numpy(np.asarray(a)) for a in arrays]


def test_the_network_is_the_literal_one():
    x, _, generator = problem()
    theta = generator.standard_normal((3, TOTAL))
    ours = forward(*tensors(theta, x), SHAPES).numpy()
    theirs = [[reference.network(row, point, D, L, WIDTH) for point in x] for row in theta]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


def test_the_relaxed_loss_is_the_literal_one():
    x, y, generator = problem()
    mean, log_scale, logits, normal = (generator.standard_normal((2, TOTAL)) for _ in range(4))
    uniform, share = generator.uniform(0.01, 0.99, (2, TOTAL)), np.array([0.2, 0.7])
    ours = relaxed_loss(
        tensors(mean, log_scale, logits),
        tensors(normal, uniform),
        tuple(tensors(x, y)),
        SHAPES,
        torch.from_numpy(share),
        3.0,
        0.5,
    )
    for b in range(2):
        rows = (a[b] for a in (mean, log_scale, logits, normal, uniform))
        theirs = reference.relaxed(*rows, x, y, D, L, WIDTH, share[b], 3.0, 0.5)
        assert float(ours[b]) == pytest.approx(theirs, rel=1e-10)


def test_the_elbo_of_the_projected_law_is_the_literal_one():
    x, y, generator = problem()
    mean, scale = generator.standard_normal((2, TOTAL)), generator.uniform(0.01, 0.5, (2, TOTAL))
    support = generator.uniform(size=(2, TOTAL)) < 0.4
    q = SpikeSlab(*tensors(mean, scale, support), SHAPES)
    ours = q.elbo(*tensors(x, y), 0.5, 0.3, np.random.default_rng(9))
    draws = np.random.default_rng(9).standard_normal((sparse_network.EVALUATION, 2, TOTAL))
    for b in range(2):
        theirs = reference.elbo(mean[b], scale[b], support[b], draws[:, b], x, y, D, L, WIDTH, 0.5, 0.3)
        assert float(ours[b]) == pytest.approx(theirs, rel=1e-10)


def test_lanes_do_not_see_each_other():
    """Each lane of two data sets, at equal draws, is what it is beside any other lane."""
    x, y, _ = problem(30)
    settings = {"alpha": 0.5, "sigma": 0.2, "steps": 20, "refit_steps": 5, "lr": 0.02}
    many = torch.stack([torch.from_numpy(y), torch.from_numpy(-y)])
    two = torch.tensor([6, 6])
    same = fit_spike_slabs(*tensors(x, y), two, SHAPES, np.random.default_rng(3), **settings)
    other = fit_spike_slabs(torch.from_numpy(x), many, two, SHAPES, np.random.default_rng(3), **settings)
    torch.testing.assert_close(same.mean[0], other.mean[0], rtol=1e-10, atol=1e-12)
    assert (same.mean[1] - other.mean[1]).abs().max() > 1e-3
    assert same.support.sum(-1).tolist() == [6, 6]


def enumerated(x, y, chosen, alpha, sigma):
    """log evidence of y under the tempered likelihood, and per support log posterior, mean and covariance."""
    h = np.column_stack([x, np.ones(len(x))])
    precision = alpha / sigma**2
    rows = []
    for support in itertools.combinations(range(h.shape[1]), chosen):
        part = h[:, support]
        covariance = np.linalg.inv(np.eye(chosen) + precision * part.T @ part)
        mean = precision * covariance @ part.T @ y
        log = (
            -precision / 2 * y @ y + mean @ np.linalg.inv(covariance) @ mean / 2 + np.linalg.slogdet(covariance)[1] / 2
        )
        rows.append((support, log, mean, covariance))
    logs = np.array([row[1] for row in rows])
    evidence = np.logaddexp.reduce(logs) - math.log(len(rows))
    return evidence, [(row[0], row[1] - math.log(len(rows)) - evidence, *row[2:]) for row in rows]


@pytest.mark.parametrize("chosen", [1, 3, 6])
def test_on_a_linear_model_the_gap_of_the_elbo_is_the_divergence_from_the_exact_posterior(chosen):
    """T = 8, all supports enumerated, conjugate slabs: log evidence - ELBO = KL(q || posterior) to 1e-8."""
    generator = np.random.default_rng(chosen)
    x = generator.uniform(-1, 1, (15, 7))
    y = x[:, 1] - 0.5 * x[:, 4] + 0.2 * generator.standard_normal(15)
    evidence, posterior = enumerated(x, y, chosen, 0.5, 0.2)
    shapes = tuple(sizes(7, 1, 1))
    q = fit_spike_slabs(
        *tensors(x, y),
        torch.tensor([chosen]),
        shapes,
        generator,
        alpha=0.5,
        sigma=0.2,
        steps=200,
        refit_steps=100,
        lr=0.05,
    )
    support = tuple(q.support[0].nonzero()[:, 0].tolist())
    mean, scale = q.mean[0, list(support)].numpy(), q.scale[0, list(support)].numpy()
    h = np.column_stack([x, np.ones(15)])[:, list(support)]
    squares = ((y - forward(q.draw(0 * q.mean), torch.from_numpy(x), shapes)[0].numpy()) ** 2).sum()
    squares += ((h * scale) ** 2).sum()
    elbo = -0.5 / (2 * 0.2**2) * squares - float(q.divergence()[0])
    _, log, exact, covariance = next(row for row in posterior if row[0] == support)
    inverse = np.linalg.inv(covariance)
    slabs = (np.diag(inverse) * scale**2).sum() + (exact - mean) @ inverse @ (exact - mean) - chosen
    slabs = (slabs + np.linalg.slogdet(covariance)[1]) / 2 - np.log(scale).sum()
    assert elbo < evidence
    assert evidence - elbo == pytest.approx(slabs - log, abs=1e-8)
    assert float(q.elbo(*tensors(x, y), 0.5, 0.2, generator)[0]) == pytest.approx(elbo, rel=0.2, abs=1)


def test_the_prior_is_a_law_on_supports():
    """e^-KL of a point mass on a support of S among T is 1 / C(T, S)."""
    q = SpikeSlab(torch.zeros(1, TOTAL), torch.ones(1, TOTAL), torch.arange(TOTAL)[None] < 5, SHAPES)
    assert float(q.divergence()[0]) == pytest.approx(math.log(math.comb(TOTAL, 5)), rel=1e-6)


def test_it_fits_a_kink_and_its_selection_is_sparse():
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (300, 1))
    y = 2 * np.abs(x[:, 0]) + 0.1 * generator.standard_normal(300)
    model = SparseVariationalRegressor(
        [(2, 3, 8), (12, 3, 8), (97, 3, 8)], sigma=0.1, steps=500, refit_steps=200, restarts=2
    )
    model.fit(x, y)
    grid = np.linspace(-1, 1, 200)[:, None]
    mean, spread = model.predict(grid, return_std=True)
    assert model.architecture_ == (12, 3, 8)
    assert np.sqrt(((mean - 2 * np.abs(grid[:, 0])) ** 2).mean()) < 0.1
    assert 0 < spread.mean() < 0.2
    assert model.nonzeros_ == int(model.posterior_.support.sum())
    assert model.elbo_ == model.elbos_.max()
    assert model.score(x, y) > 0.95
    assert model.log_prior_ == pytest.approx(-math.log(3))


def test_the_noise_is_found():
    generator = np.random.default_rng(1)
    x = generator.uniform(-1, 1, (400, 2))
    y = np.sin(3 * x[:, 0]) * x[:, 1] + 0.3 * generator.standard_normal(400)
    assert noise_by_ridge(x, y, generator) == pytest.approx(0.3, rel=0.15)


def test_scikit_learn_s_checks():
    """Two steps learn nothing, and one check asks for that: it is made below."""
    model = SparseVariationalRegressor([(5, 3, 10)], steps=2, refit_steps=2, restarts=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not inherit from")
        warnings.filterwarnings("ignore", message=".*SCIPY_ARRAY_API")
        results = check_estimator(model, on_fail=None, on_skip=None)
    assert {r["check_name"] for r in results if r["status"] == "failed"} == {"check_regressors_train"}
    assert sum(r["status"] == "passed" for r in results) > 40


def test_the_score_that_scikit_learn_asks_for():
    x, y = make_regression(n_samples=200, n_features=10, n_informative=1, bias=5.0, noise=20, random_state=42)
    model = SparseVariationalRegressor([(20, 3, 10)], steps=250, refit_steps=50, restarts=1)
    assert model.fit(x, y).score(x, y) > 0.5


@pytest.mark.parametrize("log_prior", [0.0, -3.0])
@pytest.mark.parametrize("n", [10, 100, 10_000])
def test_the_bound_is_the_literal_one(n, log_prior):
    ours = SparseNetworkBound(
        layers=4,
        width=30,
        nonzeros=50,
        dimension=3,
        entry=5.0,
        sigma=0.7,
        alpha=0.3,
        approximation=0.2,
        log_prior=log_prior,
    )
    theirs = bound_reference.bound(n, 3, 4, 30, 50, 5.0, 0.7, 0.3, 0.2, log_prior)
    assert ours.bound(n) == pytest.approx(theirs, rel=1e-12)


def test_the_bound_is_laid_over_a_trace():
    bound = SparseNetworkBound(layers=3, width=20, nonzeros=40, sigma=0.2)
    index = np.array([100.0, 1000.0])
    risks = np.array([[0.1, 0.01]]) * np.array([[1.0], [1.001], [1.002], [1.003]])

    def checked(scale):
        return bound.check(
            Trace(index, {"risk": scale * risks}, (End("budget"),) * 4, (0, 1, 2, 3), along="n", optimum=0.0)
        )

    assert checked(1.0).holds
    assert not checked(1000.0).holds
    assert (np.diff(bound.bound(np.geomspace(1, 1e6, 60))) <= 0).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": 2}, "at least 3 layers"),
        ({"dimension": 30}, "least the dimension"),
        ({"nonzeros": 0}, "nonzeros = 0"),
        ({"nonzeros": 482}, "from 1 to 481"),
        ({"alpha": 1.0}, "alpha = 1.0"),
        ({"entry": 1.0}, "entry = 1.0"),
        ({"sigma": 0.0}, "sigma = 0.0"),
        ({"log_prior": 0.1}, "log_prior = 0.1"),
    ],
)
def test_what_the_theorem_does_not_cover_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        SparseNetworkBound(**{"layers": 3, "width": 20, "nonzeros": 40, **changes})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alpha": 1.0}, "alpha = 1.0"),
        ({"sigma": 0.0}, "sigma = 0.0"),
        ({"architectures": []}, "leaves nothing to fit"),
        ({"architectures": [(5, 2, 20)]}, r"\(5, 2, 20\) is not covered"),
        ({"architectures": [(5, 3, 1)]}, "D of at least 2"),
        ({"architecture_prior": "flat"}, "architecture_prior = 'flat'"),
        ({"restarts": 0}, "restarts = 0"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"random_state": -1}, "seed -1"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    x, y, _ = problem()
    with pytest.raises(ValueError, match=said):
        SparseVariationalRegressor(**settings).fit(x, y)
    with pytest.raises(ValueError, match="'depth' is no parameter"):
        SparseVariationalRegressor().set_params(depth=3)
