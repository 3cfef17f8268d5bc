"""How fast a sequence converges: the law fitted to curves of many runs, with an interval over runs."""

# NumPy's ufunc methods and SciPy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_law
from scipy.stats import t as student

from tendsto.core.rate_choice import Caution, frequencies, pick, rivals
from tendsto.core.rate_curve import Array, Curve, as_runs, ends, make_curve
from tendsto.core.rate_families import FLOOR_KINDS, KINDS, POWER_KINDS, Fit, fit_constant, fit_family

LEAST_BINS = 5
LEAST_FREQUENCY = 0.5
# Shares of the bins dropped in turn as a transient until some law fits to within noise.
STARTS = (0.0, 0.2, 0.4, 0.6)
NAN = float("nan")


@dataclass(frozen=True)
class Rate:
    """The law that a sequence follows, fitted to `runs` curves; kind "none" means not enough evidence.

    | kind | law | headline |
    |---|---|---|
    | linear | C q^k | factor q |
    | power | C k^-p | order p |
    | power-floor | C k^-p + F | order p |
    | exponential-floor | C q^k + F | factor q |
    | log-power | C log(k) k^-p | order p |
    | superlinear | e_(k+1) ~ e_k^r | order r |

    `interval` is for the headline within that family, from the spread over runs (nan for a single run); `frequency` is
    the share of resamples of runs that chose the family; `used` the index range; `goodness` the weighted R^2 of the
    seed mean on the scale of the fit; `start` is the law's decaying part at `used[0]`. For superlinear, `factor` is
    the contraction at the first step used. `possible` names the elaborate laws (those with a floor, log-power,
    superlinear) that fit fewer than 48 points about as well as the simple one that is told.

    >>> import numpy as np
    >>> k = np.arange(1, 101)
    >>> noise = np.exp(0.05 * np.random.default_rng(0).normal(size=(10, 100)))
    >>> rate = fit_rate(k, 3 * k**-1.0 * noise)
    >>> rate.kind, round(rate.order, 1)
    ('power', 1.0)
    """

    kind: str
    order: float
    factor: float
    floor: float
    interval: tuple[float, float]
    frequency: float
    used: tuple[float, float]
    goodness: float
    runs: int
    points: int
    reason: str
    start: float = NAN
    possible: tuple[str, ...] = ()

    def predict(self, index: ArrayLike) -> Array:
        """The fitted law at index (points,), in the units of the values; nan for kind "none"."""
        k = np.asarray(index, dtype=np.float64)
        first = self.used[0]
        if self.kind == "none":
            return np.full(k.shape, NAN)
        if self.kind == "superlinear":
            fall = -np.log(self.factor) / (self.order - 1)
            return self.start * np.exp(-fall * (self.order ** (k - first) - 1))
        if self.kind in POWER_KINDS:
            law = self.start * (k / first) ** -self.order
        else:
            law = self.start * self.factor ** (k - first)
        if self.kind == "log-power":
            law = law * np.log(k) / np.log(first)
        return law + self.floor if self.kind in FLOOR_KINDS else law

    def __str__(self) -> str:
        if self.kind == "none":
            return f"not enough evidence: {self.reason}"
        name = "factor" if self.kind in ("linear", "exponential-floor") else "order"
        headline = self.factor if name == "factor" else self.order
        low, high = self.interval
        digits = 3 if not np.isfinite(high - low) else max(2, 1 - int(np.floor(np.log10(max(high - low, 1e-12)))))
        digits = min(digits, 8)
        between = f" [{low:.{digits}f}, {high:.{digits}f}]" if np.isfinite(low) else ""
        floor = f", floor {self.floor:.3g}" if self.kind in FLOOR_KINDS else ""
        runs = "1 run" if self.runs == 1 else f"{self.runs} seeds"
        possible = f"; {' or '.join(self.possible)} possible too" if self.possible else ""
        return (
            f"{self.kind}: {name} {headline:.{digits}f}{between}{floor}, {runs}, "
            f"k in [{self.used[0]:g}, {self.used[1]:g}], chosen in {100 * self.frequency:.0f} % of resamples{possible}"
        )


def _none(reason: str, runs: int, points: int, used: tuple[float, float] = (NAN, NAN), frequency: float = NAN) -> Rate:
    return Rate("none", NAN, NAN, NAN, (NAN, NAN), frequency, used, NAN, runs, points, reason)


