"""Layouts: which tensor element stands in which slot."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.folding import Affine

Slots = NDArray[np.int32]
EMPTY = -1


@dataclass(frozen=True)
class Layout:
    """`elements[s]` is the element in slot s, or EMPTY where the slot holds nothing of use.

    An element may stand in several slots. `pitch` is the distance between two channels.
    """

    elements: Slots
    pitch: int

    @property
    def slots(self) -> int:
        """Number of slots."""
        return len(self.elements)

    def period(self) -> int:
        """The smallest power of two P such that slots s and s + P always hold the same."""
        period = self.slots
        while period > 1 and np.array_equal(self.elements[: period // 2], self.elements[period // 2 : period]):
            period //= 2
        return period

    def first_copies(self) -> Slots:
        """`elements` with every copy but the first made EMPTY."""
        kept = np.full_like(self.elements, EMPTY)
        values, first = np.unique(self.elements, return_index=True)
        kept[first] = values
        return kept

    def copies(self, size: int) -> NDArray[np.int64]:
        """Slots of each of `size` elements, shape (size, most copies), padded with EMPTY."""
        used = np.flatnonzero(self.elements != EMPTY)
        order = used[np.argsort(self.elements[used], kind="stable")]
        owners = self.elements[order]
        counts = np.bincount(owners, minlength=size)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        table = np.full((size, max(int(counts.max(initial=0)), 1)), EMPTY, dtype=np.int64)
        table[owners, np.arange(len(order)) - starts[owners]] = order
        return table


def block_layout(blocks: NDArray[np.int32], pitch: int, slots: int) -> Layout:
    """Lay rows of `blocks` (rows, width ≤ pitch) out one behind another, `pitch` slots apart."""
    elements = np.full(slots, EMPTY, dtype=np.int32)
    rows, width = blocks.shape
    where = np.arange(rows)[:, None] * pitch + np.arange(width)[None, :]
    elements[where] = blocks
    return Layout(elements, pitch)


def channel_layout(shape: tuple[int, int], pitch: int, slots: int) -> Layout:
    """Element (channel, position) in slot channel · pitch + position."""
    channels, positions = shape
    return block_layout(np.arange(channels * positions, dtype=np.int32).reshape(shape), pitch, slots)


def input_layouts(stage: Affine, slots: int) -> Iterator[Layout]:
    """Layouts of the network's input that may suit its first stage.

    Gathering is free on the device, so an input may be repeated. First the windows of a
    convolution, kernel-offset-major: block o holds, for every output position, the o-th input
    that the position reads, so one rotation by the pitch serves all positions at once. Then
    the whole input, repeated with a power-of-two period, for dense layers.
    """
    channels, positions = stage.shape
    outputs, inputs = stage.matrix.shape
    windows = _windows(stage)
    offsets = windows.shape[0]
    for pitch in _pitches(positions, slots):
        blocks = slots // pitch
        if max(offsets, channels) > blocks:
            continue
        for period in sorted({offsets, min(_power_of_two(offsets), blocks)}):
            which = np.arange(blocks) % period
            padded = np.vstack([windows, np.full((period - offsets, positions), EMPTY, np.int32)])
            yield block_layout(padded[which], pitch, slots)
    period = _power_of_two(inputs)
    if period <= slots:
        whole = np.concatenate([np.arange(inputs), np.full(period - inputs, EMPTY)]).astype(np.int32)
        yield Layout(np.tile(whole, slots // period), outputs)
    if inputs <= slots:
        yield channel_layout((1, inputs), slots, slots)


def _windows(stage: Affine) -> NDArray[np.int32]:
    """Inputs that each output position reads in any channel, shape (most offsets, positions)."""
    channels, positions = stage.shape
    reads = (stage.matrix.reshape(channels, positions, -1) != 0).any(axis=0)
    most = max(int(reads.sum(axis=1).max()), 1)
    windows = np.full((most, positions), EMPTY, dtype=np.int32)
    for position in range(positions):
        inputs = np.flatnonzero(reads[position])
        windows[: len(inputs), position] = inputs
    return windows


def _pitches(positions: int, slots: int) -> list[int]:
    pitches = {positions, _power_of_two(positions)}
    return sorted(pitch for pitch in pitches if pitch <= slots)


def _power_of_two(value: int) -> int:
    """The smallest power of two that isn't below `value`."""
    return 1 << max(value - 1, 0).bit_length()
