"""Answers to built rows are joined by record: gold told batch by batch, window by window."""

from collections import Counter
from pathlib import Path

import pytest

from chinchilla.cli.score import labels_of_rows
from chinchilla.corpus import find as catalogue
from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.errors import InputError
from chinchilla.predict.engine import Answer
from chinchilla.predict.postprocess import (
    AnswerParser,
    documents_of,
    parse_answers,
    scored_answers,
)
from chinchilla.prompts.budget import make_cutter, prompt_overhead
from chinchilla.prompts.options import PromptOptions, WindowOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import SPLITS, InstructionRow, Record
from chinchilla.score.counts import ScoreOptions
from chinchilla.score.evaluate import evaluate
from chinchilla.score.result import Result
from chinchilla.tally import Tally

CASES = [
    ("msra", None, "ner", "ner_string", 24),
    ("boson", None, "ner", "ner_string", 40),
    ("msra", "bio", "ner", "ner_string", 24),
    ("duie", None, "re", "duie_official", 36),
    ("sanwen", None, "re", "re_boundary_set", 20),
    ("finre", None, "re-pair", "re_boundary_set", 30),
    ("finre", None, "re-pair", "chinese_nre_official", 30),
    ("duee", None, "ee", "duee_official", 30),
    ("duee", None, "ee-trigger", "ee_trigger", 30),
    ("duee", None, "ee-argument", "ee_argument_set", 30),
    ("duee_fin", None, "ee", "duee_fin", 140),
]


class Made:
    """Records of a sample whose gold no window cuts, their rows, and how many were cut."""

    def __init__(self, raw: Path, source: str, edition: str | None) -> None:
        card = catalogue.load_card(source, raw)
        self.found = catalogue.find(card, raw, edition)
        self.labels = card.label_set(self.found.edition.name)
        self.records: list[Record] = []
        self.rows: list[InstructionRow] = []
        self.cut = 0

    def ask(self, subtask: str, room: int, policy: str, size: int = 3) -> None:
        """Ask in windows of `room` characters, half of which the neighbour has too."""
        options = PromptOptions(
            subtasks=(subtask,),
            forms=("json", "lines", "code", "tuple"),
            labels_per_prompt=size,
            roles_per_prompt=2,
            descriptions="off",
        )
        prompter = Prompter(self.labels, 0, options)
        budget = prompt_overhead(prompter, len) + room
        windows = WindowOptions(max_chars=budget, overlap=room // 2, events=policy)
        cutter = make_cutter(windows, prompter)
        splits = [split for split in SPLITS if split in self.found.files]
        for record in (one for name in splits for one in self._records(name)):
            lost: Counter[str] = Counter()
            panes = cutter.windows(record, lost)
            if lost:
                continue
            self.records.append(record)
            self.cut += len(panes) > 1
            for window, shown in panes:
                self.rows.extend(map(prompter.row, prompter.queries_of_record(shown, window)))

    def _records(self, split: str) -> list[Record]:
        found = catalogue.records(self.found, split, Tally())
        return [record for record in found if record.labelled]


def score_gold(made: Made, raw: Path, policy: str, *metrics: str) -> Result:
    """Score the gold outputs of all rows as answers to them."""
    rows = {row.id: row for row in made.rows}
    labels = labels_of_rows(raw / "rows.jsonl", {row.source for row in made.rows}, raw)
    parser = AnswerParser(labels, policy)
    documents = documents_of(made.records)
    answers = [Answer(row.id, row.output) for row in made.rows]
    parsed = parse_answers(rows, answers, documents, parser)
    scored = scored_answers(rows, parsed, documents, parser)
    return evaluate(made.records, scored, ScoreOptions(metrics=metrics))


@pytest.mark.parametrize("policy", ["keep", "split"])
@pytest.mark.parametrize(("source", "edition", "subtask", "metric", "room"), CASES)
def test_gold_answers_of_all_windows_score_exactly_100(
    tmp_path, source, edition, subtask, metric, room, policy
) -> None:
    made = Made(tmp_path, source, edition)
    made.ask(subtask, room, policy)
    assert made.cut >= 3
    found = score_gold(made, tmp_path, policy, metric)
    for scores in (found.scores, found.strict, found.parsed_only):
        assert scores[metric].micro.f1 == 1.0, scores[metric].counts
    assert (found.stats.hallucinated, found.stats.not_asked) == (0, 0)
    assert f"|merge:{policy}|" in found.signature


@pytest.mark.parametrize("source", ["finre", "sanwen"])
def test_gold_labels_of_pairs_asked_in_batches_score_exactly_100(tmp_path, source) -> None:
    made = Made(tmp_path, source, None)
    made.ask("re-pair", 10_000, "keep", size=4)
    assert (made.cut, len(made.rows) > 2 * len(made.records)) == (0, True)
    metrics = ("re_boundary_set", "chinese_nre_official")
    found = score_gold(made, tmp_path, "keep", *metrics)
    for scores in (found.scores, found.strict, found.parsed_only):
        assert [scores[name].micro.f1 for name in metrics] == [1.0, 1.0]
        assert scores["chinese_nre_official"].more["accuracy"] == 1.0


def test_the_labels_of_the_build_are_those_of_its_rows(tmp_path: Path) -> None:
    raw = tmp_path / "raw" / "finre"
    raw.mkdir(parents=True)
    (raw / "card.toml").write_text('[labels."收购"]\nname = "买下"\n', encoding="utf-8")
    config = BuildConfig(sources=("finre",))
    build(make_plan(tmp_path / "raw", config), tmp_path / "out", 1, lambda job: None)
    rows = tmp_path / "out" / "re" / "dev.jsonl"
    for path, name in ((rows, "买下"), (tmp_path / "elsewhere", "收购")):
        labels = labels_of_rows(path, {"finre"}, tmp_path / "nowhere")
        assert labels["finre"].by_key["收购"].name == name


@pytest.mark.parametrize("name", ["labels.json", "re/dev.jsonl"])
def test_rows_and_labels_that_were_edited_are_not_read(tmp_path: Path, name: str) -> None:
    config = BuildConfig(sources=("finre",))
    build(make_plan(tmp_path / "raw", config), tmp_path / "out", 1, lambda job: None)
    path = tmp_path / "out" / name
    path.write_bytes(path.read_bytes().replace("收购".encode(), "合作".encode(), 1))
    with pytest.raises(InputError) as found:
        labels_of_rows(tmp_path / "out" / "re" / "dev.jsonl", {"finre"}, tmp_path)
    assert str(found.value) == (
        f"{path}: not the file that manifest.json names; run `chinchilla build` again"
    )
