"""Load models and tokenizers from a folder, a GGUF file or the hub's cache."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.errors import ChinchillaError, EngineError
from chinchilla.predict.chat_template import ChatTemplate

HUB = "https://huggingface.co"
PATIENCE = 8.0
"""Seconds a hub is given to answer before it counts as out of reach."""

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The kinds of weights transformers loads, in the order in which it looks for them."""
_BESIDE = ["*.json", "*.model", "*.txt", "*.tiktoken", "*.jinja", "*.py"]
_PASS = "pass a folder, a .gguf file or a hub name"
_OTHERWISE = "pass the path of a model on disk, or train with --base tiny, a small demo model"


def snapshot(name: str, revision: str | None, say: Callable[[str], None]) -> Path:
    """Return the folder of a model in the cache; `say` gets a line before a download.

    Raises EngineError where it is not wholly cached and no hub answers, or the hub has none.
    """
    folder, label = _cached(name, revision), f"{name}@{revision}" if revision else name
    if folder is not None and is_whole(folder):
        return folder
    host = os.environ.get("HF_ENDPOINT", HUB)
    if not _reachable(host):
        state = "not" if folder is None else "only in part"
        what = f"{state} in the local cache, and {host} cannot be reached"
        raise EngineError(f"model {label}", what, _OTHERWISE)
    say(f"downloading {label} from {host}")
    return _download(name, revision)


def is_whole(folder: Path) -> bool:
    """Whether a folder has a config, a tokenizer and all files of the weights."""
    names = [path.name for path in folder.glob("*") if path.is_file()]
    if "config.json" not in names or not any(n.startswith(("tokenizer", "vocab")) for n in names):
        return False
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return True
        # transformers looks no further than the first index it finds
        if shards := _shards(folder, name):
            return all((folder / shard).is_file() for shard in shards)
    return False


def _shards(folder: Path, name: str) -> list[str]:
    """Return the files that an index of weights names, none where there is no index."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        index = orjson.loads((folder / f"{name}.index.json").read_bytes())
        return sorted(set(map(str, index["weight_map"].values())))
    return []


def _cached(name: str, revision: str | None) -> Path | None:
    """Return the folder in which a model is cached, wholly or in part."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # no pattern: which files are needed is decided here, not by the listing that was cached
        folder = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=[]
        )
    except LocalEntryNotFoundError:
        return None
    except ValueError as error:
        raise EngineError(name, f"no name of a model ({error})", _OTHERWISE) from error
    return Path(folder)


def _download(name: str, revision: str | None) -> Path:
    """Fetch one kind of weights and the files beside them, nothing of the folders below."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    fetch = partial(snapshot_download, name, revision=revision, ignore_patterns=["*/*"])
    try:
        for weights in _WEIGHTS:
            folder = Path(fetch(allow_patterns=[*_BESIDE, weights]))
            if shards := _shards(folder, weights):
                fetch(allow_patterns=shards)
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


class ModelSource(NamedTuple):
    """Where a model is: its folder, the GGUF file in it, whether its own code may run.

    `hub` is the name of a model whose folder is in the cache of the hub.
    """

    path: str
    gguf: str | None = None
    trusted: bool = False
    hub: str | None = None

    @property
    def name(self) -> str:
        """Its name in messages."""
        if self.hub is not None:
            return self.hub
        return self.path if self.gguf is None else str(Path(self.path) / self.gguf)

    @property
    def revision(self) -> str | None:
        """The commit of a model of the hub, which is the name of its folder."""
        return None if self.hub is None else Path(self.path).name

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of every `from_pretrained`."""
        gguf = {} if self.gguf is None else {"gguf_file": self.gguf}
        return {"trust_remote_code": self.trusted, **gguf}


def path_of(name: str) -> Path:
    """Return the path that a name may be; `~` of an unknown user stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def find_model(
    name: str, trusted: bool, say: Callable[[str], None], revision: str | None = None
) -> ModelSource:
    """Return where a model is: a path, or a name at the hub.

    Args:
        name: a folder, a .gguf file or a hub name.
        trusted: whether code that comes with it may run.
        say: gets one line before a download.
        revision: a commit, a tag or a branch, of a model of the hub alone.

    Raises:
        EngineError: there is no such path, no cached model of that name, and no hub that answers.
    """
    path = path_of(name)
    if revision is None and path.suffix == ".gguf":
        return _gguf(path, trusted)
    if revision is None and path.exists():
        return _folder(path, trusted)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        if revision is not None:
            raise EngineError(name, "only a model of the hub has a revision", "leave it out")
        raise EngineError(name, "no model is there", _PASS)
    return ModelSource(str(snapshot(name, revision, say)), None, trusted, name)


def _folder(path: Path, trusted: bool) -> ModelSource:
    if not path.is_dir():
        raise EngineError(str(path), "no model is there", _PASS)
    if not (path / "config.json").is_file():
        what = "a folder without config.json, so no model"
        raise EngineError(str(path), what, "pass the folder that save_pretrained wrote")
    return ModelSource(str(path), None, trusted)


def _gguf(path: Path, trusted: bool) -> ModelSource:
    from importlib.util import find_spec

    if not path.is_file():
        raise EngineError(str(path), "no such file", "pass the path of a .gguf file")
    if find_spec("gguf") is None:
        todo = "pip install 'chinchilla[gguf]'"
        raise EngineError(str(path), "GGUF files need the package gguf", todo)
    return ModelSource(str(path.parent), path.name, trusted)


def quiet() -> None:
    """Keep transformers' own bars and advice out of our output."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def load_tokenizer(source: ModelSource) -> Any:
    """Load a tokenizer; raise EngineError where it cannot be read."""
    from transformers import AutoTokenizer

    quiet()
    with loading(source, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source.path, **source.options)
        # settings that it cannot work with show only where it is used
        tokenizer(["a"], add_special_tokens=False)
        return tokenizer


