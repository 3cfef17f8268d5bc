"""Methods that look at layers in a person's own training loop take `iterate`'s steps on the same problem."""

import copy

import pytest
import torch
from torch import nn

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Declined
from tendsto.core.random import Random
from tendsto.optim import MKOR, TNGD, SGDRule

DATA = Random(0).normal("inputs", (12, 3), torch.float64), Random(0).normal("targets", (12, 2), torch.float64)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()


def optimizers() -> dict[str, type[tt.optim.MethodOptimizer]]:
    return {"mkor": MKOR, "tngd": TNGD}


@pytest.mark.parametrize("name", optimizers())
def test_steps_are_those_of_iterate(name: str) -> None:
    cls, model = optimizers()[name], net()
    method = cls.method(base=SGDRule(lr=0.1, momentum=0.5))
    problem = tt.problem(copy.deepcopy(model), nn.functional.mse_loss, DATA, batch=None)
    state = method.init(Oracle(problem, Random(0)), Random(0))
    optimizer = cls(model, base=SGDRule(lr=0.1, momentum=0.5))
    for step in range(1, 13):
        if step == 6:  # resumed from what was saved
            saved, optimizer = optimizer.state_dict(), cls(model, base=SGDRule(lr=0.1, momentum=0.5))
            optimizer.load_state_dict(saved)
        state, _ = method.step(state, Oracle(problem, Random(0).at(step)), Random(0).at(step))
        optimizer.step(lambda: nn.functional.mse_loss(model(DATA[0]), DATA[1]))
    for key, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach(), state["x"][key], rtol=1e-9, atol=1e-11)
        assert parameter.grad is None


def test_what_a_closure_cannot_answer_is_told() -> None:
    model = net()
    with pytest.raises(Declined, match="gauss_newton"):
        TNGD(model.parameters()).step(lambda: model(DATA[0]).square().mean())
    with pytest.raises(Declined, match="called 2 times"):
        TNGD(model).step(lambda: (model(DATA[0]) + model(DATA[0])).square().mean())
    norm = nn.GroupNorm(1, 3).double()
    with pytest.raises(Declined, match="weight, bias"):
        MKOR(norm).step(lambda: norm(DATA[0]).square().mean())
