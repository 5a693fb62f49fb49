"""Labels under other names: in prompt and answer alike, and read back to the same gold."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import get_args

import orjson
import pytest

from chinchilla.answers import Query, Subtask, answer_format, format_names
from chinchilla.corpus import find as catalogue
from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.export.round_trip import items
from chinchilla.prompts.label_text import rename
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import nothing_found
from chinchilla.prompts.render import Prompter
from chinchilla.schema import Label, LabelSet
from chinchilla.tally import Tally


def under_every_name(query: Query) -> Query:
    """Return the question with each label once under its name and once under each alias."""
    labels = [
        label.model_copy(update={"name": name})
        for label in query.labels
        for name in (label.name, *label.aliases)
    ]
    return Query(**{**vars_of(query), "labels": tuple(labels)})


def vars_of(query: Query) -> dict:
    names = ("subtask", "labels", "na", "empty", "head", "tail", "event", "trigger")
    return {name: getattr(query, name) for name in names}


@pytest.mark.parametrize("name", format_names())
def test_an_answer_under_paraphrases_is_read_back_to_the_gold(tmp_path: Path, name: str) -> None:
    options = PromptOptions(
        subtasks=get_args(Subtask), forms=(name,), renaming="paraphrase", label_renaming=1.0
    )
    renamed = 0
    for card in catalogue.cards(tmp_path).values():
        found = catalogue.find(card, tmp_path)
        labels = card.label_set(found.edition.name)
        prompter = Prompter(labels, 0, options)
        for record in catalogue.records(found, "train", Tally()):
            for ask in prompter.queries_of_record(record):
                row = prompter.row(ask)
                query = under_every_name(ask.query)
                words = next(
                    one
                    for one in prompter.templates[row.subtask, False, False]
                    if one.id == row.template
                )
                query = replace(query, empty=nothing_found(words, name))
                assert items(answer_format(name).parse(row.output, query)) == items(ask.content)
                if row.subtask != "ee-argument":
                    prompt = row.instruction + row.input
                    aliases = [alias for label in query.labels for alias in label.aliases]
                    renamed += any(alias in prompt for alias in aliases)
    assert renamed > 1000


def test_a_build_names_labels_by_their_aliases_in_train_alone(tmp_path: Path) -> None:
    prompts = {"renaming": "paraphrase", "label_renaming": 1.0}
    config = BuildConfig(sources=("finre",), prompts=prompts)
    build(make_plan(tmp_path / "raw", config), tmp_path / "out", 1, lambda job: None)
    labels = catalogue.load_card("finre", tmp_path).label_set("default")
    known = {name: label.key for label in labels for name in (label.name, *label.aliases)}
    names: dict[str, set[str]] = {"train": set(), "dev": set()}
    for split, seen in names.items():
        for line in (tmp_path / "out" / "re" / f"{split}.jsonl").read_bytes().split(b"\n")[:-1]:
            row = orjson.loads(line)
            answer = orjson.loads(row["output"])
            assert all(f"{name}" in row["instruction"] + row["input"] for name in answer)
            assert {known[name] for name in answer} <= set(row["labels"])
            seen.update(answer)
    assert names["dev"] <= {label.name for label in labels}
    assert len(names["train"] - {label.name for label in labels}) > 20


def test_no_two_labels_of_a_row_get_one_name() -> None:
    labels = [
        Label(key="a", name="甲", aliases=("丙", "乙")),
        Label(key="b", name="乙", aliases=("丙",)),
    ]
    for seed in range(50):
        names = [
            one.name
            for one in rename(Query("ner", tuple(labels)), "paraphrase", Random(seed)).labels
        ]
        assert len(set(names)) == 2
        assert names[0] != "乙"


def test_a_label_set_of_nothing_but_names_is_left_as_it_is() -> None:
    labels = LabelSet(source="x", task="ner", labels=(Label(key="a", name="甲"),))
    query = Query("ner", labels.labels)
    assert rename(query, "paraphrase", Random(0)) == query
