"""From records, with or without gold, to instruction rows, by the build's own code."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from chinchilla.answers import SUBTASKS
from chinchilla.errors import ConfigError
from chinchilla.prompts.budget import make_cutter
from chinchilla.prompts.few_shot import DemonstrationPool
from chinchilla.prompts.hard_negatives import Confusions
from chinchilla.prompts.options import PromptOptions, WindowOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import InstructionRow, LabelSet, Record


class PromptRendering(NamedTuple):
    """How a build renders rows: labels, options and seed.

    By source: `pools` has the examples to show, `confusions` the labels that are batched together.
    """

    labels: Mapping[str, LabelSet]
    prompts: PromptOptions
    windows: WindowOptions
    seed: int
    pools: Mapping[str, DemonstrationPool]
    confusions: Mapping[str, Confusions]

    def prompter(self, source: str) -> Prompter:
        """Return what renders the rows of a source; raise ConfigError where it cannot."""
        if source not in self.labels:
            known = ", ".join(self.labels)
            what = f"no labels are known for source {source!r}"
            raise ConfigError("records", what, f"pass --source, one of {known}")
        if self.prompts.demonstrations and source not in self.pools:
            what = f"the prompts show examples, but there is no train split of {source} here"
            raise ConfigError("records", what, "pass --processed with the build of the run")
        return Prompter(
            self.labels[source],
            self.seed,
            self.prompts,
            confusions=self.confusions.get(source, {}),
            pool=self.pools.get(source),
        )

    def rows(self, records: Iterable[Record]) -> Iterator[InstructionRow]:
        """Yield the rows of each record, as the build renders those of dev and test."""
        prompters: dict[str, Prompter] = {}
        cutters: dict[str, Any] = {}
        for record in records:
            source = record.source
            if source not in prompters:
                prompters[source] = self.prompter(source)
                cutters[source] = make_cutter(self.windows, prompters[source])
            prompter, cutter = prompters[source], cutters[source]
            if cutter is None:
                yield from prompter.rows(record)
                continue
            for window, part in cutter.windows(record, Counter()):
                yield from map(prompter.row, prompter.queries_of_record(part, window))


def rendering_of(
    config: Mapping[str, Any],
    labels: Mapping[str, LabelSet],
    confusions: Mapping[str, Confusions],
    subtasks: tuple[str, ...] = (),
) -> PromptRendering:
    """Return the rendering of a build's configuration, as its manifest has it.

    Raises:
        ConfigError: a sub-task is unknown, or the build batched labels by confusions it lacks.
    """
    prompts = PromptOptions.model_validate(config["prompts"])
    unknown = [name for name in subtasks if name not in SUBTASKS]
    if unknown:
        todo = f"the known ones are {', '.join(SUBTASKS)}"
        raise ConfigError("--subtask", f"no sub-task {unknown[0]!r}", todo)
    for source in prompts.hard_negatives:
        batched = source in labels and prompts.batch_size(labels[source].task) > 0
        if batched and source not in confusions:
            what = "the build kept no confusable labels, so its prompts cannot be made again"
            raise ConfigError(f"hard_negatives.{source}", what, "build and train again")
    if subtasks:
        prompts = prompts.model_copy(update={"subtasks": subtasks})
    windows = WindowOptions.model_validate(config["windows"])
    return PromptRendering(labels, prompts, windows, config["seed"], {}, confusions)


def held_out(rendering: PromptRendering) -> PromptRendering:
    """Return the rendering by templates that no training row was made with."""
    prompts = rendering.prompts.model_copy(update={"templates": "held-out", "wordings": ()})
    return rendering._replace(prompts=prompts)
