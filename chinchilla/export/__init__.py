"""Rows of a build to what a trainer reads: one module a format, in `formats/`."""
