"""Kernels, Stein's direction and the kernel Stein discrepancy, against sums over pairs and differentiation."""

import numpy as np
import pytest
import torch
from reference import stein as reference

from tendsto.core.random import Random
from tendsto.sampling import IMQ, RBF, Banana, ksd, ksd_gradients, median_rule, stein_direction
from tendsto.sampling import pairs as pairs_module

x = Random(0).normal("x", (7, 2), torch.float64)
score = Banana().score(x)
H2 = reference.median_rule(x.numpy())
KERNELS = [(RBF(), reference.rbf(H2)), (RBF(0.7), reference.rbf(0.49)), (IMQ(0.8, -0.3), reference.imq(0.64, -0.3))]


def close(ours: torch.Tensor, theirs: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 12, 13])
def test_the_median_is_over_all_pairs_zeros_included(n):
    cloud = Random(n).normal("x", (n, 3), torch.float64)
    close(median_rule(cloud), reference.median_rule(cloud.numpy()))
    # Points that coincide make ties; of few points, so many that the median is 0 and the bandwidth is not by the rule.
    if n < 4:
        return
    cloud = torch.cat([cloud, cloud[:1], cloud[:1]])
    close(median_rule(cloud), reference.median_rule(cloud.numpy()))


def test_one_place_has_a_bandwidth():
    assert median_rule(torch.zeros(1, 2)) == 1
    assert median_rule(torch.ones(6, 2)) == 1
    assert stein_direction(torch.zeros(1, 2), torch.ones(1, 2)).tolist() == [[1.0, 1.0]]


def test_the_median_of_many_particles_is_that_of_evenly_spaced_ones():
    many = Random(0).normal("x", (3000, 2), torch.float64)
    exact = float(torch.cdist(many, many).square().median()) / (2 * np.log(3001))
    assert abs(float(median_rule(many)) / exact - 1) < 0.05


@pytest.mark.parametrize(("kernel", "theirs"), KERNELS)
def test_direction_and_discrepancy_are_sums_over_pairs(kernel, theirs):
    close(stein_direction(x, score, kernel), reference.stein_direction(x.numpy(), score.numpy(), theirs))
    close(ksd(x, score, kernel), reference.ksd(x.numpy(), score.numpy(), theirs))


@pytest.mark.parametrize("kernel", [RBF(0.7), IMQ(0.8, -0.3), RBF(), IMQ(None)])
def test_gradients_of_the_discrepancy_are_those_of_autograd(kernel):
    # Held where it is, as the bandwidth is: a median has no gradient to speak of.
    held = type(kernel)(float(kernel.squared_bandwidth(x)) ** 0.5) if kernel.bandwidth is None else kernel
    if isinstance(kernel, IMQ):
        held = IMQ(held.bandwidth, kernel.power)
    first, second = ksd_gradients(x, score, kernel)
    wanted = torch.func.grad(lambda a, s: ksd(a, s, held), argnums=(0, 1))(x, score)
    close(first, wanted[0], 1e-11)
    close(second, wanted[1], 1e-11)


def test_blocks_and_leading_axes_change_nothing(monkeypatch):
    clouds = Random(1).normal("x", (2, 3, 9, 2), torch.float64)
    scores = Banana().score(clouds)
    functions = [lambda a, s: stein_direction(a, s), lambda a, s: ksd(a, s), lambda a, s: ksd_gradients(a, s)[0]]
    whole = [f(clouds, scores) for f in functions]
    monkeypatch.setattr(pairs_module, "AT_ONCE", 18)
    for f, wanted in zip(functions, whole, strict=True):
        close(f(clouds, scores), wanted)
        close(f(clouds[1, 2], scores[1, 2]), wanted[1, 2])


def test_the_discrepancy_vanishes_on_the_target_only():
    draws = Banana().draw(Random(0), 1500)
    moved = draws + torch.tensor([0.5, 0.0], dtype=torch.float64)
    near, far = ksd(draws, Banana().score(draws)), ksd(moved, Banana().score(moved))
    assert 0 < near < 0.02 < 0.2 < far


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_no_bandwidth_is_refused(bad):
    with pytest.raises(ValueError, match=f"bandwidth = {bad}"):
        RBF(bad)
    with pytest.raises(ValueError, match=r"power = 0\.5"):
        IMQ(power=0.5)
