"""Prepare what the jobs of each source need: prompts, confusable labels, limits."""

from pathlib import Path

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import FoundSource
from chinchilla.dataset.config import MixOptions
from chinchilla.dataset.mixing import nested_shares
from chinchilla.dataset.plan import Plan, tasks_of
from chinchilla.dataset.run import Contexts, Progress, run
from chinchilla.dataset.selection import Histogram
from chinchilla.dataset.shard import BuildContext, Survey, mix_seed, survey_shard, tally_shard
from chinchilla.errors import Tally
from chinchilla.prompts.few_shot import DemonstrationPool, PoolSize
from chinchilla.prompts.hard_negatives import read_confusions
from chinchilla.prompts.render import Prompter
from chinchilla.windows.cut import LONGEST_EXAMPLE, make_cutter, measure_of


def prepare(plan: Plan, folder: Path, workers: int, progress: Progress) -> Contexts:
    """What the jobs of each source need, shares of empty rows and mix decided.

    `folder` is where the jobs write. The input is read once more for the share of empty rows
    and once more for a mix, where the configuration sets them.
    """
    contexts = {found.card.source: _context(plan, found, folder) for found in plan.found}
    contexts = _with_null_limits(plan, contexts, workers, progress)
    return _with_choices(plan, contexts, workers, progress)


def passes(plan: Plan) -> int:
    """How often a build reads its input."""
    config = plan.config
    return 1 + (config.prompts.null_share is not None) + (config.mix != MixOptions())


def _with_null_limits(plan: Plan, contexts: Contexts, workers: int, progress: Progress) -> Contexts:
    """Set for each source the hash below which an empty row of train is kept.

    A source with fewer empty rows than wanted keeps them all.
    """
    share = plan.config.prompts.null_share
    if share is None:
        return contexts
    surveys = {source: Survey(Histogram(), Histogram()) for source in contexts}
    for job, part in run(plan, contexts, survey_shard, workers, progress):
        surveys[job.source].merge(part)
    limits = {
        source: survey.nulls.threshold(
            min(survey.nulls.rows, round(survey.full.rows * share / (1 - share)))
        )
        for source, survey in surveys.items()
    }
    return {
        source: context._replace(null_limit=limits[source]) for source, context in contexts.items()
    }


def _with_choices(plan: Plan, contexts: Contexts, workers: int, progress: Progress) -> Contexts:
    """Decide for each source how often its rows of train are written."""
    mix = plan.config.mix
    if mix == MixOptions():
        return contexts
    rows = {source: Histogram() for source in contexts}
    for job, part in run(plan, contexts, tally_shard, workers, progress):
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
        source: context._replace(choice=decided[source].choice(rows[source], seed))
        for source, context in contexts.items()
    }


def _context(plan: Plan, found: FoundSource, folder: Path) -> BuildContext:
    config, source = plan.config, found.card.source
    labels = found.card.label_set(found.edition.name)
    confusable = config.prompts.hard_negatives.get(source)
    prompter = Prompter(
        labels=labels,
        seed=config.seed,
        options=config.prompts,
        held_out=frozenset(config.hold_out.labels.get(source, ())),
        confusions={} if confusable is None else read_confusions(Path(confusable), labels),
        pool=_pool(plan, found),
    )
    return BuildContext(
        found,
        prompter,
        folder,
        forgiving=config.on_error == "count",
        held_out=source in config.hold_out.sources,
        cutter=make_cutter(config.windows, prompter),
        measure=measure_of(config.windows) if config.windows.tokenizer else None,
    )


def _pool(plan: Plan, found: FoundSource) -> DemonstrationPool | None:
    """Examples of a source from its train split, None where prompts show none."""
    source = found.card.source
    wanted = plan.config.prompts.demonstrations
    if not wanted or "train" not in found.files or source in plan.config.hold_out.sources:
        return None
    records = catalogue.records(found, "train", Tally(forgiving=plan.config.on_error == "count"))
    return DemonstrationPool(records, plan.config.seed, PoolSize(length=LONGEST_EXAMPLE))
