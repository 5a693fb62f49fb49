"""Prepare what the jobs of each source need: prompts, confusable labels, limits."""

from pathlib import Path

from chinchilla.build.plan import Plan
from chinchilla.build.run import Kits, Progress, run
from chinchilla.build.shard import Kit, Survey, survey_shard
from chinchilla.errors import ConfigError, Tally
from chinchilla.prompts.chance import Places
from chinchilla.prompts.confusion import Confusions, read_confusions
from chinchilla.prompts.cutting import LONGEST_EXAMPLE, make_cutter, measure_of
from chinchilla.prompts.demonstrations import DemonstrationPool, PoolSize
from chinchilla.prompts.rows import Prompter
from chinchilla.schema import LabelSet
from chinchilla.sources import catalogue
from chinchilla.sources.catalogue import Found


def make_kits(plan: Plan, folder: Path) -> Kits:
    """Return what the jobs of each source need, shares of empty rows apart."""
    _check_names(plan)
    return {found.card.source: _kit(plan, found, folder) for found in plan.found}


def with_null_share(plan: Plan, kits: Kits, workers: int, progress: Progress) -> Kits:
    """Set for each source the limit under which an empty row of train is kept.

    Reads the input once more; a source with fewer empty rows than wanted keeps them all.
    """
    share = plan.config.prompts.null_share
    if share is None:
        return kits
    surveys: dict[str, Survey] = {}
    for job, part in run(plan, kits, survey_shard, workers, progress):
        before = surveys.get(job.source, Survey(0, Places()))
        before.nulls.merge(part.nulls)
        surveys[job.source] = Survey(before.full + part.full, before.nulls)
    limits = {
        source: survey.nulls.limit(round(survey.full * share / (1 - share)))
        for source, survey in surveys.items()
    }
    return {source: kit._replace(null_limit=limits[source]) for source, kit in kits.items()}


def _kit(plan: Plan, found: Found, folder: Path) -> Kit:
    config, source = plan.config, found.card.source
    labels = found.card.label_set(found.edition.name)
    prompter = Prompter(
        labels=labels,
        seed=config.seed,
        options=config.prompts,
        held_out=frozenset(config.hold_out.labels.get(source, ())),
        confusions=_confusions(plan, labels),
        pool=_pool(plan, found),
    )
    return Kit(
        found,
        prompter,
        folder,
        forgiving=config.on_error == "count",
        held_out=source in config.hold_out.sources,
        cutter=make_cutter(config.windows, prompter),
        measure=measure_of(config.windows) if config.windows.tokenizer else None,
    )


def _pool(plan: Plan, found: Found) -> DemonstrationPool | None:
    """Collect the examples of a source from its train split, where prompts show examples."""
    source = found.card.source
    wanted = plan.config.prompts.demonstrations
    if not wanted or "train" not in found.files or source in plan.config.hold_out.sources:
        return None
    records = catalogue.records(found, "train", Tally(forgiving=plan.config.on_error == "count"))
    return DemonstrationPool(records, plan.config.seed, PoolSize(length=LONGEST_EXAMPLE))


def _confusions(plan: Plan, labels: LabelSet) -> Confusions:
    """Read the file of confusable labels of a source, where the configuration names one."""
    path = plan.config.prompts.hard_negatives.get(labels.source)
    return {} if path is None else read_confusions(Path(path), labels)


def _check_names(plan: Plan) -> None:
    """Raise ConfigError where the configuration names a label that no source has."""
    for source, labels in plan.config.hold_out.labels.items():
        for found in plan.found:
            if found.card.source == source:
                missing = [label for label in labels if label not in found.card.labels]
                if missing:
                    where = f"hold_out.labels.{source}"
                    what = f"no label {missing[0]!r} on the card"
                    raise ConfigError(where, what, "write the labels as they stand in the data")
