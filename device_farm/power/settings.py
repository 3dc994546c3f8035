"""Checks the settings that a power driver is given."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ontarget.harness.errors import UserError


class Settings(BaseModel):
    """The keys of a `power` entry beside `driver`; a driver's own are fields of a subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Kind = TypeVar("Kind", bound=Settings)


def parsed(kind: type[Kind], device: str, driver: str, settings: Mapping[str, object]) -> Kind:
    """Return the settings as values. Raises UserError, naming the key that is missing, unknown or wrong."""
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        said = "; ".join(_what(problem) for problem in error.errors())
        takes = ", ".join(
            name if field.is_required() else f"{name} (optional)" for name, field in kind.model_fields.items()
        )
        raise UserError(f"power driver {driver} takes {takes}; found: {said}", device=device) from error


def _what(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "the entry"
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if problem["type"] == "missing":
        return f"no {key!r}"
    if problem["type"] == "value_error":
        return f"{key!r}: {problem['ctx']['error']}"
    return f"{key!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}, is {problem['input']!r}"
