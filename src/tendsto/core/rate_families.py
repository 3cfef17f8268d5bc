"""The laws a rate may follow, and the weighted least-squares fit of each to the seed mean of a curve.

With x = log(k/k0) for power laws and x = k - k0 otherwise, k0 the first index used:

    linear              C q^k             log f = c - s x,               s = -log q
    power               C k^-p            log f = c - s x,               s = p
    log-power           C log(k) k^-p     log f = c - s x + log log k,   s = p
    power-floor         C k^-p + F        the power law plus F
    exponential-floor   C q^k + F         the linear law plus F
    superlinear         e_(k+1) ~ e_k^r   log f = c - exp(a + s x),      s = log r
"""

# NumPy's ufunc methods and SciPy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tendsto.core.rate_curve import Array, Curve

KINDS = ("linear", "power", "power-floor", "exponential-floor", "log-power", "superlinear")
FLOOR_KINDS = ("power-floor", "exponential-floor")
POWER_KINDS = ("power", "power-floor", "log-power")

# Bins on which a decaying part must stand out; a law seen on fewer is not seen.
RESOLVED_BINS = 4


@dataclass(frozen=True)
class Fit:
    """One family fitted to the seed mean of a curve; everything whitened is in units of the seed mean's noise."""

    kind: str
    theta: Array  # (parameters,): c, [a,] s, [floor]
    residual: Array  # (bins,) whitened
    jacobian: Array  # (parameters, bins) whitened
    fitted: Array  # (bins,) on the curve's scale
    resolved: bool = True  # whether the decaying part stands out on enough bins

    @property
    def chi2(self) -> float:
        return float(self.residual @ self.residual)

    @property
    def slope(self) -> int:
        """Position of the headline parameter s in `theta`."""
        return 2 if self.kind == "superlinear" else 1

    def influence(self, deviation: Array) -> Array:
        """Shift of `theta` (runs, parameters) that each run's whitened deviation (runs, bins) asks for."""
        return deviation @ np.linalg.pinv(self.jacobian)


