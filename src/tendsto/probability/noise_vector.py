"""Shapes of noise in several dimensions, smoothed by a Gaussian: score and Fisher information of f_R = f * N(0, R)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.probability.noise import Information, Noise, check_smoothing

__all__ = ["ProductNoise", "VectorMixtureNoise", "VectorNoise", "as_covariance"]

Array = NDArray[np.float64]


class VectorNoise:
    """A known shape f of noise in R^d. Smoothing is a width r, for ``R = r² I``, or a covariance R."""

    @property
    def dimension(self) -> int:
        raise NotImplementedError

    @property
    def mean(self) -> Array:
        raise NotImplementedError

    @property
    def covariance(self) -> Array:
        raise NotImplementedError

    def score(self, x: Array, smoothing: Any) -> Array:
        """``∇f_R / f_R``, shape (..., d)."""
        raise NotImplementedError

    def information(self, smoothing: Any) -> Information:
        """``I_R = E s_R s_Rᵀ`` and its error, shape (d, d)."""
        raise NotImplementedError

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        """Independent draws, shape (*shape, d)."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class ProductNoise(VectorNoise):
    """Independent coordinates, turned: ``Q (W_1, ..., W_d)``. Smoothing by a width r, which turning leaves alone.

    Raises ValueError for no coordinates, or a rotation Q that is not orthogonal.

    >>> from tendsto.probability.noise import LaplaceNoise
    >>> ProductNoise([LaplaceNoise(1.0)] * 2).covariance
    array([[2., 0.],
           [0., 2.]])
    """

    coordinates: Sequence[Noise]
    rotation: Array | None = None

    def __post_init__(self) -> None:
        d = len(self.coordinates)
        q = np.eye(d) if self.rotation is None else np.asarray(self.rotation, np.float64)
        if d == 0 or q.shape != (d, d) or not np.allclose(q @ q.T, np.eye(d), atol=1e-8):
            raise ValueError(f"{d} coordinates and a rotation of shape {q.shape}: an orthogonal {d} x {d} is needed")
        object.__setattr__(self, "rotation", q)

    @property
    def dimension(self) -> int:
        return len(self.coordinates)

    @property
    def mean(self) -> Array:
        return np.asarray(self.rotation) @ np.array([noise.mean for noise in self.coordinates])

    @property
    def covariance(self) -> Array:
        return self._turned(np.array([noise.variance for noise in self.coordinates]))

    def score(self, x: Array, smoothing: Any) -> Array:
        r = _width(smoothing)
        straight = x @ np.asarray(self.rotation)
        columns = [noise.score(straight[..., i], r) for i, noise in enumerate(self.coordinates)]
        return np.stack(columns, axis=-1) @ np.asarray(self.rotation).T

    def information(self, smoothing: Any) -> Information:
        r = _width(smoothing)
        found = [noise.information(r) for noise in self.coordinates]
        value, error = (np.array([row[i] for row in found], np.float64) for i in (0, 1))
        return Information(self._turned(value), np.abs(self._turned(error)))

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        straight = np.stack([noise.sample(shape, rng) for noise in self.coordinates], axis=-1)
        return straight @ np.asarray(self.rotation).T

    def _turned(self, diagonal: Array) -> Array:
        q = np.asarray(self.rotation)
        return (q * diagonal) @ q.T


