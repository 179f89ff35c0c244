"""The search for the cheapest sequence of layouts and transforms, stage by stage, in one ring."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from common.plan.costs import Costs, StageWork
from compiler.layout import InputLayout, Layout, Order, Slots, input_layouts, phased, power_of_two, raster
from compiler.matrices import Matrix
from compiler.modulus.chain import stage_level
from compiler.stages import Affine, depths
from compiler.transform import Input, Transform, transforms

_BEAM = 8
#: What a ciphertext more costs the device and the wire, in rotations at the highest level.
_INPUT_ROTATIONS = 2.0


@dataclass(frozen=True)
class Candidate:
    """Layouts of the input and of each value so far, the transforms to them, and the predicted time in ms.

    `cost` is what candidates compete by: the time, and the number of ciphertexts to send.
    """

    input: InputLayout
    inputs: Mapping[int, Matrix]  # matrices over the input's virtual elements, by stage
    transforms: tuple[Transform, ...] = ()
    stage_ms: tuple[float, ...] = ()
    sending: float = 0.0

    @property
    def ms(self) -> float:
        """Predicted time of an evaluation."""
        return sum(self.stage_ms)

    @property
    def cost(self) -> float:
        """Predicted time, and what sending the input is worth."""
        return self.ms + self.sending

    def layout(self, value: int) -> Layout:
        """Where a value's elements are."""
        return self.transforms[value - 1].output if value else self.input.layout

    def elements(self, value: int) -> Slots:
        """Which of a value's elements is in each slot, by ciphertext."""
        return self.transforms[value - 1].output.elements if value else self.input.elements

    @property
    def ciphertexts(self) -> int:
        """The most ciphertexts that one value takes."""
        return max(self.layout(value).ciphertexts for value in range(len(self.transforms) + 1))


def cheapest(stages: Sequence[Affine], dimension: int, slots: int, costs: Costs, sealed: bool) -> Candidate | None:
    """The cheapest candidate found for ciphertexts with `slots` slots a frame; None when there is none.

    With `sealed` the weights will be encrypted. A beam: at each stage the cheapest few sequences are kept.
    """
    levels = _levels(stages, ())
    orders = [_orders(stages, index) for index in range(len(stages))]
    beam = list(_inputs(stages, orders[0], slots, costs.stage_ms(StageWork(1, 0, 0), dimension, levels[0])))
    for index, stage in enumerate(stages):
        grown: list[Candidate] = []
        for candidate in beam:
            inputs = [
                Input(value, candidate.layout(value), matrix if value else candidate.inputs[index])
                for value, matrix in sorted(stage.matrices.items(), reverse=True)
            ]
            last, readers = index == len(stages) - 1, _readers(stages, index)
            for transform in transforms(inputs, stage.shape, orders[index], last, readers, sealed):
                work = _work(transform, last, sealed)
                grown.append(_extended(candidate, transform, costs.stage_ms(work, dimension, levels[index])))
        beam = sorted(grown, key=lambda candidate: candidate.cost)[:_BEAM]
    return beam[0] if beam else None


def priced(
    candidate: Candidate, stages: Sequence[Affine], dimension: int, costs: Costs, early: Sequence[int], sealed: bool
) -> Candidate:
    """The candidate with the times that it takes where the stages at the depths `early` rescale before they square."""
    works = [
        _work(transform, transform is candidate.transforms[-1], sealed)._replace(early=depth in early)
        for transform, depth in zip(candidate.transforms, depths(stages), strict=True)
    ]
    times = (costs.stage_ms(work, dimension, level) for work, level in zip(works, _levels(stages, early), strict=True))
    return replace(candidate, stage_ms=tuple(times))


def _levels(stages: Sequence[Affine], early: Sequence[int]) -> list[int]:
    depth_of = depths(stages)
    return [stage_level(depth, max(depth_of), early) for depth in depth_of]


def _work(transform: Transform, last: bool, sealed: bool) -> StageWork:
    squares = 0 if last else transform.output.ciphertexts
    return StageWork(transform.rotations, transform.products, squares, transform.inner_sums if sealed else 0)


def _extended(candidate: Candidate, transform: Transform, ms: float) -> Candidate:
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
    orders = [raster(height, width)]
    for stage in stages[index + 1 :]:
        if index + 1 in stage.matrices and stage.shape[1] * stage.shape[2] > 1:
            stride = round(height / stage.shape[1])
            if stride > 1:
                orders.append(phased(height, width, stride))
    return orders


def _readers(stages: Sequence[Affine], index: int) -> list[int]:
    """Periods with which dense stages fold that read a stage."""
    return sorted(
        {
            power_of_two(stage.shape[0])
            for stage in stages[index + 1 :]
            if index + 1 in stage.matrices and stage.shape[1:] == (1, 1)
        }
    )
