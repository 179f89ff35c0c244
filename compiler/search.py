"""The search for the cheapest sequence of layouts and transforms, stage by stage, in one ring."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from common.plan.costs import Costs
from compiler.layout import InputLayout, Layout, Order, Slots, input_layouts, polyphase, power_of_two, raster
from compiler.matrices import Matrix
from compiler.modulus.chain import stage_level
from compiler.stages import Affine, depths
from compiler.transform import Input, Transform, transforms

#: Candidates that are kept at each stage.
_BEAM = 8
#: Rotations at the highest level that take as long as the device and the wire take for one more ciphertext.
_INPUT_ROTATIONS = 2.0


@dataclass(frozen=True)
class Candidate:
    """Layouts of the input and of each value so far, the transforms that lead to them, and their predicted costs.

    `inputs` maps each stage that reads the input to its matrix over the input layout's virtual elements.
    `stage_ms` are the predicted times of the stages, and `sending` the time that the input's ciphertexts are
    worth, all in ms.
    """

    input: InputLayout
    inputs: Mapping[int, Matrix]
    transforms: tuple[Transform, ...] = ()
    stage_ms: tuple[float, ...] = ()
    sending: float = 0.0

    @property
    def ms(self) -> float:
        """Predicted time of an evaluation, in ms."""
        return sum(self.stage_ms)

    @property
    def cost(self) -> float:
        """What candidates compete by, in ms: the predicted time, and what sending the input is worth."""
        return self.ms + self.sending

    def layout(self, value: int) -> Layout:
        """The layout of a value: 0 is the input, k what stage k - 1 ends in."""
        return self.transforms[value - 1].output if value else self.input.layout

    def elements(self, value: int) -> Slots:
        """The element of a value in each slot, shape (ciphertexts, slots); value 0 has the input's elements."""
        return self.transforms[value - 1].output.elements if value else self.input.elements

    @property
    def ciphertexts(self) -> int:
        """The most ciphertexts that one value takes."""
        return max(self.layout(value).ciphertexts for value in range(len(self.transforms) + 1))


def cheapest(
    stages: Sequence[Affine],
    dimension: int,
    slots: int,
    costs: Costs,
    sealed: bool,
    chained: bool = False,
    most: float = math.inf,
) -> Candidate | None:
    """The cheapest candidate found for ciphertexts with `slots` slots a frame; None when none costs less than `most`.

    `dimension` is that of the ring. With `sealed` the weights will be encrypted, with `chained`
    few keys are wanted. It is a beam search: at each
    stage the cheapest `_BEAM` sequences are kept. Networks of a few stages have hardly more, so that all are tried.
    """
    levels = _levels(stages, ())
    orders = [_orders(stages, index) for index in range(len(stages))]
    beam = list(_inputs(stages, orders[0], slots, costs.rotation_ms(dimension, levels[0])))
    for index, stage in enumerate(stages):
        extensions: list[Candidate] = []
        last, readers = index == len(stages) - 1, _readers(stages, index)
        price = partial(costs.stage_ms, ring_dimension=dimension, level=levels[index])
        ways: dict[tuple[object, ...], list[tuple[Transform, float]]] = {}  # many candidates end in the same layouts
        for candidate in beam:
            inputs = [
                Input(value, candidate.layout(value), matrix if value else candidate.inputs[index])
                for value, matrix in sorted(stage.matrices.items(), reverse=True)
            ]
            key = tuple((one.value, one.layout.pitch, one.layout.elements.tobytes(), id(one.matrix)) for one in inputs)
            if key not in ways:
                found = transforms(inputs, stage.shape, orders[index], last, readers, price, sealed, chained)
                ways[key] = [(one, price(one.work._replace(square=not last, encrypted=sealed))) for one in found]
            extended = (_extension(candidate, transform, ms) for transform, ms in ways[key])
            extensions += [one for one in extended if one.cost < most]
        beam = sorted(extensions, key=lambda candidate: candidate.cost)[:_BEAM]
    return beam[0] if beam else None


def with_times(
    candidate: Candidate, stages: Sequence[Affine], dimension: int, costs: Costs, early: Sequence[int], sealed: bool
) -> Candidate:
    """The candidate with the times that it takes where the stages at the depths `early` rescale before they square."""
    last = candidate.transforms[-1]
    works = [
        transform.work._replace(square=transform is not last, early=depth in early, encrypted=sealed)
        for transform, depth in zip(candidate.transforms, depths(stages), strict=True)
    ]
    levels = _levels(stages, early)
    times = (costs.stage_ms(work, dimension, level) for work, level in zip(works, levels, strict=True))
    return replace(candidate, stage_ms=tuple(times))


def _levels(stages: Sequence[Affine], early: Sequence[int]) -> list[int]:
    depth_of = depths(stages)
    return [stage_level(depth, max(depth_of), early) for depth in depth_of]


def _extension(candidate: Candidate, transform: Transform, ms: float) -> Candidate:
    return Candidate(
        candidate.input,
        candidate.inputs,
        (*candidate.transforms, transform),
        (*candidate.stage_ms, ms),
        candidate.sending,
    )


def _inputs(stages: Sequence[Affine], orders: list[Order], slots: int, rotation_ms: float) -> Iterator[Candidate]:
    for layout, windows in input_layouts(stages[0], orders, slots):
        matrices: dict[int, Matrix] = {}
        for index, stage in enumerate(stages):
            if 0 in stage.matrices:
                matrix = layout.read_by(stage, windows if index == 0 else None)
                if matrix is None:
                    break
                matrices[index] = matrix
        else:
            sending = layout.layout.ciphertexts * _INPUT_ROTATIONS * rotation_ms
            yield Candidate(layout, matrices, sending=sending)


def _orders(stages: Sequence[Affine], index: int) -> list[Order]:
    """Orders of a stage's output positions that suit the stages which read it."""
    _, height, width = stages[index].shape
    return [
        raster(height, width),
        *(polyphase(height, width, *strides) for strides in dict.fromkeys(_strides(stages, index))),
    ]


def _strides(stages: Sequence[Affine], index: int) -> Iterator[tuple[int, ...]]:
    """Strides of the convolutions that read a stage; and these followed by strides of those that read them in turn.

    What is laid out by the phases of two strides serves a convolution whose own outputs are laid out by phases.
    """
    _, height, _ = stages[index].shape
    for reader, stage in enumerate(stages[index + 1 :], start=index + 1):
        if index + 1 in stage.matrices and stage.shape[1] * stage.shape[2] > 1:
            stride = round(height / stage.shape[1])
            if stride > 1:
                yield (stride,)
                yield from ((stride, *more) for more in _strides(stages, reader))


def _readers(stages: Sequence[Affine], index: int) -> list[int]:
    """Periods with which stages fold that read a stage: those of their outputs, packed densely."""
    return sorted(
        {
            power_of_two(stage.shape[0]) * power_of_two(stage.shape[1] * stage.shape[2])
            for stage in stages[index + 1 :]
            if index + 1 in stage.matrices
        }
    )
