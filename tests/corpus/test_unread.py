"""What lies under raw/ is read or named, and a sample never stands in for it."""

import os
import socket
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from own_card import CARD, ROW, run

from chinchilla.cli import cli
from chinchilla.corpus import find as catalogue
from chinchilla.corpus.unread import unread
from chinchilla.errors import ChinchillaError

SAMPLES = Path(__file__).resolve().parents[2] / "raw" / "samples"
PAIR = "甲\t乙\t合作\t甲与乙合作\n"
BIO = "张\tB-PER\n三\tI-PER\n来\tO\n\n"
DUIE = (
    '{"text": "甲书是乙写的", "spo_list": [{"predicate": "作者", "subject_type": "图书作品", '
    '"object_type": {"@value": "人物"}, "subject": "甲书", "object": {"@value": "乙"}}]}\n'
)
BRAT = {
    "sanwen/train/a.txt": "外婆住在山下。",
    "sanwen/train/a.ann": (
        "T1\tPerson 0 2\t外婆\nT2\tPlace 4 6\t山下\nR1\tLocated Arg1:T1 Arg2:T2\n"
    ),
}
ONE_FOLDER = "put all files in one folder"


def named(raw: Path, *sources: str) -> dict[str, str]:
    """Return what is named as not read, by its path below raw: why and what to do."""
    cards = [catalogue.load_card(source, raw) for source in sources]
    found = [(card, catalogue.find(card, raw)) for card in cards]
    return {os.path.relpath(one.path, raw): f"{one.what}; {one.todo}" for one in unread(raw, found)}


LEFT = [
    ("finre", {"finre/finre_train.txt": PAIR}, 'splits.train = ["finre_train.txt"]'),
    ("finre", {"finre/train.txt": PAIR, "finre/train2.txt": PAIR}, "put both into one file"),
    ("finre", {"finre/train.txt": PAIR, "finre/my_dev.txt": PAIR}, "rename it to valid.txt"),
    ("finre", {"finre/train.txt": PAIR, "finre/test.txt.gz": PAIR}, "unpack it in "),
    ("finre", {"finre/train.txt": PAIR, "finre/more/a.txt": PAIR}, "put its files into "),
    ("finre", {"finre/train.txt": PAIR, "finre/other.dat": PAIR}, 'ignore = ["other.dat"]'),
    ("duie", {"duie/duie_train.json": DUIE, "duie/train.json": DUIE}, "put both into one file"),
    (
        "boson",
        {"boson/boson.txt": "{{time:今天}}。\n", "boson/train.bmes": ""},
        "--edition boson=bmes",
    ),
    (
        "msra",
        {"msra/train.bio": BIO, "msra/extra_dev.bio": BIO},
        '] under [[editions]] name = "bio" in ',
    ),
    ("my", {"my/card.toml": CARD, "my/train.json": ROW, "my/dev.json": ROW}, "splits.dev = "),
    ("finre", {"finre/train.txt": PAIR, "FinRE/valid.txt": PAIR}, "put all files in one folder"),
    ("sanwen", {**BRAT, "sanwen/train/more/a.txt": "甲"}, "put its files into "),
    ("sanwen", {**BRAT, "sanwen/train/old.json": "{}"}, 'ignore = ["train/old.json"]'),
]


@pytest.mark.parametrize(("source", "files", "todo"), LEFT)
def test_a_file_that_no_split_reads_is_named_with_what_would(
    tmp_path, put, source, files, todo
) -> None:
    for name, content in files.items():
        put(name, content)
    [(path, words)] = named(tmp_path / "raw", source).items()
    assert list(files)[-1].startswith(path)
    assert todo in words


