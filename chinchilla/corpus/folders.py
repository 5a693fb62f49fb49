"""Files in the folder of a source: which are data, and that links do not leave it."""

import stat
from collections.abc import Iterator
from glob import escape
from os.path import lexists
from pathlib import Path

from chinchilla.errors import InputError
from chinchilla.resources import shipped

SAMPLES = "samples"
_NO_DATA = ("readme", "license", "licence", "copying", "notice", "citation")
_NO_DATA_NAMES = ("card.toml", "relation2id.txt", "thumbs.db", "desktop.ini", "__macosx")
_NO_DATA_ENDS = (".conf", ".md", ".pdf", ".md5", ".sha1", ".sha256")


def find_file(folder: Path, name: str) -> Path | None:
    """Return a file in a folder or one folder below it: official zips unpack to such folders.

    Raises InputError for what is no file, and for a link that leaves the folder of raw files.
    """
    for path in (folder / name, folder / name / name, *sorted(folder.glob(f"*/{escape(name)}"))):
        if path.is_file():
            return _inside(path, folder)
        if not path.is_dir() and lexists(path):
            raise InputError(str(path), f"is {kind_of(path)}", "put the file itself there")
    documents = folder / name
    if not documents.is_dir():
        return None
    for path in sorted(documents.iterdir()):
        _inside(path, folder)
    return _inside(documents, folder)


def _inside(path: Path, folder: Path) -> Path:
    """Return the path; raise InputError where links lead out of the folder of raw files.

    The folder of the source itself may be a link.
    """
    real = path.resolve()
    roots = (folder.resolve(), folder.parent.resolve())
    ours = folder.is_relative_to(shipped(SAMPLES))
    if ours or any(real.is_relative_to(root) for root in roots):
        return path
    what = f"is a link that leaves {folder}"
    raise InputError(str(path), what, "put the file itself there")


def kind_of(path: Path) -> str:
    """Return what is at a path, in words, where it is not what it should be."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a broken link" if path.is_symlink() else "nothing that can be read"
    kinds = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFDIR: "folder"}
    kinds |= {stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    kind = kinds.get(stat.S_IFMT(mode))
    return f"a {kind}, not a file" if kind else "a file"


def is_utf8(name: str) -> bool:
    """Tell whether the name of a file or folder is UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder and may be data, by name: no terms, cards, sums, hidden files."""
    names = [(path, path.name.casefold()) for path in sorted(folder.iterdir())]
    return [
        path
        for path, name in names
        if name not in _NO_DATA_NAMES
        and not name.endswith(_NO_DATA_ENDS)
        and not name.startswith((".", *_NO_DATA))
    ]


def data_files(path: Path) -> Iterator[Path]:
    """Yield what may be data at or below a path; links to folders are not followed below it."""
    if not path.is_dir():
        yield path
        return
    folders = [path]
    while folders:
        for entry in entries(folders.pop()):
            if entry.is_dir() and not entry.is_symlink():
                folders.append(entry)
            else:
                yield entry


def holds_files(raw: Path) -> bool:
    """Tell whether a folder of raw files has any, our samples apart."""
    if not raw.is_dir():
        return False
    others = (path for path in entries(raw) if path.name != SAMPLES)
    return any(next(data_files(path), None) is not None for path in others)
