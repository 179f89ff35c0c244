"""Layouts: which tensor element stands in which slot of which ciphertext.

With several frames in a ciphertext, its slots are divided among them: slot s of frame f is
slot s · K + f of the ciphertext. Rotating by s · K then rotates each frame's own slots by s,
around their end. So layouts, rotations and vectors are those of one frame in fewer slots,
and nothing here needs to know K.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from compiler.matrices import Matrix
from compiler.stages import Affine

Slots = NDArray[np.int32]
Order = NDArray[np.int64]
#: The number that stands for no element.
EMPTY = -1
#: Slots that the windows of an input may take in all; an input that needs more isn't laid out as windows.
_MOST_SLOTS = 1 << 22


@dataclass(frozen=True)
class Layout:
    """`elements[c, s]` is the element in slot s of ciphertext c, or EMPTY where the slot holds nothing of use.

    `elements` has shape (ciphertexts, slots); an element may stand in several slots. `pitch` is the distance
    in slots between two channels, or between two blocks of windows; it may be larger than a ciphertext.
    """

    elements: Slots
    pitch: int

    @property
    def ciphertexts(self) -> int:
        """Number of ciphertexts."""
        return len(self.elements)

    @property
    def slots(self) -> int:
        """Slots in a ciphertext."""
        return int(self.elements.shape[1])

    def periods(self) -> list[int]:
        """For each ciphertext the smallest power of two P such that slots s and s + P always hold the same."""
        return [_period(row) for row in self.elements]

    def places(self, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ciphertext and slot of the first copy of each of `size` elements; EMPTY for one that isn't there."""
        ciphertext, slot = self.copies(size)
        return ciphertext[0], slot[0]

    def copies(self, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ciphertext and slot of every copy of each of `size` elements, both of shape (most copies, size).

        Copies that follow from a ciphertext's period are left out; EMPTY where there are fewer.
        """
        within = np.arange(self.slots) < np.array(self.periods())[:, None]
        rows, columns = np.nonzero((self.elements != EMPTY) & within)
        owners = self.elements[rows, columns]
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=size)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        copy = np.arange(len(order)) - starts[owners[order]]
        places = np.full((2, max(int(counts.max(initial=0)), 1), size), EMPTY, dtype=np.int64)
        places[:, copy, owners[order]] = rows[order], columns[order]
        return places[0], places[1]


@dataclass(frozen=True)
class InputLayout:
    """How a frame is laid out: `layout` places virtual elements, which `gather` maps to inputs.

    An input that several windows read stands for several virtual elements, so that every
    virtual element has one place.
    """

    layout: Layout
    gather: NDArray[np.int64]

    @property
    def elements(self) -> Slots:
        """Input element by ciphertext and slot."""
        elements = self.layout.elements
        return np.where(elements == EMPTY, EMPTY, self.gather[elements]).astype(np.int32)

    def read_by(self, stage: Affine, windows: NDArray[np.int64] | None) -> Matrix | None:
        """The stage's matrix for inputs, over virtual elements: shape (out, virtual elements).

        With `windows` (offsets, positions) each output position reads the copies in its own window, without them
        the first copies. None where the stage reads an input that has no place in the layout.
        """
        matrix = sparse.coo_array(stage.matrices[0])
        rows, columns, positions = matrix.row, matrix.col, stage.shape[1] * stage.shape[2]
        if windows is None:  # the layout suits another stage, so any copy will do
            first = np.full(matrix.shape[1], EMPTY, dtype=np.int64)
            first[self.gather[::-1]] = np.arange(len(self.gather))[::-1]
            virtual = first[columns]
        else:
            where = (np.tile(np.arange(positions), len(windows)), windows.reshape(-1) + 1)
            numbered = np.arange(1, windows.size + 1)  # from 1 on: 0 is what isn't there
            lookup = sparse.csr_array((numbered, where), shape=(positions, matrix.shape[1] + 1))
            numbers = np.asarray(lookup[rows % positions, columns + 1]).reshape(-1) - 1
            virtual = np.where(numbers < 0, EMPTY, np.cumsum(windows.reshape(-1) != EMPTY)[numbers] - 1)
        if (virtual == EMPTY).any():
            return None
        return sparse.csr_array((matrix.data, (rows, virtual)), shape=(matrix.shape[0], len(self.gather)))


def raster(height: int, width: int) -> Order:
    """Positions row by row: the index of position (y, x), flattened."""
    return np.arange(height * width)


def polyphase(height: int, width: int, stride: int, *strides: int) -> Order:
    """Positions by phase (y mod stride, x mod stride), row by row within each, or by phase again for more `strides`.

    In this order, the polyphase order, what the windows of a strided convolution read at one kernel offset
    is contiguous. (Lee et al., ICML 2022, "Low-complexity deep convolutional neural networks on fully
    homomorphic encryption using multiplexed parallel convolutions", fill a stride's gaps instead.)
    """
    rows, columns = np.divmod(np.arange(height * width), width)
    high, wide = -(-height // stride), -(-width // stride)
    phase = rows % stride * stride + columns % stride
    within = polyphase(high, wide, *strides) if strides else raster(high, wide)
    order: Order = phase * high * wide + within[rows // stride * wide + columns // stride]
    return order


def place(channels: int, order: Order, pitch: int, slots: int) -> Slots:
    """Elements by ciphertext and slot: channels `pitch` slots apart, positions within a channel by `order`.

    As many channels share a ciphertext as fit; one that is larger than a ciphertext takes several,
    and `pitch` is a multiple of `slots` then.
    """
    positions = len(order)
    index = np.arange(channels * positions, dtype=np.int32).reshape(channels, positions)
    if pitch <= slots:
        together = slots // pitch
        channel = np.arange(channels)[:, None]
        rows, columns = np.broadcast_arrays(channel // together, channel % together * pitch + order)
    else:
        rows, columns = np.divmod(np.arange(channels)[:, None] * pitch + order, slots)
    elements = np.full((int(rows.max()) + 1, slots), EMPTY, dtype=np.int32)
    elements[rows, columns] = index
    return elements


def skewed_copies(row: Slots, copies: int, shift: int) -> Slots:
    """One period of a ciphertext's slots, then the same rotated by `shift`, by twice that, and so on.

    Where a later stage folds slots with a short period, each copy serves another of its diagonals, so that
    one product does the work of `copies`.
    """
    return np.concatenate([np.roll(row, -shift * number) for number in range(copies)])


def pitches(order: Order, slots: int, *more: int) -> list[int]:
    """Distances between channels, in slots, that may suit positions in this order; `more` are tried too if they fit."""
    extent = int(order.max()) + 1
    if extent > slots:
        return [-(-extent // slots) * slots]
    distances = {extent, power_of_two(extent), *(pitch for pitch in more if pitch >= extent)}
    return sorted(pitch for pitch in distances if pitch <= slots)


def input_layouts(
    stage: Affine, output_orders: list[Order], slots: int
) -> Iterator[tuple[InputLayout, NDArray[np.int64] | None]]:
    """Layouts of the network's input that may suit its first stage, with the windows they are made of if any.

    The first layouts hold every input once. They are the least to send where a ciphertext has few slots
    for each frame. The others are made of windows, since the device may repeat inputs at no cost. Block o
    of such a layout holds, for every output position, the o-th input that the position reads, in the order
    of kernel offsets. So one rotation by the pitch serves all positions at once. A dense layer has one
    position, and blocks of one slot. Blocks that don't fill a ciphertext are repeated in it.
    """
    inputs = np.arange(stage.matrices[0].shape[1])
    for pitch in pitches(inputs, slots):
        yield InputLayout(Layout(place(1, inputs, pitch, slots), pitch), inputs), None
    windows = _windows(stage)
    used = windows.reshape(-1) != EMPTY
    gather = windows.reshape(-1)[used]
    numbers = np.full(windows.size, EMPTY, dtype=np.int32)
    numbers[used] = np.arange(len(gather))
    for order in output_orders:
        for pitch in pitches(order, slots):
            if len(windows) * pitch > _MOST_SLOTS:
                continue
            blocks = place(len(windows), order, pitch, slots)
            elements = np.where(blocks == EMPTY, EMPTY, numbers[blocks])
            yield InputLayout(Layout(np.stack([_repetition(row) for row in elements]), pitch), gather), windows


def power_of_two(value: int) -> int:
    """The smallest power of two that isn't below `value`."""
    return 1 << max(value - 1, 0).bit_length()


def _repetition(row: Slots) -> Slots:
    """A ciphertext's slots in which the non-empty ones repeat, with the smallest power of two as the period."""
    used = np.flatnonzero(row != EMPTY)
    period = power_of_two(int(used.max()) + 1) if len(used) else len(row)
    return np.tile(row[:period], len(row) // period)


def _windows(stage: Affine) -> NDArray[np.int64]:
    """Inputs that each output position reads in any channel, shape (most offsets, positions)."""
    positions = stage.shape[1] * stage.shape[2]
    matrix = sparse.coo_array(stage.matrices[0])
    pairs = np.unique(matrix.row % positions * matrix.shape[1] + matrix.col)
    position, column = np.divmod(pairs, matrix.shape[1])
    counts = np.bincount(position, minlength=positions)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    windows = np.full((max(int(counts.max()), 1), positions), EMPTY, dtype=np.int64)
    windows[np.arange(len(pairs)) - starts[position], position] = column
    return windows


def _period(row: Slots) -> int:
    period = len(row)
    while period > 1 and np.array_equal(row[: period // 2], row[period // 2 : period]):
        period //= 2
    return period
