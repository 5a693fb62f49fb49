"""Models of the hub in the cache of this machine; what is missing is fetched, never unannounced."""

import os
from collections.abc import Callable
from pathlib import Path

from chinchilla.errors import EngineError

HUB = "https://huggingface.co"
PATIENCE = 8.0
"""Seconds a hub is given to answer before it counts as out of reach."""

_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.py", "*.bin"]
_OTHERWISE = "pass --base tiny for a small demo model, or --base PATH of a model on disk"


def snapshot(name: str, revision: str | None, say: Callable[[str], None]) -> Path:
    """Return the folder of a model in the cache; `say` is told before anything is downloaded.

    Raises EngineError where it is not cached and no hub answers.
    """
    found, called = _cached(name, revision), f"{name}@{revision}" if revision else name
    if found is not None:
        return found
    host = os.environ.get("HF_ENDPOINT", HUB)
    if not _reachable(host):
        what = f"not in the local cache, and {host} cannot be reached"
        raise EngineError(f"model {called}", what, _OTHERWISE)
    say(f"downloading {called} from {host}")
    return _download(name, revision)


def _cached(name: str, revision: str | None) -> Path | None:
    """Return the folder in which a model is cached, wholly or in part."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=_FILES
        )
    except LocalEntryNotFoundError:
        return None
    except ValueError as error:
        raise EngineError(name, f"no name of a model ({error})", _OTHERWISE) from error
    return Path(found)


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_FILES))
    except (HfHubHTTPError, OSError) as error:
        first = str(error).strip().split("\n")[0]
        raise EngineError(f"model {name}", f"cannot be downloaded ({first})", _OTHERWISE) from error


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
