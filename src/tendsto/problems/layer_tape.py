"""LayerTape: what every layer of a network was given, and the gradient at what it answered."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tendsto.core.problem import Declined

KNOWN = "Linear, Conv1d, Conv2d, Embedding, LayerNorm and BatchNorm"


@dataclass(frozen=True)
class Layer:
    """One layer: its inputs a and the gradients s of the loss at its outputs, a row a place where it was applied.

    kind: "linear", "convolution", "embedding" or "scale".
    weight, bias: the names of its parameters; bias is None where it has none.
    a: (rows, inputs), with a last column of ones where there is a bias. A convolution's rows are its unfolded patches,
        an embedding's are one-hot, a normalisation's are the normalised values, of its own column each.
    s: (rows, outputs), of the loss as it is. For the mean over a batch each row has the factor 1/examples;
        `examples * s` is free of it.
    examples: the length of the leading axis that the layer was given.

    The gradient of the weight and bias as one matrix (outputs, inputs) is s^T a; for kind "scale" it is the column sums
    of s * a beside those of s. Terms of the loss that hold the weight itself, such as weight decay, are not in s.
    """

    kind: str
    weight: str
    bias: str | None
    inputs: Callable[[], Tensor]
    s: Tensor
    examples: int

    @functools.cached_property
    def a(self) -> Tensor:
        """The inputs, worked out when first asked for: unfolding a convolution's is not free."""
        a = self.inputs().detach()
        return a if self.bias is None else torch.cat([a, a.new_ones(len(a), 1)], dim=1)

    def matrix(self, tree: Mapping[str, Tensor]) -> Tensor:
        """Return what `tree`, such as a gradient, holds for this layer, as a matrix shaped as s^T a.

        The bias is the last column. For kind "scale" it has a row an entry, and two columns.
        """
        w = tree[self.weight]
        w = w.T if self.kind == "embedding" else w.reshape(self.s.shape[1], -1)
        return w if self.bias is None else torch.cat([w, tree[self.bias].reshape(-1, 1)], dim=1)

    def parts(self, matrix: Tensor, tree: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the parameters that `matrix` holds, by name and shaped as in `tree`: the inverse of `matrix`."""
        w = matrix if self.bias is None else matrix[:, :-1]
        w = w.T if self.kind == "embedding" else w
        parts = {self.weight: w.reshape(tree[self.weight].shape)}
        return parts if self.bias is None else {**parts, self.bias: matrix[:, -1].reshape(tree[self.bias].shape)}

    def product(self) -> Tensor:
        """Return the gradient of weight and bias as a matrix, from a and s alone."""
        if self.kind != "scale":
            return self.s.T @ self.a
        scale = (self.s * self.a[:, : self.s.shape[1]]).sum(dim=0)
        return scale[:, None] if self.bias is None else torch.stack([scale, self.s.sum(dim=0)], dim=1)


@dataclass(frozen=True)
class _Use:
    """One application of a layer, as it was called."""

    kind: str
    weight: Tensor
    bias: Tensor | None
    inputs: Callable[[], Tensor]
    rows: Callable[[Tensor], Tensor]
    edge: GradientEdge
    examples: int


class LayerTape(TorchFunctionMode):
    """A context in which each application of a layer to the given parameters is recorded.

    Layers are told by the tensors that torch's functions are called with, so modules and functions of a dict of
    tensors are recorded alike. A layer that is used twice has the rows of both. An in-place activation is no obstacle.

    Args:
        parameters: leaf tensors that require gradients, by name.

    Raises:
        Declined: from `gradients`: a parameter was used outside of a layer that is known (recurrent layers, group
            normalisation, the fused projection of `nn.MultiheadAttention`), or a layer was used in a way that is not
            (groups, sparse gradients, a weight shared by layers of different kinds).

    Source: K-FAC's bookkeeping, Martens and Grosse 2015; convolutions, Grosse and Martens 2016.

    >>> w, x = torch.ones(1, 2, requires_grad=True), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> with LayerTape({"out.weight": w}) as tape:
    ...     loss = torch.nn.functional.linear(x, w).square().mean()
    >>> gradient, layers = tape.gradients(loss)
    >>> torch.equal(layers["out"].product(), gradient["out.weight"]), layers["out"].s.tolist()
    (True, [[3.0], [7.0]])
    """

    def __init__(self, parameters: Mapping[str, Tensor]):
        super().__init__()
        self.parameters = dict(parameters)
        self.names = {id(p): name for name, p in self.parameters.items()}
        self.uses: list[_Use] = []
        self.refused: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        reader = READERS.get(func)
        if reader is not None and isinstance(out, Tensor) and out.requires_grad:
            reader(self, out, *args, **(kwargs or {}))
        return out

    def keep(
        self,
        kind: str,
        out: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        inputs: Callable[[], Tensor],
        rows: Callable[[Tensor], Tensor],
        examples: int,
    ) -> None:
        """Record one application; inputs and rows are worked out when the gradient is known."""
        if weight is not None and id(weight) in self.names:
            bias = bias if bias is not None and id(bias) in self.names else None
            # The edge, not the tensor: an activation may overwrite the tensor in place.
            self.uses.append(_Use(kind, weight, bias, inputs, rows, get_gradient_edge(out), examples))

    def refuse(self, weight: Tensor | None, reason: str) -> None:
        """Note that a layer of one of the parameters was used in a way that is not supported."""
        if weight is not None and id(weight) in self.names:
            self.refused.append(f"{self.names[id(weight)]} ({reason})")

    def gradients(self, loss: Tensor) -> tuple[dict[str, Tensor], dict[str, Layer]]:
        """Return the gradient of `loss` by name, and the layers by name (the weight's, less ".weight")."""
        self._check()
        wanted = [*self.parameters.values(), *(use.edge for use in self.uses)]
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
        count = len(self.parameters)
        gradient = {
            name: torch.zeros_like(p) if g is None else g
            for (name, p), g in zip(self.parameters.items(), found[:count], strict=True)
        }
        layers: dict[str, Layer] = {}
        for use, at_output in zip(self.uses, found[count:], strict=True):
            if at_output is None:  # computed, but no part of the loss
                continue
            layer = self._layer(use, at_output)
            name = layer.weight.removesuffix("weight").removesuffix(".")
            layers[name] = layer if name not in layers else _joined(layers[name], layer)
        return gradient, layers

    def _check(self) -> None:
        if self.refused:
            raise Declined(f"the layer of {' and '.join(self.refused)} is used in a way that layer tapes do not know")
        seen = {id(p) for use in self.uses for p in (use.weight, use.bias) if p is not None}
        strays = [name or "the point" for key, name in self.names.items() if key not in seen]
        if strays:
            raise Declined(f"{', '.join(strays)} belongs to none of the layers that are known: {KNOWN}")

    def _layer(self, use: _Use, at_output: Tensor) -> Layer:
        bias = None if use.bias is None else self.names[id(use.bias)]
        return Layer(use.kind, self.names[id(use.weight)], bias, use.inputs, use.rows(at_output), use.examples)


def _joined(one: Layer, two: Layer) -> Layer:
    if (one.kind, one.bias) != (two.kind, two.bias):
        raise Declined(f"{one.weight} is shared by a layer of kind {one.kind} and one of kind {two.kind}: untie them")
    return Layer(
        one.kind,
        one.weight,
        one.bias,
        lambda: torch.cat([one.inputs(), two.inputs()]),
        torch.cat([one.s, two.s]),
        one.examples,
    )


def _linear(tape: LayerTape, out: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> None:
    def flat(t: Tensor) -> Tensor:
        return t.reshape(-1, t.shape[-1])

    tape.keep("linear", out, weight, bias, lambda: flat(input), flat, len(input) if input.ndim > 1 else 1)


def _conv(
    tape: LayerTape,
    out: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> None:
    if groups != 1:
        return tape.refuse(weight, f"a convolution of {groups} groups")
    axes, kernel = weight.ndim - 2, tuple(weight.shape[2:])
    if input.ndim != weight.ndim:
        return tape.refuse(weight, "a convolution of a single example without a batch axis")
    stride, dilation = (tuple(v) if isinstance(v, tuple | list) else (v,) for v in (stride, dilation))
    stride, dilation = (v * axes if len(v) == 1 else v for v in (stride, dilation))
    sides = _padding(padding, kernel, dilation)

    def patches() -> Tensor:
        padded = F.pad(input, [side for pair in reversed(sides) for side in pair])
        if axes == 1:  # a strip one high
            unfolded = F.unfold(padded[:, :, None], (1, *kernel), (1, *dilation), 0, (1, *stride))
        else:
            unfolded = F.unfold(padded, kernel, dilation, 0, stride)
        return unfolded.mT.reshape(-1, unfolded.shape[1])

    def rows(s: Tensor) -> Tensor:
        return s.flatten(2).mT.reshape(-1, s.shape[1])

    return tape.keep("convolution", out, weight, bias, patches, rows, len(input))


def _padding(padding: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[tuple[int, int]]:
    """What is added before and after each axis."""
    if padding == "valid":
        return [(0, 0) for _ in kernel]
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(t // 2, t - t // 2) for t in total]
    each = tuple(padding) if isinstance(padding, tuple | list) else (padding,)
    return [(p, p) for p in (each * len(kernel) if len(each) == 1 else each)]


def _embedding(
    tape: LayerTape,
    out: Tensor,
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> None:
    if scale_grad_by_freq or sparse or max_norm is not None:
        return tape.refuse(weight, "an embedding with max_norm, scale_grad_by_freq or sparse gradients")

    def one_hot() -> Tensor:
        hot = F.one_hot(input.reshape(-1), len(weight)).to(out.dtype)
        if padding_idx is not None:  # the padding's row is given no gradient
            hot[:, padding_idx] = 0
        return hot

    rows = input.reshape(-1).shape[0]
    return tape.keep("embedding", out, weight, None, one_hot, lambda s: s.reshape(rows, -1), len(input))


def _layer_norm(
    tape: LayerTape,
    out: Tensor,
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> None:
    width = 1
    for size in normalized_shape:
        width *= size

    def normalised() -> Tensor:
        return F.layer_norm(input.detach(), tuple(normalized_shape), None, None, eps).reshape(-1, width)

    tape.keep("scale", out, weight, bias, normalised, lambda s: s.reshape(-1, width), len(input))


def _batch_norm(
    tape: LayerTape,
    out: Tensor,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> None:
    def rows(t: Tensor) -> Tensor:
        return t.movedim(1, -1).reshape(-1, t.shape[1])

    def normalised() -> Tensor:
        # In training mode the batch's own statistics count; the running ones are not moved again.
        statistics = (None, None) if training else (running_mean, running_var)
        return rows(F.batch_norm(input.detach(), *statistics, None, None, training, momentum, eps))

    tape.keep("scale", out, weight, bias, normalised, rows, len(input))


READERS: dict[Any, Callable[..., None]] = {
    F.linear: _linear,
    F.conv1d: _conv,
    F.conv2d: _conv,
    F.embedding: _embedding,
    F.layer_norm: _layer_norm,
    F.batch_norm: _batch_norm,
}
