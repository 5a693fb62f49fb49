"""The settings of a build, in build.toml or on the command line."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from chinchilla.dataset.mixing import Mix
from chinchilla.prompts.options import HoldOut, PromptOptions, WindowOptions
from chinchilla.schema import Frozen, Task
from chinchilla.settings import read_settings


class MixOptions(Frozen):
    """Hold the tables [mix.sources] and [mix.tasks] of build.toml."""

    sources: Mix = Field(default_factory=Mix, description="how sources are mixed")
    tasks: Mix = Field(default_factory=Mix, description="how tasks are mixed")


class GeneralOptions(Frozen):
    """Hold the table [general] of build.toml."""

    path: str = Field(default="", description="alpaca or sharegpt file; none where empty")
    ratio: float = Field(default=0.0, ge=0, description="general rows to each row of extraction")


class BuildConfig(Frozen):
    """Hold the settings that decide the bytes of a build; workers do not."""

    seed: int = Field(default=0, ge=0, lt=2**64, description="seed of every choice of template")
    sources: tuple[str, ...] = Field(default=(), description="sources to read; none means all")
    tasks: tuple[Task, ...] = Field(default=(), description="tasks to build; none means all")
    editions: dict[str, str] = Field(
        default_factory=dict, description="edition of a source, where not the first one found"
    )
    samples: bool | None = Field(
        default=None,
        description="use the shipped sample of a source that has no files; where not set, only "
        "where there are no raw files at all",
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
    mix: MixOptions = Field(
        default_factory=MixOptions, description="how many rows of each source and task train has"
    )
    general: GeneralOptions = Field(
        default_factory=GeneralOptions, description="general instructions mixed into train"
    )


def read_config(path: Path | None, changes: dict[str, Any]) -> BuildConfig:
    """Settings of build.toml, with `changes` over them; ConfigError for what is not known.

    A name alone means the configuration that ships under it.
    """
    instead = f"pass the path of a build.toml, or one of {', '.join(shipped_configs())}"
    file = path and shipped_configs().get(str(path), path)
    return read_settings(BuildConfig, file, changes, instead)


_CONFIGS = Path(__file__).resolve().parent / "configs"


def shipped_configs() -> dict[str, Path]:
    """Files of the configurations that ship, by name."""
    return {path.stem: path for path in sorted(_CONFIGS.glob("*.toml"))}
