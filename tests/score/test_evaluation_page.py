"""The evaluation page: one file, no network, mistakes one can filter, in a real browser."""

import re
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from chinchilla.score.counts import ScoreOptions
from chinchilla.score.error_analysis import confusion, examine
from chinchilla.score.evaluate import evaluate
from chinchilla.score.page import (
    TextPiece,
    evaluation_page,
    examples,
    matrix,
    pieces_of,
    write_page,
)
from chinchilla.score.result import Result
from chinchilla.score.rows import read_rows

TEXT = "星海公司在东京发布<b>，李明出席"


def entity(label: str, words: str) -> dict:
    start = TEXT.find(words)
    located = {"start": start, "end": start + len(words)} if start >= 0 else {}
    return {"type": label, "text": words, **located}


GOLD = [entity("ORG", "星海公司"), entity("LOC", "东京"), entity("PER", "李明"), entity("X", "<b>")]
PRED = [
    entity("ORG", "星海"),  # wrong boundary
    entity("PER", "东京"),  # wrong label
    entity("X", "<b>"),  # right; 李明 is missed
    entity("X", "发布"),  # spurious
    entity("LOC", "大阪"),  # hallucinated
]


@pytest.fixture
def found(tmp_path: Path) -> Result:
    for name, items in (("gold", GOLD), ("pred", PRED)):
        row = {"id": "a", "text": TEXT, "entities": items}
        right = {"id": "b", "text": TEXT, "entities": GOLD}
        lines = orjson.dumps(row) + b"\n" + orjson.dumps(right) + b"\n"
        (tmp_path / name).write_bytes(lines)
    return evaluate(
        read_rows(tmp_path / "gold", "ner"),
        read_rows(tmp_path / "pred", "ner"),
        ScoreOptions(bootstrap=50),
    )


def test_each_kind_of_mistake_is_told_apart(found: Result) -> None:
    [document, _] = examine(found.pairs, "unknown", ())
    kinds = [
        (one.kind, one.gold and one.gold.strings[0], one.pred and one.pred.strings[0])
        for one in document.findings
    ]
    assert kinds == [
        ("right", "<b>", "<b>"),
        ("wrong_label", "东京", "东京"),
        ("wrong_boundary", "星海公司", "星海"),
        ("spurious", None, "发布"),
        ("hallucinated", None, "大阪"),
        ("missed", "李明", None),
    ]


def test_gold_of_an_unread_answer_is_unparsed(found: Result) -> None:
    [document, _] = examine(found.pairs, "unknown", {"a"})
    assert [one.kind for one in document.findings][-1] == "unparsed"


def test_the_matrix_counts_gold_against_predicted(found: Result) -> None:
    seen = matrix(confusion(examine(found.pairs, "unknown", ())))
    assert seen.labels == ["LOC", "ORG", "PER", "X"]
    assert seen.rows == [
        [1, 0, 1, 0, 0],
        [0, 2, 0, 0, 0],
        [0, 0, 1, 0, 1],
        [0, 0, 0, 2, 0],
        [1, 0, 0, 1, 0],
    ]
    assert seen.left_out == 0


def test_marks_cut_the_text_without_losing_any(found: Result) -> None:
    [document, _] = examine(found.pairs, "unknown", ())
    pieces = pieces_of(TEXT, ((one.kind, one.gold) for one in document.findings))
    assert "".join(piece.text for piece in pieces) == TEXT
    assert pieces[0] == TextPiece("星海公司", "wrong_boundary", "ORG")


def test_only_documents_with_mistakes_are_examples(found: Result) -> None:
    assert [one.id for one in examples(examine(found.pairs, "unknown", ()))] == ["a"]


def test_the_page_is_one_file_that_asks_for_nothing(found: Result) -> None:
    page = evaluation_page(found)
    assert re.findall(r"""(?:src|href)=["'](?!data:)""", page) == []
    assert "http" not in page
    assert "@import" not in page
    assert "<b>，" not in page  # what the text says is text
    assert found.signature in page


def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return pytest.skip("no browser here: apt-get install chromium")


@pytest.mark.parametrize(("kind", "shown"), [("missed", "1"), ("unparsed", "0"), ("", "1")])
def test_a_browser_shows_the_page_and_filters_it(
    tmp_path: Path, found: Result, kind: str, shown: str
) -> None:
    path = tmp_path / "page.html"
    write_page(found, path)
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"{path.as_uri()}#{kind}"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert f'<span id="shown">{shown}</span>' in done.stdout
    pressed = re.findall(r'data-kind="(\w*)" aria-pressed="true"', done.stdout)
    assert pressed == [kind]
    assert ("<article" in done.stdout) and (
        ("hidden" in done.stdout.split("<article")[1][:120]) == (shown == "0")
    )
