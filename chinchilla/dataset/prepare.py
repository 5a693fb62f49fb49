"""Prepare what the jobs of each source need: prompts, confusable labels, limits."""

from pathlib import Path

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import FoundSource
from chinchilla.dataset.config import MixOptions
from chinchilla.dataset.mixing import nested_shares
from chinchilla.dataset.plan import Plan, tasks_of
from chinchilla.dataset.run import Contexts, Progress, run
from chinchilla.dataset.selection import Histogram, choose
from chinchilla.dataset.shard import BuildContext, Survey, mix_seed, survey_shard, tally_shard
from chinchilla.prompts.budget import make_cutter, measure_of
from chinchilla.prompts.few_shot import DemonstrationPool
from chinchilla.prompts.hard_negatives import read_confusions
from chinchilla.prompts.render import Prompter
from chinchilla.tally import Tally


def prepare(plan: Plan, folder: Path, workers: int, progress: Progress) -> Contexts:
    """What the jobs of each source need, shares of empty rows and mix decided.

    `folder` is where the jobs write. The input is read once more for the share of empty rows
    and once more for a mix, where the configuration sets them.
    """
    contexts = {source.card.source: _context(plan, source, folder) for source in plan.sources}
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
            source.card.source: rows[source.card.source].rows
            for source in plan.sources
            if source.card.task == task
        }
        for task in tasks_of(plan)
    }
    decided = nested_shares(by_task, mix.tasks, mix.sources)
    seed = mix_seed(plan.config.seed)
    return {
        source: context._replace(choice=choose(rows[source], decided[source], seed))
        for source, context in contexts.items()
    }


def _context(plan: Plan, source: FoundSource, folder: Path) -> BuildContext:
    config, name = plan.config, source.card.source
    labels = source.card.label_set(source.edition.name)
    confusable = config.prompts.hard_negatives.get(name)
    prompter = Prompter(
        labels=labels,
        seed=config.seed,
        options=config.prompts,
        held_out=frozenset(config.hold_out.labels.get(name, ())),
        confusions={} if confusable is None else read_confusions(Path(confusable), labels),
        pool=_pool(plan, source),
    )
    return BuildContext(
        source,
        prompter,
        folder,
        forgiving=config.on_error == "count",
        held_out=name in config.hold_out.sources,
        cutter=make_cutter(config.windows, prompter),
        measure=measure_of(config.windows) if config.windows.tokenizer else None,
    )


def _pool(plan: Plan, source: FoundSource) -> DemonstrationPool | None:
    """Examples of a source from its train split, None where prompts show none."""
    held_out = source.card.source in plan.config.hold_out.sources
    if not plan.config.prompts.demonstrations or "train" not in source.files or held_out:
        return None
    records = catalogue.records(source, "train", Tally(forgiving=plan.config.on_error == "count"))
    return DemonstrationPool(records, plan.config.seed)
