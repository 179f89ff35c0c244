"""Evaluation keys on the wire: only those that a plan uses, and of each only what is used.

wire = b"BSEK1\\0", size of the header u32, header (MessagePack), keys
keys = relinearisation, then each rotation by ascending step; packed as `common.keys.key_packing` says
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from common.ckks.fhe import Context
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.seal_format import Seeded
from common.ckks.seeding import Seeding
from common.errors import KeySetError, ParameterError, WireError
from common.keys.key_needs import KeyNeeds, Needs, check_levels
from common.keys.key_packing import key_size, pack_key, pack_seeded_key, unpack_key
from common.plan.plan import PlanHead
from common.quoting import shown
from common.structs import learn

_MAGIC = b"BSEK1\0"
_SIZE = struct.Struct("<I")
#: Where the relinearisation key stands among the rotation keys, which are named by their steps: no step is 0.
_RELINEARISATION = 0
#: Bytes of the longest header.
_MAX_HEADER_BYTES = 65536
#: Bytes of the longest beginning, in front of the keys.
MAX_HEAD_BYTES = len(_MAGIC) + _SIZE.size + _MAX_HEADER_BYTES
#: The largest ratio of a key set's keys to those that a plan uses, with one that unfolds, in number and in bytes. A key
#: set may serve a second plan, which comes next.
_MOST_TIMES = 2
#: Bytes of the largest value that Redis holds, unless it is told otherwise (`proto-max-bulk-len`).
_MAX_VALUE_BYTES = 512 * 1024 * 1024


class EvaluationKeysHeader(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose keys these are, and up to which level each works; `rotations` maps steps (slots) to levels.

    `seeded` says that the keys have seeds. A reader of before there were any takes them for keys of a wrong length.
    """

    fingerprint: str
    parameters: Parameters
    relinearisation_level: int | None
    rotations: dict[int, int]
    seeded: bool = False

    @classmethod
    def for_plan(cls, head: PlanHead, fingerprint: str, seeded: bool) -> "EvaluationKeysHeader":
        """New keys for a plan; whoever has keys with seeds folds ciphertexts, too, where the plan does."""
        rotations = head.folding_rotations if seeded else head.rotations
        return cls(fingerprint, head.parameters, head.relinearisation_level, dict(rotations), seeded)

    def check(self) -> None:
        """Raise `WireError` for levels or steps that the parameters don't have, and for too many rotation keys."""
        check_levels(self.parameters, self.relinearisation_level, self.rotations)

    def check_serves(self, head: Needs) -> None:
        """Raise `KeySetError` unless these keys suffice for a plan."""
        fix = "Create a key set for this plan: blindsight keys create"
        if head.sealed_for not in (None, self.fingerprint):
            raise KeySetError(
                f"plan {head.hash[:12]} of {head.model} is sealed for key set {head.sealed_for[:12]}, not for "
                f"{self.fingerprint[:12]}: nobody else could read its scores. Seal the model for this key set: "
                "blindsight model seal"
            )
        if self.parameters != head.parameters:
            raise KeySetError(
                f"key set {self.fingerprint[:12]} has other parameters (N = {self.parameters.ring_dimension}, primes "
                f"{self.parameters.prime_bits}) than plan {head.hash[:12]} of {head.model} "
                f"(N = {head.parameters.ring_dimension}, primes {head.parameters.prime_bits}). {fix}"
            )
        steps = [step for step, level in head.rotations.items() if self.rotations.get(step, -1) < level]
        needs = head.relinearisation_level
        if steps or (needs is not None and (self.relinearisation_level is None or self.relinearisation_level < needs)):
            what = f"rotation keys for steps {steps[:5]}" if steps else "a relinearisation key of its level"
            raise KeySetError(f"key set {self.fingerprint[:12]} lacks {what}, which plan {head.hash[:12]} uses. {fix}")

    def serves(self, head: Needs) -> bool:
        """Whether these keys suffice for a plan."""
        try:
            self.check_serves(head)
        except KeySetError:
            return False
        return True

    def unfolds(self, head: PlanHead) -> bool:
        """Whether the plan's ciphertexts may be folded, and these keys unfold them."""
        return head.folds and self.rotations.get(self.parameters.half_turn, -1) >= self.parameters.levels

    def check_wanted(self, plans: Sequence[KeyNeeds]) -> None:
        """Raise `KeySetError` unless these keys suffice for one of the plans, and aren't far more than it uses."""
        refusals: list[tuple[bool, str]] = []
        for needs in plans:
            try:
                self.check_serves(needs)
                self._check_bounded(needs)
                return
            except KeySetError as error:
                refusals.append((needs.parameters == self.parameters, str(error)))
        _, closest = max(refusals, default=(False, "no plan is served"))
        raise KeySetError(closest)

    def _check_bounded(self, needs: KeyNeeds) -> None:
        # With the key that unfolds, which is more than twice nothing: a plan may use no other.
        unfolding = {**needs.rotations, needs.parameters.half_turn: needs.parameters.levels}
        used = msgspec.structs.replace(needs, rotations=unfolding)
        count, plan_count = len(_levels(self)), len(_levels(used))
        plan_size = keys_size(used, self.seeded)
        if count > _MOST_TIMES * plan_count or self.size > _MOST_TIMES * plan_size:
            raise KeySetError(
                f"key set {self.fingerprint[:12]} has {count} keys of {self.size:,} bytes, over {_MOST_TIMES} times "
                f"what plan {needs.hash[:12]} of {needs.model} uses ({plan_count} keys, {plan_size:,} bytes). "
                "Create a key set for this plan: blindsight keys create"
            )

    @property
    def size(self) -> int:
        """Bytes of the keys, which stand behind the header."""
        return keys_size(self, self.seeded)


