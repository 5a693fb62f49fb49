"""The sources there are: their cards, and the names they are called by.

A source is called by its own name or by that of one of its folders (`duie`, `DuIE2.0`), letter
case apart. A card that serves several tasks is a source a task: `NAME-ner` and `NAME-re`.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from os.path import lexists
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chinchilla.corpus.card import Card, check_card
from chinchilla.corpus.folders import is_utf8, kind_of
from chinchilla.corpus.mapping import GOLD
from chinchilla.errors import AS_UTF8, CardError, ConfigError
from chinchilla.readers.shape import fold, nearest
from chinchilla.schema import explain

OWN_CARD = "card.toml"
CARDS = Path(__file__).resolve().parent.parent / "sources"


class _Cards(Mapping[str, Card]):
    def __init__(self, raw: Path) -> None:
        paths = card_paths(raw)
        self._read = {source: cache(partial(load_card, source, raw)) for source in paths}

    def __getitem__(self, source: str) -> Card:
        return self._read[source]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def cards(raw: Path) -> Mapping[str, Card]:
    """Return every card by its source, the user's own over ours.

    Each is read when it is needed, once: a wrong one harms no other.
    """
    return _Cards(raw)


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
    ours, own = card_paths(raw)[names[0]], own_card(names[0], raw)
    ours = ours if ours.parent == CARDS else CARDS / f"{_name_of(own)}.toml"
    return _read_card(ours, own, names[0])


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
    paths, own = card_paths(raw), own_cards(raw)
    if name in paths:
        return (name,)
    names: dict[str, tuple[str, ...]] = {source.casefold(): (source,) for source in reversed(paths)}
    sources = {_name_of(path): _sources_of(path) for path in own}
    for folder, source in (
        {path.parent.name: _name_of(path) for path in own} | our_folders()
    ).items():
        names.setdefault(folder.casefold(), sources.get(source, (source,)))
    return names.get(name.casefold(), ())


def nearest_source(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to an unknown one, else the longest that it begins with."""
    names = tuple(known)
    prefixes = [prefix for prefix in names if fold(name).startswith(fold(prefix))]
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
    name, tasks = _name_of(path), _tasks_in(path)
    return tuple(f"{name}-{task}" for task in tasks) if len(tasks) > 1 else (name,)


@cache
def our_folders() -> dict[str, str]:
    """Map the names of the folders of our sources, in lower case, to the sources."""
    sources = {}
    for path in sorted(CARDS.glob("*.toml")):
        folders = tomllib.loads(path.read_text(encoding="utf-8")).get("folders", [])
        sources.update({name.casefold(): path.stem for name in [path.stem, *folders]})
    return sources


def _read_card(path: Path, own: Path, source: str) -> Card:
    """Return our card, if there is one, with the user's, if there is one, over it.

    `source` is `<card>-<task>` where the card serves several tasks. Raises CardError where one of
    the two is no card, or they do not fit each other.
    """
    name = path.stem
    data = _read_toml(path) if path.is_file() else {}
    where = str(path)
    if lexists(own):
        where, over = str(own), _read_toml(own)
        _check_own(over, data, where)
        data = _overlay(data, over)
    if source != name:
        data = _of_task(data, source.removeprefix(f"{name}-"), where)
    elif isinstance(data.get("task"), list) and len(data["task"]) == 1:
        data = {**data, "task": data["task"][0]}
    folders = (name, own.parent.name)
    try:
        card = Card.model_validate({"folders": folders, **data, "source": source, "own": str(own)})
    except ValidationError as error:
        todo = "see docs/en/cards.md for the fields of a card"
        raise CardError(where, explain(error), todo) from error
    check_card(card, where)
    return card


def _tasks_in(path: Path) -> tuple[str, ...]:
    """Return the tasks that a user's card lists; none where it cannot be read or names one.

    What is wrong with a card is said where it is read whole.
    """
    if not path.is_file():
        return ()
    try:
        task = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("task")
    except (OSError, ValueError, RecursionError):
        return ()
    tasks = task if isinstance(task, list) else []
    return tuple(dict.fromkeys(tasks)) if all(isinstance(task, str) for task in tasks) else ()


_NOT_READ = {
    "ner": ("relations", "events", "arguments"),
    "re": ("events", "arguments"),
    "ee": ("entities", "relations"),
}


