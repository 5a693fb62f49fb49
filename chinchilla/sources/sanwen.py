"""SanWen: relations in literary prose; a pair a line, CRLF.

https://github.com/thunlp/Chinese_NRE (data/SanWen)

    幽谷<TAB>山下<TAB>Located<TAB>幽谷在山下，少有人来。

The corpus it was made from (lancopku/Chinese-Literature-NER-RE-Dataset) is brat standoff:
folders `train`, `valid`/`validation` and `test` of .txt and .ann files, with offsets.
"""

from collections.abc import Iterator

from chinchilla.readers import brat, tsv
from chinchilla.readers.brat import Link
from chinchilla.readers.context import Fields, RowContext, SplitSlice

Row = tsv.SentenceRows | brat.BratDocument
schema_labels = tsv.schema_labels


def rows(part: SplitSlice) -> Iterator[tuple[int, Row]]:
    """Yield the sentences of pair rows, or the documents of a brat folder."""
    path = part.slice.path
    if path.is_dir() or path.with_suffix(".ann").is_file():
        return brat.documents(path, part.line_tally)
    return tsv.sentences(part)


def to_fields(row: Row, context: RowContext) -> Fields:
    """Return the text of a sentence or document and its relations."""
    if isinstance(row, tsv.SentenceRows):
        return tsv.pair_fields(row, context)
    return _document_fields(row, context)


def _document_fields(document: brat.BratDocument, context: RowContext) -> Fields:
    """Return a brat document; its offsets are kept, its entity types are those of head and tail.

    A relation whose label is on no card is refused alone. A document all of whose relations were
    lost is unlabelled: it would say that there are none.
    """
    part = context.part
    known = {*part.labels.by_key, part.na}
    relations = []
    for link in document.links:
        if link.label in known:
            relations.append(_relation(document.text, link))
        else:
            part.tally.lose(part.unknown_label(link.label, f"{context.where()}:{link.line}"))
    lost = document.lost + len(document.links) - len(relations)
    fields: Fields = {"text": document.text, "relations": relations}
    return fields | {"labelled": False} if lost and not relations else fields


def _relation(text: str, link: Link) -> Fields:
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
