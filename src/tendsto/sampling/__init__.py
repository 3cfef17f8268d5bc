"""Sampling and variational inference: targets known by a log-density, and what is carried to them."""

from __future__ import annotations

from tendsto.sampling.betting import CoinBetting
from tendsto.sampling.breast_cancer_posterior import BreastCancerPosterior
from tendsto.sampling.cloud import Cloud
from tendsto.sampling.coin import Coin, coin_ksdd, coin_lawgd, coin_svgd
from tendsto.sampling.direction import Direction, KSDDescent, Score, Stein
from tendsto.sampling.discrepancy import energy_distance, mmd, sliced_wasserstein, wasserstein, wasserstein_1d
from tendsto.sampling.kernels import IMQ, RBF, Kernel, median_rule
from tendsto.sampling.langevin import MALA, ULA
from tendsto.sampling.lawgd import LAWGD
from tendsto.sampling.sample import Sample, sample, to_arviz
from tendsto.sampling.stein import ksd, ksd_gradients, stein_direction
from tendsto.sampling.svgd import AdaptiveFlow, ParticleFlow, svgd, svgd_adagrad
from tendsto.sampling.target import Gaussian, LogDensity, Target
from tendsto.sampling.zoo import Banana, Donut, Funnel, Mixture, Squiggle

__all__ = [
    "IMQ",
    "LAWGD",
    "MALA",
    "RBF",
    "ULA",
    "AdaptiveFlow",
    "Banana",
    "BreastCancerPosterior",
    "Cloud",
    "Coin",
    "CoinBetting",
    "Direction",
    "Donut",
    "Funnel",
    "Gaussian",
    "KSDDescent",
    "Kernel",
    "LogDensity",
    "Mixture",
    "ParticleFlow",
    "Sample",
    "Score",
    "Squiggle",
    "Stein",
    "Target",
    "coin_ksdd",
    "coin_lawgd",
    "coin_svgd",
    "energy_distance",
    "ksd",
    "ksd_gradients",
    "median_rule",
    "mmd",
    "sample",
    "sliced_wasserstein",
    "stein_direction",
    "svgd",
    "svgd_adagrad",
    "to_arviz",
    "wasserstein",
    "wasserstein_1d",
]
