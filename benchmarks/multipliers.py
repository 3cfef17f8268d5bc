"""What 2,000 bootstrap draws of a series of length 100,000 cost with dependent multipliers; ratios in one run.

Ours are moving averages by cumulative sums, in pieces of bounded memory; the plain ways are a convolution by FFT of
each draw, and a window slid over each draw (`numpy.convolve`), timed on fewer draws and scaled. The band needs no draws
of multipliers: its statistics are linear, so their law given the data is known. Seconds are of one processor.

    OMP_NUM_THREADS=1 python benchmarks/multipliers.py
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import numpy as np
from scipy.signal import fftconvolve

from tendsto.probability import change_test, partial_sum_draws, trend_band
from tendsto.probability.multipliers import default_block

LIMIT = 10.0
N, DRAWS, FEW = 100_000, 2000, 40


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(N)
    block = default_block(N)
    window = np.full(block, block**-0.5)

    def ours() -> None:
        for piece in partial_sum_draws(x, block, DRAWS, rng):
            np.abs(piece).max(axis=1)

    def plain(convolve: Callable[..., np.ndarray]) -> Callable[[], None]:
        def work() -> None:
            for _ in range(FEW):
                v = convolve(rng.standard_normal(N + block - 1), window, mode="valid")
                np.abs(np.cumsum(v * x)).max()

        return work

    rows = {
        "sequential draws, cumulative sums": seconds(ours),
        "sequential draws, FFT of each": seconds(plain(fftconvolve)) * DRAWS / FEW,
        "sequential draws, window slid over each": seconds(plain(np.convolve)) * DRAWS / FEW,
        "change_test": seconds(lambda: change_test(x, draws=DRAWS)),
        "trend_band, 101 points": seconds(lambda: trend_band(x, draws=DRAWS)),
    }
    first = next(iter(rows.values()))
    print("# Dependent multipliers\n")
    print(f"n = {N}, {DRAWS} draws, window {block}, one thread\n")
    print("| way | processor seconds | of the first |\n| --- | --- | --- |")
    for name, value in rows.items():
        print(f"| {name} | {value:.1f} | {value / first:.1f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\nPeak memory of the process {peak:.2f} GiB. Limit {LIMIT:g} s: {'kept' if first < LIMIT else 'MISSED'}.")


if __name__ == "__main__":
    main()
