"""Layer tapes against autograd for every kind of layer, and Gauss-Newton products against explicit matrices."""

import pytest
import torch
from torch import nn

import tendsto as tt
from tendsto.core.problem import Declined
from tendsto.core.random import Random
from tendsto.core.tree import tree_map
from tendsto.problems.layer_tape import LayerTape
from tendsto.problems.layered import named

F64 = torch.float64


def image(*shape: int) -> torch.Tensor:
    return Random(0).normal("image", shape, F64)


def words() -> torch.Tensor:
    return Random(0).integers("words", 7, (4, 5))


class Twice(nn.Module):
    """One linear layer applied to its own output, through an in-place activation."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(self.inner(x).relu_())


class Attention(nn.Module):
    """Self-attention made of linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(6, 6, bias=i % 2 == 0) for i in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attended = nn.functional.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x))
        return self.out(attended)


CASES = {
    "linear": (lambda: nn.Linear(3, 2), lambda: image(4, 3)),
    "linear without bias": (lambda: nn.Linear(3, 2, bias=False), lambda: image(4, 3)),
    "linear over a sequence": (lambda: nn.Linear(3, 2), lambda: image(4, 5, 3)),
    "in-place activation": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True)), lambda: image(4, 3)),
    "used twice": (Twice, lambda: image(4, 3)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1, dilation=2), lambda: image(4, 2, 9)),
    "conv1d same": (lambda: nn.Conv1d(2, 3, 5, padding="same", dilation=2), lambda: image(4, 2, 9)),
    "conv2d": (lambda: nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0)), lambda: image(4, 2, 7, 6)),
    "conv2d same": (lambda: nn.Conv2d(2, 3, (5, 3), padding="same", dilation=(1, 2)), lambda: image(4, 2, 7, 6)),
    "conv2d reflected": (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), lambda: image(4, 2, 5, 5)),
    "embedding": (lambda: nn.Embedding(7, 3), words),
    "embedding with padding": (lambda: nn.Embedding(7, 3, padding_idx=2), words),
    "layer norm": (lambda: nn.LayerNorm(6), lambda: image(4, 5, 6)),
    "layer norm of two axes, no bias": (lambda: nn.LayerNorm((5, 6), bias=False), lambda: image(4, 5, 6)),
    "batch norm 1d": (lambda: nn.BatchNorm1d(3), lambda: image(4, 3)),
    "batch norm 2d": (lambda: nn.BatchNorm2d(2), lambda: image(4, 2, 3, 3)),
    "batch norm, evaluation": (lambda: nn.BatchNorm2d(2).eval(), lambda: image(4, 2, 3, 3)),
    "attention": (Attention, lambda: image(2, 5, 6)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_and_s_give_autograd_s_gradient(name: str) -> None:
    make, inputs = CASES[name]
    torch.manual_seed(0)
    module, data = make().double(), inputs()
    parameters = dict(module.named_parameters())
    with LayerTape(parameters) as tape:
        out = module(data)
        loss = (out * torch.cos(torch.arange(out.numel(), dtype=F64)).reshape(out.shape)).square().mean()
    loss.backward(retain_graph=True)
    gradient, layers = tape.gradients(loss)
    told: dict[str, torch.Tensor] = {}
    for layer in layers.values():
        told |= layer.parts(layer.product(), parameters)
        assert layer.a.shape[0] == layer.s.shape[0]
        assert layer.examples == len(data)
        back = layer.parts(layer.matrix(parameters), parameters)
        torch.testing.assert_close(back, {key: parameters[key] for key in back})
    assert sorted(told) == sorted(parameters)
    for key, parameter in parameters.items():
        torch.testing.assert_close(gradient[key], parameter.grad, rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(told[key], parameter.grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("module", "data", "told"),
    [
        (nn.Sequential(nn.Linear(3, 4), nn.GroupNorm(2, 4)), (4, 3), "1.weight"),
        (nn.LSTM(3, 2), (4, 5, 3), "weight_ih_l0"),
        (nn.TransformerEncoderLayer(6, 2, dropout=0.0), (4, 5, 6), "self_attn.in_proj_weight"),
        (nn.Conv2d(2, 2, 3, groups=2), (4, 2, 5, 5), "2 groups"),
    ],
)
def test_layers_that_are_not_known_are_named(module: nn.Module, data: tuple[int, ...], told: str) -> None:
    with LayerTape(dict(module.double().named_parameters())) as tape:
        out = module(image(*data))
        loss = (out[0] if isinstance(out, tuple) else out).square().mean()
    with pytest.raises(Declined, match=told):
        tape.gradients(loss)


def test_a_weight_shared_by_two_kinds_of_layers_is_named() -> None:
    weight = image(7, 3).requires_grad_()
    with LayerTape({"tied": weight}) as tape:
        loss = nn.functional.linear(nn.functional.embedding(words(), weight), weight).square().mean()
    with pytest.raises(Declined, match="tied is shared"):
        tape.gradients(loss)


def user() -> object:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)).double()
    return tt.problem(net, nn.functional.mse_loss, (image(9, 3), image(9, 2)), batch=4)


