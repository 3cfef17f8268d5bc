"""Forward-backward Gaussian variational inference via JKO in the Bures-Wasserstein space (Diao et al., 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.trace import Array, Trace
from tendsto.sampling.bures_wasserstein import bures_wasserstein_distance, optimal_map
from tendsto.sampling.bwgd import BWGD
from tendsto.sampling.fb_gvi import FBGVI
from tendsto.sampling.gaussian_approximation import GaussianApproximation
from tendsto.sampling.gaussian_fit import fit_gaussian
from tendsto.sampling.logistic_posterior import LogisticPosterior
from tendsto.sampling.target import Gaussian
from tendsto.theory import FBGVIContraction, FBGVISublinear

paper = Paper(
    key="fbgvi",
    number="P081",
    arxiv="2304.05398",
    title="Forward-backward Gaussian variational inference via JKO in the Bures-Wasserstein Space",
    authors="Michael Diao, Krishnakumar Balasubramanian, Sinho Chewi, Adil Salim",
    year=2023,
    family="sampling",
    provides=[
        FBGVI,
        BWGD,
        GaussianApproximation,
        LogisticPosterior,
        FBGVIContraction,
        FBGVISublinear,
        bures_wasserstein_distance,
        optimal_map,
    ],
    note=(
        "The official code measures |S0^1/2 - S1^1/2|^2, which is the squared Bures distance for covariances that commute"
        " alone; here it is the distance itself, for singular ones too. Constants of the stochastic and of the non-convex"
        " theorem are recalled (36, 48, 150), so those two promise an order here and no value."
    ),
)


def gaussian(spectrum: Array, centre: float = 0.0) -> Gaussian:
    """The Gaussian with independent coordinates of these variances."""
    rows = np.diag(spectrum).tolist()
    return Gaussian((centre,) * len(spectrum), tuple(tuple(row) for row in rows))


WIDE = np.geomspace(1.0, 200.0, 10)
"""The paper's Gaussian target: d = 10, alpha = 0.005, beta = 1."""


@dataclass(frozen=True)
class _HalfConstant(FBGVI):
    """The proximal step with lr where 2 lr belongs: S <- (S + lr I + (S (S + 4 lr I))^{1/2}) / 2."""

    def move(self, mean: Tensor, cov: Tensor, gradient: Tensor, hessian: Tensor, lr: Any) -> tuple[Tensor, Tensor]:
        mean, cov = super().move(mean, cov, gradient, hessian, lr)
        return mean, cov - 0.5 * lr * torch.eye(len(mean), dtype=cov.dtype)


def _contraction(lab: Lab, method: type[FBGVI]) -> Evidence:
    problem = GaussianApproximation(gaussian(WIDE, centre=1.0))
    known = problem.constants().known()
    steps = lab.pick(full=3000, smoke=40)
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for name, lr in (("1/beta", 1 / known["smooth"]), ("1/(2 beta)", 0.5 / known["smooth"])):
        trace = lab.iterate(method(lr=lr), problem, steps=steps, record=steps + 1)
        settings = {"smooth": known["smooth"], "distance": known["distance"], "step_size": lr}
        near = FBGVIContraction(**settings, strongly_convex=known["strongly_convex"]).bound(trace.index)
        low = FBGVISublinear(**settings).bound(trace.index)
        ratio, gap = trace["W2^2"][0] / near, trace.gap()[0] / low
        parts += [
            Evidence(float(ratio.max()), at_most=1 + 1e-6, what=f"largest W2^2 over its bound, step {name}"),
            Evidence(float(gap.max()), at_most=1.0, what=f"largest F - F* over its bound, step {name}"),
        ]
        parts[-1].figures[f"largest W2^2 over its bound after the start, step {name}"] = float(ratio[1:].max())
        traces[f"step {name}"] = _thinned(trace, "W2^2", trace["W2^2"])
        if method is FBGVI:
            traces[f"bound, step {name}"] = _thinned(trace, "W2^2", near[None])
    return Evidence.every(*parts, traces=traces)


def _thinned(trace: Trace, name: str, values: Array, most: int = 200) -> Trace:
    """One quantity of a trace at so many indices: what a picture is drawn from."""
    at = np.unique(np.linspace(0, len(trace.index) - 1, most).round().astype(int))
    return Trace(trace.index[at], {name: values[:, at]}, trace.ends, trace.seeds)


