"""The items of an answer under Chinese names: what every answer format writes and reads.

Content(entities=(Entity(type="PER", text="张三"),))  <->  [AnswerItem("人名", "张三")]

ner          AnswerItem(type, span)
re           AnswerItem(relation, head, tail, slots)
re-pair      AnswerItem(relation)
ee           AnswerItem(type, trigger, None, roles with arguments)
ee-trigger   AnswerItem(type, trigger)
ee-argument  AnswerItem(role, argument)
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar, cast

from pydantic import ValidationError

from chinchilla.answers.query import Content, Query
from chinchilla.errors import AnswerError
from chinchilla.schema import Argument, Entity, Event, Label, Relation, Role, Slot, explain

Item = TypeVar("Item")
Value = TypeVar("Value")
Pair = tuple[str, str]
"""The name of a slot or role, and the text in it."""


class AnswerItem(NamedTuple):
    """One item of an answer, under Chinese names; `text` is None for a missing trigger."""

    name: str
    text: str | None = None
    tail: str | None = None
    pairs: tuple[Pair, ...] = ()


def to_items(content: Content, query: Query) -> list[AnswerItem]:
    """Return the items of a content, labels (and roles) in the order asked.

    Raises AnswerError where the content holds a label, slot or role that was not asked.
    """
    if query.subtask == "ner":
        entities = _by_label(content.entities, lambda item: item.type, query)
        return [AnswerItem(label.name, item.text) for label, item in entities]
    if query.subtask in ("re", "re-pair"):
        relations = _by_label(content.relations, lambda item: item.predicate, query)
        return [_relation_item(item, label, query) for label, item in relations]
    if query.subtask == "ee-argument":
        return [AnswerItem(*pair) for pair in _argument_pairs(content.events, query.event)]
    events = _by_label(content.events, lambda item: item.event_type, query)
    if query.subtask == "ee-trigger":
        return [AnswerItem(label.name, item.trigger) for label, item in events]
    return [
        AnswerItem(label.name, item.trigger, None, tuple(_argument_pairs([item], label)))
        for label, item in events
    ]


def unsorted_items(content: Content, query: Query) -> list[AnswerItem]:
    """Return the items of a content as they come; a label that was not asked is its own name."""
    names = {label.key: label.name for label in query.known}
    items = [AnswerItem(names.get(item.type, item.type), item.text) for item in content.entities]
    for relation in content.relations:
        name = names.get(relation.predicate, relation.predicate)
        if query.subtask == "re-pair":
            items.append(AnswerItem(name))
            continue
        slots = {slot.key: slot.name for slot in query.label(name).slots}
        pairs = tuple((slots.get(key, key), text) for key, text in relation.tail_slots.items())
        items.append(AnswerItem(name, relation.head, relation.tail, pairs))
    for event in content.events:
        asked = query.event if query.subtask == "ee-argument" else None
        name = names.get(event.event_type, event.event_type)
        roles = {role.key: role.name for role in (asked or query.label(name)).roles}
        pairs = tuple((roles.get(item.role, item.role), item.text) for item in event.arguments)
        if asked:
            items += [AnswerItem(*pair) for pair in pairs]
        else:
            items.append(AnswerItem(name, event.trigger, None, pairs))
    return items


def _by_label(
    items: Iterable[Item], key: Callable[[Item], str], query: Query
) -> list[tuple[Label, Item]]:
    ordered = sorted(items, key=lambda item: look_up(query.ranks, key(item), "label"))
    return [(query.by_key[key(item)], item) for item in ordered]


def look_up(asked: Mapping[str, Value], key: str, kind: str) -> Value:
    """Return the value of a key; raise AnswerError where it was not asked."""
    if key not in asked:
        todo = "take what is asked with chinchilla.answers.target"
        raise AnswerError("content", f"the {kind} {key!r} is not asked", todo)
    return asked[key]


def _relation_item(relation: Relation, label: Label, query: Query) -> AnswerItem:
    if query.subtask == "re-pair":
        return AnswerItem(label.name)
    slots = named(relation.tail_slots.items(), label.slots, "slot") if relation.tail_slots else ()
    return AnswerItem(label.name, relation.head, relation.tail, tuple(slots))


def _argument_pairs(events: Iterable[Event], label: Label | None) -> list[Pair]:
    pairs = [(item.role, item.text) for event in events for item in event.arguments]
    return named(pairs, label.roles if label else (), "role")


def named(
    pairs: Iterable[Pair], parts: tuple[Slot, ...] | tuple[Role, ...], kind: str
) -> list[Pair]:
    """Return the pairs under the names of their slots or roles, in the order of the label.

    Raises AnswerError where a slot or role was not asked.
    """
    texts: dict[str, list[str]] = {part.key: [] for part in parts}
    for key, text in pairs:
        look_up(texts, key, kind).append(text)
    return [(part.name, text) for part in parts for text in texts[part.key]]


def to_content(items: Iterable[AnswerItem], query: Query) -> Content:
    """Return the content of items: names to keys, a name that was not asked as it is.

    Raises AnswerError where an item is blank.
    """
    try:
        if query.subtask == "ner":
            return Content(entities=tuple(_entity(item, query) for item in items))
        if query.subtask in ("re", "re-pair"):
            return Content(relations=tuple(_relation(item, query) for item in items))
        if query.subtask == "ee-argument":
            return Content(events=_asked_event(items, query))
        return Content(events=tuple(_event(item, query) for item in items))
    except ValidationError as error:
        todo = "write each item as the format says"
        raise AnswerError("answer", f"an item does not fit ({explain(error)})", todo) from error


def _entity(item: AnswerItem, query: Query) -> Entity:
    return Entity(type=query.label(item.name).key, text=cast(str, item.text))


def _relation(item: AnswerItem, query: Query) -> Relation:
    label = query.label(item.name)
    head, tail = item.text, item.tail
    if query.subtask == "re-pair":
        head, tail = query.head, query.tail
    slots = {slot.name: slot.key for slot in label.slots}
    return Relation(
        predicate=label.key,
        head=cast(str, head),
        head_type=label.head,
        tail=cast(str, tail),
        tail_type=label.tail,
        tail_slots={slots.get(name, name): text for name, text in item.pairs},
    )


def _event(item: AnswerItem, query: Query) -> Event:
    label = query.label(item.name)
    return Event(event_type=label.key, trigger=item.text, arguments=_arguments(item.pairs, label))


def _asked_event(items: Iterable[AnswerItem], query: Query) -> tuple[Event, ...]:
    """Return the event of which arguments were asked, none where there are none."""
    label = cast(Label, query.event)
    arguments = _arguments([(item.name, cast(str, item.text)) for item in items], label)
    if not arguments:
        return ()
    return (Event(event_type=label.key, trigger=query.trigger, arguments=arguments),)


def _arguments(pairs: Iterable[Pair], label: Label) -> tuple[Argument, ...]:
    roles = {role.name: role.key for role in label.roles}
    return tuple(Argument(role=roles.get(name, name), text=text) for name, text in pairs)
