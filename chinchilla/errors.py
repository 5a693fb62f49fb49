"""Every error raised on purpose.

    ChinchillaError         any error of ours: where, what is wrong, what to do next
    ├── InputError          a raw file is missing or is not of the shape it should have
    ├── RecordError         a record that would break the schema
    │   └── LabelError      a label that is on no card
    ├── CardError           a source card that cannot be used
    ├── AnswerError         an answer that cannot be parsed
    ├── ConfigError         an option, a template or a build.toml that cannot be used
    ├── EngineError         a model that cannot be loaded or queried
    │   ├── ConstraintError answers that cannot be constrained to a grammar; free decoding goes on
    │   └── PromptError     one prompt that gets no answer; others may
    ├── LengthError         a prompt that leaves no room for its text, or for an answer
    └── TrainError          a training that cannot begin or go on

Each is one line: `where: what is wrong; what to do next`.
"""

import re
from pathlib import PurePath

_CONTROLS = re.compile(
    # C0, DEL, C1; marks that turn the direction of writing; line ends; halves of surrogate pairs
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def shown(text: str | PurePath) -> str:
    """Return a text as one line that no terminal acts on: controls are escapes.

    So are the bytes of a path that is not UTF-8.
    """
    return _CONTROLS.sub(lambda match: _escape(match.group()), str(text))


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python holds such a byte
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class ChinchillaError(Exception):
    """Any error of ours: where the problem is, what is wrong and what to do next."""

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
    """Raised when a label is on no card."""

    reason = "unknown-label"


class CardError(ChinchillaError):
    """Raised when a source card cannot be used."""


class AnswerError(ChinchillaError):
    """Raised when an answer cannot be parsed."""

    reason = "bad-answer"


class ConfigError(ChinchillaError):
    """Raised when an option, a template or a configuration file cannot be used."""


class EngineError(ChinchillaError):
    """Raised when a model cannot be loaded or queried."""


class ConstraintError(EngineError):
    """Raised when answers cannot be constrained to a grammar; the caller may decode freely."""


class PromptError(EngineError):
    """Raised when one prompt gets no answer; `reason` says why, in a word to count by."""

    reason = "no-answer"


class LengthError(ChinchillaError):
    """Raised when a prompt leaves no room for its text, or a model none for an answer."""

    reason = "too-long"


class TrainError(ChinchillaError):
    """Raised when a training cannot begin or go on."""
