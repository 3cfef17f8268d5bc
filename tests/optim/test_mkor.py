"""MKOR against its literal reference, explicit inverses, and its own two other updates."""

import numpy as np
import pytest
import torch
from reference.mkor import inverse_update, mkor

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim import MKORHybridMethod, MKORMethod, SGDRule, rank_one_inverse, stabilised
from tendsto.optim.mkor import rounded_up

rng = np.random.default_rng(0)


@pytest.mark.parametrize("variant", ["exact", "printed", "official"])
def test_an_inverse_stays_symmetric_and_definite_in_float32(variant: str) -> None:
    inverse = torch.eye(5)
    for v in torch.randn(600, 5, generator=torch.Generator().manual_seed(0)):
        inverse = stabilised(rank_one_inverse(inverse, v, 0.95, variant), 1e3, 0.5)
    assert torch.equal(inverse, inverse.T)
    assert float(torch.linalg.eigvalsh(inverse).min()) > 0


@pytest.mark.parametrize("variant", ["exact", "printed", "official"])
@pytest.mark.parametrize("threshold", [1.001, 10.0])
@pytest.mark.parametrize("precision", ["auto", "float16"])
def test_trajectory_is_the_paper_s(variant: str, threshold: float, precision: str) -> None:
    problem = tt.problems.DigitsMLP(hidden=4, batch=16, precision="float64")
    base = SGDRule(lr=0.3, momentum=0.9)
    method = MKORMethod(base, update_every=3, variant=variant, threshold=threshold, precision=precision)
    source = Random(3)
    state = method.init(Oracle(problem, source), source)
    x = {name: t.numpy() for name, t in state["x"].items()}
    weights = [np.hstack([x[f"{n}.weight"], x[f"{n}.bias"][:, None]]) for n in ("hidden", "output")]
    batches, info = [], {}
    for step in range(1, 31):
        oracle = Oracle(problem, source.at(step))
        batches.append((problem.data[0][oracle.sample].numpy(), problem.data[1][oracle.sample].numpy()))
        state, info = method.step(state, oracle, source)
        assert oracle.calls == {"gradient": 1}
    assert info["refreshes"] == 10
    want = mkor(weights, batches, 0.3, 0.9, 3, variant, threshold, half=precision == "float16")
    for name, w in zip(("hidden", "output"), want, strict=True):
        np.testing.assert_allclose(state["x"][f"{name}.weight"], w[:, :-1], rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(state["x"][f"{name}.bias"], w[:, -1], rtol=1e-9, atol=1e-11)


def test_the_exact_update_is_the_inverse_and_the_printed_one_is_not() -> None:
    d, gamma = 40, 0.95
    factor, found = np.eye(d), {v: torch.eye(d, dtype=torch.float64) for v in ("exact", "printed")}
    for _ in range(50):
        v = rng.standard_normal(d)
        factor = gamma * factor + (1 - gamma) * np.outer(v, v)
        found = {name: rank_one_inverse(p, torch.from_numpy(v), gamma, name) for name, p in found.items()}
    inverse = np.linalg.inv(factor)
    errors = {n: np.linalg.norm(p.numpy() - inverse) / np.linalg.norm(inverse) for n, p in found.items()}
    assert errors["exact"] < 1e-12
    assert errors["printed"] > 5


def test_one_v_is_damped_by_the_inverse_and_amplified_by_the_printed_formula() -> None:
    v, one = torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    v[0] = 20.0
    exact, printed = (rank_one_inverse(one, v, 0.95, name) for name in ("exact", "printed"))
    assert exact[0, 0] < 0.06 < 1.05 < exact[1, 1]
    assert printed[0, 0] > 2 > printed[1, 1]
    # The authors' code has the inverse's sign, and no weight (1 - gamma).
    official = rank_one_inverse(one, v, 0.95, "official")
    np.testing.assert_allclose(official, inverse_update(np.eye(3), v.numpy(), 0.95, "official"))
    assert official[0, 0] < exact[0, 0] < official[1, 1] == 1.0


@pytest.mark.parametrize("stable", [True, False])
def test_only_the_stabiliser_keeps_unexcited_directions_bounded(stable: bool) -> None:
    p, generator = torch.eye(20), torch.Generator().manual_seed(0)
    for _ in range(3000):
        v = torch.cat([torch.randn(10, generator=generator), torch.zeros(10)])
        p = rank_one_inverse(stabilised(p, 10.0, 0.9) if stable else p, v, 0.95)
    spectrum = torch.linalg.eigvalsh(p) if bool(torch.isfinite(p).all()) else torch.tensor([-1.0])
    assert bool((spectrum > 0).all() and (spectrum < 30).all()) == stable


def test_the_hybrid_switches_where_the_loss_no_longer_falls() -> None:
    method, problem = (
        MKORHybridMethod(MKORMethod(SGDRule(lr=1e-9), update_every=1), patience=2),
        tt.problems.DigitsMLP(hidden=2),
    )
    trace = tt.iterate(method, problem, steps=50, record=51)
    on = trace["info.second order"][0]
    # Each loss differs from the last by noise alone, so the smoothed rate soon falls below a tenth of its best.
    assert on[1] == 1
    assert on[-1] == 0
    assert (np.diff(on[1:]) <= 0).all()
    assert trace["info.refreshes"][0, -1] == on[1:].sum() + 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"gamma": 1.0}, "gamma = 1.0"),
        ({"threshold": 0.5}, "threshold = 0.5"),
        ({"update_every": 0}, "update_every = 0"),
        ({"precision": "half"}, "precision = 'half'"),
        ({"precision": "float16", "threshold": 1e4}, "threshold = 10000"),
        ({"variant": "paper"}, "'paper' is unknown"),
    ],
)
def test_bad_settings_are_quoted(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MKORMethod(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("bias", [True, False])
def test_half_the_bytes_and_loaded_as_saved(precision: str, bias: bool) -> None:
    model = torch.nn.Linear(6, 3, bias=bias)
    optimizers = [tt.optim.MKOR(model, lr=0.1, update_every=1, precision=precision) for _ in range(2)]
    for _ in range(3):
        optimizers[0].step(lambda: model(torch.ones(4, 6)).square().mean())
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    inverses: dict[str, torch.Tensor] = {}
    for optimizer in optimizers:
        shared, own = optimizer.param_groups[0]["shared"], optimizer.state[model.weight]
        inverses = shared["inverses"]["weight"] if "inverses" in shared else own["inverses"]
        assert {p.dtype for p in inverses.values()} == {getattr(torch, precision)}
    sizes = [p.nbytes for p in inverses.values()]
    assert sum(sizes) == 2 * (3**2 + (6 + bias) ** 2)


@pytest.mark.parametrize("up", [True, False])
def test_only_rounded_up_stays_definite_where_v_hardly_changes(up: bool) -> None:
    p, generator, least = torch.eye(20), torch.Generator().manual_seed(0), 1.0
    for _ in range(300):
        v = torch.randn(20, generator=generator) + 30
        p = rank_one_inverse(stabilised(p, 10.0, 0.9), v.bfloat16().float(), 0.95)
        p = rounded_up(p, torch.bfloat16).float() if up else ((p + p.T) / 2).bfloat16().float()
        least = min(least, float(torch.linalg.eigvalsh(p.double())[0]))
    assert (least > 0) == up
