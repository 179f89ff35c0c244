"""The environment of the peers."""

import pytest

from benchmarks.harness.install import name_of


@pytest.mark.parametrize(
    "requirement", ["orion-fhe", "orion-fhe>=1.0.2", "orion-fhe (>=1)", "orion-fhe; python_version"]
)
def test_the_name_in_a_requirement(requirement: str) -> None:
    assert name_of(requirement) == "orion-fhe"