learn(EvaluationKeysHeader)


def encode_evaluation_keys(context: Context, header: EvaluationKeysHeader) -> bytes:
    """The wire form of the keys that `context` has generated, each cut to its level in `header`."""
    keys = context.save_rotation_keys()
    if header.relinearisation_level is not None:
        keys[_RELINEARISATION] = context.save_relinearisation_key()
    return _encode(header, (pack_key(keys[step], header.parameters, level) for step, level in _steps(header)))


def make_seeded_keys(seeding: Seeding, header: EvaluationKeysHeader) -> bytes:
    """The wire form of new keys with seeds, each cut to its level in `header`.

    A whole key of a large ring has tens of megabytes, and SEAL makes it whole: so they are made one after the other.
    """

    def key(step: int) -> Sequence[Seeded]:
        return seeding.relinearisation_key() if step == _RELINEARISATION else seeding.rotation_keys([step])[step]

    return _encode(header, (pack_seeded_key(key(step), header.parameters, level) for step, level in _steps(header)))


def without_seeds(data: bytes) -> bytes:
    """The wire form of the same keys with all their residues, for a fleet that takes no seeds.

    Raises `WireError` for bytes that aren't evaluation keys.
    """
    header, keys = read_keys(data)
    packed = (pack_key(key.residues, header.parameters, key.level) for key in keys)
    return _encode(msgspec.structs.replace(header, seeded=False), packed)


def read_head(data: bytes | bytearray) -> tuple[EvaluationKeysHeader, int]:
    """The header of a wire form of which `data` is at least the beginning, and the offset of the keys in bytes.

    Raises `WireError` for bytes that no evaluation keys begin with.
    """
    start = len(_MAGIC) + _SIZE.size
    if len(data) < start or not data.startswith(_MAGIC):
        raise WireError("these bytes are not evaluation keys")
    (size,) = _SIZE.unpack_from(data, len(_MAGIC))
    if size > _MAX_HEADER_BYTES or len(data) < start + size:
        raise WireError(f"the evaluation keys' header of {size} bytes is cut or too long")
    try:
        header = msgspec.msgpack.decode(data[start : start + size], type=EvaluationKeysHeader)
    except (msgspec.DecodeError, ParameterError, ValueError, RecursionError) as error:
        raise WireError(f"the evaluation keys' header can't be read: {shown(error)}") from error
    header.check()
    return header, start + size


def read_header(data: bytes | bytearray) -> tuple[EvaluationKeysHeader, int]:
    """The header of the whole wire form `data`, and the offset of the keys in bytes.

    Raises `WireError` for bytes that aren't evaluation keys, or have another length than their
    header says.
    """
    header, start = read_head(data)
    if len(data) != start + header.size:
        raise WireError(f"evaluation keys of {len(data)} bytes where {start + header.size} were expected")
    return header, start


