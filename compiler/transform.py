"""A linear stage as rotations and products of the ciphertexts that hold its inputs.

With v the slots and rot_k(v)[i] = v[i + k], every matrix is a sum over its non-zero generalised
diagonals, M·v = Σ_d diag_d ⊙ rot_d(v) (Halevi and Shoup, CRYPTO 2014, section 4.3). Where
inputs or outputs repeat with a period, a diagonal may be taken modulo this period. So a matrix
with few rows takes as many diagonals as rows, and rotate-and-add folds behind them (the hybrid
form of Juvekar et al., GAZELLE, USENIX Security 2018, section 4.2). Tensors that fill several
ciphertexts make block matrices: a diagonal then leads from one ciphertext to another.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from common.plan.work import StageWork
from compiler.layout import EMPTY, Layout, Order, pitches, place, power_of_two, skewed_copies
from compiler.matrices import Matrix
from compiler.steps import Diagonals, Ints, Price, Steps, split

#: Numbers that the vectors of one stage may hold together: half a gigabyte.
_MOST_WEIGHTS = 1 << 27

#: Copies of an output, each shifted against the one before, that are tried.
_SKEWED_COPIES = (2, 4, 8, 16)

Vectors = NDArray[np.float32]
#: For each entry of the matrices that is not zero: its term, its slot in the term's vector, its weight.
Weights = tuple[Ints, Ints, NDArray[np.float64]]


@dataclass(frozen=True)
class Input:
    """A value that a stage reads: its number, its layout, and the stage's matrix for it, shape (out, elements)."""

    value: int
    layout: Layout
    matrix: Matrix

    @cached_property
    def entries(self) -> tuple[Ints, Ints, Ints, NDArray[np.float64]]:
        """For each entry that is not zero: its row, ciphertext and slot of its element by copy, its weight."""
        matrix = sparse.coo_array(self.matrix)
        ciphertext, slot = self.layout.copies(matrix.shape[1])
        return matrix.row, ciphertext[:, matrix.col], slot[:, matrix.col], matrix.data

    @cached_property
    def periods(self) -> Ints:
        """The period of each ciphertext."""
        return np.array(self.layout.periods())


@dataclass(frozen=True)
class Transform:
    """One linear stage in slots.

    Term j multiplies a ciphertext, number `diagonals.source[j]` of `sources`, rotated by
    `steps.baby[j]`, by a vector; the sum over the terms of one target and one giant is rotated by
    `steps.giant[j]` and added to the target. Each of `folds` in turn rotates a target and adds it
    to itself. Where `partial` is set, an output element is the sum of its slots.
    """

    #: The value of each source, and the number of the ciphertext within the value.
    sources: tuple[tuple[int, int], ...]
    output: Layout
    diagonals: Diagonals
    steps: Steps
    folds: tuple[int, ...]
    partial: bool
    period: int
    weights: Callable[[], Weights]

    @property
    def work(self) -> StageWork:
        """What one evaluation makes an engine do, with plain weights and without squares."""
        return self.steps.work(self.diagonals)._replace(
            targets=self.output.ciphertexts, products=self.products, fold_groups=(1,) * len(self.folds)
        )

    @property
    def products(self) -> int:
        """Products of a ciphertext and a vector of weights."""
        return len(self.diagonals.step)

    def vectors(self) -> Vectors:
        """The vector of each term, shape (terms, period); it repeats with the period."""
        vectors = np.zeros((self.products, self.period), dtype=np.float32)
        term, slot, weight = self.weights()
        vectors[term, slot % self.period] = weight
        return vectors


@dataclass(frozen=True)
class _Entries:
    """The non-zero entries of a stage's matrices: from `slot` of `source` to `row` of `target`."""

    source: Ints
    slot: Ints
    target: Ints
    row: Ints
    weight: NDArray[np.float64]

    @classmethod
    def all(cls, parts: Iterable["_Entries"]) -> "_Entries":
        """The entries of all parts."""
        columns = zip(*((one.source, one.slot, one.target, one.row, one.weight) for one in parts), strict=True)
        return cls(*map(np.concatenate, columns))

    def where(self, used: NDArray[np.bool_]) -> "_Entries":
        """Those that are used."""
        return _Entries(self.source[used], self.slot[used], self.target[used], self.row[used], self.weight[used])


