"""What a stage's inputs are multiplied by: plaintexts held in memory, or ciphertexts of a sealed plan."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from common.ckks.fhe import Ciphertext, Context, Plaintext
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan
from common.plan.stage import Stage, Vector

#: The number of a value, and the row of the vector that it is multiplied by.
Pair = tuple[int, int]


class Operand(Protocol):
    """A weight vector or a bias, one number per slot. Its operations are named as those of `Context` are."""

    def product(self, context: Context, ciphertext: Ciphertext) -> Ciphertext:
        """The slot-wise product of a ciphertext and this operand, as a new ciphertext."""

    def add_in_place(self, context: Context, target: Ciphertext) -> None:
        """Add this operand to the target."""


class StageWeights(Protocol):
    """A stage's operands; None for one of zeros, since SEAL refuses a product with a plaintext of zeros."""

    def weight(self, pair: Pair) -> Operand | None:
        """The operand of a vector."""

    def bias(self, target: int) -> Operand | None:
        """The operand that is added to a target."""


@dataclass(frozen=True)
class _EncodedOperand:
    plaintext: Plaintext

    def product(self, context: Context, ciphertext: Ciphertext) -> Ciphertext:
        return context.product_with_plaintext(ciphertext, self.plaintext)

    def add_in_place(self, context: Context, target: Ciphertext) -> None:
        context.add_plaintext_in_place(target, self.plaintext)


class EncodedWeights:
    """A plan's weights as plaintexts, each encoded once."""

    def __init__(self, plan: Plan, stage: Stage, encoder: Context) -> None:
        self._frames, self._stage, self._encoder = plan.head.frames_per_ciphertext, stage, encoder
        self._weights: dict[Pair, Operand | None] = {}

    def weight(self, pair: Pair) -> Operand | None:
        """The vector's plaintext."""
        if pair not in self._weights:
            value, row = pair
            slots = self._stage.slots_of_vector(row, self._frames)
            self._weights[pair] = self._encode(slots, self._stage.weight_scales[value])
        return self._weights[pair]

    def bias(self, target: int) -> Operand | None:
        """The bias's plaintext."""
        return self._encode(self._stage.slots_of_bias(target, self._frames), self._stage.product_scale)

    def _encode(self, slots: Vector, scale: float) -> Operand | None:
        plaintext = self._encoder.encode(slots, scale, self._stage.level)
        return None if plaintext is None else _EncodedOperand(plaintext)


@dataclass
class WeightCache:
    """Ciphertexts of sealed plans in a process's memory, as many as there is room for.

    A ciphertext that finds the cache full is read from the mapped file each time. It never takes the place of
    another: every evaluation reads all of them in the same order, so each other one is needed sooner.
    """

    #: Bytes that there is room for.
    budget: int = 512_000_000
    #: Bytes that the ciphertexts take.
    used: int = 0
    #: Ciphertexts that were read from a file so far.
    reads: int = 0
    _ciphertexts: dict[tuple[SealedPlan, int], Ciphertext] = field(default_factory=dict)

    def get(self, sealed: SealedPlan, number: int, scale: float, loader: Context) -> Ciphertext:
        """A plan's ciphertext. Raises `PlanError` when the file was altered."""
        ciphertext = self._ciphertexts.get((sealed, number))
        if ciphertext is not None:
            return ciphertext
        self.reads += 1
        ciphertext = loader.load_ciphertext(sealed.residues(number), scale)
        size = sealed.places[number].size
        if self.used + size <= self.budget:
            self._ciphertexts[sealed, number] = ciphertext
            self.used += size
        return ciphertext


@dataclass(frozen=True)
class _EncryptedOperand:
    """A ciphertext, read from the file or the cache each time that it is used."""

    cache: WeightCache
    sealed: SealedPlan
    number: int
    scale: float
    loader: Context

    def product(self, context: Context, ciphertext: Ciphertext) -> Ciphertext:
        return context.product(ciphertext, self._load())

    def add_in_place(self, context: Context, target: Ciphertext) -> None:
        context.add_in_place(target, self._load())

    def _load(self) -> Ciphertext:
        return self.cache.get(self.sealed, self.number, self.scale, self.loader)


class EncryptedWeights:
    """A stage's ciphertexts in a sealed plan."""

    def __init__(self, sealed: SealedPlan, stage: int, cache: WeightCache, loader: Context) -> None:
        self._sealed, self._stage, self._cache, self._loader = sealed, sealed.plan.stages[stage], cache, loader
        self._places = sealed.stage_places[stage]

    def weight(self, pair: Pair) -> Operand:
        """The vector's ciphertext."""
        return self._operand(self._places.weights[pair], self._stage.weight_scales[pair[0]])

    def bias(self, target: int) -> Operand:
        """The bias's ciphertext."""
        return self._operand(self._places.biases[target], self._stage.product_scale)

    def _operand(self, number: int, scale: float) -> Operand:
        return _EncryptedOperand(self._cache, self._sealed, number, scale, self._loader)


def stage_weights(plan: Plan | SealedPlan, cache: WeightCache, loader: Context) -> Iterator[tuple[Stage, StageWeights]]:
    """Each stage of a plan with its weights; `loader` is a context of the plan's parameters, without any keys."""
    if isinstance(plan, SealedPlan):
        for number, stage in enumerate(plan.plan.stages):
            yield stage, EncryptedWeights(plan, number, cache, loader)
    else:
        for stage in plan.stages:
            yield stage, EncodedWeights(plan, stage, loader)
