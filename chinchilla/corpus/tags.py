"""What the tagged sources share: spans to entities, and the error for a wrong tag."""

import re
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from chinchilla.corpus.read import Spot
from chinchilla.errors import InputError
from chinchilla.readers.lines import open_file
from chinchilla.spans import Fault, Scheme, Tagged

_OTHER_SCHEMES: dict[Scheme, dict[str, str]] = {
    "bio": {"S": "BIOES or BMES", "E": "BIOES or BMES", "M": "BMES", "L": "BILOU", "U": "BILOU"},
    "bmes": {"I": "BIO or BIOES", "L": "BILOU", "U": "BILOU"},
}
_BEGINS = re.compile(rb"[\t ]B[-_]")
_INSIDE_FIRST = re.compile(rb"(?:\A|\n[\t ]*\r?\n|[\t ]O[\t ]*\r?\n)[^\n]*[\t ]I[-_]")


def entities(text: str, spans: list[Tagged]) -> list[dict[str, Any]]:
    """Turn spans into entities, in the order of the text, the longer of two first."""
    return [
        {"type": label, "text": text[start:end], "start": start, "end": end}
        for label, start, end in sorted(spans, key=lambda span: (span.start, -span.end))
    ]


def wrong_tags(spot: Spot, fault: Fault, scheme: Scheme) -> InputError:
    """Say which tag cannot stand where it stands, and of what scheme it may be."""
    where, tag = spot.where(fault.at), fault.tag
    other = _OTHER_SCHEMES[scheme].get(tag[:1])
    if fault.kind == "unknown-prefix" and other and tag[1:2] in ("-", "_"):
        what, todo = f"the tag {tag} is of {other}", f"convert the tags to {scheme.upper()}"
        return InputError(where, what, todo, reason="tags-of-another-scheme")
    if fault.kind == "unknown-prefix" and tag[:1].islower() and tag[:1].upper() in "BIOMES":
        what, todo = f"the tag {tag} is in lower case", "write O and the prefixes in capitals"
        return InputError(where, what, todo, reason="tags-in-lower-case")
    if scheme == "bio" and fault.kind == "no-begin" and begins_inside(spot.part.slice.path):
        what = f"the tag {tag} begins an entity, as in IOB1; BIO is read"
        todo = "convert the tags to BIO (IOB2): begin every entity with B-"
        return InputError(where, what, todo, reason="tags-of-another-scheme")
    what = f"wrong tag sequence: {tag} after {fault.before}"
    return InputError(where, what, "begin each entity with B-", reason="wrong-tags")


@lru_cache(maxsize=8)
def begins_inside(path: Path) -> bool:
    """Tell whether entities of a file of columns mostly begin with I- (IOB1)."""
    with open_file(path) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        first = sum(1 for _ in _INSIDE_FIRST.finditer(data))
        return first > sum(1 for _ in _BEGINS.finditer(data))
