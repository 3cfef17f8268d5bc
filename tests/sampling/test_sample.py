"""sample returns particles; to_arviz makes them ArviZ's."""

import sys

import numpy as np
import pytest
import torch

import tendsto as tt
from tendsto.core.problem import Declined
from tendsto.sampling import ULA, Cloud, Gaussian, coin_lawgd, sample, svgd, to_arviz


def test_the_particles_are_those_of_the_loop():
    cloud = Cloud(Gaussian(), particles=15, reference=100)
    result = sample(cloud, svgd(lr=0.3), steps=50, seed=3, record=11)
    assert result.particles.shape == (15, 2)
    assert result.history.shape == (len(result.trace.index), 15, 2)
    assert torch.equal(result.history[-1], result.particles)
    torch.testing.assert_close(cloud.criterion(result.particles).item(), result.trace.final()[0])
    plain = tt.iterate(svgd(lr=0.3), cloud, steps=50, seeds=[3], record=11)
    np.testing.assert_array_equal(plain["energy distance"], result.trace["energy distance"])
    assert list(result.trace.values) == list(plain.values)


def test_without_a_method_it_needs_no_learning_rate():
    result = sample(Gaussian((3.0, 0.0)), steps=300)
    assert result.trace.final()[0] < 0.02


def test_what_leaves_the_target_is_an_error_that_says_when():
    with pytest.raises(ValueError, match=r"at iteration \d+: .*use a smaller lr"):
        sample(Gaussian(), ULA(lr=50.0), steps=400)
    with pytest.raises(Declined, match="dimension must be 1"):
        sample(Gaussian(), coin_lawgd(), steps=3)


def test_arviz_sees_chains_and_draws():
    arviz = _arviz()
    result = sample(Cloud(Gaussian(), particles=4, reference=10), ULA(lr=0.2), steps=300, record=400)
    data = to_arviz(result.history[100:].transpose(0, 1), names=["a", "b"])
    assert data.posterior["a"].shape == (4, 201)
    np.testing.assert_array_equal(data.posterior["b"].values[1], result.history[100:, 1, 1].numpy())
    assert arviz.summary(data).loc["a", "mean"] == pytest.approx(float(result.history[100:, :, 0].mean()), abs=1e-3)
    assert result.to_arviz().posterior["x1"].shape == (1, 4)


def _arviz():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return pytest.importorskip("arviz")


def test_without_arviz_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(ImportError, match=r"tendsto\[sampling\]"):
        to_arviz(torch.zeros(3, 2))


def test_draws_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        to_arviz(torch.zeros(3))
    with pytest.raises(ValueError, match="2 different ones"):
        to_arviz(torch.zeros(3, 2), names=["a", "a"])
