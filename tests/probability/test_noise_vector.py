"""Smoothed shapes in several dimensions against differences of the density, and the products against the mixtures."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from reference import noise_vector as reference

from tendsto.probability import noise_vector as module
from tendsto.probability.noise import LaplaceNoise, MixtureNoise
from tendsto.probability.noise_vector import ProductNoise, VectorMixtureNoise

WEIGHTS, MEANS = [0.6, 0.4], [[0.0, 0.0], [1.0, -1.0]]
COVARIANCES = [[[1.0, 0.3], [0.3, 0.5]], [[0.2, 0.0], [0.0, 0.0]]]
MIXTURE = VectorMixtureNoise(WEIGHTS, MEANS, COVARIANCES)
TURN = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
PRODUCT = ProductNoise(
    [MixtureNoise((0.8, 0.2), (0, 0), (1, 0.1)), LaplaceNoise(0.5), MixtureNoise([1], [1], [2])], TURN
)


def test_examples_run():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("smoothing", [0.4, np.array([[0.5, 0.2], [0.2, 0.3]])])
def test_score_is_the_gradient_of_the_log_density(smoothing):
    x = np.array([[0.3, -0.2], [2.0, 1.0], [1.0, -1.1]])
    added = smoothing**2 * np.eye(2) if np.ndim(smoothing) == 0 else smoothing
    expected = [reference.score(row, WEIGHTS, MEANS, COVARIANCES, added) for row in x]
    assert MIXTURE.score(x, smoothing) == pytest.approx(np.array(expected), abs=1e-7)
    assert MIXTURE.score(x[None], smoothing)[0] == pytest.approx(np.array(expected), abs=1e-7)


def test_information_of_a_gaussian_is_the_inverse_covariance():
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]])
    found = VectorMixtureNoise([1.0], [[0.0, 0.0]], [covariance]).information(0.5)
    expected = np.linalg.inv(covariance + 0.25 * np.eye(2))
    assert (np.abs(found.value - expected) < 4 * found.error).all()
    assert (found.error < 0.03 * np.abs(expected).max()).all()


def test_a_product_of_mixtures_is_a_mixture():
    narrow = MixtureNoise((0.8, 0.2), (0.0, 0.0), (1.0, 0.1))
    product = ProductNoise(
        [narrow, MixtureNoise([1.0], [0.0], [0.7])], TURN[:2, :2] * 0 + np.array([[0, 1.0], [1.0, 0]])
    )
    mixture = VectorMixtureNoise([0.8, 0.2], np.zeros((2, 2)), [np.diag([0.49, s**2]) for s in (1.0, 0.1)])
    x = np.random.default_rng(1).standard_normal((5, 2))
    assert product.score(x, 0.3) == pytest.approx(mixture.score(x, 0.3), abs=1e-12)
    found = mixture.information(0.3)
    assert (np.abs(product.information(0.3).value - found.value) < 4 * found.error + 1e-12).all()
    assert product.covariance == pytest.approx(mixture.covariance, abs=1e-12)


@pytest.mark.parametrize("noise", [MIXTURE, PRODUCT])
def test_samples_have_their_mean_covariance_and_information(noise):
    rng = np.random.default_rng(3)
    sample = noise.sample((4, 20_000), rng).reshape(-1, noise.dimension)
    assert sample.mean(axis=0) == pytest.approx(noise.mean, abs=0.05)
    assert np.cov(sample.T) == pytest.approx(noise.covariance, abs=0.1)
    score = noise.score(sample + 0.5 * rng.standard_normal(sample.shape), 0.5)
    assert score.mean(axis=0) == pytest.approx(np.zeros(noise.dimension), abs=0.03)
    assert score.T @ score / len(score) == pytest.approx(noise.information(0.5).value, abs=0.05)


def test_bad_shapes_are_named():
    singular = VectorMixtureNoise([1.0], [[0.0, 0.0]], [np.diag([1.0, 0.0])])
    questions = {
        "0 coordinates": lambda: ProductNoise([]),
        "an orthogonal 1 x 1 is needed": lambda: ProductNoise([LaplaceNoise()], [[2.0]]),
        r"smoothing of shape \(3, 3\): .* needs a width": lambda: PRODUCT.score(np.zeros(3), np.eye(3)),
        "are no mixture in R": lambda: VectorMixtureNoise([1.0], [0.0], [[1.0]]),
        "probabilities and finite means": lambda: VectorMixtureNoise([0.5], [[0.0]], [[[1.0]]]),
        "eigenvalue -1 is no covariance": lambda: VectorMixtureNoise([1.0], [[0.0, 0.0]], [np.diag([1.0, -1.0])]),
        "a finite symmetric 2 x 2": lambda: VectorMixtureNoise([1.0], [[0.0, 0.0]], [[[1.0, 1.0], [0.0, 1.0]]]),
        "stays singular": lambda: singular.score(np.zeros(2), np.diag([1.0, 0.0])),
        "r = -1.0 is no width": lambda: singular.score(np.zeros(2), -1),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
