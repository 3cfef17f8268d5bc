"""A linear model of least spectral risk, by a general minimiser on the objective written out."""

import numpy as np
from reference.spectral_problem import objective
from scipy.optimize import minimize


def fit(features, targets, sigma, shift_cost, penalty, mu, logistic):
    """Coefficients with the intercept last."""
    a = np.column_stack([features, np.ones(len(features))])

    def value(w):
        return objective(a, targets, w, sigma, shift_cost, penalty, mu, logistic)

    return minimize(value, np.zeros(a.shape[1]), method="Powell", options={"xtol": 1e-10, "ftol": 1e-15}).x
