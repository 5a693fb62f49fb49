"""What a build read and what it did not: its report, and the manifest made of it."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from chinchilla import __version__
from chinchilla.corpus.find import FoundSource, card_paths
from chinchilla.corpus.report import (
    UNLABELLED,
    Report,
    SourceReport,
    below,
    nothing_read,
    reasons,
    split_report,
)
from chinchilla.dataset.general import GENERAL
from chinchilla.dataset.manifest import (
    GeneralCounts,
    InputFile,
    Manifest,
    OutputFile,
    ReasonCount,
    ReasonCounts,
    SourceEntry,
    SplitCounts,
)
from chinchilla.dataset.plan import Plan
from chinchilla.dataset.shard import HELD_OUT, ShardCounts, Totals
from chinchilla.files import hash_file
from chinchilla.schema import SPLITS, Split
from chinchilla.tally import Count
from chinchilla.templates import template_hashes

_LIBRARIES = ("jinja2", "orjson", "pydantic")


def build_report(plan: Plan, sums: Totals) -> Report:
    """Report of what was read, files by their paths in the folders of raw files.

    Raises InputError for a source of which nothing could be read.
    """
    for source in plan.sources:
        _check_any_read(source, sums)
    sources = {source.card.source: _source_report(source, sums) for source in plan.sources}
    return Report(sources=sources, unread=below(plan.raw, plan.unread))


def make_manifest(plan: Plan, sums: Totals, outputs: dict[str, OutputFile]) -> Manifest:
    """Manifest of a build; the same inputs, settings and versions give the same bytes.

    Raises InputError where nothing of a source could be read.
    """
    paths = card_paths(plan.raw)
    return Manifest(
        chinchilla=__version__,
        versions={name: version(name) for name in _LIBRARIES},
        config=plan.config,
        sources={source.card.source: _source(source, plan, sums) for source in plan.sources},
        general=_general(plan, sums),
        absent=plan.absent,
        report=build_report(plan, sums),
        files=_files(plan),
        templates=template_hashes(),
        cards={
            source.card.source: _card_hash(source, paths[source.card.source])
            for source in plan.sources
        },
        outputs=outputs,
    )


def _source_report(source: FoundSource, sums: Totals) -> SourceReport:
    short, reports = _short_names(source), {}
    for split, counts in _splits(source, sums).items():
        reports[split] = split_report(counts.records, counts.negatives, 0, counts.tally, short)
    return SourceReport(splits=reports, warned=reasons(source.tally.warned, short))


def _splits(source: FoundSource, sums: Totals) -> dict[Split, ShardCounts]:
    name = source.card.source
    return {split: sums[name, split] for split in SPLITS if (name, split) in sums}


def _short_names(source: FoundSource) -> dict[str, str]:
    """Names for the paths of a source that are the same wherever its folder is."""
    own = Path(source.card.own)
    return {str(own): f"{own.parent.name}/{own.name}", f"{source.folder}/": ""}


def _check_any_read(source: FoundSource, sums: Totals) -> None:
    """Raise InputError where all records of a source were left out as wrong."""
    together = ShardCounts()
    for counts in _splits(source, sums).values():
        together.merge(counts)
    refused = together.tally.refused
    by_design = {UNLABELLED, HELD_OUT} & set(refused)
    if refused and not together.records and not by_design:
        raise nothing_read(source.card.source, refused)


def _source(source: FoundSource, plan: Plan, sums: Totals) -> SourceEntry:
    short = _short_names(source)
    return SourceEntry(
        title=source.card.title,
        task=source.card.task,
        metric=source.card.metric,
        licence=source.card.licence,
        edition=source.edition.name,
        sample=source.sample,
        inputs=_inputs(source, plan.raw),
        splits={
            split: _split_counts(counts, short) for split, counts in _splits(source, sums).items()
        },
    )


def _split_counts(counts: ShardCounts, short: dict[str, str]) -> SplitCounts:
    return SplitCounts(
        read=counts.read,
        records=counts.records,
        negatives=counts.negatives,
        rows=counts.rows,
        null_rows=counts.null_rows,
        nulls_left_out=counts.nulls_left_out,
        mixed_out=counts.mixed_out,
        bytes=counts.bytes,
        **counts.items,
        windows=dict(sorted((+counts.windows).items())),
        refused=_reasons(counts.tally.refused, short),
        lost=_reasons(counts.tally.lost, short),
        fixed=_reasons(counts.tally.fixed, short),
        labels=dict(sorted(counts.labels.items())),
    )


def _inputs(source: FoundSource, raw: Path) -> dict[str, InputFile]:
    """Each file read, by its path under raw/."""
    files = {}
    for path in dict.fromkeys(source.files[split] for split in SPLITS if split in source.files):
        digest = hash_file(path)
        known = source.edition.sha256.get(path.name)
        files[_name_below_raw(path, source, raw)] = InputFile(
            sha256=digest,
            bytes=sum(
                file.stat().st_size for file in ([path] if path.is_file() else path.iterdir())
            ),
            published=None if known is None or source.sample else digest == known,
        )
    return files


def _name_below_raw(path: Path, source: FoundSource, raw: Path) -> str:
    if source.sample:
        inside = path.relative_to(source.folder)
        return (Path("samples") / source.card.source / inside).as_posix()
    return path.relative_to(raw).as_posix()


def _general(plan: Plan, sums: Totals) -> GeneralCounts | None:
    """Counts of the general file; their examples name it without its folder."""
    counts = sums.get((GENERAL, "train"))
    if counts is None:
        return None
    path = Path(plan.config.general.path)
    short = {f"{path.parent}/": ""}
    return GeneralCounts(
        file=path.name,
        ratio=plan.config.general.ratio,
        rows=counts.rows,
        bytes=counts.bytes,
        refused=_reasons(counts.tally.refused, short),
        fixed=_reasons(counts.tally.fixed, short),
    )


def _reasons(counts: dict[str, Count], short: dict[str, str]) -> ReasonCounts:
    """Counts sorted by reason; `short` are names for the paths in examples."""
    reasons = {}
    for reason, count in sorted(counts.items()):
        example = count.example
        for path, name in short.items():
            example = example.replace(path, name)
        reasons[reason] = ReasonCount(times=count.times, example=example)
    return reasons


def _files(plan: Plan) -> dict[str, str]:
    """Sha256 of the files that the configuration names, by what they are for."""
    config, read = plan.config, {source.card.source for source in plan.sources}
    hard = config.prompts.hard_negatives.items()
    paths = {f"hard_negatives.{name}": path for name, path in hard if name in read}
    paths |= {"general": config.general.path, "tokenizer": config.windows.tokenizer}
    return {name: hash_file(Path(path)) for name, path in sorted(paths.items()) if path}


def _card_hash(source: FoundSource, path: Path) -> str:
    digest = sha256()
    for card in dict.fromkeys([path, Path(source.card.own)]):
        if card.is_file():
            digest.update(card.read_bytes())
    return digest.hexdigest()
