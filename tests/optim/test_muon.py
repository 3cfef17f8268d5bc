"""Newton-Schulz does not see in which orthogonal frames a matrix is written, and in which precision but by rounding."""

from __future__ import annotations

import pytest
import torch

import tendsto as tt


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_rotations_from_either_side_go_through(shape: tuple[int, int]) -> None:
    rng = tt.Random(0)
    g = rng.normal("g", shape, torch.float64)
    left, right = (
        torch.linalg.qr(rng.normal(side, (n, n), torch.float64))[0]
        for side, n in zip(("left", "right"), shape, strict=True)
    )
    turned = tt.optim.newton_schulz(left @ g @ right)
    torch.testing.assert_close(turned, left @ tt.optim.newton_schulz(g) @ right, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(tt.optim.newton_schulz(3.0 * g), tt.optim.newton_schulz(g), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(24, 64), (64, 24)])
@pytest.mark.parametrize(("precision", "low", "high"), [("float32", 1e-8, 1e-5), ("bfloat16", 2e-3, 3e-2)])
def test_a_precision_changes_the_result_by_its_rounding(
    shape: tuple[int, int], precision: str, low: float, high: float
) -> None:
    g = tt.Random(0).normal("g", shape, torch.float64)
    exact, rounded = tt.optim.newton_schulz(g), tt.optim.newton_schulz(g, precision=precision)
    assert rounded.dtype == torch.float64
    assert low < (rounded - exact).norm() / exact.norm() < high
    assert torch.equal(tt.optim.newton_schulz(g.float()), tt.optim.newton_schulz(g.float(), precision="float32"))


def test_the_rule_iterates_in_the_precision_it_is_given() -> None:
    g = tt.Random(0).normal("g", (24, 64))
    for precision in ("float32", "bfloat16"):
        rule = tt.optim.MuonRule(lr=1.0, scale="none", momentum=0.0, precision=precision)
        weight, _ = rule.update(torch.zeros_like(g), g, rule.slots(g), 1)
        assert torch.equal(weight, -tt.optim.newton_schulz(g, precision=precision))
    with pytest.raises(ValueError, match="precision = 'half' is unknown"):
        tt.optim.MuonRule(precision="half")
    with pytest.raises(ValueError, match="precision = 'half' is unknown"):
        tt.optim.newton_schulz(g, precision="half")
