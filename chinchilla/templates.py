"""Prompt wordings: read `templates/<task>/*.yaml`, check their variables, render.

A wording is data. It is compiled once to literal and variable segments; jinja2 reads its
syntax, so that an unknown variable or a stray brace is found when the file is read.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from jinja2 import Environment, TemplateSyntaxError, nodes
from pydantic import Field, ValidationError

from chinchilla.errors import AS_UTF8, TemplateError
from chinchilla.resources import RESOURCES, shipped
from chinchilla.schema import Frozen, explain

Subtask = Literal["ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"]

_NEEDED: dict[str, frozenset[str]] = {
    "re-pair": frozenset({"head", "tail"}),
    "ee-argument": frozenset({"event_type", "trigger"}),
}
# the parser in C reads the same in a tenth of the time, where PyYAML was built with it
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JINJA = Environment(autoescape=False, keep_trailing_newline=True)


class Segment(NamedTuple):
    """A stretch of a wording: literal words or the name of a variable."""

    words: str
    variable: bool


class Wording(Frozen):
    """Hold one way to ask, as written in a template file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    instruction: str = Field(min_length=1)
    input: str
    empty: dict[str, str] = Field(default_factory=dict)


class TemplateFile(Frozen):
    """Hold a template file."""

    subtask: Subtask
    labels: Literal["closed", "open"]
    held_out: bool = False
    wordings: tuple[Wording, ...] = Field(min_length=1)


