"""How the commands that score read rows: their questions by the cards, their answers merged."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chinchilla.answers import Content, Question
    from chinchilla.prompts.window_gold import Policy
    from chinchilla.schema import InstructionRow, LabelSet
    from chinchilla.score.answers import RowReading


def row_reading(rows: Path, raw: Path, policy: "Policy") -> "RowReading":
    """Return how rows are read: windows merged by `policy`, labels as the build had them.

    The labels are those of `labels.json` in the folder of the build that holds `rows`, else of
    the cards under `raw`. Raises InputError where the build's manifest names other files.
    """
    from chinchilla.outputs import real
    from chinchilla.prompts.questions import question_of
    from chinchilla.prompts.row_merge import RowAnswer, merge_rows
    from chinchilla.score.answers import RowReading

    built = _labels_of_build(real(rows))
    of_card = _labels_by_source(raw)

    def labels_of(row: "InstructionRow") -> "LabelSet":
        return built.get(row.source) or of_card(row.source) or _own_labels(row)

    def question(row: "InstructionRow") -> "Question":
        return question_of(row, labels_of(row))

    def merge(
        text: str, told: "Sequence[tuple[InstructionRow, Content]]", mentions: bool
    ) -> "Content":
        na = labels_of(told[0][0]).na
        answers = [RowAnswer(*one) for one in told]
        return merge_rows(text, answers, policy, mentions, None if na is None else na.key)

    return RowReading(question, merge, policy)


def _labels_of_build(rows: Path) -> "dict[str, LabelSet]":
    """Return the labels of the build that holds the rows, none where no build does."""
    from chinchilla.export.manifest import MANIFEST, check_file, hashes_of, read_manifest
    from chinchilla.export.processed import read_labels

    folder = rows.parent.parent
    if not (folder / MANIFEST).is_file():
        return {}
    named = hashes_of(read_manifest(folder)[0])
    if sha256 := named.get(rows.relative_to(folder).as_posix()):
        check_file(rows, sha256, MANIFEST)
    return read_labels(folder, named)


def _labels_by_source(raw: Path) -> "Callable[[str], LabelSet | None]":
    @cache
    def labels(source: str) -> "LabelSet | None":
        from chinchilla.schema import LabelSet
        from chinchilla.sources import catalogue

        if source not in catalogue.card_paths(raw):
            return None
        card = catalogue.load_card(source, raw)
        # a row does not name its edition; a label has one meaning in all of them
        sets = [card.label_set(edition.name) for edition in card.editions]
        found = {label.key: label for one in sets for label in one}
        na, types = sets[0].na, sets[0].types
        values = tuple(found.values())
        return LabelSet(source=source, task=card.task, labels=values, na=na, types=types)

    return labels


def _own_labels(row: "InstructionRow") -> "LabelSet":
    """Return the labels of a row of a source without a card: each is its own name."""
    from chinchilla.schema import Label, LabelSet

    keys = dict.fromkeys((*row.labels, *filter(None, [row.event_type])))
    labels = tuple(Label(key=key, name=key) for key in keys)
    return LabelSet(source=row.source, task=row.subtask.partition("-")[0], labels=labels)
