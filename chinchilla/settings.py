"""Settings in TOML files: read, the command line over them, and checked."""

import tomllib
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chinchilla.errors import AS_UTF8, ConfigError
from chinchilla.schema import explain

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(
    kind: type[Settings], path: Path | None, changes: dict[str, Any], instead: str
) -> Settings:
    """Settings of a kind from a TOML file, if any, with `changes` over them.

    Raises ConfigError for a file that is missing (its advice is `instead`) or no TOML, and for
    settings that are not known or wrong.
    """
    data = ({} if path is None else _read(path, instead)) | changes
    where = str(path) if path else "command line"
    try:
        for name, value in data.items():
            _check_plain(where, name, value)
        return kind.model_validate(data)
    except RecursionError as error:
        raise ConfigError(where, "nested too deep", "correct the file") from error
    except ValidationError as error:
        known = ", ".join(kind.model_fields)
        raise ConfigError(where, explain(error), f"the settings are {known}") from error


def _read(path: Path, instead: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read", instead) from error
    except RecursionError as error:
        raise ConfigError(str(path), "not TOML (nested too deep)", "correct the file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "not UTF-8", AS_UTF8) from error
    except ValueError as error:
        # also a number of more than 4,300 digits
        raise ConfigError(str(path), f"not TOML ({error})", "correct the file") from error


def _check_plain(where: str, name: str, value: Any) -> None:
    """Raise ConfigError for a value that no manifest could hold, or no path could be made of."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_plain(where, f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_plain(where, name, inner)
    elif isinstance(value, float) and not isfinite(value):
        raise ConfigError(where, f"{name}: {value} is no number to count with", "correct it")
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ConfigError(where, f"{name}: the number is too large", "pass one below 2**64")
    elif isinstance(value, str) and "\0" in value:
        raise ConfigError(where, f"{name}: has a NUL character", "take it out")
