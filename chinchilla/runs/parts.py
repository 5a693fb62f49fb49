"""The weights in a run's folder: whole, of a kind that our runs write, over the base as it was.

peft follows what adapter_config.json names: modules to import, patterns to match, files to read.
So its settings are read here: those that our runs have, and no others.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.model_loading import ModelSource
from chinchilla.schema import explain

MODEL = "model"
BASE = "base"
SETTINGS = "adapter_config.json"
_ADAPTER = "adapter_model.safetensors"
_WHOLE = "model*.safetensors"
_ANOTHER = "pass a run that `chinchilla train` wrote"


class _AdapterSettings(BaseModel):
    model_config = ConfigDict(strict=True)
    peft_type: Literal["LORA"]
    task_type: Literal["CAUSAL_LM"]
    r: int = Field(ge=1)
    lora_alpha: int = Field(ge=1)
    lora_dropout: float = Field(ge=0, lt=1)
    target_modules: list[str] = Field(min_length=1)
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    init_lora_weights: bool | Literal["pissa"] = True


_ORIGIN = ("peft_version", "base_model_name_or_path", "revision", "inference_mode")
"""What says where an adapter comes from; nothing is looked for there."""

_DEFAULTS: dict[str, Any] = {
    "megatron_core": "megatron.core",
    "qalora_group_size": 16,
    "bias": "none",
}
"""Values that peft writes in each file, and that no run of ours changes."""


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter, not a whole model."""
    return (folder / SETTINGS).is_file()


def read_adapter(folder: Path) -> dict[str, Any]:
    """Return the settings of an adapter, as peft's LoraConfig takes them.

    Raises:
        EngineError: there are none, or they ask for more than those of our runs.
    """
    path = folder / SETTINGS
    try:
        content = orjson.loads(path.read_bytes())
        settings = _AdapterSettings.model_validate(content)
    except OSError as error:
        raise EngineError(str(path), error.strerror or "cannot be read", _ANOTHER) from error
    except orjson.JSONDecodeError as error:
        raise EngineError(str(path), f"not JSON ({error})", _ANOTHER) from error
    except ValidationError as error:
        what = f"not an adapter of ours ({explain(error)})"
        raise EngineError(str(path), what, _ANOTHER) from error
    known = {*_AdapterSettings.model_fields, *_ORIGIN}
    for name, value in content.items():
        if name not in known and value and value != _DEFAULTS.get(name):
            what = f"it sets {name}, which no run of chinchilla does"
            raise EngineError(str(path), what, _ANOTHER)
    return settings.model_dump(exclude={"peft_type"})


def check_parts(folder: Path, demo: bool) -> None:
    """Raise unless a run's weights are whole, and all of it is in its folder.

    Raises:
        ConfigError: weights are missing or were cut off in a copy, or a link leads out.
        EngineError: its adapter is none of ours.
    """
    check_links(folder)
    adapted = is_adapter(folder / MODEL)
    if adapted:
        read_adapter(folder / MODEL)
    _check_weights(folder / MODEL, _ADAPTER if adapted else _WHOLE)
    if adapted and demo:
        _check_weights(folder / BASE, _WHOLE)


def check_links(folder: Path) -> None:
    """Raise ConfigError for a link that leads out of a run, to files of others."""
    home = folder.resolve()
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in folders + files):
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                what = f"a link that leads out of the run {folder}"
                raise ConfigError(str(path), what, "put the file itself there, or train again")


def _check_weights(folder: Path, pattern: str) -> None:
    """Raise ConfigError where weights are missing, or were cut off when they were copied."""
    from safetensors import SafetensorError, safe_open

    todo = "copy the whole run again, or train again"
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise ConfigError(str(folder), "no weights are here", todo)
    for path in paths:
        try:
            with safe_open(path, "numpy"):
                continue
        except (SafetensorError, OSError) as error:
            raise ConfigError(str(path), f"damaged weights ({error})", todo) from error


_END = 1 << 20
"""Bytes read at either end of a file of weights: other weights differ there too."""


def fingerprint(source: ModelSource | None) -> str | None:
    """Return the sha256 of a base's configuration and of the ends and sizes of its weights.

    None for the demo model, which its run keeps, and for a model of the hub, whose commit is
    known.
    """
    if source is None or source.hub is not None:
        return None
    digest = sha256()
    for path in _files(source):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_END))
            file.seek(max(file.tell(), size - _END))
            digest.update(file.read())
    return digest.hexdigest()


def _files(source: ModelSource) -> list[Path]:
    folder = Path(source.path)
    if source.gguf is not None:
        return [folder / source.gguf]
    weights = {path for pattern in ("*.safetensors", "*.bin") for path in folder.glob(pattern)}
    return [folder / "config.json", *sorted(weights)]
