"""Flags of a service, made from its settings: one description of each setting serves both."""

import inspect
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import annotated_types
import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.service.settings import ServiceSettings, load_settings
from common.service.settings_errors import PREFIX, flag_of

Settings = TypeVar("Settings", bound=ServiceSettings)

#: The option of every service that names its file of settings.
_CONFIG = Annotated[Path | None, typer.Option("--config", help="TOML file of settings; flags and environment win.")]


def command(kind: type[Settings], run: Callable[[Settings], None]) -> Callable[..., None]:
    """A Typer command with a flag per setting of `kind`, which loads them and calls `run`.

    As a group's callback it does nothing when the words name one of the group's commands, which then runs.
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
    flag, extra = flag_of(name, field), field.json_schema_extra
    names = f"{flag}/--no-{flag[2:]}" if field.annotation is bool else flag
    facts = [_range(field.metadata), f"env: {PREFIX}{name.upper()}"]
    if field.default not in (PydanticUndefined, None, False, ""):
        facts.insert(0, f"default: {field.default}")
    if field.is_required():
        facts.append("required")
    meaning = f"{field.description}  [{'; '.join(filter(None, facts))}]"
    panel = str(extra["panel"]) if isinstance(extra, dict) and "panel" in extra else None
    return typer.Option(names, help=meaning, show_default=False, rich_help_panel=panel)


def _range(bounds: Iterable[object]) -> str:
    """A number's bounds, as Typer writes those of its own options."""
    least = most = ""
    for bound in bounds:
        match bound:
            case annotated_types.Ge(ge=value):
                least = f"{value}<="
            case annotated_types.Gt(gt=value):
                least = f"{value}<"
            case annotated_types.Le(le=value):
                most = f"<={value}"
            case annotated_types.Lt(lt=value):
                most = f"<{value}"
    return f"{least}x{most}" if least or most else ""


def _flag_type(annotation: Any) -> Any:
    """The flag's type: that of the setting, optional, with secrets as text."""
    if get_origin(annotation) in (types.UnionType, None) and type(None) in get_args(annotation):
        (annotation,) = [kind for kind in get_args(annotation) if kind is not type(None)]
    return (str if annotation is SecretStr else annotation) | None
