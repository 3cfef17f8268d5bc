import scipy.stats
import torch

from tendsto.core.random import Random
from tendsto.sampling import energy_distance


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