def transforms(
    inputs: Sequence[Input],
    shape: tuple[int, int, int],
    orders: Sequence[Order],
    last: bool,
    readers: Sequence[int],
    price: Price,
    sealed: bool = False,
    chained: bool = False,
) -> Iterator[Transform]:
    """Ways to compute a stage with outputs of `shape` from inputs laid out so; any may be the cheapest.

    `orders` are orders of the positions within a channel that suit the stages behind, `readers` the
    periods with which stages behind fold. Rotations are split by `price`. `sealed`: the weights will be
    encrypted. `chained`: rotations are made one from the other.
    """
    if last:
        yield from _spread(inputs, shape[0])
    layouts: list[Layout] = []
    for output, period in _outputs(inputs, shape, orders, last, readers):
        if any(np.array_equal(output.elements, one.elements) for one in layouts):
            continue
        layouts.append(output)
        transform = _transform(inputs, output, period, last, price, sealed, chained)
        if transform is not None:
            yield transform


def _transform(
    inputs: Sequence[Input], output: Layout, period: int, last: bool, price: Price, sealed: bool, chained: bool
) -> Transform | None:
    """Diagonals for an output that repeats with `period`; None when there are too many weights."""
    periods = np.concatenate([one.periods for one in inputs])
    moduli = np.minimum(periods, period)
    whole = max(period, int(periods.max()))

    def keys(entries: _Entries) -> Ints:
        step = _modulo(entries.slot - entries.row, moduli[entries.source])
        key: Ints = (entries.target * len(periods) + entries.source) * whole + step
        return key

    used = np.zeros(output.ciphertexts * len(periods) * whole, dtype=bool)
    for entries in _entries(inputs, output, moduli):
        used[keys(entries)] = True
    which = np.flatnonzero(used)
    if len(which) * whole > _MOST_WEIGHTS:
        return None
    pairs, step = np.divmod(which, whole)
    target, source = np.divmod(pairs, len(periods))
    diagonals = Diagonals(target, source, step, moduli[source])
    steps = split(diagonals, {output.pitch, *(one.layout.pitch for one in inputs)}, price, sealed, chained)

    def weights() -> Weights:
        entries = _Entries.all(_entries(inputs, output, moduli))
        term = np.searchsorted(which, keys(entries))
        giant, exact = steps.giant[term], steps.giant[term] + steps.baby[term]
        # Rotated by the exact step, slot s comes to slot s - step. Where the input's period is the longer
        # one, that is one of several copies of the output's row, and the folds add the copies up.
        row = np.where(periods[entries.source] > period, entries.slot - exact, entries.row)
        return term, row % whole + giant, entries.weight

    elements, folds = output.elements, tuple(whole >> one for one in range(1, (whole // period).bit_length()))
    if last:  # not folded: one whole period of slots holds all partial sums, once
        elements = np.where(np.arange(output.slots) < whole, elements, EMPTY)
        folds = ()
    return Transform(_sources(inputs), Layout(elements, output.pitch), diagonals, steps, folds, last, whole, weights)


def _entries(inputs: Sequence[Input], output: Layout, moduli: Ints) -> Iterator[_Entries]:
    """Where each entry is multiplied: for every copy of its row, by its element's copy at the least step.

    There are millions of them, and hundreds of layouts, so they aren't copied without need.
    """
    before = 0
    targets, rows = output.copies(int(output.elements.max()) + 1)
    for one in inputs:
        entry_row, ciphertexts, slots, weight = one.entries
        for target, row in zip(targets, rows, strict=True):
            entry_target, slot_of_row = target[entry_row], row[entry_row]
            source, slot = _least_step(ciphertexts + before, slots, slot_of_row, moduli)
            entries, used = _Entries(source, slot, entry_target, slot_of_row, weight), entry_target != EMPTY
            yield entries if used.all() else entries.where(used)
        before += one.layout.ciphertexts


def _modulo(numbers: Ints, moduli: Ints) -> Ints:
    """The numbers modulo powers of two, as all periods are, without a division."""
    return numbers & (moduli - 1)


def _least_step(sources: Ints, slots: Ints, row: Ints, moduli: Ints) -> tuple[Ints, Ints]:
    if len(slots) == 1:
        return sources[0], slots[0]
    step = np.where(slots == EMPTY, np.iinfo(np.int64).max, _modulo(slots - row, moduli[sources]))
    best = step.argmin(axis=0)[None]
    return np.take_along_axis(sources, best, 0)[0], np.take_along_axis(slots, best, 0)[0]


def _spread(inputs: Sequence[Input], outputs: int) -> Iterator[Transform]:
    """With as many copies of every input as rows: one product, and no rotation at all.

    Copy m of each input meets row m; the key holder adds the slots of a row up after
    decryption, where additions are free.
    """
    layout = inputs[0].layout
    period = int(inputs[0].periods[0])
    if len(inputs) > 1 or layout.ciphertexts > 1 or outputs * period > layout.slots:
        return

    def weights() -> Weights:
        row, _, slots, weight = inputs[0].entries
        return np.zeros(len(row), dtype=np.int64), slots[0] + row * period, weight

    rows = np.repeat(np.arange(layout.slots // period, dtype=np.int32), period)
    rows[(rows >= outputs) | (layout.elements[0] == EMPTY)] = EMPTY
    zero = np.zeros(1, dtype=np.int64)
    diagonals = Diagonals(zero, zero, zero, zero + period)
    output = Layout(rows[None], 1)
    yield Transform(_sources(inputs), output, diagonals, Steps(zero, zero), (), True, layout.slots, weights)


def _outputs(
    inputs: Sequence[Input],
    shape: tuple[int, int, int],
    orders: Sequence[Order],
    last: bool,
    readers: Sequence[int],
) -> Iterator[tuple[Layout, int]]:
    """Layouts of the output, with their period: aligned with the inputs they read, packed densely, or skewed."""
    layout, channels = inputs[0].layout, shape[0]
    gaps = _aligned(inputs[0], shape)
    for order in [*orders, *([gaps] if gaps is not None else [])]:
        for pitch in pitches(order, layout.slots, layout.pitch):
            elements = place(channels, order, pitch, layout.slots)
            extent = int(np.flatnonzero((elements != EMPTY).any(axis=0)).max()) + 1
            period = power_of_two(extent)
            repeated = np.tile(elements[:, :period], (1, layout.slots // period))
            yield Layout(repeated, pitch), period
            if period < layout.slots and shape[1:] != (1, 1) and not last:
                yield Layout(elements, pitch), layout.slots
            for reader, copies in product(readers, _SKEWED_COPIES):
                if not last and len(elements) == 1 and period * copies <= layout.slots and copies < reader <= period:
                    row = skewed_copies(elements[0, :period], copies, reader // copies)
                    yield Layout(np.tile(row, layout.slots // len(row))[None], pitch), len(row)


def _aligned(one: Input, shape: tuple[int, int, int]) -> Order | None:
    """Each output position where the first input that it reads stands: strides leave gaps."""
    positions = shape[1] * shape[2]
    matrix = sparse.csr_array(one.matrix)[:positions]  # the first channel's rows
    if positions == 1 or (np.diff(matrix.indptr) == 0).any():
        return None
    ciphertext, slot = one.layout.places(matrix.shape[1])
    first = np.minimum.reduceat(slot[matrix.indices], matrix.indptr[:-1])
    if one.layout.ciphertexts > 1 and ciphertext[matrix.indices].any():
        return None
    return first if len(np.unique(first)) == positions and first.max() < one.layout.pitch else None


def _sources(inputs: Sequence[Input]) -> tuple[tuple[int, int], ...]:
    return tuple((one.value, number) for one in inputs for number in range(one.layout.ciphertexts))
