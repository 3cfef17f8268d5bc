"""EntropicFunctional: an entropy-regularised convex finite sum of a measure, its dual, and the gap between them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from tendsto.problems.once import once_property

__all__ = ["EntropicFunctional"]

LOSSES = ("squared", "logistic")


class EntropicFunctional:
    """L(mu) = (1/n) sum_i l_i(f_i) + decay E_mu ||theta||^2 + temperature Ent(mu), f_i = E_mu h(theta, x_i).

    mu is a law on R^p with a density, Ent(mu) = E_mu log mu; h(theta, .) is one neuron and mu a wide two-layer network
    of them. l_i(z) = (z - y_i)^2 / 2 for "squared", log(1 + exp(-y_i z)), y_i = -1 or +1, for "logistic". A subclass
    is a frozen dataclass with fields `temperature` and `decay`, and gives `dimension` (p), `targets` (n,),
    `unit(theta)`, all h(theta, x_i), shape (..., n) for theta (..., p), and `nodes`; `bound`, R >= |h|, where there is.

    With g_i = l_i'(f_i), the proximal Gibbs measure of mu has the density

        hat_mu ~ exp(-U_g / temperature),  U_g(theta) = (1/n) sum_i g_i h(theta, x_i) + decay ||theta||^2,

    so mu matters through n numbers alone. For any g, D(g) = -(1/n) sum_i l_i^*(g_i) - temperature log int exp(-U_g /
    temperature) <= min L, and L(mu) - D(g) = temperature KL(mu || hat_mu) where g belongs to mu: the duality gap.

    Integrals are sums over `nodes`: points (N, p) and the logarithms of their weights (N,). A measure there is its
    masses (..., N), of the density masses / weights. All tensors are float64.

    Source: Nitanda, Oko, Wu, Takenouchi, Suzuki, Primal and Dual Analysis of Entropic Fictitious Play for Finite-sum
    Problems (2023, arXiv 2303.02957); the problem read there, dual and gap recalled and derived again.
    """

    temperature: float
    decay: float
    loss: ClassVar[str] = "squared"
    exact: ClassVar[bool] = True
    """Whether sums over the nodes are the integrals, up to rounding, rather than estimates of them."""

    def check(self) -> None:
        """Raise ValueError unless the temperature and the decay are finite and above 0."""
        for name in ("temperature", "decay"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                why = "the entropy has to be there" if name == "temperature" else "else no Gibbs measure is a law"
                raise ValueError(f"{name} = {value} is not possible ({why}): use a finite number above 0")

    @property
    def dimension(self) -> int:
        """p."""
        raise NotImplementedError(f"{type(self).__name__} has no dimension: define the property dimension")

    @property
    def targets(self) -> Tensor:
        """y, shape (n,)."""
        raise NotImplementedError(f"{type(self).__name__} has no targets: define the property targets")

    @property
    def bound(self) -> float | None:
        """R >= |h| everywhere, or None where there is none."""
        return None

    def unit(self, theta: Tensor) -> Tensor:
        """Return h(theta, x_i) for all i, shape (..., n)."""
        raise NotImplementedError(f"{type(self).__name__} has no neuron: define unit(theta)")

    def nodes(self) -> tuple[Tensor, Tensor]:
        """Return points (N, p) and the logarithms of their weights (N,)."""
        raise NotImplementedError(f"{type(self).__name__} has no nodes: define nodes()")

    def report(self, particles: Tensor) -> dict[str, Tensor]:
        """Return what else is worth recording of a cloud (M, p), scalars by name: a test accuracy, say."""
        return {}

    # --- the losses, entry by entry

    @property
    def smooth(self) -> float:
        """b, with every l_i convex and b-smooth."""
        return 1.0 if self.loss == "squared" else 0.25

    def losses(self, f: Tensor) -> Tensor:
        """l_i(f_i)."""
        return (f - self.targets) ** 2 / 2 if self.loss == "squared" else softplus(-self.targets * f)

    def slopes(self, f: Tensor) -> Tensor:
        """g_i = l_i'(f_i)."""
        return f - self.targets if self.loss == "squared" else -self.targets * torch.sigmoid(-self.targets * f)

    def curvatures(self, f: Tensor) -> Tensor:
        """l_i''(f_i)."""
        return torch.ones_like(f) if self.loss == "squared" else torch.sigmoid(f) * torch.sigmoid(-f)

    def conjugates(self, f: Tensor) -> Tensor:
        """l_i^*(g_i) at g_i = l_i'(f_i), where it is g_i f_i - l_i(f_i)."""
        return self.slopes(f) * f - self.losses(f)

    # --- measures

    def potential(self, theta: Tensor, g: Tensor) -> Tensor:
        """U_g(theta), shape (...) for theta (..., p)."""
        return self.unit(theta) @ g / len(self.targets) + self.decay * (theta**2).sum(-1)

    def drift(self, theta: Tensor, g: Tensor) -> Tensor:
        """grad U_g at each theta, shape (..., p); by differentiation where a subclass has no formula."""
        return torch.func.grad(lambda t: self.potential(t, g).sum())(theta)

    @property
    def spread(self) -> float:
        """The standard deviation of nu ~ exp(-decay ||theta||^2 / temperature), the Gibbs measure at g = 0."""
        return (self.temperature / (2 * self.decay)) ** 0.5

    def predictions(self, masses: Tensor) -> Tensor:
        """f_i = E_mu h(theta, x_i)."""
        return masses @ self._table[2]

    def log_gibbs(self, f: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log masses of the proximal Gibbs measure of predictions f, and log int exp(-U / temperature)."""
        nodes, log_weights, h = self._table
        energy = h @ self.slopes(f) / len(self.targets) + self.decay * (nodes**2).sum(-1)
        logits = log_weights - energy / self.temperature
        total = logits.logsumexp(-1)
        return logits - total, total

    def primal(self, masses: Tensor) -> Tensor:
        """L(mu)."""
        nodes, log_weights, _ = self._table
        entropy = (torch.xlogy(masses, masses) - masses * log_weights).sum(-1)
        energy = masses @ (nodes**2).sum(-1)
        return self.losses(self.predictions(masses)).mean(-1) + self.decay * energy + self.temperature * entropy

    def dual(self, f: Tensor) -> Tensor:
        """D(g) at g_i = l_i'(f_i): at most min L, whatever f is."""
        return -self.conjugates(f).mean(-1) - self.temperature * self.log_gibbs(f)[1]

    def duality_gap(self, masses: Tensor) -> Tensor:
        """L(mu) - D(g), computed as temperature KL(mu || hat_mu): at least L(mu) - min L."""
        log_gibbs = self.log_gibbs(self.predictions(masses))[0]
        return self.temperature * (torch.xlogy(masses, masses) - masses * log_gibbs).sum(-1)

    def fresh(self, f: Tensor) -> Tensor:
        """Return the predictions of the proximal Gibbs measure of predictions f: the solution is where it is f."""
        return self.predictions(self.log_gibbs(f)[0].exp())

    def solution(self) -> Tensor:
        """Return the masses of the minimiser, its duality gap at most 1e-12 (1 + |min L|)."""
        return self.log_gibbs(self._solved[0])[0].exp()

    def optimum(self) -> float:
        """Return min L."""
        return self._solved[1]

    @once_property
    def _table(self) -> tuple[Tensor, Tensor, Tensor]:
        nodes, log_weights = self.nodes()
        return nodes, log_weights, self.unit(nodes)

    @once_property
    def _solved(self) -> tuple[Tensor, float]:
        return _solve(self)


def _solve(functional: Any) -> tuple[Tensor, float]:
    """Newton's method on f = E_{hat_mu(f)} h, its steps halved until the residual falls.

    Raises:
        ArithmeticError: the duality gap is not that small after 200 steps.
    """
    h, n = functional._table[2], len(functional.targets)
    f, gap = torch.zeros(n, dtype=torch.float64), torch.tensor(math.inf)
    for _ in range(200):
        masses = functional.log_gibbs(f)[0].exp()
        fresh = masses @ h
        gap, value = functional.duality_gap(masses), functional.primal(masses)
        residual = f - fresh
        if gap <= 1e-12 * (1 + value.abs()) and residual.norm() <= 1e-9 * (1 + f.norm()):
            return f, float(value)
        centred = h - fresh
        covariance = (centred * masses[:, None]).T @ centred / (functional.temperature * n)
        move = torch.linalg.solve(torch.eye(n, dtype=f.dtype) + covariance * functional.curvatures(f), residual)
        size = 1.0
        while size > 1e-6 and (f - size * move - functional.fresh(f - size * move)).norm() >= residual.norm():
            size /= 2
        f = f - size * move
    raise ArithmeticError(f"{functional} was not solved: a duality gap of {float(gap):g} is left after 200 steps")
