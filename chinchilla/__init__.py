"""Chinchilla: Chinese information extraction, from published files to an F1 one can compare."""

__version__ = "0.1.0"