PROBLEMS = {
    "digits-mlp": lambda: tt.problems.DigitsMLP(hidden=3, batch=5, precision="float64"),
    "digits-cnn": lambda: tt.problems.DigitsCNN(channels=1, batch=5, precision="float64"),
    "digits-deep": lambda: tt.problems.DigitsDeep(hidden=(3, 2), batch=5, precision="float64"),
    "digits-autoencoder": lambda: tt.problems.DigitsAutoencoder(hidden=(2,), batch=5, precision="float64"),
    "softmax": lambda: tt.problems.Softmax(batch=5, l2=0.1),
    "user": user,
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_layer_gradients_are_the_gradient(name: str) -> None:
    problem = PROBLEMS[name]()
    x, sample = tree_map(lambda _, t: t + 0.1, problem.init(Random(1))), problem.sample(Random(2))
    value, gradient = problem.value_and_gradient(x, sample)
    with torch.no_grad():
        told, same, layers = problem.layer_gradients(x, sample)
    torch.testing.assert_close(told, value, rtol=1e-12, atol=0)
    tree_map(lambda _, a, b: torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14), same, gradient)
    for layer in layers.values():
        penalty = 0.1 * x if name == "softmax" else 0.0
        torch.testing.assert_close(layer.product() + penalty, layer.matrix(named(gradient)), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", ["digits-mlp", "digits-autoencoder", "user"])
def test_gauss_newton_is_the_explicit_matrix(name: str) -> None:
    problem = PROBLEMS[name]()
    x, sample = problem.init(Random(1)), problem.sample(Random(2))
    v = tree_map(lambda key, t: Random(3).normal(key, tuple(t.shape), t.dtype), x)
    outputs = problem.predict(x, sample)
    jacobian = torch.func.jacrev(lambda y: problem.predict(y, sample).flatten())(x)
    flat = torch.cat([j.flatten(1) for j in jacobian.values()], dim=1)
    slope = torch.func.grad(lambda o: problem.predicted_loss(o.reshape(outputs.shape), sample))
    curvature = torch.func.jacrev(slope)(outputs.flatten())
    want = flat.T @ (curvature @ (flat @ torch.cat([t.flatten() for t in v.values()])))
    got = torch.cat([t.flatten() for t in problem.gauss_newton(x, v, sample).values()])
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-13)


def test_gauss_newton_of_a_linear_model_is_its_hessian() -> None:
    problem = PROBLEMS["softmax"]()
    x, v, sample = image(10, 65), image(10, 65).cos(), problem.sample(Random(2))
    torch.testing.assert_close(problem.gauss_newton(x, v, sample), problem.hvp(x, v, sample), rtol=1e-10, atol=1e-13)


def test_both_are_counted() -> None:
    problem = PROBLEMS["digits-mlp"]()
    oracle = tt.Oracle(problem, Random(0))
    x = oracle.init()
    oracle.gauss_newton(x, x)
    oracle.layer_gradients(x)
    assert oracle.calls == {"gauss_newton": 1, "gradient": 1}
