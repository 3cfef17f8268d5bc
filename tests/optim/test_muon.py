"""Newton-Schulz does not see in which orthogonal frames a matrix is written."""

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
