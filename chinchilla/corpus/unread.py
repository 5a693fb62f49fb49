"""Files and folders under raw/ that are not read, and what would make them read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from os.path import lexists
from pathlib import Path
from typing import NamedTuple

from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.find import (
    FoundSource,
    edition_names,
    find,
    likely_split,
    source_folders,
    without_file,
)
from chinchilla.corpus.folders import (
    SAMPLES,
    data_files,
    entries,
    holds_files,
    is_utf8,
    kind_of,
)
from chinchilla.corpus.registry import (
    OWN_CARD,
    load_card,
    nearest_source,
    our_folders,
    own_cards,
)
from chinchilla.errors import InputError, shown
from chinchilla.schema import Split

_DOCUMENTS = (".txt", ".ann")
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")


class Unread(NamedTuple):
    """A file or folder that is not read: why, and what would make it read."""

    path: str
    what: str
    todo: str

    def __str__(self) -> str:
        """Return the three parts in one line, as errors do."""
        return f"{self.path}: not read: {self.what}; {self.todo}"


def _unread(path: Path, what: str, todo: str) -> Unread:
    return Unread(shown(path), shown(what), shown(todo))


class _Read(NamedTuple):
    """What is read of a folder: the card, the edition and the file of each split."""

    card: Card
    edition: Edition
    folder: Path
    files: Mapping[Split, Path]

    @property
    def paths(self) -> frozenset[Path]:
        """Return the files read, and the annotation files beside them."""
        files = self.files.values()
        return frozenset([*files, *(path.with_suffix(".ann") for path in files)])

    @property
    def card_path(self) -> str:
        """Return where the user's card is, else where one belongs: beside the files."""
        own = Path(self.card.own)
        return shown(own if lexists(own) else self.folder / OWN_CARD)


def unread_of(card: Card, raw: Path, found: FoundSource | None) -> list[Unread]:
    """Return what is in the folders of a source and is read as no split of it."""
    yours = None if found is None or found.sample else found
    edition = yours.edition if yours else card.editions[0]
    unread: list[Unread] = []
    for folder in source_folders(card, raw):
        if yours and folder != yours.folder:
            if next(data_files(folder), None) is not None:
                what = f"{card.source} is read from {yours.folder}"
                unread.append(_unread(folder, what, "put all files in one folder"))
            continue
        read = _Read(card, edition, folder, yours.files if yours else {})
        unread.extend(_advice(path, read) for path in _left(folder, read))
    return unread


def _left(folder: Path, read: _Read) -> Iterator[Path]:
    """Yield what is not read; a folder of which nothing is read is named, not its files."""
    schemas = {Path(name).name for each in read.card.editions for name in each.schema_files}
    for path in entries(folder):
        inside = path.relative_to(read.folder).as_posix()
        known = path in read.paths or (path.name in schemas and not path.is_dir())
        ignored = (fnmatch(name, one) for one in read.card.ignore for name in (inside, path.name))
        if any(ignored):
            continue
        if known:
            # what is in the folder of a split beside the documents of brat
            inner = entries(path) if path.is_dir() else []
            yield from (at for at in inner if at.suffix not in _DOCUMENTS or not at.is_file())
        elif not path.is_dir() or path.is_symlink():
            yield path
        elif any(file.is_relative_to(path) for file in read.paths):
            yield from _left(path, read)
        elif any(file.name not in schemas for file in data_files(path)):
            yield path


def _advice(path: Path, read: _Read) -> Unread:
    """Return why a file is not read, and what would make it read."""
    name = path.relative_to(read.folder).as_posix()
    if not is_utf8(path.name):
        return _unread(path, "its name is not UTF-8", "rename it")
    if not path.is_file() and not path.is_dir():
        return _unread(path, f"it is {kind_of(path)}", "put the file itself there")
    if path.name.casefold().endswith(_PACKED):
        return _unread(path, "it is packed", f"unpack it in {read.folder}")
    for other in read.card.editions:
        split = edition_names(other).get(name) or edition_names(other).get(path.name)
        if split is not None:
            return _of_a_known_name(path, other, split, read)
    if path.is_dir():
        todo = f"put its files into {read.folder}, or write {_ignored(name, read)}"
        return _unread(path, "no split names this folder", todo)
    split = likely_split(path.name)
    if split is not None:
        return _of_a_likely_name(name, split, read)
    todo = f"write {_line(name, 'train', read)}, or {_ignored(name, read)}"
    return _unread(path, "no split names it", todo)


def _of_a_known_name(path: Path, other: Edition, split: Split, read: _Read) -> Unread:
    if other.name != read.edition.name:
        what = f"it is {split} of the edition {other.name}, {read.edition.name} is read"
        return _unread(path, what, f"--edition {read.card.source}={other.name} reads it")
    if split in read.files:
        what = f"{split} is read from {read.files[split]}"
        return _unread(path, what, "put both into one file, or take one of them away")
    return _unread(path, f"it does not hold {split} of the edition {other.name}", "take it away")