@pytest.mark.parametrize(("source", "files", "todo"), LEFT)
def test_check_and_build_name_it_and_read_no_sample_instead(
    tmp_path, put, source, files, todo
) -> None:
    for name, content in files.items():
        put(name, content)
    raw, out = tmp_path / "raw", tmp_path / "out"
    for done in (run("check", "--raw", raw), run("build", "--raw", raw, "--out", out)):
        assert todo in done.output + str(done.exception)
        assert "SAMPLE" not in done.output
        assert "sample" not in done.output.replace("--samples", "")
    assert run("check", "--raw", raw, "--strict").exit_code == 1


def test_the_line_of_the_advice_makes_the_file_read_and_no_other_unread(tmp_path, put) -> None:
    raw = tmp_path / "raw"
    for name in ("finre_train.txt", "valid.txt", "test.txt"):
        put(f"finre/{name}", PAIR)
    put("finre/card.toml", '[[editions]]\nsplits.train = ["finre_train.txt"]\n')
    put("msra/train.bio", BIO)
    put("msra/extra_dev.bio", BIO)
    put("msra/card.toml", '[[editions]]\nname = "bio"\nsplits.dev = ["extra_dev.bio"]\n')
    for source, files in {
        "finre": ["finre_train.txt", "valid.txt", "test.txt"],
        "msra": ["train.bio", "extra_dev.bio"],
    }.items():
        found = catalogue.find(catalogue.load_card(source, raw), raw)
        assert found is not None
        assert [path.name for path in found.files.values()] == files
    assert named(raw, "finre", "msra") == {}


@pytest.mark.parametrize("name", ["dev", "valid", "validation", "val"])
@pytest.mark.parametrize(
    ("source", "train", "other"),
    [
        ("msra", "train.bio", "{}.bio"),
        ("finre", "train.txt", "{}.txt"),
        ("duie", "train.json", "{}.json"),
    ],
)
def test_a_file_of_dev_is_read_whatever_word_names_it_and_never_carved(
    tmp_path, put, source, train, other, name
) -> None:
    put(f"{source}/{train}", DUIE)
    path = put(f"{source}/{other.format(name)}", DUIE)
    found = catalogue.find(catalogue.load_card(source, tmp_path / "raw"), tmp_path / "raw")
    assert found is not None
    assert found.files["dev"] == path


STRAY = [
    ("DuIE2/duie_train.json", "DuIE2", "rename it to duie"),
    ("duee-fin /train.json", "duee-fin ", "rename it to "),
    ("mine/train.json", "mine", "write "),
    ("train.json", "train.json", "put it into a folder "),
    ("finre.zip", "finre.zip", "put it into a folder "),
]


@pytest.mark.parametrize(("name", "path", "todo"), STRAY)
def test_a_file_or_folder_of_no_source_is_named_and_keeps_samples_away(
    tmp_path, put, name, path, todo
) -> None:
    put(name, DUIE)
    raw = tmp_path / "raw"
    assert todo in named(raw)[path]
    done = run("build", "--raw", raw, "--out", tmp_path / "out")
    assert isinstance(done.exception, ChinchillaError)
    assert f"{raw / path} is not read: " in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_files_beside_the_data_are_not_named(tmp_path, put) -> None:
    put("finre/train.txt", PAIR)
    for name in ("README.md", "LICENSE", "card.toml", ".DS_Store", "relation2id.txt", "a.conf"):
        put(f"finre/{name}", "")
    put("finre/card.toml", 'ignore = ["*.log", "old"]\n')
    for name in ("x.log", "old/train.txt", "__MACOSX/train.txt"):
        put(f"finre/{name}", "")
    put("README.md", "")
    put("samples/finre/train.txt", PAIR)
    put("empty/.keep", "")
    assert named(tmp_path / "raw", "finre") == {}


