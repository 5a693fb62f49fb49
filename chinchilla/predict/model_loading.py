"""Load models and tokenizers from a folder, a GGUF file or the hub's cache."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.errors import ChinchillaError, EngineError
from chinchilla.predict.chat_template import Chat

HUB = "https://huggingface.co"
PATIENCE = 8.0
"""Seconds a hub is given to answer before it counts as out of reach."""

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The kinds of weights transformers loads, the one it takes first standing first."""
_BESIDE = ["*.json", "*.model", "*.txt", "*.tiktoken", "*.jinja", "*.py"]
_OTHERWISE = "pass the path of a model on disk, or train with --base tiny, a small demo model"


def snapshot(name: str, revision: str | None, say: Callable[[str], None]) -> Path:
    """Return the folder of a model in the cache; `say` is told before anything is downloaded.

    Raises EngineError where it is not wholly cached and no hub answers, or the hub has none.
    """
    found, called = _cached(name, revision), f"{name}@{revision}" if revision else name
    if found is not None and is_whole(found):
        return found
    host = os.environ.get("HF_ENDPOINT", HUB)
    if not _reachable(host):
        held = "not" if found is None else "only in part"
        what = f"{held} in the local cache, and {host} cannot be reached"
        raise EngineError(f"model {called}", what, _OTHERWISE)
    say(f"downloading {called} from {host}")
    return _download(name, revision)


def is_whole(folder: Path) -> bool:
    """Tell whether a folder has a config, a tokenizer and all files of the weights."""
    names = [path.name for path in folder.glob("*") if path.is_file()]
    spelt = any(name.startswith(("tokenizer", "vocab")) for name in names)
    return "config.json" in names and spelt and _has_weights(folder)


def _has_weights(folder: Path) -> bool:
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return True
        # transformers looks no further than the first index it finds
        if shards := _shards(folder, name):
            return all((folder / shard).is_file() for shard in shards)
    return False


def _shards(folder: Path, name: str) -> list[str]:
    """Return the files that an index of weights names, none where there is no index."""
    try:
        index = orjson.loads((folder / f"{name}.index.json").read_bytes())
        return sorted(set(map(str, index["weight_map"].values())))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def _cached(name: str, revision: str | None) -> Path | None:
    """Return the folder in which a model is cached, wholly or in part."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # no pattern: which files are needed is decided here, not by the listing that was cached
        found = snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=[])
    except LocalEntryNotFoundError:
        return None
    except ValueError as error:
        raise EngineError(name, f"no name of a model ({error})", _OTHERWISE) from error
    return Path(found)


def _download(name: str, revision: str | None) -> Path:
    """Fetch one kind of weights and what stands beside them, nothing of the folders below."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    def fetch(patterns: list[str]) -> Path:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"]
            )
        )

    try:
        for weights in _WEIGHTS:
            folder = fetch([*_BESIDE, weights])
            if shards := _shards(folder, weights):
                fetch(shards)
            if is_whole(folder):
                return folder
    except (HfHubHTTPError, OSError) as error:
        first = str(error).strip().split("\n")[0]
        raise EngineError(f"model {name}", f"cannot be downloaded ({first})", _OTHERWISE) from error
    what = "no model that transformers loads (config, tokenizer and weights)"
    raise EngineError(f"model {name}", what, _OTHERWISE)


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


class Source(NamedTuple):
    """Where a model is: a folder, the GGUF file in it, whether its own code may run.

    `hub` is the name of a model whose folder lies in the cache of the hub.
    """

    place: str
    gguf: str | None = None
    trusted: bool = False
    hub: str | None = None

    @property
    def name(self) -> str:
        """Return what to call it."""
        if self.hub is not None:
            return self.hub
        return self.place if self.gguf is None else str(Path(self.place) / self.gguf)

    @property
    def revision(self) -> str | None:
        """Return the commit of a model of the hub, after which its folder is named."""
        return None if self.hub is None else Path(self.place).name

    @property
    def options(self) -> dict[str, Any]:
        """Return what both `from_pretrained` are told."""
        known: dict[str, Any] = {"trust_remote_code": self.trusted}
        if self.gguf is not None:
            known["gguf_file"] = self.gguf
        return known


