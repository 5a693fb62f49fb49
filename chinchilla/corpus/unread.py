"""What lies under raw/ and is not read, and what would make it read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.find import Found, edition_names, likely_split, source_folders
from chinchilla.corpus.folders import (
    SAMPLES,
    data_files,
    entries,
    holds_files,
    is_utf8,
    kind_of,
    lies,
)
from chinchilla.corpus.registry import OWN_CARD, folder_names, nearest_source, our_names
from chinchilla.errors import InputError, shown
from chinchilla.schema import Split

_DOCUMENTS = (".txt", ".ann")
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")


class Unread(NamedTuple):
    """A file or folder that is not read: why, and what would make it read."""

    path: str
    what: str
    todo: str

    @classmethod
    def of(cls, path: Path, what: str, todo: str) -> "Unread":
        """Name a path, each part in characters that can be printed and stored."""
        return cls(shown(path), shown(what), shown(todo))

    def __str__(self) -> str:
        """Put the three parts in one line, as errors do."""
        return f"{self.path}: not read: {self.what}; {self.todo}"


class _Read(NamedTuple):
    """What is read of a folder: the card, the edition and the file of each split."""

    card: Card
    edition: Edition
    folder: Path
    files: Mapping[Split, Path]

    @property
    def paths(self) -> frozenset[Path]:
        """Return the files read, those beside them that hold their annotations among them."""
        files = self.files.values()
        return frozenset([*files, *(path.with_suffix(".ann") for path in files)])

    @property
    def card_place(self) -> str:
        """Return where the user's card lies, else where one belongs: beside the files."""
        own = Path(self.card.own)
        return shown(own if lies(own) else self.folder / OWN_CARD)


def unread_of(card: Card, raw: Path, found: Found | None) -> list[Unread]:
    """Name what lies in the folders of a source and is read as no split of it."""
    yours = None if found is None or found.sample else found
    edition = yours.edition if yours else card.editions[0]
    unread: list[Unread] = []
    for folder in source_folders(card, raw):
        if yours and folder != yours.folder:
            if next(data_files(folder), None) is not None:
                what = f"{card.source} is read from {yours.folder}"
                unread.append(Unread.of(folder, what, "put all files in one folder"))
            continue
        read = _Read(card, edition, folder, yours.files if yours else {})
        unread.extend(_advice(path, read) for path in _left(folder, read))
    return unread


def _left(folder: Path, read: _Read) -> Iterator[Path]:
    """Yield what is not read; a folder of which nothing is read is named, not its files."""
    schemas = {Path(name).name for one in read.card.editions for name in one.schema_files}
    for path in entries(folder):
        inside = path.relative_to(read.folder).as_posix()
        known = path in read.paths or (path.name in schemas and not path.is_dir())
        ignored = (fnmatch(name, one) for one in read.card.ignore for name in (inside, path.name))
        if any(ignored):
            continue
        if known:
            yield from _beside_documents(path)
        elif not path.is_dir() or path.is_symlink():
            yield path
        elif any(one.is_relative_to(path) for one in read.paths):
            yield from _left(path, read)
        elif any(one.name not in schemas for one in data_files(path)):
            yield path


def _beside_documents(folder: Path) -> Iterator[Path]:
    """Yield what lies in the folder of a split and is no document of brat, nor its annotation."""
    for path in entries(folder) if folder.is_dir() else ():
        if path.suffix not in _DOCUMENTS or not path.is_file():
            yield path


def _advice(path: Path, read: _Read) -> Unread:
    """Say why a file is not read, and what would make it read."""
    name = path.relative_to(read.folder).as_posix()
    if not is_utf8(path.name):
        return Unread.of(path, "its name is not UTF-8", "rename it")
    if not path.is_file() and not path.is_dir():
        return Unread.of(path, f"it is {kind_of(path)}", "put the file itself there")
    if path.name.casefold().endswith(_PACKED):
        return Unread.of(path, "it is packed", f"unpack it in {read.folder}")
    for other in read.card.editions:
        split = edition_names(other).get(name) or edition_names(other).get(path.name)
        if split is not None:
            return _of_a_known_name(path, other, split, read)
    if path.is_dir():
        todo = f"put its files into {read.folder}, or write {_ignored(name, read)}"
        return Unread.of(path, "no split names this folder", todo)
    split = likely_split(path.name)
    if split is not None:
        return _of_a_likely_name(name, split, read)
    todo = f"write {_line(name, 'train', read)}, or {_ignored(name, read)}"
    return Unread.of(path, "no split names it", todo)


