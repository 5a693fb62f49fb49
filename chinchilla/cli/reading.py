"""What the commands that read records share."""

from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, Any

from chinchilla.cli.output import say

if TYPE_CHECKING:
    from chinchilla.errors import Tally
    from chinchilla.schema import Split
    from chinchilla.sources.catalogue import Found


def find_source(source: str, split: "Split", given: Mapping[str, Any]) -> "Found":
    """Find the files of a source as --raw, --edition and --samples say, and say what is read.

    Raises InputError where there are none.
    """
    from chinchilla.sources import catalogue
    from chinchilla.sources.unread import no_files, no_split

    raw = given["raw"]
    card = catalogue.load_card(source, raw)
    # `SOURCE=NAME` as the other commands take it, or the name alone
    edition = given["edition"] and given["edition"].removeprefix(f"{source}=")
    found = catalogue.find(card, raw, edition, given["samples"])
    if found is None:
        raise no_files(card, raw, samples=given["samples"])
    if split not in found.files:
        raise no_split(found, raw, split)
    words = f"{card.source} {split}: {found.kind} in {found.folder}, edition {found.edition.name}"
    say(words, err=True)
    return found


def say_tally(tally: "Tally") -> None:
    """Say how much was refused, mended and warned of, and where first."""
    kinds = {
        "refused": tally.refused,
        "left out of records": tally.lost,
        "mended": tally.mended,
        "warned of": tally.warned,
    }
    for kind, counts in kinds.items():
        for reason, count in sorted(counts.items()):
            advice = f"; {count.todo}" if count.todo and kind == "warned of" else ""
            say(f"{kind} {reason}: {count.times}, first {count.example}{advice}", err=True)


def check_any_left(left: Sized, name: str, tally: "Tally") -> None:
    """Say the counts and raise InputError where all that a file holds was left out."""
    from chinchilla.sources.report import nothing_read

    if not left and tally.refused:
        say_tally(tally)
        raise nothing_read(name, tally.refused)
