"""Texts to predict on: records of the exchange format, or no more than `{"text": ...}`."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from chinchilla.errors import ChinchillaError, InputError, not_utf8
from chinchilla.schema import LabelSet, Record, make_record
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads
from chinchilla.tally import Tally

_TODO = 'write one object a line, {"text": "..."} at least'


class Defaults(NamedTuple):
    """What a line is taken for where it does not say: its source; `labels` knows the tasks."""

    source: str | None
    labels: Mapping[str, LabelSet]

    def source_of(self, line: Mapping[str, Any], where: str) -> str:
        """Return the source of a line; raise InputError where it could be several."""
        named = self.source or line.get("source")
        if named is None and len(self.labels) == 1:
            named = next(iter(self.labels))
        if not isinstance(named, str) or named not in self.labels:
            known = ", ".join(self.labels)
            what = "the line names no source" if named is None else f"no labels of {named!r} here"
            raise InputError(where, what, f"pass --source, one of {known}")
        return named


def read_inputs(
    lines: Iterable[bytes], name: str, defaults: Defaults, tally: Tally
) -> Iterator[Record]:
    """Yield a record for each line that is not blank; gold is not needed, and kept where it is.

    A record without an id gets its line's number, one of train is asked like one of test.
    Refuses, with InputError naming path:line, a line that cannot be read and an id that came
    before, with RecordError a record that breaks the schema.
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        where = f"{name}:{number}"
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        if not line or line.isspace():
            continue
        try:
            record = _record(line, number, where, defaults)
            if record.id in seen:
                what = f"the id {record.id!r} is that of line {seen[record.id]} too"
                raise InputError(where, what, "give each record an id of its own")
        except ChinchillaError as error:
            tally.refuse(error)
            continue
        seen[record.id] = number
        yield record


def _record(line: bytes, number: int, where: str, defaults: Defaults) -> Record:
    try:
        found = loads(line)
    except orjson.JSONDecodeError as error:
        other = InputError(where, f"not JSON ({error})", _TODO)
        raise not_utf8(where, line) or other from error
    except DuplicateKeyError as error:
        raise InputError(where, str(error), ONE_VALUE, reason="duplicate-key") from error
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise InputError(where, "no object with a text", _TODO)
    source = defaults.source_of(found, where)
    known = {key: found[key] for key in Record.model_fields if key in found}
    fields = {"id": f"line-{number:06d}", **known, "source": source, "split": "test"}
    fields["task"] = defaults.labels[source].task
    return make_record(where, fields)
