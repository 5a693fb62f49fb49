"""The manifest: what a build read, what it wrote, and what became of every record."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from chinchilla import __version__
from chinchilla.corpus.find import Found, card_paths
from chinchilla.dataset.general import GENERAL
from chinchilla.dataset.plan import Job, Plan
from chinchilla.dataset.report import build_report, short_names
from chinchilla.dataset.shard import Counts, Totals
from chinchilla.dataset.write import Written
from chinchilla.errors import Count
from chinchilla.files import hash_file
from chinchilla.schema import SPLITS
from chinchilla.templates import template_hashes

_LIBRARIES = ("jinja2", "orjson", "pydantic")


def totals(done: dict[Job, Counts]) -> Totals:
    """Add up the counts of each split of each source."""
    sums: Totals = {}
    for job, counts in done.items():
        sums.setdefault((job.source, job.split), Counts()).merge(counts)
    return sums


def make_manifest(plan: Plan, sums: Totals, outputs: dict[str, Written]) -> dict[str, Any]:
    """Return the manifest; the same inputs, settings and versions give the same bytes.

    Raises InputError where nothing of a source could be read.
    """
    report = build_report(plan, sums)
    paths = card_paths(plan.raw)
    return {
        "chinchilla": __version__,
        "versions": {name: version(name) for name in _LIBRARIES},
        "config": plan.config.model_dump(mode="json"),
        "sources": {found.card.source: _source(found, plan, sums) for found in plan.found},
        "general": _general(plan, sums),
        "absent": list(plan.absent),
        "report": report.model_dump(mode="json"),
        "files": _files(plan),
        "templates": template_hashes(),
        "cards": {
            found.card.source: _card_hash(found, paths[found.card.source]) for found in plan.found
        },
        "outputs": {name: written._asdict() for name, written in outputs.items()},
    }


def _files(plan: Plan) -> dict[str, str]:
    """Return the sha256 of the files that were read by the configuration, by what they are for."""
    config, read = plan.config, {found.card.source for found in plan.found}
    hard = config.prompts.hard_negatives.items()
    paths = {f"hard_negatives.{name}": path for name, path in hard if name in read}
    paths |= {"general": config.general.path, "tokenizer": config.windows.tokenizer}
    return {name: hash_file(Path(path)) for name, path in sorted(paths.items()) if path}


def dump_manifest(manifest: dict[str, Any]) -> bytes:
    """Write a manifest the one way it is written."""
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _source(found: Found, plan: Plan, sums: Totals) -> dict[str, Any]:
    return {
        "title": found.card.title,
        "task": found.card.task,
        "metric": found.card.metric,
        "licence": found.card.licence,
        "edition": found.edition.name,
        "sample": found.sample,
        "inputs": inputs(found, plan.raw),
        "splits": {
            split: _counts(sums[found.card.source, split], found)
            for split in SPLITS
            if (found.card.source, split) in sums
        },
    }


def inputs(found: Found, raw: Path) -> dict[str, dict[str, Any]]:
    """Return each file read, by its path under raw/: hash, size, whether it is as published."""
    files = {}
    for path in dict.fromkeys(found.files[split] for split in SPLITS if split in found.files):
        digest = hash_file(path)
        known = found.edition.sha256.get(path.name)
        published = None if known is None or found.sample else digest == known
        size = sum(one.stat().st_size for one in ([path] if path.is_file() else path.iterdir()))
        name = _relative(path, found, raw)
        files[name] = {"sha256": digest, "bytes": size, "published": published}
    return files


def _relative(path: Path, found: Found, raw: Path) -> str:
    if found.sample:
        inside = path.relative_to(found.folder)
        return (Path("samples") / found.card.source / inside).as_posix()
    return path.relative_to(raw).as_posix()


def _general(plan: Plan, sums: Totals) -> dict[str, Any] | None:
    """Return what came of the general file; its examples name the file without its folder."""
    counts = sums.get((GENERAL, "train"))
    if counts is None:
        return None
    path = Path(plan.config.general.path)
    short = {f"{path.parent}/": ""}
    return {
        "file": path.name,
        "ratio": plan.config.general.ratio,
        "rows": counts.rows,
        "bytes": counts.bytes,
        "refused": _reasons(counts.tally.refused, short),
        "mended": _reasons(counts.tally.mended, short),
    }


def _counts(counts: Counts, found: Found) -> dict[str, Any]:
    short = short_names(found)
    return {
        "read": counts.read,
        "records": counts.records,
        "negatives": counts.negatives,
        "rows": counts.rows,
        "null_rows": counts.null_rows,
        "nulls_left_out": counts.nulls_left_out,
        "mixed_out": counts.mixed_out,
        "bytes": counts.bytes,
        **counts.items,
        "windows": dict(sorted((+counts.windows).items())),
        "refused": _reasons(counts.tally.refused, short),
        "lost": _reasons(counts.tally.lost, short),
        "mended": _reasons(counts.tally.mended, short),
        "labels": dict(sorted(counts.labels.items())),
    }


def _reasons(counts: dict[str, Count], short: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Sort counts by reason; examples name files in short, the same wherever they lie."""
    reasons = {}
    for reason, count in sorted(counts.items()):
        example = count.example
        for path, name in short.items():
            example = example.replace(path, name)
        reasons[reason] = {"times": count.times, "example": example}
    return reasons


def _card_hash(found: Found, path: Path) -> str:
    digest = sha256()
    for one in dict.fromkeys([path, Path(found.card.own)]):
        if one.is_file():
            digest.update(one.read_bytes())
    return digest.hexdigest()
