"""Open what was escaped or quoted once too often: an answer, a line or an item in a JSON string."""

import re
from collections import Counter
from html import unescape
from json import loads

from chinchilla.answers.repair.scan import Group, Scan, whole

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.)|\Z)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}
_BRACKETS = ("{", "[", "｛", "［")
_BROKEN = ("cut", "truncated", "brackets")
_DEEP = 3
"""How often an answer may be quoted as a whole."""


def unescaped(words: str) -> str:
    """Decode the escapes of a JSON string; before any other character a backslash goes."""
    if "\\" not in words:
        return words
    return whole(_ESCAPE.sub(_character, words))


def _character(found: re.Match[str]) -> str:
    code, char = found.groups()
    return chr(int(code, 16)) if code else _PLAIN.get(char, char or "")


def opened(text: str, structured: bool, notes: Counter[str]) -> str:
    """Take an answer out of the JSON string it stands in, or each of its lines out of one.

    `structured` says that brackets are expected inside: words alone stay as they are.
    """
    inner: str | None = text
    for depth in range(1, _DEEP + 1):
        inner = _inner((inner or "").strip())
        if inner is None:
            break
        if not structured or inner.lstrip().startswith(_BRACKETS):
            text, notes["escapes"] = inner, depth
    return text


def _inner(text: str) -> str | None:
    if '"' not in text:
        return unescape(text) if "&quot;" in text and text[:1] != "&" else None
    found = _words(text)
    return _all_escaped(text) if found is None else found


def _words(text: str) -> str | None:
    """Return the strings that a text, or each of its lines, consists of."""
    if not text.startswith(('"', "[")):
        return None
    whole_text = _loaded(text)
    if isinstance(whole_text, str):
        return whole_text
    if isinstance(whole_text, list):
        lines = whole_text
    else:
        lines = [_loaded(line.strip().rstrip(",")) for line in text.split("\n") if line.strip()]
    if lines and all(isinstance(line, str) for line in lines):
        return "\n".join(map(str, lines))
    return None


def _loaded(text: str) -> object:
    if not text.endswith(('"', "]")):
        return None
    try:
        found: object = loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _all_escaped(text: str) -> str | None:
    """Decode a text in which every double quote but those around it is escaped."""
    body = text[1:] if text.startswith('"') else text
    if body.endswith('"') and not body.endswith('\\"'):
        body = body[:-1]
    quotes = body.count('"')
    return unescaped(body) if quotes and quotes == body.count('\\"') else None


def holds_group(words: str, passage: str | None) -> bool:
    """Tell whether words that do not stand in the text are JSON."""
    return _group(words, passage) is not None


def open_strings(root: Group, passage: str | None, notes: Counter[str]) -> None:
    """Put for each string that is JSON and does not stand in the text what it holds."""
    waiting = [root]
    while waiting:
        members = waiting.pop().members
        for at, (key, value) in enumerate(members):
            if isinstance(value, Group):
                waiting.append(value)
            elif isinstance(value, str) and (inner := _group(value, passage)):
                members[at] = (key, inner)
                notes["escapes"] += 1


def _group(words: str, passage: str | None) -> Group | None:
    if words[:1] not in ("{", "[") or words[-1:] not in ("}", "]"):
        return None
    if ('"' not in words and "'" not in words) or (passage is not None and words in passage):
        return None
    notes: Counter[str] = Counter()
    scan = Scan(words, 0, notes)
    group = scan.read()
    return None if scan.end < len(words) or any(notes[name] for name in _BROKEN) else group
