"""SVGD at 1,000 particles against BlackJAX and NumPyro's SteinVI, and its memory at 10,000: one target, in one run.

In float64 on one thread, the bandwidth by the median of the distances at each step, as each library has it; ours
counts the zeros, theirs do not, so that bandwidths differ by one part in a thousand. With one fixed bandwidth, BlackJAX
and we agree to rounding, which is asserted. BlackJAX: `svgd` with `rbf_kernel`, plain gradient steps, the step jitted.
NumPyro: `SteinVI` with `RBFKernel`, `update` jitted; its particles are the locations of delta guides, of its own draws.

Ours is timed as a user runs it, through `iterate` with the first and the last point recorded, and once without it.
Peers are timed again in float32, their default, against ours in float64. They have to be installed:
pip install blackjax numpyro.

    OMP_NUM_THREADS=1 python benchmarks/svgd.py
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from side_by_side import Row, ratios, report, take_turns

import tendsto as tt
from tendsto.sampling import RBF, Cloud, Mixture, svgd

# Before jax is imported: one thread, as torch has it.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

PARTICLES, STEPS, TURNS, LR, MANY = 1000, 5, 5, 0.1, 10_000
TARGET = Mixture()
CLOUD = Cloud(TARGET, particles=PARTICLES, reference=10)
START = CLOUD.init(tt.Random(0).fork("oracle").fork("init"))


def log_density(x: Any) -> Any:
    import jax

    return jax.nn.logsumexp(-((x - jax.numpy.asarray(TARGET.centres)) ** 2).sum(-1) / (2 * TARGET.scale**2))


def of_blackjax(dtype: str, bandwidth: float | None = None) -> Callable[[], Any]:
    import blackjax
    import jax
    import optax
    from blackjax.vi.svgd import rbf_kernel, update_median_heuristic

    update = update_median_heuristic if bandwidth is None else lambda state: state
    algorithm = blackjax.svgd(jax.grad(log_density), optax.sgd(LR), rbf_kernel, update)
    # Their length_scale is our 2 h^2.
    length = 1.0 if bandwidth is None else 2 * bandwidth**2
    start = algorithm.init(jax.numpy.asarray(START.numpy(), dtype), {"length_scale": jax.numpy.asarray(length, dtype)})
    step = jax.jit(algorithm.step)

    def run() -> Any:
        state = start
        for _ in range(STEPS):
            state = step(state)
        return state.particles.block_until_ready()

    return run


def of_numpyro(dtype: str) -> Callable[[], Any]:
    import jax
    import numpyro
    from numpyro.contrib.einstein import RBFKernel, SteinVI
    from numpyro.infer.autoguide import AutoDelta

    def model() -> None:
        # A law to draw the start from, which the factor takes out of the target again.
        wide = numpyro.distributions.Normal(jax.numpy.zeros(2), 1.0).to_event(1)
        x = numpyro.sample("x", wide)
        numpyro.factor("log pi", log_density(x) - wide.log_prob(x))

    guide = AutoDelta(model, init_loc_fn=numpyro.infer.init_to_sample)
    stein = SteinVI(
        model, guide, numpyro.optim.SGD(LR), RBFKernel(), num_stein_particles=PARTICLES, num_elbo_particles=1
    )
    start = stein.init(jax.random.PRNGKey(0))
    kind = jax.tree.leaves(stein.get_params(start))[0].dtype
    assert kind == dtype, f"NumPyro's particles are {kind}, not {dtype}"
    step = jax.jit(stein.update)

    def run() -> Any:
        state = start
        for _ in range(STEPS):
            state, loss = step(state)
        return loss.block_until_ready()

    return run


def ours() -> Any:
    return tt.iterate(svgd(lr=LR), CLOUD, steps=STEPS, record=2)


def alone(cloud: Cloud = CLOUD, steps: int = STEPS, bandwidth: float | None = None) -> Any:
    """The method without the loop around it, which checks and clocks every step."""
    method = svgd(lr=LR, kernel=RBF(bandwidth))
    oracle = tt.Oracle(cloud, tt.Random(0).fork("oracle"))
    with torch.no_grad():
        state = method.init(oracle, oracle.rng)
        for _ in range(steps):
            state, _ = method.step(state, oracle, oracle.rng)
    return state["x"]


def memory() -> None:
    """Print the mebibytes by which two steps at `MANY` particles raise the peak of this process, and their seconds."""
    alone()
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    alone(Cloud(TARGET, particles=MANY, reference=10), steps=2)
    spent = (time.process_time() - begun) / 2
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, spent)


def main() -> None:
    torch.set_num_threads(1)
    if "--memory" in sys.argv:
        return memory()
    told = subprocess.run([sys.executable, __file__, "--memory"], capture_output=True, text=True, check=True).stdout
    mebibytes, spent = map(float, told.split())

    import jax

    runs: dict[str, Callable[[], Any]] = {"iterate": ours, "alone": alone}
    jax.config.update("jax_enable_x64", False)
    single = {"blackjax in float32": of_blackjax("float32"), "numpyro in float32": of_numpyro("float32")}
    narrow = take_turns(runs | single, TURNS, clock=time.process_time)
    jax.config.update("jax_enable_x64", True)
    double = {"blackjax": of_blackjax("float64"), "numpyro": of_numpyro("float64")}
    took = take_turns(runs | double, TURNS, clock=time.process_time)
    apart = abs(torch.tensor(of_blackjax("float64", 0.5)().tolist(), dtype=torch.float64) - alone(bandwidth=0.5)).max()
    assert apart < 1e-10, f"with h = 1/2 the particles are {apart:.2g} apart after {STEPS} steps"
    rows = [
        Row(
            f"{peer} over ours through `iterate`, {PARTICLES} particles",
            ratios(took[peer], took["iterate"]),
            at_least=1,
        )
        for peer in ("blackjax", "numpyro")
    ]
    rows += [
        Row(f"{peer} over our method alone", ratios(took[peer], took["alone"]), at_least=1)
        for peer in ("blackjax", "numpyro")
    ]
    rows += [
        Row(f"{peer}, over ours in float64 through `iterate`", ratios(narrow[peer], narrow["iterate"]), at_least=1)
        for peer in single
    ]
    whole = MANY**2 * 8 / 2**20
    rows.append(
        Row(
            f"memory of a step at {MANY} particles over that of n^2 numbers, {whole:.0f} MiB",
            [mebibytes / whole],
            at_most=0.1,
        )
    )
    milliseconds = 1e3 * sorted(took["alone"])[TURNS // 2] / STEPS
    notes = (
        f"One thread, float64, seconds of the processor, a mixture of two Gaussians in the plane, torch"
        f" {torch.__version__}, blackjax {version('blackjax')}, numpyro {version('numpyro')}, jax {version('jax')}."
        " A step of ours takes"
        f" {milliseconds:.0f} ms at {PARTICLES} particles and {spent:.2f} s at {MANY};"
    )
    report("svgd", "SVGD", notes, rows)


if __name__ == "__main__":
    main()
