"""The form `json`: one object, labels to lists; a label with nothing found is left out.

{"人名": ["张三", "李四"]}
{"作者": [{"head": "某书", "tail": "张三"}]}
{"裁员": [{"trigger": "裁员", "arguments": {"裁员方": ["某公司"]}}]}
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from chinchilla.answers import Content
from chinchilla.errors import AnswerError
from chinchilla.schema import Argument, Entity, Event, Label, Relation, explain

Lists = dict[str, list[Any]]


def dump(content: Content, labels: Sequence[Label]) -> str:
    """Write the content as one JSON object with the Chinese names of the labels as keys."""
    names = {label.key: label for label in labels}
    found: Lists = defaultdict(list)
    for entity in content.entities:
        found[entity.type].append(entity.text)
    for relation in content.relations:
        found[relation.predicate].append(_relation(relation, names[relation.predicate]))
    for event in content.events:
        found[event.event_type].append(_event(event, names[event.event_type]))
    answer = {label.name: found[label.key] for label in labels if label.key in found}
    return orjson.dumps(answer).decode("utf-8")


def _relation(relation: Relation, label: Label) -> dict[str, str]:
    item = {"head": relation.head, "tail": relation.tail}
    if relation.tail_slots:
        for slot in label.slots:
            if slot.key in relation.tail_slots:
                item[slot.name] = relation.tail_slots[slot.key]
    return item


def _event(event: Event, label: Label) -> dict[str, Any]:
    found: Lists = defaultdict(list)
    for argument in event.arguments:
        found[argument.role].append(argument.text)
    arguments = {role.name: found[role.key] for role in label.roles if role.key in found}
    trigger = {} if event.trigger is None else {"trigger": event.trigger}
    return {**trigger, "arguments": arguments}


def parse(answer: str, labels: Sequence[Label]) -> Content:
    """Read such an object back; a name that was not asked stays as it is written."""
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        raise AnswerError("answer", f"not JSON ({error.msg})", "answer with one object") from error
    if not isinstance(found, dict):
        raise AnswerError("answer", "not a JSON object", "answer with one object")
    names = {label.name: label for label in labels}
    entities: list[Entity] = []
    relations: list[Relation] = []
    events: list[Event] = []
    try:
        for name, items in found.items():
            label = names.get(name) or Label(key=name, name=name)
            for item in items:
                if isinstance(item, str):
                    entities.append(Entity(type=label.key, text=item))
                elif "head" in item:
                    relations.append(_parse_relation(item, label))
                else:
                    events.append(_parse_event(item, label))
    except (ValidationError, TypeError, KeyError, AttributeError) as error:
        words = explain(error) if isinstance(error, ValidationError) else str(error)
        todo = "write each item as the form says"
        raise AnswerError("answer", f"not of the form json ({words})", todo) from error
    return Content(tuple(entities), tuple(relations), tuple(events))


def _parse_relation(item: dict[str, str], label: Label) -> Relation:
    slots = {slot.name: slot.key for slot in label.slots}
    further = {key: value for key, value in item.items() if key not in ("head", "tail")}
    return Relation(
        predicate=label.key,
        head=item["head"],
        head_type=label.head,
        tail=item["tail"],
        tail_type=label.tail,
        tail_slots={slots.get(name, name): value for name, value in further.items()},
    )


def _parse_event(item: dict[str, Any], label: Label) -> Event:
    roles = {role.name: role.key for role in label.roles}
    return Event(
        event_type=label.key,
        trigger=item.get("trigger"),
        arguments=tuple(
            Argument(role=roles.get(name, name), text=words)
            for name, found in item["arguments"].items()
            for words in found
        ),
    )
