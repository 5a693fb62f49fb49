"""Keep answers in an append-only file, so that nothing answered is ever asked again."""

import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from hashlib import sha256
from io import FileIO
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec
import orjson

from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.engine import Answer, Engine, Limits, Prompt

_VERSION = 1


class Job(NamedTuple):
    """What decides the answers beside the prompts: engine, model, its options, limits or none.

    `options` are plain JSON values. What only decides how fast or how stubbornly a model is
    asked (threads, timeout, retries) does not belong here, nor does anything secret.
    """

    engine: str
    model: str
    options: Mapping[str, Any]
    constrained: bool = False


def write_header(job: Job, prompts: Sequence[Prompt]) -> bytes:
    """Return the header line: two jobs have the same one if their answers may be mixed."""
    fields = {
        "journal": _VERSION,
        "engine": job.engine,
        "model": job.model,
        "options": dict(job.options),
        "constrained": job.constrained,
        "prompts": _digest(prompts, limited=job.constrained),
    }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _digest(prompts: Sequence[Prompt], *, limited: bool) -> str:
    """Return the sha256 of the prompts in order: ids, texts and, where they count, limits."""
    digest = sha256()
    for prompt in prompts:
        limits = _names(prompt.limits) if limited and prompt.limits else None
        digest.update(orjson.dumps([prompt.id, prompt.text, limits]) + b"\n")
    return digest.hexdigest()


def _names(limits: Limits) -> list[object]:
    """Return what tells one limit from another: form, passage, sub-task, labels, what is given."""
    asked = limits.question
    event = asked.event.key if asked.event else None
    given = [asked.empty, asked.head, asked.tail, event, asked.trigger]
    names = [
        [label.name, [role.name for role in label.roles], [slot.name for slot in label.slots]]
        for label in asked.known
    ]
    return [limits.form, limits.passage, asked.subtask, names, given]


def difference(content: bytes, header: bytes) -> str:
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
    inner = options if isinstance(options, dict) else {}
    return {**{name: value for name, value in fields.items() if name != "options"}, **inner}


class Advice(NamedTuple):
    """What to do about a file that is another job's, is being written, or cannot be written."""

    other: str = "pass another --out or delete it"
    busy: str = "wait for that run or pass another --out"
    unusable: str = "pass another file with --out"


OUT = Advice()


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    raw: str
    tokens: int
    cut: bool


_LINES = msgspec.json.Decoder(_Line)


class Journal:
    """The answers there are, by id, and the open file that takes the next ones."""

    def __init__(self, path: Path, file: FileIO, ids: frozenset[str], advice: Advice = OUT) -> None:
        """Take over a file whose header is written and whose last line is whole."""
        self.answers: dict[str, Answer] = {}
        self._path, self._file, self._ids, self._advice = path, file, ids, advice

    def __enter__(self) -> "Journal":
        """Return the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file and give up its lock."""
        self._file.close()

    def add(self, answer: Answer) -> None:
        """Write an answer; raise EngineError for an id not asked or answered before."""
        self.check(answer.id)
        line = msgspec.json.encode(_Line(*answer)) + b"\n"
        try:
            # unbuffered: the line is the system's before the next answer is waited for
            whole = self._file.write(line) == len(line)
        except OSError as error:
            raise _unusable(self._path, error, self._advice) from error
        if not whole:
            raise ConfigError(str(self._path), "the disk is full", "make room and run it again")
        self.answers[answer.id] = answer

    def check(self, id_: str) -> None:
        """Raise EngineError for an answer that nobody waits for."""
        if id_ not in self._ids:
            raise EngineError(id_, "an answer to no prompt", "report this engine as broken")
        if id_ in self.answers:
            raise EngineError(id_, "answered twice", "report this engine as broken")


def open_journal(path: Path, job: Job, prompts: Sequence[Prompt], advice: Advice = OUT) -> Journal:
    """Open the answers file of a job, a new one or one broken off, and read what it has.

    A last line cut by a kill is removed. Raises ConfigError, and leaves the file as it is, where
    it belongs to another job or is no journal, where another run is writing it, and where two
    prompts have one id.
    """
    ids = _ids(prompts)
    header = write_header(job, prompts)
    try:
        file = FileIO(path, "a+")
    except OSError as error:
        raise _unusable(path, error, advice) from error
    journal = Journal(path, file, ids, advice)
    try:
        _lock(path, file, advice)
        for number, line in enumerate(_lines(path, file, header, advice), start=2):
            _restore(journal, f"{path}:{number}", line)
    except OSError as error:
        file.close()
        raise _unusable(path, error, advice) from error
    except BaseException:
        file.close()
        raise
    return journal


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
    """Keep a second run from asking the same; the lock dies with the process."""
    if sys.platform == "win32":
        return
    import fcntl

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
        raise ConfigError(str(path), difference(content, header), advice.other)
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    return content[len(header) : whole].split(b"\n")[:-1]


def _restore(journal: Journal, where: str, line: bytes) -> None:
    try:
        fields = _LINES.decode(line)
        answer = Answer(fields.id, fields.raw, fields.tokens, fields.cut)
        # Ctrl-C between writing a line and noting it: the same line is written once more
        if journal.answers.get(answer.id) != answer:
            journal.check(answer.id)
    except msgspec.DecodeError as error:
        raise ConfigError(where, "not an answer", "delete the line or the file") from error
    except EngineError as error:
        what = f"{error.where}: {error.what}"
        raise ConfigError(where, what, "delete the line or the file") from error
    journal.answers[answer.id] = answer


def answer_all(
    engine: Engine,
    prompts: Sequence[Prompt],
    journal: Journal,
    step: Callable[[Answer], object],
) -> dict[str, Answer]:
    """Ask what the journal lacks; return all answers by id, in the order of the prompts.

    A prompt that the engine says it `refused` is left out.

    `step` is called with each new answer once it is on file, never with those already there.
    On Ctrl-C the engine is told to stop, and what it was still answering is kept. Raises
    EngineError where a prompt stays without an answer.
    """
    missing = [prompt for prompt in prompts if prompt.id not in journal.answers]
    if missing:
        _keep(engine.answers(missing), journal, step)
    there = {**getattr(engine, "refused", {}), **journal.answers}
    left = [prompt.id for prompt in missing if prompt.id not in there]
    if left:
        what = f"this and {len(left) - 1} further prompts got no answer"
        raise EngineError(left[0], what, "run the command again")
    ids = [prompt.id for prompt in prompts]
    return {id_: journal.answers[id_] for id_ in ids if id_ in journal.answers}


def _keep(answers: Iterator[Answer], journal: Journal, step: Callable[[Answer], object]) -> None:
    held: Answer | None = None
    try:
        for answer in answers:
            held = answer
            journal.add(answer)
            step(answer)
    except KeyboardInterrupt as stop:
        late = _told_to_stop(answers, stop) if isinstance(answers, Generator) else iter(())
        for answer in chain([held] if held else [], late):
            if answer.id not in journal.answers:
                journal.add(answer)
        raise


def _told_to_stop(
    answers: Generator[Answer, None, None], stop: KeyboardInterrupt
) -> Iterator[Answer]:
    """Hand the interrupt to the engine; yield what it was still answering."""
    try:
        yield answers.throw(stop)
        yield from answers
    except (KeyboardInterrupt, StopIteration):
        return
