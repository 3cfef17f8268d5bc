"""Effective resistances by sparse factorisation: the cost on 10^5 vertices, and beside networkx on a small graph.

    python benchmarks/resistance.py       # one thread

Seconds are of the processor, which others on the machine do not lengthen. A grid is asked, with conductances drawn from
(0.5, 2); the factorisation counts, and so does making the network.
"""

from __future__ import annotations

import time

import networkx
import numpy as np
from side_by_side import Row, ratios, report, take_turns

from tendsto.probability import ResistanceNetwork

LARGE, PAIRS, SMALL, TURNS = 317, 50, 24, 5


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the square grid, and their conductances."""
    at = np.arange(side * side).reshape(side, side)
    across = np.stack([at[:, :-1].ravel(), at[:, 1:].ravel()], axis=1)
    down = np.stack([at[:-1].ravel(), at[1:].ravel()], axis=1)
    edges = np.concatenate([across, down])
    return edges, np.random.default_rng(0).uniform(0.5, 2, len(edges))


def main() -> None:
    edges, conductances = grid(LARGE)
    pairs = np.random.default_rng(1).integers(0, LARGE * LARGE, (PAIRS, 2))

    def large() -> float:
        return ResistanceNetwork(edges, conductances).resistances(pairs).residual

    residual = large()
    small_edges, small_conductances = grid(SMALL)
    graph = networkx.Graph()
    graph.add_weighted_edges_from(
        (int(a), int(b), float(c)) for (a, b), c in zip(small_edges, small_conductances, strict=True)
    )

    def ours() -> np.ndarray:
        return ResistanceNetwork(small_edges, small_conductances).resistance_matrix()

    def theirs() -> dict[int, dict[int, float]]:
        return networkx.resistance_distance(graph, weight="weight", invert_weight=False)

    expected, found = theirs(), ours()
    worst = max(abs(found[0, v] / expected[0][v] - 1) for v in range(1, SMALL**2))
    assert worst < 1e-9, f"networkx differs by {worst}"
    took = take_turns({"large": large, "ours": ours, "networkx": theirs}, TURNS, clock=time.process_time)
    rows = [
        Row(
            f"seconds of {PAIRS} resistances on {LARGE**2:,} vertices, network and factorisation included",
            took["large"],
            at_most=5,
        ),
        Row(
            f"networkx over ours, all resistances of {SMALL**2} vertices",
            ratios(took["networkx"], took["ours"]),
            at_least=1,
        ),
    ]
    notes = f"One thread, processor time, largest residual {residual:.1e}, networkx {networkx.__version__};"
    report("resistance", "Effective resistances", notes, rows)


if __name__ == "__main__":
    main()
