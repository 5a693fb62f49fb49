"""One whole row a sub-task, as a model sees it.

After a change that is meant, write the file anew with
`CHINCHILLA_REGENERATE=1 pytest tests/prompts/test_golden.py` and read the difference.
"""

import os
from pathlib import Path

import pytest

from chinchilla.corpus import find as catalogue
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.render import Prompter
from chinchilla.tally import Tally

HERE = Path(__file__).resolve().parent
CASES = [
    ("ner", "msra", "json"),
    ("re", "finre", "lines"),
    ("re-pair", "finre", "json"),
    ("ee", "duee_fin", "code"),
    ("ee-trigger", "duee_fin", "tuple"),
    ("ee-argument", "duee_fin", "json"),
]


@pytest.mark.parametrize(("subtask", "source", "form"), CASES)
def test_the_first_row_of_a_sub_task_is_the_one_written_down(
    tmp_path, subtask, source, form
) -> None:
    card = catalogue.load_card(source, tmp_path)
    found = catalogue.find(card, tmp_path)
    record = next(one for one in catalogue.records(found, "train", Tally()))
    options = PromptOptions(subtasks=(subtask,), forms=(form,), labels_per_prompt=4)
    prompter = Prompter(card.label_set(found.edition.name), 0, options)
    row = next(prompter.row(ask) for ask in prompter.queries_of_record(record) if not ask.null)
    text = f"{row.instruction}\n----\n{row.input}\n----\n{row.output}\n"
    path = HERE / "golden" / f"{subtask}.txt"
    if os.environ.get("CHINCHILLA_REGENERATE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8")
