"""Prompt templates: read `templates/<task>/*.yaml`, check their variables, render.

    instruction: 找出文本中的{{ labels }}。{{ format }}
    -> (Segment("找出文本中的", False), Segment("labels", True), Segment("。", False), ...)

A template is data. It is compiled once to literal and variable segments; jinja2 reads its
syntax, so that an unknown variable or a stray brace is found when the file is read.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from jinja2 import Environment, TemplateSyntaxError, nodes
from pydantic import ConfigDict, Field, ValidationError, model_validator

from chinchilla.answers import Subtask, format_names
from chinchilla.errors import AS_UTF8, ConfigError
from chinchilla.resources import RESOURCES, shipped
from chinchilla.schema import Frozen, explain

_NEEDED: dict[str, frozenset[str]] = {
    "re-pair": frozenset({"head", "tail"}),
    "ee-argument": frozenset({"event_type", "trigger"}),
}
# the parser in C reads the same in a tenth of the time, where PyYAML was built with it
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JINJA = Environment(autoescape=False, keep_trailing_newline=True)


class Segment(NamedTuple):
    """A part of a template: literal text or the name of a variable."""

    text: str
    variable: bool


class TemplateEntry(Frozen):
    """One template, as written in a template file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    instruction: str = Field(min_length=1)
    input: str
    empty: dict[str, str] = Field(default_factory=dict)


