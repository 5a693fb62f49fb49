"""Tags to spans, and occurrences of a string."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

Scheme = Literal["bio", "bmes"]
FaultKind = Literal["no-begin", "no-end", "unknown-prefix"]

_INSIDE = {"bio": "I", "bmes": "ME"}
_PREFIXES = {"bio": "BI", "bmes": "BMES"}
_CLOSING = "ES"
_MARKS = ("-", "_")


class Tagged(NamedTuple):
    """A labelled stretch of a tag sequence; `end` is exclusive."""

    label: str
    start: int
    end: int


class Fault(NamedTuple):
    """Where a tag sequence breaks its scheme, and the stretch it concerns."""

    kind: FaultKind
    at: int
    before: str
    tag: str
    stretch: Tagged


def decode(tags: Sequence[str], scheme: Scheme) -> tuple[list[Tagged], list[Fault]]:
    """Return the spans of tags, and every fault of the scheme.

    A stretch without a beginning ("no-begin") is not among the spans; one without an end
    ("no-end", BMES only) is. The caller decides which faults are a known quirk.
    """
    spans: list[Tagged] = []
    faults: list[Fault] = []
    at = 0
    while at < len(tags):
        tag = tags[at]
        if tag == "O":
            at += 1
            continue
        if tag[:1] not in _PREFIXES[scheme] or tag[1:2] not in _MARKS:
            faults.append(_fault("unknown-prefix", tags, at, at + 1))
            at += 1
            continue
        stop = _stretch_end(tags, at, scheme)
        if tag[0] in _INSIDE[scheme]:
            faults.append(_fault("no-begin", tags, at, stop))
        else:
            spans.append(Tagged(tag[2:], at, stop))
            if scheme == "bmes" and tags[stop - 1][0] not in _CLOSING:
                faults.append(_fault("no-end", tags, at, stop))
        at = stop
    return spans, faults


def _stretch_end(tags: Sequence[str], start: int, scheme: Scheme) -> int:
    """Return the end of the stretch that the tag at `start` opens."""
    label, end = tags[start][2:], start + 1
    if scheme == "bmes" and tags[start][0] in _CLOSING:
        return end
    inside = {f"{prefix}{mark}{label}" for prefix in _INSIDE[scheme] for mark in _MARKS}
    while end < len(tags) and tags[end] in inside:
        end += 1
        if scheme == "bmes" and tags[end - 1][0] in _CLOSING:
            break
    return end


def _fault(kind: FaultKind, tags: Sequence[str], start: int, stop: int) -> Fault:
    at = stop - 1 if kind == "no-end" else start
    before = tags[start - 1] if start else "the start"
    return Fault(kind, at, before, tags[at], Tagged(tags[start][2:], start, stop))


def entities(text: str, spans: list[Tagged]) -> list[dict[str, Any]]:
    """Return spans as entities, in the order of the text, the longer of two first."""
    return [
        {"type": label, "text": text[start:end], "start": start, "end": end}
        for label, start, end in sorted(spans, key=lambda span: (span.start, -span.end))
    ]


def occurrences(text: str, string: str) -> Iterator[int]:
    """Yield the start of every occurrence of a string, overlapping ones too."""
    at = text.find(string)
    while at >= 0:
        yield at
        at = text.find(string, at + 1)
