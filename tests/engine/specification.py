"""What a stage computes, said three times: on slots, by SEAL an operation at a time, and as the engine's arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import blindsight_engine
import numpy as np
from numpy.typing import NDArray

from common.ckks.fhe import Ciphertext, Context, Plaintext
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters

Slots = NDArray[np.float64]


class Holder:
    """A key holder with keys for some steps, and their evaluation keys on each path of the engine."""

    def __init__(self, parameters: Parameters, steps: Sequence[int]) -> None:
        self.parameters, self.steps = parameters, steps
        self.context = Context(parameters)
        self.context.generate_keys(steps)

    def ring(self, path: str) -> blindsight_engine.Ring:
        return blindsight_engine.Ring(self.parameters.log_ring_dimension, self.parameters.primes, path)

    def keys(self, ring: blindsight_engine.Ring, level: int) -> blindsight_engine.Keys:
        """All of them, for use up to a level."""
        keys = blindsight_engine.Keys(ring)
        keys.add(0, level, self._residues[0])
        for step in self.steps:
            keys.add(self.parameters.galois_element(step), level, self._residues[step])
        return keys

    @cached_property
    def _residues(self) -> dict[int, Residues]:
        """By step; 0 is the relinearisation key."""
        return {0: self.context.save_relinearisation_key(), **self.context.save_rotation_keys()}

    def decode(self, plaintext: Plaintext) -> Slots:
        """The slots that an encoded plaintext holds after its rounding."""
        return np.asarray(self.context._engine.decodeFrac(plaintext._pyfhel))


@dataclass(frozen=True)
class Specification:
    """A stage, with steps (slots) where the engine has Galois elements. Scales are of the inputs and of the weights."""

    level: int
    rotations: list[tuple[int, int]]
    sums: list[tuple[int, int]]
    terms: list[tuple[int, int, int]]
    weights: list[Slots]
    fold_groups: list[list[int]]
    biases: list[Slots | None]
    square: bool
    rescale_first: bool
    encrypted: bool
    chained: bool
    scales: tuple[float, float]


def walked(rows: Sequence[tuple[int, int]], chained: bool) -> list[int]:
    """The whole step of each row (input or target, step): chained, from the row before it of the same one."""
    whole: list[int] = []
    for number, (place, step) in enumerate(rows):
        follows = chained and number > 0 and rows[number - 1][0] == place
        whole.append(step + whole[-1] if follows else step)
    return whole


class Case:
    """A stage on some inputs: its operands as SEAL has them, encoded or encrypted once for whoever evaluates."""

    def __init__(self, holder: Holder, stage: Specification, inputs: Sequence[Slots]) -> None:
        self.holder, self.stage, context = holder, stage, holder.context
        self.inputs = [context.encrypt(slots, stage.scales[0]) for slots in inputs]
        self.weights = [self._operand(slots, stage.scales[1]) for slots in stage.weights]
        scale = stage.scales[0] * stage.scales[1]
        self.biases = [None if slots is None else self._operand(slots, scale) for slots in stage.biases]

    def _operand(self, slots: Slots, scale: float) -> Ciphertext | Plaintext:
        context = self.holder.context
        if self.stage.encrypted:
            return context.switched_down(context.encrypt(slots, scale), self._surplus)
        plaintext = context.encode(slots, scale, self.stage.level)
        assert plaintext is not None
        return plaintext

    @property
    def _surplus(self) -> int:
        return self.holder.parameters.levels - self.stage.level

    # On slots

    def exact(self) -> list[Slots]:
        """Each target's slots, for the inputs and weights that the ciphertexts and plaintexts hold."""
        stage, inputs = self.stage, [self.holder.context.decrypt(one) for one in self.inputs]
        weights = [self._slots(one) for one in self.weights]
        steps, giants = walked(stage.rotations, stage.chained), walked(stage.sums, stage.chained)
        rotated = [np.roll(inputs[source], -step) for (source, _), step in zip(stage.rotations, steps, strict=True)]
        totals = [np.zeros_like(inputs[0]) for _ in stage.biases]
        for number, ((target, _), giant) in enumerate(zip(stage.sums, giants, strict=True)):
            for at, rotation, weight in stage.terms:
                if at == number:
                    totals[target] += np.roll(rotated[rotation] * weights[weight], -giant)
        for target, bias in enumerate(self.biases):
            for group in stage.fold_groups:
                totals[target] = totals[target] + sum(np.roll(totals[target], -step) for step in group)
            if bias is not None:
                totals[target] = totals[target] + self._slots(bias)
        return [total**2 for total in totals] if stage.square else totals

    def _slots(self, operand: Ciphertext | Plaintext) -> Slots:
        decode = self.holder.context.decrypt if isinstance(operand, Ciphertext) else self.holder.decode
        return decode(operand)  # type: ignore[arg-type]

    # By SEAL

    def by_seal(self) -> list[Ciphertext]:
        """Each target."""
        stage = self.stage
        rotated, totals = self._rotated(), dict[int, list[Ciphertext]]()
        for number, (target, giant) in reversed([*enumerate(stage.sums)]):
            terms = [self._product(rotated[r], self.weights[w]) for at, r, w in stage.terms if at == number]
            sums = [self._sum(terms)] if terms else []
            if stage.chained:  # what came from later sums is rotated with this one
                sums += totals.pop(target, [])
            if sums:
                totals.setdefault(target, []).append(self._rotate(self._added(sums), giant))
        return [self._finished(self._added(totals[target]), bias) for target, bias in enumerate(self.biases)]

    def _rotated(self) -> list[Ciphertext]:
        stage, inputs = self.stage, [self.holder.context.switched_down(one, self._surplus) for one in self.inputs]
        rotated: list[Ciphertext] = []
        for number, (source, step) in enumerate(stage.rotations):
            follows = stage.chained and number > 0 and stage.rotations[number - 1][0] == source
            rotated.append(self._rotate(rotated[-1] if follows else inputs[source], step))
        return rotated

    def _rotate(self, ciphertext: Ciphertext, step: int) -> Ciphertext:
        return self.holder.context.rotated(ciphertext, step) if step else ciphertext

    def _sum(self, products: Sequence[Ciphertext]) -> Ciphertext:
        total = self._added(products)
        if self.stage.encrypted:
            self.holder.context.relinearise_in_place(total)
        return total

    def _product(self, ciphertext: Ciphertext, weight: Ciphertext | Plaintext) -> Ciphertext:
        context = self.holder.context
        if isinstance(weight, Ciphertext):
            return context.product(ciphertext, weight)
        return context.product_with_plaintext(ciphertext, weight)

    def _added(self, ciphertexts: Sequence[Ciphertext]) -> Ciphertext:
        first, *others = ciphertexts
        for other in others:
            self.holder.context.add_in_place(first, other)
        return first

    def _finished(self, total: Ciphertext, bias: Ciphertext | Plaintext | None) -> Ciphertext:
        context, stage = self.holder.context, self.stage
        for group in stage.fold_groups:
            total = self._added([total, *[context.rotated(total, step) for step in group]])
        if isinstance(bias, Ciphertext):
            context.add_in_place(total, bias)
        elif bias is not None:
            context.add_plaintext_in_place(total, bias)
        if stage.rescale_first:
            context.rescale_in_place(total)
        if stage.square:
            context.square_in_place(total)
            context.relinearise_in_place(total)
            context.rescale_in_place(total)
        return total

    # By the engine

    def by_engine(self, path: str) -> list[Residues]:
        """Each target's residues."""
        ring, inputs = self.holder.ring(path), [self.holder.context.save_ciphertext(one) for one in self.inputs]
        return self.engine_stage(ring).run(self.holder.keys(ring, self.stage.level), inputs)

    def engine_stage(self, ring: blindsight_engine.Ring, **changed: Any) -> blindsight_engine.Stage:
        """The engine's stage, with some of its arguments changed."""
        return blindsight_engine.Stage(ring, **{**self.arguments(), **changed})

    def arguments(self) -> dict[str, Any]:
        """Those of `blindsight_engine.Stage`, by name, without the ring."""
        stage = self.stage
        return {
            "level": stage.level,
            "rotations": np.array([(source, self._element(step)) for source, step in stage.rotations]),
            "sums": np.array([(target, self._element(giant)) for target, giant in stage.sums]),
            "terms": np.array(stage.terms),
            "weights": [self._residues(one) for one in self.weights],
            "fold_groups": [[self._element(step) for step in group] for group in stage.fold_groups],
            "biases": [None if one is None else self._residues(one) for one in self.biases],
            "square": stage.square,
            "rescale_first": stage.rescale_first,
            "encrypted": stage.encrypted,
            "chained": stage.chained,
        }

    def _element(self, step: int) -> int:
        return self.holder.parameters.galois_element(step)

    def _residues(self, operand: Ciphertext | Plaintext) -> Residues:
        context = self.holder.context
        if isinstance(operand, Ciphertext):
            return context.save_ciphertext(operand)
        return context.save_plaintext(operand)
