"""A built row tells what it asked: the answer in it is read back through that question."""

from typing import get_args

import pytest

from chinchilla.answers import Question, Subtask, form, forms
from chinchilla.answers.repair import read_answer
from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import Found
from chinchilla.dataset.round_trip import items
from chinchilla.errors import ChinchillaError, Tally
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import question_of, subtasks_of
from chinchilla.prompts.render import Prompter
from chinchilla.schema import SPLITS, InstructionRow, LabelSet


def samples(raw) -> list[Found]:
    """Return the shipped sample of each source, in each of its editions."""
    found = []
    for card in catalogue.cards(raw).values():
        by_content = hasattr(catalogue.module_of(card), "edition_of")
        names = [None] if by_content else [edition.name for edition in card.editions]
        found += [catalogue.find(card, raw, name) for name in names]
    return [one for one in found if one is not None]


@pytest.mark.parametrize("name", forms())
@pytest.mark.parametrize("templates", ["train", "held-out"])
def test_a_row_is_read_through_the_question_it_asked(tmp_path, name, templates) -> None:
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
                for ask in prompter.asks(record):
                    row = prompter.row(ask)
                    question = question_of(row, labels)
                    seen.add(question.subtask)
                    assert question == ask.question.with_empty(question.empty)
                    gold = items(ask.content)
                    assert items(form(name).parse(row.output, question)) == gold
                    reading = read_answer(row.output, question, row.form)
                    assert reading.strict
                    assert items(reading.content) == gold
        assert set(subtasks_of(labels, options)) <= seen
    assert seen == set(get_args(Subtask))


def test_roles_asked_in_parts_are_read_by_all_roles_of_the_type(tmp_path) -> None:
    options = PromptOptions(subtasks=("ee", "ee-argument"), roles_per_prompt=2)
    card = catalogue.load_card("duee_fin", tmp_path)
    found = catalogue.find(card, tmp_path)
    labels = card.label_set("default")
    prompter = Prompter(labels, 0, options)
    for record in catalogue.records(found, "dev", Tally()):
        for ask in prompter.asks(record):
            row = prompter.row(ask)
            question = question_of(row, labels)
            assert question.labels == tuple(labels.by_key[key] for key in row.labels)
            assert items(form("json").parse(row.output, question)) == items(ask.content)


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


def test_the_question_of_a_row_has_its_labels_and_words() -> None:
    assert question_of(ROW, LABELS) == Question("ner", LABELS.labels)
    lines = question_of(ROW.model_copy(update={"form": "lines"}), LABELS)
    assert lines == Question("ner", LABELS.labels, empty="无")


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_a_row_that_cannot_be_read_here_is_an_error(fields: dict, message: str) -> None:
    with pytest.raises(ChinchillaError) as caught:
        question_of(ROW.model_copy(update=fields), LABELS)
    assert str(caught.value) == message
