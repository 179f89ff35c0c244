"""Sealed plans: every weight and bias encrypted under a key set's public key, in a file that is mapped.

    file = b"BSSEAL1\\0", sizes of head and body u32 u32, head, body, zeros up to a page, ciphertexts

Head and body are those of `common.plan.plan`, the body with the stages' structure but none of their
numbers. These are the ciphertexts: stage by stage those of the vectors, in order of value and row,
then of the biases, one for each target. Each has the residues, u64, of two polynomials at its
stage's level, as SEAL computes with them, so a worker maps the file and reads what it needs.
The body ends in the SHA-256 of each, so the plan's hash covers them.
"""

import hashlib
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.ckks.fhe import Context
from common.ckks.packing import Residues
from common.errors import PlanError
from common.files import inflate
from common.plan.plan import MOST_BODY_BYTES, Plan, PlanHead, encode_stages
from common.plan.plan_file import decode_head, decode_stages, load_plan
from common.plan.stage import Stage

#: The bytes that a sealed plan's file begins with.
_MAGIC = b"BSSEAL1\0"
#: The form of the sizes of head and body, in bytes.
_SIZES = struct.Struct("<II")
#: Bytes of a page, to whose multiple the ciphertexts are aligned.
_PAGE = mmap.ALLOCATIONGRANULARITY
#: Polynomials of a ciphertext.
_POLYNOMIALS = 2

Digests = NDArray[np.uint8]


@dataclass(frozen=True)
class Place:
    """Where a ciphertext lies: bytes from the file's first ciphertext on, and how many."""

    offset: int
    size: int


@dataclass(frozen=True)
class StagePlaces:
    """The numbers of a stage's ciphertexts: of the vectors by value and row, and of the biases by target."""

    weights: dict[tuple[int, int], int]
    biases: list[int]


class SealedPlan:
    """A sealed plan's file, mapped: its ciphertexts are read when they are asked for.

    `plan` has the stages' structure, and no weights.
    """

    def __init__(self, plan: Plan, digests: Digests, region: mmap.mmap, start: int) -> None:
        self.plan = plan
        self._digests, self._region, self._start = digests, region, start
        self.stage_places, self.places = _layout(plan)
        self._checked: set[int] = set()

    def residues(self, number: int) -> Residues:
        """A ciphertext's residues, shape (2, level + 1, N). Raises `PlanError` when the file was altered."""
        place = self.places[number]
        start = self._start + place.offset
        data = memoryview(self._region)[start : start + place.size]
        if number not in self._checked:
            if hashlib.sha256(data).digest() != self._digests[number].tobytes():
                raise PlanError(
                    f"ciphertext {number} of the sealed plan {self.plan.head.hash[:12]} is damaged or was altered; "
                    "copy the file again, or run: blindsight model seal"
                )
            self._checked.add(number)
        dimension = self.plan.head.parameters.ring_dimension
        return np.frombuffer(data, dtype="<u8").reshape(_POLYNOMIALS, -1, dimension)


def seal(plan: Plan, context: Context, fingerprint: str, path: Path, progress: Callable[[int], None]) -> PlanHead:
    """Encrypt a plan's weights under the public key in `context`, that of the key set `fingerprint`, into a file.

    Returns the sealed plan's head. `progress` is called with 1 for each ciphertext written.

    Raises `PlanError` for a plan that wasn't compiled for sealing, or a file that can't be written.
    """
    if not plan.head.for_sealing:
        raise PlanError(
            f"plan {plan.head.hash[:12]} of {plan.head.model} has no room for the noise of encrypted weights; "
            "compile it with: blindsight model compile --sealed"
        )
    stages = tuple(_without_numbers(stage) for stage in plan.stages)
    digests = np.zeros((ciphertext_count(plan), hashlib.sha256().digest_size), np.uint8)
    body_size = len(_encode_body(stages, np.full_like(digests, 255)))
    # The head's size doesn't depend on the hash that goes into it, so the ciphertexts can go first.
    draft = msgspec.structs.replace(plan.head, sealed_for=fingerprint)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.seek(_first_page(len(draft.encode()), body_size))
            for number, residues in enumerate(_ciphertexts(plan, context)):
                data = residues.astype("<u8", copy=False).tobytes()
                digests[number] = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
                file.write(data)
                progress(1)
            body = _encode_body(stages, digests)
            head = msgspec.structs.replace(draft, body_sha256=hashlib.sha256(body).hexdigest())
            file.seek(0)
            file.write(_MAGIC + _SIZES.pack(len(head.encode()), len(body)) + head.encode() + body)
        partial.replace(path)
    except OSError as error:
        raise PlanError(f"can't write the sealed plan {path}: {error.strerror}") from error
    finally:  # after Ctrl-C too
        partial.unlink(missing_ok=True)
    return head


def structure_of(served: Plan | SealedPlan) -> Plan:
    """A served plan's head and stages; a sealed one's stages have no numbers."""
    return served.plan if isinstance(served, SealedPlan) else served


