"""Compiled rules: equal to eager ones, and compiled once, whatever a schedule does."""

import pytest
import torch

import tendsto as tt
from tendsto.core import spec
from tendsto.core.rule import Rule

RULES = {
    "adamw": tt.optim.AdamW.rule(lr=0.01, weight_decay=0.1),
    "cautious lion": tt.optim.Cautious.rule(tt.optim.LionRule(lr=0.01)),
    "exadam": tt.optim.EXAdamRule(lr=0.01, weight_decay=0.1, variant="v1"),
    "rsgdm": tt.optim.RSGDM.rule(lr=0.01, weight_decay=0.1, seed=3),
}
# Large ones go alone, small ones together; of one length and of another, and a single number.
SHAPES = [(300, 200), (40000,), (7, 5), (35,), (35,), (11,), (4, 3), ()]


def trained(rule: Rule, compiled: bool) -> list[torch.Tensor]:
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    optimizer = tt.optim.RuleOptimizer(parameters, rule, compiled=compiled)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for step in range(6):
        for p in parameters:
            p.grad = torch.randn_like(p)
        with torch._dynamo.config.patch(error_on_recompile=compiled and step > 0):
            optimizer.step()
        schedule.step()
    return [p.detach() for p in parameters]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses what torch deprecates
@pytest.mark.slow  # a first compilation takes seconds
@pytest.mark.parametrize("name", RULES)
def test_compiled_equals_eager_and_a_schedule_compiles_nothing_anew(name: str) -> None:
    for mine, theirs in zip(trained(RULES[name], True), trained(RULES[name], False), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_every_program_has_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # torch keeps at most eight compilations with a code object: a ninth rule in one process was an error.
    seen = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: seen.append(function) or function)
    for lr in (0.1, 0.2):
        rule = spec.replace(RULES["cautious lion"], lr=lr)
        got = trained(rule, True)
        for mine, theirs in zip(got, trained(rule, False), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    codes = [function.__code__ for function in seen]
    assert len(codes) == 8
    assert len({id(code) for code in codes}) == 8
