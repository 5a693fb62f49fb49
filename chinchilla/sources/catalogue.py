"""Find cards, modules and files: what sources there are and what of them lies under raw/."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from chinchilla.errors import CardError, ConfigError, InputError, Tally
from chinchilla.readers.lines import Boundary, Slice, check_content, cut
from chinchilla.schema import SPLITS, Record, Split
from chinchilla.shipped import shipped
from chinchilla.sources import evidence
from chinchilla.sources.card import Card, Edition, read_card
from chinchilla.sources.part import Part

OWN_CARD = "card.toml"
_CARDS = Path(__file__).resolve().parent


class SourceModule(Protocol):
    """What a source module offers; `window`, `edition_of` and `schema_labels` are optional."""

    boundary: Callable[[Path], Boundary]
    load: Callable[[Part], Iterator[Record]]


@dataclass(frozen=True)
class Found:
    """A source with the files found for one edition of it.

    `passed_over` are further folders of the source that hold files of it and are not read;
    `tally` holds what was warned of before any record was read.
    """

    card: Card
    edition: Edition
    folder: Path
    files: dict[Split, Path]
    sample: bool
    passed_over: tuple[Path, ...] = ()
    tally: Tally = field(default_factory=Tally, compare=False)

    @property
    def kind(self) -> str:
        """Say whether the user's files or our sample were found."""
        return "sample" if self.sample else "files"

    @property
    def notes(self) -> list[str]:
        """Say which folders are not read, though they bear a name of the source."""
        what = f"not read: {self.card.source} is read from {self.folder}"
        return [f"{path}: {what}; put all files in one folder" for path in self.passed_over]


class Cards(Mapping[str, Card]):
    """Every card by its source, each read when asked for: one that is wrong harms no other."""

    def __init__(self, raw: Path) -> None:
        """Look for cards, ours and those below raw."""
        self._raw = raw
        self._paths = card_paths(raw)
        self._read: dict[str, Card] = {}

    def __getitem__(self, source: str) -> Card:
        """Read the card of a source, once."""
        if source not in self._paths:
            raise KeyError(source)
        if source not in self._read:
            self._read[source] = load_card(source, self._raw)
        return self._read[source]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the sources."""
        return iter(self._paths)

    def __len__(self) -> int:
        """Count the sources."""
        return len(self._paths)


def card_paths(raw: Path) -> dict[str, Path]:
    """Map each source to its card: ours, then those of the user's folders."""
    ours = {path.stem: path for path in sorted(_CARDS.glob("*.toml"))}
    own = {_source_of(path): path for path in sorted(raw.glob(f"*/{OWN_CARD}"))}
    return ours | {name: path for name, path in own.items() if name not in ours}


def cards(raw: Path) -> Cards:
    """Return every card, the user's own laid over ours."""
    return Cards(raw)


def load_card(source: str, raw: Path) -> Card:
    """Read the card of a source; raise ConfigError where there is none."""
    paths = card_paths(raw)
    if source not in paths:
        known = ", ".join(paths)
        todo = f"known sources are {known}; a new one needs {raw / source / OWN_CARD}"
        raise ConfigError(source, "no such source", todo)
    return read_card(_CARDS / f"{source}.toml", own_card(source, raw))


def own_card(source: str, raw: Path) -> Path:
    """Return where the user's card of a source lies, or would lie; raise CardError for two."""
    lying = [path for path in sorted(raw.glob(f"*/{OWN_CARD}")) if _source_of(path) == source]
    if len(lying) > 1:
        what = f"{source} has another card, {lying[0]}"
        raise CardError(str(lying[1]), what, "keep one of the two")
    return lying[0] if lying else raw / source / OWN_CARD


def _source_of(path: Path) -> str:
    """Return the source of a user's card: the one of ours whose folder it is in, or a new one."""
    folder = path.parent.name
    return _our_folders().get(folder.casefold(), folder)


@cache
def _our_folders() -> dict[str, str]:
    """Map the names of the folders of our sources, letter case apart, to the sources."""
    found = {}
    for path in sorted(_CARDS.glob("*.toml")):
        folders = tomllib.loads(path.read_text(encoding="utf-8")).get("folders", [])
        found.update({name.casefold(): path.stem for name in [path.stem, *folders]})
    return found


def module_of(source: str) -> SourceModule:
    """Import the module of a source, or the one that reads by field mapping."""
    name = f"chinchilla.sources.{source}"
    known = (_CARDS / f"{source}.toml").is_file() and find_spec(name) is not None
    module = import_module(name if known else "chinchilla.sources.mapped")
    return cast(SourceModule, module)


def find(card: Card, raw: Path, edition: str | None = None, samples: bool = True) -> Found | None:
    """Find the files of a source under raw/, else those of our sample, else nothing.

    Raises InputError where the files under raw/ are of other editions than the one named,
    CardError where two splits would be the same lines of a file.
    """
    folders = _folders(card, raw)
    found = _find_in(card, folders, edition, sample=False)
    if found is None and edition is not None:
        _check_others(card, folders, edition)
    if found is None and samples:
        places = [raw / "samples" / card.source, shipped("samples") / card.source]
        there = [place for place in places if place.is_dir()]
        found = _find_in(card, there, edition, sample=True)
    if found is not None and found.edition.carve is None:
        _check_lines(found)
    return None if found is None else _judged(found)


def _judged(found: Found) -> Found:
    """Take the splits in which no record has a label as unlabelled; see `evidence`."""
    module, files = module_of(found.card.source), dict[Slice, list[Split]]()
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


def _folders(card: Card, raw: Path) -> list[Path]:
    """List the folders of raw/ that bear a name of the source, in the order of the card."""
    if not raw.is_dir():
        return []
    here = {path.name.casefold(): path for path in sorted(raw.iterdir()) if path.is_dir()}
    names = [card.source, *card.folders]
    return list(dict.fromkeys(here[name.casefold()] for name in names if name.casefold() in here))


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
    if chosen is None:
        return None
    if not sample:
        others = [found.folder for found in candidates if found.folder != chosen.folder]
        chosen = replace(chosen, passed_over=tuple(dict.fromkeys(others)))
    return _by_content(chosen, edition)


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

    Raises InputError where the user asked for another one.
    """
    edition_of = getattr(module_of(found.card.source), "edition_of", None)
    if edition_of is None:
        return found
    for split in SPLITS:
        if split in found.files and split not in found.edition.unlabelled:
            name = edition_of(found.files[split])
            if wanted not in (None, name) and name is not None:
                what = f"is of the edition {name}, not {wanted}"
                raise InputError(str(found.files[split]), what, "leave --edition out")
            if name is not None:
                return replace(found, edition=found.card.edition(name))
    return found


def _files(folder: Path, edition: Edition) -> dict[Split, Path]:
    """Find the file of each split: the first candidate name that is there."""
    files: dict[Split, Path] = {}
    for split in SPLITS:
        for name in edition.splits.get(split, ()):
            path = find_file(folder, name)
            if path is not None:
                files[split] = path
                break
    return files


def find_file(folder: Path, name: str) -> Path | None:
    """Find a file in a folder or one folder below; official zips unpack to such folders."""
    places = [folder / name, folder / name / name, *sorted(folder.glob(f"*/{name}"))]
    for path in places:
        if path.is_file():
            return path
    there = folder / name
    return there if there.is_dir() else None


def slices(found: Found, split: Split, size: int) -> Iterator[Slice]:
    """Cut the file of a split into slices of about `size` bytes."""
    module = module_of(found.card.source)
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
    window = getattr(module_of(found.card.source), "window", None)
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
    module = module_of(found.card.source)
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
