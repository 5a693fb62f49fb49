"""Export formats by name: in each `write` and its inverse `read`, side by side."""

from importlib import import_module
from typing import TYPE_CHECKING, cast

from chinchilla.errors import ConfigError

if TYPE_CHECKING:
    from chinchilla.export.format import Format

# the modules are imported when one of their formats is asked for: that of hf takes a second
_MODULES = {
    "alpaca": "alpaca",
    "alpaca-jsonl": "alpaca",
    "aquila": "sharegpt",
    "hf": "hf",
    "llama-factory": "llama_factory",
    "llama-factory-sharegpt": "llama_factory",
    "messages": "trl",
    "parquet": "parquet",
    "prompt-completion": "trl",
    "sharegpt": "sharegpt",
}


def formats() -> tuple[str, ...]:
    """Names of the export formats."""
    return tuple(_MODULES)


def load_format(name: str) -> "Format":
    """Export format of that name; ConfigError where there is none."""
    if name not in _MODULES:
        known = ", ".join(_MODULES)
        raise ConfigError(f"format {name!r}", "no such export format", f"use {known}")
    module = import_module(f"{__name__}.{_MODULES[name]}")
    return cast("Format", module.FORMATS[name])
