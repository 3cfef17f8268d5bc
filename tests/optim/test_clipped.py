"""Clipped methods against their literal transcriptions, and what clipping is for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import clipped as reference

from tendsto.core.iterate import iterate
from tendsto.core.random import Random
from tendsto.optim import ClippedSGD, ClippedSSTM, SGDRule, clip
from tendsto.problems import HeavyTails, LeastSquares

SUM = LeastSquares(terms=8, dimension=3)
STEPS = 15


def gradient(x: np.ndarray, i: int) -> np.ndarray:
    a, b = (t.numpy() for t in SUM.data)
    return (a[i] @ x - b[i]) * a[i]


def losses(points: list[np.ndarray]) -> list[float]:
    a, b = (t.numpy() for t in SUM.data)
    return [float(((a @ x - b) ** 2).mean() / 2) for x in points]


def samples() -> list[int]:
    rng = Random(0).fork("oracle").fork("sample")
    return [int(SUM.sample(rng.at(t))[0]) for t in range(1, STEPS + 1)]


@pytest.mark.parametrize("level", [0.4, math.inf])
def test_equals_the_reference(level: float) -> None:
    ours = iterate(ClippedSGD(lr=0.02, level=level, decay=3.0), SUM, steps=STEPS, record=STEPS + 1)["f(x)"][0]
    literal = reference.sgd(np.zeros(3), gradient, samples(), 0.02, level, 3.0)
    np.testing.assert_allclose(ours, losses(literal), rtol=1e-11)
    ours = iterate(ClippedSSTM(smooth=100.0, slowness=2.0, level=level), SUM, steps=STEPS, record=STEPS + 1)["f(x)"][0]
    literal = reference.sstm(np.zeros(3), gradient, samples(), 100.0, 2.0, level)
    np.testing.assert_allclose(ours, losses(literal), rtol=1e-11)


@settings(max_examples=50)
@given(size=st.floats(1e-6, 1e6), level=st.floats(1e-3, 1e3))
def test_clip_equals_torch_and_keeps_what_is_short(size: float, level: float) -> None:
    long, wide = torch.tensor([[3.0, 4.0]], dtype=torch.float64), torch.tensor([12.0], dtype=torch.float64)
    v = {"a": size * long, "b": size * wide}
    clipped, factor = clip(v, level)
    parameters = [torch.nn.Parameter(t.clone()) for t in v.values()]
    for p, t in zip(parameters, v.values(), strict=True):
        p.grad = t.clone()
    torch.nn.utils.clip_grad_norm_(parameters, level)
    for ours, p in zip(clipped.values(), parameters, strict=True):
        # torch divides by the norm plus 1e-6.
        torch.testing.assert_close(ours, p.grad, rtol=1e-6 + 2e-6 / (13 * size), atol=0)
    assert float(factor) == pytest.approx(min(1.0, level / (13 * size)), rel=1e-12)


def test_a_zero_gradient_stays_zero() -> None:
    clipped, factor = clip(torch.zeros(3), 1.0)
    assert torch.equal(clipped, torch.zeros(3))
    assert float(factor) == 1.0


def test_without_noise_or_clipping_it_is_sgd() -> None:
    plain = iterate(SGDRule(lr=0.02), SUM, steps=STEPS, record=STEPS + 1)["f(x)"]
    ours = iterate(ClippedSGD(lr=0.02, level=math.inf), SUM, steps=STEPS, record=STEPS + 1)["f(x)"]
    np.testing.assert_allclose(ours, plain, rtol=1e-12)


def test_finite_variance_is_the_case_alpha_two() -> None:
    rule = ClippedSGD.for_horizon(smooth=2.0, sigma=5.0, alpha=2.0, distance=3.0, horizon=1000, beta=0.1)
    a = math.log(4 * 1000 / 0.1)
    assert rule.lr == pytest.approx(3.0 / (5.0 * math.sqrt(1000 * a)))
    assert rule.level == pytest.approx(3.0 / (rule.lr * a))


def test_clipping_tames_the_tail() -> None:
    problem = HeavyTails(tail=1.7)
    plain = iterate(SGDRule(lr=0.02), problem, steps=300, seeds=400, record=2).final()
    rule = ClippedSGD(lr=0.02, level=5.0)
    tamed = iterate(rule, problem, steps=300, seeds=400, record=2).final()
    assert np.median(tamed) < 1.3 * np.median(plain)
    assert tamed.max() < 0.2 * plain.max()


def test_the_noise_is_what_it_says() -> None:
    problem = HeavyTails(dimension=3, tail=4.0)
    xi = problem.sample(Random(torch.arange(20_000), 0)).numpy()
    lengths = np.linalg.norm(xi, axis=1)
    assert lengths.min() >= 1
    assert np.mean(lengths > 2) == pytest.approx(2.0**-4, rel=0.1)
    assert np.mean(lengths**1.5) == pytest.approx(problem.moment(1.5), rel=0.03)
    np.testing.assert_allclose((xi / lengths[:, None]).mean(axis=0), 0, atol=0.02)


def test_wrong_settings_are_refused() -> None:
    noise = {"smooth": 1.0, "sigma": 1.0, "distance": 1.0, "horizon": 9}
    for make, words in [
        (lambda: ClippedSGD(level=0.0), "level = 0"),
        (lambda: ClippedSGD(decay=-1.0), "decay = -1"),
        (lambda: ClippedSSTM(slowness=0.0), "slowness = 0"),
        (lambda: HeavyTails(tail=1.0), "tail = 1"),
        (lambda: ClippedSGD.for_horizon(**noise, alpha=3.0), "not 3.0 and"),
        (lambda: ClippedSGD.for_horizon(**noise, alpha=2.0, beta=2.0), "beta = 2"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