def places_of(source: ModelSource) -> int | None:
    """Return the tokens a model takes, prompt and answer together; None for no limit."""
    from transformers import AutoConfig

    with loading(source, "configuration"):
        return places_in(AutoConfig.from_pretrained(source.path, **source.options))


def places_in(config: Any) -> int | None:
    """Return the tokens that a configuration of transformers allows; None for no limit."""
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and not isinstance(limit, int):
        raise ValueError(f"max_position_embeddings is {limit!r}")
    return limit


def load_chat(source: ModelSource, settings: ModelSource | None = None) -> ChatTemplate:
    """Load a tokenizer, and the tokens that end an answer by its generation settings.

    An adapter has no generation settings: `settings` is where those of its base are.
    """
    return ChatTemplate(load_tokenizer(source), _ends(settings or source))


def _ends(source: ModelSource) -> tuple[int, ...]:
    """Return `eos_token_id` of the first file of settings, as transformers reads them."""
    if source.gguf is not None:
        return ()
    for name in ("generation_config.json", "config.json"):
        path = Path(source.path) / name
        if path.is_file():
            with loading(source, name):
                eos = orjson.loads(path.read_bytes()).get("eos_token_id")
                ids = eos if isinstance(eos, list) else [eos]
                return tuple(int(id_) for id_ in ids if id_ is not None)
    return ()


def load_model(
    source: ModelSource, precision: str, *, quantized: bool = False, flash: bool = False
) -> Any:
    """Load a causal language model onto the device there is.

    Args:
        source: where it is.
        precision: fp32 or bf16.
        quantized: load 4-bit weights (QLoRA), which needs a GPU.
        flash: compute attention with FlashAttention 2.

    Raises:
        EngineError: transformers cannot load it, or it brings an adapter or code of the hub.
    """
    import torch
    import transformers

    quiet()
    check_plain(source)
    more: dict[str, Any] = {}
    # only unpacked weights can be trained; older releases always unpack
    if source.gguf is not None and (config := getattr(transformers, "GgufConfig", None)):
        more["quantization_config"] = config(dequantize=True)
    if quantized:
        check_quantizing(source)
        more = {"quantization_config": _four_bits(), "device_map": {"": 0}}
    if flash:
        more["attn_implementation"] = "flash_attention_2"
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with loading(source, "model"):
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            source.path, dtype=dtype, **source.options, **more
        )
    if source.gguf is not None:
        if getattr(model, "hf_quantizer", None) is not None:
            # unpacked weights are still called quantized, which would keep them from training
            model.hf_quantizer.remove_quantization_config(model)
        model.name_or_path = ""  # peft would look there, and on the hub, for a config.json
    return model if quantized else model.to(device())


def check_plain(source: ModelSource) -> None:
    """Raise EngineError for a model that brings more than weights: an adapter, a kernel.

    transformers applies an adapter that is beside the weights, with whatever its settings name,
    and fetches code of the hub where a configuration names a repository for attention.
    """
    folder = Path(source.path)
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
    """Return the device there is: cuda, mps (Apple), else cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision_of(wanted: str) -> str:
    """Return the precision for `wanted`: auto is bf16 where a GPU knows it, else fp32."""
    import torch

    if wanted != "auto":
        return wanted
    return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"


def use_threads(number: int) -> None:
    """Set the threads of torch, 0 leaves them; to be called before torch is first imported.

    Threads of OpenMP wait by spinning unless told otherwise, which slows a shared machine down
    three to ten times.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if number:
        import torch

        torch.set_num_threads(number)


def check_quantizing(source: ModelSource) -> None:
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
    """Return the quantization of QLoRA: NF4, double quantization, computing in bf16.

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
def loading(source: ModelSource, what: str) -> Iterator[None]:
    """Raise what a library raises while it loads something as an EngineError of one line."""
    if not Path(source.path).is_dir():
        # transformers would take the path for a name, and ask the hub
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
