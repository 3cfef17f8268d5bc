"""AdaFisher: Adaptive Second Order Optimization via Fisher Information (Martins Gomes et al., 2024)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.race import Race, logspace
from tendsto.optim import AdaFisher, AdaFisherMethod, AdaFisherW, AdamRule
from tendsto.problems import DigitsDeep

paper = Paper(
    key="adafisher",
    number="P025",
    arxiv="2405.16397",
    title="AdaFisher: Adaptive Second Order Optimization via Fisher Information",
    authors="Damien Martins Gomes, Yanlei Zhang, Eugene Belilovsky, Guy Wolf, Mahdi S. Hosseini",
    year=2024,
    family="optim",
    provides=[AdaFisher, AdaFisherW, AdaFisherMethod],
    note=(
        "The authors' code multiplies the old factor by 0.1 gamma and adds 0.01 gamma of the new one, so its factors"
        " settle near 0.009 and their product far below the damping: what it ships is momentum SGD with learning rate"
        ' lr / damping. variant="paper", the default, averages as the paper says. "none" leaves the Fisher matrix out.'
    ),
)


def _race(lab: Lab, variants: list[str]) -> Race:
    methods: dict[str, Any] = {variant: AdaFisherMethod(variant=variant) for variant in variants}
    return lab.race(
        lab.pick(full=DigitsDeep(hidden=(64, 64), batch=64), smoke=DigitsDeep(hidden=(4, 3), batch=8)),
        {**methods, "adam": AdamRule()},
        steps=lab.pick(full=450, smoke=5),  # 20 epochs of 1,438 images
        seeds=lab.pick(full=5, smoke=2),
        tune={"lr": lab.pick(full=logspace(1e-4, 1.0, 9), smoke=[1e-3, 1e-2])},
        record=lab.pick(full=20, smoke=5),
    )


def _accuracy(race: Race, name: str) -> np.ndarray:
    """Test accuracies, one a run, at the learning rate of the best mean."""
    return max(
        (e.trace.final("test accuracy") for e in race.settings(name)), key=lambda a: float(np.nan_to_num(a).mean())
    )


def _matters(lab: Lab, variant: str) -> Evidence:
    race = _race(lab, [variant])
    tuned = race.tuned(variant)
    least, largest = (float(tuned.trace.final(f"info.{w} Fisher entry").mean()) for w in ("least", "largest"))
    lost = Measure.mean(_accuracy(race, variant) - _accuracy(race, "adam"))
    entries = [tuned, race.tuned("adam")]
    return Evidence.every(
        Evidence(math.log10(largest / least), at_least=1.5, what="decades that the Fisher diagonal spans at the end"),
        Evidence(lost, at_least=-0.005, what="best test accuracy less Adam's best"),
        figures={f"final loss, {e}": e.loss() for e in entries}
        | {f"best test accuracy, {n}": float(_accuracy(race, n).mean()) for n in (variant, "adam")},
        traces={str(e): e.trace for e in entries},
    )


@paper.claim(
    "Averaged as the paper says, the Fisher diagonal has a range, and the method is as accurate as Adam",
    paper_reports="80.65 percent against 78.83 of the best other method, ResNet-101 on CIFAR-100",
    minutes=3,
)
def fisher_matters(lab: Lab) -> Evidence:
    return _matters(lab, "paper")


@fisher_matters.control("averaged as the authors' code does it")
def code_average(lab: Lab) -> Evidence:
    return _matters(lab, "official")


def _disguise(lab: Lab, variant: str) -> Evidence:
    race = _race(lab, [variant])
    tuned = race.tuned(variant)
    over = tuned.trace.final("info.largest Fisher entry") / AdaFisherMethod().damping
    lr = tuned.settings["lr"]
    plain = lab.race(
        race.problem,
        {"none": AdaFisherMethod(lr=lr, variant="none")},
        steps=race.steps,
        seeds=list(race.seeds),
        record=lab.pick(full=20, smoke=5),
    ).tuned("none")
    return Evidence.every(
        Evidence(
            float(over.max()), at_most=1.1, what="largest entry of the Fisher diagonal over the damping, at the end"
        ),
        figures={
            f"final loss, {tuned}": tuned.loss(),
            f"final loss, no Fisher matrix, lr {lr:g}": plain.loss(),
        },
        traces={str(tuned): tuned.trace, f"no Fisher matrix (lr={lr:.3g})": plain.trace},
    )


@paper.claim(
    "The authors' code is momentum SGD: its Fisher diagonal is the damping to within a tenth",
    paper_reports="nothing of the kind",
    minutes=3,
)
def sgd_in_disguise(lab: Lab) -> Evidence:
    return _disguise(lab, "official")


@sgd_in_disguise.control("averaged as the paper says")
def paper_average(lab: Lab) -> Evidence:
    return _disguise(lab, "paper")
