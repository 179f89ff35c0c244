"""A matrix as rotations and products: diagonals, baby-step/giant-step, hybrid folds.

With v the slots and rot_k(v)[i] = v[i + k], every matrix is a sum over its non-zero
generalised diagonals, M·v = Σ_d diag_d ⊙ rot_d(v) (Halevi and Shoup, CRYPTO 2014, section 4.3),
and with d = g + b only the babies b and giants g are rotations:
Σ_g rot_g(Σ_b rot_-g(diag_(g+b)) ⊙ rot_b(v)).

A matrix with few rows takes the hybrid form of Juvekar et al. (GAZELLE, USENIX Security 2018,
section 4.2): as many diagonals as rows, then rotate-and-add folds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.folding import Affine
from common.layers import Array
from common.layout import EMPTY, Layout, channel_layout

Diagonals = dict[int, NDArray[np.float64]]
#: Beyond this a stage takes seconds and its vectors hundreds of megabytes.
MOST_DIAGONALS = 384


@dataclass(frozen=True)
class Transform:
    """One linear stage in slots.

    `terms[giant][baby]` is the vector that multiplies the input rotated by `baby`; the sum
    over babies is rotated by `giant`, the sum over giants by each of `folds` in turn, each
    time added to itself. Where `partial` is set, an output element is the sum of its slots.
    """

    terms: dict[int, Diagonals]
    folds: tuple[int, ...]
    output: Layout
    partial: bool

    @property
    def babies(self) -> list[int]:
        """Steps that the input is rotated by, 0 included where it occurs."""
        return sorted({baby for babies in self.terms.values() for baby in babies})

    @property
    def rotations(self) -> list[int]:
        """The step of every rotation that one evaluation performs."""
        steps = [step for step in (*self.babies, *self.terms) if step]
        return [*steps, *self.folds]

    @property
    def products(self) -> int:
        """Products of ciphertext and plaintext."""
        return sum(map(len, self.terms.values()))

    def apply(self, slots: Array) -> Array:
        """The output's slots, without the bias, for plain ones."""
        total = np.zeros_like(slots)
        for giant, babies in self.terms.items():
            inner = np.zeros_like(slots)
            for baby, vector in babies.items():
                inner += vector * np.roll(slots, -baby)
            total += np.roll(inner, -giant)
        for fold in self.folds:
            total = total + np.roll(total, -fold)
        return total


def transforms(stage: Affine, layout: Layout, last: bool) -> Iterator[Transform]:
    """The ways to compute `stage` on inputs laid out so; any may be the cheapest."""
    if last:
        spread = _spread(stage, layout)
        if spread is not None:
            yield spread
    hybrid = _hybrid(stage, layout, last)
    if hybrid is not None:
        yield hybrid
    if stage.shape[1] == 1 and hybrid is not None:
        return  # without positions to align, the hybrid form has the fewest diagonals
    for output in _output_layouts(stage, layout):
        diagonals = _diagonals(stage, layout, output)
        if diagonals is not None:
            yield Transform(split(diagonals, layout.slots), (), output, partial=False)


