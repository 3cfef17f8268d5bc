"""AdaFisher against its literal reference, its code against momentum SGD, and K-FAC against explicit factors."""

import numpy as np
import pytest
import torch
from reference.adafisher import AdaFisher
from reference.mkor import backpropagate

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim import AdaFisherMethod, AdaFisherW, KFACMethod, SGDRule
from tendsto.optim.adafisher import factor_diagonals, scaled_to_unit
from tendsto.problems.layer_tape import LayerTape

SOURCE = Random(3)


def stepped(method: object, steps: int, each: object = None) -> tuple[dict, list[np.ndarray]]:
    """The state after some steps, and the first weights; `each(images, labels)` is called before every step."""
    problem = tt.problems.DigitsMLP(hidden=4, batch=16, precision="float64")
    state = method.init(Oracle(problem, SOURCE), SOURCE)
    for step in range(1, steps + 1):
        oracle = Oracle(problem, SOURCE.at(step))
        images, labels = problem.data[0][oracle.sample].numpy(), problem.data[1][oracle.sample].numpy()
        if each is not None:
            each(state["x"], images, labels)
        state, _ = method.step(state, oracle, SOURCE)
    return state, whole(state["x"])


def whole(x: dict[str, torch.Tensor]) -> list[np.ndarray]:
    return [np.hstack([x[f"{n}.weight"].numpy(), x[f"{n}.bias"].numpy()[:, None]]) for n in ("hidden", "output")]


@pytest.mark.parametrize(("variant", "decoupled"), [("paper", False), ("paper", True), ("official", False)])
def test_trajectory_is_the_paper_s(variant: str, decoupled: bool) -> None:
    settings = {"lr": 1e-3, "update_every": 3, "variant": variant, "weight_decay": 0.1, "decoupled": decoupled}
    reference: list[AdaFisher] = []

    def each(x: dict[str, torch.Tensor], images: np.ndarray, labels: np.ndarray) -> None:
        if not reference:
            reference.append(AdaFisher(whole(x), 1e-3, 3, variant, 0.1, decoupled))
        reference[0].step(backpropagate(*reference[0].weights, images, labels))

    _, weights = stepped(AdaFisherMethod(**settings), 12, each)
    for found, want in zip(weights, reference[0].weights, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-11)


def test_the_official_code_is_momentum_sgd_and_the_paper_is_not() -> None:
    apart = {}
    for variant in ("official", "paper"):
        _, none = stepped(AdaFisherMethod(lr=1e-4, update_every=1, variant="none"), 20)
        _, ours = stepped(AdaFisherMethod(lr=1e-4, update_every=1, variant=variant), 20)
        _, start = stepped(AdaFisherMethod(lr=0.0), 1)
        moved = sum(np.linalg.norm(a - b) for a, b in zip(none, start, strict=True))
        apart[variant] = sum(np.linalg.norm(a - b) for a, b in zip(ours, none, strict=True)) / moved
    assert apart["official"] < 0.1 < 0.3 < apart["paper"]


def test_diagonals_are_those_of_the_explicit_factors() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2).double()
    data = SOURCE.normal("data", (5, 3), torch.float64)
    with LayerTape(dict(layer.named_parameters())) as tape:
        out = layer(data)
        loss = out.square().mean()
    found = tape.gradients(loss)[1][""]
    h, s = factor_diagonals(found)
    inputs = torch.cat([data, torch.ones(5, 1, dtype=torch.float64)], dim=1)
    slopes = (2 * out / out.numel()).detach()
    torch.testing.assert_close(h, (inputs.T @ inputs / 5).diagonal(), rtol=1e-12, atol=0)
    torch.testing.assert_close(s, (slopes.T @ slopes / 5).diagonal(), rtol=1e-12, atol=0)
    assert scaled_to_unit(h).min() == 0
    assert 0.999 < scaled_to_unit(h).max() <= 1


def test_kfac_is_explicit_factors_inverted() -> None:
    kept: list[list[np.ndarray]] = []
    momentum = 0.9

    def each(x: dict[str, torch.Tensor], images: np.ndarray, labels: np.ndarray) -> None:
        if not kept:
            kept.extend([whole(x), [], [np.zeros_like(w) for w in whole(x)]])
        weights, factors, moments = kept
        for i, (a, g) in enumerate(backpropagate(*weights, images, labels)):
            new = (g.T @ g / len(a), a.T @ a / len(a))
            if len(factors) <= i:
                factors.append(new)
            else:
                factors[i] = tuple(0.95 * old + 0.05 * n for old, n in zip(factors[i], new, strict=True))
            left, right = (np.linalg.inv(f + np.sqrt(0.01) * np.eye(len(f))) for f in factors[i])
            gradient = g.T @ a / len(a)
            step = left @ gradient @ right
            moments[i] = momentum * moments[i] + step * np.linalg.norm(gradient) / np.linalg.norm(step)
        for i in range(2):
            weights[i] = weights[i] - 0.1 * moments[i]

    method = KFACMethod(SGDRule(lr=0.1, momentum=momentum), update_every=1, damping=0.01)
    _, weights = stepped(method, 6, each)
    for found, want in zip(weights, kept[0], strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-8, atol=1e-10)


def test_normalisations_and_convolutions_in_a_training_loop() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU(inplace=True), torch.nn.Flatten(),
        torch.nn.Linear(27, 4), torch.nn.LayerNorm(4, bias=False),
    )  # fmt: skip
    images, goal = SOURCE.normal("images", (16, 1, 5, 5)), SOURCE.normal("goal", (16, 4))
    optimizer = AdaFisherW(model, lr=1e-3, update_every=2)
    losses = [float(optimizer.step(lambda: torch.nn.functional.mse_loss(model(images), goal))) for _ in range(15)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"damping": 0.0}, "damping = 0.0"), ({"variant": "code"}, "'code' is unknown"), ({"update_every": 0}, "never")],
)
def test_bad_settings_are_quoted(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AdaFisherMethod(**settings)  # type: ignore[arg-type]
