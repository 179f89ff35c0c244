"""`blindsight calibrate`: what each operation takes on this machine, for the compiler's predictions."""

import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import msgspec
import numpy as np

from common.ckks.ciphertext import decode_ciphertext, encode_ciphertext
from common.ckks.fhe import Context
from common.ckks.parameters import RING_DIMENSIONS, Parameters, max_modulus_bits
from common.errors import ConfigurationError
from common.plan.costs import Costs

#: The security level, in bits, that decides how long a modulus each ring dimension has.
_SECURITY = 128
#: Bits of each prime of the moduli that are measured: with more, N = 8192 would have room for two data primes only.
_PRIME_BITS = 53
#: The largest number of primes of a modulus that is measured.
_MOST_PRIMES = 9
#: The step of the rotation that is measured; all steps take the same time.
_STEP = 3
#: Seconds for which each operation is repeated at each level.
_SECONDS = 0.12
#: The number of weights that take turns: more than the processor's cache holds, as in a plan.
_WEIGHTS = 24


def measure_costs(progress: Callable[[int], None]) -> Costs:
    """Median times of every operation; `progress` is called with each ring dimension that is done."""
    costs = Costs({}, {}, {}, {}, {}, {})
    for dimension in RING_DIMENSIONS:
        primes = min(max_modulus_bits(_SECURITY, dimension) // _PRIME_BITS, _MOST_PRIMES)
        bits = (_PRIME_BITS,) * primes if primes > 1 else (_PRIME_BITS // 2,) * 2
        context = Context(Parameters(_SECURITY, dimension, bits))
        context.generate_keys([_STEP])
        rows = [_measure_level(context, level) for level in range(len(bits) - 1)]
        kinds = (costs.rotate, costs.multiply, costs.product, costs.square, costs.decode, costs.encode)
        for times, column in zip(kinds, zip(*rows, strict=True), strict=True):
            times[dimension] = [round(one, 4) for one in column]
        progress(dimension)
    return costs


def check_writable(path: Path) -> None:
    """Raise `ConfigurationError` when times can't be written there: before minutes of measuring."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _partial(path).touch()
        _partial(path).unlink()
    except OSError as error:
        raise ConfigurationError(
            f"the times go to {path}, which can't be written: {error.strerror}; "
            "set XDG_CACHE_HOME to a folder that can be"
        ) from error


def save_costs(costs: Costs, path: Path) -> None:
    """Write times where `load_costs` finds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _partial(path).write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=1) + b"\n")
    _partial(path).replace(path)


def _partial(path: Path) -> Path:
    """Where a file is written first: one that is cut off would be taken for damaged."""
    return path.with_name(f"{path.name}.partial")


def _measure_level(context: Context, level: int) -> tuple[float, ...]:
    values = np.linspace(-1, 1, context.parameters.slots)
    ciphertext = context.encrypt(values, 2.0**20)
    ciphertext = context.switched_down(ciphertext, context.parameters.levels - level)
    # A plan's weights don't stay in the processor's cache from one use to the next.
    encoded = [context.encode(values + number, 2.0**20, level) for number in range(_WEIGHTS)]
    plaintexts = cycle([plaintext for plaintext in encoded if plaintext is not None])
    ciphertexts = cycle([context.switched_down(ciphertext, 0) for _ in range(_WEIGHTS)])
    total = context.product_with_plaintext(ciphertext, next(plaintexts))
    wide_total = context.product(ciphertext, next(ciphertexts))

    def multiply() -> None:
        context.add_in_place(total, context.product_with_plaintext(ciphertext, next(plaintexts)))

    def square() -> None:
        one = context.product_with_plaintext(ciphertext, next(plaintexts))
        context.square_in_place(one)
        context.relinearise_in_place(one)
        context.rescale_in_place(one)

    def product() -> None:
        context.add_in_place(wide_total, context.product(ciphertext, next(ciphertexts)))

    multiplied = _median(multiply)
    squared = _median(square) - multiplied if level else 0.0
    wire = encode_ciphertext(context, ciphertext)
    return (
        _median(lambda: context.rotated(ciphertext, _STEP)),
        multiplied,
        _median(product),
        squared,
        _median(lambda: decode_ciphertext(context, wire, level, 2.0**20)),
        _median(lambda: encode_ciphertext(context, ciphertext)),
    )


def _median(operation: Callable[[], object]) -> float:
    times: list[float] = []
    started_at = time.perf_counter()
    while time.perf_counter() - started_at < _SECONDS or len(times) < 5:
        begin = time.perf_counter()
        operation()
        times.append((time.perf_counter() - begin) * 1000)
    return float(np.median(times))
