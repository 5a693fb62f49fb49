"""The files of an evaluation: whole or not there, and tied to what was asked of whom."""

import shutil
from pathlib import Path

import pytest

from chinchilla.errors import InputError
from chinchilla.predict.engine import Answer
from chinchilla.runs.eval_sets import ANSWERS, EvalSet, write_eval_set
from chinchilla.runs.evaluate import eval_sets_of
from chinchilla.train.data import Data, dev_eval_sets, open_data


@pytest.fixture
def eval_set(data: Data) -> EvalSet:
    return eval_sets_of(data, "dev")[0]


def answers_to(eval_set: EvalSet, words: str) -> dict[str, Answer]:
    return {row.id: Answer(row.id, words) for row in eval_set.rows}


class Interrupted(dict[str, Answer]):
    """Answers of which the third is never reached."""

    def __getitem__(self, name: str) -> Answer:
        if name == list(self)[2]:
            raise KeyboardInterrupt
        return super().__getitem__(name)


def test_the_old_file_is_kept_until_the_next_is_whole(eval_set: EvalSet, tmp_path: Path) -> None:
    write_eval_set(eval_set, answers_to(eval_set, "before"), tmp_path)
    path = tmp_path / eval_set.name / ANSWERS
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_eval_set(eval_set, Interrupted(answers_to(eval_set, "after")), tmp_path)
    assert path.read_bytes() == before
    names = {path.name for path in path.parent.iterdir()}
    assert names == {"gold.jsonl", "rows.jsonl", "answers.jsonl"}


def test_gold_that_was_edited_is_not_scored(built: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "processed"))
    gold = folder / "records" / "re" / "dev.jsonl"
    gold.write_bytes(b"".join(gold.read_bytes().splitlines(keepends=True)[:-1]))
    data = open_data(folder, "re", ())
    for ask in (lambda: eval_sets_of(data, "dev"), lambda: dev_eval_sets(data, 4, 0)):
        with pytest.raises(InputError) as found:
            ask()
        assert str(found.value) == (
            f"{gold}: not the file that manifest.json names; run `chinchilla build` again"
        )
