"""General instructions against forgetting: read, chosen, written as `general/train.jsonl`."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import Job
from chinchilla.dataset.selection import Choice, choose, histogram
from chinchilla.dataset.shard import Counts, Totals, dump_row
from chinchilla.dataset.write import Written
from chinchilla.errors import ChinchillaError, ConfigError, InputError, Tally
from chinchilla.export.lengths import row_length
from chinchilla.readers import jsonl
from chinchilla.readers.lines import Slice
from chinchilla.schema import InstructionRow, Split
from chinchilla.windows.split import Measure

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
    part = Slice(path)
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


TARGET = f"{GENERAL}/train.jsonl"


class General(NamedTuple):
    """The general rows of a build: the file of them, none where none are mixed in, and counts."""

    outputs: dict[str, Written]
    counts: Counts

    @property
    def totals(self) -> Totals:
        """Return the counts under the name of a source, where there is a file."""
        return {(GENERAL, "train"): self.counts} if self.outputs else {}


def add_general(config: BuildConfig, done: Mapping[Job, Counts], folder: Path) -> General:
    """Write the general rows of a build, in the ratio asked for to its rows of train."""
    counts = Counts(tally=Tally(forgiving=config.on_error == "count"))
    if not config.general.path:
        return General({}, counts)
    rows = sum(counts.rows for job, counts in done.items() if job.split == "train")
    target, digest = folder / TARGET, sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        for row in _rows(config, rows, counts.tally):
            line = dump_row(row, counts)
            counts.rows += 1
            digest.update(line)
            out.write(line)
    return General({TARGET: Written(digest.hexdigest(), counts.bytes, counts.rows)}, counts)


def weigh_general(
    config: BuildConfig, sums: Mapping[tuple[str, Split], Counts], measure: Measure | None
) -> Counts:
    """Count the general rows that a build would write, and their tokens where they are told."""
    counts = Counts(tally=Tally(forgiving=config.on_error == "count"))
    if config.general.path:
        rows = sum(counts.rows for (_, split), counts in sums.items() if split == "train")
        for row in _rows(config, rows, counts.tally):
            dump_row(row, counts)
            counts.rows += 1
            if measure is not None:
                counts.tokens[row_length(row, measure)] += 1
    return counts


def _rows(config: BuildConfig, rows: int, tally: Tally) -> Iterator[InstructionRow]:
    amount = Amount(config.general.ratio, rows, config.seed)
    for row in general_rows(Path(config.general.path), amount, tally):
        yield _instruction_row(dict(row))


def _instruction_row(row: dict[str, Any]) -> InstructionRow:
    """Fill in what a row of extraction has and a general one has not."""
    further = {"record_id": row["id"], "subtask": GENERAL, "template": GENERAL, "form": "text"}
    return InstructionRow(**row, **further, labels=(), window=(0, 0))
