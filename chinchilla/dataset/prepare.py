"""Prepare what the jobs of each source need: prompts, confusable labels, limits."""

from pathlib import Path

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import Found
from chinchilla.dataset.config import MixOptions
from chinchilla.dataset.mixing import nested_shares
from chinchilla.dataset.plan import Plan, tasks_of
from chinchilla.dataset.run import Kits, Progress, run
from chinchilla.dataset.selection import Histogram
from chinchilla.dataset.shard import Kit, Survey, mix_seed, survey_shard, tally_shard
from chinchilla.errors import Tally
from chinchilla.prompts.few_shot import DemonstrationPool, PoolSize
from chinchilla.prompts.hard_negatives import Confusions, read_confusions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import LabelSet
from chinchilla.windows.cut import LONGEST_EXAMPLE, make_cutter, measure_of


def prepare(plan: Plan, folder: Path, workers: int, progress: Progress) -> Kits:
    """Return what the jobs of each source need, shares and mix decided."""
    kits = with_null_share(plan, make_kits(plan, folder), workers, progress)
    return with_mix(plan, kits, workers, progress)


def make_kits(plan: Plan, folder: Path) -> Kits:
    """Return what the jobs of each source need, shares of empty rows apart."""
    return {found.card.source: _kit(plan, found, folder) for found in plan.found}


def with_null_share(plan: Plan, kits: Kits, workers: int, progress: Progress) -> Kits:
    """Set for each source the limit under which an empty row of train is kept.

    Reads the input once more; a source with fewer empty rows than wanted keeps them all.
    """
    share = plan.config.prompts.null_share
    if share is None:
        return kits
    surveys: dict[str, Survey] = {source: Survey(Histogram(), Histogram()) for source in kits}
    for job, part in run(plan, kits, survey_shard, workers, progress):
        surveys[job.source].merge(part)
    limits = {
        source: survey.nulls.threshold(
            min(survey.nulls.rows, round(survey.full.rows * share / (1 - share)))
        )
        for source, survey in surveys.items()
    }
    return {source: kit._replace(null_limit=limits[source]) for source, kit in kits.items()}


def with_mix(plan: Plan, kits: Kits, workers: int, progress: Progress) -> Kits:
    """Decide for each source how often its rows of train are written.

    Reads the input once more; nothing is decided where the configuration mixes nothing.
    """
    mix = plan.config.mix
    if mix == MixOptions():
        return kits
    rows: dict[str, Histogram] = {source: Histogram() for source in kits}
    for job, part in run(plan, kits, tally_shard, workers, progress):
        rows[job.source].merge(part)
    by_task: dict[str, dict[str, int]] = {
        task: {
            found.card.source: rows[found.card.source].rows
            for found in plan.found
            if found.card.task == task
        }
        for task in tasks_of(plan)
    }
    decided = nested_shares(by_task, mix.tasks, mix.sources)
    seed = mix_seed(plan.config.seed)
    return {
        source: kit._replace(choice=decided[source].choice(rows[source], seed))
        for source, kit in kits.items()
    }


def passes(plan: Plan) -> int:
    """Return how often a build reads its input: once, and once for each share and mix."""
    config = plan.config
    return 1 + (config.prompts.null_share is not None) + (config.mix != MixOptions())


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
