"""What a build may be told, in build.toml or on the command line."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from chinchilla.errors import ConfigError
from chinchilla.prompts.options import HoldOut, PromptOptions, WindowOptions
from chinchilla.schema import Frozen, Task, explain


class BuildConfig(Frozen):
    """Hold the settings that decide the bytes of a build; workers do not."""

    seed: int = Field(default=0, description="seed of every choice of wording")
    sources: tuple[str, ...] = Field(default=(), description="sources to read; none means all")
    tasks: tuple[Task, ...] = Field(default=(), description="tasks to build; none means all")
    editions: dict[str, str] = Field(
        default_factory=dict, description="edition of a source, where not the first one found"
    )
    samples: bool = Field(
        default=True, description="use the shipped sample of a source that has no files"
    )
    on_error: Literal["stop", "count"] = Field(
        default="stop", description="stop at the first bad record, or leave it out and count it"
    )
    prompts: PromptOptions = Field(
        default_factory=PromptOptions, description="what is asked and how it is worded"
    )
    windows: WindowOptions = Field(
        default_factory=WindowOptions, description="how long texts are cut"
    )
    hold_out: HoldOut = Field(default_factory=HoldOut, description="what train must never show")


def read_config(path: Path | None, changes: dict[str, Any]) -> BuildConfig:
    """Read build.toml and lay the command line over it; raise ConfigError for what is unknown."""
    where = str(path) if path else "command line"
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(_shipped(path).read_text(encoding="utf-8"))
        except OSError as error:
            words = error.strerror or "cannot be read"
            names = ", ".join(shipped_configs())
            todo = f"pass the path of a build.toml, or one of {names}"
            raise ConfigError(where, words, todo) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(where, f"not TOML ({error})", "correct the file") from error
    try:
        return BuildConfig.model_validate(data | changes)
    except ValidationError as error:
        known = ", ".join(BuildConfig.model_fields)
        raise ConfigError(where, explain(error), f"the settings are {known}") from error


_CONFIGS = Path(__file__).resolve().parent / "configs"


def shipped_configs() -> dict[str, Path]:
    """Return the configurations that ship, by name."""
    return {path.stem: path for path in sorted(_CONFIGS.glob("*.toml"))}


def _shipped(path: Path) -> Path:
    """Return the configuration that ships under this name, else the path itself."""
    return path if path.exists() else shipped_configs().get(str(path), path)