def _of_task(data: dict[str, Any], task: str, where: str) -> dict[str, Any]:
    """Return the fields of a card of several tasks as those of a card of one of them.

    Entity types are the labels of ner; [labels] are relations or event types. Raises CardError
    where the card lacks what the task needs.
    """
    mapping = data.get("mapping")
    listed = data.get("task")
    tasks = listed if isinstance(listed, list) else []
    if task not in GOLD:
        raise CardError(where, f"task {task!r} is none", f"the tasks are {', '.join(GOLD)}")
    if "re" in tasks and "ee" in tasks:
        what = "re and ee both have their labels in [labels]"
        raise CardError(where, what, "write a card for each, in a folder of its own")
    if not isinstance(mapping, dict) or GOLD[task] not in mapping:
        what = f"task {task} has no {GOLD[task]} in [mapping]"
        raise CardError(where, what, "say there where a record holds them, or take the task out")
    kept = {key: value for key, value in mapping.items() if key not in _NOT_READ[task]}
    fields = {**data, "task": task, "mapping": kept}
    if task != "ner":
        return fields
    if not data.get("types"):
        todo = "describe there the entity types, [labels] are relations or event types"
        raise CardError(where, "task ner has no [types]", todo)
    fields["labels"] = data["types"]
    return {key: fields[key] for key in fields if key not in ("na", "metric", "types", "roles")}


def _check_own(over: dict[str, Any], under: dict[str, Any], where: str) -> None:
    """Raise CardError for what no card of a user can say."""
    for key in ("source", "own"):
        if key in over:
            what = f"{key}: not for a card to say"
            raise CardError(where, what, "leave it out: the folder of the card names the source")
    for table in ("options", "repairs"):
        own, ours = over.get(table), under.get(table, {})
        unknown = [key for key in own if key not in ours] if isinstance(own, dict) else []
        if unknown and (table == "options" or not ours):
            todo = f"{table} known here: {', '.join(ours)}" if ours else f"no {table} are read here"
            raise CardError(where, f"{table}.{unknown[0]}: is not known here", todo)
    if _are_tables(over.get("editions")):
        names = [_name(edition) for edition in over["editions"]]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            what = f"two [[editions]] are of the name {twice!r}"
            raise CardError(where, what, "make one table of them, or give one another name")


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CardError(str(path), f"is {kind_of(path)}", "put the card itself there")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        what, todo = "not TOML (nested too deep)", "correct the card"
    except UnicodeDecodeError:
        what, todo = "not UTF-8", AS_UTF8
    except ValueError as error:
        what = f"not TOML ({error})"
        todo = "correct the card; put every string in quotes, and every key that is not ASCII"
    except OSError as error:
        what, todo = error.strerror or "cannot be opened", "check the file's permissions"
    raise CardError(str(path), what, todo)


def _overlay(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return one tree of tables with another over it; values that are no tables replace.

    Editions are matched by their names; new ones come before ours.
    """
    merged = dict(under)
    for key, value in over.items():
        below: Any = merged.get(key)
        if key == "editions" and _are_tables(below) and _are_tables(value):
            own, known = {_name(edition): edition for edition in value}, set(map(_name, below))
            ours = [_overlay_edition(edition, own.get(_name(edition), {})) for edition in below]
            merged[key] = [edition for edition in value if _name(edition) not in known] + ours
        else:
            both = isinstance(below, dict) and isinstance(value, dict)
            merged[key] = _overlay(below, value) if both else value
    return merged


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _name(edition: dict[str, Any]) -> Any:
    return edition.get("name", "default")


def _overlay_edition(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return an edition with the user's over it, split by split; a new `carve` replaces it whole.

    A split with a file of the user's is not carved any more; one that is still carved is carved
    out of the user's file of train.
    """
    files = over.get("splits", {})
    if "carve" in over or not isinstance(files, dict):
        return over
    merged = {**under, **over}
    splits, train = dict(under.get("splits", {})), set(under.get("splits", {}).get("train", ()))
    if "train" in files:
        carved = [split for split, names in splits.items() if train & set(names)]
        splits.update(dict.fromkeys(carved, files["train"]))
    merged["splits"] = {**splits, **files}
    if "carve" in under:
        merged["carve"] = {key: share for key, share in under["carve"].items() if key not in files}
    return merged
