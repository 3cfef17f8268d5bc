"""The sharpness of gradient flow's end falls at every step of gradient descent, in scalar networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tendsto.core.guarantee import Guarantee
from tendsto.core.trace import Array, Trace


@dataclass(frozen=True, kw_only=True)
class GFSMonotone(Guarantee):
    """phi(w_{t+1}) <= phi(w_t) for gradient descent with step `lr` on a scalar network, where lr phi(w_0) <= 2 sqrt(2).

    start: phi(w_0), the GFS sharpness of the initial point. The bound at k is `start`: that the fall is monotone is
    asked by `rises`. The theorem holds on a set that the iterates must not leave; its exact form was not found, so what
    is asked is what leaving it was seen to be, a change of sign of some weight: a trace must record "negative weights",
    and runs in which their number changes are outside, see `outside`. It is not enrolled among the theorems that `find`
    offers: no constant of a problem enters.

    Raises:
        ValueError: a size that is not above 0, or lr start above 2 sqrt(2).

    >>> import tendsto as tt
    >>> theorem = GFSMonotone(lr=0.2, start=10.5)
    >>> trace = tt.iterate(theorem.method_for(), tt.problems.ScalarNetwork(), steps=100, seeds=3, record=101)
    >>> theorem.check(trace).holds, theorem.rises(trace).tolist(), round(theorem.edge, 9)
    (True, [0, 0, 0], 10.0)
    """

    lr: float
    start: float

    method = "gd"
    assumes = ()
    measure = "GFS sharpness"
    tightness: Literal["tight", "upper", "order-only", "asymptotic"] = "tight"  # type: ignore[reportIncompatibleVariableOverride]
    statement = "phi(w_t) does not increase with t where lr phi(w_0) <= 2 sqrt(2), phi being the GFS sharpness."
    proof = (
        "Flow keeps every w_i^2 - w_j^2; a step of descent multiplies it by 1 - (lr (p - 1) p / (w_i w_j))^2, p the"
        " product, and so brings the squares together; phi is least where they are equal."
    )
    source = (
        "Kreisler et al. 2023, arXiv 2305.13064 (the threshold is recalled, and that an invariant set exists; the idea"
        " of the proof is derived)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lr", "start"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is no size: use a finite number above 0")
        if self.lr * self.start > 2 * math.sqrt(2) * (1 + 1e-12):
            raise ValueError(
                f"lr * start = {self.lr * self.start:g} exceeds 2 sqrt(2) = 2.82843: the theorem says nothing there;"
                f" for this start it needs lr <= {2 * math.sqrt(2) / self.start:g}"
            )

    @property
    def edge(self) -> float:
        """2 / lr, the sharpness of the flattest minimum at which this step size is unstable."""
        return 2 / self.lr

    def settings(self) -> dict[str, Any]:
        return {"lr": self.lr}

    def formula(self, k: Array) -> Array:
        return np.full_like(k, self.start)

    @staticmethod
    def outside(trace: Trace) -> NDArray[np.bool_]:
        """Return which runs changed the sign of a weight, or diverged: shape (runs,)."""
        negative = trace["negative weights"]
        return (negative != negative[:, :1]).any(axis=1)

    @staticmethod
    def rises(trace: Trace, rtol: float = 1e-9) -> NDArray[np.int_]:
        """Return how often each run's GFS sharpness rose by more than `rtol`, relative: shape (runs,)."""
        phi = trace["GFS sharpness"]
        return (phi[:, 1:] > phi[:, :-1] * (1 + rtol)).sum(axis=1)