def _usable(index: Array, values: Array) -> tuple[Array, Array, str]:
    """The stretch that all runs recorded, without k <= 1 where enough is left, up to where all are exactly zero."""
    length = int(ends(values)[0].min())
    note = "" if length == index.size else f"used up to index {index[length - 1]:g}, where the first run ended"
    k, y = index[:length], values[:, :length]
    nonzero = np.flatnonzero(np.any(y != 0, axis=0))
    cut = int(nonzero[-1]) + 1 if nonzero.size else 0
    if cut < k.size:
        k, y = k[:cut], y[:, :cut]
        note = f"used up to index {k[-1]:g}, after which all runs are exactly zero" if cut else "all runs are zero"
    # log log k needs k > 1, log k needs k > 0; all families must see the same points to be compared.
    keep = k > 1 if np.sum(k > 1) >= 8 else k > 0
    return k[keep], y[:, keep], note


def _candidates(curve: Curve, families: Sequence[str], caution: Caution) -> list[Fit]:
    any_floor, few = all(kind in FLOOR_KINDS for kind in families), caution.charge > 0
    fits = (fit_family(kind, curve, any_floor=any_floor, unresolved=few) for kind in families)
    return [*(fit for fit in fits if fit is not None), fit_constant(curve)]


def _fits_within_noise(fit: Fit, bins: int, runs: int) -> bool:
    """A lenient chi2 test (level 1e-4): the noise itself is estimated from few runs, hence the allowance."""
    freedom = max(1, bins - fit.theta.size)
    allowance = 1.25 + 2.0 / max(runs - 1, 1)
    return fit.chi2 <= allowance * float(chi2_law.isf(1e-4, freedom))


def _search_start(curve: Curve, families: Sequence[str], caution: Caution) -> tuple[Curve, list[Fit], bool]:
    """Drop as much of the beginning as it takes for some family to fit to within noise."""
    last: tuple[Curve, list[Fit], bool] = (curve, [], False)
    for share in STARTS:
        part = curve.from_bin(int(share * curve.bins))
        if part.bins < max(LEAST_BINS, 8) and share > 0:
            break
        fits = _candidates(part, families, caution)
        last = part, fits, _fits_within_noise(pick(fits, part.bins, caution), part.bins, part.runs)
        if last[2]:
            break
    return last


def _slope_interval(fit: Fit, curve: Curve, deviation: Array, confidence: float) -> tuple[float, float]:
    """Student's interval for s from the runs' influence on it (infinitesimal jackknife over runs)."""
    if curve.runs == 1:
        return NAN, NAN
    influence = fit.influence(deviation)[:, fit.slope]
    error = float(np.std(influence, ddof=1)) / curve.runs**0.5
    half = float(student.ppf(0.5 + confidence / 2, curve.runs - 1)) * error
    slope = float(fit.theta[fit.slope])
    return slope - half, slope + half


def _goodness(fit: Fit, curve: Curve) -> float:
    """Weighted R^2 of the seed mean on the scale of the fit."""
    weight = 1 / curve.scatter**2
    centre = np.sum(weight * curve.mean) / np.sum(weight)
    total = np.sum(weight * (curve.mean - centre) ** 2)
    return float(1 - np.sum(weight * (curve.mean - fit.fitted) ** 2) / total) if total > 0 else NAN


def _headline(fit: Fit, low: float, high: float) -> tuple[float, float, float, tuple[float, float]]:
    """order, factor, floor and interval in the terms of the family."""
    slope = float(fit.theta[fit.slope])
    floor = float(fit.theta[2]) if fit.kind in FLOOR_KINDS else NAN
    if fit.kind in POWER_KINDS:
        return slope, NAN, floor, (low, high)
    if fit.kind == "superlinear":
        fall = float(np.exp(fit.theta[1]))
        factor = float(np.exp(-fall * (np.exp(slope) - 1)))
        return float(np.exp(slope)), factor, NAN, (float(np.exp(low)), float(np.exp(high)))
    return NAN, float(np.exp(-slope)), floor, (float(np.exp(-high)), float(np.exp(-low)))


