import sys

import pytest
import scipy.stats
import torch

from tendsto.core.random import Random
from tendsto.sampling import (
    IMQ,
    RBF,
    energy_distance,
    mmd,
    pairs,
    sliced_wasserstein,
    wasserstein,
    wasserstein_1d,
)


def points(purpose, *shape):
    return Random(1).normal(purpose, shape, torch.float64)


def test_energy_distance_is_that_of_scipy_on_the_line():
    x, y = points("x", 3, 30, 1), 1.5 * points("y", 3, 20, 1) + 0.3
    ours = energy_distance(x, y)
    for i in range(3):
        theirs = scipy.stats.energy_distance(x[i, :, 0].numpy(), y[i, :, 0].numpy()) ** 2
        assert abs(ours[i].item() - theirs) < 1e-12


def test_energy_distance_does_not_change_with_a_rotation():
    x, y = points("x", 30, 3), points("y", 20, 3) + 1
    rotation = torch.linalg.qr(points("r", 3, 3))[0]
    torch.testing.assert_close(energy_distance(x, y), energy_distance(x @ rotation, y @ rotation), rtol=0, atol=1e-12)


def test_blocks_change_nothing(monkeypatch):
    x, y = points("x", 2, 9, 2), points("y", 7, 2)
    whole = energy_distance(x, y), mmd(x, y)
    monkeypatch.setattr(pairs, "AT_ONCE", 14)
    torch.testing.assert_close(energy_distance(x, y), whole[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mmd(x, y), whole[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [RBF(0.8), IMQ()])
def test_mmd_is_the_sum_over_pairs(kernel):
    x, y = points("x", 6, 2), points("y", 4, 2) + 0.5

    def mean(a, b):
        u = [[float((p - q) @ (p - q)) for q in b] for p in a]
        u = torch.tensor(u, dtype=torch.float64)
        return ((-u / (2 * 0.64)).exp() if isinstance(kernel, RBF) else (1 + u) ** -0.5).mean()

    torch.testing.assert_close(mmd(x, y, kernel), mean(x, x) + mean(y, y) - 2 * mean(x, y), rtol=1e-10, atol=1e-12)


def test_wasserstein_on_the_line_is_that_of_scipy_and_of_pot():
    x, y = points("x", 2, 9), points("y", 2, 6) + 1
    for i in range(2):
        theirs = scipy.stats.wasserstein_distance(x[i].numpy(), y[i].numpy())
        assert abs(wasserstein_1d(x[i], y[i], p=1).item() - theirs) < 1e-12
    pytest.importorskip("ot")
    torch.testing.assert_close(wasserstein(x[..., None], y[..., None]), wasserstein_1d(x, y), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        sliced_wasserstein(x[..., None], y[..., None], Random(0), 3), wasserstein_1d(x, y), rtol=1e-10, atol=1e-12
    )


def test_wasserstein_of_a_shift_is_its_length_and_slices_see_half_its_square():
    x, shift = points("x", 40, 2), torch.tensor([3.0, 4.0], dtype=torch.float64)
    sliced = sliced_wasserstein(x, x + shift, Random(0), 2000)
    assert abs(sliced.item() - 5 / 2**0.5) < 0.15
    pytest.importorskip("ot")
    assert abs(wasserstein(x, x + shift).item() - 5) < 1e-9


def test_without_pot_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"tendsto\[sampling\]"):
        wasserstein(torch.zeros(1, 2), torch.ones(1, 2))


def test_no_projections_are_refused():
    with pytest.raises(ValueError, match="projections = 0"):
        sliced_wasserstein(points("x", 3, 2), points("y", 3, 2), Random(0), 0)
