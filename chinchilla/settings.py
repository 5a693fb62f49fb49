"""Settings in TOML files: read, laid over by the command line, and checked."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chinchilla.errors import ConfigError
from chinchilla.schema import explain

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(
    kind: type[Settings], path: Path | None, changes: dict[str, Any], instead: str
) -> Settings:
    """Read settings of a kind from a file, if any, and lay `changes` over them.

    Raises ConfigError for a file that is missing (its advice is `instead`) or no TOML, and for
    settings that are unknown or wrong.
    """
    data = {} if path is None else _read(path, instead)
    try:
        return kind.model_validate(data | changes)
    except ValidationError as error:
        where = str(path) if path else "command line"
        known = ", ".join(kind.model_fields)
        raise ConfigError(where, explain(error), f"the settings are {known}") from error


def _read(path: Path, instead: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read", instead) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"not TOML ({error})", "correct the file") from error
