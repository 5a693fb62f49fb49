"""The sources there are: their cards, and the names they are called by.

A source is called by its own name or by that of one of its folders (`duie`, `DuIE2.0`), letter
case apart. A card that serves several tasks is a source a task: `NAME-ner` and `NAME-re`.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from os.path import lexists
from pathlib import Path

from chinchilla.corpus.card import Card
from chinchilla.corpus.card_file import read_card, tasks_in
from chinchilla.corpus.folders import is_utf8
from chinchilla.errors import CardError, ConfigError
from chinchilla.readers.shape import fold, nearest

OWN_CARD = "card.toml"
CARDS = Path(__file__).resolve().parent.parent / "sources"


class Cards(Mapping[str, Card]):
    """Every card by its source, each read when it is needed: a wrong one harms no other."""

    def __init__(self, raw: Path) -> None:
        """Find the paths of cards, ours and those below raw."""
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


def cards(raw: Path) -> Cards:
    """Return every card, the user's own over ours."""
    return Cards(raw)


def card_paths(raw: Path) -> dict[str, Path]:
    """Map each source to its card: ours, then those of the user's folders."""
    paths = {path.stem: path for path in sorted(CARDS.glob("*.toml"))}
    for own in own_cards(raw):
        name, sources = _name_of(own), _sources_of(own)
        ours = CARDS / f"{name}.toml"
        if sources != (name,):
            paths.pop(name, None)
        for source in sources:
            paths.setdefault(source, ours if ours.is_file() else own)
    return paths


def load_card(source: str, raw: Path) -> Card:
    """Read the card of a source; raise ConfigError where there is none, or several."""
    names = resolve(source, raw)
    if len(names) > 1:
        what = f"serves several tasks, each a source: {', '.join(names)}"
        raise ConfigError(source, what, "name one of them")
    ours = card_paths(raw)[names[0]]
    own = own_card(names[0], raw)
    name = _name_of(own)
    return read_card(ours if ours.parent == CARDS else CARDS / f"{name}.toml", own, names[0])


def resolve(name: str, raw: Path) -> tuple[str, ...]:
    """Return the sources of a name; raise ConfigError, with the nearest name, for none."""
    sources = called(name, raw)
    if not sources:
        paths = card_paths(raw)
        near = nearest_source(name, [*paths, *our_folders()])
        hint = f"did you mean {near}? " if near else ""
        todo = f"known sources are {', '.join(paths)}; a new one needs {raw / name / OWN_CARD}"
        raise ConfigError(name, "no such source", hint + todo)
    return sources


def called(name: str, raw: Path) -> tuple[str, ...]:
    """Return the sources of a name, none where no source has it."""
    paths = card_paths(raw)
    if name in paths:
        return (name,)
    names: dict[str, tuple[str, ...]] = {source.casefold(): (source,) for source in reversed(paths)}
    own = {_name_of(path): _sources_of(path) for path in own_cards(raw)}
    folders = {path.parent.name: _name_of(path) for path in own_cards(raw)} | our_folders()
    for folder, source in folders.items():
        names.setdefault(folder.casefold(), own.get(source, (source,)))
    return names.get(name.casefold(), ())


def nearest_source(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to an unknown one, else the longest that it begins with."""
    names = tuple(known)
    prefixes = [known_name for known_name in names if fold(name).startswith(fold(known_name))]
    return nearest(name, names, 0.75) or max(prefixes, key=len, default=None)


def own_cards(raw: Path) -> list[Path]:
    """Return the user's cards below raw; a folder whose name is not UTF-8 is no source."""
    if not raw.is_dir():
        return []
    folders = [path for path in sorted(raw.iterdir()) if is_utf8(path.name) and path.is_dir()]
    return [path / OWN_CARD for path in folders if lexists(path / OWN_CARD)]


def own_card(source: str, raw: Path) -> Path:
    """Return where the user's card of a source is, or would be; raise CardError for two."""
    cards = [path for path in own_cards(raw) if source in _sources_of(path)]
    if len(cards) > 1:
        what = f"{source} has another card, {cards[0]}"
        raise CardError(str(cards[1]), what, "keep one of the two")
    return cards[0] if cards else raw / source / OWN_CARD


def _name_of(path: Path) -> str:
    """Return the name of a user's card: the source of ours whose folder it is in, or a new one."""
    folder = path.parent.name
    return our_folders().get(folder.casefold(), folder)


def _sources_of(path: Path) -> tuple[str, ...]:
    """Return the sources of a user's card: one, or one a task where it serves several."""
    name, tasks = _name_of(path), tasks_in(path)
    return tuple(f"{name}-{task}" for task in tasks) if len(tasks) > 1 else (name,)


@cache
def our_folders() -> dict[str, str]:
    """Map the names of the folders of our sources, in lower case, to the sources."""
    sources = {}
    for path in sorted(CARDS.glob("*.toml")):
        folders = tomllib.loads(path.read_text(encoding="utf-8")).get("folders", [])
        sources.update({name.casefold(): path.stem for name in [path.stem, *folders]})
    return sources
