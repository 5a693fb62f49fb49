"""What the answers of a model belong to: the header of their file."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from chinchilla.predict.engine import Limits, Prompt

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
