"""Build the data set: run a plan, put together, publish; or say what would be written."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import orjson

from chinchilla.corpus.report import Report
from chinchilla.dataset.general import GENERAL, write_general
from chinchilla.dataset.manifest import Manifest, OutputFile
from chinchilla.dataset.plan import BuildJob, Plan, tasks_of
from chinchilla.dataset.prepare import prepare
from chinchilla.dataset.read import CONFUSIONS, LABELS, MANIFEST, RECORDS
from chinchilla.dataset.report import build_report, make_manifest
from chinchilla.dataset.run import Contexts, Progress, run
from chinchilla.dataset.shard import (
    BUFFER,
    ShardCounts,
    Totals,
    build_shard,
    shard_paths,
    totals,
    weigh_shard,
)
from chinchilla.files import BLOCK, Inventory, check_room, publish, staging
from chinchilla.resources import render_page
from chinchilla.schema import SPLITS

PAGE = "README.md"
INVENTORY = Inventory(MANIFEST, "outputs", (PAGE,))
_GENERAL_ROWS = f"{GENERAL}/train.jsonl"

Done = Mapping[BuildJob, ShardCounts]
Outputs = dict[str, OutputFile]


class Built(NamedTuple):
    """What a build wrote: its manifest, also on disk."""

    manifest: Manifest
    out: Path


def build(plan: Plan, out: Path, workers: int, progress: Progress) -> Built:
    """Build into `out`; a build that fails or is stopped leaves what was there before.

    Args:
        plan: what is read.
        out: folder that is written to.
        workers: number of processes; the output is the same bytes.
        progress: called with each job that is done.

    Returns:
        The manifest, as it is on disk.

    Raises:
        ConfigError: before any work, where a file is there that no build wrote.
        InputError: where a record or a file cannot be read.
    """
    check_room(out, _names(plan), INVENTORY)
    with staging(out, INVENTORY) as folder:
        (folder / "shards").mkdir()
        contexts = prepare(plan, folder / "shards", workers, progress)
        done = dict(run(plan, contexts, build_shard, workers, progress))
        sums = totals(done)
        outputs = _join_all(plan, done, folder)
        if plan.config.general.path:
            counts = _build_general(plan, done, folder)
            sums[GENERAL, "train"] = counts
            outputs[_GENERAL_ROWS] = _join(
                [folder / "shards" / GENERAL], folder / _GENERAL_ROWS, counts.rows
            )
        outputs |= _write_labels(plan, folder) | _write_confusions(contexts, folder)
        manifest = make_manifest(plan, sums, outputs)
        cards = {source.card.source: source.card for source in plan.sources}
        page = render_page("dataset.md", manifest=manifest, cards=cards)
        (folder / PAGE).write_text(page, encoding="utf-8", newline="\n")
        (folder / MANIFEST).write_bytes(manifest.dump())
        publish(folder, out, outputs, INVENTORY)
    return Built(manifest, out)


def forecast(plan: Plan, workers: int, progress: Progress) -> tuple[Totals, Report]:
    """Counts of every split of every source, and what was read: all is rendered, none written."""
    contexts = prepare(plan, Path(), workers, progress)
    sums = totals(dict(run(plan, contexts, weigh_shard, workers, progress)))
    report = build_report(plan, sums)
    if plan.config.general.path:
        rows = sum(counts.rows for (_, split), counts in sums.items() if split == "train")
        sums[GENERAL, "train"] = write_general(plan.config, rows)
    return sums, report


class RowLengths(NamedTuple):
    """Lengths of the rows of a split, in tokens: in all, middle, 95 in 100, longest."""

    total: int
    p50: int
    p95: int
    longest: int


def quantiles(tokens: Counter[int]) -> RowLengths:
    """Lengths of rows from the count of each length; zeros where none was measured."""
    if not tokens:
        return RowLengths(0, 0, 0, 0)
    lengths = sorted(tokens)
    ranks = list(accumulate(tokens[length] for length in lengths))
    p50, p95 = (lengths[bisect_left(ranks, -(-ranks[-1] * share // 100))] for share in (50, 95))
    total = sum(length * count for length, count in tokens.items())
    return RowLengths(total, p50, p95, lengths[-1])


def _names(plan: Plan) -> list[str]:
    """Names of the files that a build may write, page and manifest apart."""
    rows = [f"{task}/{split}.jsonl" for task in tasks_of(plan) for split in SPLITS]
    general = [_GENERAL_ROWS] if plan.config.general.path else []
    records = [f"{RECORDS}/{name}" for name in rows]
    return [*rows, *records, *general, LABELS, CONFUSIONS]


def _join_all(plan: Plan, done: Done, folder: Path) -> Outputs:
    """Join the shards of each task and split to its rows and its records."""
    tasks = {source.card.source: source.card.task for source in plan.sources}
    outputs: Outputs = {}
    for task in tasks_of(plan):
        for split in SPLITS:
            part = {
                shard_paths(folder / "shards", job.number): counts
                for job, counts in done.items()
                if job.split == split and tasks[job.source] == task
            }
            # the lines are known: to count them again takes half as long as their hash
            records = sum(counts.records for counts in part.values())
            rows = sum(counts.rows for counts in part.values())
            if records:
                name = f"{task}/{split}.jsonl"
                kept = f"{RECORDS}/{name}"
                outputs[name] = _join((paths[0] for paths in part), folder / name, rows)
                outputs[kept] = _join((paths[1] for paths in part), folder / kept, records)
    return outputs


def _join(shards: Iterable[Path], target: Path, rows: int) -> OutputFile:
    """Join shards to one file and remove them; `rows` is the number of their lines."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = sha256(), 0
    with target.open("wb") as out:
        for shard in shards:
            with shard.open("rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
                    size += len(block)
                    out.write(block)
            shard.unlink()
    return OutputFile(sha256=digest.hexdigest(), bytes=size, rows=rows)


def _build_general(plan: Plan, done: Done, folder: Path) -> ShardCounts:
    rows = sum(counts.rows for job, counts in done.items() if job.split == "train")
    with (folder / "shards" / GENERAL).open("wb", BUFFER) as file:
        return write_general(plan.config, rows, file.write)


def _write_labels(plan: Plan, folder: Path) -> Outputs:
    """Write the labels of each source, which training and prediction read instead of cards."""
    sets = {
        source.card.source: source.card.label_set(source.edition.name).model_dump(mode="json")
        for source in plan.sources
    }
    return _write_json(sets, folder, LABELS)


def _write_confusions(contexts: Contexts, folder: Path) -> Outputs:
    """Write the confusable labels of each source that has any: prediction batches by them."""
    by_source = {
        source: context.prompter.confusions
        for source, context in contexts.items()
        if context.prompter.confusions
    }
    return _write_json(by_source, folder, CONFUSIONS) if by_source else {}


def _write_json(content: object, folder: Path, name: str) -> Outputs:
    data = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / name).write_bytes(data)
    digest = sha256(data).hexdigest()
    return {name: OutputFile(sha256=digest, bytes=len(data), rows=data.count(b"\n"))}