def load_served(path: Path) -> Plan | SealedPlan:
    """A plan that a worker serves, with plain or encrypted weights. Raises `PlanError`."""
    try:
        with path.open("rb") as file:
            sealed = file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise PlanError(f"can't read the plan {path}: {error.strerror}") from error
    return open_sealed(path) if sealed else load_plan(path)


def open_sealed(path: Path) -> SealedPlan:
    """Map a sealed plan. Raises `PlanError` when bytes are missing, altered or not a sealed plan."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = len(_MAGIC) + _SIZES.size
            if size < start or file.read(len(_MAGIC)) != _MAGIC:
                raise PlanError(f"{path} isn't a sealed plan; make one with: blindsight model seal")
            head_size, body_size = _SIZES.unpack(file.read(_SIZES.size))
            if size < start + head_size + body_size:
                raise PlanError(f"{path} is cut off after {size} bytes; copy it again")
            if max(head_size, body_size) > MOST_BODY_BYTES:
                raise PlanError(f"{path} has {max(head_size, body_size):,} bytes before its weights; copy it again")
            head = decode_head(path, file.read(head_size))
            if head.sealed_for is None:
                raise PlanError(f"{path} doesn't say for whom it is sealed; make one with: blindsight model seal")
            stages, digests = _decode_body(path, head, file.read(body_size))
            region = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise PlanError(f"can't read the sealed plan {path}: {error.strerror}") from error
    sealed = SealedPlan(Plan(head, stages), digests, region, _first_page(head_size, body_size))
    expected = _first_page(head_size, body_size) + sum(place.size for place in sealed.places)
    if size != expected or len(digests) != len(sealed.places):
        raise PlanError(f"{path} has {size} bytes where {expected} were expected; copy it again")
    return sealed


def ciphertext_count(plan: Plan) -> int:
    """How many ciphertexts a sealed plan holds."""
    return len(_layout(plan)[1])


def _ciphertexts(plan: Plan, context: Context) -> Iterator[Residues]:
    """Each vector and bias, encrypted and at its stage's level, in the file's order."""
    frames, top = plan.head.frames_per_ciphertext, plan.head.parameters.levels
    for stage, places in zip(plan.stages, _layout(plan)[0], strict=True):
        numbers = [(stage.slots_of_vector(row, frames), stage.weight_scales[value]) for value, row in places.weights]
        numbers += [(stage.slots_of_bias(target, frames), stage.product_scale) for target in range(stage.targets)]
        for slots, scale in numbers:
            encrypted = context.encrypt(slots, scale)
            yield context.save_ciphertext(context.switched_down(encrypted, top - stage.level))


def _layout(plan: Plan) -> tuple[list[StagePlaces], list[Place]]:
    """Which ciphertexts each stage has, and where all lie. It follows from the stages' structure alone."""
    stage_places: list[StagePlaces] = []
    places: list[Place] = []
    offset = 0
    for stage in plan.stages:
        size = _POLYNOMIALS * (stage.level + 1) * plan.head.parameters.ring_dimension * 8
        pairs = [(value, row) for value, row in np.unique(stage.terms[:, [2, 5]], axis=0).tolist()]
        numbers = range(len(places), len(places) + len(pairs) + stage.targets)
        stage_places.append(StagePlaces(dict(zip(pairs, numbers, strict=False)), list(numbers[len(pairs) :])))
        for _ in numbers:
            places.append(Place(offset, size))
            offset += size
    return stage_places, places


def _without_numbers(stage: Stage) -> Stage:
    return msgspec.structs.replace(stage, vectors=stage.vectors[:0], bias=stage.bias[:, :0])


def _encode_body(stages: tuple[Stage, ...], digests: Digests) -> bytes:
    """Stages in zlib, then the digests as they are: so the size is known before them."""
    structure = zlib.compress(encode_stages(stages))
    return _SIZES.pack(len(structure), len(digests)) + structure + digests.tobytes()


def _decode_body(path: Path, head: PlanHead, body: bytes) -> tuple[tuple[Stage, ...], Digests]:
    if hashlib.sha256(body).hexdigest() != head.body_sha256:
        raise PlanError(f"{path} has a wrong hash: it is damaged or was altered; copy it again")
    try:
        size, count = _SIZES.unpack_from(body)
        structure = inflate(body[_SIZES.size : _SIZES.size + size], MOST_BODY_BYTES)
        digests = np.frombuffer(body, np.uint8, offset=_SIZES.size + size).reshape(count, hashlib.sha256().digest_size)
    except (struct.error, ValueError) as error:
        raise PlanError(f"{path}: the body can't be read ({error})") from error
    return decode_stages(path, head, structure), digests


def _first_page(head_size: int, body_size: int) -> int:
    """Where the ciphertexts begin: at a whole page, behind head and body."""
    return -(-(len(_MAGIC) + _SIZES.size + head_size + body_size) // _PAGE) * _PAGE
