"""Rows of a fixed number of fields with a tab between them; blank lines stand between rows.

head<TAB>tail<TAB>relation<TAB>sentence
"""

from collections.abc import Iterator

from chinchilla.errors import InputError
from chinchilla.readers.lines import Slice, text_lines
from chinchilla.readers.recognise import Kind, Refusals
from chinchilla.tally import Tally

_WANTED: frozenset[Kind] = frozenset({"tsv"})


def rows(
    part: Slice, fields: int, tally: Tally, broken: list[str] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields; spaces in a field are kept, a wrong count is refused.

    The last field of what was refused is added to `broken`: a row may tell of others what it is.
    """
    refusals = Refusals(part.path, _WANTED, tally)
    for number, line in text_lines(part, tally):
        if not line.strip(" "):
            continue
        row = line.split("\t")
        if len(row) == fields:
            yield number, row
        elif not refusals.goes_on(_wrong_count(part.at(number), fields, line)):
            return
        elif broken is not None:
            broken.append(row[-1])


def _wrong_count(where: str, fields: int, line: str) -> InputError:
    found = line.count("\t") + 1
    what = f"expected {fields} fields between tabs, found {found}"
    todo = f"write {fields} fields with a tab between them"
    if found == 1 and len(line.split(maxsplit=fields - 1)) == fields:
        todo = "was the file saved with spaces for tabs?"
    elif found >= 2 * fields - 1:
        todo = "one row a line: are the line breaks lost?"
    return InputError(where, what, todo, reason="wrong-number-of-fields")
