import pytest
import torch

from tendsto.core.random import Random
from tendsto.sampling import Cloud, Gaussian, LogDensity
from tendsto.testing import check_problem


def test_it_keeps_the_promises_of_a_problem():
    check_problem(Cloud(Gaussian(), particles=5, reference=40))


def test_exact_draws_are_nearer_than_the_start():
    cloud = Cloud(Gaussian((3.0, 0.0)), particles=200)
    near = cloud.criterion(cloud.target.draw(Random(5), 200))
    assert near < 0.05 < cloud.criterion(cloud.init(Random(0)))


def test_without_exact_draws_the_criterion_is_the_density():
    cloud = Cloud(LogDensity(2, lambda x: -(x**2).sum(-1)), particles=3)
    x = cloud.init(Random(0))
    torch.testing.assert_close(cloud.criterion(x), (x**2).sum(-1).mean())


@pytest.mark.parametrize("bad", [{"particles": 0}, {"reference": 0}, {"spread": 0.0}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match=r"must be|above 0"):
        Cloud(Gaussian(), **bad)
