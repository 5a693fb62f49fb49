"""What the commands that read records share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chinchilla.cli.output import say

if TYPE_CHECKING:
    from chinchilla.errors import Tally
    from chinchilla.sources.catalogue import Found


def find_source(source: str, split: str, given: Mapping[str, Any]) -> "Found":
    """Find the files of a source as --raw, --edition and --samples say, and say what is read.

    Raises InputError where there are none.
    """
    from chinchilla.errors import InputError
    from chinchilla.sources import catalogue

    raw = given["raw"]
    card = catalogue.load_card(source, raw)
    found = catalogue.find(card, raw, given["edition"], given["samples"])
    if found is None:
        raise InputError(str(raw), f"no file of {source} here", card.obtain or "add the files")
    words = f"{source} {split}: {found.kind} in {found.folder}, edition {found.edition.name}"
    say(words, err=True)
    return found


def say_tally(tally: "Tally") -> None:
    """Say how much was refused and mended, and where first."""
    for kind, counts in (("refused", tally.refused), ("mended", tally.mended)):
        for reason, count in sorted(counts.items()):
            say(f"{kind} {reason}: {count.times}, first {count.example}", err=True)
