"""A built row tells what it asked: the answer in it is read back through that question."""

from dataclasses import replace
from typing import get_args

import pytest

from chinchilla.answers import SUBTASKS, Query, Subtask, answer_format, format_names
from chinchilla.answers.repair import read_answer
from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import FoundSource
from chinchilla.errors import ChinchillaError
from chinchilla.export.round_trip import items
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import query_of
from chinchilla.prompts.render import Prompter
from chinchilla.schema import SPLITS, InstructionRow, LabelSet
from chinchilla.tally import Tally


def samples(raw) -> list[FoundSource]:
    """Return the shipped sample of each source, in each of its editions."""
    found = []
    for card in catalogue.cards(raw).values():
        by_content = catalogue.module_of(card).edition_of is not None
        names = [None] if by_content else [edition.name for edition in card.editions]
        found += [catalogue.find(card, raw, name) for name in names]
    return [one for one in found if one is not None]


@pytest.mark.parametrize("name", format_names())
@pytest.mark.parametrize("templates", ["train", "held-out"])
def test_a_row_is_read_through_the_query_it_asked(tmp_path, name, templates) -> None:
    options = PromptOptions(
        subtasks=get_args(Subtask),
        forms=(name,),
        templates=templates,
        labels_per_prompt=4,
        open_share=0.3,
    )
    seen = set()
    for found in samples(tmp_path):
        labels = found.card.label_set(found.edition.name)
        prompter = Prompter(labels, 0, options)
        for split in SPLITS:
            if split not in found.files:
                continue
            for record in catalogue.records(found, split, Tally()):
                for ask in prompter.queries_of_record(record):
                    row = prompter.row(ask)
                    query = query_of(row, labels)
                    seen.add(query.subtask)
                    assert query == replace(ask.query, empty=query.empty)
                    gold = items(ask.content)
                    assert items(answer_format(name).parse(row.output, query)) == gold
                    reading = read_answer(row.output, query, row.form)
                    assert reading.strict
                    assert items(reading.content) == gold
        assert {name for name in SUBTASKS if name.partition("-")[0] == found.card.task} <= seen
    assert seen == set(get_args(Subtask))


def test_roles_asked_in_parts_are_read_by_all_roles_of_the_type(tmp_path) -> None:
    options = PromptOptions(subtasks=("ee", "ee-argument"), roles_per_prompt=2)
    card = catalogue.load_card("duee_fin", tmp_path)
    found = catalogue.find(card, tmp_path)
    labels = card.label_set("default")
    prompter = Prompter(labels, 0, options)
    for record in catalogue.records(found, "dev", Tally()):
        for ask in prompter.queries_of_record(record):
            row = prompter.row(ask)
            query = query_of(row, labels)
            assert query.labels == tuple(labels.by_key[key] for key in row.labels)
            assert items(answer_format("json").parse(row.output, query)) == items(ask.content)


ROW = InstructionRow(
    instruction="i",
    input="",
    output="o",
    id="x-dev-000001.0",
    record_id="x-dev-000001",
    source="x",
    task="ner",
    subtask="ner",
    template="ner/closed#list",
    form="json",
    labels=("PER",),
    window=(0, 1),
)
LABELS = LabelSet(source="x", task="ner", labels=({"key": "PER", "name": "人名"},))
REFUSED = [
    (
        {"labels": ("LOC",)},
        "row x-dev-000001.0: asks for 'LOC', which is no label of x; "
        "pass the labels the rows were built with",
    ),
    (
        {"template": "ner/closed#gone"},
        "row x-dev-000001.0: no wording 'ner/closed#gone' here; "
        "pass the folder of templates that it was built with as --templates-dir",
    ),
    (
        {"task": "general", "subtask": "general"},
        "row x-dev-000001.0: no sub-task 'general'; "
        "leave general rows out: nothing is extracted from their answers",
    ),
]


def test_the_query_of_a_row_has_its_labels_and_words() -> None:
    assert query_of(ROW, LABELS) == Query("ner", LABELS.labels)
    lines = query_of(ROW.model_copy(update={"form": "lines"}), LABELS)
    assert lines == Query("ner", LABELS.labels, empty="无")


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_a_row_that_cannot_be_read_here_is_an_error(fields: dict, message: str) -> None:
    with pytest.raises(ChinchillaError) as caught:
        query_of(ROW.model_copy(update=fields), LABELS)
    assert str(caught.value) == message
