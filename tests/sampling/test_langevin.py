"""ULA and MALA against their literal reference, and against what they leave invariant."""

import numpy as np
import pytest
import torch
from reference.langevin import mala

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.sampling import MALA, ULA, Banana, Cloud, Gaussian

CLOUD = Cloud(Banana(), particles=40, reference=10)


def target(name):
    return lambda x: getattr(CLOUD.target, name)(torch.from_numpy(np.array(x))).numpy()


def test_mala_is_the_paper_s():
    oracle, method = Oracle(CLOUD, Random(0)), MALA(lr=0.4)
    state = method.init(oracle, Random(0))
    for step in range(1, 6):
        rng, x = Random(0).at(step), state["x"].numpy()
        noise, uniform = rng.normal("noise", x.shape, torch.float64), rng.uniform("accept", (40,), torch.float64)
        wanted = mala(x, target("log_density"), target("score"), 0.4, noise.numpy(), uniform.numpy())
        state, info = method.step(state, oracle, rng)
        np.testing.assert_allclose(state["x"].numpy(), wanted, rtol=1e-12, atol=1e-12)
        assert 0 < info["acceptance"] < 1
        torch.testing.assert_close(state["score"], CLOUD.target.score(state["x"]))


def test_ula_has_its_biased_variance_and_mala_has_not():
    line = Cloud(Gaussian((0.0,), ((1.0,),)), particles=20_000, reference=10)
    for method, variance in ((ULA(lr=0.5), 1 / (1 - 0.25)), (MALA(lr=0.5), 1.0)):
        oracle = Oracle(line, Random(0))
        state = method.init(oracle, Random(0))
        for step in range(1, 15):
            state, _ = method.step(state, oracle, Random(0).at(step))
        assert abs(float(state["x"].var()) - variance) < 0.04


def test_a_proposal_outside_the_support_is_not_kept():
    box = tt.sampling.LogDensity(1, _inside)
    trace = tt.iterate(MALA(lr=2.0), Cloud(box, particles=200, spread=0.3), steps=50)
    assert trace.ends[0].kind == "budget"
    assert 0 < trace["info.acceptance"][0, -1] < 1


def _inside(x):
    r = x.abs()[..., 0]
    return torch.where(r < 1.5, 0.0 * r, -torch.inf)


@pytest.mark.parametrize("method", [ULA, MALA])
@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_no_step_is_refused(method, lr):
    with pytest.raises(ValueError, match=f"lr = {lr}"):
        method(lr=lr)
