"""Lines are written as pydantic would write them, and rows made unchecked would pass the check."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.dataset.lines import dump_line, dump_record
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import InstructionRow, Record
from chinchilla.tally import Tally

NOWHERE = Path("nowhere")
SAMPLES = Path(__file__).resolve().parents[2] / "raw" / "samples"
SOURCES = sorted(folder.name for folder in SAMPLES.iterdir())
OPTIONS = PromptOptions(
    subtasks=("ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"),
    forms=("json", "lines", "code", "tuple"),
    open_share=0.2,
    label_renaming=0.3,
)


def sample(source: str) -> tuple[catalogue.FoundSource, list[Record]]:
    found = catalogue.find(catalogue.load_card(source, NOWHERE), NOWHERE)
    assert found is not None
    records = [
        record for split in found.files for record in catalogue.records(found, split, Tally())
    ]
    return found, records


def written(model: Record | InstructionRow) -> bytes:
    return model.model_dump_json().encode("utf-8") + b"\n"


@pytest.mark.parametrize("source", SOURCES)
def test_records_and_rows_of_the_samples_are_written_as_pydantic_writes_them(source) -> None:
    found, records = sample(source)
    prompter = Prompter(found.card.label_set(found.edition.name), 0, OPTIONS)
    assert [dump_record(record) for record in records] == [written(record) for record in records]
    rows = [row for record in records for row in prompter.rows(record)]
    assert rows
    assert [dump_line(row) for row in rows] == [written(row) for row in rows]
    assert rows == [InstructionRow.model_validate(row.model_dump()) for row in rows]


@given(st.text(min_size=1), st.none() | st.text(), st.booleans())
def test_any_text_is_written_as_pydantic_writes_it(text, title, labelled) -> None:
    fields = {"id": text, "source": text, "split": "train", "task": "ee", "text": text}
    argument = {"role": text, "text": text}
    record = Record.model_validate(
        fields
        | {"title": title, "labelled": labelled}
        | {"entities": [{"type": text, "text": text, "start": 0, "end": len(text)}]}
        | {"na_pairs": [{"predicate": text, "head": text, "tail": text}]}
        | {
            "events": [
                {"event_type": text, "trigger": None, "arguments": [argument]},
                {"event_type": text, "trigger": "?", "trigger_where": "class"},
                {"event_type": text, "trigger": None, "arguments": [argument | {"start": 0}]},
                {"event_type": text, "trigger": None, "arguments": [argument | {"where": "class"}]},
            ]
        }
    )
    assert dump_record(record) == written(record)


def test_a_row_without_words_cannot_exist() -> None:
    found, records = sample("duie")
    row = next(Prompter(found.card.label_set(found.edition.name), 0).rows(records[0]))
    for name in ("instruction", "output"):
        with pytest.raises(ValueError, match=f"{name}\n  String should have at least 1 character"):
            InstructionRow.model_validate(dict(row.__dict__) | {name: ""})
