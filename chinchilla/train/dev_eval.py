"""The F1 on a dev sample while a model is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chinchilla.predict.chat_template import Chat
from chinchilla.predict.engine import Answer, Prompt, room_for
from chinchilla.predict.local import LocalEngine
from chinchilla.runs.eval_sets import Exam, Marking, f1_of, score_exam, write_answers, write_exam
from chinchilla.train.distributed import by_first, gathered, share_of


@dataclass(frozen=True)
class DevJudge:
    """Ask a model the dev sample and score its answers, as `chinchilla eval` scores them.

    Answers may be as long as the longest gold one and a little more; those cut are counted.
    With several processes each asks its share, and the first scores.
    """

    exams: Sequence[Exam]
    marking: Marking
    chat: Chat
    folder: Path
    longest_answer: int
    batch_size: int

    def __call__(self, model: Any, step: int) -> dict[str, float]:
        """Return F1 (the mean over sources and sub-tasks), each one's own, and answers cut."""
        engine = LocalEngine(model, self.chat, room_for(self.longest_answer), self.batch_size)
        answers = gathered(list(engine.answers(share_of(self._prompts()))))
        return by_first(lambda: self._score(answers, step))

    def _prompts(self) -> list[Prompt]:
        return [Prompt(row.id, row.prompt) for exam in self.exams for row in exam.rows]

    def _score(self, answers: Sequence[Answer], step: int) -> dict[str, float]:
        folder = self.folder / f"step-{step:06d}"
        by_id = {one.id: one for one in answers}
        scores = {}
        for exam in self.exams:
            write_exam(exam, folder)
            write_answers(exam, by_id, folder)
            scores[exam.name] = f1_of(score_exam(exam, folder, self.marking))
        cut = sum(one.cut for one in by_id.values())
        mean = sum(scores.values()) / len(scores)
        each = {f"f1_{name}": score for name, score in scores.items()} if len(scores) > 1 else {}
        return {"f1": mean, **each, "cut": float(cut)}
