"""How a file counts characters: what is one for us may be two for the tool that wrote it."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

_BOM = "\ufeff"


class Counting(NamedTuple):
    """A text and where each offset of a way of counting lies in it; None where it is our own.

    A place inside a character is -1.
    """

    name: str
    text: str
    places: list[int] | None

    def pieces(self, stated: tuple[tuple[int, int], ...]) -> list[tuple[int, int]] | None:
        """Return stretches of the text, None where they are not there or not in order."""
        found = [(self._at(start), self._at(end)) for start, end in stated]
        last = 0
        for start, end in found:
            if not last <= start < end:
                return None
            last = end
        return found

    def _at(self, offset: int) -> int:
        if self.places is None:
            return offset if offset <= len(self.text) else -1
        return self.places[offset] if offset < len(self.places) else -1


def clean(raw: str) -> str:
    """Return a text without its byte order mark, with LF for CRLF."""
    return raw.removeprefix(_BOM).replace("\r\n", "\n")


def countings(raw: str) -> Iterator[Counting]:
    """Yield our own counting of a text, then those that count CR, BOM or UTF-16 units too."""
    text = clean(raw)
    yield Counting("", text, None)
    ways = (
        ("bom", raw.startswith(_BOM)),
        ("cr", "\r\n" in raw),
        ("utf-16", any(character > "\uffff" for character in raw)),
    )
    for chosen in product(*([False, True] if there else [False] for _, there in ways)):
        counted = {name for (name, _), taken in zip(ways, chosen, strict=True) if taken}
        if counted:
            yield Counting("with-" + "-".join(sorted(counted)), text, _places(raw, counted))


def _places(raw: str, counted: set[str]) -> list[int]:
    """Return the place in the clean text for each offset that a file may state."""
    places, at = [], 0
    if raw.startswith(_BOM):
        places += [0] * ("bom" in counted)
        raw = raw[1:]
    for number, character in enumerate(raw):
        if character == "\r" and raw.startswith("\n", number + 1):
            places += [at] * ("cr" in counted)
            continue
        places.append(at)
        places += [-1] * ("utf-16" in counted and character > "\uffff")
        at += 1
    return [*places, at]