def _of_a_known_name(path: Path, other: Edition, split: Split, read: _Read) -> Unread:
    if other.name != read.edition.name:
        what = f"it is {split} of the edition {other.name}, {read.edition.name} is read"
        return Unread.of(path, what, f"--edition {read.card.source}={other.name} reads it")
    if split in read.files:
        what = f"{split} is read from {read.files[split]}"
        return Unread.of(path, what, "put both into one file, or take one of them away")
    return Unread.of(path, f"it does not hold {split} of the edition {other.name}", "take it away")


def _of_a_likely_name(name: str, split: Split, read: _Read) -> Unread:
    """Name a file whose name speaks of a split, with the name and the line that would do."""
    where, line = read.folder / name, _line(name, split, read)
    other = read.files.get(split)
    carved = other is not None and split != "train" and other == read.files.get("train")
    if other is None or carved:
        what = f"no name of {split} fits it"
        if carved:
            what = f"{split} is carved out of {read.files['train']} in its place"
        wanted = _fitting(name, split, read.edition)
        return Unread.of(
            where, what, f"rename it to {wanted}, or write {line}" if wanted else f"write {line}"
        )
    what = f"{split} is read from {other}"
    return Unread.of(where, what, f"put both into one file, or, to read this one, write {line}")


def _fitting(name: str, split: Split, edition: Edition) -> str | None:
    """Return the name under which a file would be read as a split, of its own kind if any is."""
    names = [one for one, of in edition_names(edition).items() if of == split and "/" not in one]
    same = [one for one in names if Path(one).suffix == Path(name).suffix]
    return next(iter([*same, *names]), None)


def _line(name: str, split: Split, read: _Read) -> str:
    """Write the line of a card that makes a file the one of a split."""
    listed = json.dumps([name], ensure_ascii=False)
    return f"splits.{split} = {listed} under {read.edition.table} in {read.card_place}"


def _ignored(name: str, read: _Read) -> str:
    listed = json.dumps([name], ensure_ascii=False)
    return f"ignore = {listed} at the top of {read.card_place} to hear no more of it"


def unread_in(raw: Path) -> list[Unread]:
    """Name what lies in raw/ itself and belongs to no source."""
    if not raw.is_dir():
        return []
    known = folder_names(raw)
    return [
        _stray(path, raw)
        for path in entries(raw)
        if path.name != SAMPLES
        and next(data_files(path), None) is not None
        and not (path.is_dir() and path.name.casefold() in known)
    ]


def _stray(path: Path, raw: Path) -> Unread:
    if not is_utf8(path.name):
        return Unread.of(path, "its name is not UTF-8", "rename it")
    near = nearest_source(path.name, our_names())
    if path.is_dir():
        what = f"no source has this name, and it holds no {OWN_CARD}"
        own = f"write {path / OWN_CARD}"
        return Unread.of(path, what, f"rename it to {near}, or {own}" if near else own)
    if not path.is_file():
        return Unread.of(path, f"it is {kind_of(path)}", "put a folder of files there")
    todo = f"put it into a folder {raw}/SOURCE, with a {OWN_CARD} where the source is new"
    return Unread.of(path, "it lies in no folder of a source", todo)


def unread(raw: Path, sources: Iterable[tuple[Card, Found | None]]) -> list[Unread]:
    """Name everything that is not read, of these sources and of none, each path once."""
    named = [one for card, found in sources for one in unread_of(card, raw, found)]
    return list({one.path: one for one in [*named, *unread_in(raw)]}.values())


def no_split(found: Found, raw: Path, split: Split) -> InputError:
    """Say that a source has no file of a split, naming what may be meant for it."""
    names = ", ".join(found.edition.splits.get(split, ())) or "no file: none was published"
    what = f"{found.card.source} has no {split} file here (looked for {names})"
    lying = [] if found.sample else unread_of(found.card, raw, found)
    meant = [one for one in lying if likely_split(Path(one.path).name) == split]
    for one in meant or lying:
        return InputError(one.path, f"is not read: {one.what}, and {what}", one.todo)
    return InputError(str(found.folder), what, "choose another split or add the file")


def no_files(card: Card, raw: Path, *, samples: bool | None) -> InputError:
    """Say that a source has no files, naming what lies in its folders or would be taken for it."""
    lying = unread_of(card, raw, None)
    if not lying:
        lying = [one for one in unread_in(raw) if nearest_source(Path(one.path).name, card.folders)]
    if lying:
        first, more = lying[0], len(lying) - 1
        what = f"no file of {card.source} here; {first.path} is not read: {first.what}"
        what += f" (and {more} more are not)" if more else ""
        return InputError(str(raw), what, first.todo)
    todo = card.obtain or f"put its files into {raw / card.source}"
    if samples is None and holds_files(raw):
        todo = f"{todo}; or read our sample with --samples: raw files are never mixed with it"
    return InputError(str(raw), f"no file of {card.source} here", todo)
