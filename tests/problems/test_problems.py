import dataclasses

import numpy as np
import pytest
import torch

import tendsto as tt
from tendsto.core import spec
from tendsto.core.registry import problems
from tendsto.core.tree import tree_map
from tendsto.problems import data
from tendsto.problems.finite_sum import noise_at
from tendsto.testing import check_problem
from tendsto.testing.method import small
from tendsto.testing.points import stacked, vector

VARIANTS = [
    tt.problems.Quadratic(dimension=5, noise=0.3),
    tt.problems.Quadratic(dimension=1, start="flattest", spacing="even", smallest=0.0),
    tt.problems.Lasso("breast-cancer", 0.03, batch=2),
    tt.problems.LeastSquares(terms=10, dimension=20),
    tt.problems.LeastSquares(batch=None),
    tt.problems.Logistic(l2=0.1),
    tt.problems.PhaseRetrieval(dimension=4, batch=2),
    tt.problems.Rosenbrock(dimension=5, spread=0.0),
    tt.problems.Softmax(l2=0.0, random_labels=0.4),
    tt.problems.WorstNesterov(horizon=3, smooth=7.0),
]


@pytest.mark.parametrize("name", sorted(problems()))
def test_every_registered_problem_keeps_its_promises(name: str) -> None:
    check_problem(small(problems()[name]))


@pytest.mark.parametrize("problem", VARIANTS, ids=spec.code)
def test_variants_keep_them_too(problem: tt.Problem) -> None:
    check_problem(problem)


@pytest.mark.parametrize("horizon", [1, 5, 40, 300])
@pytest.mark.parametrize("step_size", [0.5, 0.2])
def test_gradient_descent_attains_its_bound_on_its_worst_case(horizon: int, step_size: float) -> None:
    problem = tt.problems.WorstGD(horizon, step_size, smooth=2.0, distance=3.0)
    x = problem.init(tt.Random(1))
    for _ in range(horizon):
        x = x - step_size * problem.gradient(x)
    bound = 2.0 * 9.0 / (4 * 2.0 * step_size * horizon + 2)
    assert float(problem.criterion(x)) == pytest.approx(bound, rel=1e-9)


def test_the_worst_case_of_another_horizon_is_not_attained() -> None:
    problem = tt.problems.WorstGD(horizon=10)
    x = problem.init(tt.Random(0))
    for _ in range(20):
        x = x - problem.gradient(x)
    assert float(problem.criterion(x)) < 0.9 * problem.smooth / (4 * 20 + 2)


@pytest.mark.parametrize(("horizon", "tightness"), [(10, 0.87), (100, 0.98)])
def test_nesterov_nearly_attains_its_bound(horizon: int, tightness: float) -> None:
    problem = tt.problems.WorstAccelerated(horizon)
    x = y = problem.init(tt.Random(0))
    following = last = 1.0
    for _ in range(horizon):
        last, following = following, (1 + (1 + 4 * following**2) ** 0.5) / 2
        new = x - problem.gradient(x)
        x, y = new + (last - 1) / following * (new - y), new
    value = float(problem.criterion(y))
    assert value == pytest.approx(problem.attained(), rel=1e-9)
    assert tightness <= value / (1 / (2 * last**2)) <= 1


def test_conjugate_gradients_attain_the_lower_bound() -> None:
    problem = tt.problems.WorstNesterov(horizon=6, smooth=3.0)
    x = problem.init(tt.Random(0))
    residual = -problem.gradient(x)
    direction = residual
    for k in range(1, problem.horizon + 1):
        image = problem.hvp(x, direction)
        x = x + (residual @ residual) / (direction @ image) * direction
        new = -problem.gradient(x)
        direction = new + (new @ new) / (residual @ residual) * direction
        residual = new
        assert float(problem.criterion(x)) - problem.optimum() == pytest.approx(problem.lower_bound(k), rel=1e-9)
    textbook = 3 * 3.0 * problem.constants().distance ** 2 / (32 * (problem.horizon + 1) ** 2)
    assert problem.lower_bound(problem.horizon) >= textbook


@pytest.mark.parametrize("name", ["logistic", "softmax", "least-squares", "worst-nesterov", "lasso"])
def test_constants_are_attained_and_not_only_bounds(name: str) -> None:
    problem = problems()[name]
    x = problem.init(tt.Random(0))
    if name == "softmax":  # two classes share all probability
        x[0, -1] = x[1, -1] = 40.0
    hessian = torch.func.jacrev(problem.gradient)(x).reshape(x.numel(), -1) if name != "softmax" else problem.hessian(x)
    assert float(torch.linalg.eigvalsh(hessian)[-1]) == pytest.approx(problem.constants().smooth, rel=1e-6)


