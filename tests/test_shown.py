"""Texts of others are shown so that no terminal acts on them and no line is forged."""

import ast
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.cli.common import table
from chinchilla.errors import ChinchillaError, shown

ROOT = Path(__file__).parent.parent
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
LINES = "\u2028\u2029"
RAW = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cs"]),
        st.sampled_from(TURNS + LINES),
        st.just("中"),
    )
)


def controls(text: str) -> list[str]:
    kinds = ("Cc", "Cs", "Zl", "Zp")
    return [one for one in text if unicodedata.category(one) in kinds or one in TURNS]


@given(RAW)
def test_no_text_shown_has_a_control_character(text: str) -> None:
    told = shown(text)
    assert controls(told) == []
    told.encode("utf-8")
    if not controls(text):
        assert told == text


@given(RAW, RAW, RAW)
def test_no_error_has_a_control_character(where: str, what: str, todo: str) -> None:
    assert controls(str(ChinchillaError(where, what, todo))) == []


@given(st.lists(st.tuples(RAW, RAW), min_size=1, max_size=5))
def test_a_table_has_the_lines_of_its_rows_and_no_control_character(
    rows: list[tuple[str, str]],
) -> None:
    lines = table(("a", "b"), rows).split("\n")
    assert len(lines) == len(rows) + 2
    assert controls("".join(lines)) == []


def test_what_is_shown_says_which_character_it_was() -> None:
    assert shown("a\x1b[31mb\r\n\t\x7f\x9b\u202e\u2028\ud800中") == (
        r"a\x1b[31mb\r\n\t\x7f\x9b\u202e\u2028\ud800中"
    )


BAD = "\x1b[2J\x1b]0;x\x07\x9b31m\u202e\u2028"


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "chinchilla", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def only_our_lines(told: str) -> bool:
    return bool(told) and controls(told.replace("\n", "")) == []


def record(**fields: object) -> str:
    usual = {"id": "a", "source": "s", "split": "dev", "task": "ner", "text": f"王小明{BAD}"}
    return json.dumps({**usual, **fields}, ensure_ascii=False) + "\n"


def test_labels_and_ids_of_a_score_are_shown_escaped(tmp_path: Path) -> None:
    entity = {"type": f"人{BAD}", "text": "王小明", "start": 0, "end": 3}
    (tmp_path / "gold").write_text(record(entities=[entity]), encoding="utf-8")
    (tmp_path / "pred").write_text(record(id=f"b{BAD}", entities=[entity]), encoding="utf-8")
    for pred, words in (("gold", "人\\x1b[2J"), ("pred", "not in gold")):
        told = run(tmp_path, "score", "--task", "ner", "--gold", "gold", "--pred", pred)
        assert words in told
        assert only_our_lines(told)


def test_names_and_labels_of_a_source_are_shown_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / f"mine{BAD}"
    folder.mkdir(parents=True)
    card = (
        'title = "T\\u001b[31m\\u202e"\ntask = "ner"\nformat = "jsonl"\nlicence = "L\\u001b"\n'
        '[files]\ntrain = "train.json"\n[mapping]\ntext = "text"\n'
    )
    (folder / "card.toml").write_text(card, encoding="utf-8")
    (folder / "train.json").write_text(f'{{"text": "{BAD}"}}\n', encoding="utf-8")
    for command in (["sources"], ["check"], ["build"], ["check", folder.name]):
        told = run(tmp_path, *command)
        assert only_our_lines(told), command


def test_the_choices_of_a_missing_option_are_listed_without_escapes(tmp_path: Path) -> None:
    for command in (["records", "finre"], ["export", "."], ["score"], ["compare", "a", "b"]):
        told = run(tmp_path, *command)
        assert "Missing option" in told
        assert "\n  " in told
        assert "\\t" not in told


@pytest.mark.parametrize("path", sorted((ROOT / "chinchilla" / "cli").glob("*.py")), ids=str)
def test_commands_print_words_through_say(path: Path) -> None:
    """A formatted text printed past `say` could hold what others wrote; tables escape cells."""
    # errors, which main prints, escape themselves
    if path.name in ("output.py", "__init__.py"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.echo":
            for given_ in node.args:
                loose = isinstance(given_, ast.JoinedStr) and "shown(" not in ast.unparse(given_)
                assert not loose, f"{path.name}:{node.lineno}: use say()"
