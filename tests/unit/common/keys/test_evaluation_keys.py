"""Evaluation keys on the wire: whole, or refused by their header before memory is spent."""

import functools
import struct
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks.fhe import Context, moduli
from common.ckks.parameters import Parameters
from common.ckks.seal_format import Seeded
from common.errors import KeySetError, WireError
from common.keys.evaluation_keys import (
    EvaluationKeysHeader,
    decode_evaluation_keys,
    encode_evaluation_keys,
    make_seeded_keys,
    read_head,
    read_header,
    read_keys,
)
from common.keys.key_needs import needs_of
from common.plan.plan import PlanHead
from models.plans import get_plan

PARAMETERS = Parameters(128, 4096, (34, 34, 38))
HEAD = get_plan("digits", 128).head
HEADER = EvaluationKeysHeader("ab" * 32, PARAMETERS, 1, {1: 1, 7: 0})


@functools.cache
def wire() -> bytes:
    context = Context(PARAMETERS)
    context.generate_keys(HEADER.rotations)
    return encode_evaluation_keys(context, HEADER)


def needing(rotations: dict[int, int]) -> PlanHead:
    return msgspec.structs.replace(HEAD, rotations=rotations, relinearisation_level=1)


def test_new_keys_with_seeds_unfold_what_a_plan_folds_and_serve_as_those_without_do() -> None:
    seeded, plain = (EvaluationKeysHeader.for_plan(HEAD, "ab" * 32, seeded) for seeded in (True, False))
    assert seeded.unfolds(HEAD) and not plain.unfolds(HEAD)
    assert (seeded.rotations, plain.rotations) == (HEAD.folding_rotations, HEAD.rotations)
    assert not seeded.unfolds(msgspec.structs.replace(HEAD, whole_input=True))
    for keys in (seeded, plain):
        keys.check_wanted([needs_of(HEAD)])


def test_the_key_that_unfolds_is_not_too_many_for_a_plan_that_uses_no_other() -> None:
    alone = msgspec.structs.replace(needing({}), relinearisation_level=None)
    EvaluationKeysHeader.for_plan(alone, "ab" * 32, seeded=True).check_wanted([needs_of(alone)])


def test_keys_with_seeds_are_made_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context(PARAMETERS)
    context.generate_secret_key()
    seeding = context.seeding()
    if seeding is None:
        pytest.skip("the extension isn't installed")
    make, made = seeding.rotation_keys, list[list[int]]()

    def recorded(steps: Iterable[int]) -> dict[int, list[Seeded]]:
        made.append([*steps])
        return make(made[-1])

    monkeypatch.setattr(seeding, "rotation_keys", recorded)
    header = msgspec.structs.replace(HEADER, seeded=True)
    assert [key.step for key in read_keys(make_seeded_keys(seeding, header))[1]] == [0, 1, 7]
    assert made == [[1], [7]]


def with_header(header: object) -> bytes:
    encoded = msgspec.msgpack.encode(header)
    return b"BSEK1\0" + struct.pack("<I", len(encoded)) + encoded + bytes(1000)


def test_the_header_comes_back_and_tells_the_size() -> None:
    header, offset = read_header(wire())
    assert header == HEADER
    assert offset + header.size == len(wire())
    assert decode_evaluation_keys(wire())[0] == HEADER


def test_each_key_is_read_without_seal_as_with_it() -> None:
    _, keys = read_keys(wire())
    _, context = decode_evaluation_keys(wire())
    known = {0: context.save_relinearisation_key(), **context.save_rotation_keys()}
    for step, level, residues in keys:
        assert level == {0: 1, **HEADER.rotations}[step]
        assert np.array_equal(residues, known.pop(step)[: level + 1])
    assert known == {}


def test_keys_used_at_a_lower_level_are_smaller() -> None:
    low = msgspec.structs.replace(HEADER, rotations={1: 0, 7: 0})
    assert low.size < HEADER.size


@given(st.integers(0, 2000))
def test_a_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(WireError):
        read_header(wire()[: len(wire()) - 1 - cut])
    with pytest.raises(WireError):
        read_header(wire()[:cut])


@given(st.binary(max_size=300))
def test_bytes_at_random_are_refused(data: bytes) -> None:
    for candidate in (data, b"BSEK1\0" + data, with_header({})[:20] + data):
        with pytest.raises(WireError):
            read_header(candidate)


@settings(max_examples=50, deadline=None)
@given(st.integers(10, 150), st.integers(0, 7))
@pytest.mark.slow
def test_a_bit_flipped_in_the_header_is_refused_or_names_other_keys(position: int, bit: int) -> None:
    data = bytearray(wire())
    data[position] ^= 1 << bit
    _, offset = read_header(wire())
    try:
        header, _ = decode_evaluation_keys(bytes(data))
    except WireError:
        return
    assert (header == HEADER) == (position >= offset)


