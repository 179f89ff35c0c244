"""What a context's operations do to their arguments, and what types keep apart: on real ciphertexts."""

import copy
import functools
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mypy import api

from common.ckks.fhe import Ciphertext, Context, Plaintext
from common.ckks.parameters import Parameters

PARAMETERS = Parameters(128, 8192, (46, 56, 51, 60))
SCALE = 2.0**24
STEP = 3
ONE, OTHER = np.random.default_rng(0).uniform(-1, 1, (2, PARAMETERS.slots))
ROOT = Path(__file__).parents[4]

#: By operation: its second argument, where it has one, and the values of the result or of the changed target.
RETURNING = {
    "product": ("ciphertext", ONE * OTHER),
    "product_with_plaintext": ("plaintext", ONE * OTHER),
    "rotated": (STEP, np.roll(ONE, -STEP)),
    "switched_down": (1, ONE),
}
IN_PLACE = {
    "add_in_place": ("ciphertext", ONE + OTHER),
    "add_plaintext_in_place": ("plaintext", ONE + OTHER),
    "square_in_place": (None, ONE**2),
    "relinearise_in_place": (None, ONE**2),
    "rescale_in_place": (None, ONE),
}


@functools.cache
def context() -> Context:
    made = Context(PARAMETERS)
    made.generate_keys([STEP])
    return made


def operation(name: str) -> Callable[..., Ciphertext | None]:
    return getattr(context(), name)


def first_argument(name: str) -> Ciphertext:
    """A fresh ciphertext, or what the operation is for: one of three polynomials, or of a scale to divide."""
    ciphertext = context().encrypt(ONE, 2.0**75 if name == "rescale_in_place" else SCALE)
    return context().product(ciphertext, ciphertext) if name == "relinearise_in_place" else ciphertext


def more_arguments(kind: str | int | None) -> list[Ciphertext | Plaintext | int]:
    if kind is None:
        return []
    if kind == "ciphertext":
        return [context().encrypt(OTHER, SCALE)]
    if kind == "plaintext":
        plaintext = context().encode(OTHER, SCALE, PARAMETERS.levels)
        assert plaintext is not None
        return [plaintext]
    return [kind]


def content(argument: Ciphertext | Plaintext | int) -> bytes | int:
    """All of an argument: polynomials, level and scale."""
    return argument if isinstance(argument, int) else argument._pyfhel.to_bytes("none")


def assert_encrypts(ciphertext: Ciphertext, values: np.ndarray) -> None:
    assert np.abs(context().decrypt(ciphertext) - values).max() < 0.02


def test_each_operation_is_held_by_a_test_below_and_says_by_its_name_what_it_returns() -> None:
    reading = {"decrypt", "save_ciphertext"}
    operations = {}
    for name, method in inspect.getmembers(Context, inspect.isfunction):
        signature = inspect.signature(method)
        if not name.startswith("_") and Ciphertext in [one.annotation for one in signature.parameters.values()]:
            operations[name] = signature.return_annotation
    assert operations.keys() - reading == RETURNING.keys() | IN_PLACE.keys()
    for name in operations.keys() - reading:
        assert operations[name] is (None if name.endswith("_in_place") else Ciphertext)


@pytest.mark.parametrize("name", RETURNING)
def test_an_operation_that_returns_leaves_its_arguments_as_they_were(name: str) -> None:
    kind, values = RETURNING[name]
    arguments = [first_argument(name), *more_arguments(kind)]
    before = [content(argument) for argument in arguments]
    result = operation(name)(*arguments)
    assert [content(argument) for argument in arguments] == before
    assert_encrypts(result, values)
    context().add_in_place(result, result)  # the result shares no memory with an argument
    assert [content(argument) for argument in arguments] == before


def test_a_ciphertext_switched_down_by_no_level_is_a_copy() -> None:
    ciphertext = context().encrypt(ONE, SCALE)
    same = context().switched_down(ciphertext, 0)
    assert content(same) == content(ciphertext)
    context().add_in_place(same, same)
    assert_encrypts(ciphertext, ONE)
    assert_encrypts(same, 2 * ONE)


