"""Every error raised on purpose, and the tally of what was refused or mended.

    ChinchillaError         any error of ours: where, what is wrong, what to do next
    ├── InputError          a raw file is missing or is not of the shape it should have
    ├── RecordError         a record that would break the schema
    │   └── LabelError      a label that stands on no card
    ├── CardError           a source card that cannot be used
    ├── TemplateError       a template that cannot be used
    ├── AnswerError         an answer that cannot be parsed
    ├── ConfigError         an option or a build.toml that cannot be used
    ├── EngineError         a model that cannot be loaded or asked
    │   ├── ConstraintError answers that cannot be held to a grammar; free decoding goes on
    │   └── PromptError     one prompt that gets no answer; others may
    ├── LengthError         a prompt that leaves no room for its text, or for an answer
    └── TrainError          a training that cannot begin or go on

Each is one line: `where: what is wrong; what to do next`.
"""

import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

_CONTROLS = re.compile(
    # C0, DEL, C1; marks that turn the direction of writing; line ends; halves of surrogate pairs
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def shown(text: str | PurePath) -> str:
    """Return a text of others as one line that no terminal acts on: controls are escapes.

    So are the bytes of a path that is not UTF-8.
    """
    return _CONTROLS.sub(lambda one: _escape(one.group()), str(text))


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python holds such a byte
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class ChinchillaError(Exception):
    """Tell where the problem is, what is wrong and what to do next."""

    reason: str = "error"

    def __init__(self, where: str, what: str, todo: str, reason: str = "") -> None:
        """Keep the three parts as arguments, so that the error survives pickling.

        `reason` is the kind of problem it is counted under, where its class says too little.
        """
        super().__init__(where, what, todo)
        self.where, self.what, self.todo = where, what, todo
        if reason:
            self.reason = reason

    def __str__(self) -> str:
        """Join the parts to one line, whatever characters the input put into them."""
        return shown(f"{self.where}: {self.what}; {self.todo}")


class InputError(ChinchillaError):
    """Raised when a raw file is missing or is not of the shape it should have."""

    reason = "bad-line"


AS_UTF8 = "save it as UTF-8: iconv -f GB18030 -t UTF-8 OLD > NEW, if it is GBK"


def not_utf8(where: str, content: bytes) -> InputError | None:
    """Return an error for bytes that are not UTF-8, whatever a decoder calls them."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return InputError(where, "not UTF-8", AS_UTF8, reason="not-utf8")
    return None


class RecordError(ChinchillaError):
    """Raised when a record would break the schema."""

    reason = "bad-record"


class LabelError(RecordError):
    """Raised when a label stands on no card."""

    reason = "unknown-label"


class CardError(ChinchillaError):
    """Raised when a source card cannot be used."""


class TemplateError(ChinchillaError):
    """Raised when a template cannot be used."""


class AnswerError(ChinchillaError):
    """Raised when an answer cannot be parsed."""

    reason = "bad-answer"


class ConfigError(ChinchillaError):
    """Raised when an option or a configuration file cannot be used."""


class EngineError(ChinchillaError):
    """Raised when a model cannot be loaded or asked."""


class ConstraintError(EngineError):
    """Raised when answers cannot be held to a grammar; the caller may decode freely."""


class PromptError(EngineError):
    """Raised when one prompt gets no answer; `reason` says why, in a word to count by."""

    reason = "no-answer"


class LengthError(ChinchillaError):
    """Raised when a prompt leaves no room for its text, or a model none for an answer."""

    reason = "too-long"


class TrainError(ChinchillaError):
    """Raised when a training cannot begin or go on."""


PLACES = 3
"""How many places a count names; the number says how many more there are."""


class Count(NamedTuple):
    """How often something happened, the first places it happened at, and what to do about it."""

    times: int
    example: str
    places: tuple[str, ...] = ()
    todo: str = ""

    def plus(self, later: "Count") -> "Count":
        """Return both as one: the first places are kept, and the first advice."""
        places = (self.places + later.places)[:PLACES]
        return Count(self.times + later.times, self.example, places, self.todo or later.todo)


@dataclass
class Tally:
    """Count what was refused, what was mended and what is suspicious, with the first examples.

    A tally that is not `forgiving` raises instead of refusing: the default of every command.
    `keep` is how many errors of each reason are kept whole. What is refused is a record; `lost`
    is a part of one that is kept without it.
    What is warned of is read all the same; a warning says which setting or command would fit.
    """

    forgiving: bool = False
    keep: int = 0
    refused: dict[str, Count] = field(default_factory=dict)
    fixed: dict[str, Count] = field(default_factory=dict)
    warned: dict[str, Count] = field(default_factory=dict)
    lost: dict[str, Count] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def times(self) -> int:
        """Return how often anything was refused."""
        return sum(count.times for count in self.refused.values())

    def refuse(self, error: ChinchillaError) -> None:
        """Raise the error, or count it when the user asked to go on."""
        if not self.forgiving:
            raise error
        _add(self.refused, error.reason, Count(1, str(error), (error.where,), error.todo))
        if self.refused[error.reason].times <= self.keep:
            self.errors.append(str(error))

    def lose(self, error: ChinchillaError) -> None:
        """Raise the error, or count it as a part left out of a record that is kept."""
        if not self.forgiving:
            raise error
        _add(self.lost, error.reason, Count(1, str(error), (error.where,), error.todo))
        if self.lost[error.reason].times <= self.keep:
            self.errors.append(str(error))

    def drop(self, reason: str, example: str) -> None:
        """Count a record left out for a reason that is no error."""
        _add(self.refused, reason, Count(1, example, (example,)))

    def fix(self, reason: str, example: str) -> None:
        """Count a known quirk of a source that was put right."""
        _add(self.fixed, reason, Count(1, example, (example,)))

    def warn(self, reason: str, where: str, todo: str) -> None:
        """Count what was read as it stands and looks wrong, and say what would mend it."""
        _add(self.warned, reason, Count(1, where, (where,), todo))

    def merge(self, other: "Tally") -> None:
        """Add the counts of a later part of the same input."""
        for name in ("refused", "fixed", "warned", "lost"):
            mine = getattr(self, name)
            for reason, count in getattr(other, name).items():
                _add(mine, reason, count)
        self.errors.extend(other.errors)


def _add(counts: dict[str, Count], reason: str, more: Count) -> None:
    known = counts.get(reason)
    counts[reason] = known.plus(more) if known else more
