"""Files are written whole or not at all, and never over what others wrote."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from chinchilla.errors import ConfigError
from chinchilla.files import Inventory, check_room, hash_file, publish, write_whole

INVENTORY = Inventory("list.json", "files", ("README.md",))
TODO = "move it away, or pass another folder with --out"


def staged(folder: Path, *names: str) -> list[str]:
    for name in [*names, "README.md"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"new {name}", encoding="utf-8")
    (folder / "list.json").write_bytes(orjson.dumps({"files": list(names)}))
    return list(names)


def listed(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.relative_to(folder).as_posix() for path in files)


@pytest.mark.parametrize("name", ["a/b.txt", "README.md", "list.json"])
def test_a_file_of_others_is_named_before_it_is_written_over(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_room(tmp_path, ["a/b.txt"], INVENTORY)
    assert str(caught.value) == f"{path}: is there and was not written by us; {TODO}"


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_room(tmp_path, ["a/c/b.txt"], INVENTORY)
    assert caught.value.where == str(tmp_path / "a")


def test_what_the_inventory_names_is_replaced_or_dropped_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    check_room(out, ["a/b.txt", "c.txt"], INVENTORY)
    publish(tmp_path / "1", out, staged(tmp_path / "1", "a/b.txt", "c.txt"), INVENTORY)
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    check_room(out, ["c.txt", "d.txt"], INVENTORY)
    publish(tmp_path / "2", out, staged(tmp_path / "2", "c.txt", "d.txt"), INVENTORY)
    assert listed(out) == ["README.md", "c.txt", "d.txt", "list.json", "mine.txt"]
    assert not (out / "a").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 1}', '{"files": [1]}'])
def test_a_file_named_like_the_inventory_that_is_none_gives_no_leave(tmp_path, content) -> None:
    (tmp_path / "list.json").write_text(content, encoding="utf-8")
    assert INVENTORY.names(tmp_path) == set()


def test_an_inventory_names_nothing_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_bytes(orjson.dumps({"files": ["../a", "/b", "c"]}))
    assert INVENTORY.names(tmp_path) == {"c", "list.json", "README.md"}


def test_a_break_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise KeyboardInterrupt

    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, pieces())
    assert path.read_bytes() == b"old"
    write_whole(path, [b"n", b"ew"])
    assert path.read_bytes() == b"new"
    assert listed(tmp_path) == ["page.html"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.txt"
    with pytest.raises(ConfigError) as caught:
        write_whole(path, [b"a"], "pass another file with --out")
    assert str(caught.value) == f"{path.parent}: No such folder; pass another file with --out"


def test_the_hash_of_a_folder_is_that_of_its_files_in_order(tmp_path: Path) -> None:
    staged(tmp_path, "b.txt", "a/c.txt")
    (tmp_path / "list.json").unlink()
    assert hash_file(tmp_path / "b.txt") == sha256(b"new b.txt").hexdigest()
    together = b"new README.md" + b"new a/c.txt" + b"new b.txt"
    assert hash_file(tmp_path) == sha256(together).hexdigest()


@pytest.mark.parametrize("name", ["", ".", "./a", "a//b", "a/../b", "/a"])
def test_an_inventory_names_files_in_one_way_only(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.json").write_bytes(orjson.dumps({"files": [name, "a..b"]}))
    assert INVENTORY.names(tmp_path) == {"a..b", "list.json", "README.md"}


def test_a_link_stays_one_and_what_it_names_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["pipe", "folder", "/dev/null"])
def test_what_is_no_file_is_never_replaced_by_one(tmp_path: Path, kind: str) -> None:
    path = Path(kind) if kind == "/dev/null" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(ConfigError) as caught:
        write_whole(path, [b"new"])
    assert caught.value.what in ("is a folder", "is a pipe, a device or a circle of links")
    assert not path.is_file()
