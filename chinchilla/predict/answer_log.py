"""The answer log: an append-only file of answers, so that no prompt is ever asked twice.

The first line says whose answers they are; each further line is one answer:

    {"constrained":false,"engine":"openai","journal":1,"model":"qwen","options":{...},"prompts":"5f..."}
    {"id":"finre-dev-000012","raw":"{\"人物\":[\"李岩\"]}","tokens":9,"cut":false}
"""

import fcntl
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.engine import Answer, Engine, Limits, Prompt

_VERSION = 1


class AnswerJob(NamedTuple):
    """What decides the answers beside the prompts: engine, model, options, limits or none.

    `options` are plain JSON values. What only decides how fast or how often a model is asked
    (concurrency, timeout, retries) does not belong here, nor does anything secret.
    """

    engine: str
    model: str
    options: Mapping[str, Any]
    constrained: bool = False


class Advice(NamedTuple):
    """What to do about a file that is another job's, is being written, or cannot be written."""

    other: str = "pass another --out or delete it"
    busy: str = "wait for that run or pass another --out"
    unusable: str = "pass another file with --out"


OUT = Advice()


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    raw: str
    tokens: int
    cut: bool


class AnswerLog:
    """The answers there are, by id, and the open file, locked, that takes the next ones."""

    def __init__(self, path: Path, file: FileIO, ids: frozenset[str], advice: Advice = OUT) -> None:
        self.answers: dict[str, Answer] = {}
        self._path, self._file, self._ids, self._advice = path, file, ids, advice

    def __enter__(self) -> "AnswerLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, answer: Answer) -> None:
        """Write an answer before it is used.

        Raises:
            EngineError: its id is of no prompt, or has an answer.
            ConfigError: the file cannot be written, or the disk is full.
        """
        self._check(answer.id)
        line = orjson.dumps(answer._asdict(), option=orjson.OPT_APPEND_NEWLINE)
        try:
            # unbuffered: the line is the system's before the next answer is waited for
            whole = self._file.write(line) == len(line)
        except OSError as error:
            raise _unusable(self._path, error, self._advice) from error
        if not whole:
            raise ConfigError(str(self._path), "the disk is full", "make room and run it again")
        self.answers[answer.id] = answer

    def restore(self, line: bytes, where: str) -> None:
        """Take an answer from a line of the file; raise ConfigError for a line no run wrote."""
        try:
            answer = Answer(**_Line.model_validate_json(line).model_dump())
            # Ctrl-C between writing a line and noting it: the same line is written once more
            if self.answers.get(answer.id) != answer:
                self._check(answer.id)
        except ValidationError as error:
            raise ConfigError(where, "not an answer", "delete the line or the file") from error
        except EngineError as error:
            what = f"{error.where}: {error.what}"
            raise ConfigError(where, what, "delete the line or the file") from error
        self.answers[answer.id] = answer

    def _check(self, id_: str) -> None:
        if id_ not in self._ids:
            raise EngineError(id_, "an answer to no prompt", "report this engine as broken")
        if id_ in self.answers:
            raise EngineError(id_, "answered twice", "report this engine as broken")


def open_answer_log(
    path: Path, job: AnswerJob, prompts: Sequence[Prompt], advice: Advice = OUT
) -> AnswerLog:
    """Open the answer log of a job, a new one or one broken off, and read its answers.

    A last line cut by a kill is removed.

    Raises:
        ConfigError: the file is another job's, is no answer log, or is being written by another
            run, and is left as it is; or two prompts have one id.
    """
    ids = _ids(prompts)
    header = _header(job, prompts)
    try:
        with ExitStack() as stack:
            file = stack.enter_context(FileIO(path, "a+"))
            answer_log = AnswerLog(path, file, ids, advice)
            # a second run would ask the same; the lock dies with the process
            _lock(path, file, advice)
            for number, line in enumerate(_lines(path, file, header, advice), start=2):
                answer_log.restore(line, f"{path}:{number}")
            stack.pop_all()
            return answer_log
    except OSError as error:
        raise _unusable(path, error, advice) from error


def _unusable(path: Path, error: OSError, advice: Advice) -> ConfigError:
    return ConfigError(str(path), error.strerror or "cannot be written", advice.unusable)


