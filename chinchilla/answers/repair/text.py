"""Text around and in an answer: wrappings, headings, lines, loops, what models say for nothing.

    <think>...</think>      a thought, the prompt, tags and special tokens around an answer
    ```json ... ```         fences, and headings such as 答案：, at which an answer is cut
    1. 人名：张三            a bullet before a line of a text format
    无                      words for nothing found, from resources/repair.yaml

Nothing that the text itself holds is taken for one of these.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple, get_args

import yaml
from pydantic import ValidationError, model_validator

from chinchilla.answers.query import Content, Query
from chinchilla.errors import ConfigError
from chinchilla.resources import RESOURCES
from chinchilla.schema import Event, Frozen, explain

THOUGHTS = (
    "</think>",
    "</thinking>",
    "</thought>",
    "</reasoning>",
    "</seed:think>",
    "◁/think▷",
    "[/THINK]",
    "<|end_of_thought|>",
    "<|channel|>final<|message|>",
)
"""The marks behind which models stop thinking and answer."""
_LONGEST_TAG = 40
_MANY = 8
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00a0"
_BOX = "\\boxed{"


def unwrapped(raw: str, prompt: str, passage: str | None, notes: Counter[str]) -> str:
    """Take an answer from behind a thought and its own prompt, and out of what is around it."""
    text = raw.lstrip("\ufeff").strip()
    for before in (*THOUGHTS, prompt.strip()):
        if before and before in text and (passage is None or before not in passage):
            notes["prose"] += 1
            text = text.rsplit(before, 1)[1].strip()
    if passage is None:
        return text
    inner = _unboxed(_untagged(text, passage), passage)
    notes["prose"] += inner != text
    return inner


def is_wrapped(raw: str, passage: str | None) -> bool:
    """Tell whether a tag, a token or an invisible mark is at an end, which the text lacks."""
    text = raw.strip()
    return passage is not None and _untagged(text, passage) != text


def _untagged(text: str, passage: str) -> str:
    """Strip tags, special tokens, invisible marks and back quotes from both ends."""
    marks = "".join(mark for mark in _INVISIBLE if mark not in passage)
    start, end = 0, len(text)
    for _ in range(_MANY):
        before = start, end
        start += _leading(text[start : start + _LONGEST_TAG], passage)
        end -= _trailing(text[max(start, end - _LONGEST_TAG) : end], passage)
        while start < end and (text[start].isspace() or text[start] in marks):
            start += 1
        while start < end and (text[end - 1].isspace() or text[end - 1] in marks):
            end -= 1
        if end - start > 2 and text[start] == text[end - 1] == "`" != text[start + 1]:
            start, end = start + 1, end - 1
        if (start, end) == before:
            break
    return text[start:end]


def _leading(string: str, passage: str) -> int:
    size = string.find(">") + 1
    return size if string.startswith("<") and _is_tag(string[:size], passage) else 0


def _trailing(string: str, passage: str) -> int:
    at = string.rfind("<")
    return len(string) - at if at >= 0 and _is_tag(string[at:], passage) else 0


def _is_tag(string: str, passage: str) -> bool:
    inner = string[1:-1].strip("/|")
    named = bool(inner) and all(mark.isalnum() or mark in "_:-" for mark in inner)
    return string.endswith(">") and inner.isascii() and named and string not in passage


def _unboxed(text: str, passage: str) -> str:
    """Take the answer out of the box that models of mathematics put it into."""
    at = text.rfind(_BOX)
    end = text.rfind("}")
    return text if at < 0 or end < at or _BOX in passage else text[at + len(_BOX) : end].strip()


_FENCE = "```"
_INFO = re.compile(r"[\w+#. -]*", re.ASCII)
_COLON = re.compile("[:：]")
_AROUND = " \t\r#*_>【】[]"
_LONGEST_HEADING = 24
"""Characters of a heading, with its marks."""


class AnswerPiece(NamedTuple):
    """A part of an answer: inside a code fence, under a heading, or all of it."""

    text: str
    fenced: bool = False


def cut_pieces(text: str, query: Query, by_line: bool, textual: bool) -> list[AnswerPiece]:
    """Cut an answer at its fences; one of a text format at its headings where there are no fences.

    `by_line` says that a heading has a line of its own unless a name asked follows it.
    """
    if _FENCE in text:
        parts = text.split(_FENCE)
        pieces = [
            AnswerPiece(_content(part), True) if at % 2 else AnswerPiece(part)
            for at, part in enumerate(parts)
        ]
        if any(piece.fenced and piece.text.strip() for piece in pieces):
            return pieces
    return (
        [AnswerPiece(part) for part in _sections(text, query, by_line)]
        if textual
        else [AnswerPiece(text)]
    )


def _content(part: str) -> str:
    """Leave out the language behind an opening fence."""
    first, _, rest = part.partition("\n")
    return rest if _INFO.fullmatch(first.strip()) else part


def _sections(text: str, query: Query, by_line: bool) -> list[str]:
    parts: list[list[str]] = [[]]
    for line in text.split("\n"):
        rest = _under_heading(line, query, by_line)
        if rest is not None:
            parts.append([])
        parts[-1].append(line if rest is None else rest)
    return ["\n".join(lines) for lines in parts]


def _under_heading(line: str, query: Query, by_line: bool) -> str | None:
    """Return what follows the heading that a line begins with; null where it has none."""
    colon = _COLON.search(line, 0, _LONGEST_HEADING)
    head = line[: colon.start()] if colon else line
    if len(head) > _LONGEST_HEADING or not (name := head.strip(_AROUND)) or name in query.names:
        return None
    if name.count("(") + name.count("（") > name.count(")") + name.count("）"):
        # the beginning of a tuple, of which a string holds the colon
        return None
    rest = line[colon.end() :].strip(_AROUND) if colon else ""
    known = repair_words().headings
    if not (any(word in name.casefold() for word in known) if colon else name.casefold() in known):
        return None
    if by_line and rest and not rest.startswith(tuple(query.names)):
        return None
    return rest


Take = Callable[[str, bool], bool]
"""Read a line and keep what it says; the flag lets names pass that were not asked."""
Variants = Callable[[str], Iterator[tuple[str, str]]]
"""Yield ways to read a line, each with the name of the repair it took."""
# a bullet or number before a line: - 人名, • 人名, 1. 人名, （2）人名; not 1.5
_BULLET = re.compile(r"\A\s*(?:[-*•·●▪>]\s+|[-•·●▪]|[(（]?\d{1,3}[.．、)）](?!\d)\s*)")
_EMPHASIS = re.compile(r"\*\*|__|`")


def fix_lines(
    lines: Iterable[str], take: Take, variants: Variants, notes: Counter[str]
) -> str | None:
    """Take what can be read, count what cannot as prose; return the last line if unparsed."""
    unparsed: str | None = None
    for line in lines:
        notes["prose"] += unparsed is not None
        ways = [(line, ""), *variants(line)]
        kind = next((kind for string, kind in ways if take(string, False)), None)
        if kind is None and take(line, True):
            kind = ""
        unparsed = line if kind is None else None
        if kind:
            notes[kind] += 1
    return unparsed


def note_unparsed(line: str | None, query: Query, notes: Counter[str]) -> None:
    """Count an unparsed last line: cut off where it begins like an item, else prose."""
    if line is None:
        return
    string = line.strip().lstrip("(（- ")
    begun = any(string.startswith(name) or name.startswith(string) for name in query.names)
    if begun or line.strip().startswith(("(", "（")):
        notes.update(("truncated", "cut"))
    else:
        notes["prose"] += 1


def unmarked(line: str) -> str:
    """Strip a bullet or number in front of a line, and emphasis."""
    return _EMPHASIS.sub("", _BULLET.sub("", line, count=1)).strip()


def unquoted(string: str) -> str:
    """Strip one pair of quotes around a string."""
    for opening, closing in ('""', "''", "“”", "‘’", "「」", "『』", "【】"):
        if len(string) > 2 and string[0] == opening and string[-1] == closing:
            return string[1:-1]
    return string


def looks_like_label(name: str) -> bool:
    """Tell whether a name that was not asked may be one, and no beginning of a sentence."""
    return 0 < len(name) <= 12 and not re.search(r"[，。！？,.!?：:\s（(\[{]", name)


CUT_OFF = 5
"""Repeats that make a loop where the answer was cut off."""
OPEN_END = 20
"""Repeats that make a loop where a format has no closing mark; gold never comes near."""
_LONGEST = 16


def cut_loops(content: Content, least: int) -> Content | None:
    """Leave one round of a loop at the end; null where there is no such loop."""
    if content.entities:
        keys = [(item.type, item.text) for item in content.entities]
        keep = _keep(keys, least)
        return None if keep is None else content._replace(entities=content.entities[:keep])
    if content.relations:
        triples = [(item.predicate, item.head, item.tail) for item in content.relations]
        keep = _keep(triples, least)
        return None if keep is None else content._replace(relations=content.relations[:keep])
    return _cut_events(content, least) if content.events else None


def _cut_events(content: Content, least: int) -> Content | None:
    keep = _keep([_event_key(event) for event in content.events], least)
    if keep is not None:
        return content._replace(events=content.events[:keep])
    last = content.events[-1]
    inner = _keep([(item.role, item.text) for item in last.arguments], least)
    if inner is None:
        return None
    shorter = last.model_copy(update={"arguments": last.arguments[:inner]})
    return content._replace(events=(*content.events[:-1], shorter))


def _event_key(event: Event) -> tuple[Any, ...]:
    return event.event_type, event.trigger, *((item.role, item.text) for item in event.arguments)


def _keep(keys: Sequence[Any], least: int) -> int | None:
    """Return how many items to keep; the last one may be a round broken off."""
    for end in (len(keys), len(keys) - 1):
        for period in range(1, min(_LONGEST, end // least) + 1):
            start = end - 1
            while start >= period and keys[start] == keys[start - period]:
                start -= 1
            if (end - 1 - start) // period + 1 >= least:
                return start + 1
    return None


FieldName = Literal["type", "text", "head", "tail", "slots", "trigger", "arguments", "role"]
_SHORT = 40
_BRACKETS = "()（）[]<>【】 "
_MARKS = 12
"""Quotes, brackets, stops and names that may be around a word for nothing found."""


class RepairWords(Frozen):
    """What a model says instead of an answer; `fields` maps a part to the names it goes by.

    `absent` is written where an item is expected, as is what `lacking` describes; `headings`
    are before an answer or an example.
    """

    empty: tuple[str, ...]
    absent: tuple[str, ...]
    lacking: tuple[re.Pattern[str], ...]
    headings: tuple[str, ...]
    nothing: tuple[str, ...]
    refusal: tuple[str, ...]
    fields: dict[FieldName, tuple[str, ...]]

    @model_validator(mode="after")
    def _name_every_part(self) -> "RepairWords":
        missing = [part for part in get_args(FieldName) if part not in self.fields]
        if missing:
            raise ValueError(f"fields has no names for {missing[0]}")
        return self

    @cached_property
    def empties(self) -> frozenset[str]:
        """Return the words for nothing found, without what may be around them."""
        return frozenset(plain(item) for item in self.empty)

    @cached_property
    def _absents(self) -> frozenset[str]:
        return frozenset(plain(item) for item in self.absent)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.absent)) + _MARKS

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """Return the phrases of refusal, case folded."""
        return tuple(item.casefold() for item in self.refusal)

    def is_empty(self, answer: str) -> bool:
        """Tell whether the whole answer is a word for nothing found."""
        return plain(answer) in self.empties

    def is_absent(self, item: str, name: str = "") -> bool:
        """Tell whether an item is a word for nothing found instead, under a name."""
        if len(item) > self._longest:
            return False
        inner = plain(item.strip(_BRACKETS))
        if inner in self._absents or not any(map(str.isalnum, inner)):
            return True
        own = plain(name)
        inner = inner.removesuffix(own) if own and inner != own else inner
        return inner in self._absents or any(pattern.fullmatch(inner) for pattern in self.lacking)

    def says_nothing(self, answer: str) -> bool:
        """Tell whether a short answer says in a sentence that nothing was found."""
        return len(answer) <= _SHORT and any(string in answer for string in self.nothing)

    def refuses(self, answer: str) -> bool:
        """Tell whether the answer holds a phrase of refusal."""
        folded = answer.casefold()
        return any(string in folded for string in self.phrases)


def plain(answer: str) -> str:
    """Return words for nothing found without blanks, quotes and a final stop."""
    return "".join(answer.split()).strip("。.！!“”\"'`").casefold()


@cache
def repair_words() -> RepairWords:
    """Read repair.yaml; raise ConfigError where it does not hold what it should."""
    path = RESOURCES / "repair.yaml"
    todo = "compare it with the repair.yaml that ships"
    try:
        return RepairWords.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), " ".join(str(error).split()), todo) from error
    except ValidationError as error:
        raise ConfigError(str(path), explain(error), todo) from error
