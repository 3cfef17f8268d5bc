import numpy as np
import pytest

import tendsto as tt
from tendsto.core.registry import make
from tendsto.engines.lanes import TRACED_FROM


@pytest.mark.parametrize("name", ["char-lm", "digits-cnn", "digits-mlp", "movielens"])
def test_networks_run_as_recorded_lanes(name: str) -> None:
    problem = make(name, **make(name).small, precision="float64")
    rule = make("adam", lr=1e-2)
    steps = TRACED_FROM + 1
    lanes = tt.iterate(rule, problem, steps=steps, seeds=2, record=5)
    alone = tt.iterate(rule, problem, steps=steps, seeds=2, record=5, lanes=False)
    for quantity in alone.values:
        assert np.allclose(lanes[quantity], alone[quantity], rtol=1e-7, atol=1e-12, equal_nan=True)
    assert (lanes.final() < lanes[lanes.criterion][:, 0]).all()
