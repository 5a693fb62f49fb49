"""Alpaca as JSON Lines: an object with instruction, input and output a line."""

from chinchilla.export.format import Format
from chinchilla.export.formats.alpaca import read, write
from chinchilla.export.text import save_lines

FORMAT = Format(write, read, save_lines)
