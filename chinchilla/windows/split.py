"""Where to cut a long text: windows that end at sentence ends and fit a budget.

甲在上海。乙在北京。丙在广州。  with a budget of 10 characters  ->  [(0, 10), (10, 15)]
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chinchilla.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


Measure = Callable[[str], int]
"""Counts how long a text is; 0 for an empty one."""


def characters(text: str) -> int:
    """Count the code points of a text."""
    return len(text)


@dataclass(frozen=True)
class Tokens:
    """Count the tokens of a text, special ones apart; can be sent to another process."""

    tokenizer: "Tokenizer"

    def __call__(self, text: str) -> int:
        """Count the tokens of a text."""
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids)


def tokenizer_file(path: Path) -> Path:
    """Return the file of a tokenizer, which may be named by its folder."""
    return path / "tokenizer.json" if path.is_dir() else path


def tokens_of(path: Path) -> Measure:
    """Read a tokenizer and return the measure that counts its tokens.

    `path` is a tokenizer.json, or a folder that holds one. Raises ConfigError where it cannot
    be read.
    """
    # the library takes a tenth of a second to import
    from tokenizers import Tokenizer

    file = tokenizer_file(path)
    if not file.is_file():
        todo = "pass a tokenizer.json or a folder that holds one"
        raise ConfigError(f"tokenizer {path}", f"no such file: {file}", todo)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        todo = "pass a tokenizer.json as the tokenizers library writes it"
        raise ConfigError(f"tokenizer {file}", f"cannot be read ({error})", todo) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Tokens(tokenizer)


Range = tuple[int, int]
"""Code points of a text, start inclusive, end exclusive."""

# closing quotes and brackets that belong to the sentence before them
_CLOSING = r"[”’」』】）)》〉\]]*"
# an end of a sentence: 。！？；!?; or …… with what closes behind it (。”), a straight quote (it may
# close: see `sentence_ranges`), or a line break with the white space behind it
_MARKS = re.compile(rf'(?:(?:[。！？；!?;]|…{{2,}})+{_CLOSING})+|"{_CLOSING}|\n\s*')
_SPACES = re.compile(r"\s*")
# a clause with the commas or spaces behind it; the comma of 1,000 is none
_CLAUSES = re.compile(r"(?:[^，、,\s]|,(?=\d))*(?:(?:[，、]|,(?!\d)|\s)+|\Z)")
# <N> is a number in FinRE and SanWen: one token, never cut
_STEPS = re.compile(r"<N>|.", re.DOTALL)


def sentence_ranges(text: str) -> list[Range]:
    """Cut a text after every sentence, without a gap.

    Closing quotes, brackets and white space after a sentence end belong to the sentence. A
    straight quote closes where it is the second, fourth ... one of its line.
    """
    ends: list[int] = []
    quoted = False
    for mark in _MARKS.finditer(text):
        if mark[0][0] == '"':
            quoted = not quoted
            if quoted or not ends or ends[-1] != mark.start():
                continue
            ends.pop()
        elif mark[0][0] == "\n":
            quoted = False
        ends.append(mark.end())
    spaces = [_SPACES.match(text, end) for end in [*ends, len(text)]]
    stops = [match.end() for match in spaces if match]
    return [(start, end) for start, end in pairwise([0, *stops]) if start < end]


def cut_windows(text: str, budget: int, overlap: int, measure: Measure) -> list[Range]:
    """Cut a text into windows that cover it, none of which measures more than the budget.

    Windows end at sentence ends; a sentence over the budget is cut after commas and spaces,
    and where that is not enough, anywhere but inside <N>. Neighbours share whole sentences
    that together measure at most `overlap`. A text within the budget is one window, an empty
    one none. Raises ConfigError where the budget holds not even one character, or is not
    more than the overlap.
    """
    if budget < 1 or not 0 <= overlap < budget:
        where = f"budget {budget}, overlap {overlap}"
        todo = "let the budget be 1 or more and the overlap at least 0 and less than it"
        raise ConfigError(where, "no window can be cut", todo)
    if measure(text) <= budget:
        return [(0, len(text))] if text else []
    packer = _Packer(text, list(_units(text, budget, measure)), budget, overlap, measure)
    return list(packer.windows())


class _Unit(NamedTuple):
    """A stretch that fits the budget; `whole` where it is a whole sentence."""

    start: int
    end: int
    size: int
    whole: bool


def _units(text: str, budget: int, measure: Measure) -> Iterator[_Unit]:
    for start, end in sentence_ranges(text):
        size = measure(text[start:end])
        if size <= budget:
            yield _Unit(start, end, size, whole=True)
        else:
            yield from _pieces(text, (start, end), budget, measure)


def _pieces(text: str, sentence: Range, budget: int, measure: Measure) -> Iterator[_Unit]:
    """Cut a sentence over the budget after commas and spaces, else as late as it fits."""
    for clause in _CLAUSES.finditer(text, *sentence):
        start, end = clause.span()
        size = measure(text[start:end])
        if size <= budget:
            if start < end:
                yield _Unit(start, end, size, whole=False)
            continue
        stops = [step.end() for step in _STEPS.finditer(text, start, end)]
        done = 0
        while done < len(stops):
            done = _longest(text, start, stops, done, Limit(budget, measure))
            size = measure(text[start : stops[done - 1]])
            yield _Unit(start, stops[done - 1], size, whole=False)
            start = stops[done - 1]


class Limit(NamedTuple):
    """A budget and how it is counted."""

    budget: int
    measure: Measure


def _longest(text: str, start: int, stops: list[int], done: int, limit: Limit) -> int:
    """Return how many of the stops are passed by the longest stretch from start that fits."""

    def fits(count: int) -> bool:
        return limit.measure(text[start : stops[count - 1]]) <= limit.budget

    low, reach = done, 1
    while done + reach <= len(stops) and fits(done + reach):
        low = done + reach
        reach *= 2
    high = min(done + reach, len(stops) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    if low == done:
        character = text[start : stops[done]]
        size = limit.measure(character)
        todo = f"raise the budget to {size} or more"
        raise ConfigError(f"budget {limit.budget}", f"{character!r} alone measures {size}", todo)
    return low


@dataclass(frozen=True)
class _Packer:
    """Packs units into windows."""

    text: str
    units: list[_Unit]
    budget: int
    overlap: int
    measure: Measure

    def windows(self) -> Iterator[Range]:
        """Yield windows until each unit is in one."""
        first, fresh = 0, 0
        while fresh < len(self.units):
            last = self._last(first, fresh)
            yield self.units[first].start, self.units[last - 1].end
            first, fresh = self._first(first + 1, last), last

    def _size(self, first: int, last: int) -> int:
        return self.measure(self.text[self.units[first].start : self.units[last - 1].end])

    def _last(self, first: int, fresh: int) -> int:
        """Return the end of the window that begins at `first` and holds `fresh`."""
        total = sum(unit.size for unit in self.units[first : fresh + 1])
        last = fresh + 1
        while last < len(self.units) and total + self.units[last].size <= self.budget:
            total += self.units[last].size
            last += 1
        while last > fresh + 1 and self._size(first, last) > self.budget:
            last -= 1
        return last

    def _first(self, floor: int, fresh: int) -> int:
        """Return where the window that holds `fresh` begins: at what it shares, if anything."""
        if fresh == len(self.units):
            return fresh
        room = min(self.overlap, self.budget - self.units[fresh].size)
        first = fresh
        while first > floor and self.units[first - 1].whole:
            room -= self.units[first - 1].size
            if room < 0:
                break
            first -= 1
        while first < fresh and (
            self._size(first, fresh) > self.overlap or self._size(first, fresh + 1) > self.budget
        ):
            first += 1
        return first
