"""How long a text is: in characters, or in tokens of a given tokenizer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chinchilla.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Measure = Callable[[str], int]
"""Counts how long a text is; 0 for an empty one."""


def characters(text: str) -> int:
    """Count the code points of a text."""
    return len(text)


@dataclass(frozen=True)
class Tokens:
    """Count the tokens of a text, special ones apart; can be sent to another process."""

    tokenizer: "Tokenizer"

    def __call__(self, text: str) -> int:
        """Count the tokens of a text."""
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids)


def tokenizer_file(path: Path) -> Path:
    """Return the file of a tokenizer, which may be named by its folder."""
    return path / "tokenizer.json" if path.is_dir() else path


def tokens_of(path: Path) -> Measure:
    """Read a tokenizer and return the measure that counts its tokens.

    `path` is a tokenizer.json, or a folder that holds one. Raises ConfigError where it cannot
    be read.
    """
    # the library takes a tenth of a second to import
    from tokenizers import Tokenizer

    file = tokenizer_file(path)
    if not file.is_file():
        todo = "pass a tokenizer.json or a folder that holds one"
        raise ConfigError(f"tokenizer {path}", f"no such file: {file}", todo)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        todo = "pass a tokenizer.json as the tokenizers library writes it"
        raise ConfigError(f"tokenizer {file}", f"cannot be read ({error})", todo) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Tokens(tokenizer)
