"""Settings that are wrong: each named with its place and a fix, and never with a secret."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from blindsight.commands.status.settings import StatusSettings
from broker.settings import BridgeSettings
from common.errors import ConfigurationError
from common.service.settings import RedisSettings, ServiceSettings, load_settings
from console.settings import ConsoleSettings
from edge.settings import DeviceSettings
from workers.settings import WorkerSettings

KINDS = [DeviceSettings, ConsoleSettings, BridgeSettings, WorkerSettings, StatusSettings]
SECRETS = [
    (kind, name)
    for kind in KINDS
    for name, field in kind.model_fields.items()
    if "SecretStr" in str(field.annotation) or name in ("redis_url", "forward_command", "webhook", "publish_mqtt")
]
MARK = "hunter2"
TEXT = "abc 0[]{}:/@\\\"'\0\n"


def wrong_values() -> st.SearchStrategy[Any]:
    """What may stand in TOML or in a variable for a secret, each with the mark in it."""
    marked = st.builds(lambda before, after: f"{before}{MARK}{after}", st.text(TEXT, max_size=5), st.text(TEXT))
    inner = marked | st.lists(marked, min_size=1, max_size=3)
    return inner | st.dictionaries(st.text("ab", min_size=1), inner, min_size=1, max_size=2) | st.just(f"x://:{MARK}@h")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


def refused(kind: type[ServiceSettings], toml: str | bytes, **flags: Any) -> str:
    file = Path("site.toml")
    file.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    with pytest.raises(ConfigurationError) as error:
        load_settings(kind, file, flags)
    return str(error.value)


@settings(max_examples=20)  # pydantic builds a class for each
@given(data=st.data())
@pytest.mark.parametrize(("kind", "name"), SECRETS, ids=lambda each: getattr(each, "__name__", each))
@pytest.mark.slow
def test_no_error_holds_a_secret_wherever_it_comes_from(
    kind: type[ServiceSettings], name: str, data: st.DataObject
) -> None:
    value = data.draw(wrong_values())
    patch = pytest.MonkeyPatch()
    with patch.context() as each:
        flags: dict[str, Any] = {"mqtt_port": "none"}  # one error there is always
        if isinstance(value, str) and "\0" not in value and data.draw(st.booleans()):
            each.setenv(f"BLINDSIGHT_{name.upper()}", value)
        else:
            flags[name] = value
        with pytest.raises(ConfigurationError) as error:
            load_settings(kind, None, flags)
    assert MARK not in str(error.value)
    assert "mqtt_port" in str(error.value)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("mqtt_password = 4711", "a number that isn't shown"),
        ("mqtt_password = { user = 4711 }", "a table that isn't shown"),
        ("passphrase = [4711]", "a list that isn't shown"),
        ("camera = { address = 'rtsp://me:4711@cam' }", "a table that isn't shown"),
    ],
)
def test_a_toml_value_of_the_wrong_type_is_told_by_its_type(line: str, shown: str) -> None:
    told = refused(DeviceSettings, f"# a device\n{line}\n")
    assert shown in told and "4711" not in told
    assert "in site.toml, line 2" in told


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("\nmotoin = 3\n", "motoin isn't a setting of this command in site.toml, line 2; did you mean motion?"),
        ("mqtt-port = 3\n", "did you mean mqtt_port?"),
        ("xyzzy = 3\n", "xyzzy isn't a setting of this command in site.toml, line 1; leave it out"),
        ("[mqtt]\nport = 3\n", "in site.toml, line 1; there are no tables: settings stand at the top"),
        ("rate = 'often'\n", "(got 'often') in site.toml, line 1; give --rate or BLINDSIGHT_RATE"),
        ("rate = inf\n", "rate: Input should be a finite number"),
        ("outbox_mb = 1000000000000000000000000\n", "a number is at least 1e-06 and at most 2,147,483,647"),
        ("rate = 1e-300\n", "a number is at least 1e-06"),
        ('mqtt_host = "a\\u0000b"\n', "it can't hold a null character"),
        ("policy = 'some'\n", "policy: Input should be 'all' or 'latest'"),
        ("log_level = 'loud'\n", "log_level: Input should be 'debug', 'info', 'warning' or 'error'"),
        ("a = = 3\n", "config is site.toml, which is no TOML: Invalid value (at line 1, column 5)"),
        (b"\n\xff\xfe", "config is site.toml, which isn't UTF-8 text (line 2)"),
        (f"a = {'[' * 100_000}", "config is site.toml, which can't be read as TOML"),
        (" " * 1_000_001, "config is site.toml, which has more than 1,000,000 bytes"),
    ],
    ids=range(15),
)
def test_what_is_wrong_in_a_file_is_named_with_its_line_and_a_fix(toml: str | bytes, told: str) -> None:
    assert told in refused(DeviceSettings, toml)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("mqtt_port = 1999\nrate = 'often'\n", encoding="utf-8-sig")
    with pytest.raises(ConfigurationError) as error:
        load_settings(DeviceSettings, tmp_path / "site.toml", {})
    assert "rate: " in str(error.value) and "no TOML" not in str(error.value)
    (tmp_path / "site.toml").write_text("mqtt_port = 1999\n", encoding="utf-8-sig")
    assert load_settings(StatusSettings, tmp_path / "site.toml", {}).mqtt_port == 1999


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nowhere", "doesn't exist"),
        (".", "can't be read: Is a directory"),
        ("/proc/self/mem", "can't be read: Input/output error"),
        ("/dev/zero", "has more than 1,000,000 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(path: str, told: str) -> None:
    for flag in ("config", "mqtt_password_file"):
        config, flags = (Path(path), {}) if flag == "config" else (None, {flag: Path(path)})
        with pytest.raises(ConfigurationError, match=flag) as error:
            load_settings(StatusSettings, config, flags)
        assert f"{flag} is {path}, which {told}" in str(error.value)


def test_a_value_is_looked_for_in_the_file_only_if_it_comes_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_RATE", "often")
    told = refused(DeviceSettings, "rate = 3\nmotion = 3\n", motion="much")
    assert "(got 'often'); give --rate" in told
    assert "(got 'much'); give --motion" in told


def test_the_flag_in_an_error_is_the_one_that_there_is() -> None:
    assert "give --json or BLINDSIGHT_AS_JSON" in refused(StatusSettings, "as_json = 'so'")


def test_a_list_in_the_environment_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_PLANS", "digits")
    assert 'BLINDSIGHT_PLANS is no JSON; a list is given so: ["a", "b"]' in refused(WorkerSettings, "")


@pytest.mark.parametrize("url", ["redis://[::1", "redis://h:port/0", "redis://h:0/0"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    assert "redis_url" in refused(BridgeSettings, f"redis_url = '{url}'")


def test_redis_is_named_without_its_password() -> None:
    settings = RedisSettings(redis_url=f"redis://me:{MARK}@cache:6380/1")
    assert settings.redis_address() == "redis://cache:6380/1"


def test_every_secret_is_a_secret_to_pydantic() -> None:
    for kind in KINDS:
        for name in kind.model_fields:
            if name.endswith(("password", "passphrase")):
                assert SecretStr in (kind.model_fields[name].annotation, *kind.model_fields[name].annotation.__args__)


def test_an_empty_passphrase_leaves_no_secret_key_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_PASSPHRASE", "")
    loaded = load_settings(ConsoleSettings, None, {"keys": tmp_path, "plans": [tmp_path], "state": tmp_path})
    with pytest.raises(ConfigurationError, match="passphrase is empty; give one, or leave it out"):
        loaded.secret_passphrase()


def test_a_wrong_span_of_time_is_explained_without_a_regular_expression() -> None:
    said = refused(ConsoleSettings, 'keep = "90"')
    assert "keep: Input should be a number with its unit, such as 90d, 12h or 4w (got '90')" in said
    assert "--keep" in said


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "device.toml"
    config.write_text(
        'camera = "folder:a"\nplan = "a.plan"\nstate = "s"\nrate = 1.0\nmqtt_port = 1\nmqtt_host = "file"\n'
    )
    monkeypatch.setenv("BLINDSIGHT_MQTT_PORT", "2")
    monkeypatch.setenv("BLINDSIGHT_RATE", "2.0")
    settings = load_settings(DeviceSettings, config, {"rate": 3.0, "camera": None})
    assert (settings.rate, settings.mqtt_port, settings.mqtt_host) == (3.0, 2, "file")
    assert settings.camera == "folder:a"


def test_no_secret_shows_in_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = DeviceSettings(camera="c", plan=Path("p"), state=tmp_path, mqtt_password="hunter2", passphrase="hunter3")
    assert "hunter" not in repr(settings) + str(settings) + settings.model_dump_json()