def _ids(prompts: Sequence[Prompt]) -> frozenset[str]:
    seen: set[str] = set()
    for prompt in prompts:
        if prompt.id in seen:
            raise ConfigError(prompt.id, "the id of two prompts", "give each row its own id")
        seen.add(prompt.id)
    return frozenset(seen)


def _lock(path: Path, file: FileIO, advice: Advice) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(str(path), "another run is writing it", advice.busy) from error


def _lines(path: Path, file: FileIO, header: bytes, advice: Advice) -> list[bytes]:
    """Return the lines after the header; write the header to a new file, cut a broken tail."""
    file.seek(0)
    content = file.readall()
    if content != header and header.startswith(content):
        file.truncate(0)
        file.write(header)
        return []
    if not content.startswith(header):
        raise ConfigError(str(path), _difference(content, header), advice.other)
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    return content[len(header) : whole].split(b"\n")[:-1]


def _header(job: AnswerJob, prompts: Sequence[Prompt]) -> bytes:
    """Return the first line: two jobs have the same one if their answers may be mixed."""
    digest = sha256()
    for prompt in prompts:
        limits = _limits(prompt.limits) if job.constrained and prompt.limits else None
        digest.update(orjson.dumps([prompt.id, prompt.text, limits]) + b"\n")
    fields = {"journal": _VERSION, **job._asdict(), "prompts": digest.hexdigest()}
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _limits(limits: Limits) -> list[object]:
    """Return what tells one limit from another, as JSON values."""
    query = limits.query
    event = query.event.key if query.event else None
    context = [query.empty, query.head, query.tail, event, query.trigger]
    labels = [
        [label.name, [role.name for role in label.roles], [slot.name for slot in label.slots]]
        for label in query.known
    ]
    return [limits.form, limits.passage, query.subtask, labels, context]


def _difference(content: bytes, header: bytes) -> str:
    """Say in what the job of a file differs from that of a header."""
    try:
        theirs = orjson.loads(content.partition(b"\n")[0])
    except orjson.JSONDecodeError:
        theirs = None
    if not isinstance(theirs, dict) or "journal" not in theirs:
        return "is not a file of answers"
    before, now = _flat(theirs), _flat(orjson.loads(header))
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    return f"holds the answers of another job (other {', '.join(names) or 'version'})"


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    options = fields.get("options")
    outer = {name: value for name, value in fields.items() if name != "options"}
    return outer | (options if isinstance(options, dict) else {})


def answer_all(
    engine: Engine,
    prompts: Sequence[Prompt],
    answer_log: AnswerLog,
    step: Callable[[Answer], object],
) -> dict[str, Answer]:
    """Return the answers by id, in the order of the prompts; ask only those the log lacks.

    `step` is called with each new answer once it is on file. A prompt that the engine refused is
    left out. At Ctrl-C what the engine was still answering is kept.

    Raises:
        EngineError: the engine failed, or left a prompt without an answer.
    """
    missing = [prompt for prompt in prompts if prompt.id not in answer_log.answers]
    if missing:
        _keep(engine.answers(missing), answer_log, step)
    done = {*engine.refused, *answer_log.answers}
    left = [prompt.id for prompt in missing if prompt.id not in done]
    if left:
        what = f"this and {len(left) - 1} further prompts got no answer"
        raise EngineError(left[0], what, "run the command again")
    ids = [prompt.id for prompt in prompts]
    return {id_: answer_log.answers[id_] for id_ in ids if id_ in answer_log.answers}


def _keep(
    answers: Iterator[Answer], answer_log: AnswerLog, step: Callable[[Answer], object]
) -> None:
    newest: Answer | None = None
    try:
        for answer in answers:
            newest = answer
            answer_log.add(answer)
            step(answer)
    except KeyboardInterrupt as stop:
        late = _interrupted(answers, stop) if isinstance(answers, Generator) else iter(())
        for answer in chain([newest] if newest else [], late):
            if answer.id not in answer_log.answers:
                answer_log.add(answer)
        raise


def _interrupted(
    answers: Generator[Answer, None, None], stop: KeyboardInterrupt
) -> Iterator[Answer]:
    """Hand the interrupt to the engine; yield what it was still answering."""
    try:
        yield answers.throw(stop)
        yield from answers
    except (KeyboardInterrupt, StopIteration):
        return
