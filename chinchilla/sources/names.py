"""Names of files: which may be a split, and which split a name speaks of."""

import re

from chinchilla.schema import SPLITS, Split
from chinchilla.sources.card import Edition

_DEV = ("dev", "valid", "validation", "val")
_DEV_WORD = re.compile(r"(?<![a-z])(?:dev|valid|validation|val)(?![a-z])", re.IGNORECASE)
_TRAIN_WORD = re.compile(r"(?<![a-z])train", re.IGNORECASE)


def candidates(edition: Edition, split: Split) -> tuple[str, ...]:
    """List the names that the file of a split may have, best first.

    A name that says valid, validation or val is as good as one that says dev. Where a split is
    carved out of train, a file of its own, named as that of train is, comes before.
    """
    listed = edition.splits.get(split, ())
    train = edition.splits.get("train", ()) if split != "train" else ()
    shared = [name for name in listed if name in train]
    own = [name for name in listed if name not in train]
    words = {"dev": _DEV, "test": ("test",)}.get(split, ())
    beside = [_TRAIN_WORD.sub(word, name) for name in shared for word in words]
    if split == "dev":
        own += [_DEV_WORD.sub(word, name) for name in own for word in _DEV]
    beside = [name for name in beside if name not in train]
    return tuple(dict.fromkeys([*own, *beside, *shared]))


def likely_split(name: str) -> Split | None:
    """Return the split that a name speaks of, None where it speaks of none."""
    low = name.casefold()
    if "train" in low:
        return "train"
    if "dev" in low or "valid" in low or _DEV_WORD.search(low):
        return "dev"
    return "test" if "test" in low else None


def edition_names(edition: Edition) -> dict[str, Split]:
    """Map each name that an edition looks for to the first split that it may be."""
    names: dict[str, Split] = {}
    for split in SPLITS:
        for name in candidates(edition, split):
            names.setdefault(name, split)
    return names
