"""Tables of text: aligned columns, in which a Chinese character takes two places."""

from collections.abc import Sequence
from unicodedata import east_asian_width

from chinchilla.errors import shown


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a head; columns of numbers are right-aligned, controls are escaped."""
    head, rows = list(map(shown, head)), [list(map(shown, row)) for row in rows]
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(_width, column)) for column in columns]
    numeric = [all(map(_is_number, column[1:])) for column in columns]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(map(_padded, line, widths, numeric)).rstrip() for line in lines)


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: two for each wide character."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "", 1).isdigit() or cell in ("", "-")
