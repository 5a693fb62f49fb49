"""DuIE2.0 and DuIE1.0: triples over encyclopedia and news text, JSON Lines or an array.

https://www.luge.ai (id 5). DuIE2.0, objects with further slots:

    {"text": "...", "spo_list": [{"predicate": "获奖", "object_type": {"onDate": "Date",
     "@value": "奖项"}, "subject_type": "娱乐人物", "object": {"onDate": "2014年",
     "@value": "..."}, "subject": "..."}]}

DuIE1.0 has plain strings for `object` and `object_type`, and word tags beside them:

    {"postag": [{"word": "...", "pos": "nz"}], "text": "...", "spo_list": [{"predicate": "出版社",
     "object_type": "出版社", "subject_type": "书籍", "object": "...", "subject": "..."}]}
"""

from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from chinchilla.corpus.read import Part, Spot
from chinchilla.corpus.shape import MisfitError, check_list
from chinchilla.errors import Tally
from chinchilla.readers import jsonl
from chinchilla.readers.lines import Slice
from chinchilla.schema import Record

VALUE = "@value"
_MAIN = (str, {VALUE: str})
_TRIPLE = {
    "predicate": str,
    "subject": str,
    "subject_type": str,
    "object": _MAIN,
    "object_type": _MAIN,
}
SHAPE = {"text": str, "spo_list": [_TRIPLE]}


boundary = jsonl.boundary
TEXT_KEYS = frozenset({"text", "postag"})
"""The keys of a record without labels."""


def edition_of(path: Path) -> str | None:
    """Tell 1.0 from 2.0 by the first triple; None where the file has no triple early on."""
    for _, row in islice(jsonl.rows(Slice(path), Tally(forgiving=True)), 200):
        spos = row.get("spo_list")
        # what is no list of objects is refused when it is read
        for spo in spos if isinstance(spos, list) else ():
            if isinstance(spo, dict):
                return "1.0" if isinstance(spo.get("object"), str) else "2.0"
        if "postag" in row:
            return "1.0"
    return None


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part."""
    rows = jsonl.rows(part.slice, part.line_tally)
    shape = SHAPE if part.split not in part.edition.unlabelled else {"text": str}
    return part.records(rows, to_fields, itemgetter("text"), shape)


def to_fields(row: dict[str, Any], spot: Spot) -> dict[str, Any]:
    """Read the fields of a record; a file without labels has no `spo_list`."""
    if spot.labelled:
        spos = row["spo_list"]
        check_list(spos)
    else:
        spos = []
        spot.pass_over(row.get("spo_list"))
    return {"text": row["text"], "relations": [to_relation(spo) for spo in spos]}


def to_relation(spo: dict[str, Any]) -> dict[str, Any]:
    """Read a triple, all its fields in their order; a plain string is a main value alone."""
    tail, tail_type = spo["object"], spo["object_type"]
    plain = isinstance(tail, str)
    fields = {
        "predicate": spo["predicate"],
        "head": spo["subject"],
        "head_type": spo["subject_type"],
        "tail": tail if plain else tail[VALUE],
        "tail_type": tail_type if plain else tail_type[VALUE],
        "head_start": None,
        "tail_start": None,
        "tail_slots": {},
        "tail_slot_types": {},
    }
    if not plain and (len(tail) > 1 or len(tail_type) > 1):
        if tail.keys() != tail_type.keys():
            raise MisfitError(f"object has the keys {_keys(tail)}, object_type {_keys(tail_type)}")
        fields["tail_slots"] = {key: tail[key] for key in sorted(tail) if key != VALUE}
        fields["tail_slot_types"] = {key: tail_type[key] for key in sorted(tail) if key != VALUE}
    return fields


def _keys(table: dict[str, Any]) -> str:
    return ", ".join(sorted(table))


def schema_labels(path: Path) -> set[str]:
    """Read the predicates of a schema file, JSON Lines or an array."""
    return jsonl.strings(path, "predicate")
