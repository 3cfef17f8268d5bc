"""AdAdaGrad: its tests, its sampler and its steps against literal references; what its theorems say, measured."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from reference import batch_size as reference
from reference.adadagrad import adadagrad_norm
from reference.adagrad_norm import adagrad_norm, official
from torch.utils.data import DataLoader

import tendsto as tt
from tendsto.core.registry import make
from tendsto.optim import (
    AdaGradNormRule,
    AugmentedInnerProductTest,
    CoordinateNormTest,
    GrowingBatch,
    GrowingBatchSampler,
    InnerProductTest,
    Moments,
    NormTest,
    sample_gradients,
)
from tendsto.optim.sample_moments import tensors

rng = np.random.default_rng(0)
GRADIENTS = [rng.normal(0.3, 1.0, (b, d)) for b, d in ((2, 3), (7, 5), (40, 12))]


@pytest.mark.parametrize("gradients", GRADIENTS, ids=lambda g: str(g.shape))
def test_batch_sizes_are_the_reference_s_whatever_the_gradients_come_as(gradients: np.ndarray) -> None:
    pairs = [
        (NormTest(eta=0.1), reference.norm(gradients, 0.1)),
        (CoordinateNormTest(eta=0.1), reference.coordinate_norm(gradients, 0.1)),
        (InnerProductTest(theta=0.05), reference.inner_product(gradients, 0.05)),
        (AugmentedInnerProductTest(theta=0.5, nu=0.05), reference.augmented(gradients, 0.5, 0.05)),
    ]
    whole = torch.from_numpy(gradients)
    for test, want in pairs:
        assert want > len(gradients)
        for given in (whole, {"u": whole[:, :1], "v": whole[:, 1:]}, list(whole.split(3))):
            assert test.next_batch_size(given) == want


@pytest.mark.parametrize("gradients", GRADIENTS[1:], ids=lambda g: str(g.shape))
def test_the_official_code_takes_each_tensor_by_itself(gradients: np.ndarray) -> None:
    parameters = [gradients[:, :2], gradients[:, 2:]]
    pairs = [
        (InnerProductTest(theta=0.05, variant="official"), reference.official_inner_product(parameters, 0.05)),
        (
            AugmentedInnerProductTest(theta=0.5, nu=0.05, variant="official"),
            reference.official_augmented(parameters, 0.5, 0.05),
        ),
        (
            AugmentedInnerProductTest(theta=0.05, nu=0.5, variant="official"),
            reference.official_augmented(parameters, 0.05, 0.5),
        ),
    ]
    whole = torch.from_numpy(gradients)
    u, v = whole[:, :2].reshape(-1, 1, 2), whole[:, 2:]
    named = {"u": u, "layer": {"v": v}}
    chunks = [{"u": u[i : i + 3], "layer": {"v": v[i : i + 3]}} for i in range(0, len(whole), 3)]
    for test, want in pairs:
        assert test.next_batch_size(named) == test.next_batch_size(chunks) == want > len(gradients)
        paper = replace(test, variant="paper")
        assert paper.next_batch_size(named) != want
        assert test.next_batch_size(whole) == paper.next_batch_size(whole)


def test_the_official_norm_test_pools_micro_batches_with_a_bias() -> None:
    micro = list(rng.normal(0.3, 1.0, (10, 4, 12)))
    test = NormTest(eta=0.1, variant="official")
    given = [torch.from_numpy(part) for part in micro]
    assert test.next_batch_size(given) == reference.official_norm(micro, 0.1)
    assert test.wanted(torch.cat(given)) == pytest.approx(NormTest(eta=0.1).wanted(given), rel=1e-12)
    # The bias that its docstring states, on samples of equal law: 1 + (K - 1) / (K m), here with m = 2 and K = 2000.
    many = list(torch.from_numpy(rng.normal(1.0, 1.0, (2000, 2, 8))))
    assert test.wanted(many) / NormTest(eta=0.1).wanted(many) == pytest.approx(1.5, rel=0.03)


def test_moments_of_unequal_chunks_are_those_of_all() -> None:
    gradients = torch.from_numpy(GRADIENTS[2])
    moments = Moments.of(list(gradients.split([1, 30, 9])))
    torch.testing.assert_close(moments.mean, gradients.mean(dim=0), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(moments.variance, gradients.var(dim=0), rtol=1e-12, atol=1e-14)


def test_means_of_micro_batches_ask_for_the_same_on_average() -> None:
    """The variance of means of m, times m, is that of samples without bias; the authors' pooling is not."""
    gradients = torch.from_numpy(rng.normal(1.0, 1.0, (4000, 6)))
    singles = NormTest(eta=0.01).next_batch_size(gradients)
    means = gradients.reshape(1000, 4, 6).mean(dim=1)
    assert NormTest(eta=0.01).next_batch_size(means, each=4) == pytest.approx(singles, rel=0.1)


