"""Measures of solutions against their definitions, and Shampoo against its reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import solution as reference
from reference.shampoo import shampoo

import tendsto as tt
from tendsto.optim import solution

rng = np.random.default_rng(0)


def test_shampoo_is_the_reference() -> None:
    start, gradients = rng.normal(size=(4, 3)), [rng.normal(size=(4, 3)) for _ in range(30)]
    rule = tt.optim.ShampooRule(lr=0.05, eps=1e-4)
    x = torch.from_numpy(start.copy())
    slots = rule.slots(x)
    for t, g in enumerate(gradients, start=1):
        x, slots = rule.update(x, torch.from_numpy(g), slots, t)
    np.testing.assert_allclose(x.numpy(), shampoo(start, gradients, 0.05, 1e-4), rtol=1e-9)


def test_shampoo_of_one_diagonal_gradient_is_adagrad_and_its_decay_forgets() -> None:
    g = torch.diag(torch.tensor([4.0, 0.3], dtype=torch.float64))
    for decay, last in ((1.0, 1 / 20**0.5), (0.5, 1.0)):
        rule, x = tt.optim.ShampooRule(lr=1.0, eps=1e-12, decay=decay), torch.zeros(2, 2, dtype=torch.float64)
        slots = rule.slots(x)
        for t in range(1, 21):
            before = x
            x, slots = rule.update(x, g, slots, t)
        torch.testing.assert_close((before - x).diagonal(), torch.full((2,), last).double(), rtol=1e-5, atol=0.0)


def test_measures_are_their_definitions() -> None:
    a, b = rng.normal(size=(6, 4)), rng.normal(size=9) ** 9
    tensors = {"a": torch.from_numpy(a), "b": torch.from_numpy(b)}
    assert solution.sparsity(tensors, share=0.1) == reference.sparsity([a, b], 0.1)
    assert solution.effective_rank(tensors["a"]) == pytest.approx(reference.effective_rank(a), rel=1e-12)
    assert solution.stable_rank(tensors["a"]) == pytest.approx(
        np.linalg.norm(a) ** 2 / np.linalg.norm(a, 2) ** 2, rel=1e-12
    )
    features, labels = rng.normal(size=(50, 5)), rng.integers(3, size=50)
    found = solution.participation_ratio(torch.from_numpy(features))
    assert found == pytest.approx(reference.participation_ratio(features), rel=1e-10)
    found = solution.class_cosine(torch.from_numpy(features), torch.from_numpy(labels))
    assert found == pytest.approx(reference.class_cosine(features, labels), rel=1e-10)


def test_sharpness_is_the_largest_eigenvalue_of_the_dense_hessian() -> None:
    problem = tt.problems.Logistic(l2=0.1)
    x = torch.from_numpy(rng.normal(size=30))
    dense = torch.func.jacrev(problem.gradient)(x)
    assert solution.sharpness(problem, x) == pytest.approx(float(torch.linalg.eigvalsh(dense).max()), rel=1e-6)
    small = tt.problems.DigitsMLP(hidden=2, precision="float64")
    point = small.init(tt.Random(0))
    flat = tt.core.tree.join(point)

    def value(v: torch.Tensor) -> torch.Tensor:
        return small.value(tt.core.tree.split(v, like=point), torch.arange(40))

    values = torch.linalg.eigvalsh(torch.func.jacrev(torch.func.jacrev(value))(flat))
    found = solution.sharpness(small, point, sample=torch.arange(40), iterations=2000)
    assert found == pytest.approx(float(values.abs().max()), rel=1e-4)


def test_bad_input_is_refused() -> None:
    for call, message in (
        (lambda: solution.sparsity(torch.ones(2), share=1.0), "share = 1"),
        (lambda: solution.class_cosine(torch.ones(3, 2), torch.zeros(3)), "1 class"),
        (lambda: solution.learned(np.ones((2, 3))), "shape"),
        (lambda: tt.optim.ShampooRule(decay=0.0), "decay = 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
