"""What stands around an answer: a thought, its own prompt, tags and special tokens of a model.

Nothing that the text itself holds is taken for one of these.
"""

from collections import Counter

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
    """Tell whether a tag, a token or an invisible mark stands at an end, which the text lacks."""
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


def _leading(words: str, passage: str) -> int:
    size = words.find(">") + 1
    return size if words.startswith("<") and _is_tag(words[:size], passage) else 0


def _trailing(words: str, passage: str) -> int:
    at = words.rfind("<")
    return len(words) - at if at >= 0 and _is_tag(words[at:], passage) else 0


def _is_tag(words: str, passage: str) -> bool:
    inner = words[1:-1].strip("/|")
    named = bool(inner) and all(mark.isalnum() or mark in "_:-" for mark in inner)
    return words.endswith(">") and inner.isascii() and named and words not in passage


def _unboxed(text: str, passage: str) -> str:
    """Take the answer out of the box that models of mathematics put it into."""
    at = text.rfind(_BOX)
    end = text.rfind("}")
    return text if at < 0 or end < at or _BOX in passage else text[at + len(_BOX) : end].strip()
