"""The files of a source under raw/: its folder, its edition, a file a split."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os.path import lexists
from pathlib import Path

from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.evidence import unlabelled_splits
from chinchilla.corpus.folders import SAMPLES, find_file, holds_files, is_utf8
from chinchilla.corpus.read import SplitReader, module_of
from chinchilla.corpus.registry import (
    OWN_CARD,
    called,
    card_paths,
    cards,
    load_card,
    resolve,
)
from chinchilla.errors import CardError, InputError
from chinchilla.readers.lines import Slice, check_content, cut
from chinchilla.resources import shipped
from chinchilla.schema import SPLITS, Record, Split
from chinchilla.tally import Tally

_DEV = ("dev", "valid", "validation", "val")
_DEV_WORD = re.compile(r"(?<![a-z])(?:dev|valid|validation|val)(?![a-z])", re.IGNORECASE)
_TRAIN_WORD = re.compile(r"(?<![a-z])train", re.IGNORECASE)


def candidates(edition: Edition, split: Split) -> tuple[str, ...]:
    """Return the names that the file of a split may have, best first.

    Names with valid, validation or val count as names with dev. Where a split is carved out of
    train.txt, a file of its own named alike (dev.txt) comes before.
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
    """Return the split that a file name contains, None where it contains none."""
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


__all__ = [
    "called",
    "card_paths",
    "cards",
    "find_file",
    "load_card",
    "module_of",
    "resolve",
]


@dataclass(frozen=True)
class FoundSource:
    """A source with the files found for one edition of it.

    `tally` has what was warned of before any record was read.
    """

    card: Card
    edition: Edition
    folder: Path
    files: dict[Split, Path]
    sample: bool
    tally: Tally = field(default_factory=Tally, compare=False)

    @property
    def kind(self) -> str:
        """Return `files` for the user's, `sample` for ours."""
        return "sample" if self.sample else "files"


def find(
    card: Card, raw: Path, edition: str | None = None, samples: bool | None = None
) -> FoundSource | None:
    """Return the files of a source under raw/, else those of our sample, else None.

    Args:
        card: The card of the source.
        raw: The folder of raw files.
        edition: The edition to read; by default the first whose files are there.
        samples: Whether our sample may be read; by default where raw/ has no files of any source.

    Raises:
        InputError: The files under raw/ are of other editions than the one named.
        CardError: Two splits would be the same lines of a file, or the mapping does not fit.
    """
    folders = source_folders(card, raw)
    found = _find_in(card, folders, edition, sample=False)
    if found is None and edition is not None:
        _check_others(card, folders, edition)
    if found is None and (samples or (samples is None and not holds_files(raw))):
        ours = [raw / SAMPLES / card.source, shipped(SAMPLES) / card.source]
        found = _find_in(card, [path for path in ours if path.is_dir()], edition, sample=True)
    return None if found is None else _judged(found)


def _judged(found: FoundSource) -> FoundSource:
    """Take the splits in which no record has a label as unlabelled; see `evidence`.

    Raises CardError where two splits are the same lines and nothing says their shares.
    """
    for split in found.files if found.edition.carve is None else ():
        first, *others = _sharing(found, split)
        if others:
            what = f"{first} and {others[0]} are the same lines of {found.files[split]}"
            todo = f"give {others[0]} a file of its own, or state its share: carve"
            raise CardError(found.card.own, what, todo)
    files: dict[Slice, list[Split]] = {}
    for split, path in found.files.items():
        if path.is_file() or any(path.glob("*.ann")):
            with suppress(InputError):  # it is raised when the file is read
                files.setdefault(_lines_of(found, split), []).append(split)
    without = unlabelled_splits(found.card, found.edition, files, found.tally)
    return replace(found, edition=found.edition.model_copy(update={"unlabelled": without}))


def source_folders(card: Card, raw: Path) -> list[Path]:
    """Return the folders of raw/ that have a name of the source, in the order of the card.

    Letter case may differ; a folder with a card of another source is that one's.
    """
    if not raw.is_dir():
        return []
    own = Path(card.own)
    names = dict.fromkeys([card.source, *card.folders, own.parent.name])
    folders = [
        path
        for path in sorted(raw.iterdir())
        if is_utf8(path.name)
        and path.is_dir()
        and (path / OWN_CARD == own or not lexists(path / OWN_CARD))
    ]
    exact = [path for name in names for path in folders if path.name == name]
    alike = [path for name in names for path in folders if path.name.casefold() == name.casefold()]
    return list(dict.fromkeys(exact + alike))


