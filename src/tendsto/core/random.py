"""Counter-based randomness: every draw is a pure function of (seed, purpose, step)."""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_MASK = 0xFFFFFFFF


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[Any, Any]) -> tuple[Any, Any, Any, Any]:
    """Return the four 32-bit words of Philox4x32-10 for four counter words and two key words.

    Written with operators alone, so the words may be NumPy uint64 arrays or torch int64 tensors (also under `vmap`);
    each holds a value in [0, 2^32).

    Source: Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3* (2011), section 3.3.

    >>> zero = np.zeros(1, np.uint64)
    >>> [hex(int(w[0])) for w in philox((zero, zero, zero, zero), (zero, zero))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (
            ((p1 >> 32) & _MASK) ^ c1 ^ k0,
            p1 & _MASK,
            ((p0 >> 32) & _MASK) ^ c3 ^ k1,
            p0 & _MASK,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return c0, c1, c2, c3


@functools.cache
def _purpose_words(purpose: str) -> tuple[int, int]:
    digest = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


@dataclass(frozen=True)
class Random:
    """A source of random numbers without state.

    A draw is named by its purpose and depends on nothing but (seed, purpose, step): not on what was drawn before, nor
    on what runs beside it. Asking twice for the same purpose at the same step gives the same numbers.

    `seed` and `step` are integers, or integer arrays that broadcast to a common shape S; then each draw has shape
    `S + shape`. `backend` is "torch" or "numpy" and decides what draws are.

    >>> rng = Random(seed=0, backend="numpy")
    >>> bool((rng.normal("noise", (3,)) == rng.normal("noise", (3,))).all())
    True
    >>> Random(seed=np.arange(5), backend="numpy").at(7).uniform("u", (2,)).shape
    (5, 2)
    """

    seed: Any = 0
    step: Any = 0
    path: str = ""
    backend: str = "torch"

    def __post_init__(self) -> None:
        if self.backend not in ("torch", "numpy"):
            raise ValueError(f"backend {self.backend!r} is unknown: use 'torch' or 'numpy'")
        if isinstance(self.seed, int) and not 0 <= self.seed < 2**63:
            raise ValueError(f"seed {self.seed} is out of range: use an integer from 0 to 2^63 - 1")

    def at(self, step: Any) -> Random:
        """Return the source for step `step`."""
        return self._but("step", step)

    def fork(self, purpose: str) -> Random:
        """Return a source whose purposes are kept apart from this one's."""
        return self._but("path", f"{self.path}/{purpose}")

    def _but(self, name: str, value: Any) -> Random:
        # Four of these a step: `dataclasses.replace` would check again what was checked, at ten times the price.
        other = object.__new__(Random)
        other.__dict__.update(self.__dict__)
        other.__dict__[name] = value
        return other

    def generator(self, purpose: str) -> np.random.Generator:
        """Return a NumPy generator for this (seed, purpose, step), for code that needs one. Not for lanes."""
        words = [*_purpose_words(f"{self.path}/{purpose}"), int(self.step)]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(int(self.seed), spawn_key=words)))

    def uniform(self, purpose: str, shape: tuple[int, ...] = (), dtype: Any = None) -> Any:
        """Draw from the uniform distribution on (0, 1)."""
        return self._float(self._uniform(purpose, shape), dtype)

    def normal(self, purpose: str, shape: tuple[int, ...] = (), dtype: Any = None) -> Any:
        """Draw from the standard normal distribution, by the Box-Muller transform."""
        first, second = self._words(purpose, shape, 2)
        xp = self._namespace()
        radius = xp.sqrt(-2.0 * xp.log((self._wide(first) + 1.0) * 2.0**-32))
        return self._float(radius * xp.cos((2.0 * math.pi * 2.0**-32) * self._wide(second)), dtype)

    def exponential(self, purpose: str, shape: tuple[int, ...] = (), dtype: Any = None) -> Any:
        """Draw from the exponential distribution of mean 1."""
        return self._float(-self._namespace().log(self._uniform(purpose, shape)), dtype)

    def integers(self, purpose: str, high: int, shape: tuple[int, ...] = ()) -> Any:
        """Draw integers (int64) uniformly from 0, ..., high - 1, with replacement. The bias is below high / 2^32.

        Raises:
            ValueError: `high` is not in 1, ..., 2^31.
        """
        if not 1 <= high <= 2**31:
            raise ValueError(f"high = {high} is out of range: use an integer from 1 to 2^31")
        (words,) = self._words(purpose, shape, 1)
        return self._int((words * high) >> 32)

    def rademacher(self, purpose: str, shape: tuple[int, ...] = (), dtype: Any = None) -> Any:
        """Draw signs: -1 or +1 with probability one half each."""
        (words,) = self._words(purpose, shape, 1)
        return self._float(self._wide(words >> 31) * 2.0 - 1.0, dtype)

    def permutation(self, purpose: str, n: int) -> Any:
        """Draw a permutation (int64) of 0, ..., n - 1."""
        (words,) = self._words(purpose, (n,), 1)
        return words.argsort(-1)

    def _uniform(self, purpose: str, shape: tuple[int, ...]) -> Any:
        high, low = self._words(purpose, shape, 2)
        return (self._wide(high) * 2.0**21 + self._wide(low >> 11) + 0.5) * 2.0**-53

    def _words(self, purpose: str, shape: tuple[int, ...], words: int) -> list[Any]:
        """Return `words` arrays of 32-bit words, each of the shape S + shape."""
        size = math.prod(shape)
        blocks = -(-size * words // 4)
        seed, step, index = self._counters(blocks)
        low, high = _purpose_words(f"{self.path}/{purpose}")
        zero = index * 0
        counter = (index + (step & _MASK) * 0, (step & _MASK) + zero, zero + low, zero + high)
        out = philox(counter, ((seed & _MASK) + zero, ((seed >> 32) & _MASK) + zero))
        flat = self._namespace().stack(out, -1)
        flat = flat.reshape(*flat.shape[:-2], -1)[..., : size * words]
        return [flat[..., i * size : (i + 1) * size].reshape((*flat.shape[:-1], *shape)) for i in range(words)]

    def _counters(self, blocks: int) -> tuple[Any, Any, Any]:
        if self.backend == "numpy":
            seed, step = np.broadcast_arrays(np.asarray(self.seed, np.uint64), np.asarray(self.step, np.uint64))
            return seed[..., None], step[..., None], np.arange(blocks, dtype=np.uint64)
        import torch

        seed, step = torch.as_tensor(self.seed, dtype=torch.int64), torch.as_tensor(self.step, dtype=torch.int64)
        return seed[..., None], step[..., None], torch.arange(blocks, dtype=torch.int64)

    def _namespace(self) -> Any:
        if self.backend == "numpy":
            return np
        import torch

        return torch

    def _wide(self, words: Any) -> Any:
        return words.astype(np.float64) if self.backend == "numpy" else words.double()

    def _float(self, values: Any, dtype: Any) -> Any:
        if self.backend == "numpy":
            return np.asarray(values, dtype=dtype or np.float64)
        import torch

        return values.to(dtype or torch.get_default_dtype())

    def _int(self, values: Any) -> npt.NDArray[np.int64] | Any:
        return np.asarray(values, np.int64) if self.backend == "numpy" else values
