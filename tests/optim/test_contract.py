"""The contract of `torch.optim.Optimizer`, over every registered rule: a new one is enrolled by itself."""

import copy

import pytest
import torch

import tendsto as tt
from tendsto.core import registry, spec
from tendsto.core.rule import Rule

RULES = {name: method for name, method in registry.methods().items() if isinstance(method, Rule)}


def model(seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2)).to(dtype)


def optimizer_of(rule: Rule, net: torch.nn.Module) -> tt.optim.RuleOptimizer:
    return tt.optim.RuleOptimizer(list(net.named_parameters()), spec.replace(rule, lr=0.01))


def backward(net: torch.nn.Module, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    dtype = next(net.parameters()).dtype
    loss = net(torch.randn(8, 4, dtype=dtype)).square().mean()
    loss.backward()
    return loss


def train(net: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> list[torch.Tensor]:
    for step in steps:
        optimizer.zero_grad()
        backward(net, step)
        optimizer.step()
    return [p.detach().clone() for p in net.parameters()]


@pytest.fixture(params=sorted(RULES))
def rule(request: pytest.FixtureRequest) -> Rule:
    return RULES[request.param]


def test_it_trains_and_leaves_gradients_alone(rule: Rule) -> None:
    net = model()
    optimizer = optimizer_of(rule, net)
    backward(net, 0)
    before = [(p.detach().clone(), p.grad.clone()) for p in net.parameters()]  # type: ignore[union-attr]
    optimizer.step()
    for p, (value, gradient) in zip(net.parameters(), before, strict=True):
        assert torch.equal(p.grad, gradient)  # type: ignore[arg-type]
        assert not torch.equal(p, value)


def test_state_dict_resumes_bitwise(rule: Rule) -> None:
    net = model()
    optimizer = optimizer_of(rule, net)
    train(net, optimizer, range(5))
    twin = model(1)
    twin.load_state_dict(net.state_dict())
    again = optimizer_of(rule, twin)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for a, b in zip(train(net, optimizer, range(5, 10)), train(twin, again, range(5, 10)), strict=True):
        assert torch.equal(a, b)


def test_deepcopy_is_independent(rule: Rule) -> None:
    net = model()
    optimizer = optimizer_of(rule, net)
    train(net, optimizer, range(3))
    net2, optimizer2 = copy.deepcopy((net, optimizer))
    for a, b in zip(train(net, optimizer, range(3, 6)), train(net2, optimizer2, range(3, 6)), strict=True):
        assert torch.equal(a, b)


def test_closure_groups_schedulers_and_missing_gradients(rule: Rule) -> None:
    net = model()
    first, last = net[0], net[2]  # type: ignore[index]
    optimizer = tt.optim.RuleOptimizer(
        [{"params": list(first.parameters()), "lr": 0.0 if rule_takes_zero(rule) else 1e-9}, {"params": [last.weight]}],
        spec.replace(rule, lr=0.01),
    )
    optimizer.add_param_group({"params": [last.bias], "lr": 0.5})
    given = optimizer.param_groups[-1]["lr"]
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    frozen = first.weight.detach().clone()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = backward(net, 0)
        last.bias.grad = None
        return loss

    bias = last.bias.detach().clone()
    assert optimizer.step(closure).ndim == 0  # type: ignore[union-attr]
    scheduler.step()
    assert torch.allclose(first.weight, frozen, atol=1e-7)
    assert torch.equal(last.bias, bias)
    assert optimizer.param_groups[-1]["lr"] == given / 2


def rule_takes_zero(rule: Rule) -> bool:
    try:
        spec.replace(rule, lr=0.0)
    except ValueError:
        return False
    return True


def test_low_precision_parameters_keep_their_dtype_and_float32_state(rule: Rule) -> None:
    net = model(dtype=torch.bfloat16)
    optimizer = optimizer_of(rule, net)
    train(net, optimizer, range(3))
    for p in net.parameters():
        assert p.dtype == torch.bfloat16
        for name, slot in optimizer.state[p].items():
            if torch.is_tensor(slot) and slot.shape == p.shape:
                assert slot.dtype == torch.float32, name


def test_loaded_state_keeps_its_dtype_and_shares_no_memory_with_what_was_loaded(rule: Rule) -> None:
    for dtype in (torch.float64, torch.bfloat16):
        net = model(dtype=dtype)
        optimizer, again = optimizer_of(rule, net), optimizer_of(rule, net)
        train(net, optimizer, range(2))
        saved = optimizer.state_dict()
        before = copy.deepcopy(saved["state"])
        again.load_state_dict(saved)
        for p in net.parameters():
            for name, value in optimizer.state[p].items():
                assert again.state[p][name].dtype == value.dtype
                assert torch.equal(again.state[p][name], value)
        train(net, again, range(2, 4))
        for index, state in before.items():
            assert all(torch.equal(saved["state"][index][name], value) for name, value in state.items())


def test_maximize_is_descent_on_the_negative(rule: Rule) -> None:
    net, twin = model(), model()
    down, up = (
        optimizer_of(rule, net),
        tt.optim.RuleOptimizer(list(twin.named_parameters()), spec.replace(rule, lr=0.01), maximize=True),
    )
    for step in range(3):
        for m, o, sign in ((net, down, 1.0), (twin, up, -1.0)):
            o.zero_grad()
            torch.manual_seed(step)
            (sign * m(torch.randn(8, 4, dtype=torch.float64)).square().mean()).backward()
            o.step()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-14)


def test_empty_tensors_and_frozen_parameters_pass(rule: Rule) -> None:
    empty = torch.nn.Parameter(torch.zeros(0, 3))
    still = torch.nn.Parameter(torch.ones(2, 2), requires_grad=False)
    moved = torch.nn.Parameter(torch.ones(2, 2))
    empty.grad, moved.grad = torch.zeros(0, 3), torch.ones(2, 2)
    tt.optim.RuleOptimizer([empty, still, moved], spec.replace(rule, lr=0.01)).step()
    assert torch.equal(still, torch.ones(2, 2))
    assert not torch.equal(moved, torch.ones(2, 2))


def test_nan_gradients_are_seen_and_sparse_ones_refused(rule: Rule) -> None:
    p = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = tt.optim.RuleOptimizer([p], spec.replace(rule, lr=0.01))
    p.grad = torch.eye(3, 2).to_sparse()
    with pytest.raises(TypeError, match="takes no sparse gradients"):
        optimizer.step()
    p.grad = torch.full((3, 2), torch.nan)
    optimizer.step()
    state = [v for v in optimizer.state[p].values() if torch.is_tensor(v)]
    assert not all(torch.isfinite(t).all() for t in [p, *state])


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "AdaMax", "Lion", "Muon"])
def test_a_bad_setting_is_one_sentence(name: str) -> None:
    with pytest.raises(ValueError, match=r"lr = -1"):
        getattr(tt.optim, name)([torch.nn.Parameter(torch.ones(2, 2))], lr=-1.0)
