"""Thermodynamic Natural Gradient Descent (Donatella et al., 2024)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tendsto.atlas.curve import curve
from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.race import Entry, Race
from tendsto.core.random import Random
from tendsto.core.trace import End, Trace
from tendsto.optim import TNGD, AdamRule, OULaw, SGDRule, ThermodynamicSolve, TNGDMethod
from tendsto.optim.thermodynamic import drift
from tendsto.problems import Softmax

paper = Paper(
    key="tngd",
    number="P008",
    arxiv="2405.13817",
    title="Thermodynamic Natural Gradient Descent",
    authors="Kaelan Donatella, Samuel Duffield, Maxwell Aifer, Denis Melanson, Gavin Crooks, Patrick J. Coles",
    year=2024,
    family="optim",
    provides=[TNGD, TNGDMethod, OULaw, ThermodynamicSolve],
    note=(
        "The device is simulated: each of its time steps is one Gauss-Newton product, so what is looked at is the"
        " quality of a step, never its speed; a digital computer solves the same system in about sqrt(condition)"
        " conjugate-gradient steps. The matrix is the generalised Gauss-Newton one of the batch's mean loss."
    ),
)


def _system(d: int, condition: float) -> tuple[Tensor, Tensor, Tensor]:
    """A symmetric matrix with eigenvalues from 1 / condition to 1, a right-hand side, and a start."""
    rng = Random(0).fork("system")
    q, _ = torch.linalg.qr(rng.normal("basis", (d, d), torch.float64))
    a = q * torch.logspace(0, -float(np.log10(condition)), d, dtype=torch.float64) @ q.T
    return (a + a.T) / 2, rng.normal("b", (d,), torch.float64), rng.normal("start", (d,), torch.float64)


def _law(lab: Lab, noise_scale: float) -> Evidence:
    d, chains = 30, lab.pick(full=2000, smoke=200)
    a, b, x0 = _system(d, 1e3)
    beta, dt, t = 1e4, 0.05, lab.pick(full=100.0, smoke=1.0)
    law = OULaw(a, b, x0, t, beta)
    found = drift(
        lambda x: x @ a,
        b.expand(chains, -1),
        x0.expand(chains, -1),
        steps=round(t / dt),
        dt=dt,
        beta=beta,
        rng=Random(1),
        noise_scale=noise_scale,
    )
    error = float((found.mean(dim=0) - law.mean()).norm())
    standard = float((law.covariance().trace() / chains).sqrt())
    relative = float((torch.cov(found.T) - law.covariance()).norm() / law.covariance().norm())
    what = f"error of the mean of {chains:,} chains, over 3 standard errors and 0.001"
    values, vectors = torch.linalg.eigh(a)
    covariances = {"device": torch.cov(found.T), "exact law": law.covariance()}
    if noise_scale != 2.0:  # the law is drawn once, beside both
        covariances = {"less noise": covariances["device"]}
    along = {name: beta * (vectors.T @ c @ vectors).diagonal() for name, c in covariances.items()}
    return Evidence.every(
        Evidence(error / (3 * standard + 1e-3), at_most=1.0, what=what),
        Evidence(relative, at_most=0.2, what="relative error of their covariance"),
        figures={"condition": 1e3, "beta": beta, "time, over 1 / lambda_min": t / 1e3},
        traces={n: curve("beta x variance along the eigenvector", "eigenvalue", values, v) for n, v in along.items()},
    )


@paper.claim(
    "The simulated device has the mean and covariance of the exact law",
    paper_reports="the stationary law is normal, of mean A^-1 b and covariance A^-1 / beta",
    minutes=1,
)
def exact_law(lab: Lab) -> Evidence:
    return _law(lab, 2.0)


@exact_law.control("the noise sqrt(dt / beta), without the 2")
def too_little_noise(lab: Lab) -> Evidence:
    return _law(lab, 1.0)


def _cosines(lab: Lab, curvature: float) -> Evidence:
    """Along the device's time, how its mean agrees with gradient and natural gradient of softmax regression."""
    problem, rng = Softmax(l2=0.0, batch=lab.pick(full=128, smoke=8)), Random(2)
    x, damping = 0.1 * rng.normal("point", (10, 65), torch.float64), 0.03
    sample = problem.sample(rng)
    basis = torch.eye(650, dtype=torch.float64).reshape(650, 10, 65)
    products = torch.func.vmap(lambda v: problem.gauss_newton(x, v, sample))(basis).reshape(650, 650)
    eye = torch.eye(650, dtype=torch.float64)
    f, g = (products + products.T) / 2, problem.gradient(x, sample).flatten()
    natural = torch.linalg.solve(f + damping * eye, g)
    times = np.array([0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 10 / damping])
    law = OULaw(curvature * f + damping * eye, g, g, 0.0)
    with_natural, with_gradient = [], []
    for t in times:
        object.__setattr__(law, "t", float(t))  # the decomposition is kept: only the time moves
        mean = law.mean()
        with_natural.append(float(torch.cosine_similarity(mean, natural, dim=0)))
        with_gradient.append(float(torch.cosine_similarity(mean, g, dim=0)))
    values = {"with the natural gradient": np.array([with_natural]), "with the gradient": np.array([with_gradient])}
    trace = Trace(times, values, (End("budget", float(times[-1])),), (2,), "time")
    return Evidence.every(
        Evidence(float(np.diff(with_natural).min()), at_least=-1e-9, what="least rise of the cosine along time"),
        Evidence(with_natural[-1], at_least=0.999, what="cosine with the natural gradient at 10 / lambda_min"),
        Evidence(with_gradient[0], at_least=1 - 1e-12, what="cosine with the gradient at time 0"),
        figures={"cosine with the natural gradient at time 0": with_natural[0]},
        traces={"cosine": trace},
    )


