"""File shapes: what is read, and the one line said of what cannot be."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.errors import ChinchillaError, InputError
from chinchilla.readers import columns, jsonl, lines, markup, tsv
from chinchilla.readers.lines import Slice, cut, raw_lines, text_lines
from chinchilla.sources import msra
from chinchilla.spans import Tagged
from chinchilla.tally import Tally

LABELS = frozenset({"time", "org_name", "product_name"})


def read_all(rows: Iterator[Any]) -> list[Any]:
    return list(rows)


def test_a_line_ends_at_a_line_feed_only(put) -> None:
    path = put("a.txt", "一\u2028二\u0085三\r\n\n四")
    assert list(text_lines(Slice(path), Tally())) == [(1, "一\u2028二\u0085三"), (2, ""), (3, "四")]


def test_a_byte_order_mark_is_no_part_of_the_text(put) -> None:
    path = put("a.json", b'\xef\xbb\xbf{"text": "x"}\n')
    assert list(jsonl.rows(Slice(path), Tally())) == [(1, {"text": "x"})]


@given(st.lists(st.text("ab\r ", max_size=5), max_size=12), st.integers(1, 9))
def test_slices_of_any_size_read_the_same_lines(tmp_path_factory, words, size) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.txt"
    path.write_bytes("\n".join(["x", *words]).encode("utf-8"))
    whole = list(raw_lines(Slice(path), Tally()))
    parts = [line for part in cut(Slice(path), size, "lines") for line in raw_lines(part, Tally())]
    assert parts == whole


@given(
    st.lists(st.lists(st.sampled_from("甲乙丙"), min_size=1, max_size=4), max_size=6),
    st.integers(1, 30),
)
def test_slices_of_any_size_read_the_same_sentences(tmp_path_factory, words, size) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.bio"
    path.write_text(
        "x\tO\n\n" + "".join("".join(f"{c}\tO\n" for c in s) + "\n" for s in words),
        encoding="utf-8",
    )
    whole = list(columns.sentences(Slice(path), Tally()))
    parts = [
        s for part in cut(Slice(path), size, "blocks") for s in columns.sentences(part, Tally())
    ]
    assert parts == whole


def test_an_array_and_lines_give_the_same_objects(put) -> None:
    rows = [{"text": "一", "n": 1}, {"text": "二", "n": 0.5}]
    flat = put("a.json", '{"text": "一", "n": 1}\n\n{"text": "二", "n": 0.5}')
    array = put("b.json", '\n [\n{"text": "一", "n": 1},\n {"text": "二", "n": 0.5}\n]\n')
    assert [row for _, row in jsonl.rows(Slice(flat), Tally())] == rows
    assert list(jsonl.rows(Slice(array), Tally())) == [(1, rows[0]), (2, rows[1])]


def test_columns_split_at_the_last_separator_so_that_a_space_can_be_a_character(put) -> None:
    path = put("a.bio", "\u3000 O\r\n\t\tO\r\n中 B-X\r\n\r\n国\tB-X\n")
    assert list(columns.sentences(Slice(path), Tally())) == [
        (1, (["\u3000", "\t", "中"], ["O", "O", "B-X"], "")),
        (5, (["国"], ["B-X"], "B-X")),
    ]


GBK = "京\tI-X\n".encode("gbk")


@pytest.mark.parametrize("before", ["", "中\tB-X\n", "中\tB-X\n文\n"])
@pytest.mark.parametrize("after", ["", "北\tO\n"])
def test_a_sentence_with_a_line_that_cannot_be_read_is_left_out_whole(put, before, after) -> None:
    content = b"".join([before.encode(), GBK, after.encode(), "\n国\tB-X\n".encode()])
    for number, file in enumerate((content, content + b"\n" + GBK)):
        tally = Tally(forgiving=True)
        path = put(f"{number}.bio", file)
        found = [sentence[:2] for _, sentence in columns.sentences(Slice(path), tally)]
        assert found == [(["国"], ["B-X"])]
        assert tally.times == 1 + number + before.count("文")


def test_words_and_tags_split_at_the_last_slash(put) -> None:
    path = put("a.txt", "１／２/o 中/国/ns \n")
    assert list(msra.tagged_sentences(Slice(path), Tally())) == [
        (1, [("１／２", "o"), ("中/国", "ns")])
    ]


@pytest.mark.parametrize("between", ["", "\u3000", "，"])
def test_two_words_without_a_space_between_are_refused_not_read_as_one(put, between) -> None:
    path, tally = put("a.txt", f"王小/nr{between}在/o 家/o\n"), Tally(forgiving=True)
    assert list(msra.tagged_sentences(Slice(path), tally)) == []
    assert [*tally.refused] == ["two-tags"]


@pytest.mark.parametrize(
    ("line", "text", "spans", "broken", "damage"),
    [
        ("{{time: 今天 }}晴", " 今天 晴", [("time", 1, 3)], [], []),
        ("{{time:8:30}}到", "8:30到", [("time", 0, 4)], [], []),
        ("{time:今天}}晴", "今天晴", [], [("time", 0, 2)], ["broken-mark"]),
        ("找org_name:甲公司}}谈", "找甲公司谈", [], [("org_name", 1, 4)], ["broken-mark"]),
        (
            "{{product_name:{{product_name:甲车}}}}好",
            "甲车好",
            [("product_name", 0, 2)],
            [],
            ["nested-mark"],
        ),
        (
            r"一\n{{org_name:甲\n公司}}",
            "一\n甲公司",
            [("org_name", 2, 5)],
            [],
            ["literal-newline", "literal-newline"],
        ),
        ("函数{x}与{y:1}", "函数{x}与{y:1}", [], [], []),
        ("{{time:}}晴", "晴", [], [], ["empty-mark"]),
    ],
)
def test_marks_are_taken_out_and_damage_is_named(line, text, spans, broken, damage) -> None:
    found = markup.parse(line, LABELS)
    assert found == (text, [Tagged(*span) for span in spans], [Tagged(*b) for b in broken], damage)


@pytest.mark.parametrize(
    "mark",
    ["{{time：今天}}", "{{ time:今天}}", "{{time :今天}}", "{{time=今天}}", "｛｛time:今天｝｝"],
)
def test_a_mark_that_cannot_be_read_is_refused_and_does_not_stay_in_the_text(put, mark) -> None:
    path, tally = put("a.txt", f"{{{{time:今天}}}}晴\n{mark}雨\n"), Tally(forgiving=True)
    assert [number for number, _ in markup.paragraphs(Slice(path), LABELS, tally)] == [1]
    assert [*tally.refused] == ["open-mark"]


ITEMS = [
    ('{"text": "a\\ud800"}', False),
    ('{"text": ["\\ud83d\\u0041"]}', False),
    ('{"\\udc00": 1}', False),
    ('{"text": "\\ud83d\\ude00"}', True),
    ('{"text": "\\\\ud800"}', True),
]


@pytest.mark.parametrize(("item", "whole"), ITEMS)
def test_half_a_surrogate_pair_is_refused_in_lines_and_in_an_array(put, item, whole) -> None:
    for name, content in (
        ("a.json", f'{item}\n{{"n": 0.5}}'),
        ("b.json", f'[{item}, {{"n": 0.5}}]'),
    ):
        path, tally = put(name, content), Tally(forgiving=True)
        rows = [row for _, row in jsonl.rows(Slice(path), tally)]
        assert rows == [orjson.loads(item), {"n": 0.5}] if whole else rows == [{"n": 0.5}]
        assert tally.times == (not whole)
    if not whole:
        assert tally.refused["bad-line"].example == (
            f"{path}:item 1: half a surrogate pair in a string; write it whole or leave it out"
        )


def test_an_array_cut_off_after_half_a_pair_is_still_one_line(put) -> None:
    path = put("a.json", '[{"text": "a\\ud800"}, {"te')
    with pytest.raises(InputError, match=r"a.json:item 2: not a whole JSON array \("):
        list(jsonl.rows(Slice(path), Tally(forgiving=True)))


BAD: list[tuple[str, str | bytes, Callable[[Slice, Tally], Iterator[Any]], str]] = [
    (
        "a.json",
        '{"text": "一"}\n{"text": "二',
        jsonl.rows,
        "{path}:2: not a whole JSON object (unexpected end of data at character 11); "
        "was the file cut off? fetch or copy it again",
    ),
    (
        "a.json",
        '{"text": "一"}\n["二"]\n',
        jsonl.rows,
        "{path}:2: a list, not an object; write one {{...}} for each record",
    ),
    (
        "a.json",
        '[{"text": "一"}, {"te',
        jsonl.rows,
        "{path}:item 2: not a whole JSON array (parse error: premature EOF); "
        "was the file cut off? fetch or copy it again",
    ),
    (
        "a.txt",
        "甲\t乙\t合作\t甲与乙合作\n\n甲 乙 合作 甲与乙\n",
        lambda part, tally: tsv.rows(part, 4, tally),
        "{path}:3: expected 4 fields between tabs, found 1; "
        "was the file saved with spaces for tabs?",
    ),
    (
        "a.bio",
        "中\tO\n国\n",
        columns.sentences,
        "{path}:2: expected a character and a tag, found '国'; "
        "put one tab or space between the two",
    ),
    (
        "a.bio",
        "今天\tO\n北\tB-LOC\n京\tI-LOC\n",
        columns.sentences,
        "{path}:1: expected one character, found '今天'; "
        "give each character a line and a tag of its own",
    ),
    (
        "a.bmes",
        "北 B-location\r\n京城 E-location\r\n",
        columns.sentences,
        "{path}:2: expected one character, found '京城'; "
        "give each character a line and a tag of its own",
    ),
    (
        "a.txt",
        "中国/ns 的\n",
        msra.tagged_sentences,
        "{path}:1: expected word/tag, found '的'; give every word a tag",
    ),
    (
        "a.txt",
        "{{time:今天晴\n",
        lambda part, tally: markup.paragraphs(part, LABELS, tally),
        "{path}:1: the mark 'time' is never closed; close each {{{{label:...}}}} with }}}}",
    ),
    (
        "a.txt",
        "甲\t乙\t合作\t甲与乙\n".encode("gbk"),
        lambda part, tally: tsv.rows(part, 4, tally),
        "{path}:1: the file is text in GBK, not UTF-8; "
        "convert it: iconv -f GB18030 -t UTF-8 OLD > NEW",
    ),
    (
        "a.json",
        '{"text": "中文"}\n'.encode("gbk"),
        jsonl.rows,
        "{path}:1: the file is text in GBK, not UTF-8; "
        "convert it: iconv -f GB18030 -t UTF-8 OLD > NEW",
    ),
    ("a.json", b"", jsonl.rows, "{path}:1: the file is empty; fetch or copy it again"),
]


@pytest.mark.parametrize(("name", "content", "read", "message"), BAD)
def test_a_bad_line_is_one_error_with_its_place(put, name, content, read, message) -> None:
    path = put(name, content)
    with pytest.raises(ChinchillaError) as caught:
        list(read(Slice(path), Tally()))
    assert str(caught.value) == message.format(path=path)


def test_a_bad_line_is_counted_where_the_user_asked_to_go_on(put) -> None:
    path = put("a.json", '{"text": "一"}\n{"text\n{"text": "三"}\n')
    tally = Tally(forgiving=True)
    assert [place for place, _ in jsonl.rows(Slice(path), tally)] == [1, 3]
    assert tally.refused["not-json"].times == 1


def test_a_missing_file_and_a_folder_named_like_it_differ(tmp_path: Path) -> None:
    with pytest.raises(InputError) as missing:
        list(text_lines(Slice(tmp_path / "no.txt"), Tally()))
    assert str(missing.value) == (
        f"{tmp_path / 'no.txt'}: no such file; "
        "run `chinchilla sources` to see where files are looked for"
    )
    with pytest.raises(InputError) as folder:
        list(text_lines(Slice(tmp_path), Tally()))
    assert str(folder.value) == (
        f"{tmp_path}: is a folder, not a file; put the data file itself there"
    )


def test_a_line_of_100_mb_is_refused_without_being_kept_in_memory(put) -> None:
    path = put("a.json", b'{"text": "' + b"x" * 100_000_000 + b'"}\n{"text": "y"}\n')
    tally = Tally(forgiving=True)
    assert list(jsonl.rows(Slice(path), tally)) == [(2, {"text": "y"})]
    assert tally.refused["long-line"].example == (
        f"{path}:1: line is longer than 16 MiB; put one record on a line"
    )
    assert lines.MAX_LINE == 16 * 2**20


KEYS = st.sampled_from(["a", "b", 'c"', "d:", "\u003a", "e"])
TREES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text('ab:"\\', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any, repeat: list[Any]) -> str:
    """Write JSON; the object that `repeat` holds has its first key twice."""
    if isinstance(value, dict):
        pairs = list(value.items())
        pairs += pairs[:1] if any(value is one for one in repeat) else []
        inner = ",".join(f"{json.dumps(key)} :{written(one, repeat)}" for key, one in pairs)
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(written(one, repeat) for one in value)}]"
    return json.dumps(value)


def objects(value: Any) -> list[dict[str, Any]]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict) and value else []
    return own + [one for each in inner for one in objects(each)]


@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=3), st.data(), st.booleans())
def test_a_key_that_comes_twice_at_any_depth_is_refused(tmp_path_factory, row, data, array) -> None:
    chosen = data.draw(st.sampled_from([*objects(row), None]))
    line = written(row, [] if chosen is None else [chosen])
    path = tmp_path_factory.mktemp("keys") / "a.json"
    path.write_text(f"[{line}, {{}}]" if array else f"{line}\n{{}}\n", encoding="utf-8")
    tally = Tally(forgiving=True)
    found = [one for _, one in jsonl.rows(Slice(path), tally)]
    if chosen is None:
        assert found == [row, {}]
        assert not tally.refused
    else:
        place = "item 1" if array else "1"
        assert found == [{}]
        what = f"duplicate key {next(iter(chosen))!r}; keep one value for the key"
        assert tally.refused["duplicate-key"].example == f"{path}:{place}: {what}"
