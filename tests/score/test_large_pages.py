"""Pages of large evaluations: made in linear time, small, and open about what they leave out."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from chinchilla.score.evaluate import evaluate
from chinchilla.score.page import evaluation_page
from chinchilla.score.result import Result
from chinchilla.score.rows import read_rows

pytestmark = pytest.mark.slow

Items = list[dict[str, Any]]
Documents = list[tuple[str, Items, Items]]
"""The text, the gold items and the predicted items of each."""


def entity(label: str, words: str, start: int | None = None) -> dict[str, Any]:
    end = None if start is None else start + len(words)
    return {"type": label, "text": words, "start": start, "end": end}


def distinct(size: int) -> str:
    return "".join(chr(0x4E00 + number % 20_000) for number in range(size))


def invented(size: int) -> Documents:
    return [("甲乙" * 50, [entity("t", "甲", 0)], [entity("t", f"w{n}") for n in range(size)])]


def apart(size: int) -> Documents:
    text = distinct(size)
    items = [entity("a", one, at) for at, one in enumerate(text)]
    return [(text, items[::2], items[1::2])]


def shifted(size: int) -> Documents:
    text = distinct(size)
    items = [entity("a", text[at : at + 2], at) for at in range(size - 2)]
    return [(text, items[::2], items[1::2])]


def other_labels(size: int) -> Documents:
    text = distinct(size)
    return [
        (
            text,
            [entity("a", one, at) for at, one in enumerate(text)],
            [entity("b", one, at) for at, one in enumerate(text)],
        )
    ]


def many_documents(size: int) -> Documents:
    one = ("甲乙丙丁", [entity("a", "甲", 0)], [entity("a", "乙", 1), entity("b", "戊")])
    return [one] * size


def many_labels(size: int) -> Documents:
    gold = [entity(f"g{n}", "甲", 0) for n in range(size)]
    return [("甲乙", gold, [entity(f"p{n}", "乙", 1) for n in range(size)])]


def long_strings(size: int) -> Documents:
    text = "甲乙丙" * (40 * size)
    wrong = [entity("丁" * (40 * size), "x" * (40 * size))]
    return [(text, [entity("g", text[:-9], 0)], wrong), (text, [entity("g", "丙", 2)], [])]


SHAPES: dict[str, Callable[[int], Documents]] = {
    one.__name__: one
    for one in (
        invented,
        apart,
        shifted,
        other_labels,
        many_documents,
        many_labels,
        long_strings,
    )
}


def evaluated(folder: Path, documents: Documents) -> Result:
    for side, name in ((1, "gold"), (2, "pred")):
        rows = [
            {"id": str(number), "text": one[0], "entities": one[side]}
            for number, one in enumerate(documents)
        ]
        (folder / name).write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return evaluate(read_rows(folder / "gold", "ner"), read_rows(folder / "pred", "ner"))


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_items_take_time_in_proportion_and_no_larger_page(tmp_path: Path, shape: str) -> None:
    times = {}
    for size in (3_000, 12_000):
        tries = []
        for _ in range(2):
            started = time.process_time()
            page = evaluation_page(evaluated(tmp_path, SHAPES[shape](size)))
            tries.append(time.process_time() - started)
            assert len(page.encode("utf-8")) < 300_000
        times[size] = min(tries)
    # four times the items: 4 where it is in proportion, 16 where it grows with the square
    assert times[12_000] < 9 * times[3_000] + 0.3


def test_a_page_says_how_many_mistakes_of_a_document_it_leaves_out(tmp_path: Path) -> None:
    page = evaluation_page(evaluated(tmp_path, invented(5_000)))
    assert page.count("<li>") == 50 + 1
    # 5,000 invented and one missed, of which 50 are listed
    assert "Mistakes of this document that are not listed: </span>4,951" in page
    assert 'data-kinds="missed hallucinated"' in page


def test_a_page_says_how_many_labels_it_leaves_out(tmp_path: Path) -> None:
    page = evaluation_page(evaluated(tmp_path, many_labels(500)))
    assert page.count("<option") == 300 + 1
    assert "labels left out: </span>700" in page


def test_a_page_says_how_many_documents_it_leaves_out(tmp_path: Path) -> None:
    page = evaluation_page(evaluated(tmp_path, many_documents(500)))
    assert page.count("<article") == 60
    assert "Documents with mistakes</span>: 500; " in page
    assert "listed here</span>: 60." in page


def test_a_page_of_long_texts_draws_what_stands_around_the_marks(tmp_path: Path) -> None:
    text = "甲" * 50_000 + "乙丙" + "丁" * 50_000
    found = evaluated(tmp_path, [(text, [entity("x", "乙丙", 50_000)], [])])
    page = evaluation_page(found)
    assert '甲<mark class="missed" title="x">乙丙<sub>x</sub></mark>丁' in page
    assert "49,800 characters left out" in page
    assert len(page) < 20_000


def test_documents_that_are_large_one_by_one_fill_the_page_sooner(tmp_path: Path) -> None:
    """Fifty mistakes and many marks in each of many documents do not make a page of any size."""
    text, name = distinct(800), "很长的标签" * 20
    items = [entity(name, text[at : at + 2], at) for at in range(700)]
    documents = [(text, items[::2], items[1::2])] * 100
    page = evaluation_page(evaluated(tmp_path, documents))
    assert len(page.encode("utf-8")) < 4_000_000
    assert "Documents with mistakes</span>: 100;" in page
    assert page.count("<article") < 50


def test_items_too_many_to_compare_are_counted(tmp_path: Path) -> None:
    page = evaluation_page(evaluated(tmp_path, apart(8_000)))
    assert "Predicted items not compared for overlap, being too many" in page
    page = evaluation_page(evaluated(tmp_path, apart(200)))
    assert "Predicted items not compared" not in page


def test_what_others_wrote_turns_no_text_of_the_page(tmp_path: Path) -> None:
    bad = "\x1b[31m\u202e\t<b>\x00"
    found = evaluated(tmp_path, [(f"甲{bad}\n乙", [entity(f"x{bad}", "甲", 0)], [])])
    page = evaluation_page(found)
    assert not set(page) & set("\x1b\u202e\x00")
    assert "甲</mark>" not in page
    assert "\\x1b[31m\\u202e\\t&lt;b&gt;\\x00\n乙" in page
