"""A rule compiled into fused passes over memory, in place, with next to no Python a tensor and step."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx

from tendsto.core import spec
from tendsto.core.rule import Rule
from tendsto.optim.eager import Item, working

LONGEST = 2**31 - 1
"""Longer tensors are left to the eager update: on a GPU the compiler counts entries with 32 bits."""

SHARED = 32768
"""Tensors on a CPU of more entries are shared between threads: with fewer, waiting for one another takes longer."""

MOST_PLANS = 64
"""Plans are kept by where a group's first tensor lies, which may move."""

_EXAMPLES = {"cpu": ((4093,), (61, 67))}
_EXAMPLE = ((2**20 + 7,), (1021, 1031))
"""Lengths, and rows and columns, that are compiled for, as examples of all: without divisors to be taken for a rule.

A GPU's sums are split into blocks if the example is long. On a CPU they are plain if it is short, 16 lanes in float32,
which is exact for counts below 2^28; above 4096 they are cascades that take as long as the update.
"""


def by_channel(rule: Rule) -> bool:
    """Return whether a rule that is not flat may be computed on any tensor as a matrix, a row for each channel w[i]."""
    return getattr(rule, "by_channel", False)


class Compiled:
    """Updates tensors by compiled rules, one compilation for each structure of rule and set of dtypes.

    What may change from step to step, hyperparameters and bias corrections, lives in one vector in float64, so that
    nothing is compiled twice when a schedule moves it. Sizes are dynamic. Tensors are computed on as vectors or, by a
    rule that is `by_channel`, as matrices with a row for each channel.
    """

    def __init__(self) -> None:
        self._programs: dict[Any, _Program] = {}
        self._plans: dict[Any, _Plan] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_programs": {}, "_plans": {}}  # compiled code is neither copied nor saved

    def advance(self, rule: Rule, step: float, items: list[Item]) -> list[Item]:
        """Update `items` in place and return those that have to be updated otherwise.

        These are tensors whose shape matters to the rule or that are not contiguous, and single numbers, rows, columns.
        """
        if not items or not (rule.flat or by_channel(rule)):
            return items
        values, structure = _taken_apart(rule)
        values = [*values, *map(float, rule.scalars(step).values())]
        names = [name for _, _, slots in items for name in slots]
        tensors = [t for parameter, gradient, slots in items for t in (parameter, gradient, *slots.values())]
        key = structure, torch.get_num_threads(), items[0][0].data_ptr()
        plan = self._plans.get(key)
        if plan is None or len(plan.calls) != len(items) or plan.names != names or not plan.guard(*tensors):
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._plan(rule, structure, items, names, tensors)
        for program in plan.programs:
            program.set(values)
        left, written = list[Item](), list[Tensor]()
        for item, (program, sizes) in zip(items, plan.calls, strict=True):
            if program is None:
                left.append(item)
                continue
            parameter, gradient, slots = item
            kept = slots.values()
            written.append(parameter)
            written += kept
            program.code([*sizes, program.vector, parameter, gradient, *kept])
        # Autograd does not see what compiled code writes: so it can still tell a graph that is out of date.
        torch.autograd.graph.increment_version(written)
        return left

    def _plan(self, rule: Rule, structure: Rule, items: list[Item], names: list[str], tensors: list[Tensor]) -> _Plan:
        """What to call for tensors such as these, each with its sizes, until one of them is another kind of tensor."""
        threads = torch.get_num_threads()
        calls = list[tuple[_Program | None, tuple[int, ...]]]()
        for parameter, gradient, slots in items:
            length = parameter.numel()
            sizes = (length,) if rule.flat or not length else (len(parameter), length // len(parameter))
            each = [parameter, gradient, *slots.values()]
            # Compiled code would write past the end of a tensor that is shorter than it should be, or not contiguous.
            fits = all(t.numel() == length and t.is_contiguous() and t.device == parameter.device for t in each)
            program = None
            if fits and 1 not in sizes and 1 < length <= LONGEST:
                workers = threads if length > SHARED and parameter.is_cpu else 1
                kind = structure, workers, *slots, parameter.device, *(t.dtype for t in each)
                if kind not in self._programs:
                    item = parameter, gradient, slots
                    self._programs[kind] = _Program(structure, list(rule.scalars(1.0)), item, threads=workers)
                program = self._programs[kind]
            calls.append((program, sizes))
        return _Plan(names, _guard(tensors), calls, list(dict.fromkeys(p for p, _ in calls if p)))


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is called for each of some tensors, as long as their slots have these names and `guard` knows them."""

    names: list[str]
    guard: Callable[..., bool]
    calls: list[tuple[_Program | None, tuple[int, ...]]]
    programs: list[_Program]


def _guard(tensors: list[Tensor]) -> Callable[..., bool]:
    """Return what tells whether as many tensors have the dtypes, devices, shapes and strides of these, in one call."""
    guards = importlib.import_module("torch._C._dynamo.guards")
    shapes, strides = [list(t.shape) for t in tensors], [list(t.stride()) for t in tensors]
    return guards.TensorGuards(*tensors, dynamic_dims_sizes=shapes, dynamic_dims_strides=strides).check


class _Program:
    """The compiled function of one structure of rule and one set of dtypes, and the vector of all its numbers.

    It is compiled from a graph made here and not by `torch.compile`, whose guards, checked anew for each tensor in each
    step, cost as much as some ten thousand entries: the key under which a program is kept says all that they would.
    """

    def __init__(self, structure: Rule, names: list[str], example: Item, threads: int) -> None:
        parameter, gradient, slots = example
        count = len(_numbers(structure))
        self.values: list[float] = []
        self.vector = torch.zeros(count + len(names), dtype=torch.float64, device=parameter.device)

        def update(*inputs: Any) -> None:
            vector, parameter, gradient, *columns = inputs[len(sizes) :]
            cells = vector.unbind()
            rule = _with_numbers(structure, iter(cells[:count]))
            scalars = dict(zip(names, cells[count:], strict=True))
            old = dict(zip(slots, columns, strict=True))
            p, g = working(parameter), working(gradient)
            new, new_slots = rule.apply(p, g, old, {**scalars, **rule.sums(p, g, old, scalars)})
            parameter.copy_(new)
            for name, value in new_slots.items():
                old[name].copy_(value)

        dtypes = [t.dtype for t in (parameter, gradient, *slots.values())]
        sizes = _EXAMPLES.get(parameter.device.type, _EXAMPLE)[0 if structure.flat else 1]
        examples = [torch.empty(sizes, dtype=dtype, device=parameter.device) for dtype in dtypes]
        self.code = _compiled(update, threads, *sizes, self.vector, *examples)

    def set(self, values: list[float]) -> None:
        if values != self.values:
            self.values = values
            self.vector.copy_(torch.tensor(values, dtype=torch.float64))


def _compiled(function: Callable[..., None], threads: int, *examples: Any) -> Callable[[list[Any]], Any]:
    """Compile a function of sizes, a vector of numbers and tensors of those sizes, into which it writes.

    What is returned takes one list, looks at no tensor but for its address, and so takes contiguous ones of any shape.
    """
    compiler = importlib.import_module("torch._inductor.compile_fx")
    settings = importlib.import_module("torch._inductor.config")
    decompositions = importlib.import_module("torch._inductor.decomposition").select_decomp_table()
    tracer = importlib.import_module("torch.fx.experimental.proxy_tensor")
    graph = tracer.make_fx(function, decomposition_table=decompositions, tracing_mode="symbolic")(*examples)
    _compute_totals_once(graph.graph)
    graph.recompile()
    inputs = [node.meta["val"] for node in graph.graph.nodes if node.op == "placeholder"]
    for size in inputs:
        if isinstance(size, torch.SymInt) and size.node.maybe_as_int() is not None:
            raise TypeError("the rule takes a size of a tensor for a constant: use its shape, not len")
    options = {"size_asserts": False, "cpp.enable_floating_point_contract_flag": "fast"}
    # To compute an entry again in another pass is quicker than to keep it in a tensor of its own.
    options |= {"realize_opcount_threshold": 1000, "realize_reads_threshold": 1000}
    # However short the example is, threads are to share what is computed.
    with settings.patch({**options, "cpp.threads": threads, "cpp.min_chunk_size": 1}):
        code = compiler.compile_fx_inner(graph, inputs)
    return getattr(code, "current_callable", None) or code  # what is around it serves the profiler


def _compute_totals_once(graph: fx.Graph) -> None:
    """Make an output of all numbers that come of sums and go into tensors: the compiler then keeps them.

    Left to itself it computes such a number, a mean's reciprocal or what is known of a channel, again for each vector
    of entries.
    """

    def axes(node: fx.Node) -> int:
        value = node.meta.get("val")
        return value.ndim if isinstance(value, Tensor) else -1

    full = max(axes(node) for node in graph.nodes)
    after_sum: set[fx.Node] = set()
    for node in graph.nodes:
        if 0 <= axes(node) < full and any(axes(n) > axes(node) or n in after_sum for n in node.all_input_nodes):
            after_sum.add(node)
    kept = [n for n in graph.nodes if n in after_sum and any(axes(user) == full for user in n.users)]
    output = next(node for node in graph.nodes if node.op == "output")
    output.args = (tuple(kept),)


@functools.lru_cache(maxsize=64)
def _taken_apart(rule: Rule) -> tuple[list[float], Rule]:
    """The numbers of a rule, and the rule with zeros for them: what a compilation depends on."""
    numbers = _numbers(rule)
    return numbers, _with_numbers(rule, iter([0.0] * len(numbers)))


def _numbers(value: Any) -> list[float]:
    """All floats of a rule, those in tuples and in rules inside it included, in order."""
    if isinstance(value, float):
        return [value]
    if dataclasses.is_dataclass(value):
        return [n for f in dataclasses.fields(value) for n in _numbers(getattr(value, f.name))]
    return [n for v in value for n in _numbers(v)] if isinstance(value, tuple) else []


def _with_numbers(value: Any, numbers: Iterator[Any]) -> Any:
    """The same rule with its floats replaced, in the order of `_numbers`."""
    if isinstance(value, float):
        return next(numbers)
    if dataclasses.is_dataclass(value):
        own = {f.name: _with_numbers(getattr(value, f.name), numbers) for f in dataclasses.fields(value)}
        return spec.substitute(value, own)
    return tuple(_with_numbers(v, numbers) for v in value) if isinstance(value, tuple) else value
