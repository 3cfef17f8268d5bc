from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

import tendsto as tt
from tendsto.core.random import Random
from tendsto.core.registry import make
from tendsto.problems.user_logistic import from_sklearn, read_logistic
from tendsto.report.bounds import matching
from tendsto.testing import check_problem
from tendsto.theory import find

DATA = load_breast_cancer()
X = StandardScaler().fit_transform(DATA.data)[:, :4]
Y = DATA.target_names[DATA.target]


@pytest.mark.parametrize("intercept", [True, False])
def test_its_minimiser_is_what_scikit_learn_fits(intercept: bool) -> None:
    estimator = LogisticRegression(C=0.3, fit_intercept=intercept, tol=1e-12, solver="newton-cholesky").fit(X, Y)
    problem = from_sklearn(estimator, X, Y)
    fitted = np.append(estimator.coef_, estimator.intercept_) if intercept else estimator.coef_[0]
    np.testing.assert_allclose(problem.solution().numpy(), fitted, rtol=1e-6)
    assert problem.optimum() == pytest.approx(float(problem.criterion(torch.from_numpy(fitted))), abs=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
def test_it_keeps_the_promises_of_a_problem(intercept: bool) -> None:
    check_problem(from_sklearn(LogisticRegression(fit_intercept=intercept), X[:30], Y[:30], batch=2))


def test_its_smoothness_is_attained_at_the_start() -> None:
    problem = from_sklearn(LogisticRegression(), X, Y)
    hessian = torch.func.jacrev(problem.gradient)(problem.init(Random(0)))
    assert problem.constants().smooth == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-12)


def test_strong_convexity_is_claimed_without_an_intercept_alone() -> None:
    assert from_sklearn(LogisticRegression(), X, Y).constants().strongly_convex is None
    free = from_sklearn(LogisticRegression(C=2.0, fit_intercept=False), X, Y)
    assert free.constants().strongly_convex == 1 / (2 * len(X))


def test_a_race_lays_the_theorem_over_and_runs_are_below_it() -> None:
    problem = from_sklearn(LogisticRegression(C=0.1), X, Y)
    rate = 1 / problem.constants().known()["smooth"]
    race = tt.race(problem, {"gd": make("gd", lr=rate), "nesterov": make("nesterov", lr=rate)}, steps=50, seeds=1)
    laid = matching(race)
    assert {"gd", "nesterov"} == set(laid)
    for name, theorem in laid.items():
        check = theorem.check(next(e.trace for e in race.entries if e.name == name))
        assert check.holds, check.sentence
    assert find("gd", problem=problem)


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_as_the_arrays_are(tmp_path: Path) -> None:
    lines = [",".join([*map(repr, row), label]) for row, label in zip(X.tolist(), Y, strict=True)]
    for head in ("", "a,b,c,d,kind\n"):
        problem = read_logistic(written(tmp_path, head + "\n".join(lines)))
        assert torch.equal(problem.signed, from_sklearn(LogisticRegression(), X, Y).signed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 lines"),
        ("1,yes\n2,maybe\n3,no\n", "3 classes"),
        ("1,2,yes\n1,no\n", "line 2 of the data has 2 cells"),
        ("1,yes\ntwo,no\n", "'two' in line 2 of the data is no number"),
        ("1,yes\nnan,no\n", "X"),
        ("a,b\nc,d\n", "holds 1 lines"),
    ],
)
def test_a_file_without_such_data_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_logistic(written(tmp_path, text))


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read as a CSV file"):
        read_logistic(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (LogisticRegression(l1_ratio=0.5, solver="saga"), "l2 penalty alone"),
        (LogisticRegression(class_weight="balanced"), "class_weight"),
        (LogisticRegression(C=np.inf), "no minimiser"),
    ],
)
def test_another_objective_is_refused(estimator: LogisticRegression, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_sklearn(estimator, X, Y)


def test_another_estimator_is_refused() -> None:
    with pytest.raises(TypeError, match="LinearRegression is no LogisticRegression"):
        from_sklearn(LinearRegression(), X, Y)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="not empty"):
        from_sklearn(LogisticRegression(), X, Y[:-1])
