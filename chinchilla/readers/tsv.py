"""Rows of a fixed number of fields with a tab between them; blank lines may part them.

head<TAB>tail<TAB>relation<TAB>sentence

FinRE and SanWen have such a row a pair; the rows of one sentence form one record.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers.context import Fields, RowContext, SplitSlice
from chinchilla.readers.lines import Slice, text_lines
from chinchilla.readers.recognise import Kind, Refusals
from chinchilla.tally import Tally

_WANTED: frozenset[Kind] = frozenset({"tsv"})


def rows(
    part: Slice, fields: int, tally: Tally, broken: list[str] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields; spaces in a field are kept, a wrong count is refused.

    The last field of a refused row is added to `broken`: it may be the sentence of other rows.
    """
    refusals = Refusals(part.path, _WANTED, tally)
    for number, line in text_lines(part, tally):
        if not line.strip(" "):
            continue
        row = line.split("\t")
        if len(row) == fields:
            yield number, row
        elif not refusals.goes_on(_wrong_count(part.at(number), fields, line)):
            return
        elif broken is not None:
            broken.append(row[-1])


def _wrong_count(where: str, fields: int, line: str) -> InputError:
    count = line.count("\t") + 1
    what = f"expected {fields} fields between tabs, found {count}"
    todo = f"write {fields} fields with a tab between them"
    if count == 1 and len(line.split(maxsplit=fields - 1)) == fields:
        todo = "was the file saved with spaces for tabs?"
    elif count >= 2 * fields - 1:
        todo = "one row a line: are the line breaks lost?"
    return InputError(where, what, todo, reason="wrong-number-of-fields")


class SentenceRows(NamedTuple):
    """The rows of a sentence with their lines; `damaged` where one could not be read."""

    rows: list[tuple[int, list[str]]]
    damaged: bool

    @property
    def text(self) -> str:
        """Return the sentence."""
        return self.rows[0][1][3]


def sentences(part: SplitSlice) -> Iterator[tuple[int, SentenceRows]]:
    """Yield the line of a sentence's first row and all its rows, in the order of the file.

    The rows of a sentence may be apart (SanWen), so the file is kept in memory; the largest
    published one has 2.5 MB.
    """
    groups: dict[str, list[tuple[int, list[str]]]] = {}
    broken: list[str] = []
    for number, row in rows(part.slice, 4, part.line_tally, broken):
        groups.setdefault(row[3], []).append((number, row))
    damaged = frozenset(broken)
    for sentence, group in groups.items():
        yield group[0][0], SentenceRows(group, sentence in damaged)


def pair_fields(group: SentenceRows, context: RowContext) -> Fields:
    """Return the text of a sentence and its pairs, an exactly repeated row once.

    A sentence without a relation is unlabelled where a row was lost: it may have had one.
    """
    relations: list[dict[str, str]] = []
    seen: set[tuple[str, ...]] = set()
    for number, (head, tail, label, _) in group.rows:
        if (head, tail, label) in seen:
            context.fix("repeated-row", number - context.number)
            continue
        seen.add((head, tail, label))
        relations.append({"predicate": label, "head": head, "tail": tail})
    fields: Fields = {"text": group.text, "relations": relations}
    if group.damaged and all(pair["predicate"] == context.part.na for pair in relations):
        fields["labelled"] = False
    return fields


def schema_labels(path: Path) -> set[str]:
    """Return the labels of relation2id.txt: label, tab or space, number."""
    part, labels = Slice(path), set()
    for number, line in text_lines(part, Tally()):
        label, _, code = line.replace("\t", " ").rpartition(" ")
        if line and not (label and code.isdigit()):
            what = f"expected a label and a number, found {line!r}"
            raise InputError(part.at(number), what, "is this relation2id.txt?")
        labels.add(label)
    return labels - {""}
