"""The files of a source under raw/: its folder, its edition, a file a split."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from chinchilla.corpus import evidence
from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.folders import SAMPLES, find_file, holds_files, is_utf8, lies
from chinchilla.corpus.read import Part
from chinchilla.corpus.registry import (
    CARDS,
    OWN_CARD,
    Cards,
    called,
    card_paths,
    cards,
    load_card,
    resolve,
)
from chinchilla.errors import CardError, InputError, Tally
from chinchilla.readers.lines import Boundary, Slice, check_content, cut
from chinchilla.resources import shipped
from chinchilla.schema import SPLITS, Record, Split

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


__all__ = ["Cards", "called", "card_paths", "cards", "find_file", "load_card", "resolve"]


class SourceModule(Protocol):
    """What a source module offers; `window`, `edition_of` and `schema_labels` are optional."""

    boundary: Callable[[Path], Boundary]
    load: Callable[[Part], Iterator[Record]]


@dataclass(frozen=True)
class Found:
    """A source with the files found for one edition of it.

    `tally` holds what was warned of before any record was read.
    """

    card: Card
    edition: Edition
    folder: Path
    files: dict[Split, Path]
    sample: bool
    tally: Tally = field(default_factory=Tally, compare=False)

    @property
    def kind(self) -> str:
        """Say whether the user's files or our sample were found."""
        return "sample" if self.sample else "files"


def module_of(card: Card) -> SourceModule:
    """Import the module of a source, or the one that reads by field mapping.

    A card with a mapping is read by it, whatever its source is.
    """
    name = f"chinchilla.sources.{card.source}"
    ours = (CARDS / f"{card.source}.toml").is_file() and find_spec(name) is not None
    module = import_module(name if ours and card.mapping is None else "chinchilla.corpus.mapped")
    return cast(SourceModule, module)


def find(
    card: Card, raw: Path, edition: str | None = None, samples: bool | None = None
) -> Found | None:
    """Find the files of a source under raw/, else those of our sample, else nothing.

    Where `samples` is not said, they are read only where raw/ holds no files of any source.
    Raises InputError where the files under raw/ are of other editions than the one named,
    CardError where two splits would be the same lines of a file.
    """
    folders = source_folders(card, raw)
    found = _find_in(card, folders, edition, sample=False)
    if found is None and edition is not None:
        _check_others(card, folders, edition)
    if found is None and (samples or (samples is None and not holds_files(raw))):
        places = [raw / SAMPLES / card.source, shipped(SAMPLES) / card.source]
        there = [place for place in places if place.is_dir()]
        found = _find_in(card, there, edition, sample=True)
    if found is not None and found.edition.carve is None:
        _check_lines(found)
    return None if found is None else _judged(found)


def _judged(found: Found) -> Found:
    """Take the splits in which no record has a label as unlabelled; see `evidence`."""
    module, files = module_of(found.card), dict[Slice, list[Split]]()
    for split, path in found.files.items():
        if path.is_file() or any(path.glob("*.ann")):
            with suppress(InputError):  # it is raised when the file is read
                files.setdefault(_lines_of(found, split), []).append(split)
    look = getattr(module, "check_file", None)
    keys = getattr(module, "TEXT_KEYS", None)
    source = evidence.Source(found.card, found.edition, module.load, look, keys)
    without = evidence.unlabelled_splits(source, files, found.tally)
    return replace(found, edition=found.edition.model_copy(update={"unlabelled": without}))


def _check_lines(found: Found) -> None:
    for split in found.files:
        first, *others = _sharing(found, split)
        if others:
            what = f"{first} and {others[0]} are the same lines of {found.files[split]}"
            todo = f"give {others[0]} a file of its own, or state its share: carve"
            raise CardError(found.card.own, what, todo)


def source_folders(card: Card, raw: Path) -> list[Path]:
    """List the folders of raw/ that bear a name of the source, in the order of the card.

    Folders may differ in letter case alone; one with a card of another source is that one's.
    """
    if not raw.is_dir():
        return []
    own = Path(card.own)
    names = dict.fromkeys([card.source, *card.folders, own.parent.name])
    lying = [
        path
        for path in sorted(raw.iterdir())
        if is_utf8(path.name)
        and path.is_dir()
        and (path / OWN_CARD == own or not lies(path / OWN_CARD))
    ]
    exact = [path for name in names for path in lying if path.name == name]
    alike = [path for name in names for path in lying if path.name.casefold() == name.casefold()]
    return list(dict.fromkeys([*exact, *alike]))


