"""Tags to spans, occurrences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.spans import Fault, Scheme, Tagged, decode, occurrences

FLAT = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from(["PER", "LOC"])), max_size=6
)


def flat_spans(parts: list[tuple[int, int, str]]) -> tuple[list[Tagged], int]:
    spans, at = [], 0
    for gap, width, label in parts:
        spans.append(Tagged(label, at + gap, at + gap + width))
        at += gap + width
    return spans, at


def encode(spans: list[Tagged], length: int, scheme: Scheme) -> list[str]:
    """Turn flat spans into tags: the inverse of `decode`."""
    tags = ["O"] * length
    for label, start, end in spans:
        inner, last = ("I", "I") if scheme == "bio" else ("M", "E")
        tags[start:end] = [f"{inner}-{label}"] * (end - start)
        tags[end - 1] = f"{last}-{label}"
        tags[start] = f"S-{label}" if scheme == "bmes" and end - start == 1 else f"B-{label}"
    return tags


@given(FLAT, st.sampled_from(["bio", "bmes"]))
def test_flat_spans_survive_tags_of_either_scheme(parts, scheme) -> None:
    spans, length = flat_spans(parts)
    assert decode(encode(spans, length, scheme), scheme) == (spans, [])


@pytest.mark.parametrize(
    ("scheme", "tags", "spans", "faults"),
    [
        ("bio", "O I-A I-A O", [], [Fault("no-begin", 1, "O", "I-A", Tagged("A", 1, 3))]),
        (
            "bio",
            "B-A I-B",
            [Tagged("A", 0, 1)],
            [Fault("no-begin", 1, "B-A", "I-B", Tagged("B", 1, 2))],
        ),
        ("bio", "B-A B-A", [Tagged("A", 0, 1), Tagged("A", 1, 2)], []),
        ("bio", "I-A", [], [Fault("no-begin", 0, "the start", "I-A", Tagged("A", 0, 1))]),
        ("bio", "BXA", [], [Fault("unknown-prefix", 0, "the start", "BXA", Tagged("A", 0, 1))]),
        ("bio", "B", [], [Fault("unknown-prefix", 0, "the start", "B", Tagged("", 0, 1))]),
        ("bio", "X", [], [Fault("unknown-prefix", 0, "the start", "X", Tagged("", 0, 1))]),
        (
            "bmes",
            "B-A M-A O",
            [Tagged("A", 0, 2)],
            [Fault("no-end", 1, "the start", "M-A", Tagged("A", 0, 2))],
        ),
        ("bmes", "S-A S-A", [Tagged("A", 0, 1), Tagged("A", 1, 2)], []),
        (
            "bmes",
            "B-A E-A E-A",
            [Tagged("A", 0, 2)],
            [Fault("no-begin", 2, "E-A", "E-A", Tagged("A", 2, 3))],
        ),
    ],
)
def test_every_break_of_a_scheme_is_named(scheme, tags, spans, faults) -> None:
    assert decode(tags.split(" "), scheme) == (spans, faults)


def test_occurrences_overlap() -> None:
    assert list(occurrences("哈哈哈", "哈哈")) == [0, 1]
