"""sample: carry particles to a target and return them; and draws as ArviZ objects."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.iterate import iterate
from tendsto.core.method import Method
from tendsto.core.registry import require
from tendsto.core.trace import Trace
from tendsto.sampling.cloud import Cloud
from tendsto.sampling.coin import coin_svgd
from tendsto.sampling.target import Target

__all__ = ["Sample", "sample", "to_arviz"]


@dataclass(frozen=True)
class Sample:
    """What `sample` returns.

    particles: (n, d), where they are in the end. history: (points, n, d), at the recorded iterations. trace: criterion
    and metrics along the way.
    """

    particles: Tensor
    history: Tensor
    trace: Trace

    def to_arviz(self, names: Sequence[str] | None = None) -> Any:
        """Return the particles as one chain of an `arviz.InferenceData`; see `to_arviz` for the arguments.

        The particles of ULA and MALA are chains: `to_arviz(result.history[burn:].transpose(0, 1))`.
        """
        return to_arviz(self.particles, names)


def sample(
    target: Target | Cloud, method: Method | None = None, *, steps: int = 1000, seed: int = 0, record: int = 2
) -> Sample:
    """Carry particles to `target` with `method` (coin SVGD, which has no learning rate, if none is given).

    target: a law, to which 50 particles are carried from N(0, I), or a `Cloud` for another number or start.
    record: how many points of the history are kept.

    Raises:
        ValueError: the particles do not stay finite; the message says when they ceased to be so.
        Declined: the method does not fit the target; the message says why.

    >>> from tendsto.sampling import Gaussian
    >>> sample(Gaussian(), steps=100).particles.shape
    torch.Size([50, 2])
    """
    cloud = target if isinstance(target, Cloud) else Cloud(target)
    watched = _Watched(**{f.name: getattr(cloud, f.name) for f in dataclasses.fields(cloud)})
    trace = iterate(method or coin_svgd(), watched, steps=steps, seeds=[seed], record=record)
    end = trace.ends[0]
    if end.kind == "diverged":
        raise ValueError(f"the particles left the target at iteration {end.at:g}: {end.reason}; use a smaller lr")
    places = [n for n in trace.values if n.startswith("x[")]
    history = torch.tensor([trace[n][0].tolist() for n in places], dtype=torch.float64)
    history = history.T.reshape(-1, cloud.particles, cloud.target.dimension).contiguous()
    kept = {n: v for n, v in trace.values.items() if not n.startswith("x[")}
    return Sample(history[-1], history, dataclasses.replace(trace, values=kept))


@dataclass(frozen=True)
class _Watched(Cloud):
    """A cloud whose every coordinate is recorded."""

    def metrics(self, x: Tensor) -> Mapping[str, Tensor]:
        entries = x.reshape(-1).unbind()
        return {**super().metrics(x), **{f"x[{i}]": entry for i, entry in enumerate(entries)}}


def to_arviz(draws: Any, names: Sequence[str] | None = None) -> Any:
    """Return draws as an `arviz.InferenceData` with one posterior variable a coordinate.

    draws: (draws, d), which become one chain, or (chains, draws, d); a tensor or an array.
    names: of the d coordinates; x0, x1, ... if none are given.

    Raises:
        ImportError: arviz is not installed; the message names the extra "sampling".
        ValueError: draws of another shape, or as many names as they have coordinates are not given.

    >>> data = to_arviz(torch.zeros(4, 100, 2), names=["a", "b"])
    >>> data.posterior["a"].shape
    (4, 100)
    """
    array = torch.as_tensor(draws).detach().numpy()
    if array.ndim not in (2, 3):
        raise ValueError(f"draws have shape {array.shape}: use (draws, d) or (chains, draws, d)")
    array = array[None] if array.ndim == 2 else array
    names = [f"x{i}" for i in range(array.shape[-1])] if names is None else list(names)
    if len(names) != array.shape[-1] or len(set(names)) < len(names):
        raise ValueError(f"names {names} must be {array.shape[-1]} different ones, one a coordinate")
    with warnings.catch_warnings():
        # It announces a later version at its import.
        warnings.simplefilter("ignore", FutureWarning)
        arviz: Any = require("arviz", extra="sampling")
    return arviz.from_dict(posterior={name: array[..., i] for i, name in enumerate(names)})
