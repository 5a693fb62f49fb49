"""The F1 on a dev sample while a model is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.engine import Answer, Prompt, room_for
from chinchilla.predict.local import LocalEngine
from chinchilla.runs.eval_sets import (
    EvalSet,
    ScoringOptions,
    f1_of,
    score_eval_set,
    write_answers,
    write_eval_set,
)
from chinchilla.train.distributed import by_first, gathered, share_of


@dataclass(frozen=True)
class DevEvaluation:
    """Ask a model the dev sample and score its answers, as `chinchilla eval` scores them.

    Answers may be as long as the longest gold one and a little more; those cut are counted.
    With several processes each asks its share, and the first scores.
    """

    eval_sets: Sequence[EvalSet]
    marking: ScoringOptions
    chat: ChatTemplate
    folder: Path
    longest_answer: int
    batch_size: int

    def __call__(self, model: Any, step: int) -> dict[str, float]:
        """Return F1 (the mean over sources and sub-tasks), each one's own, and answers cut."""
        engine = LocalEngine(model, self.chat, room_for(self.longest_answer), self.batch_size)
        answers = gathered(list(engine.answers(share_of(self._prompts()))))
        return by_first(lambda: self._score(answers, step))

    def _prompts(self) -> list[Prompt]:
        return [Prompt(row.id, row.prompt) for eval_set in self.eval_sets for row in eval_set.rows]

    def _score(self, answers: Sequence[Answer], step: int) -> dict[str, float]:
        folder = self.folder / f"step-{step:06d}"
        by_id = {one.id: one for one in answers}
        scores = {}
        for eval_set in self.eval_sets:
            write_eval_set(eval_set, folder)
            write_answers(eval_set, by_id, folder)
            scores[eval_set.name] = f1_of(score_eval_set(eval_set, folder, self.marking))
        cut = sum(one.cut for one in by_id.values())
        mean = sum(scores.values()) / len(scores)
        each = {f"f1_{name}": score for name, score in scores.items()} if len(scores) > 1 else {}
        return {"f1": mean, **each, "cut": float(cut)}