def test_samples_are_read_beside_files_only_where_asked_for(tmp_path, put) -> None:
    put("finre/train.txt", PAIR)
    raw = tmp_path / "raw"
    shipped = {path.name for path in SAMPLES.iterdir()}
    for words, sources in (([], {"finre"}), (["--samples"], shipped)):
        out = tmp_path / f"out{len(words)}"
        assert run("build", "--raw", raw, "--out", out, *words).exit_code == 0
        assert set(orjson.loads((out / "manifest.json").read_bytes())["sources"]) == sources
    for words in (["records", "duie", "--split", "train"], ["mine", "duie"]):
        done = run(*words, "--raw", raw)
        assert "no file of duie here" in str(done.exception)
        assert "--samples" in str(done.exception)
        assert run(*words, "--raw", raw, "--samples").exit_code == 0
    rows = orjson.loads(run("sources", "--json", "--raw", raw).stdout)
    assert {row["source"]: row["found"] for row in rows if row["found"]} == {"finre": "files"}


def test_a_message_on_a_source_without_files_names_what_is_not_read(tmp_path, put) -> None:
    path = put("finre/finre_train.txt", PAIR)
    raw = tmp_path / "raw"
    done = run("records", "finre", "--split", "train", "--raw", raw)
    assert str(done.exception) == (
        f"{raw}: no file of finre here; {path} is not read: no name of train fits it; rename it "
        f'to train.txt, or write splits.train = ["finre_train.txt"] under [[editions]] in '
        f"{raw / 'finre/card.toml'}"
    )


def test_a_split_that_was_not_found_names_the_file_that_may_be_meant(tmp_path, put) -> None:
    put("finre/test.txt", PAIR)
    path = put("finre/Train.TXT", PAIR)
    done = run("records", "FinRE", "--split", "train", "--raw", tmp_path / "raw")
    assert str(done.exception).startswith(f"{path}: is not read: no name of train fits it, ")
    assert "; rename it to train.txt, or write splits.train" in str(done.exception)


def test_control_characters_of_a_name_are_never_printed(tmp_path, put) -> None:
    put("finre/train.txt", PAIR)
    put("finre/a\x1b[31m\nb.txt", PAIR)
    put("x\x1b[2J/train.txt", PAIR)
    for words in (["check"], ["sources"], ["build", "--out", tmp_path / "out"]):
        done = CliRunner().invoke(
            cli, [*map(str, words), "--raw", str(tmp_path / "raw")], color=True
        )
        assert "\x1b" not in done.output
        assert "a\\x1b[31m\\nb.txt: not read: " in done.output
        assert "x\\x1b[2J: not read: " in done.output


def special(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True)
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(path.parent)
            server.bind(path.name)
    elif kind == "a device":
        path.symlink_to("/dev/null")
    else:
        path.symlink_to("nowhere" if kind == "a broken link" else path.name)


KINDS = ["a FIFO", "a socket", "a device", "a broken link", "a link to itself"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["finre/train.txt", "finre/card.toml"])
def test_what_is_no_file_is_named_for_what_it_is(tmp_path, monkeypatch, kind, name) -> None:
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / "raw"
    special(raw / name, kind)
    words = {"a link to itself": "a broken link"}.get(kind, kind)
    done = run("records", "finre", "--split", "train", "--raw", raw)
    assert str(done.exception).startswith(f"{raw / name}: is {words}")
    assert str(done.exception).partition("; ")[2].startswith("put the ")


def test_a_name_that_is_not_utf8_is_named_by_every_command(tmp_path, put) -> None:
    raw = tmp_path / "raw"
    put("finre/train.txt", PAIR)
    for folder in (os.fsencode(raw) + b"/\xff\xfe", os.fsencode(raw) + b"/finre"):
        Path(os.fsdecode(folder)).mkdir(exist_ok=True)
        Path(os.fsdecode(folder + b"/\xe9train.txt")).write_text(PAIR, encoding="utf-8")
    card = Path(os.fsdecode(os.fsencode(raw) + b"/\xff\xfe/card.toml"))
    card.write_text(CARD, encoding="utf-8")
    out = tmp_path / "out"
    for words in (["check"], ["sources"], ["build", "--out", out]):
        done = run(*words, "--raw", raw)
        assert done.exit_code == 0
        assert "\\xff\\xfe: not read: its name is not UTF-8; rename it" in done.output
        assert "\\xe9train.txt: not read: its name is not UTF-8; rename it" in done.output


