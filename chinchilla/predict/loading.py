"""Load models and tokenizers from a folder, a GGUF file or the hub's name, never by surprise."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError

from chinchilla.errors import EngineError

HUB = "https://huggingface.co"
PATIENCE = 8.0
"""Seconds a hub is given to answer before it counts as out of reach."""


class Source(NamedTuple):
    """Where a model is: a folder or name, the GGUF file in it, whether its own code may run."""

    place: str
    gguf: str | None = None
    trusted: bool = False

    @property
    def name(self) -> str:
        """Return what to call it."""
        return self.place if self.gguf is None else str(Path(self.place) / self.gguf)

    @property
    def options(self) -> dict[str, Any]:
        """Return what both `from_pretrained` are told."""
        known: dict[str, Any] = {"trust_remote_code": self.trusted}
        if self.gguf is not None:
            known["gguf_file"] = self.gguf
        return known


def find_model(name: str, trusted: bool, say: Callable[[str], None]) -> Source:
    """Return where a model is; `say` is told before anything is downloaded.

    Raises EngineError where there is neither such a path, nor a cached model of that name, nor
    a hub that answers.
    """
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        return _gguf(path, trusted)
    if path.is_dir():
        if not (path / "config.json").is_file():
            what = "a folder without config.json, so no model"
            raise EngineError(name, what, "pass the folder that save_pretrained wrote")
        return Source(str(path), None, trusted)
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise EngineError(name, "no model is there", "pass a folder, a .gguf file or a hub name")
    _fetch(name, say)
    return Source(name, None, trusted)


def _gguf(path: Path, trusted: bool) -> Source:
    from importlib.util import find_spec

    if not path.is_file():
        raise EngineError(str(path), "no such file", "pass the path of a .gguf file")
    if find_spec("gguf") is None:
        todo = "pip install 'chinchilla[gguf]'"
        raise EngineError(str(path), "GGUF files need the package gguf", todo)
    return Source(str(path.parent), path.name, trusted)


def _fetch(name: str, say: Callable[[str], None]) -> None:
    """Make sure that a model of the hub is cached; raise EngineError where it cannot be."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot_download(name, local_files_only=True, allow_patterns=_WEIGHTS)
        return
    except LocalEntryNotFoundError:
        pass
    except ValueError as error:
        raise EngineError(name, f"no name of a model ({error})", _OTHERWISE) from error
    host = os.environ.get("HF_ENDPOINT", HUB)
    if not _reachable(host):
        what = f"not in the local cache, and {host} cannot be reached"
        raise EngineError(f"model {name}", what, _OTHERWISE)
    say(f"downloading {name} from {host}")
    try:
        snapshot_download(name, allow_patterns=_WEIGHTS)
    except (HfHubHTTPError, OSError) as error:
        first = str(error).strip().split("\n")[0]
        raise EngineError(f"model {name}", f"cannot be downloaded ({first})", _OTHERWISE) from error


_WEIGHTS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.py", "*.bin"]
_OTHERWISE = "pass --base tiny for a small demo model, or --base PATH of a model on disk"


def _reachable(host: str) -> bool:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return False
    try:
        with urlopen(Request(host, method="HEAD"), timeout=PATIENCE):
            return True
    except HTTPError:
        return True
    except (URLError, OSError, ValueError):
        return False


def quiet() -> None:
    """Keep the library's own bars and advice from standing between our lines."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def load_tokenizer(source: Source) -> Any:
    """Load a tokenizer; raise EngineError where it cannot be read."""
    from transformers import AutoTokenizer

    quiet()
    with _ours(source, "tokenizer"):
        return AutoTokenizer.from_pretrained(source.place, **source.options)


def load_model(
    source: Source, precision: str, *, quantized: bool = False, flash: bool = False
) -> Any:
    """Load a causal language model onto the device there is; `precision` is fp32 or bf16.

    `quantized` loads 4-bit weights, `flash` computes attention with FlashAttention 2.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    more = {} if source.gguf is None else _dense()
    if quantized:
        check_quantizing(source)
        more = {"quantization_config": _four_bits(), "device_map": {"": 0}}
    if flash:
        more["attn_implementation"] = "flash_attention_2"
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with _ours(source, "model"):
        model: Any = AutoModelForCausalLM.from_pretrained(
            source.place, dtype=dtype, **source.options, **more
        )
    if source.gguf is not None:
        _forget_file(model)
    return model if quantized else model.to(device())


def device() -> str:
    """Return the device there is: a GPU, Apple's, else the processor."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision_of(wanted: str) -> str:
    """Return the precision to use: bf16 where a GPU knows it, fp32 elsewhere, unless told."""
    import torch

    if wanted != "auto":
        return wanted
    return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"


def _dense() -> dict[str, Any]:
    """Ask for the weights of a GGUF file unpacked, as only those can be trained."""
    import transformers

    known = getattr(transformers, "GgufConfig", None)  # older releases always unpack
    return {} if known is None else {"quantization_config": known(dequantize=True)}


def _forget_file(model: Any) -> None:
    """Take off what still calls dense weights packed, and keeps them from being trained."""
    if getattr(model, "hf_quantizer", None) is not None:
        model.hf_quantizer.remove_quantization_config(model)
    model.name_or_path = ""  # peft would look there, and on the hub, for a config.json


def check_quantizing(source: Source) -> None:
    """Raise EngineError where a model cannot be loaded in 4 bits here."""
    from importlib.util import find_spec

    if source.gguf is not None:
        todo = "use --method lora, or the model's own weights"
        raise EngineError(source.name, "a GGUF file is not quantized a second time", todo)
    if device() != "cuda":
        raise EngineError("--method qlora", "4-bit training needs a GPU", "use --method lora here")
    if find_spec("bitsandbytes") is None:
        todo = "pip install 'chinchilla[qlora]', or use --method lora"
        raise EngineError("--method qlora", "the package bitsandbytes is missing", todo)


def _four_bits() -> Any:
    """Return the settings of QLoRA: NF4, double quantisation, computing in bf16.

    Source: Dettmers et al., QLoRA, NeurIPS 2023, https://arxiv.org/abs/2305.14314.
    """
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


@contextmanager
def _ours(source: Source, what: str) -> Iterator[None]:
    """Turn what the library raises into one line of ours."""
    try:
        yield
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, SafetensorError) as error:
        first = next((line for line in str(error).split("\n") if line.strip()), repr(error))
        todo = "pass a causal language model that transformers loads"
        if "trust_remote_code" in str(error):
            todo = "read that code, then pass --trust-remote-code"
        raise EngineError(source.name, f"the {what} cannot be loaded ({first})", todo) from error