@paper.claim(
    "FB-GVI stays under both of its bounds at every one of 3000 steps",
    paper_reports="W2^2(p_k, p*) <= exp(-alpha eta k) W2^2(p_0, p*), and F - F* <= W2^2(p_0, p*) / (2 eta k)",
    minutes=1,
)
def under_its_bounds(lab: Lab) -> Evidence:
    return _contraction(lab, FBGVI)


@under_its_bounds.control("eta where the proximal step has 2 eta")
def half_the_constant(lab: Lab) -> Evidence:
    return _contraction(lab, _HalfConstant)


@dataclass(frozen=True)
class _AtTheMean(LogisticPosterior):
    """Derivatives at the mean in place of their expectations: what Laplace's approximation solves."""

    def gaussian_expectations(self, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return -self.log_density(mean), -self.score(mean), -self.hessian(mean)


def _mean_field(problem: GaussianApproximation) -> dict[str, Tensor]:
    """The best Gaussian with a diagonal covariance: E grad V = 0 and S_ii = 1 / E Hess V_ii."""
    x = problem.init(None)  # type: ignore[reportArgumentType]
    for _ in range(300):
        answer = problem.expected_derivatives(x)
        mean = x["mean"] - torch.linalg.solve(answer["hessian"], answer["gradient"])
        x = {"mean": mean, "cov": torch.diag(1 / answer["hessian"].diagonal())}
    return x


def _fixed_point(lab: Lab, kind: type[LogisticPosterior]) -> Evidence:
    residuals: list[float] = []
    less: dict[str, list[float]] = {"Laplace's": [], "the best diagonal one's": []}
    traces: dict[str, Trace] = {}
    for seed in range(lab.pick(full=10, smoke=1)):
        posterior = LogisticPosterior.synthetic(5, 20, seed=seed)
        fit = fit_gaussian(kind(posterior.rows, posterior.prior), steps=lab.pick(full=5000, smoke=50), tolerance=1e-10)
        judge = GaussianApproximation(posterior, "qmc", nodes=lab.pick(full=2**14, smoke=64))
        answer = judge.expected_derivatives({"mean": fit.mean, "cov": fit.cov})
        # In units of the law itself: |S^1/2 b| and |S^1/2 A S^1/2 - I|.
        off = answer["hessian"] @ fit.cov - torch.eye(5, dtype=torch.float64)
        residuals.append(max(float((answer["gradient"] @ fit.cov @ answer["gradient"]).sqrt()), float(off.norm())))
        exact = GaussianApproximation(posterior)
        mine = float(exact.criterion({"mean": fit.mean, "cov": fit.cov}))
        laplace = fit_gaussian(_AtTheMean(posterior.rows, posterior.prior), tolerance=1e-10)
        less["Laplace's"].append(float(exact.criterion({"mean": laplace.mean, "cov": laplace.cov})) - mine)
        less["the best diagonal one's"].append(float(exact.criterion(_mean_field(exact))) - mine)
        if seed == 0:
            target = GaussianApproximation(kind(posterior.rows, posterior.prior))
            trace = lab.iterate(FBGVI(), target, steps=lab.pick(full=400, smoke=50))
            size = trace["||grad F||^2"]
            kept = size[0] > 1e-28
            traces["first data set"] = Trace(
                trace.index[kept], {"||grad F||^2": size[:, kept]}, trace.ends, trace.seeds
            )
    parts = [Evidence(max(residuals), at_most=1e-3, what="largest |S^1/2 E grad V| or |S E Hess V - I|, 10 data sets")]
    parts += [
        Evidence(min(values), at_least=1e-6, what=f"least by which KL is below {name}, 10 data sets")
        for name, values in less.items()
    ]
    return Evidence.every(*parts, figures={f"KL below {n}": v for n, v in less.items()}, traces=traces)


@paper.claim(
    "Its limit solves E grad V = 0, S E Hess V = I, and beats Laplace and mean field",
    paper_reports="Bayesian logistic regression, d = 5, 20 observations: the objective of the best Gaussian is reached",
    minutes=1,
)
def best_gaussian(lab: Lab) -> Evidence:
    return _fixed_point(lab, LogisticPosterior)


@best_gaussian.control("derivatives at the mean instead of expectations")
def at_the_mean(lab: Lab) -> Evidence:
    return _fixed_point(lab, _AtTheMean)


def _stability(lab: Lab, method: FBGVI) -> Evidence:
    problem = GaussianApproximation(gaussian(WIDE), spread=0.01)
    steps = lab.pick(full=200, smoke=40)
    trace = lab.iterate(method, problem, steps=steps, record=steps + 1)
    baseline = lab.iterate(BWGD(), problem, steps=steps, record=steps + 1)
    ratio = float(baseline.final("W2^2")[0] / trace.final("W2^2")[0])
    rise = float(np.diff(trace["F(p)"][0]).max()) if trace.ends[0].kind == "budget" else math.inf
    return Evidence.every(
        Evidence(rise, at_most=1e-9, what=f"largest rise of F in {steps} steps of 1/beta"),
        Evidence(ratio, at_least=10.0, what="W2^2 at the end, of gradient descent over its own"),
        traces={
            type(method).__name__: _thinned(trace, "W2^2", trace["W2^2"]),
            "BWGD": _thinned(baseline, "W2^2", baseline["W2^2"]),
        },
    )


@paper.claim(
    "From covariance 1e-4 I, FB-GVI lowers F at every step where BWGD is thrown off",
    paper_reports="FB-GVI converges at step sizes at which Bures-Wasserstein gradient descent is unstable",
    minutes=0.2,
)
def stable_from_small_covariances(lab: Lab) -> Evidence:
    return _stability(lab, FBGVI())


@stable_from_small_covariances.control("a gradient step for the entropy instead of a proximal one")
def gradient_for_the_entropy(lab: Lab) -> Evidence:
    return _stability(lab, BWGD())


def _plateau(lab: Lab, draws: tuple[int, int]) -> Evidence:
    posterior, lr = LogisticPosterior.synthetic(5, 20), 0.02
    steps, seeds = lab.pick(full=800, smoke=30), lab.pick(full=20, smoke=2)
    levels: list[Array] = []
    traces: dict[str, Trace] = {}
    for share, count in zip((1, 2), draws, strict=True):
        problem = GaussianApproximation(posterior, "sample", nodes=count)
        # As much time, so twice the steps of half the size; the second half of it is the plateau.
        trace = lab.iterate(FBGVI(lr=lr / share), problem, steps=share * steps, seeds=seeds, record=400)
        level = trace["W2^2"][:, trace.index >= share * steps / 2]
        levels.append(level.mean(axis=1))
        time, name = trace.index * (lr / share), f"step {lr / share:g}, draws {count}"
        traces[name] = Trace(time, {"W2^2": trace["W2^2"]}, trace.ends, trace.seeds, "time")
    # Of means over seeds, not of each seed: the plateau is an expectation.
    ratio = _ratio_of_means(levels[0], levels[1])
    evidence = Evidence(
        ratio, at_least=1.6, at_most=2.5, what="plateau of E W2^2 over that of half the step", traces=traces
    )
    evidence.figures |= {f"plateau, {name}": Measure.mean(x) for name, x in zip(traces, levels, strict=True)}
    return evidence


def _ratio_of_means(first: Array, second: Array) -> Measure:
    """mean(first) / mean(second) of independent runs, with the interval of the delta method on its logarithm."""
    from scipy.stats import t

    logs = math.log(first.mean() / second.mean())
    parts = [x.std(ddof=1) / math.sqrt(x.size) / x.mean() for x in (first, second)]
    half = float(t.ppf(0.975, first.size - 1)) * math.hypot(*parts)
    return Measure(math.exp(logs), math.exp(logs - half), math.exp(logs + half), "x", first.size)


@paper.claim(
    "With one draw a step, E W2^2 levels off at a height linear in the step",
    paper_reports="E W2^2(p_k, p*) <= exp(-alpha eta k / 2) W2^2(p_0, p*) + O(d eta beta^2 / alpha^2)",
    minutes=1,
)
def plateau_linear_in_the_step(lab: Lab) -> Evidence:
    return _plateau(lab, (1, 1))


@plateau_linear_in_the_step.control("two draws a step where the step is twice as long: the noise is the same")
def same_noise(lab: Lab) -> Evidence:
    return _plateau(lab, (2, 1))
