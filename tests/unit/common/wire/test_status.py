"""Statuses: what no device sends is refused, and what later versions add is passed over."""

import msgspec
import pytest

from common.errors import WireError
from common.wire.status import Status, decode_status

STATUS = msgspec.to_builtins(Status("online", "i", 1.0, pending=7))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(name, value) for name in ("started_at", "oldest_pending_s") for value in ("1e400", "-1", "1e300", "NaN")],
        *[(name, value) for name in ("pending", "alarms") for value in ("1e400", "-1", "9" * 30, "9" * 4000, "0.5")],
        *[(name, f'"{"x" * 257}"') for name in ("instance", "model", "plan", "key_set")],
        ("more", f'"{"x" * 10_000}"'),
        ("more", "[" * 5_000),
    ],
)
def test_a_status_that_no_device_sends_is_no_status(field: str, value: str) -> None:
    fields = {**{name: msgspec.json.encode(one).decode() for name, one in STATUS.items()}, field: value}
    with pytest.raises(WireError, match="status"):
        decode_status(("{" + ",".join(f'"{name}":{one}' for name, one in fields.items()) + "}").encode())


def test_a_status_comes_back_with_what_later_versions_add_to_it() -> None:
    assert decode_status(msgspec.json.encode({**STATUS, "more": [1]})) == Status("online", "i", 1.0, pending=7)
