"""The words of templates/repair.yaml: empty answers, refusals, field names models make up."""

import re
from functools import cache, cached_property
from typing import Literal, get_args

import yaml
from pydantic import ValidationError, model_validator

from chinchilla.errors import TemplateError
from chinchilla.schema import Frozen, explain
from chinchilla.shipped import shipped

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
    path = shipped("templates") / "repair.yaml"
    todo = "compare it with the repair.yaml that ships"
    try:
        return Words.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise TemplateError(str(path), " ".join(str(error).split()), todo) from error
    except ValidationError as error:
        raise TemplateError(str(path), explain(error), todo) from error
