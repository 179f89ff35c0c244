"""Times of the operations of CKKS through Pyfhel, from which the compiler predicts plans.

python -m benchmarks.operations [--json]
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from common.fhe import Context
from common.parameters import Parameters

_REPEATS = 30


def median_ms(operation: Callable[[], object]) -> float:
    """Median time of an operation, in ms, after one run to warm up."""
    operation()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        operation()
        times.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(times), 3)


def measure(ring_dimension: int, data_primes: int) -> dict[str, float]:
    """Operations on a fresh ciphertext with this many data primes, in ms."""
    parameters = Parameters(128, ring_dimension, (50,) * (data_primes + 1))
    context = Context(parameters)
    context.generate_keys([1])
    values = np.random.default_rng(0).random(parameters.slots)
    ciphertext = context.encrypt(values, 2.0**24)
    weight = context.encode(values, 2.0**16, parameters.levels)
    other = context.multiply_plain(ciphertext, weight)

    def square() -> None:
        context.square(context.multiply_plain(ciphertext, weight))

    times = {
        "encrypt": median_ms(lambda: context.encrypt(values, 2.0**24)),
        "decrypt": median_ms(lambda: context.decrypt(ciphertext)),
        "encode": median_ms(lambda: context.encode(values, 2.0**16, parameters.levels)),
        "rotate": median_ms(lambda: context.rotate(ciphertext, 1)),
        "multiply_plain": median_ms(lambda: context.multiply_plain(ciphertext, weight)),
        "add": median_ms(lambda: context.add(other, other)),
    }
    if data_primes > 1:
        times["square"] = round(median_ms(square) - times["multiply_plain"], 3)
    return times


def main() -> None:
    """Print a line per ring and number of data primes."""
    rows = [
        {"ring_dimension": dimension, "data_primes": primes, **measure(dimension, primes)}
        for dimension, primes in ((8192, 1), (8192, 2), (8192, 3), (16384, 1), (16384, 2), (16384, 3))
    ]
    if "--json" in sys.argv[1:]:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