def split(diagonals: Diagonals, slots: int) -> dict[int, Diagonals]:
    """Divide diagonals into giants and babies with the fewest rotations."""
    steps = np.array(sorted(diagonals))
    unit = math.gcd(slots, *map(int, steps))
    signed = np.where(steps > slots // 2, steps - slots, steps)
    best: tuple[int, NDArray[np.int64], NDArray[np.int64]] | None = None
    span = int(signed.max() - signed.min()) + unit
    for modulus in range(unit, min(span, slots) + 1, unit):
        for values, shift in ((steps, 0), (signed, modulus // 2)):
            babies = (values + shift) % modulus - shift
            giants = (values - babies) % slots
            babies = babies % slots
            count = len(np.setdiff1d(babies, [0])) + len(np.setdiff1d(giants, [0]))
            if best is None or count < best[0]:
                best = (count, giants, babies)
        if best is not None and best[0] <= 2 * math.isqrt(len(steps)) - 2:
            break
    assert best is not None
    terms: dict[int, Diagonals] = {}
    for step, giant, baby in zip(steps, best[1], best[2], strict=True):
        terms.setdefault(int(giant), {})[int(baby)] = np.roll(diagonals[int(step)], int(giant))
    return terms


def _diagonals(stage: Affine, layout: Layout, output: Layout) -> Diagonals | None:
    """Generalised diagonals; None when there would be more than `MOST_DIAGONALS`.

    With inputs repeated in several slots, an entry of the matrix can stand in several
    diagonals. A greedy cover takes, again and again, the diagonal that serves most entries.
    """
    slots = layout.slots
    copies = layout.copies(stage.matrix.shape[1])
    targets = np.flatnonzero(output.elements != EMPTY)
    rows, columns = np.nonzero(stage.matrix[output.elements[targets]])
    here = targets[rows]
    values = stage.matrix[output.elements[here], columns]
    sources = copies[columns]
    steps = np.where(sources == EMPTY, slots, (sources - here[:, None]) % slots)
    diagonals: Diagonals = {}
    while len(here):
        if len(diagonals) == MOST_DIAGONALS:
            return None
        step = int(np.bincount(steps.reshape(-1), minlength=slots + 1)[:slots].argmax())
        served = (steps == step).any(axis=1)
        diagonal = np.zeros(slots)
        diagonal[here[served]] = values[served]
        diagonals[step] = diagonal
        here, values, steps = here[~served], values[~served], steps[~served]
    return diagonals


def _hybrid(stage: Affine, layout: Layout, last: bool) -> Transform | None:
    outputs = stage.matrix.shape[0]
    height = 1 << (outputs - 1).bit_length()
    period = max(layout.period(), height)
    if height > min(layout.slots, MOST_DIAGONALS):
        return None
    elements = layout.first_copies() if period == layout.slots else layout.elements[:period]
    if period < layout.slots:
        elements = Layout(elements, layout.pitch).first_copies()
    padded = np.zeros((height, stage.matrix.shape[1] + 1))  # the last column serves EMPTY
    padded[:outputs, :-1] = stage.matrix
    slot = np.arange(period)
    diagonals: Diagonals = {}
    for step in range(height):
        diagonal = padded[slot % height, elements[(slot + step) % period]]
        if diagonal.any():
            diagonals[step] = np.tile(diagonal, layout.slots // period)
    folds: list[int] = []
    while period > height:
        period //= 2
        folds.append(period)
    rows = np.arange(layout.slots, dtype=np.int32) % height
    rows[rows >= outputs] = EMPTY
    terms = split(diagonals, layout.slots)
    if not last:
        return Transform(terms, tuple(folds), Layout(rows, 1), partial=False)
    period = height << len(folds)  # unfolded: one period of slots holds all partial sums, once
    rows[period:] = EMPTY
    return Transform(terms, (), Layout(rows, 1), partial=True)


def _spread(stage: Affine, layout: Layout) -> Transform | None:
    """With as many copies of every input as rows: one product, and no rotation at all.

    Copy m of each input meets row m; the key holder adds the slots of a row up after
    decryption, where additions are free.
    """
    outputs, inputs = stage.matrix.shape
    copies = layout.copies(inputs)
    if copies.shape[1] < outputs or (copies[:, :outputs] == EMPTY).any():
        return None
    vector = np.zeros(layout.slots)
    rows = np.full(layout.slots, EMPTY, dtype=np.int32)
    for row in range(outputs):
        vector[copies[:, row]] = stage.matrix[row]
        rows[copies[:, row]] = row
    return Transform({0: {0: vector}}, (), Layout(rows, 1), partial=True)


def _output_layouts(stage: Affine, layout: Layout) -> Iterator[Layout]:
    """Places for the outputs: aligned with the inputs they read, or packed densely."""
    channels, positions = stage.shape
    seen: list[Layout] = []
    candidates = [_aligned(stage, layout)]
    for pitch in (layout.pitch, positions):
        fits = positions <= pitch and (channels - 1) * pitch + positions <= layout.slots
        candidates.append(channel_layout(stage.shape, pitch, layout.slots) if fits else None)
    for candidate in candidates:
        if candidate is not None and not any(np.array_equal(candidate.elements, s.elements) for s in seen):
            seen.append(candidate)
            yield candidate


def _aligned(stage: Affine, layout: Layout) -> Layout | None:
    """Each output position where channel 0's first input of it stands: strides leave gaps."""
    channels, positions = stage.shape
    reads = (stage.matrix.reshape(channels, positions, -1) != 0).any(axis=0)
    if not reads.any(axis=1).all():
        return None
    place = layout.copies(stage.matrix.shape[1])[reads.argmax(axis=1), 0]
    if len(np.unique(place)) < positions or (channels - 1) * layout.pitch + int(place.max()) >= layout.slots:
        return None
    slots = (np.arange(channels)[:, None] * layout.pitch + place[None, :]).reshape(-1)
    if len(np.unique(slots)) < slots.size:
        return None
    elements = np.full(layout.slots, EMPTY, dtype=np.int32)
    elements[slots] = np.arange(slots.size, dtype=np.int32)
    return Layout(elements, layout.pitch)
