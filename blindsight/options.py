"""Flags of a service, made from its settings: one description of each setting serves both."""

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.settings import PREFIX, ServiceSettings, load_settings

Settings = TypeVar("Settings", bound=ServiceSettings)

_CONFIG = Annotated[Path | None, typer.Option("--config", help="TOML file of settings; flags and environment win.")]


def command(kind: type[Settings], run: Callable[[Settings], None]) -> Callable[..., None]:
    """A Typer command with a flag per setting of `kind`, which loads them and calls `run`.

    As a group's callback it leaves the work to the group's command, when one is given.
    """

    def execute(context: typer.Context, config: Path | None = None, **flags: Any) -> None:
        if context.invoked_subcommand is None:
            run(load_settings(kind, config, {name: value for name, value in flags.items() if value != []}))

    parameters = [_parameter("context", typer.Context, inspect.Parameter.empty), _parameter("config", _CONFIG, None)]
    for name, field in kind.model_fields.items():
        parameters.append(_parameter(name, Annotated[_flag_type(field.annotation), _option(name, field)], None))
    execute.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    execute.__doc__ = run.__doc__
    return execute


def _parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _option(name: str, field: FieldInfo) -> Any:
    extra = field.json_schema_extra
    flag = str(extra["flag"]) if isinstance(extra, dict) and "flag" in extra else "--" + name.replace("_", "-")
    names = f"{flag}/--no-{flag[2:]}" if field.annotation is bool else flag
    default = "" if field.default in (PydanticUndefined, None) else f"default: {field.default}; "
    return typer.Option(names, help=f"{field.description} ({default}env: {PREFIX}{name.upper()})", show_default=False)


def _flag_type(annotation: Any) -> Any:
    """The flag's type: that of the setting, optional, with secrets as text."""
    if get_origin(annotation) in (types.UnionType, None) and type(None) in get_args(annotation):
        (annotation,) = [kind for kind in get_args(annotation) if kind is not type(None)]
    if annotation is SecretStr or get_origin(annotation) is Literal:
        annotation = str
    return annotation | None
