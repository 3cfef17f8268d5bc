"""Optimizers Qualitatively Alter Solutions And We Should Leverage This (Pascanu et al., 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.iterate import seeds_of
from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.race import logspace
from tendsto.core.random import Random
from tendsto.core.rule import Rule
from tendsto.core.trace import Array, Trace
from tendsto.optim import AdaGradRule, AdamW, SGDRule, Shampoo, ShampooRule, compare_solutions
from tendsto.optim.solution import forgetting, learned, participation_ratio, retained, sharpness
from tendsto.problems.classification import Classification, Point
from tendsto.problems.data import digits
from tendsto.problems.once import once_property

paper = Paper(
    key="optimizer-bias",
    number="P047",
    arxiv="2507.12224",
    title="Optimizers Qualitatively Alter Solutions And We Should Leverage This",
    authors=(
        "Razvan Pascanu, Clare Lyle, Ionut-Vlad Modoranu, Naima Elosegui Borras, Dan Alistarh, Petar Velickovic, Sarath"
        " Chandar, Soham De, James Martens"
    ),
    year=2025,
    family="optim",
    provides=[compare_solutions, forgetting, participation_ratio, sharpness, Shampoo, ShampooRule],
    note=(
        "A position paper. An optimizer that hardly learns forgets little, so optimizers are compared at learning rates at"
        " which they learn each pair of classes alike well. Sums of squares that grow for ever shrink the steps from task"
        " to task, which alone lessens forgetting: diagonal AdaGrad is the control for that. The paper's low-dimensional"
        " features are not gated: they were not visible on the digits."
    ),
)

PAIRS = 5


@dataclass(frozen=True)
class _Incremental(Classification):
    """The digits' classes in pairs (0, 1), (2, 3), ... one after the other, one output layer for all; 64-w-w-10, tanh.

    Minibatches are of the pair of the present step, so this is no problem with a fixed sum.
    """

    width: int = 128
    each: int = 90
    batch: int = 32
    precision: str = "float32"

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, x_test, y_test = digits()
        return x.float(), y, x_test.float(), y_test

    @once_property
    def table(self) -> tuple[Tensor, Tensor]:
        """The indices of each pair's images, (5, most), padded, and how many there are."""
        members = [(self.data[1] // 2 == pair).nonzero()[:, 0] for pair in range(PAIRS)]
        return torch.nn.utils.rnn.pad_sequence(members, batch_first=True), torch.tensor([len(m) for m in members])

    def sample(self, rng: Random) -> Tensor:
        indices, counts = self.table
        step = torch.as_tensor(rng.step)
        pair = ((step - 1).clamp(min=0) // self.each).clamp(max=PAIRS - 1)
        u = rng.uniform("batch", (self.batch,), torch.float64)
        at = (u * counts[pair][..., None]).long()
        return torch.gather(indices[pair].expand(*at.shape[:-1], indices.shape[1]), -1, at)

    def init(self, rng: Random) -> Point:
        sizes, x = (64, self.width, self.width, 10), Point()
        for i in range(3):
            x[f"layer{i}.weight"] = rng.normal(f"layer{i}", (sizes[i + 1], sizes[i])) / sizes[i] ** 0.5
            x[f"layer{i}.bias"] = torch.zeros(sizes[i + 1])
        return x

    def features(self, x: Point, images: Tensor) -> Tensor:
        for i in range(2):
            images = torch.tanh(torch.nn.functional.linear(images, x[f"layer{i}.weight"], x[f"layer{i}.bias"]))
        return images

    def logits(self, x: Point, images: Tensor) -> Tensor:
        return torch.nn.functional.linear(self.features(x, images), x["layer2.weight"], x["layer2.bias"])

    def metrics(self, x: Point) -> dict[str, Tensor]:
        images, labels = self.data[2:]
        right = (self.logits(x, images).argmax(dim=-1) == labels).float()
        return {f"pair {i}": (right * (labels // 2 == i)).sum() / (labels // 2 == i).sum() for i in range(PAIRS)}


WINDOW = (0.955, 0.99)
"""Accuracies on a pair just learned between which learning rates count as learning alike well."""

METHODS: dict[str, Rule] = {"sgd": SGDRule(), "adamw": AdamW.rule(), "shampoo": ShampooRule(), "adagrad": AdaGradRule()}
GRIDS = {
    "sgd": logspace(0.03, 1.0, 4),
    "adamw": logspace(3e-4, 1e-2, 4),
    "shampoo": logspace(0.015, 0.15, 4),
    "adagrad": logspace(5e-3, 0.1, 4),
}


def _tables(trace: Trace, each: int) -> list[Array]:
    """The accuracies of each run on each pair after each pair, 0 where it diverged."""
    at = [int(np.flatnonzero(trace.index == each * (i + 1))[0]) for i in range(PAIRS)]
    columns = np.stack([trace[f"pair {i}"][:, at] for i in range(PAIRS)], axis=-1)
    return list(np.nan_to_num(columns))


def _old(lab: Lab, name: str) -> tuple[Array, dict[str, Any]]:
    """The old pairs' accuracy of each run, at the rate of best mean among those that learn alike well, and figures."""
    each = lab.pick(full=90, smoke=2)
    problem = _Incremental(width=lab.pick(full=128, smoke=4), each=each)
    figures: dict[str, Any] = {}
    best = np.zeros(len(_seeds(lab)))
    for lr in lab.pick(full=GRIDS[name], smoke=GRIDS[name][2:3]):
        trace = lab.iterate(
            spec.replace(METHODS[name], lr=lr), problem, steps=PAIRS * each, seeds=_seeds(lab), record=2 * PAIRS
        )
        tables = _tables(trace, each)
        now, old = np.mean([learned(t) for t in tables]), np.array([retained(t) for t in tables])
        figures[f"{name}, lr {lr:.3g}"] = {"just learned": float(now), "old pairs": float(old.mean())}
        if WINDOW[0] <= now <= WINDOW[1] and old.mean() > best.mean():
            best = old
    return best, figures


def _seeds(lab: Lab) -> list[int]:
    return seeds_of(lab.pick(full=5, smoke=2))


def _keeps(lab: Lab, name: str) -> Evidence:
    ours, figures = _old(lab, name)
    parts: list[Evidence] = []
    for other in ("sgd", "adamw"):
        theirs, more = _old(lab, other)
        figures |= more
        what = f"accuracy on old pairs, {name} less {other}, at equal accuracy on new ones"
        parts.append(Evidence(Measure.mean(ours - theirs), at_least=0.1, what=what))
    return Evidence.every(*parts, figures={"by learning rate": figures})


@paper.claim(
    "Learning alike well, Shampoo forgets less of old classes than SGD and AdamW",
    paper_reports="on class-incremental MNIST Adam keeps almost nothing but the last pair, Shampoo earlier ones",
    minutes=3,
)
def forgets_less(lab: Lab) -> Evidence:
    return _keeps(lab, "shampoo")


@forgets_less.control("diagonal AdaGrad in Shampoo's place: steps that shrink as much, without the matrices")
def diagonal(lab: Lab) -> Evidence:
    return _keeps(lab, "adagrad")


def _flows(lab: Lab, exponent: float) -> Evidence:
    """Gradient flow on theta, with w = theta |theta|^(a-1), beside w' = -a^2 |w|^exponent grad L(w)."""
    from scipy.integrate import solve_ivp

    rng = Random(0, backend="numpy")
    x, y = rng.normal("x", (20, 8)), rng.normal("y", (20,))
    times, alpha = np.linspace(0.0, lab.pick(full=1.0, smoke=0.1), 50), 2.0

    def gradient(w: Array) -> Array:
        return x.T @ (x @ w - y) / 20

    def of(theta: Array) -> Array:
        return theta * np.abs(theta) ** (alpha - 1)

    def reparametrised(_: float, theta: Array) -> Array:
        return -gradient(of(theta)) * alpha * np.abs(theta) ** (alpha - 1)

    def preconditioned(_: float, w: Array) -> Array:
        return -(alpha**2) * np.abs(w) ** exponent * gradient(w)

    start = rng.uniform("start", (8,)) + 0.5
    options: dict[str, Any] = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12, "t_eval": times}
    one = solve_ivp(reparametrised, (0.0, times[-1]), start, **options)
    two = solve_ivp(preconditioned, (0.0, times[-1]), of(start), **options)
    apart = float(np.abs(of(one.y) - two.y).max())
    return Evidence(apart, at_most=1e-6, what="distance between the flow of theta and the preconditioned flow of w")


@paper.claim(
    "Power-propagation is a choice of optimizer: the flow of its parameters is a preconditioned flow",
    paper_reports="stated without figures (recalled)",
)
def same_flow(lab: Lab) -> Evidence:
    return _flows(lab, 1.0)


@same_flow.control("another exponent of |w|: 1/2 in the place of 2 (a - 1) / a = 1")
def other_exponent(lab: Lab) -> Evidence:
    return _flows(lab, 0.5)


def _support(lab: Lab, power: bool) -> Evidence:
    """F1 of the support found by descent on w = theta |theta|, or on w, in 40 equations with 100 unknowns, 5 not 0."""
    scores: list[float] = []
    for seed in range(lab.pick(full=10, smoke=2)):
        rng = Random(seed)
        a = rng.normal("a", (40, 100), torch.float64) / 40**0.5
        true = torch.zeros(100, dtype=torch.float64)
        true[rng.permutation("support", 100)[:5]] = 1.0 + rng.uniform("size", (5,), torch.float64)
        b = a @ true
        theta = torch.full((100,), 1e-3 if power else 0.0, dtype=torch.float64)
        for _ in range(lab.pick(full=20_000, smoke=100)):
            w = theta * theta.abs() if power else theta
            g = a.T @ (a @ w - b)
            theta = theta - 0.02 * (2 * theta.abs() * g if power else g)
        w = theta * theta.abs() if power else theta
        found, real = w.abs() > 0.1 * w.abs().max(), true != 0
        hits = float((found & real).sum())
        scores.append(2 * hits / float(found.sum() + real.sum()))
    return Evidence(Measure.mean(scores), at_least=0.9, what="F1 of the recovered support, 5 of 100 from 40 equations")


@paper.claim(
    "Power-propagation from a small start finds sparse solutions, where gradient descent finds small ones",
    paper_reports="large weights move faster, so that solutions are sparse",
)
def sparse(lab: Lab) -> Evidence:
    plain = _support(lab, power=False)
    dense = Evidence(plain.measure, at_most=0.5, what="the same for gradient descent")
    return Evidence.every(_support(lab, power=True), dense)


@sparse.control("gradient descent, the same threshold")
def dense(lab: Lab) -> Evidence:
    return _support(lab, power=False)


def _least_norm(lab: Lab, start: float) -> Evidence:
    rng = Random(0)
    a, b = rng.normal("a", (10, 30), torch.float64), rng.normal("b", (10,), torch.float64)
    want = torch.from_numpy(np.linalg.lstsq(a.numpy(), b.numpy())[0])
    x = start * rng.normal("start", (30,), torch.float64)
    lr = 1 / float(torch.linalg.matrix_norm(a, 2)) ** 2
    for _ in range(lab.pick(full=5000, smoke=50)):
        x = x - lr * a.T @ (a @ x - b)
    return Evidence(float((x - want).norm()), at_most=1e-4, what="distance from the solution of least norm")


@paper.claim(
    "Of all solutions of an under-determined system gradient descent from 0 finds the one of least norm",
    paper_reports="standard theory that the paper builds on",
)
def least_norm(lab: Lab) -> Evidence:
    return _least_norm(lab, 0.0)


@least_norm.control("a start that is not in the span of the equations")
def other_start(lab: Lab) -> Evidence:
    return _least_norm(lab, 1.0)


def _margin(lab: Lab, signs: bool, *, against: str) -> Evidence:
    """The cosine of w, by normalised or by sign descent on separable logistic regression, with a largest margin's."""
    from scipy.optimize import linprog, minimize

    rng = Random(1, backend="numpy")
    # Long along one axis, so that the two directions are far apart (a cosine of about 0.8).
    x = np.array([3.0, 1.0, 0.5]) + 0.2 * rng.normal("x", (20, 3))
    if against == "l2":
        met = {"type": "ineq", "fun": lambda w: x @ w - 1}
        solve: Any = minimize
        want = solve(lambda w: w @ w / 2, np.ones(3), constraints=[met], method="SLSQP", tol=1e-12).x
    else:
        # min t with x w >= 1 and -t <= w <= t.
        rows = np.vstack([np.c_[-x, np.zeros(20)], np.c_[np.eye(3), -np.ones(3)], np.c_[-np.eye(3), -np.ones(3)]])
        limits = np.concatenate([-np.ones(20), np.zeros(6)])
        solve = linprog
        want = solve([0, 0, 0, 1], rows, limits, bounds=[(None, None)] * 3 + [(0, None)]).x[:3]
    w = np.zeros(3)
    for t in range(1, lab.pick(full=100_000, smoke=100)):
        m = x @ w
        # 1 / (1 + e^m) up to a common factor, which the normalised step does not see.
        p = np.exp(-(m - m.min())) / (1 + np.exp(np.minimum(-m, 700.0)))
        g = -(p @ x)
        w = w - (np.sign(g) if signs else g / np.linalg.norm(g)) / t**0.5
    cosine = float(w @ want / np.linalg.norm(w) / np.linalg.norm(want))
    name = "sign descent" if signs else "gradient descent"
    return Evidence(cosine, at_least=0.99, what=f"cosine of {name} with the direction of largest {against} margin")


@paper.claim(
    "On separable data gradient descent goes to the largest l2 margin, sign descent to the largest l-inf margin",
    paper_reports="standard theory that the paper builds on",
)
def margins(lab: Lab) -> Evidence:
    return Evidence.every(_margin(lab, False, against="l2"), _margin(lab, True, against="l-inf"))


@margins.control("the two margins exchanged")
def exchanged(lab: Lab) -> Evidence:
    return Evidence.every(_margin(lab, False, against="l-inf"), _margin(lab, True, against="l2"))
