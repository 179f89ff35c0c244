"""A model's plan is the fastest one, unless its keys are more than Redis holds: then it is one of few keys."""

import pytest

from common.keys import evaluation_keys
from common.keys.evaluation_keys import uploaded_size
from common.plan.network import Network
from common.plan.plan import Plan
from models.plans import compile_on_frames
from tests.networks import random_frames, small_network


@pytest.fixture(scope="module")
def network() -> Network:
    return small_network()


@pytest.fixture(scope="module")
def plans(network: Network) -> dict[bool, Plan]:
    """The fast plan and the small one, by whether they are small."""
    return {small: compile_on_frames(network, random_frames(network, 8), 128, small=small) for small in (False, True)}


def compiled(network: Network, most: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """The hash of a network's plan where Redis holds so many bytes, and those of the plans on the way."""
    monkeypatch.setattr(evaluation_keys, "_MAX_VALUE_BYTES", most)
    tried: list[Plan] = []
    plan = compile_on_frames(network, random_frames(network, 8), 128, tried=tried.append)
    return plan.head.hash, [each.head.hash for each in tried]


def test_few_keys_are_less_than_those_of_the_fastest_plan(plans: dict[bool, Plan]) -> None:
    assert (plans[False].chained, plans[True].chained) == (False, True)
    assert uploaded_size(plans[True].head) < uploaded_size(plans[False].head)


def test_the_fastest_plan_is_taken_where_redis_holds_its_keys(
    network: Network, plans: dict[bool, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = uploaded_size(plans[False].head)
    assert compiled(network, most, monkeypatch) == (plans[False].head.hash, [])


@pytest.mark.parametrize("missing", [0, 1])
def test_elsewhere_the_one_of_few_keys_is_and_the_fastest_one_is_told_of(
    network: Network, plans: dict[bool, Plan], missing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = uploaded_size(plans[True].head) - missing  # the one with fewest keys is taken even if they are too many
    assert compiled(network, most, monkeypatch) == (plans[True].head.hash, [plans[False].head.hash])
