"""The estimator against a value-by-value transcription, the mean, maximum likelihood, and its own guarantee."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from reference import smoothed_location as reference
from scipy.optimize import minimize_scalar

from tendsto.probability import robust_centre, smoothed_location
from tendsto.probability.noise import GridNoise, LaplaceNoise, MixtureNoise
from tendsto.probability.noise_vector import ProductNoise, VectorMixtureNoise
from tendsto.probability.robust_centre import initial_location, median_of_means
from tendsto.probability.smoothed_location import SmoothedLocation, second_order, smoothed_newton

SPIKE = MixtureNoise((0.8, 0.2), (0.0, 0.0), (1.0, 0.02))
SKEW = MixtureNoise((0.5, 0.5), (-1.0, 2.0), (0.3, 1.0))
NORMAL = MixtureNoise([1.0], [0.0], [1.5])


@pytest.mark.parametrize("module", [robust_centre, smoothed_location])
def test_examples_run(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("noise", [SPIKE, SKEW])
@pytest.mark.parametrize("steps", [1, 3])
def test_newton_steps_equal_the_transcription(noise, steps):
    r, x = 0.3, 5.0 + noise.sample(40, np.random.default_rng(0))
    found = smoothed_newton(x, noise, r, 5.1, np.random.default_rng(1), steps=steps)
    added, at = r * np.random.default_rng(1).standard_normal(40), 5.1
    for _ in range(steps):

        def score(z):
            return reference.mixture_score(z, noise.weights, noise.means, noise.scales, r)

        at = reference.estimate(x, added, at, score, noise.information(r).value)
    assert found == pytest.approx(at, rel=1e-12)


def test_the_quantile_matched_is_the_one_that_tells_most():
    # The median of two separate bumps lies where there is no data; that of one symmetric bump is best.
    x = SKEW.sample((2000, 100), np.random.default_rng(0))
    errors = {how: initial_location(x, SKEW, how, 0.05).std() for how in ("quantile", "median", "median-of-means")}
    assert errors["quantile"] < 0.5 * min(errors["median"], errors["median-of-means"])
    y = LaplaceNoise().sample((5, 100), np.random.default_rng(0))
    quantile, median = (initial_location(y, LaplaceNoise(), how, 0.05) for how in ("quantile", "median"))
    assert (quantile == median).all()


def test_many_samples_at_once_are_each_alone():
    x = SKEW.sample((3, 50), np.random.default_rng(0))
    first = initial_location(x, SKEW, "median", 0.05)
    together = smoothed_newton(x, SKEW, 0.3, first, np.random.default_rng(1))
    added = 0.3 * np.random.default_rng(1).standard_normal((3, 50))
    for row, z, start, found in zip(x, added, first, together, strict=True):

        def score(v):
            return reference.mixture_score(v, SKEW.weights, SKEW.means, SKEW.scales, 0.3)

        assert found == pytest.approx(reference.estimate(row, z, start, score, SKEW.information(0.3).value), rel=1e-10)


def test_median_of_means_equals_the_transcription():
    x = np.random.default_rng(0).standard_normal((4, 23))
    for blocks in (1, 4, 5, 23):
        expected = [reference.median_of_means(list(row), blocks) for row in x]
        assert median_of_means(x, blocks) == pytest.approx(np.array(expected), abs=1e-12)
    # In one dimension the geometric median of an odd number of means is the median.
    vector = median_of_means(x[..., None], 5, vector=True)[:, 0]
    assert vector == pytest.approx(median_of_means(x, 5), abs=1e-2)


@pytest.mark.parametrize("noise", [NORMAL, ProductNoise([NORMAL, NORMAL])])
def test_gaussian_noise_gives_the_mean_of_what_was_smoothed(noise):
    # The score is linear: one step from anywhere is exact, its variance (σ² + r²)/n.
    rng, vector = np.random.default_rng(0), isinstance(noise, ProductNoise)
    x = 3.0 + noise.sample((2000, 20), rng)
    start = np.full((2000, 2) if vector else 2000, -7.0)
    found = smoothed_newton(x, noise, 0.8, start, np.random.default_rng(1))
    added = 0.8 * np.random.default_rng(1).standard_normal(x.shape)
    assert found == pytest.approx((x + added).mean(axis=1), abs=1e-10)
    assert 20 * found.var(axis=0) == pytest.approx(1.5**2 + 0.8**2, rel=0.1)


def test_more_steps_reach_the_smoothed_maximum_likelihood():
    x = 1.0 + LaplaceNoise(1.0).sample(200, np.random.default_rng(0))
    noise, r = LaplaceNoise(1.0), 0.4
    found = smoothed_newton(x, noise, r, np.median(x), np.random.default_rng(1), steps=30)
    z = x + r * np.random.default_rng(1).standard_normal(200)
    best = minimize_scalar(lambda at: -noise.log_density(z - at, r).sum(), bounds=(0, 2), method="bounded",
                           options={"xatol": 1e-10}).x  # fmt: skip
    assert found == pytest.approx(best, abs=1e-5)


def test_accuracy_is_that_of_the_smoothed_information():
    # Dossier check 1, a tenth of its size: n MSE I_r near 1, thirty times below the mean.
    n, r, rng = 400, 0.05, np.random.default_rng(5)
    x = SPIKE.sample((2000, n), rng)
    found = smoothed_newton(x, SPIKE, r, initial_location(x, SPIKE, "median", 0.05), rng)
    error = n * np.mean(found**2)
    assert error * SPIKE.information(r).value == pytest.approx(1.0, abs=0.12)
    assert n * np.mean(x.mean(axis=1) ** 2) > 20 * error
    # Averaging over draws of the added noise is a variance reduction.
    averaged = smoothed_newton(x[:500], SPIKE, 0.4, np.zeros(500), rng, draws=20)
    once = smoothed_newton(x[:500], SPIKE, 0.4, np.zeros(500), rng)
    assert averaged.var() < 0.85 * once.var()


def test_the_estimator_is_equivariant_and_repeats():
    x = SPIKE.sample(300, np.random.default_rng(0))
    one, moved, again = (SmoothedLocation(SPIKE).fit(v) for v in (x, x + 10.0, x))
    assert moved.location_ == pytest.approx(one.location_ + 10.0, abs=1e-9)
    assert again.location_ == one.location_
    assert SmoothedLocation(SPIKE, random_state=1).fit(x).location_ != one.location_
    assert one.fisher_ == pytest.approx(SPIKE.information(one.smoothing_).value)


@pytest.mark.parametrize("noise", [SPIKE, LaplaceNoise(1.0), SKEW])
def test_the_radius_covers_the_location(noise):
    # At least 95 % by the theorem, with room: three misses in 40 would be a surprise.
    rng = np.random.default_rng(7)
    inside = []
    for _ in range(40):
        fitted = SmoothedLocation(noise, smoothing=0.3, random_state=rng).fit(noise.sample(400, rng) + 2.0)
        inside.append(abs(fitted.location_ - 2.0) <= fitted.radius_)
    assert np.mean(inside) >= 0.93


def test_auto_smoothing_shrinks_with_n_and_keeps_its_promise():
    widths = []
    for n in (20, 100, 400, 2000):
        fitted = SmoothedLocation(SPIKE).fit(SPIKE.sample(n, np.random.default_rng(0)))
        assert [a.answer for a in fitted.assumptions_] == ["holds", "holds"]
        widths.append(fitted.smoothing_)
    assert (np.diff(widths) < 0).all()
    rule = SmoothedLocation(SPIKE, smoothing="rule").fit(SPIKE.sample(400, np.random.default_rng(0)))
    assert rule.smoothing_ == pytest.approx(math.sqrt(SPIKE.variance) * (math.log(20) / 400) ** 0.125)


def test_the_bound_is_refused_where_a_hypothesis_fails():
    x = SPIKE.sample(20, np.random.default_rng(0))
    near = SmoothedLocation(SPIKE, smoothing=0.05).fit(x)
    with pytest.raises(ValueError, match=r"apply: nearness of the first estimate fails: from an error of up to"):
        _ = near.radius_
    assert SmoothedLocation(SPIKE, smoothing=0.4).fit(x).radius_ > 0
    few = SmoothedLocation(SPIKE).fit(x[:5])
    with pytest.raises(ValueError, match="from an error of up to inf"):
        _ = few.radius_
    grid = np.linspace(-200, 200, 8001)
    heavy = GridNoise(grid, (1 + grid**2) ** -1.25, spread=math.inf)
    fitted = SmoothedLocation(heavy, smoothing=0.5).fit(heavy.sample(200, np.random.default_rng(0)))
    with pytest.raises(ValueError, match="finite variance fails: it is inf"):
        _ = fitted.radius_
    with pytest.raises(ValueError, match="noise without variance has no width"):
        SmoothedLocation(heavy).fit(np.arange(20.0))


def test_second_order_grows_with_the_first_error_and_vanishes_with_n():
    found = [second_order(SPIKE, 0.1, 100, 0.05, e) for e in (0.01, 0.1, 0.3)]
    assert found == sorted(found)
    assert found[0] < 0.02 < 1 < found[-1]


def test_in_several_dimensions():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    noise = ProductNoise([SPIKE, NORMAL, LaplaceNoise(0.5)], turn)
    where = np.array([1.0, -2.0, 5.0])
    x = where + noise.sample(3000, np.random.default_rng(1))
    fitted = SmoothedLocation(noise).fit(x)
    assert fitted.location_.shape == (3,)
    assert fitted.fisher_.shape == (3, 3)
    assert np.linalg.norm(fitted.location_ - where) < fitted.radius_
    inverse = np.linalg.inv(fitted.fisher_)
    expected = 1.1 * math.sqrt(np.trace(inverse) / 3000)
    expected += 5 * math.sqrt(np.linalg.eigvalsh(inverse)[-1] * math.log(80) / 3000)
    assert fitted.radius_ == pytest.approx(expected)
    # The same shape in each column, given once.
    columns = SmoothedLocation(SPIKE, smoothing=0.2).fit(SPIKE.sample((500, 2), np.random.default_rng(2)))
    assert columns.fisher_ == pytest.approx(np.eye(2) * SPIKE.information(0.2).value)


def test_a_covariance_as_smoothing():
    noise = VectorMixtureNoise([1.0], [[0.0, 0.0]], [np.diag([4.0, 1.0])], draws=200_000)
    smoothing = np.array([[1.0, 0.5], [0.5, 1.0]])
    x = noise.sample(4000, np.random.default_rng(0))
    fitted = SmoothedLocation(noise, smoothing=smoothing).fit(x)
    # Gaussian noise: near the mean, up to what was added.
    assert fitted.location_ == pytest.approx(x.mean(axis=0), abs=0.06)
    assert [a.answer for a in fitted.assumptions_] == ["holds", "unknown"]
    assert fitted.radius_ > 0


def test_it_takes_data_frames_and_settings_by_name():
    pandas = pytest.importorskip("pandas")
    x = SPIKE.sample(100, np.random.default_rng(0))
    plain = SmoothedLocation(SPIKE, smoothing=0.2).fit(x).location_
    assert SmoothedLocation(SPIKE, smoothing=0.2).fit(pandas.Series(x)).location_ == plain
    assert SmoothedLocation(SPIKE, smoothing=0.2).fit(pandas.DataFrame({"a": x})).location_ == plain
    copy = SmoothedLocation(**SmoothedLocation(SPIKE).get_params()).set_params(smoothing=0.2)
    assert copy.fit(x).location_ == plain
    clone = pytest.importorskip("sklearn.base").clone
    assert clone(copy).get_params()["smoothing"] == 0.2


def test_bad_input_is_named():
    x = SPIKE.sample(30, np.random.default_rng(0))
    product = ProductNoise([SPIKE, SPIKE])
    questions = {
        r"a sample of shape \(0,\) has no location": lambda: SmoothedLocation(SPIKE).fit([]),
        r"a sample of shape \(1,\) has no location": lambda: SmoothedLocation(SPIKE).fit([1.0]),
        "1 of 3 values are not finite": lambda: SmoothedLocation(SPIKE).fit([1.0, math.nan, 2.0]),
        "column 0 of the sample is constant": lambda: SmoothedLocation(SPIKE).fit([2.0, 2.0, 2.0]),
        "column 1 of the sample is constant": lambda: SmoothedLocation(SPIKE).fit([[2.0, 1.0], [3.0, 1.0]]),
        "does not have the noise's 2 columns": lambda: SmoothedLocation(product).fit(x),
        "'small' is unknown": lambda: SmoothedLocation(SPIKE, smoothing="small").fit(x),
        "r = -0.1 is no width": lambda: SmoothedLocation(SPIKE, smoothing=-0.1).fit(x),
        "delta 1.5 must lie": lambda: SmoothedLocation(SPIKE, delta=1.5).fit(x),
        "0 steps and 1 draws": lambda: SmoothedLocation(SPIKE, steps=0).fit(x),
        "initial 'mode' is unknown": lambda: SmoothedLocation(SPIKE, initial="mode").fit(x),
        "a median is taken on the line": lambda: SmoothedLocation(product, initial="median").fit(x.reshape(-1, 2)),
        "3 values do not fill 4 blocks": lambda: median_of_means([1.0, 2.0, 3.0], 4),
        "'width' is no setting": lambda: SmoothedLocation(SPIKE).set_params(width=1),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
    with pytest.raises(TypeError, match="is no shape"):
        SmoothedLocation("laplace").fit(x)
    with pytest.raises(TypeError, match="on the line a number is needed"):
        SmoothedLocation(SPIKE, smoothing=np.eye(2)).fit(x)
