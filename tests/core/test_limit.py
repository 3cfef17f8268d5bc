import numpy as np
import pytest

import tendsto as tt


def noisy_mean(n: float, rng: tt.Random) -> float:
    return abs(float(rng.normal("x", (int(n),)).mean()))


def test_a_limit_is_a_trace_with_a_rate() -> None:
    trace = tt.limit(noisy_mean, along={"n": [2**i for i in range(4, 15)]}, seeds=40)
    assert (trace.along, trace.runs, trace["error"].shape) == ("n", 40, (40, 11))
    slope = np.polyfit(np.log(trace.index), np.log(trace["error"].mean(axis=0)), 1)[0]
    assert abs(slope + 0.5) < 0.06


def test_several_quantities_and_a_shrinking_index() -> None:
    trace = tt.limit(lambda h, rng: {"error": h**2, "cost": 1 / h}, along={"mesh": [0.4, 0.2, 0.1]})
    assert trace.criterion == "error"
    np.testing.assert_allclose(trace["cost"], [[2.5, 5, 10]])


def test_a_value_that_is_not_finite_ends_its_run() -> None:
    trace = tt.limit(lambda n, rng: np.inf if n == 3 else 1 / n, along={"n": [1, 2, 3]})
    assert str(trace.ends[0]) == "diverged at 3: the value is not finite"


@pytest.mark.parametrize("along", [{}, {"n": [1]}, {"n": [1, 3, 2]}, {"n": [1, 2], "m": [1, 2]}])
def test_bad_input_gets_its_sentence(along: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        tt.limit(noisy_mean, along=along)
