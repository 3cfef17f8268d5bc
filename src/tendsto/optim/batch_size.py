"""Batch sizes from tests of the gradient's noise, for any optimizer and a person's own per-sample gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Sampler

from tendsto.core.random import Random
from tendsto.optim.sample_moments import Gradients, Moments, rows, tensors
from tendsto.optim.settings import one_of

VARIANTS = ("paper", "official")


@dataclass(frozen=True)
class BatchTest:
    """What asks for a batch so large that the gradient's noise is small beside the gradient. Never less than before.

    A subclass gives `wanted`, the batch size T that its test asks for. With g the mean gradient of the b samples of
    the step just taken,

        b <- ceil(T) if T > b, else b

    largest: no batch is larger, and once it is reached nothing is tested any more.
    growth: the most by which one step may multiply it: a single noisy step with g near 0 asks for any size.
    population: n, where samples are drawn from n without replacement: the mean then has (n - b) / n of the variance,
        and the test asks for 1 / (1 / T + 1 / n), which is below n.

    Raises:
        ValueError: a setting out of its range.

    Source: Lau, Liu and Kolar 2024, arXiv 2402.11215 (AdAdaGrad), from its code; `growth` is added here.
    """

    largest: int | None = None
    growth: float = math.inf
    population: int | None = None

    def __post_init__(self) -> None:
        for name in ("largest", "population"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} = {value} is no number of samples: use a whole number of at least 1, or None")
        if not self.growth > 1:
            raise ValueError(f"growth = {self.growth} never lets a batch grow: use a number above 1")

    def wanted(self, gradients: Gradients, *, each: int = 1) -> float:
        """Return the batch size that the test asks for, from gradients of samples (or means of `each` of them)."""
        raise NotImplementedError(f"{type(self).__name__} has no test: define wanted(gradients, each=1)")

    def next_batch_size(self, gradients: Gradients, *, each: int = 1) -> int:
        """Return the size of the next batch.

        gradients: those of the samples of the step just taken, at the point where it was taken: a tensor (b, ...), a
            dict of them by parameter, or a list of either (micro-batches).
        each: where only means over micro-batches of so many samples are had, as when gradients are accumulated: the
            variance of the means times `each` is that of a sample, without bias, and b is `each` times their number.

        Raises:
            ValueError: fewer than two gradients, or a gradient of 0 where nothing limits the batch.
        """
        count = sum(len(chunk) for chunk in rows(gradients))
        if count < 2 or each < 1:
            raise ValueError(f"{count} gradients, each of {each} samples, have no variance: give at least two")
        size = count * each
        if self.is_full(size):
            return size
        wanted = self.wanted(gradients, each=each)
        if self.population is not None:
            wanted = 1 / (1 / wanted + 1 / self.population) if wanted > 0 else 0.0
        wanted = min(wanted, size * self.growth, math.inf if self.largest is None else self.largest)
        if wanted == math.inf:
            raise ValueError("the mean gradient is 0, so that no batch is large enough: give largest, or growth")
        return max(size, math.ceil(wanted))

    def is_full(self, size: int) -> bool:
        """Return whether a batch of this size is not to grow any more."""
        return self.largest is not None and size >= self.largest


def _over(above: float, below: float) -> float:
    """Return a ratio of two numbers of at least 0, 0 where both are 0."""
    return above / below if below > 0 else math.inf if above > 0 else 0.0


def _at_tolerance(**tolerances: float) -> None:
    for name, value in tolerances.items():
        if not value > 0:
            raise ValueError(f"{name} = {value} is no tolerance: use a number above 0")


@dataclass(frozen=True)
class NormTest(BatchTest):
    """The noise of the batch gradient is at most eta times its norm: T = sum_j Var_i(d_j l_i) / (eta^2 ||g||^2).

    The computable form of E||g - grad F||^2 <= eta^2 ||grad F||^2, under which E||g||^2 <= (1 + eta^2) ||grad F||^2.

    variant: "paper" takes the variance of all samples, in whatever chunks they come. "official" is the authors' code
        where gradients are accumulated: the mean over micro-batches of their variances, and the variance (divisor the
        number K of micro-batches) of their means, for micro-batches of one size m. It is larger by the factor
        1 + (K - 1) / (K m) on average, and equal for one micro-batch.

    Raises:
        ValueError: a setting out of its range, an unknown variant, or for "official" a micro-batch of one sample.

    Source: Byrd, Chin, Nocedal and Wu 2012; Lau, Liu and Kolar 2024, arXiv 2402.11215, and their code.

    >>> gradients = torch.tensor([[1.0, 1.0], [1.0, -1.0]])  # mean (1, 0), variances 0 and 2
    >>> NormTest(eta=0.5).next_batch_size(gradients)
    8
    >>> [NormTest(eta=0.5, variant=v).next_batch_size([gradients, gradients]) for v in ("paper", "official")]
    [6, 8]
    """

    eta: float = 0.5
    variant: str = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_tolerance(eta=self.eta)
        one_of("variant", self.variant, VARIANTS)

    def wanted(self, gradients: Gradients, *, each: int = 1) -> float:
        moments = Moments.of(gradients) if self.variant == "paper" else _pooled(rows(gradients))
        noise, square = each * float(moments.variance.sum()), float((moments.mean**2).sum())
        return _over(noise, self.eta**2 * square)


def _pooled(chunks: list[Tensor]) -> Moments:
    """The moments of micro-batches as the authors' code pools them."""
    if min(len(chunk) for chunk in chunks) < 2:
        raise ValueError("a micro-batch of 1 sample has no variance of its own: use variant='paper', or larger ones")
    means = torch.stack([chunk.mean(dim=0) for chunk in chunks])
    variance = torch.stack([chunk.var(dim=0) for chunk in chunks]).mean(dim=0) + means.var(dim=0, correction=0)
    count = sum(len(chunk) for chunk in chunks)
    return Moments(count, means.mean(dim=0), variance * (count - 1))


