"""How many frames share a ciphertext: a fixed number, or as many as pay (`auto`)."""

from collections.abc import Callable

from common.errors import CapacityError, ConfigurationError
from common.plan.costs import shipped_costs
from common.plan.plan import Plan
from common.plan.predictions import plan_ms, upload_bytes, weight_bytes

#: The word for as many frames as pay.
AUTO = "auto"
#: Bytes that `auto` takes at most: of a burst on its way, and of the weights in a worker's process.
MAX_UPLOAD_BYTES = 64_000_000
MAX_WEIGHT_BYTES = 1_000_000_000
#: Share of its cost that a frame must save when there are twice as many, or the longer wait isn't worth it.
LEAST_GAIN = 0.15
#: Frames in a ciphertext, at most: the slots of the largest ring.
_MOST_FRAMES = 16384

HELP = (
    "Frames of one device that share a ciphertext, a power of two: more throughput, longer latency. auto doubles "
    f"them while that makes a frame at least {LEAST_GAIN:.0%} cheaper, a burst stays within "
    f"{MAX_UPLOAD_BYTES // 1_000_000} MB and the encoded weights within {MAX_WEIGHT_BYTES // 10**9} GB."
)


def parse_frames(text: str) -> int | None:
    """The number of frames; None for `auto`. Raises `ConfigurationError`."""
    if text == AUTO:
        return None
    frames = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= frames <= _MOST_FRAMES or frames & (frames - 1):
        raise ConfigurationError(
            f"frames_per_ciphertext is {text!r}; give {AUTO}, or a power of two from 1 to {_MOST_FRAMES}"
        )
    return frames


def choose_plan(compile_for: Callable[[int], Plan], tried: Callable[[Plan], None]) -> Plan:
    """The plan for `auto`, by the rule in `HELP`; calls `tried` with each plan that was compiled.

    Raises what `compile_for` raises for one frame.
    """
    best = compile_for(1)
    tried(best)
    while best.head.frames_per_ciphertext < _MOST_FRAMES:
        try:
            doubled = compile_for(2 * best.head.frames_per_ciphertext)
        except CapacityError:
            break
        tried(doubled)
        fits = upload_bytes(doubled.head) <= MAX_UPLOAD_BYTES and weight_bytes(doubled) <= MAX_WEIGHT_BYTES
        if not fits or ms_per_frame(doubled) > (1 - LEAST_GAIN) * ms_per_frame(best):
            break
        best = doubled
    return best


def ms_per_frame(plan: Plan) -> float:
    """A frame's share of the predicted time of an evaluation, in ms."""
    return plan_ms(plan, shipped_costs()) / plan.head.frames_per_ciphertext
