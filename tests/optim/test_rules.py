"""Each rule against its literal reference and against torch, in float64, over 200 random steps."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from reference.adam import adam
from reference.adamax import adamax
from reference.cautious import cautious_adamw
from reference.lion import lion
from reference.muon import muon, newton_schulz

import tendsto as tt
from tendsto.core.rule import Rule

STEPS, SHAPE = 200, (5, 4)
rng = np.random.default_rng(0)
start = rng.standard_normal(SHAPE)
gradients = [rng.standard_normal(SHAPE) * 10.0 ** rng.uniform(-3, 1) for _ in range(STEPS)]


def ours(rule: Rule) -> np.ndarray:
    x = torch.from_numpy(start.copy())
    slots = rule.slots(x)
    for step, gradient in enumerate(gradients, start=1):
        x, slots = rule.update(x, torch.from_numpy(gradient), slots, step)
    return x.numpy()


def stepped(optimizer_of: object, **settings: object) -> np.ndarray:
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = optimizer_of([parameter], **settings)  # type: ignore[operator]
    for gradient in gradients:
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    return parameter.detach().numpy()


def close(a: np.ndarray, b: np.ndarray, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


def test_adam_is_the_paper_s() -> None:
    close(ours(tt.optim.AdamRule(lr=0.01)), adam(start, gradients, 0.01, 0.9, 0.999, 1e-8))
    rule = tt.optim.AdamW.rule(lr=0.02, weight_decay=0.1)
    close(ours(rule), adam(start, gradients, 0.02, 0.9, 0.999, 1e-8, decay=0.1))
    rule = tt.optim.AdamRule(lr=0.02, amsgrad=True)
    close(ours(rule), adam(start, gradients, 0.02, 0.9, 0.999, 1e-8, amsgrad=True))


def test_adamax_is_the_paper_s() -> None:
    close(ours(tt.optim.AdaMaxRule(lr=0.01)), adamax(start, gradients, 0.01, 0.9, 0.999), rtol=1e-6)


def test_lion_is_the_paper_s() -> None:
    rule = tt.optim.LionRule(lr=0.01, betas=(0.95, 0.98), weight_decay=0.1)
    close(ours(rule), lion(start, gradients, 0.01, 0.95, 0.98, 0.1))


@pytest.mark.parametrize("scale", ["mean", "original", "paper", "none"])
def test_cautious_adamw_is_the_paper_s(scale: str) -> None:
    rule = tt.optim.Cautious.rule(tt.optim.AdamW.rule(lr=0.01, weight_decay=0.1), scale=scale)
    close(ours(rule), cautious_adamw(start, gradients, 0.01, 0.9, 0.999, 1e-8, 0.1, scale))


def test_newton_schulz_is_the_reference_and_brings_singular_values_near_one() -> None:
    for shape in ((64, 128), (256, 64), (3, 3)):
        g = rng.standard_normal(shape)
        found = tt.optim.newton_schulz(torch.from_numpy(g)).numpy()
        np.testing.assert_allclose(found, newton_schulz(g), rtol=1e-9, atol=1e-11)
    singular = torch.linalg.svdvals(tt.optim.newton_schulz(torch.from_numpy(rng.standard_normal((128, 64)))))
    assert ((singular > 0.68) & (singular < 1.14)).all()


def test_muon_is_the_reference() -> None:
    rule = tt.optim.MuonRule(lr=0.01, weight_decay=0.1)
    close(ours(rule), muon(start, gradients, 0.01, 0.95, 0.1), rtol=1e-9)


def test_polar_is_the_steepest_direction_of_the_spectral_norm() -> None:
    g = torch.from_numpy(rng.standard_normal((6, 4)))
    best = (g * tt.optim.polar(g)).sum()
    assert best == pytest.approx(float(torch.linalg.svdvals(g).sum()), rel=1e-10)
    for _ in range(200):
        d = torch.from_numpy(rng.standard_normal((6, 4)))
        assert (g * d / torch.linalg.matrix_norm(d, 2)).sum() < best


@pytest.mark.parametrize(
    ("mine", "theirs", "settings"),
    [
        (tt.optim.Adam, torch.optim.Adam, {"lr": 0.01}),
        (tt.optim.Adam, torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
        (tt.optim.AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
        (tt.optim.AdamW, torch.optim.AdamW, {"lr": 0.01, "maximize": True}),
        (tt.optim.SGD, torch.optim.SGD, {"lr": 0.01}),
        (tt.optim.SGD, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
        (tt.optim.SGD, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    ],
    ids=str,
)
def test_torch_optimizers_equal_torch_s_own(mine: type, theirs: type, settings: dict) -> None:
    close(stepped(mine, **settings), stepped(theirs, **settings), rtol=1e-10)


def test_adamax_equals_torch_s_up_to_its_eps() -> None:
    close(stepped(tt.optim.AdaMax, lr=0.01), stepped(torch.optim.Adamax, lr=0.01), rtol=1e-5)


@dataclass(frozen=True)
class Normalised(Rule):
    """Heavy ball along g / |g|, written as `update` alone; its norm is that of the whole tensor."""

    lr: float = 0.01

    def slots(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"momentum": torch.zeros_like(parameter)}

    def update(self, parameter: torch.Tensor, gradient: torch.Tensor, slots: dict, step: float) -> tuple:
        momentum = 0.9 * slots["momentum"] + gradient / gradient.norm()
        return parameter - self.lr / step * momentum, {"momentum": momentum}


@pytest.mark.parametrize("compiled", [False, True])
def test_a_rule_of_update_alone_is_a_torch_optimizer(compiled: bool) -> None:
    def optimizer(parameters: list, **settings: object) -> tt.optim.RuleOptimizer:
        return tt.optim.RuleOptimizer(parameters, Normalised(), compiled=compiled)

    x, momentum = start.copy(), np.zeros(SHAPE)
    for step, g in enumerate(gradients, start=1):
        momentum = 0.9 * momentum + g / np.linalg.norm(g)
        x = x - 0.01 / step * momentum
    close(stepped(optimizer), x)
    # More entries than eager rules take at once, in half precision with float32 state.
    large = torch.nn.Parameter(torch.zeros(300, 200, dtype=torch.bfloat16))
    large.grad = torch.ones_like(large)
    by_hand = optimizer([large])
    by_hand.step()
    assert large.detach().unique().tolist() == pytest.approx([-0.01 / 60000**0.5], rel=1e-2)
    assert by_hand.state[large]["momentum"].dtype == torch.float32


def test_the_cautious_wrapper_equals_the_cautious_rule() -> None:
    def wrapped(parameters: list, **settings: object) -> tt.optim.Cautious:
        return tt.optim.Cautious(torch.optim.AdamW(parameters, **settings))  # type: ignore[arg-type]

    rule = tt.optim.Cautious.rule(tt.optim.AdamW.rule(lr=0.01, weight_decay=0.1))
    close(stepped(wrapped, lr=0.01, weight_decay=0.1), ours(rule), rtol=1e-8)


def test_adam_does_not_see_the_scale_of_gradients_and_bounds_its_step() -> None:
    rule = tt.optim.AdamRule(lr=0.01, eps=0.0)
    base, x = ours(rule), torch.from_numpy(start.copy())
    slots = rule.slots(x)
    for step, gradient in enumerate(gradients, start=1):
        new, slots = rule.update(x, torch.from_numpy(gradient * 1e3), slots, step)
        assert (new - x).abs().max() <= 0.01 * max(1, 0.1 / 0.001**0.5) * (1 + 1e-12)
        x = new
    close(x.numpy(), base, rtol=1e-9)


def masked(optimizer_of: Callable[[list], torch.optim.Optimizer], scale: str) -> np.ndarray:
    """What a wrapped optimizer has to do, literally: take its step on a copy, and mask and rescale the move."""
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = optimizer_of([parameter])
    for gradient in gradients:
        old = parameter.detach().numpy().copy()
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        move = old - parameter.detach().numpy()
        mask = (move * gradient > 0).astype(float)
        factor = {"mean": 1 / max(mask.mean(), 1e-3), "original": mask.size / (mask.sum() + 1), "none": 1.0}[scale]
        parameter.data = torch.from_numpy(old - factor * mask * move)
    return parameter.detach().numpy()


INNER: dict[str, Callable[[list], torch.optim.Optimizer]] = {
    "SGD": lambda ps: torch.optim.SGD(ps, lr=0.01, momentum=0.9, weight_decay=0.1),
    "Adam": lambda ps: torch.optim.Adam(ps, lr=0.01, weight_decay=0.1),
    "RMSprop": lambda ps: torch.optim.RMSprop(ps, lr=0.01, momentum=0.5),
    "NAdam": lambda ps: torch.optim.NAdam(ps, lr=0.01),
    "Adagrad": lambda ps: torch.optim.Adagrad(ps, lr=0.1),
    "our Lion": lambda ps: tt.optim.Lion(ps, lr=0.01),
    "our Muon": lambda ps: tt.optim.Muon(ps, lr=0.01),
}


@pytest.mark.parametrize("scale", ["mean", "original", "none"])
@pytest.mark.parametrize("name", INNER)
def test_the_cautious_wrapper_masks_the_move_of_any_optimizer(name: str, scale: str) -> None:
    wrapped = stepped(lambda ps: tt.optim.Cautious(INNER[name](ps), scale))
    close(wrapped, masked(INNER[name], scale), rtol=1e-8)
    plain = stepped(INNER[name])
    # Adagrad's move is a positive multiple of -g: the mask lets all of it pass, and only "original" rescales.
    changed = np.abs(plain - wrapped).max() > 1e-3
    assert changed == (name != "Adagrad" or scale == "original")


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_cautious_wrapper_equals_the_cautious_rule_around_our_own(decay: float) -> None:
    for optimizer_of in (tt.optim.Lion, tt.optim.Muon, tt.optim.AdamW):
        wrapped = stepped(lambda ps, make=optimizer_of: tt.optim.Cautious(make(ps, lr=0.01, weight_decay=decay)))
        rule = tt.optim.Cautious.rule(optimizer_of.rule(lr=0.01, weight_decay=decay))
        close(wrapped, ours(rule), rtol=1e-8)


@pytest.mark.parametrize("shape", [(32, 48), (48, 16)])
@pytest.mark.parametrize(
    ("nesterov", "scale", "adjust"), [(True, "original", "original"), (False, "rms", "match_rms_adamw")]
)
def test_muon_is_torch_s_but_for_the_precision(
    nesterov: bool, scale: str, adjust: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def difference() -> float:
        torch.manual_seed(0)
        mine, theirs = (torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for _ in range(2))
        settings: dict = {"lr": 0.02, "momentum": 0.9, "nesterov": nesterov, "weight_decay": 0.1}
        optimizers = (
            tt.optim.Muon([mine], scale=scale, **settings),
            torch.optim.Muon([theirs], adjust_lr_fn=adjust, **settings),
        )
        for _ in range(10):
            mine.grad = torch.randn(shape, dtype=torch.float64)
            theirs.grad = mine.grad.clone()
            for optimizer in optimizers:
                optimizer.step()
        return ((mine - theirs).norm() / theirs.norm()).item()

    assert 1e-4 < difference() < 0.02
    # With torch's iteration in float64 as ours, only its eps, a maximum where ours is a sum, is another.
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.double().clone())
    assert difference() < 1e-6
