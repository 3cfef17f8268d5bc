"""Points that are not uniform, against the uniform law's exact integrals, Monte Carlo and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from reference.nonuniform_connectivity import expected_isolated

from tendsto.probability import (
    ConnectivityThreshold,
    Disc,
    NonuniformConnectivity,
    Square,
    Torus,
    dkw_band,
    kolmogorov,
)


def sloped(points: np.ndarray) -> np.ndarray:
    return 1 + 3 * points[:, 0]


@pytest.mark.parametrize("domain", [Disc(), Square(), Torus()], ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("k", [1, 3])
def test_a_constant_density_has_the_uniform_law(domain: object, k: int) -> None:
    exact, ours = ConnectivityThreshold(domain, k), NonuniformConnectivity(domain, k=k)
    r = np.array([0.05, 0.08, 0.12])
    np.testing.assert_allclose(ours.expected_isolated(400, r), exact.expected_isolated(400, r), rtol=0.02)


def test_expected_isolated_points_are_those_of_monte_carlo() -> None:
    rng = np.random.default_rng(0)
    law = NonuniformConnectivity(Square(), sloped, k=2)
    points = rng.random((20_000, 2))
    near = law.sample_points(2000, rng)
    want = expected_isolated(points, sloped(points), 300, 0.1, 2, near)
    assert float(law.expected_isolated(300, 0.1)) == pytest.approx(want, rel=0.1)


@pytest.mark.parametrize("poisson", [False, True])
def test_the_largest_link_has_the_predicted_law(poisson: bool) -> None:
    law = NonuniformConnectivity(Torus(), lambda x: 1.5 + np.sin(2 * np.pi * x[:, 0]), poisson=poisson)
    links = np.asarray(law.sample(600, 150, np.random.default_rng(1)).largest_link)
    radii = np.linspace(links.min(), links.max(), 25)
    predicted = law.finite_n_cdf(600, radii)
    assert kolmogorov(links, lambda r: np.interp(r, radii, predicted)) < dkw_band(150)
    # The uniform law is far off: where points are rare the largest link is longer.
    assert kolmogorov(links, lambda r: ConnectivityThreshold(Torus()).finite_n_cdf(600, r)) > 0.5


def test_points_have_the_density_and_their_number_its_law() -> None:
    rng = np.random.default_rng(2)
    law = NonuniformConnectivity(Square(), sloped, poisson=True)
    counts = [len(law.sample_points(50, rng)) for _ in range(400)]
    assert np.mean(counts) == pytest.approx(50, abs=1.5)
    assert np.var(counts) == pytest.approx(50, rel=0.25)
    x = NonuniformConnectivity(Square(), sloped).sample_points(20_000, rng)[:, 0]
    assert kolmogorov(x, lambda t: (t + 1.5 * t * t) / 2.5) < dkw_band(20_000)


def test_a_threshold_is_never_below_the_largest_link() -> None:
    threshold, link = NonuniformConnectivity(Disc(), lambda x: np.exp(x[:, 0])).simulate(200, np.random.default_rng(0))
    assert threshold >= link


def test_bad_input_is_quoted() -> None:
    with pytest.raises(ValueError, match="from -1 to -1"):
        NonuniformConnectivity(Disc(), lambda x: -np.ones(len(x)))
    with pytest.raises(ValueError, match="one positive"):
        NonuniformConnectivity(Disc(), lambda x: np.ones((len(x), 2)))
    with pytest.raises(ValueError, match="k = 0"):
        NonuniformConnectivity(k=0)
    with pytest.raises(TypeError, match="Disc, a Square or a Torus"):
        NonuniformConnectivity("disc")
    with pytest.raises(ValueError, match="where the grid resolves a ball"):
        NonuniformConnectivity().finite_n_cdf(100, 1e-6)
