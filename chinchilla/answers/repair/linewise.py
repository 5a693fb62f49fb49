"""Read an answer of a text form line by line, each as it stands or mended in small steps."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from chinchilla.answers.question import Question

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