OUTSIDE = ["../secret.txt", "/etc/hostname", "sub/../../secret.txt", "", "."]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("field", ["splits.train", "splits.test", "schema"])
def test_a_card_that_names_a_file_outside_its_folder_is_refused(tmp_path, put, name, field) -> None:
    put("secret.txt", PAIR)
    put("finre/train.txt", PAIR)
    card = put("finre/card.toml", f'[[editions]]\n{field} = ["{name}"]\n')
    for words in (["records", "finre", "--split", "train"], ["build", "--out", tmp_path / "o"]):
        error = str(run(*words, "--raw", tmp_path / "raw").exception)
        assert error.startswith(f"{card}: editions.0: {name!r} is ")
        assert "\n" not in error


def test_an_absolute_path_of_good_data_is_refused_in_a_line(tmp_path, put) -> None:
    path = put("finre/train.txt", PAIR)
    put("finre/card.toml", f'[[editions]]\nsplits.train = ["{path}"]\n')
    done = run("build", "--raw", tmp_path / "raw", "--out", tmp_path / "out")
    assert isinstance(done.exception, ChinchillaError)
    assert "is outside the folder of the source; put the file there" in str(done.exception)


def test_a_link_that_leaves_the_raw_folder_is_refused(tmp_path, put) -> None:
    put("finre/valid.txt", PAIR)
    secret = tmp_path / "secret.txt"
    secret.write_text(PAIR, encoding="utf-8")
    link = tmp_path / "raw" / "finre" / "train.txt"
    link.symlink_to(secret)
    done = run("records", "finre", "--split", "train", "--raw", tmp_path / "raw")
    assert str(done.exception).startswith(f"{link}: is a link that leaves {link.parent}; ")
    link.unlink()
    link.symlink_to("valid.txt")
    assert run("records", "finre", "--split", "train", "--raw", tmp_path / "raw").exit_code == 0


def test_the_folder_of_a_source_may_be_a_link(tmp_path, put) -> None:
    folder = put("finre/train.txt", PAIR).parent
    raw = tmp_path / "other"
    raw.mkdir()
    (raw / "FinRE").symlink_to(folder)
    assert run("records", "finre", "--split", "train", "--raw", raw).exit_code == 0


def test_folders_that_differ_in_letter_case_alone_are_all_read_or_named(tmp_path, put) -> None:
    put("FinRE/train.txt", PAIR)
    put("finre/valid.txt", PAIR)
    put("My/card.toml", CARD)
    put("My/train.json", ROW)
    put("my/card.toml", CARD)
    put("my/train.json", ROW * 2)
    raw = tmp_path / "raw"
    assert named(raw, "finre") == {"finre": f"finre is read from {raw}/FinRE; {ONE_FOLDER}"}
    assert run("records", "My", "--split", "train", "--raw", raw).stdout.count("\n") == 1
    assert run("records", "my", "--split", "train", "--raw", raw).stdout.count("\n") == 2


@pytest.mark.parametrize("folder", ["finre", "FinRE"])
@pytest.mark.parametrize("place", ["finre", "FinRE", None])
def test_the_line_that_is_advised_reads_the_file(tmp_path, put, folder, place) -> None:
    put(f"{folder}/train.txt", PAIR)
    put(f"{folder}/my_dev.txt", PAIR.replace("作", "并"))
    raw = tmp_path / "raw"
    (said,) = named(raw, "finre").values()
    _, _, line = said.partition("or write ")
    setting, _, place_ = line.partition(" under ")
    table, _, card = place_.partition(" in ")
    assert card == f"{raw}/{folder}/card.toml"
    put(f"{place or folder}/card.toml", f"{table}\n{setting}\n")
    assert named(raw, "finre") == {}
    assert run("records", "finre", "--split", "dev", "--raw", raw).exit_code == 0


