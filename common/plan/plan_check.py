"""Whether a plan that was read can be evaluated: every index, size, level and scale, before anything uses it.

A hash only says that a file is the one that somebody wrote. So what is here holds for every plan that is
loaded, and a worker that has loaded one finds no error in it while it evaluates: SEAL's own conditions on levels and
scales are among them.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.ckks.parameters import RING_DIMENSIONS
from common.errors import PlanError
from common.plan.plan import PlanHead
from common.plan.stage import Stage, Vector

#: Rotation keys that a plan may use at most; workers refuse key sets with more.
_MOST_ROTATIONS = 1024
#: Characters of the longest name or label.
_LONGEST_TEXT = 256
#: Values of the largest frame.
_LARGEST_FRAME = 2**24
#: The largest value in a slot of the input: values of frames are at most 1, features behind a front at most this.
_LARGEST_INPUT = 2.0**8
#: The form of a SHA-256, hexadecimal.
_HASH = re.compile(r"[0-9a-f]{64}")


def check_head(head: PlanHead) -> None:
    """Raise `PlanError` unless a head is consistent in itself."""
    parameters = head.parameters
    ring = parameters.ring_dimension
    _require(ring in RING_DIMENSIONS, "parameters", f"no network is compiled for ring dimension {ring}")
    for what, texts in (("model", (head.model,)), ("labels", head.labels)):
        _require(all(len(text) <= _LONGEST_TEXT for text in texts), what, f"over {_LONGEST_TEXT} characters")
    _require(0 < len(set(head.labels)) == len(head.labels), "labels", "there are none, or one is there twice")
    elements = math.prod(head.frame_shape)
    _require(min(head.frame_shape) > 0 and elements <= _LARGEST_FRAME, "frame_shape", f"it is {head.frame_shape}")
    frames = head.frames_per_ciphertext
    _require(parameters.slots % frames == 0, "frames_per_ciphertext", f"{frames} don't divide {parameters.slots} slots")
    for what, hash_ in (("body", head.body_sha256), ("front", head.front_sha256), ("key set", head.sealed_for)):
        _require(hash_ is None or _HASH.fullmatch(hash_) is not None, f"hash of the {what}", "it isn't one")
    # How many elements a front gives is known once it is there.
    _check_layout(head, "input_layout", head.input_layout, elements if head.front_sha256 is None else 2**31)
    _check_layout(head, "output_layout", head.output_layout, len(head.labels))
    _check_encodable("input_scale", head.input_scale, _LARGEST_INPUT, _modulus_bits(head, parameters.levels))
    _check_encodable("output_scale", head.output_scale, 1.0, _modulus_bits(head, 0))
    for what, number in (("output_factor", head.output_factor), ("error_bound", head.error_bound)):
        _require(math.isfinite(number) and number >= 0, what, f"it is {number}")
    _require(len(head.rotations) <= _MOST_ROTATIONS, "rotations", f"there are {len(head.rotations)}")
    for step, level in head.rotations.items():
        inside = 0 < step < parameters.slots and 0 <= level <= parameters.levels
        _require(inside, "rotations", f"step {step} at level {level}")
    level = parameters.levels if head.relinearisation_level is None else head.relinearisation_level
    _require(0 <= level <= parameters.levels, "relinearisation_level", f"it is {level}")


def check_features(head: PlanHead, features: int) -> None:
    """Raise `PlanError` unless the layout reads no more elements than the front gives."""
    _require(
        int(head.input_layout.max()) < features, "input_layout", f"it reads beyond the front's {features} features"
    )


def check_stages(head: PlanHead, stages: Sequence[Stage]) -> None:
    """Raise `PlanError` unless stages can be evaluated under their head, which was checked.

    The stages of a sealed plan have no numbers.
    """
    _require(bool(stages), "stages", "there are none")
    values = [_Value(head.parameters.levels, np.full(head.input_ciphertexts, head.input_scale))]
    for number, stage in enumerate(stages):
        try:
            values.append(_check_stage(head, stage, values, last=number == len(stages) - 1))
        except PlanError as error:
            raise PlanError(f"stage {number}: {error}") from error
    scores = values[-1].scales
    _require(len(scores) == head.output_ciphertexts, "output_layout", f"the stages end in {len(scores)} ciphertexts")
    _require(_close(scores, head.output_scale), "output_scale", "the stages end in another")


class _Value:
    """Ciphertexts between stages: their level, and the scale of each."""

    def __init__(self, level: int, scales: NDArray[np.float64]) -> None:
        self.level, self.scales = level, scales


def _check_stage(head: PlanHead, stage: Stage, values: Sequence[_Value], *, last: bool) -> _Value:
    slots = head.parameters.slots // head.frames_per_ciphertext
    _require(stage.square != last, "square", "squares are between stages")
    _require(stage.square or not stage.rescale_first, "rescale_first", "there is no square behind it")
    _check_arrays(head, stage, slots)
    _check_terms(stage, values, slots)
    _check_levels(stage, values, last)
    _check_keys(head, stage)
    return _after(head, stage, values)


def _check_arrays(head: PlanHead, stage: Stage, slots: int) -> None:
    for what, array, kind in (("terms", stage.terms, "i"), ("vectors", stage.vectors, "f"), ("bias", stage.bias, "f")):
        _require(array.ndim == 2 and array.dtype.kind == kind, what, f"shape {array.shape} of {array.dtype}")
    _require(len(stage.terms) > 0 and stage.terms.shape[1] == 6, "terms", f"shape {stage.terms.shape}")
    if head.sealed_for is not None:
        _require(not stage.vectors.size and not stage.bias.size, "vectors", "a sealed plan shows numbers")
        return
    _require(stage.bias.shape[1] == slots, "bias", f"shape {stage.bias.shape}, for {slots} slots")
    period = stage.vectors.shape[1]
    _require(period > 0 and slots % period == 0, "vectors", f"the period {period} doesn't divide {slots} slots")


def _check_terms(stage: Stage, values: Sequence[_Value], slots: int) -> None:
    target, giant, value, ciphertext, baby, row = stage.terms.T
    # Every target has a term, so there are no more of them than terms, whatever an empty bias claims.
    each = len(np.unique(target)) == stage.targets and _within(target, stage.targets)
    _require(each, "terms", "they aren't for its targets")
    _require(_within(giant, slots) and _within(baby, slots), "terms", f"they rotate beyond {slots} slots")
    _require(_within(value, len(values)), "terms", "they read what isn't computed before")
    counts = np.array([len(each.scales) for each in values])
    _require(bool((ciphertext >= 0).all() and (ciphertext < counts[value]).all()), "terms", "no such ciphertext")
    _require(_within(row, len(stage.vectors) or 2**31), "terms", "they name vectors that aren't there")
    # Twice the same could add up to nothing, and SEAL refuses a ciphertext of zeros.
    _require(len(np.unique(stage.terms[:, :5], axis=0)) == len(stage.terms), "terms", "one is there twice")
    few = len(stage.folds) < slots.bit_length()  # each halves what is left to sum
    _require(few and all(0 < step < slots for step in stage.folds), "folds", f"they aren't of {slots} slots")


def _check_levels(stage: Stage, values: Sequence[_Value], last: bool) -> None:
    highest = min(values[value].level for value in np.unique(stage.terms[:, 2]).tolist())
    _require(0 <= stage.level <= highest, "level", f"it is {stage.level}, and what it reads has {highest}")
    _require(stage.level == 0 if last else stage.leaving_level >= 0, "level", f"{stage.level} isn't where it can be")


def _check_keys(head: PlanHead, stage: Stage) -> None:
    for step in sorted(stage.steps):
        ready = head.rotations.get(step * head.frames_per_ciphertext, -1) >= stage.level
        _require(ready, "rotations", f"step {step} is used at level {stage.level}, and the head has no such key")
    squared = stage.level - stage.rescale_first if stage.square else -1
    needed = stage.level if head.sealed_for is not None else squared
    has = -1 if head.relinearisation_level is None else head.relinearisation_level
    _require(has >= needed, "relinearisation_level", f"it is {head.relinearisation_level}, and {needed} is needed")


def _after(head: PlanHead, stage: Stage, values: Sequence[_Value]) -> _Value:
    """What the stage ends in, once its scales are such that SEAL takes them."""
    chain, bits = head.parameters.primes, _modulus_bits(head, stage.level)
    largest = _largest(stage.vectors)
    products = np.empty(len(stage.terms))
    for value in np.unique(stage.terms[:, 2]).tolist():
        weight = stage.weight_scales.get(value, 0.0)
        _check_encodable(f"weight_scales of value {value}", weight, largest, bits)
        _require(
            bool((np.log2(values[value].scales) < bits).all()), "scale", f"value {value} outgrows level {stage.level}"
        )
        of_value = stage.terms[:, 2] == value
        products[of_value] = values[value].scales[stage.terms[of_value, 3]] * weight
    _check_encodable("product_scale", stage.product_scale, _largest(stage.bias), bits)
    _require(math.isfinite(stage.bits_left), "bits_left", f"it is {stage.bits_left}")
    _require(_close(products, stage.product_scale), "product_scale", "products have another")
    # The evaluator begins a target with its first term, and SEAL takes the sum's scale from there.
    scales = products[np.unique(stage.terms[:, 0], return_index=True)[1]]
    if stage.rescale_first:
        scales = scales / chain[stage.level]
    if stage.square:
        level = stage.level - stage.rescale_first
        scales = scales * scales
        fits = bool((np.log2(scales) < _modulus_bits(head, level)).all())
        _require(fits, "scale", f"squares outgrow the modulus at level {level}")
        scales = scales / chain[level]
    return _Value(stage.leaving_level if stage.square else stage.level, scales)


def _check_layout(head: PlanHead, what: str, layout: Vector, elements: int) -> None:
    slots = head.parameters.slots // head.frames_per_ciphertext
    fits = layout.ndim == 2 and layout.dtype.kind == "i" and len(layout) > 0 and layout.shape[1] == slots
    _require(fits, what, f"shape {layout.shape} of {layout.dtype}, for {slots} slots")
    inside = int(layout.min()) >= -1 and 0 <= int(layout.max()) < elements
    _require(inside, what, f"it names elements {layout.min()} to {layout.max()}, of {elements}")


def _check_encodable(what: str, scale: float, largest: float, bits: int) -> None:
    """That SEAL encodes slots up to `largest` at a scale, with room for a sign, below a modulus of so many bits."""
    _require(math.isfinite(scale) and scale > 0, what, f"it is {scale}")
    needed = math.log2(scale) + (max(math.log2(largest), 0.0) if largest else 0.0) + 2
    _require(needed < bits, what, f"values at {scale:g} take {needed:.0f} bits, and the modulus has {bits}")


def _modulus_bits(head: PlanHead, level: int) -> int:
    return math.prod(head.parameters.primes[: level + 1]).bit_length()


def _largest(numbers: Vector) -> float:
    """The largest in size. Raises `PlanError` where one is no number."""
    largest = float(max(abs(numbers.min(initial=0.0)), abs(numbers.max(initial=0.0))))
    _require(math.isfinite(largest), "weights", "one isn't a finite number")
    return largest


def _close(scales: NDArray[np.float64], scale: float) -> bool:
    """Whether SEAL takes all of these scales for one: `util::are_close`."""
    highest, lowest = max(float(scales.max()), scale), min(float(scales.min()), scale)
    return highest - lowest < float(np.finfo(np.float64).eps) * max(highest, 1.0)


def _within(numbers: Vector, bound: int) -> bool:
    return int(numbers.min()) >= 0 and int(numbers.max()) < bound


def _require(holds: bool, what: str, otherwise: str) -> None:
    if not holds:
        raise PlanError(f"{what}: {otherwise}")