def test_the_lasso_agrees_with_an_independent_solver() -> None:
    from sklearn.linear_model import Lasso

    problem = tt.problems.Lasso("breast-cancer", 0.05)
    a, b = (part.numpy() for part in problem.data)
    peer = Lasso(alpha=problem.penalty, fit_intercept=True, tol=1e-10, max_iter=200_000).fit(a, b)
    # Standardised features decouple the intercept; it takes the mean of b out of the loss.
    value = float(problem.criterion(torch.from_numpy(peer.coef_))) - problem.optimum()
    assert 0 <= value + 1e-12 <= 1e-8
    assert np.allclose(peer.coef_, problem.solution().numpy(), atol=1e-4)


def test_interpolation_means_no_noise_at_the_solution() -> None:
    over, under = tt.problems.LeastSquares(terms=10, dimension=20), tt.problems.LeastSquares(terms=40, dimension=20)
    assert noise_at(over, over.solution()) < 1e-20 < 1e-4 < noise_at(under, under.solution())


def test_a_folded_tanh_is_a_tanh() -> None:
    problem = tt.problems.DigitsMLP(hidden=16, precision="float32")
    x = problem.init(tt.Random(0))
    hidden = torch.tanh(problem.data[0] @ x["hidden.weight"].T + x["hidden.bias"])
    plain = hidden @ x["output.weight"].T + x["output.bias"]
    assert torch.allclose(problem.logits(x, problem.data[0]), plain, atol=1e-5)


def test_a_transformer_sees_no_future() -> None:
    problem = tt.problems.CharLM(width=8, context=8, characters=2000, precision="float64", layers=2)
    x = problem.init(tt.Random(0))
    tokens = problem.data[0][:1, :-1].clone()
    before = problem.logits(x, tokens)
    tokens[0, 5] = (tokens[0, 5] + 1) % 96
    after = problem.logits(x, tokens)
    assert torch.equal(before[0, :5], after[0, :5])
    assert not torch.allclose(before[0, 5:], after[0, 5:])


def test_another_text_is_refused() -> None:
    with pytest.raises(ValueError, match="ships the text with SHA-256"):
        tt.problems.CharLM(text_sha256="0" * 64)


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'tendsto\[data\]'"):
        data.package_file("no_such_package_here", "x.csv", extra="data")
    with pytest.raises(ImportError, match=r"has no file nowhere\.csv"):
        data.package_file("torch", "nowhere.csv", extra="data")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_bad_number_is_named(bad: float) -> None:
    array = np.zeros((3, 4))
    array[1, 2] = array[2, 0] = bad
    with pytest.raises(ValueError, match=r"table\[1, 2\] is (nan|inf)"):
        data.refuse_nonfinite("table", array)


def test_bad_settings_are_refused_in_a_sentence() -> None:
    for make, words in [
        (lambda: tt.problems.WorstGD(step_size=1.5), "step_size = 1.5"),
        (lambda: tt.problems.Logistic(l2=0.0), "l2 = 0.0"),
        (lambda: tt.problems.Lasso("iris"), "'iris'"),
        (lambda: tt.problems.LeastSquares(batch=0), "batch = 0"),
        (lambda: tt.problems.CharLM(width=9), "width = 9"),
        (lambda: tt.problems.Rosenbrock(dimension=1), "dimension = 1"),
        (lambda: tt.problems.DigitsMLP(precision="half"), "'half'"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.parametrize("name", sorted(n for n, p in problems().items() if p.backend == "torch"))
def test_data_may_be_touched_first_inside_a_transform(name: str) -> None:
    settings = {**problems()[name].small, **({"l2": 0.123} if name in ("logistic", "softmax") else {})}
    problem = spec.replace(problems()[name], **settings)
    x = problem.init(tt.Random(0))
    lanes = torch.func.vmap(lambda seed: problem.metrics(problem.init(tt.Random(seed))))(torch.arange(2))
    if hasattr(problem, "value"):
        inside = torch.func.grad(lambda y: problem.value(y, None))(x)
        again = problem.gradient(x, None)
    elif "operator" in problem.offers():
        inside = torch.func.vjp(lambda y: problem.operator(y, None), x)[0]
        again = problem.operator(x, None)
    else:
        lane = torch.func.vmap(problem.criterion)(stacked([x]))
        inside, again = tree_map(lambda _, leaf: leaf[0], lane), problem.criterion(x)
    assert {k: v.shape for k, v in lanes.items()} == dict.fromkeys(problem.metrics(x), (2,))
    assert np.allclose(vector(inside), vector(again), atol=1e-6)


def test_listing_problems_reads_no_data() -> None:
    for problem in problems().values():
        assert dataclasses.is_dataclass(problem)
        fields = {field.name for field in dataclasses.fields(problem)}
        assert "data" not in vars(problem).keys() - fields
