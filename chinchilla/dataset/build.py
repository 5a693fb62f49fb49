"""Build the data set: plan, run, put together, write the manifest, publish."""

from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.dataset.general import TARGET, add_general
from chinchilla.dataset.manifest import dump_manifest, make_manifest, totals
from chinchilla.dataset.page import dataset_page
from chinchilla.dataset.plan import Job, Plan, tasks_of
from chinchilla.dataset.prepare import prepare
from chinchilla.dataset.read import CONFUSIONS, LABELS
from chinchilla.dataset.run import Kits, Progress, run
from chinchilla.dataset.shard import Counts, build_shard
from chinchilla.dataset.write import (
    INVENTORY,
    MANIFEST,
    PAGE,
    RECORDS,
    Written,
    assemble,
)
from chinchilla.files import check_room, publish, staging
from chinchilla.schema import SPLITS


class Built(NamedTuple):
    """What a build wrote: its manifest, also on disk."""

    manifest: dict[str, Any]
    out: Path


def build(plan: Plan, out: Path, workers: int, progress: Progress) -> Built:
    """Build into `out`; a build that fails or is stopped leaves what was there before.

    Raises ConfigError, before any work, where a file stands that no build wrote.
    """
    check_room(out, _names(plan), INVENTORY)
    with staging(out, INVENTORY) as folder:
        (folder / "shards").mkdir()
        kits = prepare(plan, folder / "shards", workers, progress)
        done = dict(run(plan, kits, build_shard, workers, progress))
        general = add_general(plan.config, done, folder)
        outputs = _assemble_all(plan, done, folder) | general.outputs
        outputs |= _write_labels(plan, folder) | _write_confusions(kits, folder)
        manifest = make_manifest(plan, totals(done) | general.totals, outputs)
        page = dataset_page(manifest, plan).encode("utf-8")
        (folder / PAGE).write_bytes(page)
        (folder / MANIFEST).write_bytes(dump_manifest(manifest))
        publish(folder, out, outputs, INVENTORY)
    return Built(manifest, out)


def _names(plan: Plan) -> list[str]:
    """Return the files that a build may write, page and manifest apart."""
    rows = [f"{task}/{split}.jsonl" for task in tasks_of(plan) for split in SPLITS]
    general = [TARGET] if plan.config.general.path else []
    records = [f"{RECORDS}/{name}" for name in rows]
    return [*rows, *records, *general, LABELS, CONFUSIONS]


def _assemble_all(plan: Plan, done: dict[Job, Counts], folder: Path) -> dict[str, Written]:
    tasks = {found.card.source: found.card.task for found in plan.found}
    outputs: dict[str, Written] = {}
    for task in tasks_of(plan):
        for split in SPLITS:
            part = {
                job: counts
                for job, counts in done.items()
                if job.split == split and tasks[job.source] == task
            }
            if any(counts.records for counts in part.values()):
                target = Path(task) / f"{split}.jsonl"
                rows, records = assemble(part, folder, target)
                outputs[target.as_posix()] = rows
                outputs[f"{RECORDS}/{target.as_posix()}"] = records
    return outputs


def _write_labels(plan: Plan, folder: Path) -> dict[str, Written]:
    """Write the labels of each source, which training and prediction read instead of cards."""
    sets = {
        found.card.source: found.card.label_set(found.edition.name).model_dump(mode="json")
        for found in plan.found
    }
    return _write_json(sets, folder, LABELS)


def _write_confusions(kits: Kits, folder: Path) -> dict[str, Written]:
    """Write the confusable labels of each source that has any: prediction batches by them."""
    found = {
        source: kit.prompter.confusions for source, kit in kits.items() if kit.prompter.confusions
    }
    return _write_json(found, folder, CONFUSIONS) if found else {}


def _write_json(content: Any, folder: Path, name: str) -> dict[str, Written]:
    data = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / name).write_bytes(data)
    return {name: Written(sha256(data).hexdigest(), len(data), data.count(b"\n"))}
