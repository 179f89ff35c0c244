"""What templates draw as SVG: sparklines, bars, layers, a modulus. Numbers here, elements in the templates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from web.site import StageTime, StageView

#: Height of a sparkline, in its own units.
SPARK_HEIGHT = 28
#: Width of one minute in it, with the gap to the next.
_STEP = 4
#: Width of the drawing of one stage, in pixels.
STAGE_WIDTH = 118
#: The largest side of a stage's planes, in pixels.
_LARGEST = 64
#: At most so many planes stand for a stage's channels.
_PLANES = 7


def spark(minutes: Sequence[int]) -> str:
    """The path of a bar for each minute; the highest fills the height."""
    top = max(minutes, default=0)
    bars = []
    for index, count in enumerate(minutes):
        if count:
            height = max(2, round(count / top * SPARK_HEIGHT))
            bars.append(f"M{index * _STEP} {SPARK_HEIGHT}v-{height}h3v{height}z")
    return "".join(bars)


def shares(values: Sequence[float]) -> list[float]:
    """Each value as a share of the largest, in percent; what isn't nothing is seen."""
    top = max(values, default=0)
    return [0.0 if top <= 0 or value <= 0 else max(0.8, round(100 * value / top, 2)) for value in values]


@dataclass(frozen=True)
class Span:
    """A bar of the latency of a stage: where it starts and ends on a scale of 100, and its 95th percentile."""

    stage: StageTime
    median: float
    p95: float


def spans(stages: Sequence[StageTime]) -> list[Span]:
    """The latency of each stage on one scale, that of the largest 95th percentile."""
    top = max((stage.p95_ms for stage in stages), default=0) or 1
    return [Span(each, round(100 * each.median_ms / top, 2), round(100 * each.p95_ms / top, 2)) for each in stages]


@dataclass(frozen=True)
class Block:
    """How a stage's output is drawn: planes one behind the other, from the last to the first (x, y, side)."""

    name: str
    shape: str
    layers: tuple[str, ...]
    planes: tuple[tuple[float, float], ...]
    width: float
    height: float
    x: int


def blocks(frame: Sequence[int], stages: Sequence[StageView]) -> list[Block]:
    """The frame and the outputs of all stages, in the proportions of their sides, which grow with a root."""
    height, width, channels = frame
    drawn = [_block("frame", (channels, height, width), (), 0)]
    for index, stage in enumerate(stages, 1):
        drawn.append(_block(stage.name, stage.shape, stage.layers, index))
    return drawn


def _block(name: str, shape: Sequence[int], layers: tuple[str, ...], index: int) -> Block:
    channels, height, width = (*shape, 1, 1, 1)[:3]
    across, tall, planes = _sides(channels, height, width)
    left = index * STAGE_WIDTH + (STAGE_WIDTH - across - 4 * (planes - 1)) / 2
    top = 60 - tall / 2 - 2 * (planes - 1)
    places = tuple((round(left + 4 * n, 1), round(top + 4 * (planes - 1 - n), 1)) for n in range(planes - 1, -1, -1))
    text = " × ".join(str(side) for side in shape if side != 1) or "1"
    return Block(name, text, layers, places, round(across, 1), round(tall, 1), index * STAGE_WIDTH)


def _sides(channels: int, height: int, width: int) -> tuple[float, float, int]:
    """How wide and high planes are in pixels, and how many there are. A vector is one, as high as it has values."""
    if height == width == 1:
        return 9.0, min(_LARGEST * 1.25, 14 + 22 * math.log10(max(1, channels) + 1)), 1
    scale = _LARGEST / math.sqrt(32)
    across, tall = (max(7.0, min(float(_LARGEST), scale * math.sqrt(side))) for side in (width, height))
    return across, tall, min(_PLANES, 1 + round(math.log2(max(1, channels))))