@paper.claim(
    "The device's time interpolates from gradient descent to the natural gradient",
    paper_reports="t = 0 is SGD, t to infinity is natural gradient descent",
)
def interpolation(lab: Lab) -> Evidence:
    return _cosines(lab, 1.0)


@interpolation.control("a device without the curvature")
def no_curvature(lab: Lab) -> Evidence:
    return _cosines(lab, 0.0)


def _race(lab: Lab) -> Race:
    def tngd(**settings: float) -> TNGDMethod:
        return TNGDMethod(SGDRule(lr=0.3), damping=0.03, dt=0.5, **settings)  # type: ignore[arg-type]

    methods = {
        "tngd": tngd(n_steps=5),
        "tngd, 50 device steps": tngd(n_steps=lab.pick(full=50, smoke=6)),
        "tngd, beta 1e6": tngd(n_steps=5, beta=1e6),
        "no device": tngd(n_steps=0, warm_start=False),
    }
    settings = {
        "steps": lab.pick(full=200, smoke=4),
        "seeds": lab.pick(full=5, smoke=2),
        "record": lab.pick(full=201, smoke=5),
    }
    problem = Softmax(l2=0.0, batch=lab.pick(full=128, smoke=8))
    ours = lab.race(problem, methods, tune={"lr": lab.pick(full=[0.1, 0.3, 1.0], smoke=[0.3])}, **settings)
    adam = lab.race(
        problem,
        {"adam": AdamRule()},
        tune={"lr": lab.pick(full=[0.003, 0.01, 0.03, 0.1, 0.3], smoke=[0.1])},
        **settings,
    )
    return Race(problem, (*ours.entries, *adam.entries), ours.seeds, ours.steps, ours.tune)


def _at(entry: Entry, step: int) -> np.ndarray:
    return entry.trace[entry.trace.criterion][:, step]


def _best(race: Race, names: list[str], step: int) -> Entry:
    """The method and setting of the least mean loss at a step."""
    return min((e for name in names for e in race.settings(name)), key=lambda e: float(_at(e, step).mean()))


def _lower(lab: Lab, names: list[str]) -> Evidence:
    race, parts = _race(lab), []
    for step in lab.pick(full=[20, 50, 100], smoke=[2]):
        ours, adam = _best(race, names, step), _best(race, ["adam"], step)
        ratio = Measure.ratio(_at(ours, step) / _at(adam, step))
        parts.append(Evidence(ratio, at_most=1.0, what=f"best loss of {names[0]} over Adam's best, step {step}"))
    if names[0] == "tngd":
        quiet, noisy = race.tuned("tngd"), race.tuned("tngd, beta 1e6")
        same = Measure.ratio(noisy.trace.final() / quiet.trace.final())
        parts.append(Evidence(same, at_least=0.98, at_most=1.02, what="final loss at beta 1e6 over that without noise"))
    tuned = {str(e): e for e in (race.tuned(name) for name in (*names, "adam"))}
    return Evidence.every(
        *parts,
        figures={"final loss": {label: e.loss() for label, e in tuned.items()}},
        traces={label: e.trace for label, e in tuned.items()},
    )


@paper.claim(
    "A step of TNGD lowers the loss of softmax regression more than a step of Adam, thermal noise or not",
    paper_reports="converges in fewer iterations than Adam, MNIST",
    minutes=2,
)
def lower_than_adam(lab: Lab) -> Evidence:
    return _lower(lab, ["tngd", "tngd, 50 device steps"])


@lower_than_adam.control("no device: the gradient itself, at the same learning rates")
def gradient_alone(lab: Lab) -> Evidence:
    return _lower(lab, ["no device"])
