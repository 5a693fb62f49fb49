"""One module an export format: `write` and its inverse `read`, side by side.

A format is found by its name: `llama-factory` is `chinchilla.export.formats.llama_factory`.
No list is kept by hand. Each module has a `FORMAT`, an `export.format.Format`.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from chinchilla.errors import ConfigError

if TYPE_CHECKING:
    from chinchilla.export.format import Format


def formats() -> tuple[str, ...]:
    """List the names of the export formats, without importing them."""
    here = Path(__file__).resolve().parent
    names = (path.stem for path in here.glob("*.py") if path.stem[0] != "_")
    return tuple(sorted(name.replace("_", "-") for name in names))


def load_format(name: str) -> "Format":
    """Return an export format; raise ConfigError where there is none of that name."""
    if name not in formats():
        known = ", ".join(formats())
        raise ConfigError(f"format {name!r}", "no such export format", f"use {known}")
    module = import_module(f"chinchilla.export.formats.{name.replace('-', '_')}")
    return cast("Format", module.FORMAT)
