"""Compiled rules: equal to eager ones, and compiled once, whatever a schedule does."""

import copy
from collections.abc import Iterator

import pytest
import torch

import tendsto as tt
from tendsto.core.rule import Rule
from tendsto.optim import compiled

RULES = {
    "adamw": tt.optim.AdamW.rule(lr=0.01, weight_decay=0.1),
    "cautious lion": tt.optim.Cautious.rule(tt.optim.LionRule(lr=0.01)),
    "exadam": tt.optim.EXAdamRule(lr=0.01, weight_decay=0.1, variant="v1"),
    "rsgdm": tt.optim.RSGDM.rule(lr=0.01, weight_decay=0.1, seed=3),
}
PROJECTED = {
    "adamp": tt.optim.AdamP.rule(lr=0.01, weight_decay=0.1),
    "sgdp": tt.optim.SGDP.rule(lr=0.01, weight_decay=0.1, variant="official"),
    "cautious adamp": tt.optim.Cautious.rule(tt.optim.AdamP.rule(lr=0.01)),
}
# Long ones and short ones; of one length and of another, and a single number.
SHAPES = [(300, 200), (40000,), (7, 5), (35,), (35,), (11,), (4, 3), ()]


def trained(rule: Rule, compiled: bool, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in SHAPES]
    optimizer = tt.optim.RuleOptimizer(parameters, rule, compiled=compiled)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(6):
        for p in parameters:
            p.grad = torch.randn_like(p)
        optimizer.step()
        schedule.step()
    return [p.detach() for p in parameters]


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of threads of what is compiled during the test."""
    seen, real = [], compiled._compiled
    monkeypatch.setattr(
        compiled, "_compiled", lambda f, threads, *examples: seen.append(threads) or real(f, threads, *examples)
    )
    threads = torch.get_num_threads()
    yield seen
    torch.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses what torch deprecates
@pytest.mark.slow  # a first compilation takes seconds
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", RULES)
def test_compiled_equals_eager_and_a_schedule_compiles_nothing_anew(
    name: str, threads: int, compilations: list[int]
) -> None:
    torch.set_num_threads(threads)
    for mine, theirs in zip(trained(RULES[name], True), trained(RULES[name], False), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    assert sorted(compilations) == [1, 2][:threads]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize("name", PROJECTED)
def test_rules_by_channel_are_compiled_for_matrices_of_any_size(name: str, compilations: list[int]) -> None:
    # Gradients orthogonal to each channel, to the whole, and to neither; a row and a column are updated eagerly.
    torch.set_num_threads(1)

    def stepped(compiled: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        shapes = [(s, t) for t in range(3) for s in [(30, 50), (7, 2, 3, 3), (1, 5), (5, 1), (2, 3), (12,)]]
        parameters = [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape, _ in shapes]
        optimizer = tt.optim.RuleOptimizer(parameters, PROJECTED[name], compiled=compiled)
        for step in range(3):
            for p, (_, kind) in zip(parameters, shapes, strict=True):
                p.grad, rows = torch.randn_like(p), (len(p), 1, 0)[kind]
                if rows:
                    w, g = (t.detach().reshape(rows, -1) for t in (p, p.grad))
                    p.grad -= ((w * g).sum(1, keepdim=True) / (w * w).sum(1, keepdim=True) * w).reshape(p.shape)
            optimizer.param_groups[0]["lr"] = 0.01 * 0.9**step
            optimizer.step()
        return [p.detach() for p in parameters]

    for mine, theirs in zip(stepped(True), stepped(False), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    assert len(compilations) == 2  # for matrices, and for vectors


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
def test_a_rule_that_takes_a_size_for_a_constant_is_an_error_and_no_write_past_the_end() -> None:
    class Rows(type(PROJECTED["adamp"])):  # type: ignore[misc]
        def move(self, parameter, gradient, slots, scalars):  # type: ignore[no-untyped-def]
            return super().move(parameter[: len(parameter)], gradient, slots, scalars)

    p = torch.nn.Parameter(torch.randn(30, 50))
    p.grad = torch.randn(30, 50)
    with pytest.raises(TypeError, match="size of a tensor for a constant"):
        tt.optim.RuleOptimizer([p], Rows(tt.optim.AdamW.rule()), compiled=True).step()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
def test_what_changes_between_steps_is_seen() -> None:
    def steps(compiled: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        p, q = (torch.nn.Parameter(torch.randn(30, 20)) for _ in range(2))
        optimizer = tt.optim.RuleOptimizer([p, q], RULES["adamw"], compiled=compiled)

        def step(gradient: torch.Tensor | None) -> None:
            p.grad, q.grad = torch.ones_like(p), gradient
            optimizer.step()

        step(torch.randn(30, 20))
        step(torch.randn(20, 30).t())  # not contiguous
        step(None)
        saved = copy.deepcopy(optimizer.state_dict())
        p.data = p.data.clone()
        step(torch.randn(30, 20))
        optimizer.load_state_dict(saved)
        optimizer.state[q]["exp_avg"] = torch.ones(30, 20)
        step(torch.randn(30, 20))
        q.data = q.data.bfloat16()
        step(torch.randn(30, 20, dtype=torch.bfloat16))
        return [p.detach(), q.detach(), *(s for k in (p, q) for s in optimizer.state[k].values())]

    for mine, theirs in zip(steps(True), steps(False), strict=True):
        half = mine.dtype == torch.bfloat16
        torch.testing.assert_close(mine, theirs, rtol=1e-2 if half else 1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
def test_autograd_is_told_what_compiled_code_writes() -> None:
    p = torch.nn.Parameter(torch.randn(50))
    p.grad = torch.randn(50)
    loss = p.square().sum()
    tt.optim.RuleOptimizer([p], RULES["adamw"], compiled=True).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_state_that_does_not_fit_is_an_error_and_no_write_past_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_compiled", lambda *_: pytest.fail("compiled code was asked for"))
    p = torch.nn.Parameter(torch.randn(50))
    p.grad = torch.randn(50)
    optimizer = tt.optim.RuleOptimizer([p], RULES["adamw"], compiled=True)
    optimizer.state[p] = {"step": torch.zeros(()), "exp_avg": torch.zeros(7), "exp_avg_sq": torch.zeros(50)}
    with pytest.raises(RuntimeError, match="size of tensor"):
        optimizer.step()


def test_half_precision_and_many_small_tensors_give_what_single_ones_give() -> None:
    # Eagerly: small tensors of an elementwise rule are updated as one.
    rule = RULES["adamw"]
    for dtype in (torch.float32, torch.bfloat16):
        together = trained(rule, False, dtype)
        torch.manual_seed(0)
        alone = [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in SHAPES]
        optimizers = [tt.optim.RuleOptimizer([p], rule) for p in alone]
        for step in range(6):
            for p, optimizer in zip(alone, optimizers, strict=True):
                p.grad = torch.randn_like(p)
                optimizer.param_groups[0]["lr"] = 0.01 * 0.9**step
                optimizer.step()
        for mine, theirs in zip(together, alone, strict=True):
            torch.testing.assert_close(mine, theirs.detach())
