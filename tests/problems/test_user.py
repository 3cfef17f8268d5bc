import numpy as np
import pytest
import torch
from torch import nn

import tendsto as tt
from tendsto.core import spec
from tendsto.core.cell import Cell
from tendsto.optim import SGDRule
from tendsto.testing import check_problem

inputs = torch.linspace(-1, 1, 60, dtype=torch.float64).reshape(20, 3)
classes = torch.arange(20) // 5


def network(*layers: nn.Module, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), *layers, nn.Linear(5, 4)).double()


def test_a_persons_own_model_keeps_the_promises() -> None:
    check_problem(tt.problem(network(), nn.functional.cross_entropy, (inputs, classes), batch=4))


def test_metrics_come_from_the_test_data() -> None:
    made = tt.problem(
        network(), nn.functional.cross_entropy, (inputs, classes), test=(inputs[:8], classes[:8]), batch=None
    )
    metrics = made.metrics(made.init(tt.Random(0)))
    assert set(metrics) == {"test loss", "test accuracy"}
    expected = nn.functional.cross_entropy(network()(inputs[:8]), classes[:8])
    assert float(metrics["test loss"]) == pytest.approx(expected.item())


def test_a_run_trains_it_and_leaves_the_module_alone() -> None:
    module = network()
    before = {name: p.clone() for name, p in module.named_parameters()}
    made = tt.problem(module, nn.functional.cross_entropy, (inputs, classes), batch=8)
    trace = tt.iterate(SGDRule(lr=0.5), made, steps=30, seeds=2, record=5)
    assert (trace.final() < trace["train loss"][:, 0]).all()
    assert all(torch.equal(before[name], p) for name, p in module.named_parameters())


def test_frozen_weights_stay() -> None:
    module = network()
    module[0].weight.requires_grad_(False)
    made = tt.problem(module, nn.functional.cross_entropy, (inputs, classes))
    assert "0.weight" not in made.init(tt.Random(0))
    check_problem(made)


def test_the_key_follows_the_content() -> None:
    def key(module: nn.Module, x: torch.Tensor = inputs, batch: int = 4) -> str:
        made = tt.problem(module, nn.functional.cross_entropy, (x, classes), batch=batch)
        return Cell(made, SGDRule(), seed=0, steps=1).key()

    keys = [key(network()), key(network(seed=1)), key(network(nn.Tanh())), key(network(), inputs + 1)]
    keys += [key(network(), batch=5), key(network(nn.GELU()))]
    assert len(set(keys)) == len(keys)
    assert key(network()) == keys[0]


def test_a_printed_problem_says_what_it_lacks() -> None:
    made = tt.problem(network(), nn.functional.cross_entropy, (inputs, classes))
    again = eval(spec.code(made), {"tt": tt})
    assert again == made
    with pytest.raises(ValueError, match="make the problem again"):
        again.init(tt.Random(0))


@pytest.mark.parametrize("part", [nn.BatchNorm1d(5), nn.Dropout(0.5)])
def test_what_is_not_a_pure_function_is_declined_unless_in_evaluation_mode(part: nn.Module) -> None:
    module = network(part)
    with pytest.raises(ValueError, match=r"module\.eval\(\) first"):
        tt.problem(module, nn.functional.cross_entropy, (inputs, classes))
    check_problem(tt.problem(module.eval(), nn.functional.cross_entropy, (inputs, classes)))


def test_bad_data_are_refused() -> None:
    bad = inputs.clone()
    bad[7, 2] = np.nan
    loss = nn.functional.cross_entropy
    for data, words in [
        ((bad, classes), r"data inputs\[7, 2\] is nan"),
        ((inputs, classes[:5]), r"\(20, 3\) and targets of shape \(5,\)"),
        ((inputs[:0], classes[:0]), "at least 1"),
    ]:
        with pytest.raises(ValueError, match=words):
            tt.problem(network(), loss, data)
    with pytest.raises(ValueError, match="test inputs"):
        tt.problem(network(), loss, (inputs, classes), test=(bad, classes))
    with pytest.raises(ValueError, match="not a scalar tensor"):
        tt.problem(network(), lambda z, y: z, (inputs, classes))
    with pytest.raises(ValueError, match="batch = 0"):
        tt.problem(network(), loss, (inputs, classes), batch=0)
    with pytest.raises(ValueError, match="no trainable parameters"):
        tt.problem(nn.Tanh(), loss, (inputs, classes))
