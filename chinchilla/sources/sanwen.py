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

from chinchilla.readers import brat
from chinchilla.readers.lines import Boundary, Slice
from chinchilla.readers.standoff import Link
from chinchilla.schema import Record
from chinchilla.sources import pairs
from chinchilla.sources.mapped import without_na
from chinchilla.sources.part import Part, Spot, unknown_name


def boundary(path: Path) -> Boundary:
    """Cut nowhere: the rows of a sentence belong together."""
    return "whole"


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part, pair rows or brat files."""
    path = part.slice.path
    if path.is_dir() or path.with_suffix(".ann").is_file():
        files = tuple(map(brat.annotation_file, brat.text_files(path)))
        of_files = replace(part, files=files)
        return of_files.records(_documents(of_files), document_fields, attrgetter("text"))
    return part.records(pairs.sentences(part), pairs.to_fields, pairs.text_of)


def _documents(part: Part) -> Iterator[tuple[int, brat.Document]]:
    """Yield the documents of a part.

    A relation whose label stands on no card is refused alone; a document that has lost some and
    has none left is left out: it would say that nothing is in the text.
    """
    labels = part.card.label_set(part.edition.name)
    known = {*labels.by_key, part.card.na}
    for number, document in brat.documents(part.slice.path, part.line_tally):
        links = [link for link in document.links if link.label in known]
        for link in document.links:
            if link.label not in known:
                where = f"{part.at(number)}:{link.line}"
                part.line_tally.lose(unknown_name(part.card, "label", link.label, where))
        if not links and (document.damaged or document.links):
            part.line_tally.drop("brat-no-relation-left", part.at(number))
        else:
            yield number, document._replace(links=links)


def document_fields(document: brat.Document, spot: Spot) -> dict[str, Any]:
    """Read a brat document; its offsets are kept, its entity types become head and tail types."""
    relations = [_relation(document.text, link) for link in document.links]
    return without_na({"text": document.text, "relations": relations}, spot.card.na)


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
