"""The answer format `json`: labels to lists, those without any left out; nothing at all is {}.

    ner          {"人名": ["张三", "李四"]}
    re           {"作者": [{"head": "某书", "tail": "张三", "所属作品": "某集"}]}
    re-pair      ["合作"]                     nothing at all is []
    ee           {"裁员": [{"trigger": "裁员", "arguments": {"裁员方": ["某公司"]}}]}
    ee-trigger   {"裁员": ["裁员"]}
    ee-argument  {"裁员方": ["某公司"]}

The key "trigger" is left out of an event without one; in ee-trigger it is null.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from json import loads
from typing import Any

import orjson

from chinchilla.answers.items import AnswerItem, look_up, named, to_content, to_items
from chinchilla.answers.query import Content, Query
from chinchilla.answers.repair.items import from_json
from chinchilla.answers.repair.text import unquoted
from chinchilla.errors import AnswerError
from chinchilla.schema import Relation

Lists = dict[str, list[Any]]
Pairs = list[tuple[str, Any]]


def dump(content: Content, query: Query) -> str:
    """Write the content as one JSON object; re-pair as a list of names."""
    if query.subtask == "re":
        return _written(_by_label(content.relations, query))
    items = to_items(content, query)
    if query.subtask == "re-pair":
        return _written([item.name for item in items])
    return _written(_lists((item.name, _value(item, query)) for item in items))


def _written(answer: Any) -> str:
    return orjson.dumps(answer).decode("utf-8")


def _by_label(relations: Iterable[Relation], query: Query) -> Lists:
    """Return relations under the names of their labels, in the order asked.

    This is `to_items` in one step, for most rows of a build are triples: 10 % of its time.
    """
    labels = query.by_key
    by_label: dict[str, list[dict[str, str]]] = {}
    for item in relations:
        key = item.predicate
        value = {"head": item.head, "tail": item.tail}
        if item.tail_slots:
            value.update(
                named(item.tail_slots.items(), look_up(labels, key, "label").slots, "slot")
            )
        if key in by_label:
            by_label[key].append(value)
        else:
            look_up(labels, key, "label")
            by_label[key] = [value]
    lists: Lists = {}
    for key in sorted(by_label, key=query.ranks.__getitem__) if len(by_label) > 1 else by_label:
        # two labels may have one name where labels are renamed
        lists.setdefault(query.by_key[key].name, []).extend(by_label[key])
    return lists


def _lists(pairs: Iterator[tuple[str, Any]]) -> Lists:
    lists: Lists = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def _value(item: AnswerItem, query: Query) -> Any:
    if query.subtask == "ee":
        trigger = {} if item.text is None else {"trigger": item.text}
        return {**trigger, "arguments": _lists(iter(item.pairs))}
    return item.text


def parse(answer: str, query: Query) -> Content:
    """Read such an answer back; raise AnswerError where it is not exactly of the format.

    The lists of a key that comes twice are joined.
    """
    return to_content(list(_items(_load(answer, query, _join), query)), query)


def skim(answer: str, query: Query) -> Content:
    """Read what fits of a well-formed answer, as a reader without repair does.

    Items that are not of the format are left out; of a key that comes twice the last counts.
    Raises AnswerError where the answer is not one JSON value of the right kind.
    """
    items: list[AnswerItem] = []
    for part in _parts(_load(answer, query, dict)):
        try:
            fitting = list(_items(part, query))
            to_content(fitting, query)
        except AnswerError:
            continue
        items.extend(fitting)
    return to_content(items, query)


def remarks(answer: str) -> dict[str, int]:
    """Count the keys that come twice in an object of a well-formed answer."""
    twice = 0

    def count(pairs: Pairs) -> None:
        nonlocal twice
        twice += len(pairs) - len({key for key, _ in pairs})

    loads(answer, object_pairs_hook=count)
    return {"duplicate_key": twice}


def recover(
    text: str, query: Query, notes: Counter[str], passage: str | None = None
) -> list[AnswerItem] | None:
    """Read the first JSON value of an answer; a relation name alone needs none."""
    if query.subtask == "re-pair" and unquoted(text.strip()) in query.names:
        notes["bare_string"] += 1
        return [AnswerItem(unquoted(text.strip()))]
    items = from_json(text, query, notes, passage)
    if not items and text.lstrip().startswith('"'):
        items = from_json(f"{{{text}}}", query, notes, passage)
        notes["brackets"] += 1
    return items


def _load(answer: str, query: Query, hook: Callable[[Pairs], Any]) -> Any:
    try:
        value = loads(answer, object_pairs_hook=hook)
    except (ValueError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise AnswerError("answer", f"not JSON ({what})", "answer with JSON alone") from error
    kind = list if query.subtask == "re-pair" else dict
    if not isinstance(value, kind):
        what = "not a JSON list" if kind is list else "not a JSON object"
        raise AnswerError("answer", what, "answer as the format says")
    return value


def _join(pairs: Pairs) -> Lists:
    lists: Lists = dict(pairs)
    if len(lists) == len(pairs):
        return lists
    joined: Lists = {}
    for key, value in pairs:
        known = joined.get(key)
        if isinstance(known, list) and isinstance(value, list):
            known.extend(value)
        else:
            joined[key] = list(value) if isinstance(value, list) else value
    return joined


def _parts(found: Any) -> Iterator[Any]:
    """Yield answers of one item each, out of a well-formed one."""
    if isinstance(found, list):
        yield from ([item] for item in found)
    else:
        for name, items in found.items():
            if isinstance(items, list):
                yield from ({name: [item]} for item in items)


def _items(found: Any, query: Query) -> Iterator[AnswerItem]:
    if query.subtask == "re-pair":
        yield from (AnswerItem(_words(name)) for name in found)
        return
    for name, items in found.items():
        for item in _list(items):
            yield _item(name, item, query)


def _item(name: str, item: Any, query: Query) -> AnswerItem:
    if query.subtask == "re":
        return _relation(name, item)
    if query.subtask == "ee":
        return _event(name, item)
    if query.subtask == "ee-trigger" and item is None:
        return AnswerItem(name)
    return AnswerItem(name, _words(item))


def _relation(name: str, item: Any) -> AnswerItem:
    if not isinstance(item, dict) or not {"head", "tail"} <= item.keys():
        raise _wrong("a relation is an object with head and tail")
    further = [(key, _words(string)) for key, string in item.items() if key not in ("head", "tail")]
    return AnswerItem(name, _words(item["head"]), _words(item["tail"]), tuple(further))


def _event(name: str, item: Any) -> AnswerItem:
    if not isinstance(item, dict) or item.keys() - {"trigger", "arguments"}:
        raise _wrong("an event is an object with trigger and arguments")
    trigger, roles = item.get("trigger"), item.get("arguments", {})
    if not isinstance(roles, dict):
        raise _wrong("arguments is an object of lists")
    further = [(role, _words(string)) for role, found in roles.items() for string in _list(found)]
    return AnswerItem(name, None if trigger is None else _words(trigger), None, tuple(further))


def _words(item: Any) -> str:
    if not isinstance(item, str):
        raise _wrong("a span is a string")
    return item


def _list(items: Any) -> list[Any]:
    if not isinstance(items, list):
        raise _wrong("items are in a list")
    return items


def _wrong(rule: str) -> AnswerError:
    return AnswerError("answer", "not of the format json", rule)
