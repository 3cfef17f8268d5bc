"""The connectivity threshold of a million points, and of a thousand samples of ten thousand: seconds of one thread.

OMP_NUM_THREADS=1 python benchmarks/connectivity.py
"""

from __future__ import annotations

import resource
import time

import numpy as np
from side_by_side import RESULTS

from tendsto.probability import ConnectivityThreshold, Disc, connectivity_threshold

LIMITS = {"threshold of 1,000,000 points": 20.0, "1,000 samples of 10,000 points, T and U": 120.0}


def main() -> None:
    rng, took = np.random.default_rng(0), dict.fromkeys(LIMITS, 0.0)
    points = Disc().sample(1_000_000, rng)
    begun = time.process_time()
    connectivity_threshold(points)
    took["threshold of 1,000,000 points"] = time.process_time() - begun
    begun = time.process_time()
    ConnectivityThreshold(Disc()).sample(10_000, 1000, rng)
    took["1,000 samples of 10,000 points, T and U"] = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = ["# The connectivity threshold", "", "On the disc, k = 1, one thread, seconds of the processor.", ""]
    lines += ["| what | seconds | limit | outcome |", "| --- | --- | --- | --- |"]
    for name, limit in LIMITS.items():
        lines.append(f"| {name} | {took[name]:.1f} | {limit:g} | {'pass' if took[name] <= limit else 'FAIL'} |")
    text = "\n".join([*lines, "", f"Peak memory of the process {peak:.2f} GiB."]) + "\n"
    (RESULTS / "connectivity.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
