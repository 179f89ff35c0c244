"""A bridge whose fleet serves digits, and a key set for it."""

import pytest
import redis

from broker.received_keys import KeyUploads
from common.ckks import seeding
from common.keys.key_needs import ServedNeeds, needs_of
from common.keys.key_set import KeySet, create_key_set
from tests.unit.broker.received_keys.uploads import HEAD


@pytest.fixture(scope="package")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    """One without seeds, wherever it is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeding, "_extension", lambda: None)
        return create_key_set(HEAD, tmp_path_factory.mktemp("keys") / "set")


@pytest.fixture
def bridge(store: "redis.Redis") -> KeyUploads:
    """One whose fleet serves digits."""
    ServedNeeds(store).announce([needs_of(HEAD)])
    return KeyUploads(store, key_ttl=1000)