@dataclass(frozen=True)
class CoordinateNormTest(BatchTest):
    """The norm test of every entry by itself, as AdaGrad needs it: T = max_j Var_i(d_j l_i) / (eta^2 g_j^2).

    Entries with g_j near 0 ask for any size, so that in high dimension the paper's maximum is set by noise. `quantile`
    below 1 takes that quantile of the ratios in the place of the maximum; `floor` replaces g_j^2 below `floor` times
    the mean of the squares by that. The defaults are the paper's.

    Raises:
        ValueError: a setting out of its range.

    Source: Lau, Liu and Kolar 2024, arXiv 2402.11215; the formula is recalled, quantile and floor are added here.

    >>> gradients = torch.tensor([[2.0, 1.0], [2.0, 3.0]])  # variances 0 and 2, mean (2, 2)
    >>> CoordinateNormTest(eta=0.25).next_batch_size(gradients)
    8
    """

    eta: float = 0.5
    quantile: float = 1.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_tolerance(eta=self.eta)
        if not 0 < self.quantile <= 1 or not 0 <= self.floor <= 1:
            raise ValueError(
                f"quantile = {self.quantile} must be above 0 and at most 1, and floor = {self.floor} from 0 to 1"
            )

    def wanted(self, gradients: Gradients, *, each: int = 1) -> float:
        moments = Moments.of(gradients)
        square = moments.mean**2
        square = square.clamp(min=self.floor * float(square.mean()))
        noise = each * moments.variance
        ratio = torch.where(noise > 0, noise / (self.eta**2 * square), 0.0)
        # Sorted by hand: torch.quantile takes at most 16 million entries.
        return float(ratio.sort().values[math.ceil(self.quantile * len(ratio)) - 1])


