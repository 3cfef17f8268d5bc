"""Distributed Lion against its literal reference, against Lion, and over two processes; what it sends, to the bit."""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing as multiprocessing
from reference.distributed_lion import distributed_lion

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim import DistributedLion, LionWorkers, ParameterServer
from tendsto.optim.lion_messages import TIES, decision, downlink, pack, unpack, uplink
from tendsto.testing import check_method

STEPS, SIZE = 30, 21


class _Idle(tt.problems.Quadratic):
    """Some entries never have a gradient, so that their directions are 0."""

    def gradient(self, x: torch.Tensor, sample: object = None) -> torch.Tensor:
        return super().gradient(x, sample) * (torch.arange(self.dimension) % 4 != 0)

    def value_and_gradient(self, x: torch.Tensor, sample: object = None) -> tuple[torch.Tensor, torch.Tensor]:
        value, gradient = super().value_and_gradient(x, sample)
        return value, gradient * (torch.arange(self.dimension) % 4 != 0)


def tied(tie: str, size: int) -> Callable[[int], np.ndarray]:
    """What stands for the sign of 0, entry by entry, at a step."""

    def at(t: int) -> np.ndarray:
        alternate = np.where((np.arange(size) + t) % 2 == 0, 1, -1)
        return {"alternate": alternate, "minus": -np.ones(size, int), "zero": np.zeros(size, int)}[tie]

    return at


@pytest.mark.parametrize("aggregate", ["majority", "average"])
@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize("workers", [1, 4, 5])
def test_it_is_the_paper_s(aggregate: str, tie: str, workers: int) -> None:
    problem = _Idle(dimension=SIZE, noise=2.0)
    method = LionWorkers(0.01, (0.9, 0.95), 0.3, workers, aggregate, tie)
    rng = Random(3)
    state = method.init(Oracle(problem, rng.fork("oracle")), rng)
    start = state["x"].numpy().copy()
    for t in range(1, STEPS + 1):
        state, _ = method.step(state, Oracle(problem, Random(3, t)), rng)

    def gradient_at(x: np.ndarray, t: int, i: int) -> np.ndarray:
        sample = problem.sample(Random(3, t * workers + i).fork("workers").fork("sample"))
        return problem.gradient(torch.from_numpy(x), sample).numpy()

    vote = aggregate == "majority"
    wanted = distributed_lion(start, gradient_at, STEPS, workers, 0.01, 0.9, 0.95, 0.3, vote, tied(tie, SIZE))
    np.testing.assert_allclose(state["x"].numpy(), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("aggregate", ["majority", "average"])
@pytest.mark.parametrize(("base", "tie"), [(tt.problems.Quadratic, "alternate"), (_Idle, "zero")])
def test_one_worker_is_lion_to_the_last_bit(aggregate: str, base: type[tt.problems.Quadratic], tie: str) -> None:
    class Same(base):
        """The sample of worker 0 is that of the step."""

        def sample(self, rng: Random) -> object:
            return super().sample(Random(rng.seed, rng.step))

    problem, settings = Same(dimension=SIZE, noise=1.0), {"lr": 0.01, "weight_decay": 0.1}
    ours = tt.iterate(LionWorkers(workers=1, aggregate=aggregate, tie=tie, **settings), problem, steps=50, lanes=False)
    lion = tt.iterate(tt.optim.LionRule(**settings), problem, steps=50, lanes=False)
    np.testing.assert_array_equal(ours["||x - x*||^2"], lion["||x - x*||^2"])


def gradients_of(rank: int) -> list[list[torch.Tensor]]:
    """Gradients of two parameters, of 6 and 5 entries, at every step; some entries are 0."""
    rng = Random(rank + 1)
    drawn = [[rng.at(t).normal("a", (2, 3)), rng.at(t).normal("b", (5,))] for t in range(8)]
    return [[torch.where(g.abs() < 0.3, 0.0, g) for g in step] for step in drawn]


def parameters() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(5))]


def train(rank: int, world: int, folder: str) -> None:
    store = torch.distributed.FileStore(str(Path(folder) / "store"), world)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=world)
    for aggregate, tie in itertools.product(("majority", "average"), TIES):
        params = parameters()
        optimizer = DistributedLion(params, lr=0.1, weight_decay=0.2, aggregate=aggregate, tie=tie)
        for step in gradients_of(rank):
            for p, g in zip(params, step, strict=True):
                p.grad = g
            optimizer.step()
        found = torch.cat([p.detach().reshape(-1) for p in params])
        sent = torch.tensor([optimizer.bytes_up, optimizer.bytes_down])
        torch.save([found, sent], Path(folder) / f"{aggregate} {tie} {rank}.pt")
    torch.distributed.barrier()  # on a busy machine one process was torn down while the other still listened
    torch.distributed.destroy_process_group()


