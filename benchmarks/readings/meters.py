"""Meters that count: how much flows when, and how their wheels stand then."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Meter:
    """A meter: its wheels, what it counts, and how its wheels are made.

    rate: the most that flows in an hour, in units of the last wheel
    use: what flows in a day, in the same units
    continuous: whether something flows all the time, as electricity does, or in bursts, as water does
    early: how far each wheel is early, in digits of the wheel below; negative for late ones; shape (wheels,), the last
        wheel, for which it means nothing, first
    """

    wheels: int
    decimals: int
    rate: float
    use: float
    continuous: bool
    early: Floats

    def places(self, count: float) -> Floats:
        """Where each wheel stands, 0 to 10, at a count in units of the last wheel; the last wheel comes first."""
        places = np.empty(self.wheels)
        below = places[0] = count % 10
        for wheel in range(1, self.wheels):
            digit = int(count // 10**wheel) % 10
            shifted = below + self.early[wheel]
            places[wheel] = (digit + np.clip(shifted - 9, 0, 1) + np.clip(shifted, -1, 0)) % 10
            below = digit + max(below - 9, 0)
        return places


def make_meter(random: np.random.Generator, kind: str) -> Meter:
    """A meter of a kind: "water" (m³), "litres" (water with three decimals), or "power" (kWh with one decimal).

    A third of meters have one wheel that turns clearly early or late.
    """
    wheels, decimals, rate, use = {
        "water": (5, 0, 3.0, 2.0),
        "litres": (7, 3, 3000.0, 400.0),
        "power": (6, 1, 100.0, 120.0),
    }[kind]
    early = random.normal(0, 0.12, wheels)
    if random.random() < 1 / 3:
        early[random.integers(1, wheels)] = random.choice([-1, 1]) * random.uniform(0.3, 1.0)
    return Meter(wheels, decimals, rate, use, kind == "power", early)


def counts(random: np.random.Generator, meter: Meter, start: float, hours: Floats) -> Floats:
    """The count at each of these times (hours, ascending), from `start` on, without end."""
    grid = np.arange(0, hours[-1] + 1 / 60, 1 / 60)
    if meter.continuous:
        flow = meter.use / 24 * random.gamma(2.0, 0.5, len(grid))
    else:
        flow = np.zeros(len(grid))
        mean_minutes, speed = 6.0, meter.rate / 4
        bursts = random.poisson(meter.use / 24 * hours[-1] / (mean_minutes / 60 * speed))
        for begin in random.uniform(0, hours[-1], bursts):
            first = int(begin * 60)
            flow[first : first + 1 + int(random.exponential(mean_minutes))] += random.uniform(0.1, 0.4) * meter.rate
        flow = np.minimum(flow, meter.rate)
    total = start + np.concatenate([[0.0], np.cumsum(flow[:-1])]) / 60
    return np.asarray(np.interp(hours, grid, total))