@dataclass(frozen=True)
class InnerProductTest(BatchTest):
    """The gradients agree along their mean: T = Var_i(<grad l_i, g>) / (theta^2 ||g||^4). It asks for far less.

    variant: "paper" takes the whole gradient. "official" is the authors' code, which takes each parameter tensor t by
        itself and adds up, sum_t Var_i(<grad_t l_i, g_t>) / (theta^2 (sum_t ||g_t||^2)^2), and so drops the covariances
        between tensors. It needs gradients as dicts by parameter; a bare tensor is one parameter, and both agree.

    Each chunk is read twice.

    Raises:
        ValueError: a setting out of its range, or an unknown variant.

    Source: Bollapragada, Byrd and Nocedal 2018; Lau, Liu and Kolar 2024, arXiv 2402.11215, and their code.

    >>> InnerProductTest(theta=0.5).next_batch_size(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    2
    >>> gradients = {"u": torch.tensor([[0.0], [2.0]]), "v": torch.tensor([[2.0], [0.0]])}  # sums <grad l_i, g> are 2
    >>> [InnerProductTest(theta=0.5, variant=v).next_batch_size(gradients) for v in ("paper", "official")]
    [2, 4]
    """

    theta: float = 0.5
    variant: str = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_tolerance(theta=self.theta)
        one_of("variant", self.variant, VARIANTS)

    def wanted(self, gradients: Gradients, *, each: int = 1) -> float:
        along, _, square = self._split(gradients)
        return _over(each * along, self.theta**2 * square)

    def _split(self, gradients: Gradients) -> tuple[float, float, float]:
        """Return the variance along g / ||g||, that of all directions across it, and ||g||^2."""
        along = across = square = 0.0
        for chunks in tensors(gradients) if self.variant == "official" else [rows(gradients)]:
            moments = Moments.of(chunks)
            total, own = float(moments.variance.sum()), float((moments.mean**2).sum())
            product = float(torch.cat([chunk @ moments.mean for chunk in chunks]).var())
            along, square = along + product, square + own
            across += max(total - product / own, 0.0) if own > 0 else total
        return (along / square, across, square) if square > 0 else (across, across, 0.0)


@dataclass(frozen=True)
class AugmentedInnerProductTest(InnerProductTest):
    """The inner-product test, and a bound on what is orthogonal to g: T is the larger of that test's and

        sum_j Var_i([grad l_i - (<grad l_i, g> / ||g||^2) g]_j) / (nu^2 ||g||^2).

    variant: "official" projects each parameter tensor by itself, off its own mean, and adds the variances up; where a
        tensor's mean is exactly 0 the authors' code divides 0 by 0, and here all of that tensor counts as orthogonal.

    Raises:
        ValueError: a setting out of its range, or an unknown variant.

    Source: Bollapragada, Byrd and Nocedal 2018; Lau, Liu and Kolar 2024, arXiv 2402.11215, and their code.

    >>> AugmentedInnerProductTest(theta=0.5, nu=0.5).next_batch_size(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    8
    """

    nu: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_tolerance(nu=self.nu)

    def wanted(self, gradients: Gradients, *, each: int = 1) -> float:
        along, across, square = self._split(gradients)
        return max(_over(each * along, self.theta**2 * square), _over(each * across, self.nu**2 * square))


class GrowingBatchSampler(Sampler[list[int]]):
    """Batches of indices for a `DataLoader`, of the size that `batch_size` has when each is drawn.

    Every pass over the loader is a new permutation of all n samples, a pure function of (seed, pass). Set
    `sampler.batch_size` to what a test answers, and the next batch has that size. Worker processes of a loader ask for
    batches ahead of time (2 a worker, by default), so with them a new size comes so many batches later. `passes` is
    how many were begun: set it to resume.

    Raises:
        ValueError: n, or a batch size, below 1.

    >>> from torch.utils.data import DataLoader
    >>> sampler = GrowingBatchSampler(10, 2)
    >>> sizes = []
    >>> for batch in DataLoader(range(10), batch_sampler=sampler):
    ...     sizes.append(len(batch))
    ...     sampler.batch_size = 2 * sampler.batch_size
    >>> sizes
    [2, 4, 4]
    """

    def __init__(self, n: int, batch_size: int, *, seed: int = 0) -> None:
        if n < 1:
            raise ValueError(f"n = {n} leaves nothing to draw from: use the number of samples")
        self.n, self.batch_size, self.random, self.passes = n, batch_size, Random(seed).fork("sampler"), 0

    @property
    def batch_size(self) -> int:
        """How many samples the next batch has."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"batch_size = {size} draws nothing: use a whole number of at least 1")
        self._batch_size = size

    def __iter__(self) -> Iterator[list[int]]:
        order = self.random.at(self.passes).permutation("order", self.n).tolist()
        self.passes += 1
        first = 0
        while first < self.n:
            last = first + self.batch_size
            yield order[first:last]
            first = last

    def __len__(self) -> int:
        """How many batches a pass would have at the present size."""
        return -(-self.n // self.batch_size)
