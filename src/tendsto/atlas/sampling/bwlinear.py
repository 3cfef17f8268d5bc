"""Generative deep linear networks trained with Bures-Wasserstein loss (Brechet et al., 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.trace import Array, End, Trace
from tendsto.optim.gradient_descent import GradientDescent
from tendsto.sampling.balanced_flow import BalancedFlow, certificate
from tendsto.sampling.bures_wasserstein_loss import bw_loss, bw_loss_gradient, critical_points
from tendsto.sampling.deep_linear_generator import DeepLinearGenerator, balanced, end_to_end

paper = Paper(
    key="bwlinear",
    number="P093",
    arxiv="2303.03027",
    title=(
        "Critical Points and Convergence Analysis of Generative Deep Linear Networks Trained with Bures-Wasserstein Loss"
    ),
    authors="Pierre Brechet, Katerina Papagiannouli, Jing An, Guido Montufar",
    year=2023,
    family="sampling",
    provides=[
        DeepLinearGenerator,
        bw_loss,
        bw_loss_gradient,
        critical_points,
        certificate,
        BalancedFlow,
    ],
    note=(
        "No official code was found, and the constants of the paper's rates were not read. The rate certified here is"
        " derived, for weights of full rank: there |dL/dW|^2 = 4 L exactly, so one layer has L(t) = L(0) exp(-4 t)"
        " whatever the covariance, and N balanced layers are at least N c^(2 - 2/N) times as fast. Below full rank strict"
        " saddles lie under every such margin, and no rate is certified."
    ),
)

SPECTRUM = (3.0, 2.2, 1.6, 1.2, 0.9, 0.5)
"""Eigenvalues of the covariance; the least loss of rank 3 is 1.2 + 0.9 + 0.5 = 2.6."""


def _rotation(seed: int, n: int = 6) -> Tensor:
    return torch.linalg.qr(Random(seed).normal("basis", (n, n), torch.float64))[0]


def _least_curvature(w: Tensor, cov: Tensor) -> float:
    """The least eigenvalue of the Hessian of the loss over matrices (n, k), the manifold of rank k around w."""
    gradient = torch.func.grad(lambda x: bw_loss(x, cov))
    pull: Any = torch.func.vjp(gradient, w)[1]
    rows = [pull(e.reshape(w.shape))[0].flatten() for e in torch.eye(w.numel(), dtype=w.dtype)]
    return float(torch.linalg.eigvalsh(torch.stack(rows))[0])


def _critical(lab: Lab, turned: bool) -> Evidence:
    k = lab.pick(full=3, smoke=1)
    basis = _rotation(0)
    cov = (basis * torch.tensor(SPECTRUM, dtype=torch.float64)) @ basis.T
    cov = 0.5 * (cov + cov.T)
    points = critical_points(cov, k)
    other = _rotation(1) if turned else torch.eye(6, dtype=torch.float64)
    slopes = [float(bw_loss_gradient(other @ p.w, cov).norm()) for p in points]
    errors = [abs(float(bw_loss(other @ p.w, cov)) - p.value) for p in points]
    curved = [_least_curvature(other @ p.w, cov) for p in points]
    index, drawn = np.arange(1.0, len(points) + 1), {"|dL/dW|": np.maximum(np.array([slopes]), 1e-17)}
    trace = Trace(index, drawn, (End("budget", index[-1]),), (0,), "critical point, by loss")
    return Evidence.every(
        Evidence(max(slopes), at_most=1e-10, what=f"largest |dL/dW| at {len(points)} points"),
        Evidence(max(errors), at_most=1e-6, what="largest distance of L from the sum of what is left out"),
        Evidence(max(curved[1:]), at_most=-1e-3, what="largest of the least Hessian eigenvalues, all but the best"),
        Evidence(curved[0], at_least=-1e-8, what="least Hessian eigenvalue at the best"),
        figures={"least Hessian eigenvalues, by loss": curved},
        traces={"turned away" if turned else "spans of eigenvectors": trace},
    )


@paper.claim(
    "The k-subsets of eigenvectors are critical, strict saddles but for the top one",
    paper_reports="the critical points over matrices of rank k, and that all but the best are strict saddles",
    minutes=0.2,
)
def twenty_critical_points(lab: Lab) -> Evidence:
    return _critical(lab, turned=False)


@twenty_critical_points.control("subspaces turned away from the eigenvectors")
def turned_away(lab: Lab) -> Evidence:
    return _critical(lab, turned=True)


@dataclass(frozen=True)
class _FromASaddle(DeepLinearGenerator):
    """Starts where the last three eigenvectors are generated, moved by normal entries of this size."""

    moved: float = 0.0

    def init(self, rng: Random) -> dict[str, Tensor]:
        w = torch.cat([torch.zeros(3, 3), torch.diag(torch.tensor(SPECTRUM[3:], dtype=torch.float64).sqrt())])
        layers = balanced(w, self.widths)
        return {name: x + self.moved * rng.normal(name, tuple(x.shape), torch.float64) for name, x in layers.items()}

    def random_start(self) -> bool:
        return self.moved > 0


def _descended(lab: Lab, cases: dict[str, tuple[DeepLinearGenerator, int]]) -> Evidence:
    seeds, parts, traces = lab.pick(full=20, smoke=2), list[Evidence](), dict[str, Trace]()
    for name, (problem, steps) in cases.items():
        trace = lab.iterate(
            GradientDescent(lr=0.02), problem, steps=lab.pick(full=steps, smoke=30), seeds=seeds, record=100
        )
        final = trace.final() - (trace.optimum or 0.0)
        parts.append(
            Evidence(float(np.mean(final <= 1e-6)), at_least=1.0, what=f"share of runs at the minimum, {name}")
        )
        parts[-1].figures[f"largest L - L*, {name}"] = float(final.max())
        gap = np.maximum(trace.gap(), 1e-16)
        traces[name] = Trace(trace.index, {"L - L*": gap}, trace.ends, trace.seeds)
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "Gradient descent from small weights reaches the global minimum in every run",
    paper_reports="gradient descent on deep linear generators converges to global minima",
    minutes=2.5,
)
def global_minimum(lab: Lab) -> Evidence:
    return _descended(
        lab,
        {
            "depth 2": (DeepLinearGenerator(SPECTRUM, (3, 3, 6)), 5000),
            "depth 4": (DeepLinearGenerator(SPECTRUM, (3, 3, 3, 3, 6)), 10_000),
            "saddle + 0.001": (_FromASaddle(SPECTRUM, (3, 3, 6), moved=1e-3), 5000),
        },
    )


@global_minimum.control("a start in the span of the last three eigenvectors, exactly")
def exactly_at_a_saddle(lab: Lab) -> Evidence:
    return _descended(lab, {"saddle": (_FromASaddle(SPECTRUM, (3, 3, 6)), 5000)})


@dataclass(frozen=True)
class _SlowFirstLayer(DeepLinearGenerator):
    """The first layer learns at half the rate of the others."""

    def value_and_gradient(self, x: Any, sample: Any = None) -> tuple[Tensor, dict[str, Tensor]]:
        value, gradient = super().value_and_gradient(x, sample)
        return value, {**gradient, "W1": 0.5 * gradient["W1"]}


def _drift(lab: Lab, kind: type[DeepLinearGenerator]) -> Evidence:
    problem = kind(SPECTRUM, (3, 3, 3, 6), "balanced", scale=1.0)
    seeds, time = lab.pick(full=20, smoke=2), lab.pick(full=2.0, smoke=0.4)
    traces: dict[str, Trace] = {}
    for lr in (0.02, 0.01, 0.005):
        trace = lab.iterate(GradientDescent(lr=lr), problem, steps=round(time / lr), seeds=seeds, record=50)
        kept = trace.index > 0
        values = {"largest entry of W'W - WW'": trace["imbalance"][:, kept]}
        traces[f"step {lr:g}"] = Trace(trace.index[kept] * lr, values, trace.ends, trace.seeds, "time")
    ends = [next(iter(t.values.values()))[:, -1] for t in traces.values()]
    parts = [
        Evidence(
            Measure.ratio(long / short),
            at_least=1.8,
            at_most=2.2,
            what=f"drift at time {time:g} over that of half, {name}",
        )
        for name, long, short in zip(traces, ends[:-1], ends[1:], strict=False)
    ]
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "Balanced layers drift apart in proportion to the step: gradient flow conserves them",
    paper_reports="W_(j+1)^T W_(j+1) - W_j W_j^T is conserved by gradient flow",
    minutes=0.5,
)
def balance_is_conserved(lab: Lab) -> Evidence:
    return _drift(lab, DeepLinearGenerator)


@balance_is_conserved.control("the first layer learns at half the rate")
def one_slow_layer(lab: Lab) -> Evidence:
    return _drift(lab, _SlowFirstLayer)


def _flow(problem: DeepLinearGenerator, x: dict[str, Tensor], times: Array) -> list[dict[str, Tensor]]:
    """The layers of gradient flow from x at each of the times, to rounding."""
    from scipy.integrate import solve_ivp

    def unpack(y: Array) -> dict[str, Tensor]:
        parts = torch.from_numpy(y.copy()).split([w.numel() for w in x.values()])
        return {name: part.reshape(w.shape) for (name, w), part in zip(x.items(), parts, strict=True)}

    def field(_: float, y: Array) -> Array:
        return -torch.cat([g.flatten() for g in problem.gradient(unpack(y)).values()]).numpy()

    start = torch.cat([w.flatten() for w in x.values()]).numpy()
    solved = solve_ivp(field, (0, times[-1]), start, t_eval=times, method="DOP853", rtol=1e-10, atol=1e-12)
    return [unpack(y) for y in solved.y.T]


def _scalar_flow(start: Array, factor: int, depth: int, times: Array) -> Array:
    """ds/dt = -2 factor s^(2 - 2/N) (s - l^(1/2)) for each start, shape (times, starts)."""
    from scipy.integrate import solve_ivp

    root = np.sqrt(SPECTRUM[: len(start)])

    def field(_: float, s: Array) -> Array:
        return -2 * factor * s ** (2 - 2 / depth) * (s - root)

    return solve_ivp(field, (0, times[-1]), start, t_eval=times, method="DOP853", rtol=1e-10, atol=1e-12).y.T


def _decoupled(lab: Lab, factor: Callable[[int], int]) -> Evidence:
    n, parts, traces = lab.pick(full=6, smoke=2), list[Evidence](), dict[str, Trace]()
    times, start = np.linspace(0, 2, lab.pick(full=41, smoke=5)), np.linspace(0.3, 2.0, n)
    for depth in (1, 2, 4):
        problem = DeepLinearGenerator(SPECTRUM[:n], (n,) * (depth + 1))
        layers = _flow(problem, balanced(torch.diag(torch.from_numpy(start)), problem.widths), times)
        seen = np.stack([end_to_end(x).diagonal().numpy() for x in layers])
        apart = np.abs(seen - _scalar_flow(start, factor(depth), depth, times)).max(axis=1)
        parts.append(Evidence(float(apart.max()), at_most=1e-4, what=f"largest distance over time, depth {depth}"))
        drawn = {"distance from the scalar equation": np.maximum(apart[None, 1:], 1e-17)}
        traces[f"depth {depth}"] = Trace(times[1:], drawn, (End("budget", 2.0),), (0,), "time")
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "Balanced layers that commute follow ds/dt = -2 N s^(2-2/N) (s - l^(1/2))",
    paper_reports="the end-to-end dynamics of balanced layers; this form is derived",
    minutes=0.3,
)
def decoupled_flow(lab: Lab) -> Evidence:
    return _decoupled(lab, lambda depth: depth)


@decoupled_flow.control("the factor N left out")
def without_depth(lab: Lab) -> Evidence:
    return _decoupled(lab, lambda depth: 1)


def _certified(lab: Lab, missing: int) -> Evidence:
    n, parts, traces = lab.pick(full=4, smoke=2), list[Evidence](), dict[str, Trace]()
    times, ratios = np.linspace(0, 1.5, lab.pick(full=31, smoke=4)), dict[int, list[float]]()
    for depth in (1, 2, 3):
        for seed in range(lab.pick(full=5, smoke=1)):
            basis = _rotation(seed, n)
            cov = (basis * torch.tensor(SPECTRUM[:n], dtype=torch.float64)) @ basis.T
            rows = tuple(tuple(row) for row in (0.5 * (cov + cov.T)).tolist())
            full = DeepLinearGenerator(rows, (n,) * (depth + 1))
            noise = Random(seed).normal("start", (n, n), torch.float64)
            bound = certificate(full, balanced(end_to_end(full.solution()) + 0.1 * noise, full.widths))
            # One layer has no middle: the noise that it is fed with has so many dimensions.
            problem = DeepLinearGenerator(rows, (n - missing,) * depth + (n,))
            near = end_to_end(problem.solution()) + 0.1 * noise[:, : n - missing]
            losses = np.array(
                [float(problem.criterion(x)) for x in _flow(problem, balanced(near, problem.widths), times)]
            )
            below = np.asarray(bound.bound(times))
            ratios.setdefault(depth, []).append(float((losses / below).max()))
            if depth == 1 and missing == 0:
                ratios.setdefault(0, []).append(float((losses / below).min()))
            if seed == 0:
                ends = (End("budget", 1.5),)
                traces[f"depth {depth}"] = Trace(times, {"L": losses[None]}, ends, (0,), "time")
                if missing == 0:
                    traces[f"bound, depth {depth}"] = Trace(times, {"L": below[None]}, ends, (0,), "time")
    least = ratios.pop(0, [0.0])
    parts = [
        Evidence(max(values), at_most=1 + 1e-6, what=f"largest L(t) over its bound, depth {depth}")
        for depth, values in ratios.items()
    ]
    parts.append(Evidence(min(least), at_least=1 - 1e-6, what="least L(t) over its bound, one layer"))
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "At full rank L(t) stays under exp(-4 N c^(2-2/N) t), and one layer attains it",
    paper_reports="linear rates proportional to N c^(2 - 2/N), c the deficiency margin; the constant is derived",
    minutes=0.5,
)
def certified_rate(lab: Lab) -> Evidence:
    return _certified(lab, missing=0)


@certified_rate.control("one dimension too few")
def one_dimension_short(lab: Lab) -> Evidence:
    return _certified(lab, missing=1)
