"""Coin sampling, SVGD and LAWGD against their literal references, in float64, and against other libraries."""

import math

import numpy as np
import pytest
import torch
from reference import stein
from reference.betting import betting
from reference.coin import coin
from reference.coin_betting import regret_bound
from reference.lawgd import lawgd
from reference.svgd import svgd

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Declined
from tendsto.core.random import Random
from tendsto.core.registry import make
from tendsto.sampling import (
    LAWGD,
    Banana,
    Cloud,
    Coin,
    CoinBetting,
    Gaussian,
    KSDDescent,
    Mixture,
    ParticleFlow,
    Score,
    Stein,
    coin_ksdd,
    coin_lawgd,
    coin_svgd,
    ksd,
)
from tendsto.theory import CoinBettingRegret

CLOUD = Cloud(Banana(), particles=6, reference=10)


def score(x):
    return CLOUD.target.score(torch.from_numpy(np.array(x, ndmin=2))).numpy().reshape(np.shape(x))


def run(method, cloud=CLOUD, steps=40):
    oracle = Oracle(cloud, Random(0))
    state = method.init(oracle, Random(0))
    start = state["x"].numpy()
    for _ in range(steps):
        state, _ = method.step(state, oracle, Random(0))
    return start, state["x"].numpy()


def close(ours, theirs, rtol=1e-9):
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


def stein_direction(x):
    return stein.stein_direction(x, score(x), stein.rbf(stein.median_rule(x)))


@pytest.mark.parametrize("adaptive", [False, True])
def test_svgd_is_the_paper_s(adaptive):
    start, ours = run(make("svgd-adagrad" if adaptive else "svgd", lr=0.05))
    close(ours, svgd(start, score, 0.05, 40, adaptive))


@pytest.mark.parametrize(("alpha", "floor"), [(0.0, 1e-10), (5.0, 1e-2)])
def test_coin_svgd_is_the_paper_s(alpha, floor):
    start, ours = run(Coin(Stein(), alpha, floor))
    close(ours, coin(start, stein_direction, 40, alpha, floor))


def test_coin_ksdd_follows_minus_the_gradient_of_the_discrepancy():
    def direction(x):
        point = torch.from_numpy(x)
        return -torch.func.grad(lambda y: ksd(y, CLOUD.target.score(y)))(point).numpy()

    start, ours = run(coin_ksdd(), steps=20)
    close(ours, coin(start, direction, 20))


def test_lawgd_is_the_hermite_series_on_a_gaussian():
    line = Cloud(Gaussian((0.0,), ((1.0,),)), particles=40)
    x = line.init(Random(0))
    direction, oracle = LAWGD(points=800, modes=8), Oracle(line, Random(0))
    close(direction(x, oracle, **direction.prepare(oracle))[:, 0], lawgd(x[:, 0].numpy(), 8), 8e-3)


def test_lawgd_is_the_closed_form_on_a_mixture():
    # grad_1 of the inverse generator's kernel is (F(x) - 1[y <= x]) / pi(x); its mean over a law rho (F_rho - F) / pi.
    target = Mixture(((-1.0,), (1.0,)), (0.3, 0.7), 0.7)
    line = Cloud(target, particles=3)
    direction, oracle = LAWGD(points=1200, modes=100), Oracle(line, Random(0))
    y = torch.linspace(-6, 6, 4001, dtype=torch.float64)[:, None]
    other = Mixture(((-1.0,), (1.0,)), (0.5, 0.5), 0.7)
    p, rho = target.log_density(y).softmax(0), other.log_density(y).softmax(0)
    # Points that stand for rho with equal weights.
    levels = (torch.arange(8000, dtype=torch.float64) + 0.5) / 8000
    points = y[torch.searchsorted(rho.cumsum(0), levels).clamp_max(4000)]
    ours = direction(points, oracle, **direction.prepare(oracle))[:, 0]
    where = ((points[:, 0] + 6) / 12 * 4000).round().long()
    wanted = ((rho - p).cumsum(0) / p)[where] * (12 / 4000)
    inside = points[:, 0].abs() < 1.5
    assert float((ours - wanted)[inside].abs().max()) < 0.02 * float(wanted[inside].abs().max())


