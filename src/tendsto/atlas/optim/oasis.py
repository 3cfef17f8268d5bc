"""Doubly Adaptive Scaled Algorithm for Machine Learning Using Second-Order Information (Jahani et al., 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tendsto.atlas.curve import curve
from tendsto.core.measure import Measure
from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.race import logspace
from tendsto.core.random import Random
from tendsto.core.trace import Array, Trace
from tendsto.optim import OASIS, Adam, AdGD, OASISMethod
from tendsto.problems import Logistic, ScaledLogistic
from tendsto.theory import OASISFixedPolyakLojasiewicz, OASISFixedSmooth

paper = Paper(
    key="oasis",
    number="P112",
    arxiv="2109.05198",
    title="Doubly Adaptive Scaled Algorithm for Machine Learning Using Second-Order Information",
    authors=("Majid Jahani, Sergey Rusakov, Zheng Shi, Peter Richtárik, Michael W. Mahoney, Martin Takáč"),
    year=2021,
    family="optim",
    provides=[OASIS, OASISMethod, AdGD, OASISFixedPolyakLojasiewicz, OASISFixedSmooth],
    note=(
        "A diagonal metric takes up the scales of single features and not correlations between them, so a problem of"
        " either kind is measured. On minibatches and networks the adaptive step amplifies rounding about tenfold in two"
        " steps: runs agree statistically there, not to the last digits. The first 100 products with the Hessian, for"
        " D_0, come before the first step and are not among the iterations that are counted here. Thresholds on beta2"
        " for the adaptive step's theorems were not found, so those are no guarantees here."
    ),
)

LESS = 1e-4
"""The gap F - F* that iterations are counted to."""


def _problem(lab: Lab, spread: float, data_seed: int) -> ScaledLogistic:
    small = lab.pick(full={}, smoke={"terms": 30, "dimension": 3, "l2": 0.1})
    return ScaledLogistic(spread=spread, data_seed=data_seed, **small)


def _counts(
    lab: Lab, method: Method, problem: ScaledLogistic, seeds: int = 1, **tune: Any
) -> list[tuple[Array, Trace]]:
    """The iterations to `LESS` of each seed, the budget where it is not reached, for every setting; and the traces."""
    steps = lab.pick(full=3000, smoke=8)
    race = lab.race(
        problem,
        {"it": method},
        steps=steps,
        seeds=seeds,
        tune=tune,
        record=steps + 1,
        target=problem.optimum() + LESS,
    )
    traces = [entry.trace for entry in race.entries]
    hits = [trace.hitting(problem.optimum() + LESS) for trace in traces]
    return [(np.where(np.isfinite(hit), hit, float(steps)), trace) for hit, trace in zip(hits, traces, strict=True)]


def _scale_free(lab: Lab, ours: Method) -> Evidence:
    spreads = lab.pick(full=[0.0, 2.0, 3.0], smoke=[0.0, 3.0])
    data = range(lab.pick(full=5, smoke=2))
    counts: dict[str, dict[float, Array]] = {"ours": {}, "best adam": {}, "adgd": {}}
    traces: dict[str, Trace] = {}
    for spread in spreads:
        rows: list[list[float]] = []
        for seed in data:
            problem = _problem(lab, spread, seed)
            ((mine, trace),) = _counts(lab, ours, problem)
            ((plain, other),) = _counts(lab, AdGD(), problem)
            lrs = logspace(1e-3, 1.0, lab.pick(full=7, smoke=2))
            adam = min((count for count, _ in _counts(lab, Adam.rule(), problem, lr=lrs)), key=lambda c: float(c[0]))
            rows.append([float(mine[0]), float(adam[0]), float(plain[0])])
            if spread == spreads[-1] and seed == 0:
                traces = {"the method": trace, "AdGD": other}
        for name, column in zip(counts, np.array(rows).T, strict=True):
            counts[name][spread] = column
    last = spreads[-1]
    mine = counts["ours"]
    return Evidence.every(
        Evidence(
            Measure.ratio(mine[last] / mine[0.0]),
            at_most=2.5,
            what=f"iterations at scales up to exp(+-{last:g}) over those at equal scales",
        ),
        Evidence(
            Measure.ratio(mine[last] / counts["best adam"][last]), at_most=1.5, what="iterations over best Adam's"
        ),
        Evidence(Measure.ratio(mine[last] / counts["adgd"][last]), at_most=0.1, what="iterations over AdGD's, at most"),
        figures={
            "mean iterations by spread": {
                name: {f"{spread:g}": float(c.mean()) for spread, c in found.items()} for name, found in counts.items()
            },
            "budget": lab.pick(full=3000, smoke=8),
        },
        traces=traces,
    )


@paper.claim(
    "Without tuning it does not see the scales of features: as fast as a tuned Adam, tenfold faster than AdGD",
    paper_reports="better than AdGD, SVRG-like methods, Adam and AdaHessian without a learning rate to tune",
    minutes=3,
)
def scale_free(lab: Lab) -> Evidence:
    return _scale_free(lab, OASISMethod(reuse_gradient=True))


@scale_free.control("the metric removed: AdGD in its place")
def no_metric(lab: Lab) -> Evidence:
    return _scale_free(lab, AdGD())


ETAS = [1e-6, 1e-3, 1.0]


def _insensitive(lab: Lab, setting: str, ours: Method) -> Evidence:
    parts: list[Evidence] = []
    figures: dict[str, Any] = {}
    traces: dict[str, Trace] = {}
    for spread in lab.pick(full=[2.0, 3.0], smoke=[3.0]):
        data, seeds = range(lab.pick(full=5, smoke=2)), lab.pick(full=4, smoke=1)
        found = [_counts(lab, ours, _problem(lab, spread, d), seeds, **{setting: ETAS}) for d in data]
        counts = [np.concatenate([rows[i][0] for rows in found]) for i in range(len(ETAS))]
        parts += [
            Evidence(
                Measure.ratio(counts[i] / counts[1]),
                at_least=1 / 1.15,
                at_most=1.15,
                what=f"iterations for {ETAS[i]:g} over those for {ETAS[1]:g}, spread {spread:g}",
            )
            for i in (0, 2)
        ]
        figures[f"mean iterations, spread {spread:g}"] = {
            f"{eta:g}": float(c.mean()) for eta, c in zip(ETAS, counts, strict=True)
        }
        name = f"{'adapted' if setting == 'eta0' else 'fixed'}, spread {spread:g}"
        runs = [*range(seeds)] * len(data)
        traces[name] = curve(
            f"iterations to a gap of {LESS:g}", "step size at the start", ETAS, np.stack(counts, axis=1), runs
        )
    return Evidence.every(*parts, figures=figures, traces=traces)


@paper.claim("Its first step size does not matter over six orders of magnitude", minutes=2)
def insensitive(lab: Lab) -> Evidence:
    return _insensitive(lab, "eta0", OASISMethod(reuse_gradient=True))


@insensitive.control("the step size fixed at these values instead of adapted from them")
def fixed(lab: Lab) -> Evidence:
    return _insensitive(lab, "lr", OASISMethod(lr=0.1))


@dataclass(frozen=True)
class _Unbounded(OASISMethod):
    """The step size grows as fast as the gradient lets it: theta is infinite at every step."""

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        free = torch.where(state["step"] > 0, torch.inf, state["theta"])
        return super().step({**state, "theta": free}, oracle, rng)


def _lawful(lab: Lab, made: type[OASISMethod]) -> Evidence:
    problem = ScaledLogistic(spread=1.0, **lab.pick(full={}, smoke={"terms": 30, "dimension": 3, "l2": 0.1}))
    constants, seeds = problem.constants(), lab.pick(full=5, smoke=2)
    smooth = constants.smooth or 0.0
    steps = lab.pick(full=100, smoke=12)
    adaptive = made(reuse_gradient=True)
    trace = lab.iterate(adaptive, problem, steps=steps, seeds=seeds, record=steps + 1)
    eta = trace["info.step size"][:, 1:]
    grown = eta[:, 2:] / (np.sqrt(1 + eta[:, 1:-1] / eta[:, :-2]) * eta[:, 1:-1])
    # A power of 4 above every |D|: a constant metric, by which arithmetic in binary is exact.
    alpha = 4.0 ** np.ceil(np.log2(smooth * problem.dimension) / 2)
    metric = made(reuse_gradient=True, alpha=float(alpha), eta0=float(alpha) * 1e-6)
    one, plain = (lab.iterate(m, problem, steps=20, seeds=1, record=21).gap() for m in (metric, AdGD(eta0=1e-6)))
    theorem = OASISFixedPolyakLojasiewicz(
        smooth=smooth, polyak_lojasiewicz=constants.polyak_lojasiewicz or 0.0, dimension=problem.dimension, floor=0.05
    )
    fall = lab.iterate(made(**theorem.settings()), problem, steps=steps, seeds=seeds, record=steps + 1)
    gap = fall.gap()
    ratio = (gap[:, :-1] - gap[:, 1:]) / theorem.decrease(fall["||grad f||^2"][:, :-1])
    return Evidence.every(
        Evidence(
            float(eta[:, steps // 2 :].min() * 2 * smooth / adaptive.alpha),
            at_least=1.0,
            what="least step size of the second half, over alpha / (2 L)",
        ),
        Evidence(float(grown.max()), at_most=1 + 1e-12, what="largest growth of the step size over sqrt(1 + theta)"),
        Evidence(
            float(np.abs(one / plain - 1).max()),
            at_most=1e-12,
            what="difference from AdGD where the metric is constant",
        ),
        Evidence(float(ratio.min()), at_least=1.0, what="least decrease of a fixed step over the promised one"),
        figures={"L": smooth, "largest step size": float(eta.max())},
        traces={"adaptive": trace, "fixed": fall},
    )


@paper.claim("Steps obey their bounds: they grow slowly, stay above alpha/(2L), and fixed ones descend as proved")
def lawful(lab: Lab) -> Evidence:
    return _lawful(lab, OASISMethod)


@lawful.control("the bound on growth removed")
def unbounded(lab: Lab) -> Evidence:
    return _lawful(lab, _Unbounded)


def _correlated(lab: Lab, ours: Method) -> Evidence:
    problem = lab.pick(full=Logistic(l2=1e-4), smoke=Logistic(l2=0.1))
    steps, seeds = lab.pick(full=2000, smoke=5), lab.pick(full=5, smoke=2)
    mine = lab.iterate(ours, problem, steps=steps, seeds=seeds)
    plain = lab.iterate(AdGD(), problem, steps=steps, seeds=seeds)
    return Evidence(
        Measure.ratio(mine.gap()[:, -1] / plain.gap()[:, -1]),
        at_most=0.8,
        what="gap after the budget over AdGD's, breast cancer data",
        figures={"iterations": steps},
        traces={"the method": mine, "AdGD": plain},
    )


@paper.claim(
    "On real data with correlated features it ends below AdGD",
    paper_reports="ahead of AdGD on logistic regression with data of LIBSVM",
)
def correlated(lab: Lab) -> Evidence:
    return _correlated(lab, OASISMethod(reuse_gradient=True))


@correlated.control("the metric removed: AdGD against itself")
def itself(lab: Lab) -> Evidence:
    return _correlated(lab, AdGD())
