"""FB-GVI against another library's Gaussian variational inference, which is stochastic: to its noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tendsto.sampling import LogisticPosterior, bures_wasserstein_distance, fit_gaussian


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_numpyro_finds_the_same_gaussian() -> None:
    numpyro: Any = pytest.importorskip("numpyro")
    infer: Any = pytest.importorskip("numpyro.infer")
    autoguide: Any = pytest.importorskip("numpyro.infer.autoguide")
    jax: Any = pytest.importorskip("jax")
    posterior = LogisticPosterior.synthetic(3, 15)
    rows = np.array(posterior.rows)

    def model() -> None:
        x = numpyro.sample("x", numpyro.distributions.Normal(0, 1).expand([3]).to_event(1))
        numpyro.factor("likelihood", -jax.numpy.logaddexp(0, -rows @ x).sum())

    guide = autoguide.AutoMultivariateNormal(model)
    steps = numpyro.optim.Adam(lambda i: 0.02 / (1 + i / 1000))
    svi = infer.SVI(model, guide, steps, infer.Trace_ELBO(num_particles=32))
    found = svi.run(jax.random.PRNGKey(0), 6000, progress_bar=False).params
    law = guide.get_posterior(found)
    ours = fit_gaussian(posterior)
    mean, cov = (torch.from_numpy(np.array(a, np.float64)) for a in (law.mean, law.covariance_matrix))
    apart = float(bures_wasserstein_distance(ours.mean, ours.cov, mean, 0.5 * (cov + cov.T)))
    assert apart < 0.03 * float(ours.cov.trace()) ** 0.5
