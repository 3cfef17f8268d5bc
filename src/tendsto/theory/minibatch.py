"""Minibatches: the constants that SGD's theorems see, and the batch that reaches an accuracy with least work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FiniteSumConstants:
    """n terms, L of their mean, the largest L of a term, and sigma^2 = E||grad f_i(x*)||^2 of a single one.

    Raises:
        ValueError: constants that no finite sum has.

    >>> FiniteSumConstants(terms=100, smooth=1.0, smooth_max=5.0, noise=2.0).minibatch(100)
    (1.0, 0.0)
    """

    terms: int
    smooth: float
    smooth_max: float
    noise: float

    def __post_init__(self) -> None:
        if self.terms < 2:
            raise ValueError(f"terms = {self.terms} leaves no choice of a batch: use a whole number of at least 2")
        if not 0 < self.smooth <= self.smooth_max <= self.terms * self.smooth * (1 + 1e-12) or not self.noise >= 0:
            raise ValueError(
                f"no mean of {self.terms} convex terms has smooth = {self.smooth}, smooth_max = {self.smooth_max} and "
                f"noise = {self.noise}: use 0 < smooth <= smooth_max <= terms smooth and a noise of at least 0"
            )

    def minibatch(self, batch: int, *, replacement: bool = False) -> tuple[float, float]:
        """Return (L_b, sigma_b^2), to be used for `smooth_max` and `noise` in theorems on convex terms.

        Without replacement, L_b = n(b-1)/(b(n-1)) L + (n-b)/(b(n-1)) L_max and sigma_b^2 = (n-b)/(b(n-1)) sigma^2; with
        it, L_b = (1 - 1/b) L + L_max/b and sigma_b^2 = sigma^2/b, as the problems here draw.

        Raises:
            ValueError: a batch below 1, or above n without replacement.

        Source: Garrigos and Gower, Handbook of Convergence Theorems (2023), section 6, minibatching; recalled, derived
        again; after Gower et al., SGD: general analysis and improved rates (2019), Proposition 3.8.
        """
        n, b = self.terms, batch
        if b < 1 or (b > n and not replacement):
            raise ValueError(f"batch = {b} cannot be drawn from {n} terms: use a whole number from 1 to {n}")
        if replacement:
            return (1 - 1 / b) * self.smooth + self.smooth_max / b, self.noise / b
        rest = (n - b) / (b * (n - 1))
        return n * (b - 1) / (b * (n - 1)) * self.smooth + rest * self.smooth_max, rest * self.noise

    def work(self, batch: int, *, strongly_convex: float, eps: float) -> float:
        """Return b max(2 L_b/mu, 4 sigma_b^2/(eps mu^2)): gradients of terms, up to the factor log(2 D^2/eps)."""
        smooth, noise = self.minibatch(batch)
        return batch * max(2 * smooth / strongly_convex, 4 * noise / (eps * strongly_convex**2))

    def best_batch(self, *, strongly_convex: float, eps: float) -> int:
        """Return the batch, drawn without replacement, that reaches E||x - x*||^2 <= eps with the least `work`.

        The first part of the maximum grows linearly in b and the second falls, so they meet at
        n (2 sigma^2 - eps mu (L_max - L)) / (2 sigma^2 + eps mu (n L - L_max)); the better neighbour is taken, and 1
        where the numerator is not positive.

        >>> constants = FiniteSumConstants(terms=100, smooth=1.0, smooth_max=5.0, noise=2.0)
        >>> constants.best_batch(strongly_convex=0.1, eps=0.1)
        80
        """
        n, share = self.terms, eps * strongly_convex
        numerator = n * (2 * self.noise - share * (self.smooth_max - self.smooth))
        if numerator <= 0:
            return 1
        meet = numerator / (2 * self.noise + share * (n * self.smooth - self.smooth_max))
        near = {min(max(int(meet) + i, 1), n) for i in (0, 1)}
        return min(near, key=lambda b: self.work(b, strongly_convex=strongly_convex, eps=eps))
