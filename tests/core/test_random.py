import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tendsto.core.random import Random, philox

seeds = st.integers(0, 2**63 - 1)


def words(value: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in value.split())


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        # The known answers that the authors of Random123 publish for philox4x32-10.
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_philox_gives_the_published_answers(counter: str, key: str, expected: str, backend: str) -> None:
    make = (lambda w: np.array([w], np.uint64)) if backend == "numpy" else (lambda w: torch.tensor([w]))
    out = philox(tuple(map(make, words(counter))), tuple(map(make, words(key))))
    assert tuple(int(word[0]) for word in out) == words(expected)


@given(seeds, st.integers(0, 2**31), st.integers(1, 9))
def test_backends_agree_and_lanes_draw_what_a_run_alone_draws(seed: int, step: int, size: int) -> None:
    alone = Random(seed, step, backend="numpy").normal("a", (size,))
    lanes = Random(np.array([1, seed, 2], np.uint64), step, backend="numpy").normal("a", (size,))
    torched = Random(seed, step).normal("a", (size,), torch.float64)
    vmapped = torch.func.vmap(lambda s: Random(s, step).normal("a", (size,), torch.float64))(torch.tensor([1, seed, 2]))
    assert (lanes[1] == alone).all()
    np.testing.assert_allclose(torched.numpy(), alone, rtol=1e-12)
    np.testing.assert_allclose(vmapped[1].numpy(), alone, rtol=1e-12)


def test_purposes_steps_seeds_and_forks_are_kept_apart() -> None:
    base = Random(3, 5, backend="numpy")
    others = [base.at(6), Random(4, 5, backend="numpy"), base.fork("f"), Random(3 + 2**32, 5, backend="numpy")]
    draws = [base.uniform("a", (4,)), base.uniform("b", (4,)), *(o.uniform("a", (4,)) for o in others)]
    assert len({tuple(d) for d in draws}) == len(draws)


def test_laws() -> None:
    rng = Random(0, backend="numpy")
    n = 200_000
    assert stats.kstest(rng.uniform("u", (n,)), "uniform").pvalue > 1e-3
    assert stats.kstest(rng.normal("n", (n,)), "norm").pvalue > 1e-3
    assert stats.kstest(rng.exponential("e", (n,)), "expon").pvalue > 1e-3
    counts = np.bincount(rng.integers("i", 7, (n,)), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3
    signs = rng.rademacher("r", (n,))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 4 / np.sqrt(n)
    assert sorted(rng.permutation("p", 50)) == list(range(50))


def test_draws_at_successive_steps_are_not_correlated() -> None:
    rng = Random(np.uint64(1), np.arange(20_000), backend="numpy")
    draws = rng.normal("n", (2,))
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 4 / np.sqrt(20_000)
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 4 / np.sqrt(20_000)


def test_bad_input_gets_its_sentence() -> None:
    with pytest.raises(ValueError, match="'jax' is unknown"):
        Random(0, backend="jax")
    with pytest.raises(ValueError, match="seed -1 is out of range"):
        Random(-1)
    with pytest.raises(ValueError, match="high = 0 is out of range"):
        Random(0).integers("i", 0)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("draw", ["uniform", "normal", "exponential", "integers", "rademacher"])
def test_a_single_number_may_be_drawn(draw: str, backend: str) -> None:
    settings = {"high": 1000} if draw == "integers" else {}

    def numbers(seed: object, **shape: tuple[int, ...]) -> object:
        return getattr(Random(seed, 3, backend=backend), draw)("a", **settings, **shape)

    one = numbers(5)
    assert isinstance(one, np.ndarray if backend == "numpy" else torch.Tensor)
    assert one.shape == ()
    assert one.dtype == numbers(5, shape=(2,)).dtype
    lanes = numbers(np.array([4, 5], np.uint64) if backend == "numpy" else torch.tensor([4, 5]))
    assert lanes.shape == (2,)
    assert lanes[1] == one == numbers(5, shape=(1,))[0]
    assert numbers(5, shape=(0,)).shape == (0,)