@pytest.mark.parametrize("name", IN_PLACE)
def test_an_operation_in_place_changes_its_target_alone_and_returns_none(name: str) -> None:
    kind, values = IN_PLACE[name]
    target, others = first_argument(name), more_arguments(kind)
    before, before_others = content(target), [content(other) for other in others]
    assert operation(name)(target, *others) is None
    assert content(target) != before
    assert [content(other) for other in others] == before_others
    assert_encrypts(target, values)


def test_levels_and_polynomials_are_those_that_the_operations_promise() -> None:
    def shape(ciphertext: Ciphertext) -> tuple[int, ...]:
        return context().save_ciphertext(ciphertext).shape

    ciphertext = context().encrypt(ONE, 2.0**40)
    dimension = PARAMETERS.ring_dimension
    assert shape(ciphertext) == (2, 3, dimension)
    assert shape(context().switched_down(ciphertext, 2)) == (2, 1, dimension)
    assert shape(context().product(ciphertext, ciphertext)) == (3, 3, dimension)
    context().square_in_place(ciphertext)
    assert shape(ciphertext) == (3, 3, dimension)
    context().relinearise_in_place(ciphertext)
    assert shape(ciphertext) == (2, 3, dimension)
    context().rescale_in_place(ciphertext)
    assert shape(ciphertext) == (2, 2, dimension)


@pytest.mark.parametrize("name", ["product", "add_in_place"])
def test_operands_of_different_levels_are_refused(name: str) -> None:
    ciphertext = context().encrypt(ONE, SCALE)
    with pytest.raises(ValueError, match="mismatch"):
        operation(name)(ciphertext, context().switched_down(ciphertext, 1))


def test_ciphertexts_of_different_scales_are_not_added() -> None:
    with pytest.raises(ValueError, match="scale mismatch"):
        context().add_in_place(context().encrypt(ONE, SCALE), context().encrypt(ONE, 2 * SCALE))


@pytest.mark.parametrize("kind", ["ciphertext", "plaintext", "context"])
def test_nothing_with_keys_weights_or_frames_is_pickled_or_copied_by_accident(kind: str) -> None:
    thing = context() if kind == "context" else more_arguments(kind)[0]
    within = {"label": [thing]}
    for attempt in (lambda: pickle.dumps(within), lambda: copy.deepcopy(within), lambda: copy.copy(thing)):
        with pytest.raises(TypeError, match="isn't pickled"):
            attempt()


@pytest.mark.slow
def test_mypy_finds_a_plaintext_where_a_ciphertext_is_meant_and_a_result_that_is_none(tmp_path: Path) -> None:
    wrong = {
        "context.product(ciphertext, plaintext)": "arg-type",
        "context.add_in_place(ciphertext, plaintext)": "arg-type",
        "context.add_plaintext_in_place(ciphertext, ciphertext)": "arg-type",
        "context.decrypt(plaintext)": "arg-type",
        "context.add_plaintext_in_place(ciphertext, context.encode(values, 1.0, 0))": "arg-type",
        "ciphertext.to_bytes()": "attr-defined",
        "total = context.square_in_place(ciphertext)": "func-returns-value",
    }
    right = ["context.product_with_plaintext(ciphertext, plaintext)", "context.add_in_place(ciphertext, ciphertext)"]
    program = tmp_path / "program.py"
    program.write_text(
        "from common.ckks.fhe import Ciphertext, Context, Plaintext, Values\n"
        "def use(context: Context, ciphertext: Ciphertext, plaintext: Plaintext, values: Values) -> None:\n"
        + "".join(f"    {line}\n" for line in [*wrong, *right])
    )
    config, cache = ROOT / "pyproject.toml", tmp_path / "cache"
    out, _, _ = api.run(["--config-file", str(config), "--cache-dir", str(cache), str(program)])
    lines = [line for line in out.splitlines() if " error: " in line]
    assert [line.split(":")[1] for line in lines] == [str(3 + number) for number in range(len(wrong))]
    assert [line.rsplit("[", 1)[1] for line in lines] == [f"{code}]" for code in wrong.values()]
