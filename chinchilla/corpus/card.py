"""The card of a source: what it is, where its files are, what its labels mean."""

import json
import tomllib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field, ValidationError, model_validator

from chinchilla.corpus.folders import kind_of, lies
from chinchilla.corpus.mapping import GOLD, Mapping
from chinchilla.corpus.tasks import of_task
from chinchilla.errors import AS_UTF8, CardError, ConfigError
from chinchilla.schema import Frozen, Label, LabelSet, Role, Slot, Split, Task, explain

ENDS = ("head", "tail")
"""Names under which answers as JSON write the ends of a relation, beside those of its slots."""


class Entry(Frozen):
    """Describe a label, role, type or slot in Chinese."""

    name: str = Field(min_length=1)
    description: str = ""
    only: str | None = None
    aliases: tuple[str, ...] = ()


class LabelEntry(Entry):
    """Describe a label; the fields after `only` belong to relations or to events."""

    head: str | None = None
    tail: str | None = None
    slots: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    twin: str | None = None
    symmetric: bool = False


class RoleEntry(Entry):
    """Describe a role; `values` lists the classes of a class-valued one."""

    values: tuple[str, ...] = ()


class Carve(Frozen):
    """State the shares of the records of a file that become dev and test."""

    seed: int
    dev: float = Field(default=0.0, ge=0.0, lt=1.0)
    test: float = Field(default=0.0, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _leave_train(self) -> "Carve":
        if self.dev + self.test >= 1:
            raise ValueError("dev and test leave nothing for train; keep their sum below 1")
        return self


class Joined(Frozen):
    """Describe the file that holds train and test one after the other."""

    sentences: int
    train: int
    characters: int


class Edition(Frozen):
    """Describe one published form of a source: its files and what they hold."""

    name: str = "default"
    splits: dict[Split, tuple[str, ...]]
    unlabelled: tuple[Split, ...] = ()
    schema_files: tuple[str, ...] = Field(default=(), alias="schema")
    carve: Carve | None = None
    joined: Joined | None = None
    expected: dict[str, dict[str, int]] = Field(default_factory=dict)
    sha256: dict[str, str] = Field(default_factory=dict)

    @property
    def table(self) -> str:
        """Return the table of a card that speaks of the edition, as advice names it."""
        name = "" if self.name == "default" else f" name = {json.dumps(self.name)}"
        return f"[[editions]]{name}"

    @model_validator(mode="after")
    def _stay_in_the_folder(self) -> "Edition":
        for name in (
            name for names in (*self.splits.values(), self.schema_files) for name in names
        ):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(
                    f"{name!r} is outside the folder of the source; put the file there"
                )
            if not path.parts or "\0" in name:
                raise ValueError(f"{name!r} is no name of a file")
        return self

    @model_validator(mode="after")
    def _carve_from_train(self) -> "Edition":
        carve = self.carve or Carve(seed=0)
        shares: dict[Split, float] = {"dev": carve.dev, "test": carve.test}
        train = set(self.splits.get("train", ()))
        for split, share in shares.items():
            if share and train.isdisjoint(self.splits.get(split, ())):
                names = f"carve.{split} needs the file it is carved from"
                raise ValueError(f"{names}; name one of splits.train in splits.{split} too")
        return self


class Card(Frozen):
    """Describe a source; read from `<source>.toml`, with the user's own `card.toml` over it.

    `own` is the path of the user's card, whether it lies there or not; `ignore` are names of
    files beside the data that nobody needs to be told of.
    """

    source: str
    own: str = Field(exclude=True)
    title: str
    summary: str = ""
    home: str = ""
    licence: str = "unknown: ask whoever gave you the data"
    obtain: str = ""
    paper: str = ""
    task: Task
    metric: str | None = None
    folders: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    na: str | None = None
    options: dict[str, bool] = Field(default_factory=dict)
    editions: tuple[Edition, ...]
    mapping: Mapping | None = None
    labels: dict[str, LabelEntry]
    roles: dict[str, RoleEntry] = Field(default_factory=dict)
    types: dict[str, Entry] = Field(default_factory=dict)
    slots: dict[str, Entry] = Field(default_factory=dict)
    repairs: dict[str, str] = Field(default_factory=dict)

    def edition(self, name: str) -> Edition:
        """Return the edition of that name; raise ConfigError where there is none."""
        for edition in self.editions:
            if edition.name == name:
                return edition
        known = ", ".join(edition.name for edition in self.editions)
        raise ConfigError(f"--edition {name}", f"{self.source} has none of it", f"use {known}")

    @cached_property
    def known_types(self) -> frozenset[str]:
        """Collect the entity types of relations, their aliases included."""
        aliases = [alias for entry in self.types.values() for alias in entry.aliases]
        return frozenset([*self.types, *aliases])

    @cached_property
    def type_names(self) -> dict[str, str]:
        """Map each entity type and alias to its Chinese name."""
        names = {key: entry.name for key, entry in self.types.items()}
        for entry in self.types.values():
            names.update(dict.fromkeys(entry.aliases, entry.name))
        return names

    def label_set(self, edition: str) -> LabelSet:
        """Return the labels of one edition, in the order of the card."""
        labels = {
            key: self._label(key, entry)
            for key, entry in self.labels.items()
            if entry.only in (None, edition)
        }
        na = labels.pop(self.na, None) if self.na else None
        return LabelSet(
            source=self.source,
            task=self.task,
            labels=tuple(labels.values()),
            na=na,
            types=self.type_names,
        )

    def _label(self, key: str, entry: LabelEntry) -> Label:
        slots = tuple(
            Slot(key=slot, name=self.slots[slot].name, description=self.slots[slot].description)
            for slot in entry.slots
        )
        fields = entry.model_dump(exclude={"only", "slots", "roles"})
        roles = tuple(self._role(role) for role in entry.roles)
        return Label(key=key, slots=slots, roles=roles, **fields)

    def _role(self, key: str) -> Role:
        entry = self.roles[key]
        return Role(key=key, name=entry.name, description=entry.description, values=entry.values)


def read_card(path: Path, own: Path, source: str | None = None) -> Card:
    """Read a card, the user's own fields over it; raise CardError where it is not one.

    `source` is the name of the card, or of what it is for one of its tasks.
    """
    name, source = path.stem, source or path.stem
    data = _read_toml(path) if path.is_file() else {}
    where = str(path)
    if lies(own):
        where, over = str(own), _read_toml(own)
        _check_own(over, data, where)
        data = _overlay(data, over)
    if source != name:
        data = of_task(data, source.removeprefix(f"{name}-"), where)
    elif isinstance(data.get("task"), list) and len(data["task"]) == 1:
        data = {**data, "task": data["task"][0]}
    folders = (name, own.parent.name)
    try:
        card = Card.model_validate({"folders": folders, **data, "source": source, "own": str(own)})
    except ValidationError as error:
        todo = "see docs/en/cards.md for the fields of a card"
        raise CardError(where, explain(error), todo) from error
    _check_card(card, where)
    return card


def _check_own(over: dict[str, Any], under: dict[str, Any], where: str) -> None:
    """Raise CardError for what no card of a user can say."""
    for key in ("source", "own"):
        if key in over:
            what = f"{key}: not for a card to say"
            raise CardError(where, what, "leave it out: the folder of the card names the source")
    for table in ("options", "repairs"):
        given, ours = over.get(table), under.get(table, {})
        unknown = [key for key in given if key not in ours] if isinstance(given, dict) else []
        if unknown and (table == "options" or not ours):
            todo = f"{table} known here: {', '.join(ours)}" if ours else f"no {table} are read here"
            raise CardError(where, f"{table}.{unknown[0]}: is not known here", todo)
    if _are_tables(over.get("editions")):
        names = [one.get("name", "default") for one in over["editions"]]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            what = f"two [[editions]] are of the name {twice!r}"
            raise CardError(where, what, "make one table of them, or give one another name")


def _check_card(card: Card, where: str) -> None:
    """Raise CardError where a card names a role, slot, label or twin it does not describe."""
    for key, entry in card.labels.items():
        kinds = (("role", entry.roles, card.roles), ("slot", entry.slots, card.slots))
        for kind, used, known in kinds:
            missing = [name for name in used if name not in known]
            if missing:
                what = f"label {key!r} uses the {kind} {missing[0]!r}"
                raise CardError(where, what, f"describe it under [{kind}s]")
        if entry.twin is not None and entry.twin not in card.labels:
            raise CardError(where, f"label {key!r} has an unknown twin", f"add {entry.twin!r}")
    if card.na is not None and card.na not in card.labels:
        raise CardError(where, f"na = {card.na!r} is no label", "describe it under [labels]")
    for key, slot in card.slots.items():
        if slot.name in ENDS:
            what = f"the slot {key!r} is named {slot.name!r}, as an end of a relation is"
            raise CardError(where, what, "give it another name")
    for edition in card.editions:
        _check_names(card, edition.name, where)
    _check_mapping(card, where)


def _check_mapping(card: Card, where: str) -> None:
    """Raise CardError where a mapping does not say where the labels of its task are."""
    labelled = [
        split for one in card.editions for split in one.splits if split not in one.unlabelled
    ]
    if card.mapping is not None and labelled and GOLD[card.task] not in card.mapping.tables:
        what = f"mapping: the task is {card.task} and {GOLD[card.task]} are not mapped"
        todo = f"map {GOLD[card.task]}, or state {labelled[0]!r} as unlabelled"
        raise CardError(where, what, todo)


def _check_names(card: Card, edition: str, where: str) -> None:
    """Raise CardError where two names of an edition could not be told apart in an answer."""
    labels = card.label_set(edition)
    _check_apart("label", (*labels, *filter(None, [labels.na])), "", where)
    for label in labels:
        _check_apart("slot", label.slots, f" of {label.key!r}", where)
        _check_apart("role", label.roles, f" of {label.key!r}", where)


def _check_apart(kind: str, named: Iterable[Label | Slot | Role], of: str, where: str) -> None:
    """Raise CardError where two of a kind share a Chinese name."""
    seen: dict[str, str] = {}
    for one in named:
        if one.name in seen:
            what = f"{kind}s {seen[one.name]!r} and {one.key!r}{of} are both named {one.name!r}"
            raise CardError(where, what, f"give each {kind} a name of its own")
        seen[one.name] = one.key


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CardError(str(path), f"is {kind_of(path)}", "put the card itself there")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise CardError(str(path), "not TOML (nested too deep)", "correct the card") from error
    except UnicodeDecodeError as error:
        raise CardError(str(path), "not UTF-8", AS_UTF8) from error
    except ValueError as error:
        todo = "correct the card; every string stands in quotes, and every key that is not ASCII"
        raise CardError(str(path), f"not TOML ({error})", todo) from error
    except OSError as error:
        words = error.strerror or "cannot be opened"
        raise CardError(str(path), words, "check the file's permissions") from error


def _overlay(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay one tree of tables over another; values that are no tables replace."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if key == "editions" and _are_tables(below) and _are_tables(value):
            merged[key] = _overlay_editions(below, value)  # type: ignore[arg-type]
            continue
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _overlay(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _overlay_editions(
    under: list[dict[str, Any]], over: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Lay each edition over that of its name; one of a new name stands before ours."""
    own = {one.get("name", "default"): one for one in over}
    known = {one.get("name", "default") for one in under}
    new = [one for one in over if one.get("name", "default") not in known]
    laid = [_overlay_edition(one, own.get(one.get("name", "default"), {})) for one in under]
    return [*new, *laid]


def _overlay_edition(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay an edition over ours, split by split; one that is carved anew takes its place whole.

    A split that is given a file is not carved any more; one that is still carved, out of the
    file of train that was given.
    """
    given = over.get("splits", {})
    if "carve" in over or not isinstance(given, dict):
        return over
    merged = {**under, **over}
    splits, train = dict(under.get("splits", {})), set(under.get("splits", {}).get("train", ()))
    if "train" in given:
        carved = [split for split, names in splits.items() if train & set(names)]
        splits.update(dict.fromkeys(carved, given["train"]))
    merged["splits"] = {**splits, **given}
    if "carve" in under:
        merged["carve"] = {key: part for key, part in under["carve"].items() if key not in given}
    return merged
