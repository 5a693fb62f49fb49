"""The F1 on a dev sample while a model is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.engine import Answer, Prompt, room_for
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.postprocess import AnswerParser
from chinchilla.runs.eval_sets import (
    EvalSet,
    parse_eval_set,
    score_eval_set,
    write_answers,
    write_eval_set,
)
from chinchilla.train.distributed import by_first, gathered, share_of


@dataclass(frozen=True)
class DevEvaluation:
    """Ask a model the dev sample and score its answers, as `chinchilla eval` scores them.

    Answers may be as long as the longest gold one, in tokens, and a little more; those cut are
    counted. With several processes each asks its share, and the first scores.
    """

    eval_sets: Sequence[EvalSet]
    parser: AnswerParser
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
        by_id = {answer.id: answer for answer in answers}
        f1 = {}
        for eval_set in self.eval_sets:
            write_eval_set(eval_set, folder)
            write_answers(eval_set, by_id, folder)
            parsed = parse_eval_set(eval_set, by_id, self.parser)
            f1[eval_set.name] = score_eval_set(eval_set, parsed, folder, self.parser).f1
        cut = sum(answer.cut for answer in by_id.values())
        mean = sum(f1.values()) / len(f1)
        each = {f"f1_{name}": score for name, score in f1.items()} if len(f1) > 1 else {}
        return {"f1": mean, **each, "cut": float(cut)}
