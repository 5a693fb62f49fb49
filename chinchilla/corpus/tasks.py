"""A card that serves several tasks: a source a task, each with its own labels."""

import tomllib
from pathlib import Path
from typing import Any

from chinchilla.corpus.mapping import GOLD
from chinchilla.errors import CardError

_NOT_READ = {
    "ner": ("relations", "events", "arguments"),
    "re": ("events", "arguments"),
    "ee": ("entities", "relations"),
}


def tasks_in(path: Path) -> tuple[str, ...]:
    """Return the tasks that a user's card lists; none where it cannot be read or names one.

    What is wrong with a card is said where it is read whole.
    """
    if not path.is_file():
        return ()
    try:
        task = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("task")
    except (OSError, ValueError, RecursionError):
        return ()
    tasks = task if isinstance(task, list) else []
    return tuple(dict.fromkeys(tasks)) if all(isinstance(one, str) for one in tasks) else ()


def of_task(data: dict[str, Any], task: str, where: str) -> dict[str, Any]:
    """Return the fields of a card of several tasks as those of a card of one of them.

    Entity types are the labels of ner; [labels] are relations or event types. Raises CardError
    where the card lacks what the task needs.
    """
    mapping = data.get("mapping")
    listed = data.get("task")
    tasks = listed if isinstance(listed, list) else []
    if task not in GOLD:
        raise CardError(where, f"task {task!r} is none", f"the tasks are {', '.join(GOLD)}")
    if "re" in tasks and "ee" in tasks:
        what = "re and ee both have their labels in [labels]"
        raise CardError(where, what, "write a card for each, in a folder of its own")
    if not isinstance(mapping, dict) or GOLD[task] not in mapping:
        what = f"task {task} has no {GOLD[task]} in [mapping]"
        raise CardError(where, what, "say there where a record holds them, or take the task out")
    kept = {key: value for key, value in mapping.items() if key not in _NOT_READ[task]}
    fields = {**data, "task": task, "mapping": kept}
    if task != "ner":
        return fields
    if not data.get("types"):
        todo = "describe there the entity types, [labels] are relations or event types"
        raise CardError(where, "task ner has no [types]", todo)
    fields["labels"] = data["types"]
    return {key: fields[key] for key in fields if key not in ("na", "metric", "types", "roles")}
