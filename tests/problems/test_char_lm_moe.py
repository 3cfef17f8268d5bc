"""The decoder with latent attention and experts: against its reference, its own cached form, and its balance."""

import numpy as np
import pytest
import torch
from reference.char_lm_moe import logits

import tendsto as tt
from tendsto.core import spec

PROBLEM = tt.problems.CharLMMoE(
    width=8, layers=2, context=6, characters=2000, batch=4, evaluated=8, rank=3, experts=4, precision="float64"
)
X = PROBLEM.init(tt.Random(0))
WINDOW = PROBLEM.data[0][5, :-1]


def test_logits_are_the_reference_s() -> None:
    arrays = {name: p.numpy() for name, p in X.items()}
    want = logits(arrays, WINDOW.tolist(), 2, 2, 4, 2)
    np.testing.assert_allclose(PROBLEM.logits(X, WINDOW[None])[0].numpy(), want, rtol=1e-9, atol=1e-11)


def test_decoding_with_a_cache_gives_the_same_and_keeps_what_is_said() -> None:
    whole, cache = PROBLEM.logits(X, WINDOW[None])[0], None
    for t, token in enumerate(WINDOW):
        found, cache = PROBLEM.decode(X, token, cache)
        torch.testing.assert_close(found, whole[t], rtol=1e-10, atol=1e-12)
    assert cache is not None
    assert sum(part.numel() for layer in cache for part in layer) == PROBLEM.cache_numbers() * len(WINDOW)


def test_balance_is_one_where_experts_are_used_alike_and_more_elsewhere() -> None:
    even = {**X, **{f"layer{i}.router.weight": torch.zeros(4, 8, dtype=torch.float64) for i in range(2)}}
    every = spec.replace(PROBLEM, active=4)
    assert every._forward(even, WINDOW[None])[1].item() == pytest.approx(2.0)
    skewed = {**X, **{f"layer{i}.router.weight": 20 * X[f"layer{i}.router.weight"] for i in range(2)}}
    assert PROBLEM._forward(skewed, WINDOW[None])[1].item() > 2.0


def test_bad_settings_are_refused() -> None:
    for settings, message in (({"rotary": 3}, "rotary = 3"), ({"active": 5}, "active = 5"), ({"rank": 0}, "rank = 0")):
        with pytest.raises(ValueError, match=message):
            tt.problems.CharLMMoE(**settings)
