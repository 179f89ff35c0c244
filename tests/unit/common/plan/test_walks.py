"""Chained rotations: each is made from the next smaller one, and one key serves every equal distance."""

from hypothesis import given
from hypothesis import strategies as st

from common.plan.walks import passed, walk

STEPS = st.sets(st.integers(0, 4095), max_size=40)


@given(STEPS)
def test_without_a_chain_each_rotation_is_made_from_the_ciphertext_itself(steps: set[int]) -> None:
    assert walk(steps, chained=False) == dict.fromkeys(steps - {0}, 0)


@given(STEPS)
def test_in_a_chain_each_is_made_from_the_next_smaller_and_all_come_from_the_ciphertext(steps: set[int]) -> None:
    path = walk(steps, chained=True)
    assert list(path) == sorted(steps - {0})
    assert list(path.values()) == [0, *sorted(steps - {0})][: len(path)]


def test_one_key_walks_an_arithmetic_progression() -> None:
    path = walk(range(0, 64, 8), chained=True)
    assert {step - before for step, before in path.items()} == {8}


@given(STEPS, st.booleans(), st.data())
def test_what_is_passed_on_the_way_is_all_that_must_be_made(
    steps: set[int], chained: bool, data: st.DataObject
) -> None:
    path = walk(steps, chained)
    wanted = data.draw(st.sets(st.sampled_from(sorted(steps)), max_size=5)) if steps else set()
    furthest = max(wanted, default=0)
    expected = {step for step in path if step <= furthest} if chained else wanted - {0}
    assert passed(path, wanted) == sorted(expected)
