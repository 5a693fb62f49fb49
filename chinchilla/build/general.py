"""General instructions mixed in against forgetting: alpaca or sharegpt, JSON or JSON Lines.

{"instruction": "...", "input": "...", "output": "..."}
{"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}

Field names as LLaMA-Factory documents them: https://github.com/hiyouga/LLaMA-Factory,
data/README.md.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from chinchilla.build.selection import Choice, choose, histogram
from chinchilla.errors import ChinchillaError, ConfigError, InputError, Tally
from chinchilla.readers import jsonl
from chinchilla.readers.lines import ITEM, Slice

GENERAL = "general"
_TODO = "write instruction, input, output (alpaca) or conversations of human and gpt (sharegpt)"
_UNUSED = ("system", "history", "tools")


class GeneralRow(TypedDict):
    """What a row of the file becomes; `id` is made of its place in the file."""

    instruction: str
    input: str
    output: str
    id: str
    source: str
    task: str


class Amount(NamedTuple):
    """How many general rows: `ratio` to the `rows` of extraction, chosen by the seed."""

    ratio: float
    rows: int
    seed: int

    @property
    def target(self) -> int:
        """Return the number of general rows, rounded half up; raise ConfigError below 0."""
        if not 0 <= self.ratio < float("inf"):
            todo = "write 0 or more; 0.5 is one general row to two of extraction"
            raise ConfigError("general", f"the ratio is {self.ratio}", todo)
        return int(Fraction(repr(self.ratio)) * self.rows + Fraction(1, 2))


def general_rows(path: Path, amount: Amount, tally: Tally) -> Iterator[GeneralRow]:
    """Yield the general rows of a build, in the order of the file.

    The file is read twice, nothing of it is held: once to count, once to write. Which rows are
    chosen depends on seed and place alone; where too few are there they are repeated, the
    copies side by side. A row that cannot be read is refused with its path:line (item).
    """
    choice = choose_general(path, amount)
    for row in read_general(path, tally):
        for number in choice.ids(row["id"]):
            yield {**row, "id": number}


def choose_general(path: Path, amount: Amount) -> Choice:
    """Count the rows of a file and decide how often each is written.

    Rows that cannot be read are passed over here; the reading that writes refuses them.
    """
    target = amount.target
    counted = histogram(amount.seed, (row["id"] for row in read_general(path, Tally(True))))
    if target and not counted.rows:
        raise InputError(str(path), "no row that can be read", _TODO)
    return choose(counted, target, amount.seed)


def read_general(path: Path, tally: Tally) -> Iterator[GeneralRow]:
    """Yield every row of a file; what a row holds beside its first turn is counted as mended."""
    part = Slice(path, unit=ITEM if jsonl.is_array(path) else "")
    for place, fields in jsonl.rows(part, tally):
        where = part.at(place)
        try:
            row = _read(fields, where, tally)
        except ChinchillaError as error:
            tally.refuse(error)
        else:
            instruction, words, output = row
            yield {
                "instruction": instruction,
                "input": words,
                "output": output,
                "id": f"{GENERAL}-{place:06d}",
                "source": GENERAL,
                "task": GENERAL,
            }


class _Turn(NamedTuple):
    instruction: str
    input: str
    output: str


def _read(fields: dict[str, Any], where: str, tally: Tally) -> _Turn:
    """Read one row of either form; raise InputError where it is of neither."""
    turn = _sharegpt(fields, where, tally) if "conversations" in fields else _alpaca(fields, where)
    for name in _UNUSED:
        if fields.get(name):
            tally.mend(f"general-{name}-left-out", where)
    return turn


def _alpaca(fields: dict[str, Any], where: str) -> _Turn:
    words = fields.get("input")
    none = words is None or (isinstance(words, str) and not words.strip())
    return _Turn(
        _words(fields, "instruction", where),
        "" if none else _words(fields, "input", where),
        _words(fields, "output", where),
    )


def _sharegpt(fields: dict[str, Any], where: str, tally: Tally) -> _Turn:
    turns = fields["conversations"]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise InputError(where, "conversations is no list of objects", _TODO)
    if turns and turns[0].get("from") == "system":
        turns = turns[1:]
        tally.mend("general-system-left-out", where)
    if [turn.get("from") for turn in turns[:2]] != ["human", "gpt"]:
        raise InputError(where, "the conversation does not begin with human, then gpt", _TODO)
    if len(turns) > 2:
        tally.mend("general-later-turns-left-out", where)
    return _Turn(_words(turns[0], "value", where), "", _words(turns[1], "value", where))


def _words(fields: dict[str, Any], name: str, where: str) -> str:
    """Return a field that must hold words; raise InputError where it does not."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        kind = "empty" if value is None or isinstance(value, str) else type(value).__name__
        raise InputError(where, f"{name} is {kind}, not words", _TODO)
    return value
