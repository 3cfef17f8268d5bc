"""The particle form of entropic fictitious play with one-parameter neurons 2 tanh(theta x - 0.7), given its draws."""

import math


def walk(chains, g, x, lr, temperature, decay, noise):
    """Langevin steps of every chain on the potential of slopes g."""
    for row in noise:
        for m, theta in enumerate(chains):
            slope = 2 * decay * theta
            for i in range(len(x)):
                slope += g[i] * 2 * x[i] / math.cosh(theta * x[i] - 0.7) ** 2 / len(x)
            chains[m] = theta - lr * slope + math.sqrt(2 * lr * temperature) * row[m]


def rounds(reservoir, f, x, y, share, lr, temperature, decay, early, noises, uniforms):
    """Reservoir and predictions after each round. early[k][m], noises[s][k][m], uniforms[s][m]."""
    n, chains, reservoir, f = len(x), list(reservoir), list(reservoir), list(f)
    walk(chains, [f[i] - y[i] for i in range(n)], x, lr, temperature, decay, early)
    found = []
    for noise, uniform in zip(noises, uniforms, strict=True):
        walk(chains, [f[i] - y[i] for i in range(n)], x, lr, temperature, decay, noise)
        for i in range(n):
            fresh = sum(2 * math.tanh(theta * x[i] - 0.7) for theta in chains) / len(chains)
            f[i] = (1 - share) * f[i] + share * fresh
        for m in range(len(chains)):
            if uniform[m] < share:
                reservoir[m] = chains[m]
        found.append((list(reservoir), list(f)))
    return found


def duality_gap(f, before, fresh, x, y, share, temperature):
    """The estimates before each round, from all f, f_hat of the first chains, and f_hat of every round."""
    n = len(x)
    g = [[row[i] - y[i] for i in range(n)] for row in f]
    z = [-sum(before[i] * g[0][i] for i in range(n)) / (n * temperature)]
    for s in range(1, len(fresh)):
        middle = [(fresh[s - 1][i] + fresh[s][i]) / 2 for i in range(n)]
        z.append(z[-1] - sum(middle[i] * (g[s][i] - g[s - 1][i]) for i in range(n)) / (n * temperature))
    gaps = []
    for s in range(len(fresh)):
        # mu^s is the start with weight (1 - share)^s and the j-th Gibbs measure with share (1 - share)^(s-1-j).
        k = 0.0
        for j in range(s):
            own = -sum(fresh[j][i] * g[j][i] for i in range(n)) / (n * temperature) - z[j]
            k += share * (1 - share) ** (s - 1 - j) * own
        gaps.append(sum(f[s][i] * g[s][i] for i in range(n)) / n + temperature * (k + z[s]))
    return gaps
