"""Parquet: every column of the build, a file a split, and a data card for the Hub.

`datasets.load_dataset(folder)` reads it, here or on the Hub, with the splits of the card.
"""

from chinchilla.export.card import data_card
from chinchilla.export.columns import read, save_parquet, write
from chinchilla.export.format import Format, Summary


def describe(summary: Summary) -> dict[str, bytes]:
    """Return the data card."""
    return {"README.md": data_card(summary).encode("utf-8")}


FORMAT = Format(write, read, save_parquet, describe)