class TemplateFile(Frozen):
    """A template file."""

    subtask: Subtask
    labels: Literal["closed", "open"]
    held_out: bool = False
    wordings: tuple[TemplateEntry, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Template:
    """A template ready to render; its id is that of its file and its own: `ner/closed#list`."""

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

    @property
    def variables(self) -> list[str]:
        """Return the names of the variables, once for each use."""
        return [text for text, is_variable in self.instruction + self.input if is_variable]

    @cached_property
    def in_lines(self) -> bool:
        """Tell whether the template shows each label on a line of its own."""
        return Segment("label_lines", True) in self.instruction + self.input


class Phrases(Frozen):
    """The file forms.yaml: the few fixed phrases, and a key for each answer format.

    Under the name of a format are, by sub-task, the sentences that describe it.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, tuple[str, ...]]] = Field(init=False)

    empty: dict[str, dict[str, str]]
    missing_trigger: str
    title: str
    demonstrations: dict[str, str]
    pair_marks: dict[str, str]

    @model_validator(mode="after")
    def _describe_each_format(self) -> "Phrases":
        for name in format_names():
            if name not in self.__pydantic_extra__:
                raise ValueError(f"{name}: is missing")
        for name in self.__pydantic_extra__:
            if name not in format_names():
                raise ValueError(f"{name}: is not known here")
        return self

    def format(self, name: str, subtask: str, closed: bool = True) -> tuple[str, ...]:
        """Return the sentences that describe an answer format.

        Where no labels are shown, those of `<subtask>-open`, which speak of none, if there are.
        """
        sentences = self.__pydantic_extra__[name]
        open_ones = sentences.get(f"{subtask}-open", sentences[subtask])
        return sentences[subtask] if closed else open_ones


def fill(segments: tuple[Segment, ...], values: Mapping[str, str]) -> str:
    """Return the segments as one text, each variable replaced by its value."""
    return "".join([values[text] if is_variable else text for text, is_variable in segments])


def fill_phrase(text: str, values: Mapping[str, str]) -> str:
    """Return a phrase of forms.yaml, each variable replaced by its value."""
    return fill(compile_template(text, "forms.yaml"), values)


@cache
def compile_template(text: str, where: str) -> tuple[Segment, ...]:
    """Return a template cut at its variables; raise ConfigError for anything but plain ones."""
    try:
        parsed = _JINJA.parse(text)
    except TemplateSyntaxError as error:
        what = f"line {error.lineno}: {error.message}"
        raise ConfigError(where, what, "write variables as {{ name }}") from error
    except (RecursionError, ValueError) as error:
        what = "a variable that is no plain name"
        raise ConfigError(where, what, "write variables as {{ name }}") from error
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
                what = f"a {kind} in the template"
                raise ConfigError(where, what, "use plain variables only: {{ text }}")


_own_folder: list[Path] = []


def use_templates(folder: Path | None) -> int:
    """Use the templates of a folder beside those that ship, for this process from now on.

    Args:
        folder: the folder; with None those that ship are alone again.

    Returns:
        How many templates the folder has.

    Raises:
        ConfigError: the files cannot be used, or would not be read.
    """
    own = () if folder is None else _read_own(folder)
    _own_folder[:] = [] if folder is None else [folder]
    _installed.cache_clear()
    return len(own)


def own_templates() -> Path | None:
    """Return the folder whose templates are used beside those that ship, if there is one."""
    return _own_folder[0] if _own_folder else None


def load_templates(folder: Path | None = None) -> tuple[Template, ...]:
    """Return the templates in use, or those of a folder alone, in the order of their paths."""
    return tuple(_installed(own_templates()).values()) if folder is None else _read_folder(folder)


def find_template(template_id: str) -> Template | None:
    """Return the template in use of an id such as `ner/closed#list`."""
    return _installed(own_templates()).get(template_id)


def check_template_ids(ids: Iterable[str]) -> None:
    """Raise ConfigError for an id that no template has, naming those of its task."""
    known = _installed(own_templates())
    for name in ids:
        if name not in known:
            task = name.partition("/")[0]
            mine = [other for other in known if other.startswith(f"{task}/")] or known
            todo = f"the known ones are {', '.join(mine)}"
            raise ConfigError("prompts.wordings", f"no wording {name!r}", todo)


@lru_cache(maxsize=4)
def _installed(own: Path | None) -> dict[str, Template]:
    templates = _read_folder(shipped("templates"))
    if own is not None:
        templates += _read_own(own)
    return {template.id: template for template in templates}


def _read_own(folder: Path) -> tuple[Template, ...]:
    if not folder.is_dir():
        what, todo = "no such folder", "pass a folder with <task>/*.yaml"
        raise ConfigError(str(folder), what, todo)
    read, root = set(folder.glob("*/*.yaml")), shipped("templates")
    for path in sorted(path for end in ("yaml", "yml") for path in folder.rglob(f"*.{end}")):
        if path not in read:
            todo = f"put templates into {folder}/<task>/<name>.yaml, and nothing else"
            raise ConfigError(str(path), "is not read from here", todo)
        if (root / path.relative_to(folder)).exists():
            what = "a file of this name ships, and no id is given twice"
            raise ConfigError(str(path), what, "give the file another name")
    templates = _read_folder(folder)
    for template in templates:
        task = template.subtask.partition("-")[0]
        if template.id.partition("/")[0] != task:
            where = str(folder / template.id)
            what = f"asks for {template.subtask}, in a folder of another task"
            raise ConfigError(where, what, f"move the file to {folder / task}")
    return templates


def _read_folder(root: Path) -> tuple[Template, ...]:
    templates = [
        template for path in sorted(root.glob("*/*.yaml")) for template in _read_file(path, root)
    ]
    if not templates:
        raise ConfigError(str(root), "no template files here", "pass a folder with <task>/*.yaml")
    return tuple(templates)


def _read_file(path: Path, root: Path) -> Iterator[Template]:
    try:
        file = TemplateFile.model_validate(_read_yaml(path))
    except ValidationError as error:
        todo = "see docs/en/templates.md for the fields of a template"
        raise ConfigError(str(path), explain(error), todo) from error
    name = path.relative_to(root).with_suffix("").as_posix()
    seen: set[str] = set()
    for entry in file.wordings:
        where = f"{path}#{entry.id}"
        if entry.id in seen:
            raise ConfigError(where, "this id comes twice", "give each template its own id")
        seen.add(entry.id)
        template = Template(
            f"{name}#{entry.id}",
            file.subtask,
            file.labels == "closed",
            file.held_out,
            compile_template(entry.instruction, where),
            compile_template(entry.input, where),
            entry.empty,
        )
        _check_variables(template, where)
        yield template


def _check_variables(template: Template, where: str) -> None:
    """Raise ConfigError unless each needed variable is used once and no other is."""
    used = template.variables
    needed = {"text", "format"} | _NEEDED.get(template.subtask, frozenset())
    shown = [name for name in used if name in ("labels", "label_lines")]
    for name in sorted(needed):
        if used.count(name) != 1:
            what = f"{{{{ {name} }}}} is used {used.count(name)} times"
            raise ConfigError(where, what, "use it exactly once")
    if len(shown) != int(template.closed):
        what = f"{{{{ labels }}}} or {{{{ label_lines }}}} is used {len(shown)} times"
        todo = "use one of them once" if template.closed else "leave it out of an open template"
        raise ConfigError(where, what, todo)
    unknown = sorted(set(used) - needed - {"labels", "label_lines"})
    if unknown:
        known = ", ".join(sorted(needed | {"labels", "label_lines"}))
        raise ConfigError(where, f"{unknown[0]!r} is undefined", f"variables are {known}")


@lru_cache(maxsize=4)
def load_phrases(folder: Path | None = None) -> Phrases:
    """Read forms.yaml of a template folder."""
    path = (folder or shipped("templates")) / "forms.yaml"
    try:
        return Phrases.model_validate(_read_yaml(path))
    except ValidationError as error:
        todo = "compare it with the forms.yaml that ships"
        raise ConfigError(str(path), explain(error), todo) from error


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    except OSError as error:
        todo = "pass a template folder that has it"
        raise ConfigError(str(path), error.strerror or "cannot be read", todo) from error
    except RecursionError as error:
        raise ConfigError(str(path), "not YAML (nested too deep)", "correct the file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "not UTF-8", AS_UTF8) from error
    except (yaml.YAMLError, ValueError) as error:
        message = " ".join(str(error).split())
        raise ConfigError(str(path), f"not YAML ({message})", "correct the file") from error


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
