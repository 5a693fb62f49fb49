"""Join what a model answers about the windows of one text, without looking at the gold.

Answers name strings, not places, and neighbouring windows share sentences, so one find may be
told twice. How often it counts:

- with offsets: once for each place;
- an entity without offsets where the source marks mentions: as often as it is told, less what
  two neighbours can both have seen (at most its occurrences in what they share). That is exact
  unless only some of the occurrences in a shared part are entities;
- every other item: as often as the window says that tells it most often.

Under the policy `split` the parts of an event come from different windows. Two parts are taken
for one event where type and trigger agree (a part may lack the trigger) and no role is filled
in both without a string in common; of several such events, the one with most arguments in
common, else the first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import orjson

from chinchilla.answers import Content
from chinchilla.prompts.offsets import move_entity, move_event, move_relation
from chinchilla.prompts.window_gold import Policy
from chinchilla.schema import Argument, Entity, Event, Relation
from chinchilla.spans import occurrences

Item = TypeVar("Item", Entity, Relation, Event)


class Answered(NamedTuple):
    """What a model answers about the window `start` to `end` of a text."""

    start: int
    end: int
    content: Content


def merge_answers(
    text: str, answers: Iterable[Answered], policy: Policy, mentions: bool = True
) -> Content:
    """Join the answers about the windows of a text to one; see the rules of this module.

    `mentions` says whether the source marks each mention of an entity (it gives offsets).
    """
    ordered = sorted(answers, key=lambda one: (one.start, one.end))
    relations = [
        [move_relation(item, one.start) for item in one.content.relations] for one in ordered
    ]
    events = [[move_event(item, one.start) for item in one.content.events] for one in ordered]
    joined = join_parts(events) if policy == "split" else most(events)
    return Content(tuple(_entities(text, ordered, mentions)), tuple(most(relations)), tuple(joined))


def _key(item: Entity | Relation | Event) -> bytes:
    """Return what makes two items the same; the order of slots and arguments does not count."""
    fields = item.model_dump(mode="json")
    if isinstance(item, Event):
        fields["arguments"].sort(key=lambda one: orjson.dumps(one, option=orjson.OPT_SORT_KEYS))
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def most(told: Iterable[Sequence[Item]]) -> list[Item]:
    """Return each item as often as the window has it that has it most often."""
    found: list[Item] = []
    total: Counter[bytes] = Counter()
    for items in told:
        here: Counter[bytes] = Counter()
        for item in items:
            key = _key(item)
            here[key] += 1
            if here[key] > total[key]:
                total[key] += 1
                found.append(item)
    return found


def _entities(text: str, answers: Sequence[Answered], mentions: bool) -> list[Entity]:
    told = [[move_entity(item, one.start) for item in one.content.entities] for one in answers]
    if not mentions:
        return most(told)
    located = most([[item for item in items if item.start is not None] for items in told])
    found: list[Entity] = []
    before: Counter[bytes] = Counter()
    end = 0
    for answer, items in zip(answers, told, strict=True):
        here: Counter[bytes] = Counter()
        shared = text[answer.start : end]
        for item in items:
            if item.start is None:
                here[_key(item)] += 1
                seen = min(before[_key(item)], sum(1 for _ in occurrences(shared, item.text)))
                if here[_key(item)] > seen:
                    found.append(item)
        before, end = here, answer.end
    return located + found


def join_parts(told: Iterable[Sequence[Event]]) -> list[Event]:
    """Join the parts of events that different windows tell."""
    found: list[Event] = []
    for events in told:
        free = list(range(len(found)))
        for event in events:
            places = [place for place in free if _agree(found[place], event)]
            if not places:
                found.append(event)
                continue
            place = max(places, key=_common_with(found, event))
            free.remove(place)
            found[place] = _union(found[place], event)
    return found


def _common_with(found: Sequence[Event], event: Event) -> Callable[[int], int]:
    mine = Counter(_filler(one) for one in event.arguments)

    def common(place: int) -> int:
        return (mine & Counter(_filler(one) for one in found[place].arguments)).total()

    return common


def _filler(argument: Argument) -> tuple[str, str]:
    return argument.role, argument.text


def _agree(one: Event, other: Event) -> bool:
    """Say whether two parts can belong to one event."""
    if one.event_type != other.event_type:
        return False
    if None not in (one.trigger, other.trigger) and one.trigger != other.trigger:
        return False
    mine, theirs = {_filler(item) for item in one.arguments}, {_filler(i) for i in other.arguments}
    both = {role for role, _ in mine} & {role for role, _ in theirs}
    return both <= {role for role, _ in mine & theirs}


def _union(one: Event, other: Event) -> Event:
    """Return the first part with what the second has beyond it."""
    arguments = list(one.arguments)
    known = Counter(_filler(item) for item in arguments)
    for item in other.arguments:
        if known[_filler(item)]:
            known[_filler(item)] -= 1
        else:
            arguments.append(item)
    named = one if one.trigger is not None else other
    return Event.model_validate({**dict(named), "arguments": tuple(arguments)})