class Template(NamedTuple):
    """A wording ready to render; its id is path and wording: `ner/closed#list`."""

    id: str
    subtask: str
    closed: bool
    held_out: bool
    instruction: tuple[Segment, ...]
    input: tuple[Segment, ...]
    empty: Mapping[str, str]

    def render(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Return instruction and input with the variables filled in."""
        return fill(self.instruction, values), fill(self.input, values)

    def partly(self, values: Mapping[str, str]) -> "Template":
        """Return the template with these variables filled in for good."""
        instruction, input_ = (partly(one, values) for one in (self.instruction, self.input))
        return self._replace(instruction=instruction, input=input_)


class Phrases(Frozen):
    """Hold forms.yaml: how each answer form is described, and the few fixed words."""

    json_: dict[str, tuple[str, ...]] = Field(alias="json")
    lines: dict[str, tuple[str, ...]]
    code: dict[str, tuple[str, ...]]
    tuple_: dict[str, tuple[str, ...]] = Field(alias="tuple")
    empty: dict[str, dict[str, str]]
    missing_trigger: str
    title: str
    demonstrations: dict[str, str]
    pair_marks: dict[str, str]

    def formats(self, form: str, subtask: str, closed: bool = True) -> tuple[str, ...]:
        """Return the sentences that describe an answer form.

        Where no labels are shown, those of `<subtask>-open`, which speak of none, if there are.
        """
        found: dict[str, tuple[str, ...]] = getattr(
            self, form if form in ("lines", "code") else f"{form}_"
        )
        return found[subtask] if closed else found.get(f"{subtask}-open", found[subtask])


def fill(segments: tuple[Segment, ...], values: Mapping[str, str]) -> str:
    """Join the segments, each variable replaced by its value."""
    return "".join([values[words] if variable else words for words, variable in segments])


def partly(segments: tuple[Segment, ...], values: Mapping[str, str]) -> tuple[Segment, ...]:
    """Fill in some of the variables, and join the literal words that then stand together."""
    known = [
        Segment(values[words], False) if variable and words in values else Segment(words, variable)
        for words, variable in segments
    ]
    joined: list[Segment] = []
    for variable, group in groupby(known, lambda one: one.variable):
        if variable:
            joined.extend(group)
        else:
            joined.append(Segment("".join(words for words, _ in group), False))
    return tuple(joined)


def compile_wording(words: str, where: str) -> tuple[Segment, ...]:
    """Cut a wording at its variables; raise TemplateError for anything but plain ones."""
    try:
        parsed = _JINJA.parse(words)
    except TemplateSyntaxError as error:
        what = f"line {error.lineno}: {error.message}"
        raise TemplateError(where, what, "write variables as {{ name }}") from error
    except (RecursionError, ValueError) as error:
        what = "a variable that is no plain name"
        raise TemplateError(where, what, "write variables as {{ name }}") from error
    return tuple(_segments(parsed, where))


def _segments(parsed: nodes.Template, where: str) -> Iterator[Segment]:
    for output in parsed.body:
        for node in output.iter_child_nodes():
            if isinstance(node, nodes.TemplateData):
                yield Segment(node.data, False)
            elif isinstance(node, nodes.Name):
                yield Segment(node.name, True)
            else:
                kind = type(node).__name__.lower()
                what = f"a {kind} in the wording"
                raise TemplateError(where, what, "use plain variables only: {{ text }}")


def variables(*wordings: tuple[Segment, ...]) -> list[str]:
    """List the variables of some wordings, once for each use."""
    return [words for segments in wordings for words, variable in segments if variable]


_beside: list[Path] = []


def use_templates(folder: Path | None) -> int:
    """Lay the templates of a folder beside those that ship, for this process from now on.

    Returns how many wordings it has; with None those that ship are alone again. Raises
    TemplateError for a folder whose files cannot be used or would not be read.
    """
    found = () if folder is None else _read_own(folder)
    _beside[:] = [] if folder is None else [folder]
    _installed.cache_clear()
    return len(found)


def own_templates() -> Path | None:
    """Return the folder whose templates lie beside those that ship, if there is one."""
    return _beside[0] if _beside else None


def load_templates(folder: Path | None = None) -> tuple[Template, ...]:
    """Return the templates in use, or those of a folder alone, in the order of their paths."""
    return _installed(own_templates()) if folder is None else _read_folder(folder)


@lru_cache(maxsize=4)
def _installed(own: Path | None) -> tuple[Template, ...]:
    found = _read_folder(shipped("templates"))
    return found if own is None else (*found, *_read_own(own))


def _read_own(folder: Path) -> tuple[Template, ...]:
    if not folder.is_dir():
        what, todo = "no such folder", "pass a folder with <task>/*.yaml"
        raise TemplateError(str(folder), what, todo)
    read, root = set(folder.glob("*/*.yaml")), shipped("templates")
    for path in sorted(path for end in ("yaml", "yml") for path in folder.rglob(f"*.{end}")):
        if path not in read:
            todo = f"put templates into {folder}/<task>/<name>.yaml, and nothing else"
            raise TemplateError(str(path), "is not read from here", todo)
        if (root / path.relative_to(folder)).exists():
            what = "a file of this name ships, and no id is given twice"
            raise TemplateError(str(path), what, "give the file another name")
    found = _read_folder(folder)
    for template in found:
        task = template.subtask.partition("-")[0]
        if template.id.partition("/")[0] != task:
            where = str(folder / template.id)
            what = f"asks for {template.subtask}, in a folder of another task"
            raise TemplateError(where, what, f"move the file to {folder / task}")
    return found


def _read_folder(root: Path) -> tuple[Template, ...]:
    found: list[Template] = []
    for path in sorted(root.glob("*/*.yaml")):
        found.extend(_read_file(path, root))
    if not found:
        raise TemplateError(str(root), "no template files here", "pass a folder with <task>/*.yaml")
    return tuple(found)


def _read_file(path: Path, root: Path) -> Iterator[Template]:
    try:
        file = TemplateFile.model_validate(_read_yaml(path))
    except ValidationError as error:
        todo = "see docs/en/templates.md for the fields of a template"
        raise TemplateError(str(path), explain(error), todo) from error
    name = path.relative_to(root).with_suffix("").as_posix()
    seen: set[str] = set()
    for wording in file.wordings:
        where = f"{path}#{wording.id}"
        if wording.id in seen:
            raise TemplateError(where, "this id comes twice", "give each wording its own id")
        seen.add(wording.id)
        template = Template(
            f"{name}#{wording.id}",
            file.subtask,
            file.labels == "closed",
            file.held_out,
            compile_wording(wording.instruction, where),
            compile_wording(wording.input, where),
            wording.empty,
        )
        _check_variables(template, where)
        yield template


def _check_variables(template: Template, where: str) -> None:
    """Raise TemplateError unless each needed variable is used once and no other is."""
    used = variables(template.instruction, template.input)
    needed = {"text", "format"} | _NEEDED.get(template.subtask, frozenset())
    shown = [name for name in used if name in ("labels", "label_lines")]
    for name in sorted(needed):
        if used.count(name) != 1:
            what = f"{{{{ {name} }}}} is used {used.count(name)} times"
            raise TemplateError(where, what, "use it exactly once")
    if len(shown) != int(template.closed):
        what = f"{{{{ labels }}}} or {{{{ label_lines }}}} is used {len(shown)} times"
        todo = "use one of them once" if template.closed else "leave it out of an open wording"
        raise TemplateError(where, what, todo)
    unknown = sorted(set(used) - needed - {"labels", "label_lines"})
    if unknown:
        known = ", ".join(sorted(needed | {"labels", "label_lines"}))
        raise TemplateError(where, f"{unknown[0]!r} is undefined", f"variables are {known}")


@lru_cache(maxsize=4)
def load_phrases(folder: Path | None = None) -> Phrases:
    """Read forms.yaml of a template folder."""
    path = (folder or shipped("templates")) / "forms.yaml"
    try:
        return Phrases.model_validate(_read_yaml(path))
    except ValidationError as error:
        todo = "compare it with the forms.yaml that ships"
        raise TemplateError(str(path), explain(error), todo) from error


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    except OSError as error:
        todo = "pass a template folder that has it"
        raise TemplateError(str(path), error.strerror or "cannot be read", todo) from error
    except RecursionError as error:
        raise TemplateError(str(path), "not YAML (nested too deep)", "correct the file") from error
    except UnicodeDecodeError as error:
        raise TemplateError(str(path), "not UTF-8", AS_UTF8) from error
    except (yaml.YAMLError, ValueError) as error:
        words = " ".join(str(error).split())
        raise TemplateError(str(path), f"not YAML ({words})", "correct the file") from error


def template_hashes(folder: Path | None = None) -> dict[str, str]:
    """Return the sha256 of every template file in use, or of a folder, by path inside it.

    `repair.yaml` is one of them: how an answer is read decides what it is worth.
    """
    own = own_templates()
    roots = [folder] if folder else [shipped("templates"), RESOURCES, *([own] if own else [])]
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for root in roots
        for path in sorted([*root.glob("*.yaml"), *root.glob("*/*.yaml")])
    }
