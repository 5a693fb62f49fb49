"""The form `json`: labels to lists; a label with nothing found is left out, nothing at all is {}.

    ner          {"人名": ["张三", "李四"]}
    re           {"作者": [{"head": "某书", "tail": "张三", "所属作品": "某集"}]}
    re-pair      ["合作"]                     nothing at all is []
    ee           {"裁员": [{"trigger": "裁员", "arguments": {"裁员方": ["某公司"]}}]}
    ee-trigger   {"裁员": ["裁员"]}
    ee-argument  {"裁员方": ["某公司"]}

The key "trigger" is left out of an event without one; in ee-trigger null stands for it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from json import loads
from typing import Any

import orjson

from chinchilla.answers.items import Said, asked, in_order, said, to_content
from chinchilla.answers.query import Content, Question
from chinchilla.answers.repair.items import from_json
from chinchilla.answers.repair.text import unquoted
from chinchilla.errors import AnswerError
from chinchilla.schema import Relation

Lists = dict[str, list[Any]]
Pairs = list[tuple[str, Any]]


def dump(content: Content, question: Question) -> str:
    """Write the content as one JSON object; re-pair as a list of names."""
    if question.subtask == "re":
        return _written(_by_name(content.relations, question))
    items = said(content, question)
    if question.subtask == "re-pair":
        return _written([item.name for item in items])
    return _written(_lists((item.name, _value(item, question)) for item in items))


def _written(answer: Any) -> str:
    return orjson.dumps(answer).decode("utf-8")


def _by_name(relations: Iterable[Relation], question: Question) -> Lists:
    """Put relations under the names of their labels, in the order asked."""
    labels = question.by_key
    found: Lists = {}
    for item in relations:
        key = item.predicate
        if key not in labels:
            asked(labels, key, "label")
        value = {"head": item.head, "tail": item.tail}
        if item.tail_slots:
            value.update(in_order(item.tail_slots.items(), labels[key].slots, "slot"))
        if key in found:
            found[key].append(value)
        else:
            found[key] = [value]
    if len(found) < 2:
        return {labels[key].name: values for key, values in found.items()}
    lists: Lists = {}
    for key in sorted(found, key=question.places.__getitem__):
        name = labels[key].name
        # two labels may bear one name where labels are renamed
        lists[name] = lists[name] + found[key] if name in lists else found[key]
    return lists


def _lists(pairs: Iterator[tuple[str, Any]]) -> Lists:
    found: Lists = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _value(item: Said, question: Question) -> Any:
    if question.subtask == "ee":
        trigger = {} if item.words is None else {"trigger": item.words}
        return {**trigger, "arguments": _lists(iter(item.further))}
    return item.words


def parse(answer: str, question: Question) -> Content:
    """Read such an answer back; raise AnswerError where it is not exactly of the form.

    The lists of a key that comes twice are joined.
    """
    return to_content(list(_items(_load(answer, question, _join), question)), question)


def skim(answer: str, question: Question) -> Content:
    """Read what fits of a well-formed answer, as a reader without repair does.

    Items that are not of the form are left out; of a key that comes twice the last counts.
    Raises AnswerError where the answer is not one JSON value of the right kind.
    """
    items: list[Said] = []
    for part in _parts(_load(answer, question, dict)):
        try:
            one = list(_items(part, question))
            to_content(one, question)
        except AnswerError:
            continue
        items.extend(one)
    return to_content(items, question)


def remarks(answer: str) -> dict[str, int]:
    """Count the keys that come twice in an object of a well-formed answer."""
    twice = 0

    def count(pairs: Pairs) -> None:
        nonlocal twice
        twice += len(pairs) - len({key for key, _ in pairs})

    loads(answer, object_pairs_hook=count)
    return {"duplicate_key": twice}


def recover(
    text: str, question: Question, notes: Counter[str], passage: str | None = None
) -> list[Said] | None:
    """Read the first JSON value of an answer; a relation name alone may stand without one."""
    if question.subtask == "re-pair" and unquoted(text.strip()) in question.asked:
        notes["bare_string"] += 1
        return [Said(unquoted(text.strip()))]
    items = from_json(text, question, notes, passage)
    if not items and text.lstrip().startswith('"'):
        items = from_json(f"{{{text}}}", question, notes, passage)
        notes["brackets"] += 1
    return items


def _load(answer: str, question: Question, hook: Callable[[Pairs], Any]) -> Any:
    try:
        found = loads(answer, object_pairs_hook=hook)
    except (ValueError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise AnswerError("answer", f"not JSON ({what})", "answer with JSON alone") from error
    kind = list if question.subtask == "re-pair" else dict
    if not isinstance(found, kind):
        what = "not a JSON list" if kind is list else "not a JSON object"
        raise AnswerError("answer", what, "answer as the form says")
    return found


def _join(pairs: Pairs) -> Lists:
    found: Lists = dict(pairs)
    if len(found) == len(pairs):
        return found
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


def _items(found: Any, question: Question) -> Iterator[Said]:
    if question.subtask == "re-pair":
        yield from (Said(_words(name)) for name in found)
        return
    for name, items in found.items():
        for item in _list(items):
            yield _item(name, item, question)


def _item(name: str, item: Any, question: Question) -> Said:
    if question.subtask == "re":
        return _relation(name, item)
    if question.subtask == "ee":
        return _event(name, item)
    if question.subtask == "ee-trigger" and item is None:
        return Said(name)
    return Said(name, _words(item))


def _relation(name: str, item: Any) -> Said:
    if not isinstance(item, dict) or not {"head", "tail"} <= item.keys():
        raise _wrong("a relation is an object with head and tail")
    further = [(key, _words(words)) for key, words in item.items() if key not in ("head", "tail")]
    return Said(name, _words(item["head"]), _words(item["tail"]), tuple(further))


def _event(name: str, item: Any) -> Said:
    if not isinstance(item, dict) or item.keys() - {"trigger", "arguments"}:
        raise _wrong("an event is an object with trigger and arguments")
    trigger, roles = item.get("trigger"), item.get("arguments", {})
    if not isinstance(roles, dict):
        raise _wrong("arguments is an object of lists")
    further = [(role, _words(words)) for role, found in roles.items() for words in _list(found)]
    return Said(name, None if trigger is None else _words(trigger), None, tuple(further))


def _words(item: Any) -> str:
    if not isinstance(item, str):
        raise _wrong("a span is a string")
    return item


def _list(items: Any) -> list[Any]:
    if not isinstance(items, list):
        raise _wrong("what is found stands in a list")
    return items


def _wrong(rule: str) -> AnswerError:
    return AnswerError("answer", "not of the form json", rule)
