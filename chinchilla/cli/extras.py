"""What is installed on request, and how to say that it is missing."""

from importlib.util import find_spec

from chinchilla.errors import ConfigError

PACKAGES = {
    "train": ("torch", "transformers", "peft", "accelerate", "matplotlib"),
    "constrained": ("llguidance",),
    "vllm": ("vllm",),
    "track": (),
}


def need(extra: str, *also: str) -> None:
    """Raise ConfigError where a package of an extra, or one named, is not installed."""
    missing = [name for name in (*PACKAGES[extra], *also) if find_spec(name) is None]
    if missing:
        what = f"{', '.join(missing)} not installed"
        todo = f"pip install 'chinchilla[{extra}]'"
        if extra in ("train", "constrained"):
            todo = f"run `make trainer`, or {todo}"
        raise ConfigError(f"extra {extra}", what, todo)
