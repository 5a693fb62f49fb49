"""Models of the hub in the cache of this machine; what is missing is fetched, never unannounced."""

import os
from collections.abc import Callable
from pathlib import Path

import orjson

from chinchilla.errors import EngineError

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
