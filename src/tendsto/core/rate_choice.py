"""Which of the fitted laws is told: quasi-BIC, and caution where points are few."""

# NumPy's ufunc methods and SciPy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tendsto.core.rate_curve import ENOUGH_POINTS, Array, Curve
from tendsto.core.rate_families import Fit

RESAMPLES = 200
CLOSE = 2.0  # laws whose criterion differs by less fit about as well
# With so few points the elaborate laws are charged in full.
FEW_POINTS = 12
STRONG = 10.0  # "very strong" evidence on the scale of chi2 (Kass and Raftery 1995)
ELABORATE = ("power-floor", "exponential-floor", "log-power", "superlinear")


@dataclass(frozen=True)
class Caution:
    """What the choice among laws asks for beyond quasi-BIC when points are few.

    `charge` is what an elaborate law (neither power nor linear) must gain in chi2 over a simple one beyond its
    parameters: nothing from 48 points on; with 12 or fewer very strong evidence, and more where few runs tell the
    noise. `lead` is what the best law must be ahead of any as simple. `quietest` is the least reduced chi2 taken for
    noise: one run's noise is read off its roughness, which on few points is the law's own curvature.
    """

    charge: float
    lead: float
    quietest: float

    @classmethod
    def of(cls, points: int, runs: int) -> Caution:
        few = min(1.0, max(0.0, (ENOUGH_POINTS - points) / (ENOUGH_POINTS - FEW_POINTS)))
        charge = few * STRONG * (1 + 2 / max(runs - 1, 1))
        return cls(charge, 0.6 * charge, 1e-10 if runs == 1 and few > 0 else 1.0)


NO_CAUTION = Caution(0.0, 0.0, 1.0)


def criterion(fits: list[Fit], bins: int, chi2: NDArray[np.float64], caution: Caution = NO_CAUTION) -> Array:
    """chi2 / c + parameters * log(bins) + charge if elaborate, for each row of chi2 (draws, fits); the least is best.

    c is the least reduced chi2 or one: where no family fits to within noise, differences count less (quasi-BIC,
    Burnham and Anderson 2002, section 2.5).
    """
    parameters = np.array([fit.theta.size for fit in fits])
    charges = caution.charge * np.array([fit.kind in ELABORATE for fit in fits])
    reduced = np.min(chi2 / np.maximum(bins - parameters, 1), axis=1, keepdims=True)
    return chi2 / np.maximum(caution.quietest, reduced) + parameters * np.log(bins) + charges


def pick(fits: list[Fit], bins: int, caution: Caution) -> Fit:
    """The law told: the least criterion on the data as they are."""
    scores = criterion(fits, bins, np.array([[fit.chi2 for fit in fits]]), caution)
    return fits[int(np.argmin(scores))]


def rivals(fits: list[Fit], best: Fit, bins: int, caution: Caution) -> tuple[list[str], tuple[str, ...]]:
    """With few points: laws as simple as the best that it hardly leads, and elaborate ones that fit about as well."""
    chi2 = np.array([[fit.chi2 for fit in fits]])
    gap = criterion(fits, bins, chi2, Caution(0.0, 0.0, caution.quietest))[0]
    gap = gap - gap[fits.index(best)]
    elaborate = best.kind in ELABORATE
    others = [(fit.kind, ahead) for fit, ahead in zip(fits, gap, strict=True) if fit.kind not in ("none", best.kind)]
    equals = [kind for kind, ahead in others if (kind in ELABORATE) == elaborate and ahead < caution.lead]
    few = caution.charge > 0 and not elaborate
    return equals, tuple(kind for kind, ahead in others if few and kind in ELABORATE and ahead < CLOSE)


def frequencies(fits: list[Fit], curve: Curve, deviation: Array, caution: Caution, seed: int) -> Array:
    """Share of resamples of runs in which each family is chosen; each family is refitted to first order.

    With Q an orthonormal basis of a family's whitened Jacobian and r the resampled residual before refitting, the
    refitted chi2 is |r|^2 - |Q r|^2.
    """
    runs = curve.runs
    if runs == 1:
        counts = np.ones((1, 1))
    else:
        counts = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), size=RESAMPLES)
    shift = (counts / runs) @ deviation
    chi2 = np.empty((shift.shape[0], len(fits)))
    for j, fit in enumerate(fits):
        residual = fit.residual + shift
        basis = np.linalg.qr(fit.jacobian.T)[0]
        chi2[:, j] = np.sum(residual**2, axis=1) - np.sum((residual @ basis) ** 2, axis=1)
    chosen = np.argmin(criterion(fits, curve.bins, chi2, caution), axis=1)
    return np.bincount(chosen, minlength=len(fits)) / chosen.size