@dataclass(frozen=True, eq=False)
class VectorMixtureNoise(VectorNoise):
    """A mixture of Gaussians ``Σ weights_k N(means_k, covariances_k)`` in R^d; its information is a Monte Carlo mean.

    Raises ValueError for weights that are no probabilities, covariances that are not symmetric and positive
    semidefinite, or, when smoothed, one that stays singular.

    >>> noise = VectorMixtureNoise([1.0], [[0.0, 0.0]], [np.diag([3.0, 1.0])])
    >>> noise.score(np.array([4.0, 2.0]), 1.0)
    array([-1., -1.])
    """

    weights: ArrayLike
    means: ArrayLike
    covariances: ArrayLike
    draws: int = 20_000

    def __post_init__(self) -> None:
        w, m, c = (np.asarray(v, np.float64) for v in (self.weights, self.means, self.covariances))
        if w.ndim != 1 or m.ndim != 2 or len(m) != len(w) or c.shape != (*m.shape, m.shape[1]):
            raise ValueError(f"weights {w.shape}, means {m.shape}, covariances {c.shape} are no mixture in R^d")
        if not ((w > 0).all() and abs(w.sum() - 1) < 1e-9 and np.isfinite(m).all()):
            raise ValueError(f"weights {w.tolist()} and means {m.tolist()}: probabilities and finite means are needed")
        for matrix in c:
            as_covariance(matrix, m.shape[1])
        for name, value in (("weights", w), ("means", m), ("covariances", c)):
            object.__setattr__(self, name, value)

    @property
    def dimension(self) -> int:
        return np.asarray(self.means).shape[1]

    @property
    def mean(self) -> Array:
        return np.asarray(self.weights) @ np.asarray(self.means)

    @property
    def covariance(self) -> Array:
        away = np.asarray(self.means) - self.mean
        inner = np.asarray(self.covariances) + away[:, :, None] * away[:, None, :]
        return np.einsum("k,kij->ij", np.asarray(self.weights), inner)

    def score(self, x: Array, smoothing: Any) -> Array:
        added = as_covariance(smoothing, self.dimension)
        logs, pulls = [], []
        rows = zip(np.asarray(self.weights), np.asarray(self.means), np.asarray(self.covariances), strict=True)
        for weight, mean, covariance in rows:
            values, vectors = np.linalg.eigh(covariance + added)
            if values[0] <= 1e-12 * max(values[-1], 1e-300):
                raise ValueError(
                    f"a component's covariance stays singular when smoothed (least eigenvalue {values[0]:g})"
                )
            pull = ((mean - x) @ vectors / values) @ vectors.T
            logs.append(math.log(weight) - 0.5 * np.log(values).sum() - 0.5 * ((mean - x) * pull).sum(axis=-1))
            pulls.append(pull)
        log = np.stack(logs)
        share = np.exp(log - log.max(axis=0))
        return np.einsum("k...,k...i->...i", share / share.sum(axis=0), np.stack(pulls))

    def information(self, smoothing: Any) -> Information:
        # The same draws at every call: the information is a property of the noise, not of the sample.
        rng = np.random.default_rng(0)
        smooth = rng.multivariate_normal(np.zeros(self.dimension), as_covariance(smoothing, self.dimension), self.draws)
        score = self.score(self.sample(self.draws, rng) + smooth, smoothing)
        products = score[:, :, None] * score[:, None, :]
        return Information(products.mean(axis=0), products.std(axis=0) / math.sqrt(self.draws))

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        size = (shape,) if isinstance(shape, int) else tuple(shape)
        flat = math.prod(size)
        roots = [_root(matrix) for matrix in np.asarray(self.covariances)]
        which = rng.choice(len(roots), flat, p=np.asarray(self.weights))
        drawn = np.einsum("nij,nj->ni", np.array(roots)[which], rng.standard_normal((flat, self.dimension)))
        return (np.asarray(self.means)[which] + drawn).reshape(*size, self.dimension)


def as_covariance(smoothing: Any, d: int) -> Array:
    """``r² I`` for a width r, or the matrix itself; ValueError unless it is symmetric and positive semidefinite.

    >>> as_covariance(0.5, 2)
    array([[0.25, 0.  ],
           [0.  , 0.25]])
    """
    matrix = np.asarray(smoothing, np.float64)
    if matrix.ndim == 0:
        return check_smoothing(float(matrix)) ** 2 * np.eye(d)
    if matrix.shape != (d, d) or not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, atol=1e-12):
        raise ValueError(f"a matrix of shape {matrix.shape} is no covariance; a finite symmetric {d} x {d} is needed")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -1e-10 * max(1.0, float(np.abs(matrix).max())):
        raise ValueError(f"a matrix with eigenvalue {least:g} is no covariance; none may be below 0")
    return matrix


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _width(smoothing: Any) -> float:
    if np.ndim(smoothing) != 0:
        raise ValueError(
            f"smoothing of shape {np.shape(smoothing)}: noise with independent coordinates needs a width r"
        )
    return check_smoothing(float(smoothing))
