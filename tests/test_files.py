"""Files are written whole or not at all, and never over what others wrote."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from chinchilla.errors import ConfigError
from chinchilla.files import Inventory, check_room, hash_file, publish, staging, write_whole

INVENTORY = Inventory("list.json", "files", ("README.md",))
OLD = ("a/b.txt", "c.txt", "gone/d.txt")
NEW = ("a/b.txt", "a/e.txt", "new/deep/f.txt")

STOPPER = """
import os, signal, sys
from pathlib import Path
from test_files import INVENTORY, NEW, write
from chinchilla.files import publish, staging

def run(out, at, how, recovering):
    renames = 0

    def hook(event, arguments):
        nonlocal renames
        if event == "os.rename":
            renames += 1
            if renames == at and how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if renames == at and how == "stop":
                raise KeyboardInterrupt
            if renames == at:
                raise OSError(28, "No space left on device", str(arguments[0]))

    if recovering:
        sys.addaudithook(hook)
    with staging(out, INVENTORY) as folder:
        write(folder, "new", NEW)
        sys.addaudithook(hook)
        publish(folder, out, NEW, INVENTORY)
    return f"{renames} renames"

for line in sys.stdin:
    out, at, how, recovering = line.rstrip().split("|")
    read, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = run(Path(out), int(at), how, recovering == "True")
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
        os.write(write_end, told.encode())
        os._exit(0)
    os.close(write_end)
    _, status = os.waitpid(child, 0)
    told = os.read(read, 4096).decode()
    os.close(read)
    print(f"{status}|{told}", flush=True)
"""
"""For each line: publish, and fail, stop or be killed by the system at the rename of a number."""


def write(folder: Path, words: str, names: tuple[str, ...]) -> None:
    for name in [*names, "README.md"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{words} {name}", encoding="utf-8")
    (folder / "list.json").write_bytes(orjson.dumps({"files": list(names)}))


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def wanted(words: str, names: tuple[str, ...]) -> dict[str, str]:
    files = {name: f"{words} {name}" for name in (*names, "README.md")}
    return files | {"list.json": orjson.dumps({"files": list(names)}).decode(), "mine": "mine"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a folder with an output of before, and a file of the user's."""
    folder = tmp_path / "out"
    write(folder, "old", OLD)
    (folder / "mine").write_text("mine", encoding="utf-8")
    return folder


