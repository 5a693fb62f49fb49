"""What an answer says, item by item and by Chinese names: the middle way of every form.

A form writes and reads these items; here they are made from content and turned into content.

    ner          Said(type, span)
    re           Said(relation, head, tail, slots)
    re-pair      Said(relation)
    ee           Said(type, trigger, None, roles with arguments)
    ee-trigger   Said(type, trigger)
    ee-argument  Said(role, argument)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar, cast

from pydantic import ValidationError

from chinchilla.answers.query import Content, Question
from chinchilla.errors import AnswerError
from chinchilla.schema import Argument, Entity, Event, Label, Relation, Role, Slot, explain

Item = TypeVar("Item")


class Said(NamedTuple):
    """One item of an answer, under Chinese names; `words` is null for a missing trigger."""

    name: str
    words: str | None = None
    tail: str | None = None
    further: tuple[tuple[str, str], ...] = ()


def said(content: Content, question: Question) -> list[Said]:
    """List the items of a content, labels (and roles) in the order asked.

    Raises AnswerError where the content holds a label, slot or role that was not asked.
    """
    if question.subtask == "ner":
        entities = _by_label(content.entities, lambda item: item.type, question)
        return [Said(label.name, item.text) for label, item in entities]
    if question.subtask in ("re", "re-pair"):
        relations = _by_label(content.relations, lambda item: item.predicate, question)
        return [_said_relation(item, label, question) for label, item in relations]
    if question.subtask == "ee-argument":
        return [Said(*pair) for pair in _said_arguments(content.events, question.event)]
    events = _by_label(content.events, lambda item: item.event_type, question)
    if question.subtask == "ee-trigger":
        return [Said(label.name, item.trigger) for label, item in events]
    return [
        Said(label.name, item.trigger, None, tuple(_said_arguments([item], label)))
        for label, item in events
    ]


def listed(content: Content, question: Question) -> list[Said]:
    """List the items of a content as they come, a label that was not asked under its own name."""
    names = {label.key: label.name for label in question.known}
    items = [Said(names.get(one.type, one.type), one.text) for one in content.entities]
    for relation in content.relations:
        name = names.get(relation.predicate, relation.predicate)
        if question.subtask == "re-pair":
            items.append(Said(name))
            continue
        slots = {slot.key: slot.name for slot in question.label(name).slots}
        further = [(slots.get(key, key), found) for key, found in relation.tail_slots.items()]
        items.append(Said(name, relation.head, relation.tail, tuple(further)))
    for event in content.events:
        given = question.event if question.subtask == "ee-argument" else None
        name = names.get(event.event_type, event.event_type)
        label = given or question.label(name)
        roles = {role.key: role.name for role in label.roles}
        pairs = [(roles.get(one.role, one.role), one.text) for one in event.arguments]
        if given:
            items += [Said(*pair) for pair in pairs]
        else:
            items.append(Said(name, event.trigger, None, tuple(pairs)))
    return items


def _by_label(
    items: Iterable[Item], key: Callable[[Item], str], question: Question
) -> Iterator[tuple[Label, Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(asked(question.by_key, key(item), "label").key, []).append(item)
    if not found:
        return
    for label in [label for label in question.known if label.key in found]:
        for item in found[label.key]:
            yield label, item


def asked(known: Mapping[str, Item], key: str, kind: str) -> Item:
    """Return what stands under a key; raise AnswerError where it was not asked."""
    if key not in known:
        todo = "take what is asked with chinchilla.answers.ordered"
        raise AnswerError("content", f"the {kind} {key!r} is not asked", todo)
    return known[key]


def _said_relation(relation: Relation, label: Label, question: Question) -> Said:
    if question.subtask == "re-pair":
        return Said(label.name)
    if not relation.tail_slots:
        return Said(label.name, relation.head, relation.tail)
    slots = in_order(relation.tail_slots.items(), label.slots, "slot")
    return Said(label.name, relation.head, relation.tail, tuple(slots))


def _said_arguments(events: Iterable[Event], label: Label | None) -> list[tuple[str, str]]:
    pairs = [(item.role, item.text) for event in events for item in event.arguments]
    return in_order(pairs, label.roles if label else (), "role")


def in_order(
    pairs: Iterable[tuple[str, str]], parts: tuple[Slot, ...] | tuple[Role, ...], kind: str
) -> list[tuple[str, str]]:
    """Put words under the names of their slots or roles, in the order of the label.

    Raises AnswerError where a slot or role was not asked.
    """
    if len(parts) == 1:
        # most labels with slots have one: nothing is to be ordered
        known = {parts[0].key: parts[0].name}
        return [(asked(known, key, kind), words) for key, words in pairs]
    found: dict[str, list[str]] = {part.key: [] for part in parts}
    for key, words in pairs:
        asked(found, key, kind).append(words)
    return [(part.name, words) for part in parts for words in found[part.key]]


def to_content(items: Iterable[Said], question: Question) -> Content:
    """Turn items back into content: names to keys, a name that was not asked as it stands.

    Raises AnswerError where an item is blank.
    """
    try:
        if question.subtask == "ner":
            return Content(entities=tuple(_entity(item, question) for item in items))
        if question.subtask in ("re", "re-pair"):
            return Content(relations=tuple(_relation(item, question) for item in items))
        if question.subtask == "ee-argument":
            return Content(events=_given_event(items, question))
        return Content(events=tuple(_event(item, question) for item in items))
    except ValidationError as error:
        todo = "write each item as the form says"
        raise AnswerError("answer", f"an item does not fit ({explain(error)})", todo) from error


def _entity(item: Said, question: Question) -> Entity:
    return Entity(type=question.label(item.name).key, text=cast(str, item.words))


def _relation(item: Said, question: Question) -> Relation:
    label = question.label(item.name)
    head, tail = item.words, item.tail
    if question.subtask == "re-pair":
        head, tail = question.head, question.tail
    slots = {slot.name: slot.key for slot in label.slots}
    return Relation(
        predicate=label.key,
        head=cast(str, head),
        head_type=label.head,
        tail=cast(str, tail),
        tail_type=label.tail,
        tail_slots={slots.get(name, name): words for name, words in item.further},
    )


def _event(item: Said, question: Question) -> Event:
    label = question.label(item.name)
    arguments = _read_arguments(item.further, label)
    return Event(event_type=label.key, trigger=item.words, arguments=arguments)


def _given_event(items: Iterable[Said], question: Question) -> tuple[Event, ...]:
    label = cast(Label, question.event)
    arguments = _read_arguments([(item.name, cast(str, item.words)) for item in items], label)
    if not arguments:
        return ()
    return (Event(event_type=label.key, trigger=question.trigger, arguments=arguments),)


def _read_arguments(pairs: Iterable[tuple[str, str]], label: Label) -> tuple[Argument, ...]:
    roles = {role.name: role.key for role in label.roles}
    return tuple(Argument(role=roles.get(name, name), text=words) for name, words in pairs)
