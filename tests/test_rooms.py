"""The rooms of the house: imports go one way, and modules stay small enough to read."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "chinchilla"
TREES = {
    path.relative_to(PACKAGE): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
ROOMS = {
    "errors": "",
    "tally": "errors",
    "strict_json": "",
    "resources": "",
    "table": "errors",
    "rng": "",
    "files": "errors",
    "schema": "errors tally",
    "spans": "errors schema",
    "settings": "errors schema",
    "readers": "errors tally schema spans strict_json",
    "sources": "errors tally schema spans readers",
    "corpus": "errors tally schema spans readers sources resources",
    "answers": "errors schema resources",
    "templates": "errors schema answers resources",
    "windows": "errors schema spans answers",
    "prompts": "errors tally schema spans answers templates windows rng",
    "dataset": "errors tally schema spans settings readers answers templates windows prompts "
    "corpus rng files resources export",
    "export": "errors tally schema files resources corpus answers templates prompts dataset",
    "score": "errors table schema spans answers windows files resources strict_json",
    "predict": "errors tally schema answers windows prompts score strict_json files",
    "runs": "errors tally schema settings answers templates files dataset prompts windows score "
    "predict train",
    "train": "errors tally schema settings files rng dataset prompts windows score predict runs",
}
ROOMS["cli"] = " ".join(ROOMS)
OUTSIDE = {
    "click": {"cli"},
    "rich": {"cli"},
    "torch": {"train", "runs", "predict"},
    "transformers": {"train", "runs", "predict"},
}


def room_of(path: Path) -> str:
    return path.with_suffix("").parts[0]


def imports(tree: ast.AST) -> set[str]:
    """Collect every imported module, those inside functions too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_a_module_imports_only_rooms_above_its_own() -> None:
    wrong = []
    for path, tree in TREES.items():
        room = room_of(path)
        if room in ("__init__", "__main__", "api"):
            continue
        ours = {name.split(".")[1] for name in imports(tree) if name.startswith("chinchilla.")}
        wrong += [
            (str(path), name)
            for name in ours - {"__version__", "CallableRoom", room}
            if name not in ROOMS[room].split()
        ]
    assert wrong == []


def test_libraries_stay_in_their_rooms() -> None:
    wrong = [
        (str(path), library)
        for path, tree in TREES.items()
        for library in {name.split(".")[0] for name in imports(tree)} & set(OUTSIDE)
        if room_of(path) not in OUTSIDE[library]
    ]
    assert wrong == []


def test_no_function_is_long_or_takes_much_and_no_file_is_long() -> None:
    lengths = {path: (PACKAGE / path).read_text("utf-8").count("\n") for path in TREES}
    assert {str(path): length for path, length in lengths.items() if length > 500} == {}
    functions = [
        (str(path), node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [
        (path, node.name)
        for path, node in functions
        if (node.end_lineno or 0) - node.lineno >= 40 or len(parameters(node)) > 5
    ] == []


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    listed = function.args
    names = [one.arg for one in (*listed.posonlyargs, *listed.args, *listed.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def test_only_the_command_line_prints() -> None:
    printing = {
        str(path)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "print" and room_of(path) != "cli"
    }
    assert printing == set()


def test_chinese_is_in_docstrings_and_the_marks_of_published_formats_only() -> None:
    wrong = []
    for path, tree in TREES.items():
        if room_of(path) == "sources":
            continue
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        wrong += [
            (str(path), node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented
            and any("一" <= character <= "龥" for character in node.value)
        ]
    assert wrong == []