class SwitchingKey(NamedTuple):
    """The key of a rotation by `step` slots, or the relinearisation key for 0, for use up to `level`.

    Its residues have the shape (level + 1, 2, primes, N); those of primes that no key switch at the level reads
    mean nothing.
    """

    step: int
    level: int
    residues: Residues


def read_keys(data: bytes | bytearray) -> tuple[EvaluationKeysHeader, Iterator[SwitchingKey]]:
    """The header, and each key. Raises `WireError` for other bytes, some of them as a key is taken."""
    header, offset = read_header(data)
    return header, _keys(memoryview(data)[offset:], header)


def _keys(view: memoryview, header: EvaluationKeysHeader) -> Iterator[SwitchingKey]:
    offset = 0
    for step, level in _steps(header):
        end = offset + key_size(header.parameters, level, header.seeded)
        yield SwitchingKey(step, level, unpack_key(view[offset:end], header.parameters, level, header.seeded))
        offset = end


def decode_evaluation_keys(data: bytes | bytearray) -> tuple[EvaluationKeysHeader, Context]:
    """The header, and a context in which the keys are loaded. Raises `WireError` for other bytes."""
    header, keys = read_keys(data)
    by_step = {key.step: _whole(key.residues) for key in keys}
    relinearisation = by_step.pop(_RELINEARISATION, None)
    context = Context(header.parameters)
    context.load_evaluation_keys(relinearisation, by_step)
    return header, context


def keys_size(of: EvaluationKeysHeader | Needs, seeded: bool = False) -> int:
    """Bytes on the wire of the keys that a header names or a plan uses, without those of the header."""
    return sum(key_size(of.parameters, level, seeded) for level in _levels(of))


def uploaded_size(head: PlanHead) -> int:
    """Bytes of the evaluation keys that a device makes for a plan and uploads: with seeds, and that which unfolds."""
    return EvaluationKeysHeader.for_plan(head, "", seeded=True).size


def is_storable(size: int) -> bool:
    """Whether Redis can hold evaluation keys of so many bytes."""
    return size <= _MAX_VALUE_BYTES


def check_storable(size: int, whose: str, fewest: bool = False) -> None:
    """Raise `KeySetError` when Redis can't hold evaluation keys of so many bytes; `fewest` of a plan of few keys."""
    if not is_storable(size):
        raise KeySetError(
            f"the evaluation keys of {whose} take {size:,} bytes, and Redis holds no value above {_MAX_VALUE_BYTES:,}: "
            + ("" if fewest else "compile it for fewer keys (blindsight model compile --objective small), ")
            + "compile a smaller network, or let devices run its first layers (--encrypt-from)"
        )


def memory_size(header: EvaluationKeysHeader) -> int:
    """Bytes that SEAL needs for the loaded keys: every key whole, 64 bits a residue."""
    primes = len(header.parameters.prime_bits)
    return len(_levels(header)) * (primes - 1) * 2 * primes * header.parameters.ring_dimension * 8


def _steps(of: EvaluationKeysHeader | Needs) -> list[tuple[int, int]]:
    """The step and level of each key, in their order on the wire."""
    relinearisation = [] if of.relinearisation_level is None else [(_RELINEARISATION, of.relinearisation_level)]
    return [*relinearisation, *sorted(of.rotations.items())]


def _levels(of: EvaluationKeysHeader | Needs) -> list[int]:
    """The level of each key."""
    return [level for _, level in _steps(of)]


def _encode(header: EvaluationKeysHeader, keys: Iterable[bytes]) -> bytes:
    encoded = msgspec.msgpack.encode(header)
    return b"".join([_MAGIC, _SIZE.pack(len(encoded)), encoded, *keys])


def _whole(residues: Residues) -> Residues:
    """A key with the parts that SEAL expects, those for lower levels' digits only: zeros where none was sent."""
    whole = np.zeros((residues.shape[2] - 1, *residues.shape[1:]), dtype=np.uint64)
    whole[: len(residues)] = residues
    return whole
