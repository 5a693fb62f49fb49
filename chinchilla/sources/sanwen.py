"""SanWen: relations in literary prose; a pair a line, CRLF.

https://github.com/thunlp/Chinese_NRE (data/SanWen)

    幽谷<TAB>山下<TAB>Located<TAB>幽谷在山下，少有人来。

The corpus it was made from (lancopku/Chinese-Literature-NER-RE-Dataset) is brat standoff:
folders `train`, `valid`/`validation` and `test` of .txt and .ann files, with offsets.
"""

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from chinchilla.corpus import pairs
from chinchilla.corpus.mapped import without_na
from chinchilla.corpus.read import Part, Spot, unknown_name
from chinchilla.readers import brat
from chinchilla.readers.lines import Boundary, Slice
from chinchilla.readers.standoff import Link
from chinchilla.schema import Record


def boundary(path: Path) -> Boundary:
    """Cut nowhere: the rows of a sentence belong together."""
    return "whole"


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part, pair rows or brat files."""
    path = part.slice.path
    if path.is_dir() or path.with_suffix(".ann").is_file():
        files = tuple(map(brat.annotation_file, brat.text_files(path)))
        documents = brat.documents(path, part.line_tally)
        of_files = replace(part, files=files)
        return of_files.records(documents, document_fields, attrgetter("text"))
    return part.records(pairs.sentences(part), pairs.to_fields, pairs.text_of)


def document_fields(document: brat.Document, spot: Spot) -> dict[str, Any]:
    """Read a brat document; its offsets are kept, its entity types become head and tail types.

    A relation whose label stands on no card is refused alone. A document all of whose relations
    were lost is unlabelled: it would say that there are none.
    """
    known = {*spot.card.label_set(spot.part.edition.name).by_key, spot.card.na}
    relations = []
    for link in document.links:
        if link.label in known:
            relations.append(_relation(document.text, link))
        else:
            where = f"{spot.where()}:{link.line}"
            spot.part.tally.lose(unknown_name(spot.card, "label", link.label, where))
    lost = document.lost + len(document.links) - len(relations)
    unlabelled = {"labelled": False} if lost and not relations else {}
    fields = {"text": document.text, "relations": relations, **unlabelled}
    return without_na(fields, spot.card.na)


def _relation(text: str, link: Link) -> dict[str, Any]:
    head, tail = link.head, link.tail
    return {
        "predicate": link.label,
        "head": text[head.start : head.end],
        "head_type": head.label,
        "head_start": head.start,
        "tail": text[tail.start : tail.end],
        "tail_type": tail.label,
        "tail_start": tail.start,
    }


def schema_labels(path: Path) -> set[str]:
    """Read the labels of relation2id.txt."""
    return pairs.schema_labels(Slice(path))