def _find_in(
    card: Card, folders: list[Path], wanted: str | None, sample: bool
) -> FoundSource | None:
    """Return the first edition with a training file, else the first with any file."""
    editions = card.editions if wanted is None else (card.edition(wanted),)
    several = [
        FoundSource(card, edition, folder, files, sample)
        for folder in folders
        for edition in editions
        if (files := _files(folder, edition))
    ]
    # `min` keeps the first of several that are as good
    chosen = min(several, key=lambda found: "train" not in found.files, default=None)
    return None if chosen is None else _by_content(chosen, wanted)


def _check_others(card: Card, folders: list[Path], wanted: str) -> None:
    """Raise InputError where files of other editions are there: no sample replaces them."""
    for folder in folders:
        names = [
            _by_content(FoundSource(card, edition, folder, files, False), None).edition.name
            for edition in card.editions
            if (files := _files(folder, edition))
        ]
        if names:
            listed = " and ".join(dict.fromkeys(names))
            what = f"the files here are of the edition {listed}, not {wanted}"
            raise InputError(str(folder), what, f"add the files of {wanted} or choose {listed}")


def _by_content(found: FoundSource, wanted: str | None) -> FoundSource:
    """Take the edition the files themselves show, where editions share file names.

    Its own file names are looked for then, and a file that shows another edition is not read.
    Raises InputError where the user asked for another one.
    """
    edition_of = module_of(found.card).edition_of
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


def _of_edition(
    found: FoundSource, edition: Edition, edition_of: Callable[[Path], str | None]
) -> FoundSource:
    """Look for the files of an edition, by its own names first."""
    files: dict[Split, Path] = {}
    for split in SPLITS:
        paths = [find_file(found.folder, name) for name in candidates(edition, split)]
        for path in (*paths, found.files.get(split)):
            any_edition = split in edition.unlabelled
            if path is not None and (any_edition or edition_of(path) in (None, edition.name)):
                files[split] = path
                break
    return replace(found, edition=edition, files=files)


def _files(folder: Path, edition: Edition) -> dict[Split, Path]:
    """Return the file of each split: the first candidate name that is there."""
    files: dict[Split, Path] = {}
    for split in SPLITS:
        paths = (find_file(folder, name) for name in candidates(edition, split))
        path = next(filter(None, paths), None)
        if path is not None:
            files[split] = path
    return files


def slices(found: FoundSource, split: Split, size: int) -> Iterator[Slice]:
    """Yield slices of the file of a split, of about `size` bytes.

    Raises InputError where the file is a folder or is empty.
    """
    path = found.files[split]
    if path.is_dir() and not any(path.glob("*.ann")):
        todo = f"put the file {path.name} itself there"
        raise InputError(str(path), "is a folder, not a file", todo)
    if path.is_file():
        check_content(path)
    yield from cut(_lines_of(found, split), size, module_of(found.card).boundary(path))


def _lines_of(found: FoundSource, split: Split) -> Slice:
    """Return the part of its file that a split is in."""
    return module_of(found.card).slice_of(found.files[split], split, found.edition.joined)


def _sharing(found: FoundSource, split: Split) -> tuple[Split, ...]:
    """Return the splits in the same lines of the same file, in the order of SPLITS."""
    same = [other for other in SPLITS if found.files.get(other) == found.files[split]]
    lines = _lines_of(found, split) if len(same) > 1 else None
    return tuple(other for other in same if not lines or _lines_of(found, other) == lines)


def load(
    found: FoundSource, split: Split, part: Slice, tally: Tally, every: bool = False
) -> Iterator[Record]:
    """Return the records of one slice of a split, in the order of the file.

    Args:
        found: The source.
        split: The split.
        part: A slice that `slices` gave.
        tally: Takes what is refused, fixed and warned of.
        every: Whether all splits are read: what is of no split counts for the first alone.
    """
    shared = _sharing(found, split)
    counts_lines = not every or split == shared[0]
    source = module_of(found.card)
    reader = SplitReader(found.card, found.edition, split, source, shared, counts_lines)
    return reader.records(part, tally)


def records(
    found: FoundSource, split: Split, tally: Tally, every: bool = False
) -> Iterator[Record]:
    """Yield every record of a split, as `load` does; raise InputError where it has no file."""
    if split not in found.files:
        what = without_file(found, split)
        raise InputError(str(found.folder), what, "choose another split or add the file")
    for part in slices(found, split, 1 << 62):
        yield from load(found, split, part, tally, every)


def without_file(found: FoundSource, split: Split) -> str:
    """Return what is wrong where a source has no file of a split, with the names looked for."""
    names = ", ".join(found.edition.splits.get(split, ())) or "no file: none was published"
    return f"{found.card.source} has no {split} file here (looked for {names})"
