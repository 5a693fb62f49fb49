"""A key that comes twice in an object loses one of its values: no file is read so."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.errors import InputError
from chinchilla.predict.inputs import Defaults, read_answered_rows, read_answers, read_inputs
from chinchilla.schema import Label, LabelSet, Task
from chinchilla.score.rows import Row, rows_in
from chinchilla.score.triples import TripleRow
from chinchilla.strict_json import DuplicateKeyError, loads
from chinchilla.tally import Tally

KINDS = (Row, TripleRow)
GOOD = {
    "ner": b'{"id": "%d", "text": "a: b", "entities": [{"type": "A", "text": "a"}]}\n',
    "re": b'{"id": "%d", "relations": [{"predicate": "p", "head": "h", "tail": "t"}]}\n',
    "ee": b'{"id": "%d", "events": [{"event_type": "E", "arguments": [{"role": "r",'
    b' "text": "a"}]}]}\n',
}
TWICE = [
    ("ner", b'"entities": [', b'"entities": [], "entities": [', "entities"),
    ("ner", b'"type": "A"', b'"type": "B", "type": "A"', "type"),
    ("ner", b'"text": "a: b"', b'"text": "a", "text": "a: b"', "text"),
    ("ner", b'"text"', b'"entit\\u0069es": [], "text"', "entities"),
    ("re", b'"relations": [', b'"relations" : [], "relations": [', "relations"),
    ("re", b'"head": "h"', b'"head": "h", "head": "g"', "head"),
    ("re", b'"id": "%d"', b'"id": "%d", "answers": [{"raw": "", "raw": ""}]', "raw"),
    ("ee", b'"events": [', b'"events": [], "events": [', "events"),
    ("ee", b'"role": "r"', b'"role": "r", "role": "s"', "role"),
    ("ee", b'"arguments": [', b'"arguments": [], "arguments": [', "arguments"),
]


@pytest.mark.parametrize("place", [1, 2, 2900])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("task", "once", "twice", "key"), TWICE)
def test_a_row_is_refused_by_its_line(
    tmp_path: Path, task, once: bytes, twice: bytes, key: str, kind: type[Row], place: int
) -> None:
    lines = [GOOD[task] % number for number in range(1, 3001)]
    lines[place - 1] = GOOD[task].replace(once, twice) % place
    with pytest.raises(InputError) as found:
        read(tmp_path, b"".join(lines), task, kind)
    where = f"{tmp_path}/f:{place}"
    assert str(found.value) == f"{where}: duplicate key {key!r}; keep one value for the key"


def read(folder: Path, lines: bytes, task: Task, kind: type[Row]) -> list[Row]:
    (folder / "f").write_bytes(lines)
    return list(rows_in(folder / "f", task, sha256(), kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", GOOD)
def test_rows_of_all_shapes_without_such_keys_are_read(
    tmp_path: Path, task, kind: type[Row]
) -> None:
    shapes = [
        GOOD[task],
        b'{"id": "%d"}\n',
        b'{"id": "%d", "title": null, "text": ":::"}\n',
        b'{"id" : "%d", "answers": [{"raw": "{\\"a\\": \\"\\u003a\\"}"}]}\n',
        b'{"id": "%d", "split": "\\"relations\\": \\"relations\\"", "text": "\\"id\\": "}\n',
    ]
    lines = b"".join(shapes[number % 5 if number > 99 else 0] % number for number in range(3000))
    assert len(read(tmp_path, lines, task, kind)) == 3000


def test_an_answer_and_a_row_that_was_answered_are_refused(tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "1", "raw": "{}"}\n\n{"id": "2", "raw": "{}", "raw": "[]"}\n')
    with pytest.raises(InputError):
        read_answered_rows(answers, None)
    with pytest.raises(InputError, match=r"answers.jsonl:3: duplicate key 'raw'; keep one value"):
        read_answers(answers)


def test_a_text_to_predict_on_is_refused_or_counted() -> None:
    labels = LabelSet(source="s", task="ner", labels=(Label(key="A", name="A"),))
    lines = [b'{"text": "a"}\n', b'{"text": "b", "text": "c"}\n']
    tally = Tally(forgiving=True)
    found = list(read_inputs(lines, "f", Defaults(None, {"s": labels}), tally))
    assert [one.text for one in found] == ["a"]
    wanted = "f:2: duplicate key 'text'; keep one value for the key"
    assert tally.refused["duplicate-key"].example == wanted


ATOMS = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet='a:"\\甲 {')
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab:"', max_size=2), inner),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([(",", ":"), (", ", " : ")]))
def test_what_has_no_key_twice_is_read_as_by_any_reader(
    value: object, ascii_only: bool, marks: tuple[str, str]
) -> None:
    line = json.dumps(value, ensure_ascii=ascii_only, separators=marks).encode()
    assert loads(line) == json.loads(line)


@given(VALUES, VALUES, st.integers(0, 5))
def test_a_key_that_comes_twice_is_seen_at_any_depth(
    one: object, other: object, depth: int
) -> None:
    inner = f'{{"x": {json.dumps(one)}, "y:": 1, "\\u0078": {json.dumps(other)}}}'
    with pytest.raises(DuplicateKeyError, match="duplicate key 'x'"):
        loads(('[{"a:": ' * depth + inner + "}]" * depth).encode())


@pytest.mark.parametrize("number", ["1" * 5000, "-" + "9" * 400, "1e400", "0." + "3" * 5000])
def test_long_numbers_break_no_reader(number: str) -> None:
    line = f'{{"a": {number}, "b": 1, "b": 2}}'.encode()
    with pytest.raises(ValueError, match=r"duplicate key 'b'|number|infinity|out of range"):
        loads(line)
