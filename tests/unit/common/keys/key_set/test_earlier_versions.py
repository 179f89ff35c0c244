"""Key sets of earlier versions."""

import hashlib
import json
from pathlib import Path

import pytest

from common.errors import InsecureError
from common.keys.key_set import load_fingerprint, load_header, load_key_set, load_public, load_times_key, write_public
from tests.unit.common.keys.key_set.folders import copy


def below_the_floor(folder: Path) -> None:
    """Make a key set one of before the floor was 214 bits."""
    fields = json.loads((folder / "keyset.json").read_bytes())
    fields["parameters"]["prime_bits"] = [50, 54, 52, 60]
    (folder / "keyset.json").write_text(json.dumps(fields))


def test_a_key_set_of_before_a_stricter_floor_is_refused_and_still_known(folder: Path, tmp_path: Path) -> None:
    old = copy(folder, tmp_path / "set")
    below_the_floor(old)
    for load in (load_header, load_key_set, load_public):
        with pytest.raises(InsecureError, match=r"set is of an earlier version.*216 bits.*keys create"):
            load(old)
    assert load_fingerprint(old) == load_header(folder).fingerprint


def test_a_key_set_of_an_earlier_version_works_without_a_key_for_capture_times(folder: Path, tmp_path: Path) -> None:
    earlier = copy(folder, tmp_path / "set")
    for name in ("times-public.key", "times-secret.key"):
        (earlier / name).unlink()
    header = load_header(folder)
    named = hashlib.sha256(
        b"blindsight key set 1\0" + header.parameters.digest() + (folder / "public.key").read_bytes()
    ).hexdigest()
    (earlier / "keyset.json").write_bytes(
        (folder / "keyset.json").read_bytes().replace(header.fingerprint.encode(), named.encode())
    )
    key_set = load_key_set(earlier)
    assert (key_set.fingerprint, key_set.times, load_times_key(key_set)) == (named, None, None)
    write_public(earlier, tmp_path / "public")
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == ["keyset.json", "public.key"]
