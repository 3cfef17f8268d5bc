"""The reference of the breast cancer posterior, many chains of MALA, against NUTS of another library."""

import numpy as np
import pytest
import torch

from tendsto.atlas.sampling._coin import reference
from tendsto.problems.data import breast_cancer


@pytest.mark.slow
def test_nuts_of_blackjax_finds_the_same_moments():
    blackjax = pytest.importorskip("blackjax")
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    features, labels = breast_cancer()
    train = torch.arange(569) % 5 != 4
    with jax.enable_x64(True):
        rows = jnp.asarray(torch.cat([features, torch.ones(569, 1)], 1)[train].numpy())
        y = jnp.asarray(labels[train].numpy())

        def log_density(theta):
            return -jnp.logaddexp(0.0, -y * (rows @ theta)).sum() - 0.5 * theta @ theta

        warm = blackjax.window_adaptation(blackjax.nuts, log_density)
        (state, found), _ = warm.run(jax.random.key(0), jnp.zeros(31), 1000)
        step = jax.jit(blackjax.nuts(log_density, **found).step)

        def one(state, key):
            state, _ = step(key, state)
            return state, state.position

        draws = np.asarray(jax.lax.scan(one, state, jax.random.split(jax.random.key(1), 10_000))[1])
    mean, deviation, _ = (part.numpy() for part in reference(400, 1500))
    assert np.abs((draws.mean(0) - mean) / deviation).max() < 0.06
    assert np.abs(draws.std(0) / deviation - 1).max() < 0.06
