"""Muon: Training and Trade-offs with Latent Attention and MoE (Mehta, Dandekar, Dandekar and Panat, 2025)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.atlas.curve import curve
from tendsto.core.measure import Measure
from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.problem import Problem
from tendsto.core.race import logspace
from tendsto.core.random import Random
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.core.trace import Trace
from tendsto.optim import AdamW, Muon, MuonRule, newton_schulz, polar
from tendsto.optim.settings import average
from tendsto.problems import CharLMMoE
from tendsto.problems.once import once_property

paper = Paper(
    key="muon",
    number="P029",
    arxiv="2509.24406",
    title="Muon: Training and Trade-offs with Latent Attention and MoE",
    authors="Sushant Mehta, Raj Dandekar, Rajat Dandekar, Sreedath Panat",
    year=2025,
    family="optim",
    provides=[Muon, MuonRule, newton_schulz, polar, CharLMMoE],
    note=(
        "The paper trains decoders of 30 to 200 million parameters; here it is one of 40,000 with the same parts, on the"
        " text that ships with Python. Memory is saved by latent attention and experts, not by Muon, so the factors stand"
        " in claims of their own. Newton-Schulz brings singular values near 1 and does not converge to 1. Embedding,"
        " output layer and norms are AdamW's under Muon too, at the fixed rate 3e-3; only the rate of the matrices is"
        " swept, on a grid as long as AdamW's."
    ),
)


@paper.claim(
    "Five Newton-Schulz iterations bring singular values near 1",
    paper_reports="an approximate polar factor, in five products of matrices",
)
def orthogonalises(lab: Lab) -> Evidence:
    return _brought(lab, newton_schulz, "Newton-Schulz")


def _brought(lab: Lab, map: Callable[[Tensor], Tensor], name: str) -> Evidence:
    # A diagonal of small entries beside one that makes its Frobenius norm 1: each is mapped by itself.
    grid = torch.linspace(0.005, 1.0, lab.pick(full=2001, smoke=21), dtype=torch.float64)
    images = torch.stack([_scalar(map, s) for s in grid])
    rng, drawn = Random(0), list[Tensor]()
    for shape in ((128, 64), (256, 64)):
        for seed in range(lab.pick(full=20, smoke=1)):
            drawn.append(torch.linalg.svdvals(map(rng.at(seed).normal("gaussian", shape, torch.float64))))
    singular = torch.cat(drawn)
    return Evidence.every(
        Evidence(float(images.min()), at_least=0.68, what="smallest image of a singular value in [0.005, 1]"),
        Evidence(float(images.max()), at_most=1.16, what="largest image of a singular value in [0.005, 1]"),
        Evidence(float(singular.min()), at_least=0.68, what="smallest singular value of tall Gaussian matrices"),
        Evidence(float(singular.max()), at_most=1.14, what="largest singular value of tall Gaussian matrices"),
        traces={name: curve("its image after 5 iterations", "singular value", grid, images)},
    )


def _scalar(map: Callable[[Tensor], Tensor], s: Tensor) -> Tensor:
    """The image of a singular value s of a matrix of Frobenius norm 1."""
    return map(torch.diag(torch.stack([s, (1 - s * s).clamp(min=0.0).sqrt()])))[0, 0].abs()


@orthogonalises.control("the classical coefficients (1.5, -0.5, 0), which do converge to 1, as many iterations")
def classical(lab: Lab) -> Evidence:
    return _brought(lab, lambda matrix: newton_schulz(matrix, coefficients=(1.5, -0.5, 0.0)), "classical")


def _steepest(lab: Lab, direction: Callable[[Tensor], Tensor], name: str) -> Evidence:
    """How far along G directions D with ||D||_2 = 1 reach: <G, D>, of `direction` and of random ones."""
    reached, nuclear, tried = list[float](), list[float](), list[list[float]]()
    for seed in range(lab.pick(full=20, smoke=2)):
        rng = Random(seed)
        g = rng.normal("gradient", (12, 8), torch.float64)
        nuclear.append(float(torch.linalg.svdvals(g).sum()))
        reached.append(_along(g, direction(g)))
        draws = range(lab.pick(full=1000, smoke=20))
        tried.append([_along(g, rng.at(k).normal("direction", (12, 8), torch.float64)) for k in draws])
    ours, most, others = np.array(reached)[:, None], np.array(nuclear)[:, None], np.array(tried)
    gap, excess = float(np.abs(ours / most - 1).max()), float((others - ours).max())
    shares = {name: np.broadcast_to(ours / most, others.shape)}
    if direction is polar:  # the same random ones stand beside the control
        shares["best random so far"] = np.maximum.accumulate(others / most, axis=1)
    share, number = "<G, D> / ||G||_*, where ||D||_2 = 1", np.arange(others.shape[1]) + 1
    return Evidence.every(
        Evidence(gap, at_most=1e-10, what="relative distance of <G, D> from the nuclear norm, ||D||_2 = 1"),
        Evidence(excess, at_most=0.0, what="largest advantage of a random direction"),
        traces={n: curve(share, "random directions tried", number, rows) for n, rows in shares.items()},
    )


def _along(g: Tensor, direction: Tensor) -> float:
    return float((g * direction).sum() / torch.linalg.matrix_norm(direction, 2))


@paper.claim(
    "The orthogonal factor is the steepest direction of the spectral norm",
    paper_reports="Muon is steepest descent in the spectral norm",
)
def steepest(lab: Lab) -> Evidence:
    return _steepest(lab, polar, "orthogonal factor")


@steepest.control("the signs of the entries, Adam's direction without memory")
def signs(lab: Lab) -> Evidence:
    return _steepest(lab, torch.sign, "signs")


@dataclass(frozen=True)
class _Matrices(Problem):
    """1/2 ||A W B - C||_F^2, W (6, 5): smooth in the Frobenius norm with L = (||A||_2 ||B||_2)^2."""

    criterion_name = "f(W) - f*"

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor]:
        rng = Random(0).fork("matrices")
        a, b = rng.normal("a", (8, 6), torch.float64), rng.normal("b", (5, 9), torch.float64)
        return a / 3, b / 3, a / 3 @ rng.normal("w", (6, 5), torch.float64) @ b / 3

    def init(self, rng: Random) -> Tensor:
        return rng.normal("start", (6, 5), torch.float64)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        a, b, c = self.data
        return ((a @ x @ b - c) ** 2).sum() / 2

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def smooth(self) -> float:
        a, b, _ = self.data
        return float(torch.linalg.matrix_norm(a, 2) * torch.linalg.matrix_norm(b, 2)) ** 2

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||G||_*": torch.linalg.svdvals(self.gradient(x)).sum()}


@dataclass(frozen=True)
class _Spectral(Method):
    """W <- W - lr msign(G), exactly; with `blind` the orthogonal factor of a random matrix in its place."""

    lr: float = 0.01
    blind: bool = False
    lanes = None

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x = state["x"]
        g = rng.normal("blind", x.shape, x.dtype) if self.blind else oracle.gradient(x)
        return {"x": x - self.lr * polar(g)}, {}


def _bounded(lab: Lab, blind: bool) -> Evidence:
    problem, steps, rank = _Matrices(), lab.pick(full=1000, smoke=30), 5
    parts, traces = list[Evidence](), dict[str, Trace]()
    for lr in (0.003, 0.01, 0.03):
        seeds = lab.pick(full=5, smoke=2)
        trace = lab.iterate(_Spectral(lr=lr, blind=blind), problem, steps=steps, seeds=seeds, record=steps + 1)
        nuclear, gap = trace["||G||_*"][:, :-1], trace[trace.criterion][:, :1]
        count = np.arange(1, steps + 1)
        bound = gap / (lr * count) + problem.smooth() * rank * lr / 2
        worst = float((np.cumsum(nuclear, axis=1) / count / bound).max())
        parts.append(Evidence(worst, at_most=1.0, what=f"average nuclear norm of G over its bound, any T, lr {lr:g}"))
        traces[f"lr {lr:g}"] = Trace(trace.index, {"||G||_*": trace["||G||_*"]}, trace.ends, trace.seeds)
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "The gradient's nuclear norm stays below the bound of steepest descent in the spectral norm",
    paper_reports="an average gradient norm of O(1/sqrt(T)); with constants derived: d_0 / (lr T) + L r lr / 2",
)
def bound(lab: Lab) -> Evidence:
    return _bounded(lab, blind=False)


@bound.control("steps along the orthogonal factor of a random matrix")
def blind(lab: Lab) -> Evidence:
    return _bounded(lab, blind=True)


@dataclass(frozen=True)
class _Unorthogonalised(MuonRule):
    """Muon without its orthogonalisation: the same momentum, of Frobenius norm sqrt(rank)."""

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        buffer = average(slots["momentum_buffer"], gradient, self.momentum)
        mixed = average(gradient, buffer, 1 - self.momentum)
        size = min(mixed.shape) ** 0.5 / (mixed.square().sum().sqrt() + self.eps)
        return self.lr * self._scale(*mixed.shape) * size * mixed, {"momentum_buffer": buffer}


ADAMW: Any = AdamW.rule(lr=3e-3, betas=(0.9, 0.95), weight_decay=0.0)
"""The peer; and what Muon leaves embedding, output layer and norms to."""


def _faster(lab: Lab, rule: Rule) -> Evidence:
    problem = lab.pick(full=CharLMMoE(), smoke=CharLMMoE(**CharLMMoE.small))
    settings = {"steps": lab.pick(full=400, smoke=3), "seeds": lab.pick(full=3, smoke=2)}
    rates = {
        "adamw": lab.pick(full=logspace(1e-3, 3e-2, 6), smoke=[1e-2]),
        "muon": lab.pick(full=logspace(2e-3, 6e-2, 6), smoke=[1e-2]),
    }
    slow = lab.race(problem, {"adamw": ADAMW}, tune={"lr": rates["adamw"]}, **settings).tuned("adamw")
    fast = lab.race(problem, {"muon": rule}, tune={"lr": rates["muon"]}, **settings).tuned("muon")
    steps = float(settings["steps"])
    # Where the target is not reached the steps are more than all, and 2 stands for that.
    hits = [fast.trace.select([i]).hitting(float(v))[0] / steps for i, v in enumerate(slow.trace.final())]
    share = Measure.mean(np.minimum(hits, 2.0))
    return Evidence(
        share,
        at_most=0.75,
        what="steps to AdamW's last training loss, over AdamW's, both tuned (2: never)",
        figures={"tuned": {str(entry): entry.loss() for entry in (slow, fast)}},
        traces={str(slow): slow.trace, str(fast): fast.trace},
    )


@paper.claim(
    "Muon reaches AdamW's training loss in three quarters of the steps, with latent attention and experts",
    paper_reports="48 to 52 percent of AdamW's compute to its target loss; 30 to 200 million parameters",
    minutes=3,
)
def fewer_steps(lab: Lab) -> Evidence:
    return _faster(lab, MuonRule(fallback=ADAMW))


@fewer_steps.control("no orthogonalisation: the same momentum, normalised")
def normalised(lab: Lab) -> Evidence:
    return _faster(lab, _Unorthogonalised(fallback=ADAMW))


def _condition(lab: Lab, rule: Rule, label: str) -> Evidence:
    """The condition numbers of the moves of the matrices in training, singular values above 0.003 of the norm."""
    problem = lab.pick(full=CharLMMoE(), smoke=CharLMMoE(**CharLMMoE.small))
    steps, found = lab.pick(full=30, smoke=3), dict[int, list[float]]()
    rng = Random(0)
    x = problem.init(rng)
    slots = {name: rule.for_tensor(name, p).slots(p) for name, p in x.items()}
    for step in range(1, steps + 1):
        gradient = problem.gradient(x, problem.sample(rng.at(step)))
        new = {}
        for name, p in x.items():
            new[name], slots[name] = rule.for_tensor(name, p).update(p, gradient[name], slots[name], step)
            hidden = p.ndim == 2 and isinstance(MuonRule().for_tensor(name, p), MuonRule)
            if hidden and step > steps // 2:
                singular = torch.linalg.svdvals((new[name] - p).double())
                singular = singular[singular > 0.003 * singular.square().sum().sqrt()]
                found.setdefault(step, []).append(float(singular.max() / singular.min()))
        x = new
    medians = [float(np.median(at)) for at in found.values()]
    return Evidence(
        float(np.median([number for at in found.values() for number in at])),
        at_most=3.0,
        what="median condition number of the moves of hidden matrices, above 0.003 of the norm",
        figures={"largest": max(max(at) for at in found.values())},
        traces={label: curve("median condition number of moves", "iteration", [*found], medians)},
    )


@paper.claim(
    "Muon's moves are well conditioned, AdamW's are not",
    paper_reports="orthogonalised updates use all directions of a matrix alike",
)
def well_conditioned(lab: Lab) -> Evidence:
    # AdamW's curve is the control's, drawn beside this one.
    ill = Evidence(_condition(lab, ADAMW, "AdamW").measure, at_least=30.0, what="the same for AdamW's moves")
    return Evidence.every(_condition(lab, MuonRule(fallback=ADAMW), "Muon"), ill)


@well_conditioned.control("AdamW's moves")
def adamw_moves(lab: Lab) -> Evidence:
    return _condition(lab, ADAMW, "AdamW")


def _cache(lab: Lab, forget: bool) -> Evidence:
    problem = lab.pick(full=CharLMMoE(layers=2), smoke=CharLMMoE(**CharLMMoE.small))
    x, window = problem.init(Random(0)), problem.data[0][7, :-1]
    whole, cache, numbers = problem.logits(x, window[None])[0], None, 0
    apart = list[float]()
    for t, token in enumerate(window):
        logits, cache = problem.decode(x, token, cache)
        apart.append(float((logits - whole[t]).abs().max()))
        numbers = sum(part.numel() for layer in cache for part in layer) / (t + 1)
        if forget:
            cache = [(latent, torch.zeros_like(turned)) for latent, turned in cache]
    plain = 2 * problem.width * problem.layers
    told = problem.cache_numbers() / plain
    name = "latents alone" if forget else "latents and keys"
    return Evidence.every(
        Evidence(abs(numbers / plain - told), at_most=0.0, what="cached share less (rank + rotary) / (2 width)"),
        Evidence(max(apart), at_most=1e-5, what="distance of logits decoded with the cache from those without"),
        figures={"cached share": numbers / plain},
        traces={name: curve("largest distance of logits", "token", range(len(apart)), apart)},
    )


@paper.claim(
    "Decoding from the latent cache gives the same logits from (rank + rotary) / (2 width) of the memory",
    paper_reports="a memory reduction of 68 percent with latent attention and experts",
)
def latent_cache(lab: Lab) -> Evidence:
    return _cache(lab, forget=False)


@latent_cache.control("the shared rotated keys left out of the cache")
def no_turned_keys(lab: Lab) -> Evidence:
    return _cache(lab, forget=True)
