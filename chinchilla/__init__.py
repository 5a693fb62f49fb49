"""Chinchilla: Chinese information extraction, from published files to an F1 one can compare.

    import chinchilla as ch

    dev = ch.load("finre", "dev")
    rows = list(ch.render(dev, form="lines"))
    print(ch.score(dev, dev))

The functions are in `chinchilla.api`, which is imported when the first of them is used.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chinchilla.api import build, load, open, parse, render, score, sources  # noqa: A004

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "build",
    "load",
    "open",
    "parse",
    "render",
    "score",
    "sources",
]


class CallableRoom(ModuleType):
    """A package of ours that is called as the function of its name in `chinchilla.api`.

    The import of `chinchilla.score` sets `score` here to that package, whoever asks for it
    first; `chinchilla.score(gold, predicted)` works all the same.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function."""
        from chinchilla import api

        return getattr(api, self.__name__.rpartition(".")[2])(*args, **options)


def __getattr__(name: str) -> Any:
    if name in __all__:
        from chinchilla import api

        return getattr(api, name)
    raise AttributeError(f"module 'chinchilla' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
