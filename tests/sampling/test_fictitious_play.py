"""Fictitious play against its literal form, the dual solved by another solver, and its theorem."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import scipy.optimize
import torch
from reference import fictitious_play as reference
from reference import particle_fictitious_play as particles

from tendsto.core.iterate import iterate
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.tree import leaves
from tendsto.sampling import (
    EntropicFictitiousPlay,
    EntropicFunctional,
    MeanFieldLangevin,
    NodeMeasure,
    ParticleFictitiousPlay,
    ParticleMeasure,
    SineNetwork,
    TumourNetwork,
    UserNetwork,
    entropic_examples,
    entropic_problem,
    fictitious_play,
    particle_fictitious_play,
)
from tendsto.testing import check_problem
from tendsto.theory import FictitiousPlayConstant, FictitiousPlayDecreasing

WARM = SineNetwork(temperature=0.3, decay=0.1)


@pytest.mark.parametrize("module", [entropic_examples, entropic_problem, fictitious_play, particle_fictitious_play])
def test_examples_run(module):
    assert doctest.testmod(module).failed == 0


def literal(network):
    nodes, log_weights = network.nodes()
    x, y, h = reference.sine(network.terms)
    return nodes[:, 0].tolist(), float(log_weights[0].exp()), x, y, h, network.temperature, network.decay


@pytest.mark.parametrize("rule", ["constant", "open-loop"])
def test_it_is_the_paper_s_iteration(rule):
    network = SineNetwork(terms=4, points=31)
    problem, setting = NodeMeasure(network), literal(network)
    trace = iterate(EntropicFictitiousPlay(rule, lr=0.3), problem, steps=8, record=9)
    shares = [0.3] * 8 if rule == "constant" else [2 / (s + 2) for s in range(8)]
    start = (problem.init(Random(0)) / setting[1]).tolist()
    densities = reference.play(start, shares, *setting)
    values = np.array([reference.objective(d, *setting) for d in densities])
    np.testing.assert_allclose(trace["L"][0], values[:, 0], rtol=1e-12)
    np.testing.assert_allclose(trace["duality gap"][0], values[:, 0] - values[:, 1], rtol=1e-9, atol=1e-13)


def draws(rng, rounds, inner, count):
    each = [rng.at(s) for s in range(1, rounds + 1)]
    noises = [r.normal("noise 0", (inner, count, 1), torch.float64)[..., 0].tolist() for r in each]
    return each, noises, [r.uniform("replaced", (count, 1), torch.float64)[:, 0].tolist() for r in each]


def test_the_particle_form_is_the_paper_s_given_its_draws():
    network = SineNetwork(terms=4, temperature=0.3, decay=0.1)
    problem, method = ParticleMeasure(network, particles=7), ParticleFictitiousPlay(lr=0.4, inner_steps=3, burn_in=5)
    rng = Random(2)
    each, noises, uniforms = draws(rng, 6, 3, 7)
    early = rng.normal("noise 0", (5, 7, 1), torch.float64)[..., 0].tolist()
    oracle = Oracle(problem, rng)
    state = method.init(oracle, rng)
    x, y, _ = reference.sine(4)
    start = state["x"]
    cloud, f0 = start["particles"][:, 0].tolist(), start["predictions"].tolist()
    found = particles.rounds(cloud, f0, x, y, 0.4, 0.1, 0.3, 0.1, early, noises, uniforms)
    f, fresh, gaps = [f0], [], []
    before = state["fresh"].tolist()
    for at, (reservoir, predictions) in zip(each, found, strict=True):
        state, info = method.step(state, oracle, at)
        np.testing.assert_allclose(state["x"]["particles"][:, 0], reservoir, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(state["x"]["predictions"], predictions, rtol=1e-11, atol=1e-13)
        f.append(predictions)
        fresh.append(state["fresh"].tolist())
        gaps.append(float(info["duality gap"]))
    np.testing.assert_allclose(gaps, particles.duality_gap(f, before, fresh, x, y, 0.4, 0.3), rtol=1e-9, atol=1e-12)


def test_the_gap_is_the_difference_of_primal_and_dual():
    """To 1e-10, and the value that was found elsewhere for these data."""
    network = SineNetwork()
    mu = NodeMeasure(network).init(Random(0))
    difference = network.primal(mu) - network.dual(network.predictions(mu))
    assert float(network.duality_gap(mu)) == pytest.approx(4.42131152227598, abs=1e-10)
    assert float(difference) == pytest.approx(4.42131152227598, abs=1e-10)


def logistic():
    x = torch.linspace(-2, 2, 12, dtype=torch.float64)[:, None]
    y = torch.where(x[:, 0].sin() > 0.3, 1.0, -1.0)
    return UserNetwork(
        x, y, lambda t, x: 3 * torch.tanh(t[..., :1] * x[:, 0] + t[..., 1:]), 2, loss="logistic", draws=500
    )


@pytest.mark.parametrize("network", [SineNetwork(), WARM, logistic()], ids=["cold", "warm", "logistic"])
def test_another_solver_of_the_dual_finds_the_same_optimum(network):
    """min over g of -D(g), with the conjugates written out and integrals by the same sums."""
    nodes, log_weights = network.nodes()
    h, y, n = network.unit(nodes), network.targets, len(network.targets)

    def negative(g):
        g = torch.from_numpy(g).requires_grad_()
        u = -g * y
        conjugate = g**2 / 2 + g * y if network.loss == "squared" else torch.xlogy(u, u) + torch.xlogy(1 - u, 1 - u)
        energy = h @ g / n + network.decay * (nodes**2).sum(-1)
        value = conjugate.mean() + network.temperature * (log_weights - energy / network.temperature).logsumexp(0)
        value.backward()
        return value.item(), g.grad.numpy()

    start = network.slopes(torch.zeros(n, dtype=torch.float64)).numpy()
    eps = 1e-9
    box = [(-(eps**-1), eps**-1)] * n
    if network.loss == "logistic":
        box = [(-1 + eps, -eps) if v > 0 else (eps, 1 - eps) for v in y]
    best = scipy.optimize.minimize(
        negative,
        start,
        jac=True,
        bounds=box,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000},
    )
    assert -best.fun == pytest.approx(network.optimum(), abs=1e-8)
    assert float(network.duality_gap(network.solution())) < 1e-10


def test_the_optimum_does_not_depend_on_the_grid():
    assert SineNetwork(points=601, reach=8.0).optimum() == pytest.approx(SineNetwork().optimum(), abs=1e-10)


@pytest.mark.parametrize("network", [WARM, TumourNetwork(draws=3)], ids=["sine", "tumour"])
def test_drifts_are_gradients_of_the_potential(network):
    theta = Random(1).normal("theta", (5, network.dimension), torch.float64)
    g = Random(1).normal("g", network.targets.shape, torch.float64)
    torch.testing.assert_close(
        network.drift(theta, g), EntropicFunctional.drift(network, theta, g), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("lr", [0.5, 0.1, 0.02])
def test_the_theorem_holds_at_all_rounds(lr):
    problem = NodeMeasure()
    known = problem.constants()
    row = FictitiousPlayConstant(smooth=known.smooth, diameter=known.diameter, gap=known.gap, lr=lr)
    check = row.check(iterate(row.method_for(), problem, steps=400, record=401))
    assert check.holds, check.sentence
    decreasing = FictitiousPlayDecreasing(smooth=known.smooth, diameter=known.diameter)
    assert decreasing.check(iterate(decreasing.method_for(), problem, steps=100, record=101)).holds


def test_it_stops_where_the_gap_is_certified():
    trace = iterate(EntropicFictitiousPlay(lr=0.02, tolerance=0.05), NodeMeasure(), steps=100, record=101)
    gap, certified = trace.gap()[0], trace["duality gap"][0]
    assert certified[-1] <= 0.05 < certified[int((certified > 0.05).sum()) - 1]
    assert (certified[certified <= 0.05] == certified[-1]).all()
    assert (gap <= certified + 1e-12).all()


def test_the_estimated_gap_follows_the_exact_one():
    """The chains start at nu, as the exact run does here; the estimate bounds from above, up to sampling."""
    exact = iterate(EntropicFictitiousPlay(lr=0.05), NodeMeasure(WARM, 0.0, WARM.spread), steps=40, record=41)
    trace = iterate(ParticleFictitiousPlay(), ParticleMeasure(WARM, particles=2000), steps=40, record=41)
    estimate, true = trace["info.duality gap"][0, 1:], exact["duality gap"][0, :-1]
    assert (estimate > true - 0.01).all()
    assert (estimate < true + 0.3).all()
    assert estimate[-1] < 0.03


def test_memory_does_not_grow_with_rounds():
    problem, method, rng = ParticleMeasure(WARM, particles=50), ParticleFictitiousPlay(inner_steps=2), Random(0)
    oracle = Oracle(problem, rng)
    state = method.init(oracle, rng)
    size = sum(leaf.numel() for leaf in leaves(state))
    for s in range(1, 20):
        state, _ = method.step(state, oracle, rng.at(s))
    assert sum(leaf.numel() for leaf in leaves(state)) == size == 2 * 50 + 3 * 20 + 3


def test_the_reservoir_predicts_what_the_predictions_say():
    trace_free = ParticleMeasure(WARM, particles=4000)
    method, rng = ParticleFictitiousPlay(lr=0.3, inner_steps=5), Random(0)
    oracle = Oracle(trace_free, rng)
    state = method.init(oracle, rng)
    for s in range(1, 16):
        state, _ = method.step(state, oracle, rng.at(s))
    own = trace_free.outputs(state["x"]["particles"]).mean(0)
    assert float((own - state["x"]["predictions"]).abs().max()) < 0.1
    assert float((state["x"]["particles"] - state["chains"]).abs().max()) > 0.1


def test_estimated_integrals_make_a_problem_too():
    check_problem(NodeMeasure(TumourNetwork(draws=20)))


def test_a_user_s_network_is_trained():
    network = logistic()
    trace = iterate(EntropicFictitiousPlay(lr=0.05), NodeMeasure(network, start=1.0), steps=150)
    assert trace.gap()[0, -1] < 1e-3
    trace = iterate(ParticleFictitiousPlay(lr=0.1), ParticleMeasure(network, particles=200), steps=40)
    assert trace["mean loss"][0, -1] < 0.6 * trace["mean loss"][0, 0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SineNetwork(temperature=0.0), "temperature = 0.0"),
        (lambda: SineNetwork(decay=-1.0), "else no Gibbs measure is a law"),
        (lambda: TumourNetwork(size=0.0), "size = 0.0"),
        (lambda: EntropicFictitiousPlay(lr=1.5), "lr = 1.5 mixes no two measures"),
        (lambda: EntropicFictitiousPlay("greedy"), "rule = 'greedy'"),
        (lambda: EntropicFictitiousPlay(tolerance=-1.0), "tolerance = -1.0"),
        (lambda: ParticleFictitiousPlay(inner_lr=0.0), "inner_lr = 0.0"),
        (lambda: ParticleFictitiousPlay(inner_steps=0), "inner_steps = 0"),
        (lambda: ParticleFictitiousPlay(burn_in=-1), "burn_in = -1"),
        (lambda: MeanFieldLangevin(lr=-0.1), "lr = -0.1"),
        (lambda: ParticleMeasure(particles=0), "particles = 0"),
        (lambda: NodeMeasure(spread=0.0), r"N\(2.0, 0.0\^2\) is no law"),
        (lambda: FictitiousPlayConstant(smooth=1.0, diameter=0.0), "diameter = 0.0"),
        (lambda: user(y=torch.tensor([0.0, 2.0]), loss="logistic"), "needs -1 and"),
        (lambda: user(y=torch.tensor([0.0, torch.nan])), r"y\[1\] is nan"),
        (lambda: user(y=torch.zeros(3)), r"\(n, d\) and \(n,\)"),
        (lambda: user(loss="hinge"), "loss = 'hinge'"),
        (lambda: user(neuron=lambda t, x: t[..., :1]), "one number an input"),
    ],
)
def test_bad_settings_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def user(y=None, loss="squared", neuron=lambda t, x: t @ x.T):
    x = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    return UserNetwork(x, torch.zeros(2) if y is None else y, neuron, 2, loss=loss)