def _of_a_likely_name(name: str, split: Split, read: _Read) -> Unread:
    """Return advice for a file whose name contains a split: a new name, or a line of the card."""
    where, line = read.folder / name, _line(name, split, read)
    other = read.files.get(split)
    carved = other is not None and split != "train" and other == read.files.get("train")
    if other is None or carved:
        what = f"no name of {split} fits it"
        if carved:
            what = f"{split} is carved out of {read.files['train']} in its place"
        known = edition_names(read.edition).items()
        names = [other for other, meant in known if meant == split and "/" not in other]
        # a name of the same kind if there is one: `sorted` keeps the order of the others
        names = sorted(names, key=lambda other: Path(other).suffix != Path(name).suffix)
        rename = f"rename it to {names[0]}, or " if names else ""
        return _unread(where, what, f"{rename}write {line}")
    what = f"{split} is read from {other}"
    return _unread(where, what, f"put both into one file, or, to read this one, write {line}")


def _line(name: str, split: Split, read: _Read) -> str:
    """Return the line of a card that makes a file the one of a split."""
    listed = json.dumps([name], ensure_ascii=False)
    return f"splits.{split} = {listed} under {read.edition.table} in {read.card_path}"


def _ignored(name: str, read: _Read) -> str:
    listed = json.dumps([name], ensure_ascii=False)
    return f"ignore = {listed} at the top of {read.card_path} to leave it out of this list"


def unread_in(raw: Path) -> list[Unread]:
    """Return what is in raw/ itself and belongs to no source."""
    if not raw.is_dir():
        return []
    known = {*our_folders(), *(path.parent.name.casefold() for path in own_cards(raw))}
    return [
        _stray(path, raw)
        for path in entries(raw)
        if path.name != SAMPLES
        and next(data_files(path), None) is not None
        and not (path.is_dir() and path.name.casefold() in known)
    ]


def _stray(path: Path, raw: Path) -> Unread:
    if not is_utf8(path.name):
        return _unread(path, "its name is not UTF-8", "rename it")
    near = nearest_source(path.name, our_folders())
    if path.is_dir():
        what = f"no source has this name, and it has no {OWN_CARD}"
        own = f"write {path / OWN_CARD}"
        return _unread(path, what, f"rename it to {near}, or {own}" if near else own)
    if not path.is_file():
        return _unread(path, f"it is {kind_of(path)}", "put a folder of files there")
    todo = f"put it into a folder {raw}/SOURCE, with a {OWN_CARD} where the source is new"
    return _unread(path, "it is in no folder of a source", todo)


def unread(raw: Path, sources: Iterable[tuple[Card, FoundSource | None]]) -> list[Unread]:
    """Return all that is not read, of these sources and of none, each path once."""
    named = [item for card, found in sources for item in unread_of(card, raw, found)]
    return list({item.path: item for item in [*named, *unread_in(raw)]}.values())


def find_split(
    source: str, split: Split, raw: Path, edition: str | None = None, samples: bool | None = None
) -> FoundSource:
    """Return the files of a source that has a split; raise InputError where there are none."""
    card = load_card(source, raw)
    found = find(card, raw, edition, samples)
    if found is None:
        raise no_files(card, raw, samples=samples)
    if split not in found.files:
        raise no_split(found, raw, split)
    return found


def no_split(found: FoundSource, raw: Path, split: Split) -> InputError:
    """Return the error for a split without a file, with the file that may be meant for it."""
    what = without_file(found, split)
    others = [] if found.sample else unread_of(found.card, raw, found)
    meant = [other for other in others if likely_split(Path(other.path).name) == split]
    for other in meant or others:
        return InputError(other.path, f"is not read: {other.what}, and {what}", other.todo)
    return InputError(str(found.folder), what, "choose another split or add the file")


def no_files(card: Card, raw: Path, *, samples: bool | None) -> InputError:
    """Return the error for a source without files, with the file that may be meant for it."""
    others = unread_of(card, raw, None)
    if not others:
        strays = unread_in(raw)
        others = [stray for stray in strays if nearest_source(Path(stray.path).name, card.folders)]
    if others:
        first, more = others[0], len(others) - 1
        what = f"no file of {card.source} here; {first.path} is not read: {first.what}"
        what += f" (and {more} more are not)" if more else ""
        return InputError(str(raw), what, first.todo)
    todo = card.obtain or f"put its files into {raw / card.source}"
    if samples is None and holds_files(raw):
        todo = f"{todo}; or read our sample with --samples: raw files are never mixed with it"
    return InputError(str(raw), f"no file of {card.source} here", todo)
