"""BosonNER: six entity types in weibo, news and forum text; two editions.

https://bosonnlp.com (raw: one paragraph a line, marks inline; both circulating raw files)

    {{product_name:...}}{{time:4月25日}}讯（记者{{person_name: ...}}）...

and the sentence split made from it (BMES, "char SPACE tag", CRLF):

    浙 B-product_name
"""

from collections.abc import Iterator
from pathlib import Path

from chinchilla.readers import columns, markup
from chinchilla.readers.context import Fields, RowContext, SplitSlice
from chinchilla.readers.lines import Boundary
from chinchilla.spans import Tagged, decode, entities

Row = columns.Sentence | markup.Marked


def boundary(path: Path) -> Boundary:
    """Cut a BMES file after a sentence, a raw file after any line."""
    return "blocks" if path.suffix == ".bmes" else "lines"


def rows(part: SplitSlice) -> Iterator[tuple[int, Row]]:
    """Yield the sentences or paragraphs of a slice of either edition."""
    if part.edition == "bmes":
        return columns.sentences(part.slice, part.line_tally)
    return markup.paragraphs(part.slice, frozenset(part.labels.by_key), part.line_tally)


def to_fields(row: Row, context: RowContext) -> Fields:
    """Return text and entities of a sentence or paragraph."""
    if isinstance(row, columns.Sentence):
        spans = _column_spans(row, context)
    else:
        spans = _marked_spans(row, context)
    return {"text": row.text, "entities": entities(row.text, spans)}


def _marked_spans(paragraph: markup.Marked, context: RowContext) -> list[Tagged]:
    """Return the marks of a paragraph; with `mend_marks`, those with a brace missing too."""
    for damage in paragraph.damage:
        context.fix(damage)
    with_broken = context.part.options.get("mend_marks", False)
    return paragraph.spans + (paragraph.broken if with_broken else [])


def _column_spans(sentence: columns.Sentence, context: RowContext) -> list[Tagged]:
    """Return the spans of a BMES sentence; one without its last tag ends where its tags end."""
    spans, faults = decode(sentence.tags, "bmes")
    for fault in faults:
        if fault.kind != "no-end":
            raise columns.wrong_tags(context, fault, "bmes")
    for fault in faults:
        context.fix(fault.kind, fault.at)
    repairs = context.part.repairs
    for label, start, _ in spans:
        if label in repairs:
            context.fix(f"label-{label}", start)
    return [span._replace(label=repairs.get(span.label, span.label)) for span in spans]