class Law:
    """One family on one curve: its value and gradient on the curve's scale, averaged over each bin."""

    def __init__(self, kind: str, curve: Curve, any_floor: bool = False) -> None:
        self.kind, self.curve, self.any_floor = kind, curve, any_floor
        first = float(curve.first[0])
        k = curve.nodes
        self.x: Array = np.log(k / first) if kind in POWER_KINDS else k - first
        self.offset: Array = np.log(np.log(k) / np.log(first)) if kind == "log-power" else np.zeros_like(k)
        self.floored = kind in FLOOR_KINDS

    def evaluate(self, theta: Array) -> tuple[Array, Array]:
        """Value (bins,) and gradient (parameters, bins); values that are not finite where a logarithm fails."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.kind == "superlinear":
                fall = np.exp(theta[1] + theta[2] * self.x)
                logs, slopes = theta[0] - fall, [np.ones_like(fall), -fall, -fall * self.x]
            else:
                logs, slopes = theta[0] - theta[1] * self.x + self.offset, [np.ones_like(self.x), -self.x]
            if self.curve.log and not self.floored:
                return logs.mean(axis=0), np.stack(slopes).mean(axis=1)
            part = np.exp(logs)
            value = part + theta[2] if self.floored else part
            slopes = [part * s for s in slopes]
            if self.floored:
                slopes.append(np.ones_like(part))
            if self.curve.log:
                both = np.stack([np.log(value), *(slope / value for slope in slopes)])
            else:
                both = np.stack([value, *slopes])
            both = both[:, 0] if both.shape[1] == 1 else both.mean(axis=1)
            return both[0], both[1:]

    def start(self) -> Array | None:
        """Best start over a grid of s, the other parameters solved for by weighted least squares on the values."""
        curve = self.curve
        y = np.exp(curve.mean) if curve.log else curve.mean
        # Squares of values that a superlinear law leaves behind would underflow.
        weight = 1 / (np.maximum(curve.scatter * y, 1e-60 * y.max()) if curve.log else curve.scatter) ** 2
        span = float(self.x.max())
        if self.kind in POWER_KINDS:
            grid = np.geomspace(0.05, 12.0, 32)
        else:
            grid = np.geomspace(0.1, 2.0 * curve.bins, 32) / span
        with np.errstate(under="ignore"):
            shape = np.exp(-grid[:, None, None] * self.x + self.offset).mean(axis=1)  # (grid, bins)
        wy, wg = weight * y, shape * weight
        gy, gg = shape @ wy, np.einsum("gb,gb->g", wg, shape)
        if not self.floored:
            gain = np.where(gy > 0, gy**2 / gg, -np.inf)
            best = int(np.argmax(gain))
            return np.array([np.log(gy[best] / gg[best]), grid[best]]) if gy[best] > 0 else None
        g1, n1, y1 = wg.sum(axis=1), weight.sum(), wy.sum()
        determinant = gg * n1 - g1**2
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = (gy * n1 - g1 * y1) / determinant
            floor = (gg * y1 - g1 * gy) / determinant
            gain = np.where((scale > 0) & (determinant > 1e-12 * gg * n1), scale * gy + floor * y1, -np.inf)
        best = int(np.argmax(gain))
        if not np.isfinite(gain[best]):
            return None
        # Without a positive floor at the best of the grid the law without a floor says as much with less.
        if floor[best] <= 0 and not self.any_floor:
            return None
        floor_start = max(floor[best], 0.5 * y.min()) if curve.log else floor[best]
        return np.array([np.log(scale[best]), grid[best], floor_start])


def _solve_directly(law: Law, curve: Curve) -> Array:
    design = curve.whiten(np.stack([np.ones(curve.bins), -law.x.mean(axis=0)]))
    target = curve.whiten(curve.mean - law.offset.mean(axis=0))
    return np.asarray(np.linalg.lstsq(design.T, target, rcond=None)[0], dtype=np.float64)


def _steepens(curve: Curve) -> bool:
    """Whether log values fall at least half as fast again on the last third as on the first, as a superlinear law's."""
    third = max(1, curve.bins // 3)
    k, y = curve.nodes.mean(axis=0), curve.mean
    early = (y[0] - y[third]) / (k[third] - k[0])
    late = (y[-1 - third] - y[-1]) / (k[-1] - k[-1 - third])
    return bool(late > 1.5 * max(early, 0.0))


def _superlinear_start(law: Law, curve: Curve) -> Array | None:
    """Best start over a grid of log r: log f is linear in c and exp(a) for given r."""
    best: tuple[float, Array] | None = None
    for rate in np.log(np.geomspace(1.05, 4.0, 16)):
        with np.errstate(over="ignore"):
            shape = -np.exp(rate * law.x).mean(axis=0)
        if not np.isfinite(shape).all():
            continue
        design = curve.whiten(np.stack([np.ones(curve.bins), shape]))
        target = curve.whiten(curve.mean)
        solution = np.linalg.lstsq(design.T, target, rcond=None)[0]
        misfit = float(np.sum((target - solution @ design) ** 2))
        if solution[1] > 0 and (best is None or misfit < best[0]):
            best = misfit, np.array([solution[0], np.log(solution[1]), rate])
    return None if best is None else best[1]


def _descend(law: Law, curve: Curve, theta: Array) -> Fit | None:
    """Levenberg-Marquardt from `theta`; None if it does not settle."""
    damping, settled = 1e-4, False
    value, gradient = law.evaluate(theta)
    residual, jacobian = curve.whiten(curve.mean - value), curve.whiten(gradient)
    chi2 = float(residual @ residual)
    for _ in range(40):
        if not np.isfinite(chi2) or not np.isfinite(jacobian).all():
            return None
        normal, push = jacobian @ jacobian.T, jacobian @ residual
        diagonal = np.diag(normal)
        if np.any(diagonal <= 0):
            return None
        root = np.sqrt(diagonal)
        scaled = normal / np.outer(root, root)
        scaled[np.diag_indices_from(scaled)] += damping
        try:
            step = np.linalg.solve(scaled, push / root) / root
        except np.linalg.LinAlgError:
            return None
        # The step in units of the noise; descent is quadratic, so what is left after it is far below anything reported.
        decrement = float(np.sqrt(np.sum((step * root) ** 2)))
        value, gradient = law.evaluate(theta + step)
        trial = curve.whiten(curve.mean - value)
        trial_chi2 = float(trial @ trial)
        if np.isfinite(trial_chi2) and trial_chi2 <= chi2:
            settled = decrement < 3e-3 or (chi2 - trial_chi2) < 1e-9 * chi2
            theta, residual, jacobian, chi2 = theta + step, trial, curve.whiten(gradient), trial_chi2
            damping = max(damping * 0.1, 1e-12)
            if settled:
                break
        elif decrement < 1e-6 or chi2 < 1e-12:
            settled = True
            break
        else:
            damping = damping * 10
            if damping > 1e8:
                return None
    return Fit(law.kind, theta, residual, jacobian, law.evaluate(theta)[0]) if settled else None


def _is_determined(fit: Fit) -> bool:
    """Whether the data determine the parameters."""
    root = np.sqrt(np.sum(fit.jacobian**2, axis=1))
    if not np.isfinite(root).all() or np.any(root == 0):
        return False
    return bool(np.linalg.cond(fit.jacobian / root[:, None]) <= 1e5)


def _is_resolved(fit: Fit, law: Law) -> bool:
    """Whether the decaying part stands out of the floor on enough bins."""
    if law.kind == "superlinear" or (law.curve.log and not law.floored):
        return True
    part = np.exp(np.mean(fit.theta[0] - fit.theta[1] * law.x + law.offset, axis=0))
    return int(np.sum(part > 0.02 * part.max())) >= RESOLVED_BINS


def fit_family(kind: str, curve: Curve, *, any_floor: bool = False, unresolved: bool = False) -> Fit | None:
    """Fit one family to the seed mean of `curve`; None where it does not apply or the fit fails.

    Nothing is clamped: s <= 0, a negative floor (unless `any_floor`), a descent that does not settle and parameters
    that the data do not determine are failed fits. So is a decay seen on too few bins, unless `unresolved`: such a
    fit cannot be told, but it may stand against another.
    """
    parameters = 3 if kind in (*FLOOR_KINDS, "superlinear") else 2
    if curve.bins < parameters + 2 or (kind == "superlinear" and not (curve.log and _steepens(curve))):
        return None
    if (kind == "log-power" and curve.first[0] <= 1) or (kind in POWER_KINDS and curve.first[0] <= 0):
        return None
    law = Law(kind, curve, any_floor)
    if kind == "superlinear":
        theta = _superlinear_start(law, curve)
    elif curve.log and not law.floored:
        theta = _solve_directly(law, curve)
        value, gradient = law.evaluate(theta)
        fit = Fit(kind, theta, curve.whiten(curve.mean - value), curve.whiten(gradient), value)
        return fit if theta[1] > 0 and _is_determined(fit) else None
    else:
        theta = law.start()
    if theta is None:
        return None
    # A trial step may overflow: its chi2 is then not finite and the step is refused.
    with np.errstate(over="ignore", invalid="ignore"):
        fit = _descend(law, curve, theta)
    if fit is None or fit.theta[fit.slope] <= 0 or not _is_determined(fit):
        return None
    if law.floored and not any_floor and fit.theta[2] <= 0:
        return None
    fit = replace(fit, resolved=_is_resolved(fit, law))
    return fit if fit.resolved or unresolved else None


def fit_constant(curve: Curve) -> Fit:
    """The null hypothesis: no decrease at all."""
    design = curve.whiten(np.ones((1, curve.bins)))
    target = curve.whiten(curve.mean)
    level = float(design[0] @ target / (design[0] @ design[0]))
    return Fit("none", np.array([level]), target - level * design[0], design, np.full(curve.bins, level))