def test_a_constant_factor_of_the_direction_cancels():
    halved = run(Coin(lambda x, oracle: 1e-4 * Stein()(x, oracle)))[1]
    close(halved, run(coin_svgd())[1], 1e-5)


def test_the_first_step_moves_every_coordinate_by_one_half():
    start, ours = run(coin_svgd(), steps=1)
    close(np.abs(ours - start), 0.5)


def test_equal_particles_never_separate():
    cloud = Cloud(Gaussian(), particles=4, spread=1e-300, reference=10)
    ours = run(coin_svgd(), cloud)[1]
    close(ours, np.broadcast_to(ours[:1], ours.shape))


def test_svgd_finds_the_mean_of_a_gaussian_exactly():
    # An even kernel's fixed points have sum_ij k_ij s_j = 0, and a symmetric cloud stays so.
    cloud = Cloud(Gaussian((2.0, -1.0)), particles=30, reference=10)
    ours = run(make("svgd", lr=0.3), cloud, 400)[1]
    close(ours.mean(0), [2.0, -1.0], 0.02)


def test_cocob_of_optax_is_the_same_bettor():
    optax = pytest.importorskip("optax")
    import jax

    with jax.enable_x64(True):
        cocob = optax.contrib.cocob(alpha=100.0, eps=1e-8)
        start = CLOUD.init(Random(0).fork("init")).numpy()
        x = jax.numpy.asarray(start)
        state = cocob.init(x)
        for _ in range(30):
            updates, state = cocob.update(jax.numpy.asarray(-score(np.asarray(x))), state, x)
            x = optax.apply_updates(x, updates)
        theirs = np.asarray(x)
    close(run(Coin(Score(), alpha=100.0, floor=1e-8), steps=30)[1], theirs, 1e-6)


def test_betting_is_the_paper_s_and_a_particle_bets_alone():
    start, ours = run(CoinBetting(lipschitz=40.0, wealth=2.0), steps=30)
    for i in range(len(start)):
        close(ours[i], betting(start[i], lambda x: score(x) / 40.0, 30, 2.0))


def test_the_regret_bound_is_the_formula():
    theorem = CoinBettingRegret(lipschitz=3.0, distance=2.0, wealth=0.5)
    assert theorem.bound(7) == pytest.approx(regret_bound(3.0, 2.0, 0.5, 7))
    assert theorem.method_for() == CoinBetting(lipschitz=3.0, wealth=0.5)


def test_there_is_no_step_size_to_give():
    for make_it in (lambda: coin_svgd(lr=0.1), lambda: Coin(Stein(), lr=0.1), lambda: coin_lawgd(lr=0.1)):
        with pytest.raises(TypeError, match="lr"):
            make_it()
    with pytest.raises(ValueError, match="lr"):
        make("coin-svgd", lr=0.1)


def test_lawgd_declines_the_plane_and_says_why():
    with pytest.raises(Declined, match="dimension must be 1, not 2"):
        tt.iterate(coin_lawgd(), CLOUD, steps=1)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: Coin(alpha=-1.0), "alpha = -1"),
        (lambda: Coin(floor=0.0), "floor = 0"),
        (lambda: ParticleFlow(lr=0.0), "lr = 0"),
        (lambda: ParticleFlow(lr=math.inf), "lr = inf"),
        (lambda: LAWGD(modes=400), "modes = 400"),
        (lambda: LAWGD(reach=0.0), "reach = 0"),
        (lambda: CoinBetting(wealth=0.0), "wealth = 0"),
        (lambda: CoinBettingRegret(lipschitz=1.0, distance=1.0, wealth=-1.0), "wealth = -1"),
        (lambda: make("svgd-adagrad", beta=1.0), "beta = 1"),
        (lambda: make("svgd-adagrad", eps=0.0), "eps = 0"),
    ],
)
def test_bad_settings_are_refused(bad, said):
    with pytest.raises(ValueError, match=said):
        bad()


def test_a_user_s_function_is_a_direction_and_lanes_run_it():
    trace = tt.iterate(Coin(_to_the_origin), CLOUD, steps=120, seeds=3)
    assert trace["mean -log pi"].shape[0] == 3
    assert KSDDescent().asks == ("score",)


def _to_the_origin(x, oracle):
    return -x
