"""The settings of a run's adapter, read by ourselves: those that our runs have, and no others.

peft follows what adapter_config.json names: modules to import, patterns to match, files to read.
"""

from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chinchilla.errors import EngineError
from chinchilla.schema import explain

SETTINGS = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_ANOTHER = "pass a run that `chinchilla train` wrote"
_OF_PEFT: dict[str, Any] = {
    "megatron_core": "megatron.core",
    "qalora_group_size": 16,
    "bias": "none",
}
"""What peft writes though nobody asked, and no run of ours changes."""


class _Settings(BaseModel):
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


_READ = tuple(name for name in _Settings.model_fields if name != "peft_type")
_NAMES = ("peft_version", "base_model_name_or_path", "revision", "inference_mode")
"""What says where an adapter comes from; nothing is looked for there."""


def read_adapter(folder: Path) -> dict[str, Any]:
    """Return the settings of an adapter, as peft's LoraConfig takes them.

    Raises EngineError where they are none, and where they ask for more than runs of ours do.
    """
    path = folder / SETTINGS
    try:
        found = orjson.loads(path.read_bytes())
        known = _Settings.model_validate(found)
    except OSError as error:
        raise EngineError(str(path), error.strerror or "cannot be read", _ANOTHER) from error
    except orjson.JSONDecodeError as error:
        raise EngineError(str(path), f"not JSON ({error})", _ANOTHER) from error
    except ValidationError as error:
        raise EngineError(
            str(path), f"not an adapter of ours ({explain(error)})", _ANOTHER
        ) from error
    for name, value in found.items():
        if name not in (*_Settings.model_fields, *_NAMES) and value and value != _OF_PEFT.get(name):
            what = f"it sets {name}, which no run of chinchilla does"
            raise EngineError(str(path), what, _ANOTHER)
    return {name: getattr(known, name) for name in _READ}
