"""What is wrong with settings, said without any secret: for people who wrote a flag, a variable or a TOML file."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

#: The beginning of the environment variables that are settings.
PREFIX = "BLINDSIGHT_"
#: Characters of a wrong value that are shown, at most.
_SHOWN = 200
#: Parts of the names of settings whose values are secret.
_SECRET_NAMES = ("password", "passphrase", "secret", "token")


@dataclass(frozen=True)
class TomlFile:
    """A file of settings, and its text."""

    path: Path
    text: str


def explain(error: ValidationError, kind: type[BaseModel], file: TomlFile | None, flags: Mapping[str, object]) -> str:
    """A line for each setting that is wrong: its name, value, place, and how to give it."""
    return "\n".join(_line(item, kind, file, flags) for item in error.errors(include_url=False))


def flag_of(name: str, field: FieldInfo) -> str:
    """The command line's name of a setting."""
    extra = field.json_schema_extra
    return str(extra["flag"]) if isinstance(extra, dict) and "flag" in extra else "--" + name.replace("_", "-")


def is_secret(name: str, field: FieldInfo) -> bool:
    """Whether a setting's value is a secret, or may hold one."""
    extra = field.json_schema_extra
    known = "SecretStr" in str(field.annotation) or any(word in name for word in _SECRET_NAMES)
    return known or (isinstance(extra, dict) and bool(extra.get("secret")))


def nearest(name: str, known: Mapping[str, object]) -> str | None:
    """The known name that looks most like a mistyped one."""
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return matches[0] if matches else None


def _line(item: Any, kind: type[BaseModel], file: TomlFile | None, flags: Mapping[str, object]) -> str:
    name = str(item["loc"][0]) if item["loc"] else "settings"
    place = _place(name, file, flags)
    field = kind.model_fields.get(name)
    if field is None:
        like = nearest(name, kind.model_fields)
        fix = f"did you mean {like}?" if like else "leave it out"
        if isinstance(item["input"], dict):
            fix = "there are no tables: settings stand at the top, such as mqtt_port = 1883"
        return f"{name} isn't a setting of this command{place}; {fix}"
    value = "" if item["type"] == "missing" else f" (got {_shown(name, field, item['input'])})"
    return f"{name}: {item['msg']}{value}{place}; give {flag_of(name, field)} or {PREFIX}{name.upper()}"


def _place(name: str, file: TomlFile | None, flags: Mapping[str, object]) -> str:
    """Where the value comes from, when that is the file."""
    if file is None or name in flags or f"{PREFIX}{name}".upper() in os.environ:
        return ""
    key = re.compile(rf"""\s*(\[+\s*)?["']?{re.escape(name)}["']?\s*[=.\]]""")
    lines = enumerate(file.text.splitlines(), start=1)
    number = next((place for place, line in lines if key.match(line)), None)
    return f" in {file.path}, line {number}" if number is not None else ""


def _shown(name: str, field: FieldInfo, value: object) -> str:
    """A wrong value, unless it is a secret or may hold one."""
    if is_secret(name, field) or isinstance(value, SecretStr):
        return f"{_type_name(value)} that isn't shown"
    if isinstance(value, str | int | float | bool | Path):
        text = repr(str(value) if isinstance(value, Path) else value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return _type_name(value)


def _type_name(value: object) -> str:
    names = {dict: "a table", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "a value")
