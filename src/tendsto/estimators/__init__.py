"""Estimators in scikit-learn's form."""

from __future__ import annotations

from tendsto.estimators.mutual_information import MutualInformationScreener, mutual_information
from tendsto.estimators.q_gaussian_mixed import QGaussianMixedModel
from tendsto.estimators.sparse_glm import SparseClassifier, SparseRegressor
from tendsto.optim.spectral_estimator import SpectralRiskClassifier, SpectralRiskRegressor

__all__ = [
    "MutualInformationScreener",
    "QGaussianMixedModel",
    "SparseClassifier",
    "SparseRegressor",
    "SpectralRiskClassifier",
    "SpectralRiskRegressor",
    "mutual_information",
]