def _is_decreasing(fit: Fit, curve: Curve, low: float, caution: Caution) -> bool:
    """Whether s is positive beyond doubt; a single run has only its own residual to judge by."""
    if fit.kind == "log-power":
        # log k rises: the law falls over the range used only if s makes up for it.
        first, last = float(curve.first[0]), float(curve.last[-1])
        least = float(np.log(np.log(last) / np.log(first)) / np.log(last / first))
        if not (low if np.isfinite(low) else fit.theta[1]) > least:
            return False
    if np.isfinite(low):
        return low > 0
    covariance = np.linalg.inv(fit.jacobian @ fit.jacobian.T)
    freedom = max(1, fit.residual.size - fit.theta.size)
    inflation = max(caution.quietest, fit.chi2 / freedom)
    least = max(4.0, float(student.isf(1e-3, freedom)))
    return bool(fit.theta[fit.slope] > least * np.sqrt(inflation * covariance[fit.slope, fit.slope]))


def fit_rate(
    index: ArrayLike,
    values: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    families: Sequence[str] | None = None,
) -> Rate:
    """Fit the law by which values (runs, points) tend to zero, or to a floor, along index (points,).

    Values are gaps (limit zero); under additive noise some may be negative. Runs may end early (NaN from there on): the
    stretch that all recorded is used. `families` restricts the laws tried; if all have a floor, the floor may be
    of any sign, which serves a criterion whose optimum is unknown. `seed` draws the resamples of runs.

    Each family is fitted to the seed mean, averaged over bins even in k and in log k, by least squares weighted and
    whitened with the noise seen between seeds; the family is chosen by quasi-BIC. The interval is Student's, from the
    runs' influence on the parameter (infinitesimal jackknife: Efron and Tibshirani 1993, chapter 21): it is conditional
    on the family.

    Fewer than 48 points hardly tell laws apart. An elaborate law then needs strong evidence against power and linear,
    and the answer is "none" where the best law does not lead one as simple, or where none fits to within noise.

    Raises ValueError on wrong shapes, an index that does not increase, or an unknown family.
    """
    names = KINDS if families is None else tuple(families)
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        raise ValueError(f"families are {list(names)}; they must be some of {list(KINDS)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")
    k, y = as_runs(index, values)
    runs, points = y.shape
    broken = ends(y)[1]
    if broken.any():
        return _none(f"{int(broken.sum())} of {runs} runs diverged (a value is not finite)", runs, points)
    k, y, note = _usable(k, y)
    if k.size < LEAST_BINS:
        return _none(f"{k.size} usable points{', ' + note if note else ''}; at least {LEAST_BINS} needed", runs, points)
    caution = Caution.of(k.size, runs)
    curve, fits, within = _search_start(make_curve(k, y), names, caution)
    used = (float(curve.first[0]), float(curve.last[-1]))
    best = pick(fits, curve.bins, caution)
    deviation = curve.whiten(curve.deviation)
    shares = frequencies(fits, curve, deviation, caution, seed)
    frequency = float(shares[fits.index(best)])
    low, high = (NAN, NAN) if best.kind == "none" else _slope_interval(best, curve, deviation, confidence)
    if best.kind == "none" or not _is_decreasing(best, curve, low, caution):
        return _none("the decrease is within the noise", runs, points, used, frequency)
    if frequency < LEAST_FREQUENCY:
        said = ", ".join(f"{f.kind} {100 * s:.0f} %" for f, s in zip(fits, shares, strict=True) if s > 0)
        return _none(f"families cannot be told apart ({said} of resamples)", runs, points, used, frequency)
    if not best.resolved:
        return _none(f"{best.kind} fits, but decays within too few points", runs, points, used, frequency)
    equals, possible = rivals(fits, best, curve.bins, caution)
    if equals:
        reason = f"with {k.size} points {best.kind} cannot be told from {' and '.join(equals)}"
        return _none(reason, runs, points, used, frequency)
    if caution.charge > 0 and not within and len(names) > 1:
        return _none(f"no law fits the {k.size} points to within noise", runs, points, used, frequency)
    goodness = _goodness(best, curve)
    scale = "log" if curve.log else "linear"
    reason = f"{best.kind} fits the seed mean on the {scale} scale"
    reason += " to within noise" if within else " best, but not to within noise: the interval leaves the misfit out"
    reason += f"; so few points leave {' and '.join(possible)} possible" if possible else ""
    reason += f"; {note}" if note else ""
    order, factor, floor, interval = _headline(best, low, high)
    start = float(np.exp(best.theta[0] - (np.exp(best.theta[1]) if best.kind == "superlinear" else 0.0)))
    return Rate(
        best.kind, order, factor, floor, interval, frequency, used, goodness, runs, points, reason, start, possible
    )
