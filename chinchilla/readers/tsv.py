"""Rows of a fixed number of fields with a tab between them; blank lines stand between rows.

head<TAB>tail<TAB>relation<TAB>sentence
"""

from collections.abc import Iterator

from chinchilla.errors import InputError, Tally
from chinchilla.readers.lines import Slice, text_lines


def rows(part: Slice, fields: int, tally: Tally) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields; spaces in a field are kept, a wrong count is refused."""
    for number, line in text_lines(part, tally):
        if not line:
            continue
        row = line.split("\t")
        if len(row) == fields:
            yield number, row
        else:
            what = f"expected {fields} fields between tabs, found {len(row)}"
            todo = "was the file saved with spaces for tabs?"
            tally.refuse(InputError(part.at(number), what, todo))