def test_duie1_is_read_by_its_own_file_names(tmp_path, put) -> None:
    row = (
        '{"postag": [], "text": "甲书是乙写的", "spo_list": [{"predicate": "作者", '
        '"object_type": "人物", "subject_type": "图书作品", "object": "乙", "subject": "甲书"}]}\n'
    )
    put("duie/train_data.json", row)
    put("duie/dev_data.json", row)
    test = put("duie/test1_data_postag.json", '{"postag": [], "text": "甲"}\n')
    newer = put("duie/dev.json", row.replace('"object": "乙"', '"object": {"@value": "乙"}'))
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("duie", raw), raw)
    assert found is not None
    assert found.edition.name == "1.0"
    assert found.files["test"] == test
    assert found.files["dev"].name == "dev_data.json"
    assert list(named(raw, "duie")) == [os.path.relpath(newer, raw)]


def test_every_command_that_reads_takes_the_edition_as_the_advice_says_it(tmp_path, put) -> None:
    put("boson/boson.txt", "{{time:今天}}。\n")
    put("boson/boson.train.bmes", "今 B-time\n天 E-time\n")
    raw = ("--raw", tmp_path / "raw")
    [advice] = [words for words in named(tmp_path / "raw", "boson").values() if "reads it" in words]
    edition = advice.rpartition("; ")[2].removesuffix(" reads it").split(" ")
    for done in (
        run("check", "boson", *raw, *edition),
        run("records", "boson", "--split", "train", *raw, *edition),
        run("build", *raw, *edition, "--out", tmp_path / "out"),
    ):
        assert done.exit_code == 0
        assert "bmes" in done.output
    assert run("check", "boson", *raw, "--edition", "boson=x").exit_code == 1


DOCCANO = """title = "我的数据"
task = ["ner", "re"]
[[editions]]
splits.train = ["train.json"]
splits.test = ["test.json"]
[mapping]
text = "text"
offsets = "end-exclusive"
entities = { list = "entities", id = "id", type = "label", start = "0", end = "1" }
relations = { list = "relations", by_id = true, predicate = "type", head = "head", tail = "tail" }
[types]
[labels]
"""
PAIRED = (
    '{"text": "张三爱李四", "entities": [{"id": 1, "label": "人", "0": 0, "1": 2}, '
    '{"id": 2, "label": "人", "0": 3, "1": 5}], '
    '"relations": [{"type": "爱", "head": 1, "tail": 2}]}\n'
)


def test_what_is_advised_makes_a_card_of_two_tasks_read_everything(tmp_path, put) -> None:
    """Each advice is written at the place it names, one after the other."""
    put("my/train.json", PAIRED)
    put("my/test.json", '{"text": "王五"}\n')
    put("my/notes.dat", "x")
    card = put("my/card.toml", DOCCANO)
    raw = tmp_path / "raw"

    def advice(*words: str) -> str:
        return run(*words, "--raw", raw).output

    def write(table: str, line: str) -> None:
        card.write_text(card.read_text("utf-8").replace(table, f"{table}\n{line}", 1), "utf-8")

    assert "describe there the entity types" in advice("check", "my")
    write("[types]", '"我" = { name = "我" }')
    write("[labels]", '"恨" = { name = "恨" }')
    told = advice("check", "my")
    assert f"describe the label under [types] in {card}" in told
    assert f"describe the entity type under [types] in {card}" in told
    write("[types]", '"人" = { name = "人" }')
    assert f"describe the label in {card}" in advice("check", "my-re")
    write("[labels]", '"爱" = { name = "爱" }')
    told = advice("check", "my")
    assert f'state unlabelled = ["test"] under [[editions]] in {card}' in told
    assert f'or ignore = ["notes.dat"] at the top of {card} to leave it out of this list' in told
    write("[[editions]]", 'unlabelled = ["test"]')
    card.write_text('ignore = ["notes.dat"]\n' + card.read_text("utf-8"), "utf-8")
    done = run("check", "my", "--raw", raw, "--strict")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "0 problems")