def path_of(name: str) -> Path:
    """Return the path that a model may be named by; `~` of nobody here stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def find_model(
    name: str, trusted: bool, say: Callable[[str], None], revision: str | None = None
) -> Source:
    """Return where a model is; `say` is told before anything is downloaded.

    Only a model of the hub has a `revision`, a commit or what stands for one there. Raises
    EngineError where there is neither such a path, nor a cached model of that name, nor a hub
    that answers.
    """
    path = path_of(name)
    if revision is None and (path.suffix == ".gguf" or path.exists()):
        return _gguf(path, trusted) if path.suffix == ".gguf" else _folder(path, trusted)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        if revision is not None:
            raise EngineError(name, "only a model of the hub has a revision", "leave it out")
        raise EngineError(name, "no model is there", _PASS)
    return Source(str(snapshot(name, revision, say)), None, trusted, name)


_PASS = "pass a folder, a .gguf file or a hub name"


def _folder(path: Path, trusted: bool) -> Source:
    if not path.is_dir():
        raise EngineError(str(path), "no model is there", _PASS)
    if not (path / "config.json").is_file():
        what = "a folder without config.json, so no model"
        raise EngineError(str(path), what, "pass the folder that save_pretrained wrote")
    return Source(str(path), None, trusted)


def _gguf(path: Path, trusted: bool) -> Source:
    from importlib.util import find_spec

    if not path.is_file():
        raise EngineError(str(path), "no such file", "pass the path of a .gguf file")
    if find_spec("gguf") is None:
        todo = "pip install 'chinchilla[gguf]'"
        raise EngineError(str(path), "GGUF files need the package gguf", todo)
    return Source(str(path.parent), path.name, trusted)


def quiet() -> None:
    """Keep the library's own bars and advice from standing between our lines."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def load_tokenizer(source: Source) -> Any:
    """Load a tokenizer; raise EngineError where it cannot be read."""
    from transformers import AutoTokenizer

    quiet()
    with loading(source, "tokenizer"):
        found = AutoTokenizer.from_pretrained(source.place, **source.options)
        # settings that it cannot work with show only where it is used
        found(["a"], add_special_tokens=False)
        return found


def places_of(source: Source) -> int | None:
    """Return how many tokens a model can be shown, null where its configuration names no limit."""
    from transformers import AutoConfig

    with loading(source, "configuration"):
        return places_in(AutoConfig.from_pretrained(source.place, **source.options))


def places_in(config: Any) -> int | None:
    """Return how many tokens a configuration gives places to, if it limits them."""
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    if found is not None and not isinstance(found, int):
        raise ValueError(f"max_position_embeddings is {found!r}")
    return found


def load_chat(source: Source, settings: Source | None = None) -> Chat:
    """Load a tokenizer, and the ends of an answer that generation settings beside it name.

    An adapter has no settings of its own: `settings` is where those of its base are.
    """
    return Chat(load_tokenizer(source), _ends(settings or source))


def _ends(source: Source) -> tuple[int, ...]:
    """Return the tokens that end an answer by the first file of settings, as transformers does."""
    if source.gguf is not None:
        return ()
    for name in ("generation_config.json", "config.json"):
        path = Path(source.place) / name
        if path.is_file():
            with loading(source, name):
                found = orjson.loads(path.read_bytes()).get("eos_token_id")
                ends = found if isinstance(found, list) else [found]
                return tuple(int(one) for one in ends if one is not None)
    return ()


def load_model(
    source: Source, precision: str, *, quantized: bool = False, flash: bool = False
) -> Any:
    """Load a causal language model onto the device there is; `precision` is fp32 or bf16.

    `quantized` loads 4-bit weights, `flash` computes attention with FlashAttention 2.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    check_plain(source)
    more = {} if source.gguf is None else _dense()
    if quantized:
        check_quantizing(source)
        more = {"quantization_config": _four_bits(), "device_map": {"": 0}}
    if flash:
        more["attn_implementation"] = "flash_attention_2"
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with loading(source, "model"):
        model: Any = AutoModelForCausalLM.from_pretrained(
            source.place, dtype=dtype, **source.options, **more
        )
    if source.gguf is not None:
        _forget_file(model)
    return model if quantized else model.to(device())


def check_plain(source: Source) -> None:
    """Raise EngineError for a model that would bring along more than it is: an adapter, a kernel.

    The library puts an adapter beside the weights onto them, its settings followed unread, and
    fetches code of the hub for attention where a configuration names a repository.
    """
    folder = Path(source.place)
    if (folder / "adapter_config.json").is_file():
        todo = "merge it into its base, and pass what that wrote"
        raise EngineError(source.name, "holds an adapter, not a whole model", todo)
    if source.trusted or not (folder / "config.json").is_file():
        return
    with loading(source, "configuration"):
        left = [orjson.loads((folder / "config.json").read_bytes())]
        if not isinstance(left[0], dict):
            raise ValueError("no JSON object")
        while left:
            for key, value in left.pop().items():
                if isinstance(value, dict):
                    left.append(value)
                elif str(key).endswith("_implementation") and "/" in str(value):
                    what = f"its config.json asks for code of the hub ({key} is {value})"
                    todo = "read that code, then pass --trust-remote-code"
                    raise EngineError(source.name, what, todo)


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
def loading(source: Source, what: str) -> Iterator[None]:
    """Turn what the library raises while it loads something into one line of ours."""
    if not Path(source.place).is_dir():
        # the library would take the path for a name, and ask the hub
        todo = "pass the folder of a model, or of a run that is finished"
        raise EngineError(source.name, f"no {what} is there", todo)
    try:
        yield
    except ChinchillaError:
        raise
    except Exception as error:  # files of others make a library raise whatever there is
        first = next((line for line in str(error).split("\n") if line.strip()), repr(error))
        todo = "pass a causal language model that transformers loads"
        if "trust_remote_code" in str(error):
            todo = "read that code, then pass --trust-remote-code"
        raise EngineError(source.name, f"the {what} cannot be loaded ({first})", todo) from error
