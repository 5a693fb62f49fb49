"""The card of a source: what it is, where its files are, what its labels mean."""

import json
from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from pathlib import PurePosixPath

from pydantic import Field, model_validator

from chinchilla.corpus.mapping import GOLD, Mapping
from chinchilla.errors import CardError, ConfigError
from chinchilla.readers.columns import JoinedFile
from chinchilla.schema import SPLITS, Frozen, Label, LabelSet, Role, Slot, Split, Task

ENDS = ("head", "tail")
"""Names under which answers as JSON write the ends of a relation, beside those of its slots."""


class Entry(Frozen):
    """Describe a label, role, type or slot in Chinese."""

    name: str = Field(min_length=1)
    description: str = ""
    only: str | None = None
    aliases: tuple[str, ...] = ()


class LabelEntry(Entry):
    """Describe a label; its fields belong to relations or to events."""

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

    def split_of(self, text: str) -> Split:
        """Return the split of a text, a pure function of the seed and the text without spaces.

        No draw depends on another, so any part of a file can be read on its own, and two texts
        that differ in spaces alone are never on both sides of a split.
        """
        key = "".join(character for character in text if not character.isspace())
        digest = blake2b(f"{self.seed}\0{key}".encode(), digest_size=8).digest()
        share = int.from_bytes(digest, "big") / 2**64
        if share < self.dev:
            return "dev"
        return "test" if share < self.dev + self.test else "train"


class Edition(Frozen):
    """Describe one published form of a source: its files and what they hold."""

    name: str = "default"
    splits: dict[Split, tuple[str, ...]]
    unlabelled: tuple[Split, ...] = ()
    schema_files: tuple[str, ...] = Field(default=(), alias="schema")
    carve: Carve | None = None
    joined: JoinedFile | None = None
    expected: dict[str, dict[str, int]] = Field(default_factory=dict)
    sha256: dict[str, str] = Field(default_factory=dict)

    @property
    def table(self) -> str:
        """Return the table of a card that speaks of the edition, as advice names it."""
        name = "" if self.name == "default" else f" name = {json.dumps(self.name)}"
        return f"[[editions]]{name}"

    @model_validator(mode="after")
    def _check_files(self) -> "Edition":
        for name in chain(*self.splits.values(), self.schema_files):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                what = f"{name!r} is outside the folder of the source"
                raise ValueError(f"{what}; put the file there")
            if not path.parts or "\0" in name:
                raise ValueError(f"{name!r} is no name of a file")
        train = set(self.splits.get("train", ()))
        carve = self.carve or Carve(seed=0)
        for split, share in zip(SPLITS, (0, carve.dev, carve.test), strict=True):
            if share and train.isdisjoint(self.splits.get(split, ())):
                what = f"carve.{split} needs the file it is carved from"
                raise ValueError(f"{what}; name one of splits.train in splits.{split} too")
        return self


class Card(Frozen):
    """Describe a source; read from `<source>.toml`, with the user's own `card.toml` over it.

    `own` is the path of the user's card, whether it is there or not; `ignore` are names of files
    beside the data that are not reported as not read.
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

    @property
    def is_ner_of_several(self) -> bool:
        """Tell whether this is the entity task of a card that serves several tasks."""
        return self.source == f"{PurePosixPath(self.own).parent.name}-ner"

    @cached_property
    def type_names(self) -> dict[str, str]:
        """Map each entity type of relations, and each alias, to its Chinese name."""
        names = {key: entry.name for key, entry in self.types.items()}
        for entry in self.types.values():
            names.update(dict.fromkeys(entry.aliases, entry.name))
        return names

    def label_set(self, edition: str | None = None) -> LabelSet:
        """Return the labels of one edition, or of all of them, in the order of the card.

        A row does not name its edition; a label has one meaning in all of them.
        """
        labels = {
            key: self._label(key, entry)
            for key, entry in self.labels.items()
            if edition is None or entry.only in (None, edition)
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
        apart, fields = {"only", "aliases"}, entry.model_dump(exclude={"only"})
        for kind, known in (("slots", self.slots), ("roles", self.roles)):
            fields[kind] = [
                {"key": name, **known[name].model_dump(exclude=apart)} for name in fields[kind]
            ]
        return Label(key=key, **fields)


def check_card(card: Card, where: str) -> None:
    """Raise CardError where the parts of a card do not fit each other.

    Each role, slot, label and inverse label that is named must be described, names must be apart,
    and a mapping must say where the labels of the task are.
    """
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
    splits: list[Split] = []
    for edition in card.editions:
        _check_names(card.label_set(edition.name), where)
        splits += [split for split in edition.splits if split not in edition.unlabelled]
    gold = GOLD[card.task]
    if card.mapping is not None and splits and gold not in card.mapping.tables:
        what = f"mapping: the task is {card.task} and {gold} are not mapped"
        raise CardError(where, what, f"map {gold}, or state {splits[0]!r} as unlabelled")


def _check_names(labels: LabelSet, where: str) -> None:
    """Raise CardError where two names of an edition could not be told apart in an answer."""
    _check_apart("label", (*labels, *filter(None, [labels.na])), "", where)
    for label in labels:
        _check_apart("slot", label.slots, f" of {label.key!r}", where)
        _check_apart("role", label.roles, f" of {label.key!r}", where)


def _check_apart(kind: str, named: Iterable[Label | Slot | Role], of: str, where: str) -> None:
    """Raise CardError where two of a kind share a Chinese name."""
    keys: dict[str, str] = {}
    for item in named:
        if item.name in keys:
            what = f"{kind}s {keys[item.name]!r} and {item.key!r}{of} are both named {item.name!r}"
            raise CardError(where, what, f"give each {kind} a name of its own")
        keys[item.name] = item.key
