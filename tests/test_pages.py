"""The pages of the documentation: two languages with one content, and links that lead somewhere."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAIRS = [
    *((path, DOCS / "en" / path.name) for path in sorted((DOCS / "zh").glob("*.md"))),
    (ROOT / "SECURITY.zh.md", ROOT / "SECURITY.md"),
    (ROOT / "CONTRIBUTING.zh.md", ROOT / "CONTRIBUTING.md"),
    (ROOT / "raw" / "README.md", ROOT / "raw" / "README.en.md"),
    *((path, path.with_name("README.md")) for path in ROOT.glob("examples/*/README.zh.md")),
]
ALL = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *ROOT.glob("*/README*.md"),
        *ROOT.glob("examples/*/*.md"),
    ]
)
FENCED = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


def names(pages: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in pages]


def blocks(path: Path) -> list[tuple[str, str]]:
    """Return the code blocks of a page with their languages, comments and file names aside."""
    found = FENCED.findall(path.read_text(encoding="utf-8"))
    return [(language, re.sub(r"(^|\s+)# .*$", "", code, flags=re.M)) for language, code in found]


def prose(path: Path) -> str:
    """Return the text of a page without code and without the addresses of links."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`|\]\([^)]*\)|<[a-z/][^>]*>", " ", text)


def headings(path: Path) -> list[int]:
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return [len(level) for level in re.findall(r"^(#+) ", text, re.MULTILINE)]


def test_both_languages_have_the_same_pages() -> None:
    chinese, english = (sorted(path.name for path in (DOCS / x).iterdir()) for x in ("zh", "en"))
    assert chinese == english


@pytest.mark.parametrize(("chinese", "english"), PAIRS, ids=names([zh for zh, _ in PAIRS]))
def test_a_page_has_the_same_code_and_sections_in_both_languages(
    chinese: Path, english: Path
) -> None:
    assert blocks(chinese) == blocks(english)
    assert headings(chinese) == headings(english)


@pytest.mark.parametrize(("chinese", "english"), PAIRS, ids=names([zh for zh, _ in PAIRS]))
def test_a_page_is_in_one_language(chinese: Path, english: Path) -> None:
    # a term or a label may be quoted, a sentence may not
    assert re.findall(r"(?:[a-z]{2,} ){5,}", prose(chinese)) == []
    assert re.findall(r"[\u4e00-\u9fff，。；]{8,}", prose(english)) == []


@pytest.mark.parametrize("page", ALL, ids=names(ALL))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for address in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text(encoding="utf-8"))):
        if address.startswith("http"):
            continue
        name, _, anchor = address.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), address
        assert not anchor or anchor in anchors(target), address


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site both make them."""
    found = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in found}


@pytest.fixture(scope="session")
def site() -> dict[str, Any]:
    """Return mkdocs.yml; what it names as Python objects is left out."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)


def entries(nav: list[Any]) -> list[str]:
    """Return the pages of a navigation, in its order."""
    pages: list[str] = []
    for entry in nav:
        inner = next(iter(entry.values())) if isinstance(entry, dict) else entry
        pages += [inner] if isinstance(inner, str) else entries(inner)
    return pages


def test_the_navigation_of_the_site_holds_every_page_once(site: dict[str, Any]) -> None:
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(entries(site["nav"])) == sorted(pages)
    chinese, english = (
        [name.removeprefix(f"{x}/") for name in entries(site["nav"]) if name.startswith(f"{x}/")]
        for x in ("zh", "en")
    )
    assert chinese == english


def test_the_site_fetches_nothing_from_another_host(site: dict[str, Any]) -> None:
    assert site["theme"]["font"] is False
    assert not {"repo_url", "extra_javascript", "extra_css"} & set(site)
    [search] = [one["search"] for one in site["plugins"] if "search" in one]
    assert search["lang"] == ["en", "zh"]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the extra [docs] is not installed: make docs")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "zh" / "index.html").is_file()


def test_the_reference_of_the_command_line_is_what_the_commands_say() -> None:
    words = [sys.executable, "-c", "import cli_reference; print(cli_reference.reference(), end='')"]
    done = subprocess.run(words, cwd=DOCS, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    written = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert written == done.stdout, "run python docs/cli_reference.py"


def test_the_page_of_the_python_api_is_made_of_the_module_that_defines_it() -> None:
    # `chinchilla` itself has rooms of the names of functions, which hide them from the page
    module = "chinchilla.api" if find_spec("chinchilla.api") else "chinchilla"
    assert f"::: {module}\n" in (DOCS / "api.md").read_text(encoding="utf-8")
