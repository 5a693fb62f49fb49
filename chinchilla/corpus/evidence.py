"""What a file says of itself before it is read: whether anybody has labelled it at all.

A file in which no record has a label is no file of negatives. For train it is an error; dev and
test are read as unlabelled, with a warning. A file is judged whole, whatever shares of it are
carved into splits; reading stops at the first label.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import NamedTuple, Protocol

from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.read import Part
from chinchilla.errors import CardError, ChinchillaError, InputError, Tally
from chinchilla.readers import jsonl
from chinchilla.readers.lines import Slice
from chinchilla.schema import Record, Split

MANY = 50
"""So many pairs without any relation are no labels of a split: a quarter of those published are
negative, and half of them in SanWen's at the most."""


class CheckFile(Protocol):
    """Look at a file as a whole before it is read: raise what is wrong with it, or warn."""

    def __call__(self, part: Part) -> None:
        """Raise CardError for what cannot be read as the card says."""


class Source(NamedTuple):
    """How the files of a source are read and, where it has its own way, looked at before.

    `text_keys` are the keys of records that have no labels, where the files are JSON.
    """

    card: Card
    edition: Edition
    load: Callable[[Part], Iterator[Record]]
    check_file: CheckFile | None = None
    text_keys: frozenset[str] | None = None


def unlabelled_splits(
    source: Source, files: Mapping[Slice, Sequence[Split]], tally: Tally
) -> tuple[Split, ...]:
    """Return the splits without labels: those the card states, and those found to be so.

    `files` are the lines of each file and the splits that are read out of them. Raises
    InputError where train has no labels, CardError where lists of the card are not there.
    """
    stated = source.edition.unlabelled
    found: list[Split] = []
    for lines, splits in files.items():
        judged = [split for split in splits if split not in stated]
        seen = Tally(forgiving=True)
        if judged and not _labelled(source, lines, judged[0], seen, tally):
            if "train" in judged:
                raise _no_training(source.card, lines, seen)
            found += judged
            listed = ", ".join(f'"{split}"' for split in (*stated, *found))
            table = f"{source.edition.table} in {source.card.own}"
            todo = f"state unlabelled = [{listed}] under {table}, or add the labels"
            tally.warn("split-without-labels", str(lines.path), todo)
    return (*stated, *found)


def _labelled(source: Source, lines: Slice, split: Split, seen: Tally, tally: Tally) -> bool:
    """Tell whether a file has a label, or cannot be judged: reading it says why.

    `seen` takes what is counted on the way. A few pairs of no relation alone are labels, warned of.
    """
    edition = source.edition.model_copy(update={"carve": None})
    part = Part(source.card, edition, split, lines, seen)
    records = negatives = 0
    try:
        if source.check_file is not None:
            source.check_file(part)
            tally.merge(Tally(warned=part.tally.warned))
        if source.text_keys is not None and _texts_alone(lines, source.text_keys):
            return False
        for record in source.load(part):
            records, negatives = records + 1, negatives + len(record.na_pairs)
            if gold_of(record) or _refused_gold(part.tally):
                return True
    except CardError:
        raise
    except ChinchillaError:
        return True
    few = 0 < negatives < MANY
    if few:
        todo = f"see whether the relations are lost: every pair is {source.card.na!r}"
        tally.warn("no-relation-in-the-file", str(lines.path), todo)
    return few or not records or _refused_gold(part.tally)


def _texts_alone(lines: Slice, keys: frozenset[str]) -> bool:
    """Tell whether no record of a file has any other key, or a value for it."""
    rows = 0
    for _, row in jsonl.rows(lines, Tally(forgiving=True)):
        rows += 1
        if any(row[key] is not None for key in row.keys() - keys):
            return False
    return rows > 0


def gold_of(record: Record) -> Sized:
    """Return the gold of a record's own task; entities beside relations are no relations."""
    if record.task == "ner":
        return record.entities
    return record.relations if record.task == "re" else record.events


_OF_LINES = frozenset(
    {
        *("bad-line", "not-json", "not-utf8", "other-file", "no-object", "bad-cell", "no-tag"),
        *("lone-cr", "long-line", "long-sentence", "wrong-number-of-fields"),
        *("brat-missing-file", "brat-bad-file"),
    }
)
"""Reasons to refuse what is no record at all, and so says nothing about labels."""


def _refused_gold(tally: Tally) -> bool:
    """Tell whether a record was refused for what stands in it: it has labels, or could have."""
    lost = bool(tally.lost) or any(reason.startswith("brat-") for reason in tally.warned)
    return lost or any(reason not in _OF_LINES for reason in tally.refused)


def _no_training(card: Card, lines: Slice, seen: Tally) -> InputError:
    what = "no record of this training file has a label"
    counts = {**seen.mended, **seen.warned}
    if counts:
        met = ", ".join(f"{count.times:,} {reason}" for reason, count in sorted(counts.items()))
        what += f" ({met})"
    todo = f"put the labelled file there, or correct how {card.own} says it is read"
    return InputError(str(lines.path), what, todo)
