import pytest
import torch

import tendsto as tt
from tendsto.core.problem import Constants
from tendsto.problems.estimate import power_iteration


class Silent:
    """A problem that keeps its constants to itself."""

    def constants(self) -> Constants:
        return Constants()


class SilentQuadratic(Silent, tt.problems.Quadratic): ...


class SilentSquares(Silent, tt.problems.LeastSquares): ...


class SilentLogistic(Silent, tt.problems.Logistic): ...


@pytest.mark.parametrize("problem", [SilentQuadratic(noise=0.5), SilentSquares(), SilentLogistic(batch=1)])
def test_estimates_match_what_is_known_exactly(problem: tt.Problem) -> None:
    exact = super(Silent, problem).constants()  # type: ignore[misc]
    found = tt.estimate_constants(problem, problem.solution(), samples=2000)
    assert set(found.estimated) == {"smooth", "noise", "lipschitz", "gap"}
    assert found.noise == pytest.approx(exact.noise, rel=0.15)
    # At the minimiser the logistic loss is flatter than at 0, where its L is attained.
    if isinstance(problem, SilentLogistic):
        found = tt.estimate_constants(problem, problem.init(tt.Random(0)))
        assert found.gap == pytest.approx(exact.gap)
    assert found.smooth == pytest.approx(exact.smooth, rel=1e-3)
    assert found.smooth <= exact.smooth * (1 + 1e-9)


def test_what_is_known_is_not_estimated() -> None:
    problem = tt.problems.Logistic()
    assert tt.estimate_constants(problem).estimated == ("lipschitz",)
    assert tt.estimate_constants(problem).smooth == problem.constants().smooth


def test_networks_have_dicts_of_tensors() -> None:
    found = tt.estimate_constants(tt.problems.DigitsMLP(hidden=4), seed=1, samples=64)
    assert found.smooth > 0
    assert found.noise > 0
    assert found.lipschitz > found.noise**0.5 / 2


def test_power_iteration_sees_eigenvalues_of_both_signs() -> None:
    h = torch.tensor([1.0, -2.0, 2.0, 0.5], dtype=torch.float64)
    assert power_iteration(lambda v: h * v, torch.ones(4, dtype=torch.float64)) == pytest.approx(2.0, rel=1e-5)
    assert power_iteration(lambda v: 0 * v, torch.ones(4)) == 0.0