def _find_in(card: Card, folders: list[Path], edition: str | None, sample: bool) -> Found | None:
    editions = card.editions if edition is None else (card.edition(edition),)
    candidates = []
    for folder in folders:
        for one in editions:
            files = _files(folder, one)
            if files:
                candidates.append(Found(card, one, folder, files, sample))
    complete = [found for found in candidates if "train" in found.files]
    chosen = next(iter(complete or candidates), None)
    return None if chosen is None else _by_content(chosen, edition)


def _check_others(card: Card, folders: list[Path], wanted: str) -> None:
    """Raise InputError where files of other editions lie: our sample must not stand for them."""
    for folder in folders:
        lying = [(one, files) for one in card.editions if (files := _files(folder, one))]
        seen = [_by_content(Found(card, one, folder, files, False), None) for one, files in lying]
        if seen:
            names = " and ".join(dict.fromkeys(found.edition.name for found in seen))
            what = f"the files here are of the edition {names}, not {wanted}"
            raise InputError(str(folder), what, f"add the files of {wanted} or choose {names}")


def _by_content(found: Found, wanted: str | None) -> Found:
    """Take the edition the files themselves show, where editions share file names.

    Its own file names are looked for then, and a file that shows another edition is not read.
    Raises InputError where the user asked for another one.
    """
    edition_of = getattr(module_of(found.card), "edition_of", None)
    if edition_of is None:
        return found
    for split in SPLITS:
        if split in found.files and split not in found.edition.unlabelled:
            name = edition_of(found.files[split])
            if wanted not in (None, name) and name is not None:
                what = f"is of the edition {name}, not {wanted}"
                raise InputError(str(found.files[split]), what, "leave --edition out")
            if name is not None:
                return _of_edition(found, found.card.edition(name), edition_of)
    return found


def _of_edition(found: Found, edition: Edition, edition_of: Callable[[Path], str | None]) -> Found:
    """Look for the files of an edition, by its names first, then by those that found it."""

    def fits(path: Path, split: Split) -> bool:
        return split in edition.unlabelled or edition_of(path) in (None, edition.name)

    files: dict[Split, Path] = {}
    for split in SPLITS:
        there = [find_file(found.folder, name) for name in candidates(edition, split)]
        lying = [path for path in [*there, found.files.get(split)] if path is not None]
        fitting = next((path for path in lying if fits(path, split)), None)
        if fitting is not None:
            files[split] = fitting
    return replace(found, edition=edition, files=files)


def _files(folder: Path, edition: Edition) -> dict[Split, Path]:
    """Find the file of each split: the first candidate name that is there."""
    files: dict[Split, Path] = {}
    for split in SPLITS:
        for name in candidates(edition, split):
            path = find_file(folder, name)
            if path is not None:
                files[split] = path
                break
    return files


def slices(found: Found, split: Split, size: int) -> Iterator[Slice]:
    """Cut the file of a split into slices of about `size` bytes."""
    module = module_of(found.card)
    path = found.files[split]
    if path.is_dir() and not any(path.glob("*.ann")):
        todo = f"put the file {path.name} itself there"
        raise InputError(str(path), "is a folder, not a file", todo)
    if path.is_file():
        check_content(path)
    yield from cut(_lines_of(found, split), size, module.boundary(path))


def _lines_of(found: Found, split: Split) -> Slice:
    """Return the part of its file that a split is in."""
    path = found.files[split]
    window = getattr(module_of(found.card), "window", None)
    return Slice(path) if window is None else window(path, split, found.edition)


def _sharing(found: Found, split: Split) -> tuple[Split, ...]:
    """List the splits that are in the same lines of the same file, in the order of the house."""
    same = [one for one in SPLITS if found.files.get(one) == found.files[split]]
    if len(same) == 1:
        return tuple(same)
    lines = _lines_of(found, split)
    return tuple(one for one in same if _lines_of(found, one) == lines)


def load(
    found: Found, split: Split, part: Slice, tally: Tally, every: bool = False
) -> Iterator[Record]:
    """Read the records of one slice of a split; `every` where all splits are read and counted."""
    module = module_of(found.card)
    shared = _sharing(found, split)
    counts = not every or split == shared[0]
    return module.load(Part(found.card, found.edition, split, part, tally, shared, counts))


def records(found: Found, split: Split, tally: Tally, every: bool = False) -> Iterator[Record]:
    """Read every record of a split; raise InputError where the split has no file.

    Where `every` split is read, what is of no split counts for the first of a file alone.
    """
    if split not in found.files:
        names = ", ".join(found.edition.splits.get(split, ())) or "no file: none was published"
        what = f"{found.card.source} has no {split} file here (looked for {names})"
        raise InputError(str(found.folder), what, "choose another split or add the file")
    for part in slices(found, split, 1 << 62):
        yield from load(found, split, part, tally, every)
