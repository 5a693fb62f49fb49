"""General instructions against forgetting: read, chosen, written as `general/train.jsonl`.

Files are of alpaca or of ShareGPT form, JSON Lines or one array:

    {"instruction": "...", "input": "...", "output": "..."}
    {"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.selection import choose, histogram
from chinchilla.dataset.shard import ShardCounts, dump_row, row_length
from chinchilla.errors import ChinchillaError, InputError
from chinchilla.prompts.budget import measure_of
from chinchilla.readers import jsonl
from chinchilla.readers.lines import Slice
from chinchilla.schema import InstructionRow
from chinchilla.tally import Tally

GENERAL = "general"
_TODO = "write instruction, input, output (alpaca) or conversations of human and gpt (sharegpt)"
_UNUSED = ("system", "history", "tools")


def write_general(
    config: BuildConfig, rows: int, write: Callable[[bytes], object] = len
) -> ShardCounts:
    """Write the general rows that go with `rows` rows of extraction, and return their counts.

    The file is read twice, nothing of it is kept: once to count, once to write. Raises
    InputError for a file of which no row can be read, and for each row that cannot, unless the
    configuration counts errors.
    """
    counts = ShardCounts(tally=Tally(forgiving=config.on_error == "count"))
    measure = measure_of(config.windows) if config.windows.tokenizer else None
    path = Path(config.general.path)
    # half a row is rounded up; the ratio is read as it was written: 0.1 is one tenth
    target = int(Fraction(repr(config.general.ratio)) * rows + Fraction(1, 2))
    # rows that cannot be read are passed over here: they are counted when they are read again
    counted = histogram(config.seed, (row.id for row in read_general(path, Tally(forgiving=True))))
    if target and not counted.rows:
        raise InputError(str(path), "no row that can be read", _TODO)
    choice = choose(counted, target, config.seed)
    for row in read_general(path, counts.tally):
        for row_id in choice.ids(row.id):
            write(dump_row(row.model_copy(update={"id": row_id, "record_id": row_id}), counts))
            counts.rows += 1
            if measure is not None:
                counts.tokens[row_length(row, measure)] += 1
    return counts


def read_general(path: Path, tally: Tally) -> Iterator[InstructionRow]:
    """Yield every row of a file; what it has beside its first turn is counted as fixed."""
    part = Slice(path)
    for number, fields in jsonl.rows(part, tally):
        where, row_id = part.at(number), f"{GENERAL}-{number:06d}"
        try:
            instruction, text, output = _turn(fields, where, tally)
        except ChinchillaError as error:
            tally.refuse(error)
            continue
        yield InstructionRow(
            instruction=instruction,
            input=text,
            output=output,
            id=row_id,
            record_id=row_id,
            source=GENERAL,
            task=GENERAL,
            subtask=GENERAL,
            template=GENERAL,
            form="text",
            labels=(),
            window=(0, 0),
        )


def _turn(fields: dict[str, Any], where: str, tally: Tally) -> tuple[str, str, str]:
    """Instruction, input and output of a row; InputError where it is of neither form."""
    if "conversations" in fields:
        turn = _sharegpt(fields["conversations"], where, tally)
    else:
        text = fields.get("input")
        empty = text is None or (isinstance(text, str) and not text.strip())
        turn = (
            _text(fields, "instruction", where),
            "" if empty else _text(fields, "input", where),
            _text(fields, "output", where),
        )
    for name in _UNUSED:
        if fields.get(name):
            tally.fix(f"general-{name}-left-out", where)
    return turn


def _sharegpt(turns: object, where: str, tally: Tally) -> tuple[str, str, str]:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise InputError(where, "conversations is no list of objects", _TODO)
    if turns and turns[0].get("from") == "system":
        turns = turns[1:]
        tally.fix("general-system-left-out", where)
    if [turn.get("from") for turn in turns[:2]] != ["human", "gpt"]:
        raise InputError(where, "the conversation does not begin with human, then gpt", _TODO)
    if len(turns) > 2:
        tally.fix("general-later-turns-left-out", where)
    return _text(turns[0], "value", where), "", _text(turns[1], "value", where)


def _text(fields: dict[str, Any], name: str, where: str) -> str:
    """Text of a field; InputError where it is empty or no string."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        kind = "empty" if value is None or isinstance(value, str) else type(value).__name__
        raise InputError(where, f"{name} is {kind}, not text", _TODO)
    return value
