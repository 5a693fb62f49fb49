"""Files that travel with the package, and pages rendered from them: text stays text there."""

import re
from pathlib import Path
from typing import Any
from unicodedata import category

RESOURCES = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the folder `templates` or `samples`, inside a wheel or in a checkout."""
    inside = RESOURCES.parent / "shipped" / name
    if inside.is_dir():
        return inside
    return RESOURCES.parent.parent / ("raw/samples" if name == "samples" else name)


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
_MARKS = re.compile(r"[\\`*_\[\]#~$]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_FIRST = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")
_NOT_IN_CODE = frozenset("`\\|<>&")


class Markdown(str):
    """Text that is Markdown already and is put into a page as it is."""

    __slots__ = ()


def render_page(name: str, **values: Any) -> str:
    """Render a page of `resources/pages`; the same values give the same bytes.

    Whatever a value holds stays on its line as plain text: no heading, table, link or tag.
    """
    from jinja2 import Environment, StrictUndefined

    path = RESOURCES / "pages" / name
    environment = Environment(
        autoescape=False,
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = code
    return environment.from_string(path.read_text(encoding="utf-8")).render(**values)


def escape(value: Any) -> Markdown:
    """Return a value as one line of Markdown that reads as the value itself."""
    if isinstance(value, Markdown):
        return value
    text = _MARKS.sub(r"\\\g<0>", _one_line(str(value)))
    text = _FIRST.sub(r"\1\\\2", text)
    return Markdown("".join(_ENTITIES.get(character, character) for character in text))


def code(value: Any) -> Markdown:
    """Return a value as code, or escaped where code could not hold it."""
    text = _one_line(str(value))
    if not text or _NOT_IN_CODE.intersection(text):
        return escape(text)
    return Markdown(f"`{text}`")


def _one_line(text: str) -> str:
    """Join the lines of a text; what cannot be seen is shown by its escape."""
    return "".join(map(_visible, " ".join(text.split())))


def _visible(character: str) -> str:
    hidden = category(character) in ("Cc", "Cf", "Cs")
    return character.encode("unicode_escape").decode("ascii") if hidden else character
