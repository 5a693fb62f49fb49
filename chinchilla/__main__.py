"""Run the command line with `python -m chinchilla`."""

from chinchilla.cli import main

main()
