"""BosonNER: six entity types in weibo, news and forum text; two editions.

https://bosonnlp.com (raw: one paragraph a line, marks inline; both circulating raw files)

    {{product_name:...}}{{time:4月25日}}讯（记者{{person_name: ...}}）...

and the sentence split made from it (BMES, "char SPACE tag", CRLF):

    浙 B-product_name
"""

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

from chinchilla.corpus.read import Part, Spot
from chinchilla.corpus.tags import entities, wrong_tags
from chinchilla.readers import columns, markup
from chinchilla.readers.lines import Boundary
from chinchilla.schema import Record
from chinchilla.spans import Tagged, decode


def boundary(path: Path) -> Boundary:
    """Cut a BMES file after a sentence, a raw file after any line."""
    return "blocks" if path.suffix == ".bmes" else "lines"


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part of either edition."""
    if part.edition.name == "bmes":
        sentences = columns.sentences(part.slice, part.line_tally)
        return part.records(sentences, sentence_fields, columns.text_of)
    labels = frozenset(part.card.labels)
    paragraphs = markup.paragraphs(part.slice, labels, part.line_tally)
    return part.records(paragraphs, paragraph_fields, attrgetter("text"))


def paragraph_fields(paragraph: markup.Marked, spot: Spot) -> dict[str, Any]:
    """Read a paragraph; with `mend_marks`, marks with a brace missing are entities too."""
    mend = spot.card.options.get("mend_marks", False)
    for damage in paragraph.damage:
        spot.mend(damage)
    spans = paragraph.spans + (paragraph.broken if mend else [])
    return {"text": paragraph.text, "entities": entities(paragraph.text, spans)}


def sentence_fields(sentence: columns.Sentence, spot: Spot) -> dict[str, Any]:
    """Read a BMES sentence; an entity without its last tag ends where its tags end."""
    text = columns.text_of(sentence)
    spans, faults = decode(sentence.tags, "bmes")
    for fault in faults:
        if fault.kind != "no-end":
            raise wrong_tags(spot, fault, "bmes")
    for fault in faults:
        spot.mend(fault.kind, fault.at)
    repairs = spot.card.repairs
    for label, start, _ in spans:
        if label in repairs:
            spot.mend(f"label-{label}", start)
    mended = [Tagged(repairs.get(span.label, span.label), span.start, span.end) for span in spans]
    return {"text": text, "entities": entities(text, mended)}
