"""What isn't as it should be is a ValueError that names it, before anything is computed; and never a crash."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.ckks.primes import chain_of

blindsight_engine = pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

LOG, DIMENSION = 6, 64
PRIMES = chain_of((40, 45, 50), DIMENSION)
ELEMENTS = (3, 9)


@cache
def ring() -> Any:
    return blindsight_engine.Ring(LOG, PRIMES)


def draw(*shape: int, primes: int = 2) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([random.integers(0, prime, (*shape, DIMENSION), np.uint64) for prime in PRIMES[:primes]], axis=-2)


@cache
def keys() -> Any:
    made = blindsight_engine.Keys(ring())
    for element in (0, *ELEMENTS):
        made.add(element, 1, draw(2, 2, primes=3))
    return made


def arguments() -> dict[str, Any]:
    """Those of a stage at level 1 with two inputs and two targets."""
    return {
        "level": 1,
        "rotations": np.array([(0, 1), (0, 3), (1, 9)]),
        "sums": np.array([(0, 1), (0, 9), (1, 1)]),
        "terms": np.array([(0, 0, 0), (0, 1, 1), (1, 2, 1), (2, 1, 0)]),
        "weights": [draw(), draw()],
        "fold_groups": [[3], [3, 9]],
        "biases": [draw(), None],
        "square": True,
        "rescale_first": False,
        "encrypted": False,
        "chained": False,
    }


def inputs() -> list[np.ndarray]:
    return [draw(2), draw(2)]


def test_the_stage_that_is_changed_below_is_right() -> None:
    assert [one.shape for one in blindsight_engine.Stage(ring(), **arguments()).run(keys(), inputs())] == [
        (2, 1, DIMENSION)
    ] * 2


def too_large(shape: tuple[int, ...]) -> np.ndarray:
    residues = np.zeros(shape, np.uint64)
    residues[..., -1, -1] = PRIMES[1]
    return residues


WRONG = {
    "level above the ring's": {"level": 2},
    "level that is no number": {"level": -1},
    "source that isn't there": {"rotations": np.array([(0, 1), (0, 3), (7, 9)])},
    "even element": {"rotations": np.array([(0, 1), (0, 4), (1, 9)])},
    "element beyond 2N": {"rotations": np.array([(0, 1), (0, 129), (1, 9)])},
    "negative element": {"rotations": np.array([(0, 1), (0, -3), (1, 9)])},
    "rotations of three columns": {"rotations": np.zeros((3, 3), np.int64)},
    "target that isn't there": {"sums": np.array([(0, 1), (0, 9), (2, 1)])},
    "sums out of order": {"sums": np.array([(1, 1), (0, 9), (0, 1)])},
    "giant that is even": {"sums": np.array([(0, 1), (0, 8), (1, 1)])},
    "sum that isn't there": {"terms": np.array([(0, 0, 0), (0, 1, 1), (1, 2, 1), (3, 1, 0)])},
    "rotation that isn't there": {"terms": np.array([(0, 3, 0), (0, 1, 1), (1, 2, 1), (2, 1, 0)])},
    "weight that isn't there": {"terms": np.array([(0, 0, 2), (0, 1, 1), (1, 2, 1), (2, 1, 0)])},
    "terms out of order": {"terms": np.array([(2, 0, 0), (0, 1, 1), (1, 2, 1), (2, 1, 0)])},
    "sum without a term": {"terms": np.array([(0, 0, 0), (0, 1, 1), (1, 2, 1)])},
    "last sum of a chain without a term": {"chained": True, "terms": np.array([(0, 0, 0), (0, 1, 1), (1, 2, 1)])},
    "no rotation within a chain": {"chained": True, "rotations": np.array([(0, 3), (0, 1), (1, 9)])},
    "negative term": {"terms": np.array([(0, 0, -1), (0, 1, 1), (1, 2, 1), (2, 1, 0)])},
    "weight of another shape": {"weights": [draw(), draw(primes=1)]},
    "weight of another type": {"weights": [draw(), draw().astype(np.int64)]},
    "weight that isn't contiguous": {"weights": [draw(), np.asfortranarray(draw())]},
    "weight that is None": {"weights": [draw(), None]},
    "residue that isn't below its prime": {"weights": [draw(), too_large((2, DIMENSION))]},
    "fold by an even element": {"fold_groups": [[2]]},
    "fold beyond 2N": {"fold_groups": [[129]]},
    "bias of another shape": {"biases": [draw(primes=1), None]},
    "bias that isn't below its prime": {"biases": [too_large((2, DIMENSION)), None]},
    "target without a bias": {"biases": [draw()]},
    "rescaling below level 0": {"rescale_first": True},
    "weights that aren't encrypted": {"encrypted": True},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_wrong_argument_of_a_stage_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        # Whether a source is there is known with the inputs only.
        blindsight_engine.Stage(ring(), **{**arguments(), **change}).run(keys(), inputs())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda right: right[:1],
        lambda right: [],
        lambda right: [right[0], None],
        lambda right: [right[0], right[1][:, :1].copy()],
        lambda right: [right[0], right[1][:, :, :32].copy()],
        lambda right: [right[0], right[1][:, :, ::-1]],
        lambda right: [right[0], right[1].astype(np.float64)],
        lambda right: [right[0], np.concatenate([right[1], right[1]])],
        lambda right: [right[0], too_large((2, 2, DIMENSION))],
    ],
    ids=["one too few", "none", "nothing", "level", "ring", "order", "type", "polynomials", "residue"],
)
def test_a_wrong_input_is_refused(wrong: Any) -> None:
    stage = blindsight_engine.Stage(ring(), **arguments())
    with pytest.raises((ValueError, TypeError)):
        stage.run(keys(), wrong(inputs()))


@pytest.mark.parametrize("missing", [0, *ELEMENTS])
def test_a_missing_key_is_named(missing: int) -> None:
    some = blindsight_engine.Keys(ring())
    for element in {0, *ELEMENTS} - {missing}:
        some.add(element, 1, draw(2, 2, primes=3))
    with pytest.raises(KeyError, match=str(missing) if missing else "relinearisation"):
        blindsight_engine.Stage(ring(), **arguments()).run(some, inputs())


def test_words_of_a_key_make_the_same_key_and_stay_while_it_does() -> None:
    copied = blindsight_engine.Keys(ring())
    for element in (0, *ELEMENTS):
        words = keys().words(element)
        assert not words.flags.writeable
        copied.add_words(element, 1, words.copy())
    assert copied.elements == keys().elements
    stage = blindsight_engine.Stage(ring(), **arguments())
    for ours, theirs in zip(stage.run(copied, inputs()), stage.run(keys(), inputs()), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("element", "level", "change"),
    [
        (3, 1, lambda words: words[:-1]),
        (3, 0, lambda words: words),
        (3, 2, lambda words: words),
        (4, 1, lambda words: words),
        (3, 1, lambda words: words.astype(np.int64)),
        (3, 1, lambda words: words[::-1]),
        (3, 1, lambda words: words.reshape(2, -1)),
    ],
    ids=["cut", "another level", "no level", "no element", "type", "order", "shape"],
)
def test_wrong_words_of_a_key_are_refused(element: int, level: int, change: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        blindsight_engine.Keys(ring()).add_words(element, level, change(keys().words(3).copy()))


def test_a_key_is_added_once_and_one_that_is_missing_has_no_words() -> None:
    some = blindsight_engine.Keys(ring())
    with pytest.raises(KeyError, match="3 is missing"):
        some.words(3)
    some.add_words(3, 1, keys().words(3))
    with pytest.raises(ValueError, match="there already"):
        some.add_words(3, 1, keys().words(3))


def test_a_key_for_lower_levels_does_not_serve() -> None:
    some = blindsight_engine.Keys(ring())
    for element in (0, *ELEMENTS):
        some.add(element, 0 if element == 3 else 1, draw(2, 2, primes=3))
    assert some.elements == {0: 1, 3: 0, 9: 1}
    with pytest.raises(KeyError, match="3"):
        blindsight_engine.Stage(ring(), **arguments()).run(some, inputs())


@pytest.mark.parametrize(
    ("element", "level", "residues"),
    [
        (2, 1, draw(2, 2, primes=3)),
        (129, 1, draw(2, 2, primes=3)),
        (-3, 1, draw(2, 2, primes=3)),
        (3, 2, draw(2, 2, primes=3)),
        (3, 1, draw(1, 2, primes=3)),
        (3, 1, draw(2, 2, primes=2)),
        (3, 1, draw(2, primes=3)),
        (3, 1, draw(2, 2, primes=3).astype(np.int64)),
        (3, 1, np.full((2, 2, 3, DIMENSION), PRIMES[2], np.uint64)),
    ],
)
def test_a_wrong_key_is_refused(element: int, level: int, residues: np.ndarray) -> None:
    with pytest.raises((ValueError, TypeError)):
        blindsight_engine.Keys(ring()).add(element, level, residues)


def test_a_key_is_added_once() -> None:
    with pytest.raises(ValueError, match="3"):
        keys().add(3, 1, draw(2, 2, primes=3))


@pytest.mark.parametrize(
    ("log_dimension", "primes", "path"),
    [
        (LOG, PRIMES, "sse"),
        (LOG, (*PRIMES[:2], PRIMES[0]), ""),
        (LOG, (*PRIMES[:2], PRIMES[2] + 2), ""),
        (LOG, (*PRIMES[:2], (1 << 61) + 129), ""),
        (LOG, (PRIMES[0],), ""),
        (LOG, (), ""),
        (LOG, (0, 1, 2), ""),
        (LOG, (-5, 1), ""),
        (-1, PRIMES, ""),
        (0, PRIMES, ""),
        (40, PRIMES, ""),
    ],
)
def test_a_wrong_ring_is_refused(log_dimension: int, primes: tuple[int, ...], path: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        blindsight_engine.Ring(log_dimension, primes, path)


def test_keys_of_another_ring_are_refused() -> None:
    other = blindsight_engine.Keys(blindsight_engine.Ring(LOG, chain_of((40, 45, 51), DIMENSION)))
    with pytest.raises(ValueError, match="ring"):
        blindsight_engine.Stage(ring(), **arguments()).run(other, inputs())


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 130)
ARRAYS = st.tuples(
    st.sampled_from([np.uint64, np.int64, np.float64, np.uint8]),
    st.lists(st.sampled_from([0, 1, 2, 3, 63, 64, 65]), max_size=4),
    st.sampled_from([0, 1, 3, 2**40, 2**63 - 1]),
).map(
    lambda drawn: np.full(
        drawn[1], min(drawn[2], np.iinfo(np.uint8).max if drawn[0] is np.uint8 else drawn[2]), drawn[0]
    )
)
INDICES = st.lists(st.lists(NUMBERS, min_size=2, max_size=3), max_size=5).map(
    lambda rows: np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
)
THINGS = st.none() | st.booleans() | NUMBERS | ARRAYS | st.text(max_size=3) | st.lists(ARRAYS | st.none(), max_size=3)
ANY_OF = {
    "level": NUMBERS,
    "rotations": INDICES | THINGS,
    "sums": INDICES | THINGS,
    "terms": INDICES | THINGS,
    "weights": st.lists(ARRAYS, max_size=3) | THINGS,
    "fold_groups": st.lists(st.lists(NUMBERS, max_size=3), max_size=3) | THINGS,
    "biases": st.lists(ARRAYS | st.none(), max_size=3) | THINGS,
    "square": st.booleans() | THINGS,
    "rescale_first": st.booleans() | THINGS,
    "encrypted": st.booleans() | THINGS,
}


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_arguments_at_random_are_refused_or_evaluated(data: st.DataObject) -> None:
    changed = data.draw(st.lists(st.sampled_from(sorted(ANY_OF)), min_size=1, max_size=3, unique=True))
    given_ = {**arguments(), **{name: data.draw(ANY_OF[name]) for name in changed}}
    try:
        blindsight_engine.Stage(ring(), **given_).run(
            keys(), data.draw(st.just(inputs()) | st.lists(ARRAYS, max_size=3))
        )
    except (ValueError, TypeError, KeyError):
        return
