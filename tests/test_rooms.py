"""Imports between rooms go one way, as the table of the house says."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "chinchilla"
ROOMS = {
    "errors": set(),
    "shipped": set(),
    "strict_json": set(),
    "locks": {"errors"},
    "outputs": {"errors", "locks"},
    "publishing": {"errors", "locks", "outputs"},
    "schema": {"errors"},
    "settings": {"errors", "schema"},
    "spans": set(),
    "readers": {"errors", "spans", "strict_json"},
    "sources": {"errors", "schema", "spans", "readers", "shipped"},
    "quality": {"errors", "schema", "spans"},
    "answers": {"errors", "schema", "shipped"},
    "templates": {"errors", "schema", "answers", "shipped"},
    "prompts": {"errors", "schema", "spans", "answers", "templates", "shipped"},
    "export": {"errors", "schema", "shipped", "outputs", "publishing"},
    "score": {"errors", "schema", "spans", "answers", "outputs", "strict_json"},
    "train": {
        "errors",
        "locks",
        "schema",
        "settings",
        "outputs",
        "export",
        "prompts",
        "score",
        "predict",
    },
    "predict": {"errors", "schema", "answers", "prompts", "strict_json"},
    "report": {"errors", "schema", "quality", "score", "shipped", "outputs"},
}
ROOMS["build"] = set(ROOMS) - {"build", "cli", "train", "predict", "report", "score"}
ROOMS["cli"] = set(ROOMS)
ONLY_IN = {
    "click": {"cli"},
    "torch": {"train", "predict"},
    "transformers": {"train", "predict"},
    "rich": {"cli"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """Collect every imported module, those inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_rooms_above_its_own(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("chinchilla.")}
    assert ours - {"__version__"} <= ROOMS[room] | {room}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_click_and_torch_stay_in_their_rooms(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports(path)}
    for library, rooms in ONLY_IN.items():
        assert library not in outside or room_of(path) in rooms


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_function_is_long_or_takes_much_and_no_file_is_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name
            assert len(parameters(node)) <= 5, node.name


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    named = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in named if name not in ("self", "cls")]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_prints(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    printed = [node for node in tree if isinstance(node, ast.Name) and node.id == "print"]
    assert printed == [] or room_of(path) == "cli"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_chinese_stands_in_docstrings_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    loose = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    assert [words for words in loose if any("一" <= mark <= "龥" for mark in words)] == []