def test_limits() -> None:
    gradients = torch.from_numpy(GRADIENTS[1])
    wanted = NormTest(eta=0.1).wanted(gradients)
    assert NormTest(eta=0.1, largest=50).next_batch_size(gradients) == 50
    assert NormTest(eta=0.1, growth=2.0).next_batch_size(gradients) == 14
    n = 90
    size = NormTest(eta=0.1, population=n).next_batch_size(gradients)
    assert size == math.ceil(wanted * n / (wanted + n)) < n
    assert NormTest(eta=1e9).next_batch_size(gradients) == 7, "a batch never shrinks"
    flat = torch.tensor([[1.0], [-1.0]])
    assert NormTest(largest=9).next_batch_size(flat) == 9
    assert NormTest().next_batch_size(torch.zeros(4, 2)) == 4
    assert CoordinateNormTest().next_batch_size(torch.zeros(4, 2)) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NormTest(eta=0.0), "eta = 0"),
        (lambda: NormTest(growth=1.0), "growth = 1"),
        (lambda: NormTest(largest=0), "largest = 0"),
        (lambda: CoordinateNormTest(quantile=0.0), "quantile = 0"),
        (lambda: AugmentedInnerProductTest(nu=-1.0), "nu = -1"),
        (lambda: NormTest().next_batch_size(torch.ones(1, 3)), "1 gradients"),
        (lambda: NormTest().next_batch_size(torch.tensor([[1.0], [-1.0]])), "mean gradient is 0"),
        (lambda: InnerProductTest(variant="code"), "variant = 'code'"),
        (lambda: NormTest(variant="code"), "variant = 'code'"),
        (lambda: NormTest(variant="official").next_batch_size([torch.ones(3, 2), torch.ones(1, 2)]), "1 sample"),
        (
            lambda: tensors(
                [{"u": torch.ones(2, 1)}, torch.ones(2, 1), {"u": torch.ones(2, 1), "v": torch.ones(2, 1)}]
            ),
            "tensors",
        ),
        (lambda: AdaGradNormRule(initial=0.0), "initial = 0"),
        (lambda: AdaGradNormRule(variant="code"), "variant = 'code'"),
        (lambda: GrowingBatch(initial=1), "initial = 1"),
        (lambda: GrowingBatchSampler(0, 1), "n = 0"),
        (lambda: GrowingBatchSampler(4, 0), "batch_size = 0"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
    with pytest.raises(TypeError, match="given as float"):
        NormTest().next_batch_size(1.0)


def test_the_test_means_what_it_says_at_a_frozen_point() -> None:
    """Batches of the recommended size pass within 10 %, of half the size fail."""
    problem = tt.problems.Softmax(l2=0.0, random_labels=0.4)
    x = 0.1 * tt.Random(0).normal("x", (10, 65), torch.float64)
    each = problem.sample_gradients(x).reshape(problem.size(), -1)
    exact, eta = each.mean(dim=0), 0.25
    size = math.ceil(NormTest(eta=eta).wanted(each))
    draw = torch.Generator().manual_seed(0)
    for b, passes in ((size, True), (size // 2, False)):
        counts = torch.randint(len(each), (400, b), generator=draw)
        weights = torch.zeros(400, len(each), dtype=each.dtype).scatter_add_(
            1, counts, torch.full(counts.shape, 1 / b, dtype=each.dtype)
        )
        noise = float(((weights @ each - exact) ** 2).sum(dim=1).mean() / (exact @ exact))
        assert (noise <= 1.1 * eta**2) == passes


def test_adagrad_norm_is_the_reference() -> None:
    gradients = [rng.normal(size=6) for _ in range(50)]
    want = adagrad_norm(np.ones(6), gradients, 0.3, 1e-2)
    weight, bias = (torch.nn.Parameter(torch.ones(n, dtype=torch.float64)) for n in (4, 2))
    optimizer = tt.optim.AdaGradNorm([weight, bias], lr=0.3, initial=1e-2)
    x, slots = torch.ones(6, dtype=torch.float64), {"sum": torch.tensor(1e-2, dtype=torch.float64)}
    for t, g in enumerate(gradients, start=1):
        weight.grad, bias.grad = torch.from_numpy(g[:4]), torch.from_numpy(g[4:])
        optimizer.step()
        x, slots = AdaGradNormRule(lr=0.3, initial=1e-2).update(x, torch.from_numpy(g), slots, t)
    found = torch.cat([weight, bias]).detach().numpy()
    np.testing.assert_allclose(found, want, rtol=1e-12)
    np.testing.assert_allclose(x.numpy(), want, rtol=1e-12)


SHAPES = [(3,), (6, 2, 3, 3), (6,), (2,), (4,), (), (4, 3), (4,), (2, 5, 2), (2, 5, 3), (1, 4, 2)]


def test_the_official_variant_is_the_authors_class_tensor_by_tensor() -> None:
    steps = [[np.asarray(rng.normal(size=shape)) for shape in SHAPES] for _ in range(20)]
    start = [np.asarray(rng.normal(size=shape)) for shape in SHAPES]
    want = official(start, steps, 0.3, 1e-2)
    ours = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    plain = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    optimizer = tt.optim.AdaGradNorm(ours, lr=0.3, initial=1e-2, variant="official")
    paper = tt.optim.AdaGradNorm(plain, lr=0.3, initial=1e-2)
    for gradients in steps:
        for p, q, g in zip(ours, plain, gradients, strict=True):
            p.grad, q.grad = torch.tensor(g), torch.tensor(g)
        optimizer.step()
        paper.step()
    for p, q, w in zip(ours, plain, want, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-12, atol=1e-14)
        assert not np.allclose(q.detach().numpy(), w, rtol=1e-3)


def test_the_official_variant_runs_as_lanes_and_in_a_training_loop_alike() -> None:
    problem = tt.problems.DigitsMLP(hidden=4, batch=16, precision="float64")
    rule = AdaGradNormRule(lr=0.1, variant="official")
    lanes = tt.iterate(rule, problem, steps=10, seeds=2)
    for seed in range(2):
        alone = tt.iterate(rule, problem, steps=10, seeds=[seed])
        assert lanes.final()[seed] == pytest.approx(alone.final()[0], rel=1e-9)


def test_adadagrad_is_the_reference_batches_and_all() -> None:
    problem = tt.problems.Logistic(batch=4)
    data = problem.data.numpy()
    method = GrowingBatch(AdaGradNormRule(lr=0.5, initial=1e-2), NormTest(eta=0.3, largest=300), initial=4)

    def gradients(x: np.ndarray, k: int, b: int) -> np.ndarray:
        which = tt.Random(3, k).fork("method").integers("batch", 569, (b,)).numpy()
        weight = 1 / (1 + np.exp(data[which] @ x))
        return -weight[:, None] * data[which] + problem.l2 * x

    x, sizes = adadagrad_norm(np.zeros(30), gradients, 40, 0.5, 1e-2, 0.3, 4, 300)
    trace = tt.iterate(method, problem, steps=40, seeds=[3], record=41)
    assert trace["info.batch size"][0, 1:].tolist() == sizes
    assert sizes[-1] == 300
    assert trace["info.terms"][0, -1] == sum(sizes)
    want = float(problem.criterion(torch.from_numpy(x)))
    assert trace["f(x)"][0, -1] == pytest.approx(want, rel=1e-12)


def test_the_exact_test_holds_at_every_step_and_then_needs_all_terms() -> None:
    problem = tt.problems.LeastSquares(terms=60, dimension=4, noise=1.0)
    trace = tt.iterate(make("sgd-norm-test", lr=0.1, eta=0.5), problem, steps=60, record=61)
    sizes = trace["info.batch size"][0, 1:]
    assert (np.diff(sizes) >= 0).all()
    assert sizes[0] < 60
    assert sizes[-1] == 60


def test_it_declines_what_is_no_finite_sum() -> None:
    assert "finite sum" in (GrowingBatch().declines(tt.problems.Quadratic()) or "")


def test_it_declines_to_look_at_too_many_terms_every_step() -> None:
    problem = tt.problems.LeastSquares(terms=60, dimension=4)
    method = GrowingBatch(exact=True, most_terms=59)
    assert method.declines(problem) == (
        "exact = True looks at all 60 terms before every step, more than most_terms = 59: use exact=False, or raise "
        "most_terms"
    )
    assert GrowingBatch(exact=True, most_terms=60).declines(problem) is None
    assert GrowingBatch(exact=True, most_terms=None).declines(problem) is None
    assert GrowingBatch(most_terms=59).declines(problem) is None


def test_the_sampler_covers_all_samples_once_a_pass_and_resumes() -> None:
    sampler = GrowingBatchSampler(20, 3, seed=1)
    seen: list[int] = []
    for batch in DataLoader(torch.arange(20), batch_sampler=sampler):  # type: ignore[arg-type]
        seen += batch.tolist()
        sampler.batch_size += 2
    assert sorted(seen) == list(range(20))
    second = [i for batch in sampler for i in batch]
    assert second != seen
    again = GrowingBatchSampler(20, 3, seed=1)
    again.passes = 1
    assert [i for batch in again for i in batch] == second


def test_sample_gradients_average_to_the_gradient_and_refuse_batch_norm() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    x, y = torch.randn(9, 3), torch.randint(2, (9,))
    loss = torch.nn.functional.cross_entropy
    each = sample_gradients(model, loss, x, y, chunk=4)
    loss(model(x), y).backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(each[name].mean(dim=0), p.grad)
    assert NormTest(eta=0.1).next_batch_size(each) > 9
    with pytest.raises(ValueError, match="BatchNorm1d"):
        sample_gradients(torch.nn.BatchNorm1d(3), loss, x, y)


def test_a_person_s_own_loop_in_a_few_lines() -> None:
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.randn(256, 3), torch.randint(2, (256,)))
    model, loss = torch.nn.Linear(3, 2), torch.nn.functional.cross_entropy
    optimizer = tt.optim.AdaGradNorm(model.parameters(), lr=0.1)
    sampler, test = GrowingBatchSampler(256, 8), NormTest(eta=0.5, largest=128)
    for _ in range(4):
        for x, y in DataLoader(data, batch_sampler=sampler):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            if len(x) == sampler.batch_size:
                sampler.batch_size = test.next_batch_size(sample_gradients(model, loss, x, y))
            optimizer.step()
    assert sampler.batch_size == 128
