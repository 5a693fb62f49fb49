"""The Python API: read a source, render rows, parse answers, score, build.

    import chinchilla as ch

    dev = ch.load("finre", "dev")
    rows = list(ch.render(dev, form="lines"))
    parsed = ch.parse(rows[0].output, rows[0])
    print(ch.score(dev, dev))

Each function does what the command of that name does, and raises `chinchilla.errors` with the
place, what is wrong and what to do next.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

from pydantic import TypeAdapter, ValidationError

from chinchilla.answers.repair import Status, read_answer
from chinchilla.corpus import find
from chinchilla.corpus.card import Card
from chinchilla.corpus.unread import find_split
from chinchilla.dataset.build import build as build_plan
from chinchilla.dataset.config import read_config
from chinchilla.dataset.manifest import Manifest
from chinchilla.dataset.plan import make_plan
from chinchilla.dataset.read import RowsFile, hashed_lines, open_processed, read_labels, rows
from chinchilla.errors import ConfigError
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import query_of
from chinchilla.prompts.render import Prompter
from chinchilla.schema import (
    SPLITS,
    TASKS,
    Entity,
    Event,
    InstructionRow,
    LabelSet,
    Record,
    Relation,
    Split,
    Task,
    explain,
)
from chinchilla.score.counts import ScoreOptions
from chinchilla.score.evaluate import evaluate
from chinchilla.score.result import Result
from chinchilla.score.rows import Rows, read_rows
from chinchilla.tally import Tally
from chinchilla.templates import check_template_ids

RAW = Path("raw")


@dataclass(frozen=True, repr=False)
class Records(Sequence[Record]):
    """The records of one split of a source, in the order of its files.

    `labels` are those of the edition that was read, `sample` tells whether it was the shipped
    sample, and `tally` counts what was left out, fixed or warned of, with the first places.
    """

    records: tuple[Record, ...]
    labels: LabelSet
    split: Split
    edition: str
    sample: bool
    tally: Tally

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> "Records": ...

    def __getitem__(self, index: int | slice) -> "Record | Records":
        """Return a record, or some of them with their labels."""
        if isinstance(index, slice):
            return replace(self, records=self.records[index])
        return self.records[index]

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __repr__(self) -> str:
        """Return source, split, edition and size in one line."""
        kind = "the sample" if self.sample else "files"
        return f"<{self.labels.source} {self.split}, {self.edition}, {kind}: {len(self)} records>"


def sources(raw: str | Path = "raw") -> dict[str, Card]:
    """Return the card of every source: those that ship, and those under a folder of raw files.

    Args:
        raw: folder with a folder a source, those of your own with their `card.toml`.

    Returns:
        The cards by the names that `load` takes, sorted: title, task, licence, editions, labels.

    Raises:
        CardError: where a card under `raw` is wrong.

    Example:
        >>> import chinchilla as ch
        >>> ch.sources()["finre"].task
        're'
    """
    cards = find.cards(_raw(raw))
    return {name: cards[name] for name in sorted(cards)}


def _raw(folder: str | Path) -> Path:
    """Return a folder of raw files; the usual one need not exist, as the samples stand in."""
    path = _path("raw", folder)
    if path != RAW and not path.is_dir():
        raise ConfigError(str(path), "no such folder", "pass the folder of raw files as raw=")
    return path


def _path(name: str, value: object) -> Path:
    _check(name, value, (str, Path), "a path")
    return Path(str(value))


def _check(name: str, value: object, kind: type | tuple[type, ...], what: str) -> None:
    """Raise ConfigError for an argument of another type."""
    if not isinstance(value, kind):
        raise ConfigError(name, f"is of type {type(value).__name__}", f"pass {what}")


def _choose(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(name, f"there is no {value!r}", f"use {', '.join(known)}")


def load(
    source: str,
    split: Split,
    *,
    raw: str | Path = "raw",
    edition: str | None = None,
    on_error: Literal["stop", "count"] = "stop",
) -> Records:
    """Return the records of a split of a source.

    Args:
        source: its name, as `sources` lists it.
        split: `train`, `dev` or `test`.
        raw: folder with a folder a source; where it holds no files at all, the sample is read.
        edition: edition to read, where a source has several.
        on_error: `stop` at the first bad record, or `count` and leave it out.

    Returns:
        The records, with the labels, the edition and the tally of what was not read.

    Raises:
        InputError: where there are no files, or a record is wrong.
        ConfigError: where there is no such source or edition.

    Example:
        >>> import chinchilla as ch
        >>> dev = ch.load("finre", "dev")
        >>> dev[0].relations[0].predicate in dev.labels.by_key
        True
    """
    _check("source", source, str, "the name of a source")
    _choose("split", split, SPLITS)
    _choose("on_error", on_error, ("stop", "count"))
    found = find_split(source, split, _raw(raw), edition)
    tally = Tally(forgiving=on_error == "count")
    tally.merge(found.tally)
    records = tuple(find.records(found, split, tally))
    labels = found.card.label_set(found.edition.name)
    return Records(records, labels, split, found.edition.name, found.sample, tally)


def render(
    records: Iterable[Record],
    *,
    form: str = "json",
    seed: int = 0,
    labels: LabelSet | None = None,
    prompts: Mapping[str, Any] | None = None,
) -> Iterator[InstructionRow]:
    """Yield the instruction rows of records, as a build with these settings writes them.

    Args:
        records: what `load` returned, or records of one source with their `labels`.
        form: answer format: `json`, `lines`, `code` or `tuple`.
        seed: decides templates, label order and whatever else is drawn.
        labels: the labels to ask; those of `records` where not given.
        prompts: settings of the table `[prompts]` of build.toml, but for those that look at
            other records: `null_share`, `demonstrations` and `hard_negatives`.

    Raises:
        ConfigError: for a setting that there is not, or where no labels are known.

    Example:
        >>> import chinchilla as ch
        >>> row = next(ch.render(ch.load("finre", "dev"), form="lines"))
        >>> row.task, row.form
        ('re', 'lines')
    """
    if labels is None:
        if not isinstance(records, Records):
            todo = "pass what `load` returned, or records with labels="
            raise ConfigError("render", "the labels of these records are not known", todo)
        labels = records.labels
    _check("labels", labels, LabelSet, "labels as `load(...).labels`")
    prompter = Prompter(labels, seed, _prompt_options(form, seed, prompts or {}))
    return (row for record in _records("records", records) for row in prompter.rows(record))


_OF_A_BUILD = ("null_share", "demonstrations", "hard_negatives")
"""Settings of prompts that are decided over all records of a build."""


def _prompt_options(form: str, seed: int, prompts: Mapping[str, Any]) -> PromptOptions:
    _check("prompts", prompts, Mapping, "a mapping of settings")
    for name in _OF_A_BUILD:
        if name in prompts:
            todo = "leave it out here, or use `build`"
            raise ConfigError(f"prompts.{name}", "looks at other records too", todo)
    settings = {"seed": seed, "prompts": {"forms": [form], **prompts}}
    options = read_config(None, settings).prompts
    check_template_ids(options.wordings)
    return options


def _records(name: str, records: Iterable[Record]) -> Iterator[Record]:
    for number, record in enumerate(records, start=1):
        _check(f"{name}, item {number}", record, Record, "records, as `load` returns them")
        yield record


class Parsed(NamedTuple):
    """What an answer says: its items, how it could be read, and what was odd about it.

    `status` is ok, ok_empty, repaired, repaired_partial, failed or refusal; `notes` counts what
    was repaired, by kind (docs/en/answer-forms.md).
    """

    items: tuple[Entity | Relation | Event, ...]
    status: Status
    notes: dict[str, int]


def parse(
    answer: str, row: InstructionRow, *, text: str | None = None, labels: LabelSet | None = None
) -> Parsed:
    """Return what a model's raw answer to a row says.

    Args:
        answer: the text as the model wrote it; whatever it says, it is read.
        row: the row that was asked.
        text: the text of its record; with it, odd strings are read as they are in the text.
        labels: the labels of its source; those of the card of that name where not given.

    Returns:
        Entities, relations or events under the labels of the source, in the order of the answer.

    Raises:
        ConfigError: where the row asks a label that is none of `labels`.
        CardError: where no labels are given and there is no card of the row's source.

    Example:
        >>> import chinchilla as ch
        >>> row = next(ch.render(ch.load("finre", "dev")))
        >>> ch.parse("```json\\n" + row.output + "\\n```", row).status
        'repaired'
    """
    _check("answer", answer, str, "the text of the answer")
    _check("row", row, InstructionRow, "the row that was asked")
    _check("text", text, (str, type(None)), "the text of the record")
    _check("labels", labels, (LabelSet, type(None)), "labels as `load(...).labels`")
    if labels is None:
        labels = find.load_card(row.source, RAW).label_set()
    reading = read_answer(answer, query_of(row, labels), row.form, text, row.instruction)
    content = reading.content
    items: tuple[Entity | Relation | Event, ...] = (
        *content.entities,
        *content.relations,
        *content.events,
    )
    return Parsed(items, reading.status, dict(sorted(reading.notes.items())))


def score(
    gold: Iterable[Record | Mapping[str, Any]] | str | Path,
    predicted: Iterable[Record | Mapping[str, Any]] | str | Path,
    **options: Any,
) -> Result:
    """Return the score of predicted records, paired with gold ones by id.

    Args:
        gold: what `load` returned, records, objects of the exchange format, or a file of them.
        predicted: the same; what is predicted need not be valid.
        options: fields of `chinchilla.score.counts.ScoreOptions`: `task` (needed for two files),
            `metrics`, `na`, `bootstrap` (1000 resamples for the intervals), `seed`, `by`,
            `allow_extra`.

    Returns:
        The result: `print` shows each metric with counts, interval and signature; `.precision`,
        `.recall`, `.f1` and `.interval` are those of the headline metric, `.errors()` tells what
        kind of mistake each wrong item is.

    Raises:
        InputError: for a row that does not have the shape of a record.
        ConfigError: for a metric of another task, or predictions of other documents.

    Example:
        >>> import chinchilla as ch
        >>> dev = ch.load("finre", "dev")
        >>> ch.score(dev, dev, bootstrap=0).f1
        1.0
    """
    task = options.get("task")
    if task is None and isinstance(gold, Records):
        task = gold.labels.task
    chosen = _score_options({"bootstrap": 1000, **options, "task": task})
    return evaluate(_rows("gold", gold, task), _rows("predicted", predicted, task), chosen)


def _score_options(options: dict[str, Any]) -> ScoreOptions:
    """Return the options, checked; raise ConfigError for one that there is not."""
    for name in options:
        _choose("score", name, ScoreOptions._fields)
    if options["task"] is not None:
        _choose("task", options["task"], TASKS)
    try:
        chosen = TypeAdapter(ScoreOptions).validate_python(options)
    except ValidationError as error:
        raise ConfigError("score", explain(error), "see `help(chinchilla.score)`") from error
    for name in ("bootstrap", "seed"):
        if getattr(chosen, name) < 0:
            raise ConfigError(name, f"{getattr(chosen, name)} is too few", "use 0 or more")
    return chosen


def _rows(name: str, rows: object, task: Task | None) -> Rows:
    if isinstance(rows, str | Path):
        if task is None:
            raise ConfigError(str(rows), "of which task it is cannot be told", "pass task=")
        return read_rows(Path(rows), task)
    what = "a file, or records or objects of the exchange format"
    if isinstance(rows, Mapping) or not isinstance(rows, Iterable):
        raise ConfigError(name, f"is of type {type(rows).__name__}", f"pass {what}")
    return _items(name, rows, what)


def _items(name: str, rows: Iterable[Any], what: str) -> Iterator[Record | Mapping[str, Any]]:
    for number, row in enumerate(rows, start=1):
        _check(f"{name}, item {number}", row, (Record, Mapping), what)
        yield row


@dataclass(frozen=True)
class Build:
    """A built data set on disk, checked against its manifest as it is read.

    Attributes:
        folder: where it lies.
        manifest: what was read, written and left out, with the sha256 of every file.
    """

    folder: Path
    manifest: Manifest

    def rows(self, task: Task, split: Split) -> Iterator[InstructionRow]:
        """Yield the instruction rows of a task and split; raise ConfigError where it has none."""
        return rows(self._file(task, split), lambda length: None)

    def records(self, task: Task, split: Split) -> Iterator[Record]:
        """Yield the records of a task and split; raise ConfigError where it has none."""
        self._file(task, split)
        name = f"records/{task}/{split}.jsonl"
        for _, line in hashed_lines(self.folder / name, self.manifest.hashes[name]):
            yield Record.model_validate_json(line)

    @property
    def labels(self) -> dict[str, LabelSet]:
        """The labels of each source, by its name."""
        return read_labels(self.folder, self.manifest.hashes)

    def _file(self, task: Task, split: Split) -> RowsFile:
        return open_processed(self.folder, [task], [split]).parts[0]


def open(folder: str | Path) -> Build:  # noqa: A001
    """Return the built data set in a folder.

    Args:
        folder: what `build` or `chinchilla build --out` wrote.

    Raises:
        ConfigError: where the folder holds no build.
        InputError: where a file is not the one that the manifest names.
    """
    path = _path("folder", folder)
    return Build(path, open_processed(path, (), ()).manifest)


def build(
    raw: str | Path = "raw",
    out: str | Path = "processed",
    *,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Build:
    """Build the instruction data set of everything under a folder; the same bytes each time.

    Args:
        raw: folder with a folder a source.
        out: folder to write; what a former build left there is replaced when all is done.
        config: a build.toml, or `default`, `small`, `iepile` or `zero-shot`.
        settings: settings laid over the file, nested as in build.toml.

    Returns:
        The build, opened.

    Raises:
        ConfigError: for a setting, source, edition or label that there is not.
        InputError: for a record that is wrong, unless `settings` say `on_error = "count"`.

    Example:
        >>> import chinchilla as ch, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> built = ch.build(out=folder, settings={"sources": ["finre"]})
        >>> next(built.rows("re", "dev")).source
        'finre'
    """
    path = None if config is None else _path("config", config)
    _check("settings", settings or {}, Mapping, "a mapping of settings")
    plan = make_plan(_raw(raw), read_config(path, dict(settings or {})))
    build_plan(plan, _path("out", out), 1, lambda *_: None)
    return open(out)