def test_two_processes_equal_the_reference_and_each_other(tmp_path: Path) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    other = multiprocessing.get_context("spawn").Process(target=train, args=(1, 2, str(tmp_path)))
    other.start()
    train(0, 2, str(tmp_path))
    other.join(60)
    # What it found was written before its end, which torch's threads may spoil: the files count, not the exit code.

    def gradient_at(x: np.ndarray, t: int, i: int) -> np.ndarray:
        return torch.cat([g.reshape(-1) for g in gradients_of(i)[t - 1]]).numpy()

    for aggregate, tie in itertools.product(("majority", "average"), TIES):
        (one, sent), (two, _) = (torch.load(tmp_path / f"{aggregate} {tie} {rank}.pt") for rank in range(2))
        assert torch.equal(one, two)
        # 11 entries in whole bytes. Up a bit each, down a bit or a number from 0 to 2; with zeros up and down a number
        # from 0 to 2, or down one from 0 to 4.
        bytes_ = {"majority": (2, 2), "average": (2, 3)} if tie != "zero" else {"majority": (3, 3), "average": (3, 5)}
        assert sent.tolist() == [8 * n for n in bytes_[aggregate]]
        vote, start = aggregate == "majority", np.ones(11, np.float32)
        wanted = distributed_lion(start, gradient_at, 8, 2, 0.1, 0.9, 0.99, 0.2, vote, tied(tie, 11))
        np.testing.assert_allclose(one.numpy(), wanted, rtol=1e-5)


def test_alone_it_equals_lion_pytorch() -> None:
    peer = pytest.importorskip("lion_pytorch", reason="pip install 'tendsto[peers]'")
    found = []
    for make in (DistributedLion, peer.Lion):
        p = torch.nn.Parameter(torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4))
        optimizer = make([p], lr=0.01, betas=(0.9, 0.99), weight_decay=0.5)
        for t in range(40):
            p.grad = Random(1, t).normal("g", (3, 4), torch.float64)
            optimizer.step()
        found.append(p.detach())
    torch.testing.assert_close(*found, rtol=1e-13, atol=1e-14)


def test_state_dict_resumes_and_low_precision_works() -> None:
    for dtype in (torch.float64, torch.bfloat16):
        whole, parts = (torch.nn.Parameter(torch.ones(7, dtype=dtype)) for _ in range(2))
        a, b = DistributedLion([whole], lr=0.1), DistributedLion([parts], lr=0.1)
        for t in range(6):
            if t == 3:
                saved = b.state_dict()
                b = copy.deepcopy(DistributedLion([parts], lr=0.5))
                parts = b.param_groups[0]["params"][0]
                b.load_state_dict(saved)
            for p, optimizer in ((whole, a), (parts, b)):
                p.grad = Random(1, t).normal("g", (7,), dtype)
                optimizer.step()
        assert a.state[whole]["exp_avg"].dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert torch.equal(whole, parts)


@pytest.mark.parametrize("width", [1, 2, 3, 6])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 250])
def test_packing_is_exact_and_as_short_as_it_can_be(width: int, count: int) -> None:
    numbers = Random(0).integers("n", 2**width, (count,))
    message = pack(numbers, width)
    assert message.dtype == torch.uint8
    assert message.numel() == -(-count * width // 8)
    assert torch.equal(unpack(message, width, count), numbers)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("tie", TIES)
def test_all_votes(workers: int, tie: str) -> None:
    """Every way in which up to four workers can vote on one entry, all entries of one message."""
    ballots = [-1.0, 0.0, 1.0] if tie == "zero" else [-1.0, 1.0]
    votes = torch.tensor(list(itertools.product(ballots, repeat=workers))).T
    entries = votes.shape[1]
    messages = torch.stack([uplink(row, 1, tie) for row in votes])
    assert torch.equal(messages, uplink(votes, 1, tie))
    mean = decision(downlink(messages, entries, 1, "average", tie), entries, workers, "average", tie=tie)
    torch.testing.assert_close(mean, votes.mean(dim=0))
    zero = torch.from_numpy(tied(tie, entries)(1)).float()
    sign = decision(downlink(messages, entries, 1, "majority", tie), entries, workers, "majority", tie=tie)
    assert torch.equal(sign, torch.where(votes.sum(dim=0) == 0, zero, votes.sum(dim=0).sign()))


def test_by_minus_idle_entries_drift_and_otherwise_they_do_not() -> None:
    for tie, moved in (("alternate", 0.0), ("minus", 1.0), ("zero", 0.0)):
        p = torch.nn.Parameter(torch.zeros(4))
        optimizer = DistributedLion([p], lr=0.1, tie=tie)
        for _ in range(10):
            optimizer.step()
        assert p.detach().tolist() == pytest.approx([moved] * 4, abs=1e-6)


def test_the_server_s_baseline_is_the_rule_on_the_mean_gradient() -> None:
    problem = tt.problems.Quadratic(dimension=6)
    base = tt.optim.AdamW.rule(lr=0.1)
    ours = tt.iterate(ParameterServer(base, workers=3), problem, steps=20)
    np.testing.assert_allclose(ours["f(x) - f*"], tt.iterate(base, problem, steps=20)["f(x) - f*"], rtol=1e-12)
    assert ours.final("info.bytes up").tolist() == [20 * 3 * 6 * 8]
    assert ours.meta["calls"] == {"gradient": 20 * 3}
    noisy = tt.problems.Quadratic(dimension=6, noise=1.0)
    assert tt.iterate(ParameterServer(base, workers=3), noisy, steps=120, seeds=2).meta["calls"] == {"gradient": 360}
    check_method(ParameterServer(base, workers=2))


def test_bad_settings_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"workers = 0 take no step"):
        LionWorkers(workers=0)
    with pytest.raises(ValueError, match=r"aggregate = 'sum' is unknown"):
        DistributedLion([torch.nn.Parameter(torch.ones(2))], aggregate="sum")
    with pytest.raises(ValueError, match=r"tie = 'plus' is unknown"):
        LionWorkers(tie="plus")
