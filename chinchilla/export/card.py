"""The data card of an export: front matter for the Hub, counts and licences.

Front matter: https://github.com/huggingface/hub-docs datasetcard.md and
https://huggingface.co/docs/hub/datasets-manual-configuration (configs).
"""

from bisect import bisect_right
from typing import Any

import yaml

from chinchilla.dataset.manifest import SourceEntry
from chinchilla.export.format import RowCount, Summary
from chinchilla.resources import Markdown, render_page

CARD = "README.md"
_LICENCE_OF_SAMPLES = "apache-2.0"
_CATEGORIES = {"ner": "token-classification"}
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")
_LIMITS = tuple(10**power for power in range(3, 8))


def data_card(summary: Summary, file: str) -> bytes:
    """Content of README.md: the same export gives the same bytes.

    `file` is the name of the file of a split, with {split} for its name.
    """
    front = yaml.safe_dump(front_matter(summary, file), allow_unicode=True, sort_keys=False)
    page = render_page(
        "export.md",
        front=Markdown(front),
        manifest=summary.manifest,
        splits=summary.splits,
        lengths=summary.lengths,
        left_out=sum(summary.lengths.left_out.values()),
        table=counts_table(summary),
        sources=_sources(summary),
    )
    return page.encode("utf-8")


def front_matter(summary: Summary, file: str) -> dict[str, Any]:
    """Metadata of the card; sources under several terms make the licence `other`."""
    sources = _sources(summary)
    samples = all(source is not None and source.sample for source in sources.values())
    if samples:
        licence = {"license": _LICENCE_OF_SAMPLES}
    else:
        licence = {"license": "other", "license_name": "per-source"}
    rows = sum(count.rows for count in summary.counts)
    tasks = dict.fromkeys(count.task for count in summary.counts)
    categories = [_CATEGORIES[task] for task in tasks if task in _CATEGORIES]
    files = [{"split": split, "path": file.format(split=split)} for split in summary.splits]
    return {
        "pretty_name": "Chinese information extraction instructions",
        "language": ["zh"],
        **licence,
        "task_categories": ["text-generation", *categories],
        "size_categories": [_SIZES[bisect_right(_LIMITS, rows)]],
        "tags": ["information-extraction", "instruction-tuning"],
        "configs": [{"config_name": _config_name(summary), "data_files": files}],
    }


def _config_name(summary: Summary) -> str:
    """A name that changes with the rows.

    `datasets` keeps what it has read by the names of folder, configuration and files alone where
    a card lists the files: under one name it gives back the rows of an older export.
    """
    return f"chinchilla-{summary.digest[:16]}"


def counts_table(summary: Summary) -> list[list[str]]:
    """Cells of the table of rows: a source and task a line, a column a split, and the sums."""
    import pandas as pd  # here: a build renders its page without it, in a third of the memory

    frame = pd.DataFrame(summary.counts, columns=RowCount._fields)
    table = frame.pivot_table(
        index=["source", "task"], columns="split", values="rows", aggfunc="sum", fill_value=0
    )
    table = table.reindex(frame.set_index(["source", "task"]).index.unique())
    # a split, or all of them, may be without rows
    table = table.reindex(columns=summary.splits, fill_value=0)
    table["sum"] = table.sum(axis="columns")
    table.loc[("", ""), :] = table.sum()
    return [[*names, *map(str, numbers)] for names, *numbers in table.astype(int).itertuples()]


def _sources(summary: Summary) -> dict[str, SourceEntry | None]:
    """The entry of each source that has rows; None where the manifest has none."""
    names = dict.fromkeys(count.source for count in summary.counts)
    return {name: summary.manifest.sources.get(name) for name in names}
