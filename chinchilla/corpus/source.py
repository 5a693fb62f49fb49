"""What the module of a source declares, or the field mapping of its card in place of one.

`rows` and `to_fields` must be there; a row is a dict with `text`, or has that attribute. Optional
are `boundary` (where a file may be cut; nowhere without it), `SHAPE` and `TEXT_KEYS` (the shape of
a JSON record, and its keys beside the labels), `edition_of` (the edition a file shows), `slice_of`
(the part of a file that is a split) and `schema_labels` (the labels of a schema file).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chinchilla.corpus import mapped
from chinchilla.corpus.card import Card
from chinchilla.corpus.registry import CARDS
from chinchilla.errors import CardError
from chinchilla.readers import jsonl
from chinchilla.readers.columns import JoinedFile
from chinchilla.readers.context import Fields, RowContext, SplitSlice
from chinchilla.readers.lines import Boundary, Slice
from chinchilla.readers.shape import Shape
from chinchilla.schema import Split

Row = Any


def _nowhere(_: Path) -> Boundary:
    return "whole"


def _text_of(row: Row) -> Any:
    return row["text"] if isinstance(row, dict) else row.text


def _whole_file(path: Path, _split: Split, _joined: JoinedFile | None) -> Slice:
    return Slice(path)


@dataclass(frozen=True)
class SourceModule:
    """How the files of a source are read: what its module declares, the rest by default."""

    rows: Callable[[SplitSlice], Iterator[tuple[int, Row]]]
    to_fields: Callable[[Row, RowContext], Fields]
    text_of: Callable[[Row], Any] = _text_of
    boundary: Callable[[Path], Boundary] = _nowhere
    slice_of: Callable[[Path, Split, JoinedFile | None], Slice] = _whole_file
    shape: Shape = None
    text_keys: frozenset[str] | None = None
    edition_of: Callable[[Path], str | None] | None = None
    schema_labels: Callable[[Path], set[str]] | None = None

    def shape_of(self, labelled: bool) -> Shape:
        """Return the shape of a row; without labels, that of the keys beside them."""
        if labelled or self.shape is None or self.text_keys is None:
            return self.shape
        return {key: self.shape[key] for key in self.shape if key in self.text_keys}


_OPTIONAL = ("boundary", "slice_of", "edition_of", "schema_labels")


def module_of(card: Card) -> SourceModule:
    """Return what reads a source: the mapping of its card if it has one, else its module.

    Raises CardError where it has neither, or the module lacks one of the two functions.
    """
    name = f"chinchilla.sources.{card.source}"
    ours = (CARDS / f"{card.source}.toml").is_file() and find_spec(name) is not None
    if card.mapping is not None or not ours:
        mapping = mapped.mapping_of(card)
        return SourceModule(
            jsonl.split_rows, mapped.to_fields(mapping), mapped.text_of(mapping), jsonl.boundary
        )
    module = import_module(name)
    for needed in ("rows", "to_fields"):
        if not hasattr(module, needed):
            what = f"the source {card.source} has no function {needed!r}"
            raise CardError(str(module.__file__), what, "write it, as sanwen.py beside it does")
    declared = {key: getattr(module, key) for key in _OPTIONAL if hasattr(module, key)}
    shape, text_keys = getattr(module, "SHAPE", None), getattr(module, "TEXT_KEYS", None)
    return SourceModule(module.rows, module.to_fields, shape=shape, text_keys=text_keys, **declared)
