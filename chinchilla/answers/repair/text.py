"""Read an answer of a text form line by line; cut loops; the words models say for nothing."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import Any, Literal, get_args

import yaml
from pydantic import ValidationError, model_validator

from chinchilla.answers.query import Content, Question
from chinchilla.errors import TemplateError
from chinchilla.resources import RESOURCES
from chinchilla.schema import Event, Frozen, explain

Take = Callable[[str, bool], bool]
"""Read a line and keep what it says; the flag lets names pass that were not asked."""
Variants = Callable[[str], Iterator[tuple[str, str]]]
"""Yield ways to read a line, each with the name of the repair it took."""

_BULLET = re.compile(r"\A\s*(?:[-*•·●▪>]\s+|[-•·●▪]|[(（]?\d{1,3}[.．、)）](?!\d)\s*)")
_EMPHASIS = re.compile(r"\*\*|__|`")


def mend_lines(
    lines: Iterable[str], take: Take, variants: Variants, notes: Counter[str]
) -> str | None:
    """Take what can be read, count what cannot as prose; return the last line if unread."""
    unread: str | None = None
    for line in lines:
        notes["prose"] += unread is not None
        ways = [(line, ""), *variants(line)]
        kind = next((kind for words, kind in ways if take(words, False)), None)
        if kind is None and take(line, True):
            kind = ""
        unread = line if kind is None else None
        if kind:
            notes[kind] += 1
    return unread


def note_unread(line: str | None, question: Question, notes: Counter[str]) -> None:
    """Count an unread last line: cut off where it begins like an item, else prose."""
    if line is None:
        return
    words = line.strip().lstrip("(（- ")
    begun = any(words.startswith(name) or name.startswith(words) for name in question.asked)
    if begun or line.strip().startswith(("(", "（")):
        notes.update(("truncated", "cut"))
    else:
        notes["prose"] += 1


def unmarked(line: str) -> str:
    """Strip a bullet or number in front of a line, and emphasis."""
    return _EMPHASIS.sub("", _BULLET.sub("", line, count=1)).strip()


def unquoted(words: str) -> str:
    """Strip one pair of quotes around words."""
    for opening, closing in ('""', "''", "“”", "‘’", "「」", "『』", "【】"):
        if len(words) > 2 and words[0] == opening and words[-1] == closing:
            return words[1:-1]
    return words


def looks_like_label(name: str) -> bool:
    """Tell whether a name that was not asked may be one, and no beginning of a sentence."""
    return 0 < len(name) <= 12 and not re.search(r"[，。！？,.!?：:\s（(\[{]", name)


CUT_OFF = 5
"""Repeats that make a loop where the answer was cut off."""
OPEN_END = 20
"""Repeats that make a loop where a form has no closing mark; gold never comes near."""
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


Part = Literal["type", "text", "head", "tail", "slots", "trigger", "arguments", "role"]
_SHORT = 40
_BRACKETS = "()（）[]<>【】 "
_MARKS = 12
"""Quotes, brackets, stops and names that may stand around a word for nothing found."""


class Words(Frozen):
    """What a model says instead of an answer; `fields` maps a part to the names it goes by.

    `absent` stands where an item is expected, as what `lacking` describes does; `headings`
    stand before an answer or an example.
    """

    empty: tuple[str, ...]
    absent: tuple[str, ...]
    lacking: tuple[re.Pattern[str], ...]
    headings: tuple[str, ...]
    nothing: tuple[str, ...]
    refusal: tuple[str, ...]
    fields: dict[Part, tuple[str, ...]]

    @model_validator(mode="after")
    def _name_every_part(self) -> "Words":
        missing = [part for part in get_args(Part) if part not in self.fields]
        if missing:
            raise ValueError(f"fields has no names for {missing[0]}")
        return self

    @cached_property
    def empties(self) -> frozenset[str]:
        """Return the words for nothing found, without what may stand around them."""
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
        """Tell whether an item is a word for nothing found in its place, under a name."""
        if len(item) > self._longest:
            return False
        said = plain(item.strip(_BRACKETS))
        if said in self._absents or not any(map(str.isalnum, said)):
            return True
        own = plain(name)
        said = said.removesuffix(own) if own and said != own else said
        return said in self._absents or any(one.fullmatch(said) for one in self.lacking)

    def says_nothing(self, answer: str) -> bool:
        """Tell whether a short answer says in a sentence that nothing was found."""
        return len(answer) <= _SHORT and any(words in answer for words in self.nothing)

    def refuses(self, answer: str) -> bool:
        """Tell whether the answer holds a phrase of refusal."""
        folded = answer.casefold()
        return any(words in folded for words in self.phrases)


def plain(answer: str) -> str:
    """Strip what stands around words for nothing found: blanks, quotes, a final stop."""
    return "".join(answer.split()).strip("。.！!“”\"'`").casefold()


@cache
def words() -> Words:
    """Read repair.yaml; raise TemplateError where it does not hold what it should."""
    path = RESOURCES / "repair.yaml"
    todo = "compare it with the repair.yaml that ships"
    try:
        return Words.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise TemplateError(str(path), " ".join(str(error).split()), todo) from error
    except ValidationError as error:
        raise TemplateError(str(path), explain(error), todo) from error
