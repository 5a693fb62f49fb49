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
    """The source of lines that name none, and the labels of each known source."""

    source: str | None
    labels: Mapping[str, LabelSet]

    def source_of(self, line: Mapping[str, Any], where: str) -> str:
        """Return the source of a line; raise InputError where it could be several."""
        source = self.source or line.get("source")
        if source is None and len(self.labels) == 1:
            source = next(iter(self.labels))
        if not isinstance(source, str) or source not in self.labels:
            known = ", ".join(self.labels)
            what = "the line names no source" if source is None else f"no labels of {source!r} here"
            raise InputError(where, what, f"pass --source, one of {known}")
        return source


def read_inputs(
    lines: Iterable[bytes], name: str, defaults: Defaults, tally: Tally
) -> Iterator[Record]:
    """Yield a record of split test for each line that is not blank; gold is not needed.

    A record without an id gets its line's number. Refused in the tally are: a line that cannot
    be read or repeats an id (InputError naming path:line), a record that breaks the schema
    (RecordError).
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
        fields = loads(line)
    except orjson.JSONDecodeError as error:
        other = InputError(where, f"not JSON ({error})", _TODO)
        raise not_utf8(where, line) or other from error
    except DuplicateKeyError as error:
        raise InputError(where, str(error), ONE_VALUE, reason="duplicate-key") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        raise InputError(where, "no object with a text", _TODO)
    source = defaults.source_of(fields, where)
    record = {"id": f"line-{number:06d}"}
    record |= {name: fields[name] for name in Record.model_fields if name in fields}
    return make_record(
        where, record | {"source": source, "split": "test", "task": defaults.labels[source].task}
    )
