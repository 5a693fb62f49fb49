"""DuIE2.0 and DuIE1.0: triples over encyclopedia and news text, JSON Lines or an array.

https://www.luge.ai (id 5). DuIE2.0, objects with further slots:

    {"text": "...", "spo_list": [{"predicate": "获奖", "object_type": {"onDate": "Date",
     "@value": "奖项"}, "subject_type": "娱乐人物", "object": {"onDate": "2014年",
     "@value": "..."}, "subject": "..."}]}

DuIE1.0 has plain strings for `object` and `object_type`, and word tags beside them:

    {"postag": [{"word": "...", "pos": "nz"}], "text": "...", "spo_list": [{"predicate": "出版社",
     "object_type": "出版社", "subject_type": "书籍", "object": "...", "subject": "..."}]}
"""

from functools import partial
from itertools import islice
from pathlib import Path

from chinchilla.readers import jsonl
from chinchilla.readers.context import Fields, RowContext
from chinchilla.readers.lines import Slice
from chinchilla.readers.shape import MisfitError
from chinchilla.tally import Tally

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
TEXT_KEYS = frozenset({"text", "postag"})
"""The keys of a record without labels."""

rows, boundary = jsonl.split_rows, jsonl.boundary
schema_labels = partial(jsonl.strings, key="predicate")


def edition_of(path: Path) -> str | None:
    """Return 1.0 or 2.0, by the first triple; None where the file has no triple early on."""
    for _, row in islice(jsonl.rows(Slice(path), Tally(forgiving=True)), 200):
        triples = row.get("spo_list")
        # what is no list of objects is refused when it is read
        for triple in triples if isinstance(triples, list) else ():
            if isinstance(triple, dict):
                return "1.0" if isinstance(triple.get("object"), str) else "2.0"
        if "postag" in row:
            return "1.0"
    return None


def to_fields(row: jsonl.Row, context: RowContext) -> Fields:
    """Return text and triples; a file without labels has no `spo_list`."""
    triples = context.gold(row, "spo_list")
    return {"text": row["text"], "relations": [to_relation(triple) for triple in triples]}


def to_relation(triple: jsonl.Row) -> Fields:
    """Return the fields of a triple; a plain string is a main value alone."""
    tail, tail_type = triple["object"], triple["object_type"]
    simple = isinstance(tail, str)
    fields = {
        "predicate": triple["predicate"],
        "head": triple["subject"],
        "head_type": triple["subject_type"],
        "tail": tail if simple else tail[VALUE],
        "tail_type": tail_type if simple else tail_type[VALUE],
    }
    if not simple and (len(tail) > 1 or len(tail_type) > 1):
        if tail.keys() != tail_type.keys():
            keys, types = ", ".join(sorted(tail)), ", ".join(sorted(tail_type))
            raise MisfitError(f"object has the keys {keys}, object_type {types}")
        for name, values in (("tail_slots", tail), ("tail_slot_types", tail_type)):
            fields[name] = {key: values[key] for key in sorted(values) if key != VALUE}
    return fields