class Stopper:
    """A process that publishes in children of its own, each with its hook on renames."""

    def __init__(self) -> None:
        root = Path(__file__).resolve().parent
        self.process = subprocess.Popen(
            [sys.executable, "-c", STOPPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )

    def __call__(self, out: Path, at: int, how: str, recovering: bool = False) -> str:
        """Return what was told, nothing where the process was killed."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{out}|{at}|{how}|{recovering}\n")
        self.process.stdin.flush()
        status, _, told = self.process.stdout.readline().rstrip("\n").partition("|")
        assert (int(status) == 9) == (told == "")
        return told


@pytest.fixture(scope="module")
def attempt() -> Iterator[Stopper]:
    stopper = Stopper()
    yield stopper
    stopper.process.communicate()


STEPS = 5 + 1 + 5
"""Renames of a publishing: the old files aside, the mark that they are, the new ones in."""


def test_a_publishing_has_as_many_steps_as_are_made_to_fail_here(out: Path, attempt) -> None:
    assert attempt(out, 0, "fail") == f"{STEPS} renames"
    assert contents(out) == wanted("new", NEW)


@pytest.mark.parametrize("how", ["fail", "stop"])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_step_that_fails_or_is_stopped_leaves_the_old_output(out, attempt, at, how) -> None:
    told = attempt(out, at, how)
    assert contents(out) == wanted("old", OLD)
    assert not any(path.is_dir() and not any(path.iterdir()) for path in out.rglob("*"))
    if how == "fail":
        assert told.startswith("ConfigError: ")
        words = "No space left on device; what was there before is there again; pass another"
        assert words in told
    else:
        assert told.startswith("KeyboardInterrupt")


def visible(folder: Path) -> dict[str, str]:
    return {name: one for name, one in contents(folder).items() if not name.startswith(".")}


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_no_inventory_describes_files_that_are_not_its_own_and_a_kill_is_undone(
    out: Path, attempt, at: int
) -> None:
    assert attempt(out, at, "kill") == ""
    if (out / "list.json").exists():
        assert visible(out) == wanted("old", OLD)
    with staging(out, INVENTORY):
        assert visible(out) == wanted("old", OLD)
    assert contents(out) == wanted("old", OLD)


@pytest.mark.parametrize("again", range(1, 12))
@pytest.mark.parametrize("at", [3, 6, 7, 9, 11])
def test_putting_back_may_itself_be_killed(out: Path, attempt, at: int, again: int) -> None:
    attempt(out, at, "kill")
    attempt(out, again, "kill", recovering=True)
    with staging(out, INVENTORY):
        pass
    assert contents(out) == wanted("old", OLD)


def test_a_second_writer_is_refused_while_the_first_is_at_work(out: Path, attempt) -> None:
    with staging(out, INVENTORY):
        told = attempt(out, 0, "fail")
    assert told == (
        f"ConfigError: {out}: another command is writing into it; "
        "wait for it, or pass another folder with --out"
    )
    assert contents(out) == wanted("old", OLD)


def test_a_lock_that_a_killed_process_left_is_no_hindrance(out: Path) -> None:
    (out / ".chinchilla.lock").touch()
    with staging(out, INVENTORY) as folder:
        write(folder, "new", NEW)
        publish(folder, out, NEW, INVENTORY)
    assert contents(out) == wanted("new", NEW)


def folder_for_file(out: Path) -> str:
    (out / "c.txt").unlink()
    (out / "c.txt").mkdir()
    (out / "c.txt" / "mine").touch()
    return "c.txt"


def file_for_folder(out: Path) -> str:
    (out / "x").touch()
    return "x"


def link_to_nothing(out: Path) -> str:
    (out / "x").symlink_to(out / "nowhere")
    return "x"


def folder_elsewhere(out: Path) -> str:
    (out / "x").symlink_to("/dev/shm", target_is_directory=True)
    return "x"


@pytest.mark.parametrize(
    "obstacle", [folder_for_file, file_for_folder, link_to_nothing, folder_elsewhere]
)
def test_what_cannot_be_put_into_place_is_told_before_the_work(
    out: Path, obstacle: Callable[[Path], str]
) -> None:
    if obstacle is folder_elsewhere and Path("/dev/shm").stat().st_dev == out.stat().st_dev:
        pytest.skip("one file system")
    name = obstacle(out)
    with pytest.raises(ConfigError) as caught:
        check_room(out, ["c.txt", "x/y.txt"], INVENTORY)
    assert caught.value.where == str(out / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_told_before_the_work(out: Path) -> None:
    (out / "a").chmod(0o500)
    with pytest.raises(ConfigError) as caught:
        check_room(out, ["a/b.txt"], INVENTORY)
    (out / "a").chmod(0o700)
    assert (caught.value.where, caught.value.what) == (str(out / "a"), "Permission denied")


def test_a_link_in_the_place_of_a_file_is_replaced_and_its_target_kept(out: Path, tmp_path) -> None:
    target = tmp_path / "target"
    target.write_text("theirs", encoding="utf-8")
    (out / "c.txt").unlink()
    (out / "c.txt").symlink_to(target)
    with staging(out, INVENTORY) as folder:
        write(folder, "new", NEW)
        publish(folder, out, NEW, INVENTORY)
    assert contents(out) == wanted("new", NEW)
    assert target.read_text(encoding="utf-8") == "theirs"


def test_two_builds_into_one_folder_leave_one_whole_output(tmp_path: Path) -> None:
    """Both start at once; one at least is done, and what is there is one build's alone."""
    out = tmp_path / "out"
    words = [sys.executable, "-m", "chinchilla", "build", "--source", "finre", "--out", str(out)]
    both = [
        subprocess.Popen([*words, "--seed", seed], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for seed in ("1", "2")
    ]
    told = [one.communicate()[1] for one in both]
    done = [one.returncode for one in both]
    assert 0 in done
    for status, line in zip(done, told, strict=True):
        assert status == 0 or "another command is writing into it" in line
    hashes = orjson.loads((out / "manifest.json").read_bytes())["outputs"]
    assert all(hash_file(out / name) == one["sha256"] for name, one in hashes.items())
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


# single files, and what may be written over

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
