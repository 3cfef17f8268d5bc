"""Lanes: many runs as one batched computation, stopping and diverging separately.

Three kinds of batch share one interface: `vmap` (torch functions of one run, batched by `torch.func.vmap`), `leading`
(NumPy functions that already accept a leading axis of runs) and `alone` (one run, as it is). A lane is never branched
on: what has ended is masked, so it cannot disturb its neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

MEASURE_AT_ONCE = 16
"""Lanes whose criterion is evaluated together: full data times lanes has to fit into the cache, not the memory."""


TRACED_FROM = 100
"""Steps from which on recording a batch of torch runs as a flat list of operations repays itself: the recording costs
about a second, and halves the time of a step of a small network."""


class Run(Protocol):
    """The pure functions of one run; `values` are its hyperparameters by name, `seed` its seed.

    `steps` is the budget, and `calls` counts what they ask for.
    """

    steps: int
    calls: Counter[str]

    def init(self, values: Mapping[str, Any], seed: Any) -> Any: ...
    def sample(self, seed: Any, step: Any) -> Any: ...
    def step(self, state: Any, values: Mapping[str, Any], seed: Any, sample: Any, step: Any) -> tuple[Any, Any]: ...
    def point(self, state: Any) -> Any: ...
    def measure(self, point: Any) -> Mapping[str, Any]: ...


class Alone:
    """A batch of a single run, computed without any batching."""

    size = 1

    def __init__(self, run: Run, values: Mapping[str, Floats], seeds: list[int], map_tree: Callable[..., Any]):
        self.run, self.seed, self.map_tree = run, seeds[0], map_tree
        self.values = {name: float(v[0]) for name, v in values.items()}

    def init(self) -> Any:
        return self.run.init(self.values, self.seed)

    def advance(self, state: Any, step: int) -> tuple[Any, Any]:
        return self.run.step(state, self.values, self.seed, self.run.sample(self.seed, step), step)

    def finite(self, state: Any) -> Bools:
        flags: list[bool] = []
        self.map_tree(lambda _, leaf: flags.append(_all_finite(leaf)), self.run.point(state))
        return np.array([all(flags)])

    def freeze(self, alive: Bools, new: Any, old: Any) -> Any:
        return new if alive[0] else old

    def measure(self, state: Any) -> dict[str, Floats]:
        return self.numbers(self.run.measure(self.run.point(state)))

    def numbers(self, info: Mapping[str, Any]) -> dict[str, Floats]:
        return {name: np.array([float(v)]) for name, v in info.items()}


class Leading:
    """A batch of NumPy runs along the leading axis of every array."""

    def __init__(self, run: Run, values: Mapping[str, Floats], seeds: list[int], map_tree: Callable[..., Any]):
        self.run, self.map_tree, self.size = run, map_tree, len(seeds)
        self.seeds, self.values = np.array(seeds, np.uint64), dict(values)

    def init(self) -> Any:
        return self.run.init(self.values, self.seeds)

    def advance(self, state: Any, step: int) -> tuple[Any, Any]:
        return self.run.step(state, self.values, self.seeds, self.run.sample(self.seeds, step), step)

    def finite(self, state: Any) -> Bools:
        flags = np.ones(self.size, bool)

        def look(_: str, leaf: Any) -> None:
            np.logical_and(flags, np.isfinite(leaf).reshape(self.size, -1).all(axis=1), out=flags)

        self.map_tree(look, self.run.point(state))
        return flags

    def freeze(self, alive: Bools, new: Any, old: Any) -> Any:
        def choose(_: str, a: Any, b: Any) -> Any:
            return np.where(alive.reshape(-1, *[1] * (np.ndim(a) - 1)), a, b)

        return self.map_tree(choose, new, old)

    def measure(self, state: Any) -> dict[str, Floats]:
        return self.numbers(self.run.measure(self.run.point(state)))

    def numbers(self, info: Mapping[str, Any]) -> dict[str, Floats]:
        return {name: np.broadcast_to(np.asarray(v, np.float64), (self.size,)).copy() for name, v in info.items()}


class Vmap:
    """A batch of torch runs, by `torch.func.vmap` over functions of one run."""

    BLOCK = 32
    """Steps whose samples are drawn together: drawing costs a fixed hundred small operations."""

    def __init__(self, run: Run, values: Mapping[str, Floats], seeds: list[int], map_tree: Callable[..., Any]):
        import torch

        self.torch, self.run, self.map_tree, self.size = torch, run, map_tree, len(seeds)
        self.seeds = torch.tensor(seeds, dtype=torch.int64)
        self.values = {name: torch.as_tensor(v, dtype=torch.float64) for name, v in values.items()}
        self.samples: Any = None
        self.first = 0
        self.traced: Callable[..., tuple[Any, Any]] | None = None
        self.cost: Counter[str] = Counter()

    def init(self) -> Any:
        return self.torch.func.vmap(self.run.init)(self.values, self.seeds)

    def advance(self, state: Any, step: int) -> tuple[Any, Any]:
        inputs = state, self.values, self.seeds, self._sample(step), self.torch.tensor(step)
        if self.run.steps < TRACED_FROM:
            return self._step(*inputs)
        # What was recorded holds for the layout in memory that it was recorded with, and layouts change between steps.
        inputs = self.map_tree(lambda _, leaf: leaf.contiguous(), state), *inputs[1:]
        if self.traced is None:
            self.traced = self._trace(inputs)
        self.run.calls.update(self.cost)
        return self.traced(*inputs)

    def _step(self, state: Any, values: Any, seeds: Any, sample: Any, step: Any) -> tuple[Any, Any]:
        def one(state: Any, values: Mapping[str, Any], seed: Any, sample: Any) -> tuple[Any, Any]:
            return self.run.step(state, values, seed, sample, step)

        lanes = 0 if sample is not None else None
        return self.torch.func.vmap(one, in_dims=(0, 0, 0, lanes))(state, values, seeds, sample)

    def _trace(self, inputs: tuple[Any, ...]) -> Callable[..., tuple[Any, Any]]:
        """Return the step as the operations that it comes to, without the layers of `vmap` and differentiation.

        What a step asks for is counted while it is recorded: it is the same at every step, since nothing may branch on
        the state.
        """
        from torch.fx.experimental.proxy_tensor import make_fx

        def step(state: Any, values: Any, seeds: Any, sample: Any, step: Any) -> tuple[Any, Any]:
            return self._step(state, values, seeds, sample, step)

        # Entries of a first state may be one tensor (x and y = x); the recorded step must tell them apart.
        state = self.map_tree(lambda _, leaf: leaf.clone(), inputs[0])
        before = Counter(self.run.calls)
        traced = make_fx(step)(state, *inputs[1:])
        self.cost = self.run.calls - before
        self.run.calls.subtract(self.cost)
        return traced

    def _sample(self, step: int) -> Any:
        if not self.first <= step < self.first + self.BLOCK or self.samples is None:
            # Blocks begin at the same steps whether a run is resumed or not.
            self.first = step - (step - 1) % self.BLOCK
            steps = self.torch.arange(self.first, self.first + self.BLOCK)
            self.samples = self.run.sample(self.seeds[:, None], steps[None, :])
        if self.samples is None:
            return None
        return self.map_tree(lambda _, leaf: leaf[:, step - self.first], self.samples)

    def finite(self, state: Any) -> Bools:
        total = self.torch.zeros(self.size, dtype=self.torch.float64)

        def look(_: str, leaf: Any) -> None:
            total.add_(leaf.reshape(self.size, -1).sum(dim=1))

        self.map_tree(look, self.run.point(state))
        return self.torch.isfinite(total).numpy()

    def freeze(self, alive: Bools, new: Any, old: Any) -> Any:
        mask = self.torch.from_numpy(alive)

        def choose(_: str, a: Any, b: Any) -> Any:
            return self.torch.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b)

        return self.map_tree(choose, new, old)

    def measure(self, state: Any) -> dict[str, Floats]:
        point = self.run.point(state)
        return self.numbers(self.torch.func.vmap(self.run.measure, chunk_size=MEASURE_AT_ONCE)(point))

    def numbers(self, info: Mapping[str, Any]) -> dict[str, Floats]:
        return {name: v.detach().to(self.torch.float64).numpy().copy() for name, v in info.items()}


Batch = Alone | Leading | Vmap
KINDS: dict[str | None, type[Alone] | type[Leading] | type[Vmap]] = {None: Alone, "leading": Leading, "vmap": Vmap}


def _all_finite(leaf: Any) -> bool:
    # A sum is finite only if its terms are, and costs a quarter of looking at each; it may overflow where they do not.
    total = leaf.sum().item()
    if total - total == 0:
        return True
    import torch

    return bool(torch.isfinite(leaf).all()) if isinstance(leaf, torch.Tensor) else bool(np.isfinite(leaf).all())
