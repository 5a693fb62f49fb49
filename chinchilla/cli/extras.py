"""What is installed on request, and how to say that it is missing."""

from importlib.util import find_spec

from chinchilla.errors import ConfigError

PACKAGES = {
    "train": ("torch", "transformers", "peft", "accelerate", "matplotlib"),
    "constrained": ("llguidance",),
    "vllm": ("vllm",),
}


def need(extra: str) -> None:
    """Raise ConfigError where a package of an extra is not installed."""
    missing = [name for name in PACKAGES[extra] if find_spec(name) is None]
    if missing:
        what = f"{', '.join(missing)} not installed"
        todo = f"run `make trainer`, or pip install 'chinchilla[{extra}]'"
        raise ConfigError(f"extra {extra}", what, todo)
