"""Tell whether the base of a run is still the one that it was trained on."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from chinchilla.errors import EngineError
from chinchilla.predict.loading import Source

_WEIGHTS = ("*.safetensors", "*.bin")
_END = 1 << 20
"""Bytes read at either end of a file of weights: other weights differ there too."""


def fingerprint(source: Source | None) -> str | None:
    """Return the sha256 of a base's configuration and of the ends and sizes of its weights.

    Null for the demo model, which its run keeps, and for a model of the hub, whose commit is
    known.
    """
    if source is None or source.hub is not None:
        return None
    digest = sha256()
    for path in _files(source):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_END))
            file.seek(max(file.tell(), path.stat().st_size - _END))
            digest.update(file.read())
    return digest.hexdigest()


def _files(source: Source) -> list[Path]:
    folder = Path(source.place)
    if source.gguf is not None:
        return [folder / source.gguf]
    weights = {path for pattern in _WEIGHTS for path in folder.glob(pattern)}
    return [folder / "config.json", *sorted(weights)]


def check_base(run: Path, facts: dict[str, Any], source: Source | None) -> None:
    """Raise EngineError where a run's base has changed since; older runs do not tell."""
    known = facts.get("base")
    if known is not None and fingerprint(source) != known:
        name = "" if source is None else f" {source.name}"
        what = f"its base{name} is not the one that it was trained on"
        raise EngineError(str(run), what, "put that one back, or train again")