@pytest.mark.parametrize(
    "change",
    [
        {"relinearisation_level": 2},
        {"relinearisation_level": -1},
        {"rotations": {0: 0}},
        {"rotations": {2048: 0}},
        {"rotations": {-1: 0}},
        {"rotations": {1: 5}},
        {"rotations": {step: 0 for step in range(1, 2000)}},
        {"parameters": {"security_bits": 0, "ring_dimension": 4096, "prime_bits": [34, 34, 38]}},
        {"parameters": {"security_bits": 128, "ring_dimension": 2**40, "prime_bits": [34, 34, 38]}},
        {"parameters": {"security_bits": 128, "ring_dimension": 4096, "prime_bits": [60, 60, 60]}},
        {"parameters": {"security_bits": 128, "ring_dimension": 32768, "prime_bits": [23] * 32}},
        {"parameters": {"security_bits": 128, "ring_dimension": float("nan"), "prime_bits": [35, 35]}},
        {"rotations": {2**63: 0}},
        {"fingerprint": 7},
    ],
    ids=str,
)
def test_a_header_that_asks_for_the_impossible_is_refused(change: dict) -> None:
    fields = {**msgspec.to_builtins(HEADER), **change}
    with pytest.raises(WireError):
        decode_evaluation_keys(with_header(fields))


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.binary(max_size=20)
    | st.text(max_size=20)
    | st.sampled_from([0, -1, 2**31, 2**63, 2**64 - 1, -(2**63), 4096, 32768, 128, 23, 60])
    | st.integers(-(2**63), 2**64 - 1),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.integers(-(2**63), 2**64 - 1), inner, max_size=5),
    max_leaves=40,
)
PLAUSIBLE = st.fixed_dictionaries(
    {
        "security_bits": st.sampled_from([128, 192, 256]),
        "ring_dimension": st.sampled_from([1024, 4096, 8192, 32768, 5000, 65536]),
        "prime_bits": st.lists(st.integers(20, 61), max_size=40) | st.integers(23, 30).map(lambda bits: [bits] * 32),
    }
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "fingerprint": ODD,
            "parameters": ODD | PLAUSIBLE | st.dictionaries(st.sampled_from(sorted(PARAMETERS.__struct_fields__)), ODD),
            "relinearisation_level": ODD,
            "rotations": ODD | st.dictionaries(st.integers(0, 2**64 - 1), st.integers(0, 40), max_size=50),
        },
    )
)
def test_a_header_of_any_values_is_read_or_refused_and_never_reaches_seal(fields: dict) -> None:
    made = moduli.cache_info().misses
    try:
        header, _ = read_head(with_header({**msgspec.to_builtins(HEADER), **fields}))
        assert 0 <= header.size < 2**40
        header.check_wanted([needs_of(HEAD)])
    except (WireError, KeySetError) as error:
        assert len(str(error)) < 2000
    assert moduli.cache_info().misses == made


@settings(max_examples=300, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_a_header_whose_bytes_were_changed_is_read_or_refused(data: st.DataObject) -> None:
    encoded = bytearray(with_header(HEADER)[:-1000])
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(encoded) - 1))
        encoded[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
        encoded = encoded or bytearray(1)
    try:
        read_head(bytes(encoded))
    except WireError as error:
        assert len(str(error)) < 2000


def test_a_header_nested_beyond_the_stack_is_refused() -> None:
    deep = b"\x85\xa1x" + b"\x91" * 60_000 + b"\xc0"  # under a field that isn't ours, so it would be skipped
    with pytest.raises(WireError, match="can't be read"):
        read_header(b"BSEK1\0" + struct.pack("<I", len(deep)) + deep)


@pytest.mark.parametrize("levels", [{1: 1, 7: 0}, {1: 2, 7: 0, 9: 1}])
def test_keys_that_reach_as_far_as_the_plan_serve_it(levels: dict[int, int]) -> None:
    header = msgspec.structs.replace(HEADER, parameters=HEAD.parameters, relinearisation_level=1, rotations=levels)
    header.check_serves(needing({1: 1, 7: 0}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rotations": {1: 1}}, r"lacks rotation keys for steps \[7\]"),
        ({"rotations": {1: 0, 7: 0}}, r"lacks rotation keys for steps \[1\]"),
        ({"relinearisation_level": None}, "lacks a relinearisation key"),
        ({"relinearisation_level": 0}, "lacks a relinearisation key"),
        ({"parameters": PARAMETERS}, "has other parameters"),
    ],
    ids=str,
)
def test_keys_that_fall_short_of_the_plan_are_refused_with_what_is_lacking(change: dict, message: str) -> None:
    fitting = msgspec.structs.replace(HEADER, parameters=HEAD.parameters)
    with pytest.raises(KeySetError, match=f"{message}.*blindsight keys create"):
        msgspec.structs.replace(fitting, **change).check_serves(needing({1: 1, 7: 0}))


def test_no_relinearisation_key_is_not_one_of_level_zero() -> None:
    header = msgspec.structs.replace(HEADER, parameters=HEAD.parameters, relinearisation_level=None)
    with pytest.raises(KeySetError, match="lacks a relinearisation key"):
        header.check_serves(msgspec.structs.replace(HEAD, rotations={1: 1, 7: 0}, relinearisation_level=0))


def test_a_header_that_claims_to_be_huge_is_refused() -> None:
    with pytest.raises(WireError):
        read_header(b"BSEK1\0" + struct.pack("<I", 2**32 - 1) + bytes(100))


def test_a_plan_sealed_for_another_key_set_is_refused_by_both_names() -> None:
    head = needing({1: 1})
    header = msgspec.structs.replace(HEADER, parameters=HEAD.parameters, relinearisation_level=1, rotations={1: 1})
    header.check_serves(msgspec.structs.replace(head, sealed_for=header.fingerprint))
    with pytest.raises(KeySetError, match=f"sealed for key set {'cd' * 6}, not for {header.fingerprint[:12]}"):
        header.check_serves(msgspec.structs.replace(head, sealed_for="cd" * 32))
