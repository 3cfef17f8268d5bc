"""Smith and Topin, Super-Convergence (2018): the triangle and its tail, step by step."""


def one_cycle(steps: int, rise: float, low: float, high: float, last: float) -> list[float]:
    peak = rise * steps - 1
    rates = []
    for k in range(steps):
        if k <= peak:
            rates.append(low + (high - low) * k / peak)
        elif k <= 2 * peak:
            rates.append(high - (high - low) * (k - peak) / peak)
        else:
            rates.append(low - (low - last) * (k - 2 * peak) / (steps - 1 - 2 * peak))
    return rates
