"""Find the templates and samples that travel with the package."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the folder `templates` or `samples`, inside a wheel or in a checkout."""
    inside = _HERE / "shipped" / name
    if inside.is_dir():
        return inside
    return _HERE.parent / ("raw/samples" if name == "samples" else name)
