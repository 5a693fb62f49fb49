"""Whether anybody has labelled a file at all, told before it is read.

A file in which no record has a label is no file of negatives. For train it is an error; dev and
test are read as unlabelled, with a warning. A file is judged whole, whatever shares of it are
carved into splits; reading stops at the first label.
"""

from collections.abc import Mapping, Sequence, Sized

from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.mapping_check import check_mapping
from chinchilla.corpus.read import SplitReader
from chinchilla.corpus.source import module_of
from chinchilla.errors import CardError, ChinchillaError, InputError
from chinchilla.readers import jsonl
from chinchilla.readers.lines import Slice
from chinchilla.schema import Record, Split
from chinchilla.tally import Tally

MANY = 50
"""So many pairs without any relation are no labels of a split: a quarter of those published are
negative, and half of them in SanWen's at the most."""


def unlabelled_splits(
    card: Card, edition: Edition, files: Mapping[Slice, Sequence[Split]], tally: Tally
) -> tuple[Split, ...]:
    """Return the splits without labels: those the card states, and those whose files have none.

    Args:
        card: The card of the source.
        edition: The edition that is read.
        files: The lines of each file, with the splits that are read out of them.
        tally: Takes the warnings.

    Raises:
        InputError: Train has no labels.
        CardError: Lists of the mapping are in no record.
    """
    stated = edition.unlabelled
    without: list[Split] = []
    whole = edition.model_copy(update={"carve": None})
    for lines, splits in files.items():
        judged = [split for split in splits if split not in stated]
        if not judged:
            continue
        seen = Tally(forgiving=True)
        reader = SplitReader(card, whole, judged[0], module_of(card))
        if _labelled(reader, lines, seen, tally):
            continue
        if "train" in judged:
            raise _no_training(card, lines, seen)
        without += judged
        listed = ", ".join(f'"{split}"' for split in (*stated, *without))
        table = f"{edition.table} in {card.own}"
        todo = f"state unlabelled = [{listed}] under {table}, or add the labels"
        tally.warn("split-without-labels", str(lines.path), todo)
    return (*stated, *without)


def _labelled(reader: SplitReader, lines: Slice, seen: Tally, tally: Tally) -> bool:
    """Tell whether a file has a label, or cannot be judged: reading it says why.

    `seen` takes what is counted on the way. A few pairs of no relation alone are labels, warned of.
    """
    card, text_keys = reader.card, reader.source.text_keys
    records = negatives = 0
    try:
        if card.mapping is not None:
            check_mapping(reader, card.mapping, reader.part(lines, seen))
            tally.merge(Tally(warned=seen.warned))
        if text_keys is not None and _texts_alone(lines, text_keys):
            return False
        for record in reader.records(lines, seen):
            records, negatives = records + 1, negatives + len(record.na_pairs)
            if gold_of(record) or _refused_gold(seen):
                return True
    except CardError:
        raise
    except ChinchillaError:
        return True
    few = 0 < negatives < MANY
    if few:
        todo = f"see whether the relations are lost: every pair is {card.na!r}"
        tally.warn("no-relation-in-the-file", str(lines.path), todo)
    return few or not records or _refused_gold(seen)


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
    return {"ner": record.entities, "re": record.relations, "ee": record.events}[record.task]


_OF_LINES = frozenset(
    {
        *("bad-line", "not-json", "not-utf8", "other-file", "no-object", "bad-cell", "no-tag"),
        *("lone-cr", "long-line", "long-sentence", "wrong-number-of-fields"),
        *("brat-missing-file", "brat-bad-file"),
    }
)
"""Reasons to refuse what is no record at all, and so says nothing about labels."""


def _refused_gold(tally: Tally) -> bool:
    """Tell whether a record was refused for its content: it has labels, or could have."""
    lost = bool(tally.lost) or any(reason.startswith("brat-") for reason in tally.warned)
    return lost or any(reason not in _OF_LINES for reason in tally.refused)


def _no_training(card: Card, lines: Slice, seen: Tally) -> InputError:
    what = "no record of this training file has a label"
    counts = {**seen.fixed, **seen.warned}
    if counts:
        met = ", ".join(f"{count.times:,} {reason}" for reason, count in sorted(counts.items()))
        what += f" ({met})"
    todo = f"put the labelled file there, or correct how {card.own} says it is read"
    return InputError(str(lines.path), what, todo)
